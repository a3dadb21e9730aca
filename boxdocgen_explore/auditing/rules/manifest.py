"""Rules about expected documents: all requested, made once, and no others."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Final

import polars as pl

from boxdocgen_explore.auditing.manifest import Manifest, control_total
from boxdocgen_explore.auditing.rule import BATCHES, AuditInput, per_group, per_job, rule
from boxdocgen_explore.schema import MADE
from boxdocgen_explore.text import counted, duration, listed

_TEMPLATE: Final = "template_file_id"
_MADE = pl.col("status").is_in(MADE).fill_null(False)


def _expected(inputs: AuditInput) -> Manifest:
    assert inputs.expected is not None  # noqa: S101 - the rules need it
    return inputs.expected


@rule(
    "manifest-missing",
    "error",
    needs=("manifest", "complete batches", "any external_id of a manifest"),
    columns=("external_id",),
    option="expected",
)
def manifest_missing(inputs: AuditInput) -> pl.DataFrame:
    """Everything in the manifest is here.

    Somebody may wait for a document that no job here generates.
    """
    expected = _expected(inputs)
    if expected.counts:
        return per_group(
            _counts(inputs).filter(pl.col("here") < pl.col("expected")).drop("failed"),
            lambda expected, here: (
                f"{here:,} of {counted(expected, 'expected job')} are here; "
                f"{expected - here:,} missing."
            ),
        )
    absent = expected.rows.join(
        inputs.jobs, on=list(expected.key), how="anti", maintain_order="left"
    )
    detail = pl.format("No job here has the external id {}.", "external_id")
    return absent.select(pl.col("^batch_id$"), about="external_id", detail=detail)


@rule(
    "manifest-not-made",
    "error",
    needs=(
        "manifest",
        "complete batches",
        "any external_id of a manifest",
        "expected jobs",
        "final jobs",
    ),
    columns=("external_id",),
    option="expected",
)
def manifest_not_made(inputs: AuditInput) -> pl.DataFrame:
    """Every document in the manifest that was requested was made, in any of its jobs.

    This document does not exist, even if the share of failures is accepted.
    """
    expected, failed = _expected(inputs), pl.col("status").eq_missing("failed")
    if expected.counts:
        lost = pl.min_horizontal("expected", "here") - pl.col("here") + pl.col("failed")
        counts = _counts(inputs).drop_nulls("expected").filter(lost > 0)
        return per_group(
            counts.select("batch_id", "expected", lost=lost),
            lambda expected, lost: (
                f"{lost:,} of {counted(expected, 'expected document')} not made: the jobs failed."
            ),
        )
    requested = inputs.jobs.join(expected.rows, on=list(expected.key), how="semi")
    documents = requested.group_by(pl.struct(expected.key).alias("key"), maintain_order=True)
    ids = pl.col("external_id").first()
    every = documents.agg(*BATCHES, ids, failed=failed.all(), jobs=pl.col("job_id"))
    return per_group(
        every.filter("failed").drop("key", "failed"),
        lambda external_id, jobs: (
            f"No document was made for the external id {external_id}: "
            f"{counted(len(jobs), 'job')} failed ({listed(jobs)})."
        ),
        about="external_id",
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

    A document may have been requested by mistake.
    """
    expected = _expected(inputs)
    has = f"the manifest, which has {listed(expected.rows[expected.key[-1]], most=3)}."
    if expected.counts:
        surplus = pl.col("expected").is_null() | (pl.col("here") > pl.col("expected"))
        return per_group(_counts(inputs).filter(surplus).drop("failed"), partial(_surplus, has))
    others = inputs.jobs.drop_nulls("external_id").join(
        expected.rows, on=list(expected.key), how="anti", maintain_order="left"
    )
    detail = pl.format("The job's external id {} is not in {}", "external_id", pl.lit(has))
    return per_job(others, detail)


def _surplus(has: str, expected: int | None, here: int) -> str:
    if expected is None:
        return f"The batch, with {counted(here, 'job')}, is not in {has}"
    return f"{counted(here, 'job')} here, {here - expected:,} more than the {expected:,} expected."


def _counts(inputs: AuditInput) -> pl.DataFrame:
    """Count the jobs of each batch, manifest first: expected (null: not in it), here, failed."""
    here = inputs.jobs.group_by("batch_id", maintain_order=True).agg(
        here=pl.col("job_id").n_unique().cast(pl.Int64),
        failed=pl.col("job_id").filter(status="failed").n_unique().cast(pl.Int64),
    )
    expected = _expected(inputs).rows.select("batch_id", expected="jobs")
    return expected.join(
        here, on="batch_id", how="full", coalesce=True, maintain_order="left_right"
    ).with_columns(pl.col("here", "failed").fill_null(0))


@rule(
    "control-total",
    "error",
    needs=("complete batches", "external_id"),
    columns=("external_id",),
    option="control_total",
)
def control_total_agrees(inputs: AuditInput) -> pl.DataFrame:
    """The external ids here are those that the sender has counted and hashed (control_total).

    A document is missing, or the sender does not know of one.
    """
    assert inputs.thresholds.control_total is not None  # noqa: S101 - the rule needs it
    ids, digest = inputs.thresholds.control_total
    here, digest_here = control_total(inputs.jobs["external_id"].drop_nulls())
    detail = (
        f"{counted(here, 'external id')} here, SHA-256 {digest_here}; the sender has {ids:,}, "
        f"SHA-256 {digest}."
    )
    agrees = (here, digest_here) == (ids, digest)
    return pl.DataFrame({"detail": [] if agrees else [detail]}, schema={"detail": pl.String})


@rule(
    "doubled-external-id",
    "warning",
    also=("external_id",),
    columns=("external_id", _TEMPLATE),
    option="unique_external_ids",
)
def doubled_external_id(inputs: AuditInput) -> pl.DataFrame:
    """No two documents of a template were made for one external id, unless the manifest says so.

    Somebody may receive a document twice. An error if unique_external_ids is set.
    """
    # A manifest of ids by batch may expect the same person in each of them, such as monthly.
    by_batch = inputs.expected and inputs.expected.key == ("batch_id", "external_id")
    key = ["external_id", _TEMPLATE, *(["batch_id"] if by_batch else [])]
    twice = (
        inputs.jobs.filter(_MADE)
        .drop_nulls(["external_id", "job_id"])
        .group_by(pl.struct(key).alias("key"), maintain_order=True)
        .agg(*BATCHES, pl.col("external_id", _TEMPLATE).first(), jobs=pl.col("job_id").n_unique())
        .filter(pl.col("jobs") > 1)
    )
    # A batch that was run twice is a single finding, not one per document.
    causes = twice.group_by("batch_id", "of_batches", template=_TEMPLATE, maintain_order=True)
    severity = "error" if inputs.thresholds.unique_external_ids else "warning"
    among = pl.format(
        "{} in {}",
        pl.col("template").fill_null(""),
        pl.col("of_batches").list.sort().list.join(", "),
    )
    return per_group(
        causes.agg("external_id"),
        lambda template, external_id: (
            f"{counted(len(external_id), 'external id')} with several documents of "
            f"{inputs.template(template)}: {listed(external_id, most=20)}."
        ),
        about=pl.when(pl.col("batch_id").is_null()).then(among).otherwise("template"),
    ).with_columns(severity=pl.lit(severity))


@rule(
    "duplicate-run",
    "warning",
    also=("external_id", "creation"),
    columns=("external_id", _TEMPLATE, "created_at"),
    option="duplicate_run_days",
)
def duplicate_run(inputs: AuditInput) -> pl.DataFrame:
    """No batch repeats another's external ids and template within duplicate_run_days.

    A request may have been sent twice. A batch whose jobs all failed may be sent again.
    """
    most, ids = dt.timedelta(days=inputs.thresholds.duplicate_run_days), pl.col("external_id")
    runs = (
        inputs.jobs.drop_nulls("external_id")
        .group_by("batch_id", _TEMPLATE, maintain_order=True)
        .agg(ids.unique().sort(), created_at=pl.col("created_at").min(), made=_MADE.any())
        .filter("made")
        .sort("created_at", maintain_order=True)
        .select(
            "batch_id",
            earlier=pl.col("batch_id").shift(1).over(_TEMPLATE, ids),
            later_by=pl.col("created_at").diff().over(_TEMPLATE, ids),
            ids=ids.list.len(),
        )
    )
    return per_group(
        runs.filter(pl.col("later_by") <= most),
        lambda earlier, later_by, ids: (
            f"The same {counted(ids, 'external id')} and template as batch {earlier}, created "
            f"{duration(later_by)} later; batches within {duration(most)} are compared."
        ),
        about="earlier",
    )
