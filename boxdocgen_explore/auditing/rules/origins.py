"""Rules about requests: output type, creator, source and enterprise of a batch's jobs."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from boxdocgen_explore.auditing.rule import AuditInput, per_group, rule
from boxdocgen_explore.text import counted, listed


@rule("mixed-output-types", "warning", columns=("output_type",))
def mixed_output_types(inputs: AuditInput) -> pl.DataFrame:
    """A batch has one output type.

    A request names one output type.
    """
    return _several(inputs.jobs, pl.col("output_type"), "output type")


@rule(
    "unexpected-output-type",
    "error",
    also=("output_type",),
    columns=("output_type",),
    option="output_type",
)
def unexpected_output_type(inputs: AuditInput) -> pl.DataFrame:
    """Every output type is one of output_type.

    The documents cannot be used as intended.
    """
    column, wanted = pl.col("output_type"), inputs.output_types or ()
    others = inputs.jobs.filter(~column.is_in(wanted).fill_null(False))
    return _unexpected(others, column, "output type")


@rule(
    "unexpected-creator",
    "warning",
    also=("creator",),
    columns=("created_by_id", "created_by_login"),
    option="creators",
)
def unexpected_creator(inputs: AuditInput) -> pl.DataFrame:
    """Jobs were created by one of creators; if none are named, by one user in each batch.

    Somebody else may have sent these documents.
    """
    user_id, login = pl.col("created_by_id"), pl.col("created_by_login")
    return _one_of(
        inputs.jobs, pl.coalesce(login, user_id), "creator", inputs.thresholds.creators, user_id
    )


@rule("unexpected-source", "warning", also=("source",), columns=("source",), option="sources")
def unexpected_source(inputs: AuditInput) -> pl.DataFrame:
    """Jobs came from one of sources; if none are named, from one source in each batch.

    A batch from another source may have bypassed the agreed process.
    """
    return _one_of(inputs.jobs, pl.col("source"), "source", inputs.thresholds.sources)


@rule(
    "unexpected-enterprise",
    "warning",
    also=("enterprise",),
    columns=("enterprise_id",),
    option="enterprises",
)
def unexpected_enterprise(inputs: AuditInput) -> pl.DataFrame:
    """Jobs belong to one of enterprises; if none are named, to one in each batch.

    Jobs of another enterprise do not belong in this audit.
    """
    wanted = inputs.thresholds.enterprises
    return _one_of(inputs.jobs, pl.col("enterprise_id"), "enterprise", wanted)


def _one_of(
    jobs: pl.DataFrame, value: pl.Expr, noun: str, wanted: Collection[str] | None, *also: pl.Expr
) -> pl.DataFrame:
    """Find values that are not ``wanted`` (``also``: other names of the same thing)."""
    if wanted is None:
        return _several(jobs, value, noun)
    known = pl.any_horizontal(name.is_in(wanted) for name in (value, *also)).fill_null(False)
    return _unexpected(jobs.filter(value.is_not_null(), ~known), value, noun)


def _unexpected(jobs: pl.DataFrame, value: pl.Expr, noun: str) -> pl.DataFrame:
    return per_group(
        jobs.group_by("batch_id", value.alias("value"), maintain_order=True).agg(jobs=pl.len()),
        lambda value, jobs: (
            f"{counted(jobs, 'job')} "
            + (f"without {noun}." if value is None else f"with the unexpected {noun} {value}.")
        ),
    )


def _several(jobs: pl.DataFrame, value: pl.Expr, noun: str) -> pl.DataFrame:
    values = jobs.group_by("batch_id", maintain_order=True).agg(
        values=value.drop_nulls().unique(maintain_order=True)
    )
    return per_group(
        values.filter(pl.col("values").list.len() > 1),
        lambda values: f"{counted(len(values), noun)} within one batch: {listed(values)}.",
    )
