"""Rules about messages: warnings, failure reasons and tags."""

from __future__ import annotations

from typing import Final

import polars as pl

from boxdocgen_explore.auditing.rule import BATCHES, AuditInput, per_group, rule
from boxdocgen_explore.messages import tag, tag_names
from boxdocgen_explore.text import counted, listed

_TEMPLATE: Final = "template_file_id"
_VERSION: Final = "template_file_version_id"


@rule("warnings-only", "info")
def warnings_only(inputs: AuditInput) -> pl.DataFrame:
    """Completed jobs carry no warnings.

    The document was made, but Box warned about it.
    """
    errors, warnings = (pl.col(name).list.len().fill_null(0) for name in ("errors", "warnings"))
    message = pl.col("warnings").list.drop_nulls().list.join("; ")
    warned = (
        inputs.jobs.filter(pl.col("status") == "completed", errors == 0, warnings > 0)
        .group_by("batch_id", maintain_order=True)
        .agg(jobs=pl.len(), job=pl.col("job_id").first(), message=message.first())
    )
    return per_group(
        warned,
        lambda jobs, job, message: (
            f"{counted(jobs, 'job')} completed with warnings only, for example {job}: {message}"
        ),
    )


@rule("failure-groups", "info", columns=("errors",))
def failure_groups(inputs: AuditInput) -> pl.DataFrame:
    """Why jobs failed or completed with errors, largest group first.

    One cause often explains most failures.
    """
    problems = inputs.reasons["row"].n_unique()
    groups = (
        inputs.reasons.group_by("reason", maintain_order=True)
        .agg(
            *BATCHES,
            jobs=pl.len(),
            batches=pl.col("batch_id").n_unique(),
            job=pl.col("job_id").first(),
            message=pl.col("message").first(),
        )
        .sort("jobs", "reason", descending=[True, False])
    )
    return per_group(
        groups,
        lambda jobs, reason, batches, job, message: (
            f"{_of(jobs, problems)} that failed or completed with errors"
            + (f", in {counted(batches, 'batch')}" if batches > 1 else "")
            + f": {reason.removesuffix('.')}. For example job {job}"
            + (f": {message}" if message and message != reason else ".")
        ),
        about="reason",
    )


@rule("failure-tags", "info", also=("tags",), columns=(_TEMPLATE, _VERSION, "errors"))
def failure_tags(inputs: AuditInput) -> pl.DataFrame:
    """Which tags the messages name, and which template versions contain them.

    A tag that a new version introduced may be missing from the data.
    """
    assert inputs.tags is not None  # noqa: S101 - the rule needs them
    reasons, contents = inputs.reasons, tag_names(inputs.tags)
    contents = contents.with_columns(pl.col(_VERSION).fill_null("the current one"))
    versions = pl.col(_VERSION).unique().sort()
    groups = (
        reasons.with_columns(
            tag=tag(pl.col("message")), problems=pl.col("row").n_unique().over(_TEMPLATE)
        )
        .drop_nulls("tag")
        .group_by(_TEMPLATE, "tag", maintain_order=True)
        .agg(
            *BATCHES,
            pl.col("problems").first(),
            jobs=pl.col("row").n_unique(),
            versions=pl.col(_VERSION).unique(maintain_order=True),
        )
        .join(contents.group_by(_TEMPLATE).agg(read=versions), on=_TEMPLATE, how="left")
        .join(
            contents.group_by(_TEMPLATE, "tag").agg(holding=versions),
            on=[_TEMPLATE, "tag"],
            how="left",
        )
        .sort("jobs", _TEMPLATE, "tag", descending=[True, False, False])
    )
    return per_group(
        groups.rename({_TEMPLATE: "template"}),
        lambda template, tag, jobs, versions, problems, read, holding: (
            f"{_of(jobs, problems)} of {inputs.template(template)} that "
            f"failed or completed with errors name the tag {tag}; they were made from version "
            f"{listed(versions)}. " + _association(read or [], holding or [])
        ),
        about=pl.concat_str("template", "tag", separator=" ", ignore_nulls=True),
    )


def _of(jobs: int, problems: int) -> str:
    total = counted(problems, "job")
    return f"{jobs:,} of the {total}" if jobs < problems else f"All {total}" if jobs > 1 else total


def _association(read: list[str], holding: list[str]) -> str:
    without = [version for version in read if version not in holding]
    if not holding:
        return f"The tag is in none of the versions whose tags were read: {listed(without)}."
    also = f" and not in {listed(without)}" if without else ""
    return f"The tag is in version {listed(holding)}{also} (a correlation, not proof of the cause)."
