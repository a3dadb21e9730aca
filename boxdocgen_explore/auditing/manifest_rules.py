"""What an audit looks for against a manifest; form and contract as in `rules`."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from boxdocgen_explore.auditing.findings import Row, found, per_job
from boxdocgen_explore.auditing.inputs import Subject
from boxdocgen_explore.auditing.manifest import Manifest
from boxdocgen_explore.text import counted, listed


def _expected(subject: Subject) -> Manifest:
    assert subject.expected is not None  # noqa: S101 - the rules need it
    return subject.expected


def document_key(expected: Manifest | None) -> tuple[str, ...]:
    """Say what names one document: the manifest's key; without one, an external id in its batch
    (payslips of every month may carry the same ones)."""
    if expected is None or expected.counts:
        return ("batch_id", "external_id")
    return expected.key


def missing(subject: Subject) -> pl.DataFrame:
    expected = _expected(subject)
    if expected.counts:
        return _fewer(subject, expected)
    absent = expected.rows.join(
        subject.jobs, on=list(expected.key), how="anti", maintain_order="left"
    )
    batch = pl.col("batch_id") if "batch_id" in expected.key else pl.lit(None, pl.String)
    return absent.select(
        batch_id=batch,
        job_id=pl.lit(None, pl.String),
        detail=pl.format("No job here has the external id {}.", "external_id"),
    )


def unexpected(subject: Subject) -> pl.DataFrame:
    expected = _expected(subject)
    if expected.counts:
        return _more(subject, expected)
    others = subject.jobs.drop_nulls("external_id").join(
        expected.rows, on=list(expected.key), how="anti", maintain_order="left"
    )
    return per_job(
        others, pl.format("The job's external id {} is not in the manifest.", "external_id")
    )


def doubled(subject: Subject) -> pl.DataFrame:
    key = document_key(subject.expected)
    twice = (
        subject.jobs.drop_nulls(["external_id", "job_id"])
        .unique("job_id", keep="first", maintain_order=True)
        .with_columns(batches="batch_id")
        .group_by(key, maintain_order=True)
        .agg("job_id", "status", pl.col("batches").unique(maintain_order=True))
        .filter(pl.col("job_id").list.len() > 1)
    )
    rows: list[Row] = [
        (
            row["batches"][0] if len(row["batches"]) == 1 else None,
            None,
            f"The external id {row['external_id']} belongs to {counted(len(row['job_id']), 'job')} "
            f"({_counted(row['status'])}): {listed(row['job_id'])}.",
        )
        for row in twice.iter_rows(named=True)
    ]
    severity = "error" if subject.thresholds.unique_external_ids else "warning"
    return found(rows).with_columns(severity=pl.lit(severity))


def _counted(statuses: Collection[str | None]) -> str:
    counts: dict[str, int] = {}
    for status in statuses:
        counts[status or "no status"] = counts.get(status or "no status", 0) + 1
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())


# --- a manifest of counts ----------------------------------------------------------------------


def _counts(subject: Subject, expected: Manifest) -> pl.DataFrame:
    """Give each batch's jobs asked for (null: not in the manifest) and here, manifest first."""
    here = subject.jobs.group_by("batch_id", maintain_order=True).agg(
        here=pl.col("job_id").n_unique().cast(pl.Int64)
    )
    asked = expected.rows.select("batch_id", asked="jobs")
    return asked.join(
        here, on="batch_id", how="full", coalesce=True, maintain_order="left_right"
    ).with_columns(pl.col("here").fill_null(0))


def _fewer(subject: Subject, expected: Manifest) -> pl.DataFrame:
    short = _counts(subject, expected).filter(pl.col("here") < pl.col("asked"))
    rows: list[Row] = [
        (
            batch,
            None,
            f"{here:,} of {counted(asked, 'job')} asked for are here; {asked - here:,} missing.",
        )
        for batch, asked, here in short.iter_rows()
    ]
    return found(rows)


def _more(subject: Subject, expected: Manifest) -> pl.DataFrame:
    over = _counts(subject, expected).filter(
        pl.col("asked").is_null() | (pl.col("here") > pl.col("asked"))
    )
    rows: list[Row] = [
        (batch, None, f"The batch is not in the manifest; it has {counted(here, 'job')}.")
        if asked is None
        else (batch, None, f"{counted(here, 'job')} here, {here - asked:,} more than asked for.")
        for batch, asked, here in over.iter_rows()
    ]
    return found(rows)
