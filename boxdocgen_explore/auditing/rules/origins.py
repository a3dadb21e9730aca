"""Rules about origin: host, output type, creator, source, enterprise and time of creation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import polars as pl

from boxdocgen_explore.auditing.rule import COMPLETE_JOBS, AuditInput, Rule, per_group, rule
from boxdocgen_explore.text import counted, listed, moment

_CREATOR: Final = ("created_by_login", "created_by_id")


def _mixed(name: str, noun: str, columns: tuple[str, ...], *also: str) -> Rule:
    """A rule that finds batches with several values; what a value is called is its first column."""

    def check(inputs: AuditInput) -> pl.DataFrame:
        values = inputs.jobs.group_by("batch_id", maintain_order=True).agg(
            values=pl.coalesce(columns).drop_nulls().unique(maintain_order=True)
        )
        return per_group(
            values.filter(pl.col("values").list.len() > 1),
            lambda values: f"{counted(len(values), noun)} within one batch: {listed(values)}.",
        )

    checks, why = f"A batch has one {noun}", "Several mean that the jobs are of several requests."
    return Rule(name, "warning", checks, why, check, (*COMPLETE_JOBS, *also), columns)


mixed_output_types: Rule = _mixed("mixed-output-types", "output type", ("output_type",))
mixed_creator: Rule = _mixed("mixed-creator", "creator", _CREATOR, "creator")
mixed_source: Rule = _mixed("mixed-source", "source", ("source",), "source")
mixed_enterprise: Rule = _mixed("mixed-enterprise", "enterprise", ("enterprise_id",), "enterprise")


@rule("source-host", "warning", needs=("pages", "host", "complete batches"), option="hosts")
def source_host(inputs: AuditInput) -> pl.DataFrame:
    """Every page was read from one of hosts; if none are named, from api.box.com.

    Another server may send any data. For information only if no hosts are given.
    """
    hosts = inputs.thresholds.hosts
    found = _unexpected(
        inputs.pages, "host", hosts or {"api.box.com", "demo"}, "host", thing="page"
    )
    return found.with_columns(severity=pl.lit("warning" if hosts else "info"))


@rule("unexpected-output-type", "error", columns=("output_type",), option="output_type")
def unexpected_output_type(inputs: AuditInput) -> pl.DataFrame:
    """Every output type is one of output_type, in capitals or not.

    The documents cannot be used as intended.
    """
    jobs = inputs.jobs.with_columns(pl.col("output_type").str.to_lowercase().fill_null("none"))
    return _unexpected(jobs, "output type", inputs.thresholds.output_type, "output_type")


@rule("unexpected-creator", "warning", also=("creator",), columns=_CREATOR, option="creators")
def unexpected_creator(inputs: AuditInput) -> pl.DataFrame:
    """Jobs were created by one of creators.

    Somebody else may have sent these documents.
    """
    return _unexpected(inputs.jobs, "creator", inputs.thresholds.creators, *_CREATOR)


@rule("unexpected-source", "warning", also=("source",), columns=("source",), option="sources")
def unexpected_source(inputs: AuditInput) -> pl.DataFrame:
    """Jobs came from one of sources.

    A batch from another source may have bypassed the agreed process.
    """
    return _unexpected(inputs.jobs, "source", inputs.thresholds.sources, "source")


@rule(
    "unexpected-enterprise",
    "warning",
    also=("enterprise",),
    columns=("enterprise_id",),
    option="enterprises",
)
def unexpected_enterprise(inputs: AuditInput) -> pl.DataFrame:
    """Jobs belong to one of enterprises.

    Jobs of another enterprise do not belong in this audit.
    """
    return _unexpected(inputs.jobs, "enterprise", inputs.thresholds.enterprises, "enterprise_id")


def _unexpected(
    rows: pl.DataFrame, noun: str, wanted: Collection[str] | None, *columns: str, thing: str = "job"
) -> pl.DataFrame:
    """Find undeclared values; a row may match in any of the columns."""
    known = pl.any_horizontal(pl.col(column).is_in(wanted or ()) for column in columns).fill_null(
        False
    )
    end = f"; expected: {listed(sorted(wanted or ()), most=3) or 'none'}."
    others = rows.filter(~known).group_by(
        "batch_id", value=pl.coalesce(columns), maintain_order=True
    )
    return per_group(
        others.len("rows").drop_nulls("value"),
        lambda value, rows: f"{counted(rows, thing)} with the unexpected {noun} {value}{end}",
        about="value",
    )


@rule("cut-off", "error", also=("creation",), columns=("created_at",), option="period")
def cut_off(inputs: AuditInput) -> pl.DataFrame:
    """Jobs were created within period: at its start or later, and before its end.

    Jobs outside the period belong in another audit.
    """
    assert inputs.thresholds.period is not None  # noqa: S101 - the rule needs it
    start, end = inputs.thresholds.period
    outside = inputs.jobs.filter(~pl.col("created_at").is_between(start, end, closed="left"))
    first = pl.col("job_id", "created_at").sort_by("created_at").first()
    return per_group(
        outside.group_by("batch_id", maintain_order=True).agg(first, jobs=pl.len()),
        lambda job_id, created_at, jobs: (
            f"{counted(jobs, 'job')} not created from {moment(start)} until {moment(end)}; the "
            f"oldest, {job_id}, was created {moment(created_at)}."
        ),
    )
