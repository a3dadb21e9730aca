"""Rules about templates: the versions that made the documents, and whether they are allowed."""

from __future__ import annotations

from typing import Final

import polars as pl

from boxdocgen_explore.auditing.rule import AuditInput, per_group, rule
from boxdocgen_explore.text import counted, listed

_TEMPLATE: Final = "template_file_id"
_VERSION: Final = "template_file_version_id"


@rule("several-templates", "warning", columns=(_TEMPLATE, _VERSION))
def several_templates(inputs: AuditInput) -> pl.DataFrame:
    """A batch uses one template in one version.

    A request names one; several mean that the jobs are from different requests.
    """
    used = inputs.jobs.group_by("batch_id", maintain_order=True).agg(
        templates=pl.col(_TEMPLATE).drop_nulls().unique(maintain_order=True),
        versions=pl.col(_VERSION).drop_nulls().unique(maintain_order=True),
    )
    return per_group(
        used.filter((pl.col("templates").list.len() > 1) | (pl.col("versions").list.len() > 1)),
        lambda templates, versions: (
            f"{counted(len(templates), 'template')} and {counted(len(versions), 'version')} within "
            f"one batch: {listed(map(inputs.template, templates))}; versions {listed(versions)}."
        ),
    )


@rule(
    "version-rollback",
    "warning",
    also=("other batches", "creation"),
    columns=(_TEMPLATE, _VERSION, "created_at"),
)
def version_rollback(inputs: AuditInput) -> pl.DataFrame:
    """No batch returns to a template version after an earlier batch used another one.

    A version that was replaced may be outdated.
    """
    earlier = pl.col("batch_id", _VERSION).shift(1).over(_TEMPLATE).name.prefix("last_")
    again = pl.int_range(pl.len()).over(_TEMPLATE, _VERSION) > 0
    runs = inputs.versions.sort("created_at", "batch_id").with_columns(earlier, again=again)
    back = runs.filter("again", pl.col(_VERSION) != pl.col(f"last_{_VERSION}"))
    return per_group(
        back.select(
            "batch_id", "last_batch_id", one=_VERSION, of=_TEMPLATE, last=f"last_{_VERSION}"
        ),
        lambda last_batch_id, one, of, last: (
            f"Version {one} of {inputs.template(of)} is used again, after batch {last_batch_id} "
            f"used version {last}."
        ),
        about="one",
    )


@rule("unapproved-version", "error", columns=(_VERSION,), option="approved_versions")
def unapproved_version(inputs: AuditInput) -> pl.DataFrame:
    """Every template version is on the list approved_versions.

    Nobody has approved the wording of these documents.
    """
    approved = inputs.thresholds.approved_versions or ()
    used = (
        inputs.jobs.filter(~pl.col(_VERSION).is_in(approved).fill_null(False))
        .group_by("batch_id", template=_TEMPLATE, version=_VERSION, maintain_order=True)
        .agg(jobs=pl.len())
    )
    return per_group(
        used,
        lambda template, version, jobs: (
            f"{counted(jobs, 'job')} made from "
            + (f"{inputs.template(template)} in " if template else "")  # it may have been left out
            + (f"version {version}, which is not approved" if version else "no named version")
            + f"; approved: {listed(sorted(approved), most=3) or 'none'}."
        ),
        about=pl.concat_str("template", "version", separator=" ", ignore_nulls=True),
    )
