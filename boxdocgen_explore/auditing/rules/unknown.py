"""Rules about what Box sends and this package does not know."""

from __future__ import annotations

import polars as pl

from boxdocgen_explore.auditing.findings import per_group
from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.rule import rule
from boxdocgen_explore.schema import PAGES, STATUSES
from boxdocgen_explore.text import counted, listed


@rule(
    "unknown-status",
    "warning",
    checks="every status is one that Box documents",
    why="It is not known whether such a job is final, or has a document.",
)
def unknown_status(inputs: AuditInput) -> pl.DataFrame:
    unknown = inputs.jobs.filter(~pl.col("status").is_in(STATUSES).fill_null(False))
    return per_group(
        unknown.group_by("batch_id", "status", maintain_order=True).agg(jobs=pl.len()),
        lambda status, jobs: (
            f"{counted(jobs, 'job')} with "
            + ("no status" if status is None else f'the unknown status "{status}"')
            + "; it is not known whether it is final."
        ),
    )


@rule(
    "unknown-field",
    "warning",
    checks="Box sent no field that this package does not know",
    why="The content of such a field was not audited.",
    needs=("pages", "complete batches"),
)
def unknown_field(inputs: AuditInput) -> pl.DataFrame:
    pages = pl.DataFrame(schema=PAGES) if inputs.pages is None else inputs.pages
    fields = (
        pages.select("batch_id", "unknown_fields")
        .explode("unknown_fields")
        .drop_nulls("unknown_fields")
        .group_by("batch_id", maintain_order=True)
        .agg(names=pl.col("unknown_fields").unique().sort())
    )
    return per_group(
        fields, lambda names: f"Box sent fields that are unknown here: {listed(names, most=20)}."
    )
