"""What an audit looks for in templates and failure reasons; form and contract as in `rules`."""

from __future__ import annotations

from typing import Final

import polars as pl

from boxdocgen_explore.auditing.findings import found
from boxdocgen_explore.auditing.inputs import Subject
from boxdocgen_explore.text import counted, listed

_TEMPLATE: Final = "template_file_id"
_VERSION: Final = "template_file_version_id"


def several_templates(subject: Subject) -> pl.DataFrame:
    used = (
        subject.jobs.group_by("batch_id", maintain_order=True)
        .agg(
            templates=pl.col(_TEMPLATE).drop_nulls().unique(maintain_order=True),
            versions=pl.col(_VERSION).drop_nulls().unique(maintain_order=True),
        )
        .filter((pl.col("templates").list.len() > 1) | (pl.col("versions").list.len() > 1))
    )
    return found(
        (
            batch,
            None,
            f"{counted(len(templates), 'template')} and {counted(len(versions), 'version')} within "
            f"one batch: {listed(map(subject.template, templates))}; versions {listed(versions)}.",
        )
        for batch, templates, versions in used.iter_rows()
    )


def versions_by_batch(jobs: pl.DataFrame) -> pl.DataFrame:
    """Give each batch's template versions, with ``batches``: how many batches use the template."""
    used = jobs.select("batch_id", _TEMPLATE, _VERSION).drop_nulls().unique(maintain_order=True)
    return used.with_columns(batches=pl.col("batch_id").n_unique().over(_TEMPLATE))


def version_unlike_others(subject: Subject) -> pl.DataFrame:
    used = versions_by_batch(subject.jobs).filter(pl.col("batches") > 1)
    alone = used.filter(pl.col("batch_id").n_unique().over(_TEMPLATE, _VERSION) == 1)
    others = used.group_by(_TEMPLATE).agg(all=pl.col(_VERSION).unique().sort())
    rows = alone.join(others, on=_TEMPLATE, maintain_order="left")
    return found(
        (
            batch,
            None,
            f"Version {version} of {subject.template(template)} is used by no other batch here; "
            f"the others ({batches - 1:,}) use "
            f"{listed(other for other in versions if other != version)}.",
        )
        for batch, template, version, batches, versions in rows.iter_rows()
    )


def unapproved_version(subject: Subject) -> pl.DataFrame:
    approved = pl.col(_VERSION).is_in(sorted(subject.approved_versions or ()))
    used = (
        subject.jobs.filter(~approved.fill_null(False))
        .group_by("batch_id", _TEMPLATE, _VERSION, maintain_order=True)
        .agg(jobs=pl.len())
    )
    return found(
        (
            batch,
            None,
            f"{counted(jobs, 'job')} made from {subject.template(template)} in "
            + (f"version {version}, which is not approved." if version else "no named version."),
        )
        for batch, template, version, jobs in used.iter_rows()
    )


# --- why jobs failed ---------------------------------------------------------------------------


def failure_groups(subject: Subject) -> pl.DataFrame:
    problems = subject.reasons["row"].n_unique()
    groups = (
        subject.reasons.group_by("reason", maintain_order=True)
        .agg(
            jobs=pl.len(),
            batches=pl.col("batch_id").unique(maintain_order=True),
            job=pl.col("job_id").first(),
            message=pl.col("message").first(),
        )
        .sort("jobs", "reason", descending=[True, False])
    )
    return found(
        (
            batches[0] if len(batches) == 1 else None,
            None,
            f"{jobs:,} of the {counted(problems, 'job')} that failed or completed with errors"
            + (f", in {counted(len(batches), 'batch')}" if len(batches) > 1 else "")
            + f": {reason.removesuffix('.')}. For example job {job}"
            + (f": {message}" if message and message != reason else "."),
        )
        for reason, jobs, batches, job, message in groups.iter_rows()
    )


# A tag is named in double braces or in quotes; an apostrophe within a word opens no quote.
_NAMED: Final = r"""\{\{[^{}]*\}\}|"[^"{}]*"|“[^”{}]*”|`[^`{}]*`|(?:^|[\s(\[=:,])'[^'{}]*'"""
_AROUND: Final = r"""^[\s(\[=:,]*['"“`]?|['"”`]$"""


def _tag_name(tag: pl.Expr) -> pl.Expr:
    return tag.str.replace_all(r"^\s*\{\{\s*|\s*\}\}\s*$", "")


def _named_tags(subject: Subject) -> pl.DataFrame:
    """Give the tags that each problem job's messages name: those known of its template, and
    whatever stands in double braces."""
    sent = subject.reasons.select("row", "batch_id", _TEMPLATE, _VERSION, "message")
    words = (
        sent.select(pl.col("message").unique().drop_nulls())
        .with_columns(word=pl.col("message").str.extract_all(_NAMED))
        .explode("word")
        .drop_nulls()
        .with_columns(pl.col("word").str.replace_all(_AROUND, ""))
        .with_columns(braced=pl.col("word").str.starts_with("{{"), name=_tag_name(pl.col("word")))
    )
    known = _contents(subject).select(_TEMPLATE, "name", known=True).unique()
    return (
        sent.join(words, on="message", maintain_order="left")
        .join(known, on=[_TEMPLATE, "name"], how="left", maintain_order="left")
        .filter(pl.col("braced") | pl.col("known").fill_null(False))
    )


def _contents(subject: Subject) -> pl.DataFrame:
    """Give one row per template version and name: of a tag, or of a field that a tag reads."""
    tags = subject.tags
    assert tags is not None  # noqa: S101 - the rule needs them
    names = tags.select(
        _TEMPLATE,
        pl.col(_VERSION).fill_null("the current one"),
        name=pl.concat_list(_tag_name(pl.col("tag")), pl.col("json_paths").fill_null([])),
    )
    return names.explode("name").drop_nulls().unique(maintain_order=True)


def failure_tags(subject: Subject) -> pl.DataFrame:
    contents = _contents(subject)
    read = contents.group_by(_TEMPLATE).agg(read=pl.col(_VERSION).unique().sort())
    holding = contents.group_by(_TEMPLATE, "name").agg(holding=pl.col(_VERSION).unique().sort())
    problems = subject.reasons.group_by(_TEMPLATE).agg(problems=pl.col("row").n_unique())
    groups = (
        _named_tags(subject)
        .group_by(_TEMPLATE, "name", maintain_order=True)
        .agg(
            jobs=pl.col("row").n_unique(),
            batches=pl.col("batch_id").unique(maintain_order=True),
            versions=pl.col(_VERSION).unique(maintain_order=True),
        )
        .join(problems, on=_TEMPLATE, how="left", nulls_equal=True)
        .join(read, on=_TEMPLATE, how="left")
        .join(holding, on=[_TEMPLATE, "name"], how="left")
        .sort("jobs", _TEMPLATE, "name", descending=[True, False, False])
    )
    return found(
        (
            group["batches"][0] if len(group["batches"]) == 1 else None,
            None,
            f"{group['jobs']:,} of the {counted(group['problems'], 'job')} of "
            f"{subject.template(group[_TEMPLATE])} that failed or completed with errors name the "
            f"tag {group['name']}; they were made from version {listed(group['versions'])}. "
            + _association(group["read"] or [], group["holding"] or []),
        )
        for group in groups.iter_rows(named=True)
    )


def _association(read: list[str], holding: list[str]) -> str:
    without = [version for version in read if version not in holding]
    if not holding:
        return f"The tag is in none of the versions whose tags were read: {listed(without)}."
    also = f" and not in {listed(without)}" if without else ""
    return f"The tag is in version {listed(holding)}{also} (association, not cause)."
