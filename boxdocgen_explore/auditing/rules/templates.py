"""Rules about templates: which version made the documents, and may it be used?"""

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

    A request names one; several mean that the jobs come from different requests.
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


@rule("version-unlike-others", "warning", also=("other batches",), columns=(_TEMPLATE, _VERSION))
def version_unlike_others(inputs: AuditInput) -> pl.DataFrame:
    """A batch's template version is used by another batch of the template too.

    A version that only one batch uses may be a draft or outdated.
    """
    used = inputs.versions.filter(pl.col("batches") > 1)
    alone = used.filter(pl.col("batch_id").n_unique().over(_TEMPLATE, _VERSION) == 1)
    all_versions = used.group_by(_TEMPLATE).agg(versions=pl.col(_VERSION).unique().sort())
    rows = alone.join(all_versions, on=_TEMPLATE, maintain_order="left")
    return per_group(
        rows.rename({_TEMPLATE: "template", _VERSION: "version"}),
        lambda template, version, batches, versions: (
            f"Version {version} of {inputs.template(template)} is used by no other batch here; "
            f"the others ({batches - 1:,}) use "
            f"{listed(other for other in versions if other != version)}."
        ),
    )


@rule(
    "unapproved-version",
    "error",
    also=("approved_versions",),
    columns=(_VERSION,),
    option="approved_versions",
)
def unapproved_version(inputs: AuditInput) -> pl.DataFrame:
    """Every template version is on the list approved_versions.

    Nobody has approved the wording of these documents.
    """
    approved = pl.col(_VERSION).is_in(sorted(inputs.approved_versions or ()))
    used = (
        inputs.jobs.filter(~approved.fill_null(False))
        .group_by("batch_id", template=_TEMPLATE, version=_VERSION, maintain_order=True)
        .agg(jobs=pl.len())
    )
    return per_group(
        used,
        lambda template, version, jobs: (
            f"{counted(jobs, 'job')} made from {inputs.template(template)} in "
            + (f"version {version}, which is not approved." if version else "no named version.")
        ),
    )
