"""Rules about the manifest: is everything here that was expected, once, and nothing else?"""

from __future__ import annotations

from collections import Counter

import polars as pl

from boxdocgen_explore.auditing.manifest import Manifest
from boxdocgen_explore.auditing.rule import ONLY_BATCH, AuditInput, per_group, per_job, rule
from boxdocgen_explore.text import counted, listed


def _expected(inputs: AuditInput) -> Manifest:
    assert inputs.expected is not None  # noqa: S101 - the rules need it
    return inputs.expected


@rule(
    "manifest-missing",
    "error",
    needs=("manifest", "complete batches"),
    columns=("external_id",),
    option="expected",
)
def manifest_missing(inputs: AuditInput) -> pl.DataFrame:
    """Everything in the manifest is here.

    Somebody waits for a document that was never requested.
    """
    expected = _expected(inputs)
    if expected.counts:
        return per_group(
            _counts(inputs).filter(pl.col("here") < pl.col("expected")),
            lambda expected, here: (
                f"{here:,} of {counted(expected, 'expected job')} are here; "
                f"{expected - here:,} missing."
            ),
        )
    absent = expected.rows.join(
        inputs.jobs, on=list(expected.key), how="anti", maintain_order="left"
    )
    batch_id = pl.col("batch_id") if "batch_id" in expected.key else pl.lit(None)
    return absent.select(
        batch_id=batch_id,
        detail=pl.format("No job here has the external id {}.", "external_id"),
    )


@rule(
    "manifest-unexpected",
    "error",
    needs=("manifest", "complete batches", "external_id of a manifest"),
    columns=("external_id",),
    option="expected",
)
def manifest_unexpected(inputs: AuditInput) -> pl.DataFrame:
    """Everything here is in the manifest.

    A document was made that nobody intended.
    """
    expected = _expected(inputs)
    if expected.counts:
        surplus = pl.col("expected").is_null() | (pl.col("here") > pl.col("expected"))
        return per_group(_counts(inputs).filter(surplus), _surplus)
    others = inputs.jobs.drop_nulls("external_id").join(
        expected.rows, on=list(expected.key), how="anti", maintain_order="left"
    )
    return per_job(
        others, pl.format("The job's external id {} is not in the manifest.", "external_id")
    )


def _surplus(expected: int | None, here: int) -> str:
    if expected is None:
        return f"The batch is not in the manifest; it has {counted(here, 'job')}."
    return f"{counted(here, 'job')} here, {here - expected:,} more than expected."


def _counts(inputs: AuditInput) -> pl.DataFrame:
    """Count each batch's jobs: expected (null: not in the manifest) and here, manifest first."""
    here = inputs.jobs.group_by("batch_id", maintain_order=True).agg(
        here=pl.col("job_id").n_unique().cast(pl.Int64)
    )
    expected = _expected(inputs).rows.select("batch_id", expected="jobs")
    return expected.join(
        here, on="batch_id", how="full", coalesce=True, maintain_order="left_right"
    ).with_columns(pl.col("here").fill_null(0))


@rule(
    "doubled-external-id",
    "warning",
    also=("external_id",),
    columns=("external_id",),
    option="unique_external_ids",
)
def doubled_external_id(inputs: AuditInput) -> pl.DataFrame:
    """No external id appears twice in its batch (or at all, if the manifest names no batches).

    Somebody may receive a document twice. An error if unique_external_ids is set.
    """
    # Without a manifest of ids, a batch is the scope: payslips of every month may repeat them.
    by_id = inputs.expected is not None and not inputs.expected.counts
    anywhere = by_id and "batch_id" not in _expected(inputs).key
    scope = {} if anywhere else {"scope": "batch_id"}
    twice = (
        inputs.jobs.drop_nulls(["external_id", "job_id"])
        .unique("job_id", keep="first", maintain_order=True)
        .group_by("external_id", **scope, maintain_order=True)
        .agg(ONLY_BATCH, "job_id", "status")
        .filter(pl.col("job_id").list.len() > 1)
        .select("batch_id", "external_id", "job_id", "status")
    )
    severity = "error" if inputs.thresholds.unique_external_ids else "warning"
    return per_group(twice, _doubled).with_columns(severity=pl.lit(severity))


def _doubled(external_id: str, job_id: list[str], status: list[str | None]) -> str:
    counts = Counter(one or "no status" for one in status)
    statuses = ", ".join(f"{count:,} {one}" for one, count in counts.items())
    return (
        f"The external id {external_id} belongs to {counted(len(job_id), 'job')} ({statuses}): "
        f"{listed(job_id)}."
    )
