"""Rules about the evidence: complete, recent and consistent pages."""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

from boxdocgen_explore.auditing.rule import AuditInput, per_group, per_job, rule
from boxdocgen_explore.schema import RUNNING
from boxdocgen_explore.text import counted, duration, moment

_NUMBER = pl.col("page")
_MARKER, _NEXT = pl.col("marker_sha256"), pl.col("next_marker_sha256")


@rule("chain-incomplete", "error", needs=("evidence",))
def chain_incomplete(inputs: AuditInput) -> pl.DataFrame:
    """Every batch was read from its first page to an end marker.

    Jobs on pages that were not read may have failed.
    """
    chains = inputs.pages.group_by("batch_id", maintain_order=True).agg(
        begins=_MARKER.first().is_null() & (_NUMBER.first() == 1).fill_null(False),
        ends=_NEXT.last().is_null(),
        complete=pl.col("complete").fill_null(False).all(),
    )
    # The error that ended a batch explains more than its last page, so it comes first.
    gaps: dict[str | None, list[str]] = {
        batch_id: [" ".join(str(error).split()).removesuffix(".")]
        for batch_id, error in inputs.failures.items()
    }
    for batch_id, begins, ends, complete in chains.iter_rows():
        if not (begins and ends and complete):
            texts = gaps.setdefault(batch_id, [])
            texts += [] if begins else ["its first page is missing"]
            texts += [] if ends else ["its pages do not reach an end marker"]
    details = [
        f"The batch is incomplete: {'; '.join(texts or ['its pages are not one chain'])}."
        for texts in gaps.values()
    ]
    return pl.DataFrame({"batch_id": list(gaps), "detail": details})


# Pages without jobs may be equal.
_BODIES: Final = pl.col("body_sha256").filter(pl.col("jobs") > 0).drop_nulls()
_FAULTS: Final = {
    "its pages are not numbered consecutively": (
        (_NUMBER.diff().drop_nulls() != 1).any() | _NUMBER.is_null().any()
    ),
    "a page does not begin where the one before it ends": (
        _MARKER.ne_missing(_NEXT.shift(1)).slice(1).any()
    ),
    "a marker was used twice": _MARKER.drop_nulls().is_duplicated().any(),
    "a page appears twice": _BODIES.is_duplicated().any(),
    "an id appears on two pages": (pl.col("duplicates") > 0).any(),
    "its pages were read by several users": pl.col("user_id").n_unique() > 1,
    "its pages were read from several hosts": pl.col("host").n_unique() > 1,
}


@rule("chain-inconsistent", "error", needs=("pages",))
def chain_inconsistent(inputs: AuditInput) -> pl.DataFrame:
    """The pages of a batch follow one another and hold exactly the jobs that are here.

    If a page moved, appears twice or was removed, every count is wrong.
    """
    rows = inputs.jobs.group_by("batch_id").agg(rows=pl.len().cast(pl.Int64))
    chains = (
        inputs.pages.group_by("batch_id", maintain_order=True)
        .agg(held=pl.col("jobs").sum(), **_FAULTS)
        .join(rows, on="batch_id", how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.col("rows").fill_null(0))
    )
    faults = [pl.when(pl.col(fault)).then(pl.lit(fault)) for fault in _FAULTS]
    counts = pl.format("its pages hold {} jobs, the frame {}", "held", "rows")
    faults.append(pl.when(pl.col("held") != pl.col("rows")).then(counts))
    found = chains.select(
        "batch_id", faults=pl.concat_str(faults, separator="; ", ignore_nulls=True)
    )
    return found.filter(pl.col("faults") != "").select(
        "batch_id", detail=pl.format("The evidence is inconsistent: {}.", "faults")
    )


@rule("foreign-job", "error", needs=("jobs", "pages"))
def foreign_job(inputs: AuditInput) -> pl.DataFrame:
    """Every job belongs to a batch that was read.

    A job of another batch does not belong in this audit.
    """
    batches = inputs.pages.select(pl.col("batch_id").drop_nulls().unique())
    foreign = inputs.jobs.join(batches, on="batch_id", how="anti", maintain_order="left")
    other = pl.format("The job belongs to batch {}, of which no page was read.", "batch_id")
    return per_job(foreign, pl.coalesce(other, pl.lit("The job names no batch.")))


@rule("missing-job", "error", needs=("evidence", "list"))
def missing_job(inputs: AuditInput) -> pl.DataFrame:
    """Every job of a batch in the list of all jobs is on the pages of that batch.

    Box publishes no total: that list is the only other count. Batches that still run are left out.
    """
    assert inputs.listed is not None  # noqa: S101 - the rule needs it
    # A running batch may have received jobs between the two readings.
    running = inputs.jobs.filter(pl.col("status").is_in(sorted(RUNNING)))["batch_id"].unique()
    audited = pl.col("batch_id").is_in([*inputs.batches, *inputs.failures])
    listed = inputs.listed.filter(audited, ~pl.col("batch_id").is_in(running.implode()))
    read = inputs.jobs.select("batch_id", "job_id", read=pl.lit(True))
    found = listed.join(read, on=["batch_id", "job_id"], how="left", maintain_order="left")
    missing = pl.col("read").is_null()
    counts = found.group_by("batch_id", maintain_order=True).agg(
        jobs=pl.len(), missing=missing.sum(), first=pl.col("job_id").filter(missing).first()
    )
    return per_group(
        counts.filter(pl.col("missing") > 0),
        lambda jobs, missing, first: (
            f"The list of all jobs has {counted(jobs, 'job')} of this batch; not on its "
            f"pages: {missing:,}, for example job {first}."
        ),
    )


@rule("stale-evidence", "warning", needs=("pages", "fetched_at"), option="stale_days")
def stale_evidence(inputs: AuditInput) -> pl.DataFrame:
    """Every batch was looked at within stale_days before the audit.

    Jobs may have been added since.
    """
    most, now = dt.timedelta(days=inputs.thresholds.stale_days), inputs.now
    # Pages of final jobs are cached forever, so only the newest page shows when it was read.
    return per_group(
        inputs.last_read.filter(now - pl.col("last_read") > most),
        lambda last_read: (
            f"Last read on {moment(last_read)}, {duration(now - last_read)} before the audit "
            f"(tolerance: {duration(most)})."
        ),
    )
