"""Rules about requests: output type, creator, source and enterprise of a batch's jobs."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from boxdocgen_explore.auditing.findings import per_group
from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.rule import COMPLETE_JOBS, rule
from boxdocgen_explore.text import counted, listed


@rule(
    "mixed-output-types",
    "warning",
    checks="a batch has one output type",
    why="A request names one output type.",
    columns=("output_type",),
)
def mixed_output_types(inputs: AuditInput) -> pl.DataFrame:
    return _several(inputs.jobs, pl.col("output_type"), "output types")


@rule(
    "unexpected-output-type",
    "error",
    checks="every output type is one of output_type",
    why="The documents cannot be used as intended.",
    needs=(*COMPLETE_JOBS, "output_type"),
    columns=("output_type",),
    option="output_type",
)
def unexpected_output_type(inputs: AuditInput) -> pl.DataFrame:
    column, wanted = pl.col("output_type"), inputs.output_types or ()
    others = inputs.jobs.filter(~column.is_in(wanted).fill_null(False))
    return _unexpected(others, column, "output type")


@rule(
    "unexpected-creator",
    "warning",
    checks="jobs were created by one of creators; if none are named, by one user in each batch",
    why="Somebody else may have sent these documents.",
    needs=(*COMPLETE_JOBS, "creator"),
    columns=("created_by_id", "created_by_login"),
    option="creators",
)
def unexpected_creator(inputs: AuditInput) -> pl.DataFrame:
    wanted, creator = inputs.thresholds.creators, pl.coalesce("created_by_login", "created_by_id")
    if wanted is None:
        return _several(inputs.jobs, creator, "creators")
    known = [pl.col(column).is_in(wanted) for column in ("created_by_id", "created_by_login")]
    others = inputs.jobs.filter(~pl.any_horizontal(known).fill_null(False), creator.is_not_null())
    return _unexpected(others, creator, "creator")


@rule(
    "unexpected-source",
    "warning",
    checks="jobs came from one of sources; if none are named, from one source in each batch",
    why="A batch from another source may have bypassed the agreed process.",
    needs=(*COMPLETE_JOBS, "source"),
    columns=("source",),
    option="sources",
)
def unexpected_source(inputs: AuditInput) -> pl.DataFrame:
    return _one_of(inputs, "source", "source", inputs.thresholds.sources)


@rule(
    "unexpected-enterprise",
    "warning",
    checks="jobs belong to one of enterprises; if none are named, to one in each batch",
    why="Jobs of another enterprise do not belong in this audit.",
    needs=(*COMPLETE_JOBS, "enterprise"),
    columns=("enterprise_id",),
    option="enterprises",
)
def unexpected_enterprise(inputs: AuditInput) -> pl.DataFrame:
    return _one_of(inputs, "enterprise_id", "enterprise", inputs.thresholds.enterprises)


def _one_of(
    inputs: AuditInput, column: str, noun: str, wanted: Collection[str] | None
) -> pl.DataFrame:
    if wanted is None:
        return _several(inputs.jobs, pl.col(column), noun + "s")
    return _unexpected(inputs.jobs.filter(~pl.col(column).is_in(wanted)), pl.col(column), noun)


def _unexpected(jobs: pl.DataFrame, value: pl.Expr, noun: str) -> pl.DataFrame:
    return per_group(
        jobs.group_by("batch_id", value.alias("value"), maintain_order=True).agg(jobs=pl.len()),
        lambda value, jobs: (
            f"{counted(jobs, 'job')} "
            + (f"without {noun}." if value is None else f"with the unexpected {noun} {value}.")
        ),
    )


def _several(jobs: pl.DataFrame, value: pl.Expr, nouns: str) -> pl.DataFrame:
    values = jobs.group_by("batch_id", maintain_order=True).agg(
        values=value.drop_nulls().unique(maintain_order=True)
    )
    return per_group(
        values.filter(pl.col("values").list.len() > 1),
        lambda values: f"{len(values)} {nouns} within one batch: {listed(values)}.",
    )
