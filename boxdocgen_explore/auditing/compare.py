"""Compare two sets of jobs: two batches, or two readings of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.auditing.inputs import AuditInput, audit_input
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.schema import COMPARISON, JOBS, TERMINAL

COMPARED: Final = tuple(name for name in JOBS if name not in ("batch_id", "job_id", "origin"))
"""The columns in which a final job may not change."""


def compare(before: Reading | pl.DataFrame, after: Reading | pl.DataFrame) -> pl.DataFrame:
    """Compare the counts of two sets of jobs, and list jobs that should not have changed.

    Returns one row per count (`schema.COMPARISON`): ``aspect``, ``item``, ``before``,
    ``after`` and ``change`` (jobs, int). The aspects, in this order: "jobs" (all of them),
    "outcome" (by status), "output type", "reason" (a job counts once for each of its distinct
    reasons), "template version". Then one row per job, with ``batch_id``, ``job_id`` and a
    ``detail``: "job appeared", "job vanished", "job changed" (it was final, and differs now);
    ``item`` is its status. Jobs are matched by batch and id, in batches that both readings have:
    two different batches are compared only by their counts. Jobs that were still running may
    change, and are not listed.

    Raises:
        InvalidRequest: neither readings nor frames of jobs.

    Source: every field of ``GET /docgen_batch_jobs/:batch_id``.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "pending"}
    >>> first = pl.DataFrame([job], schema=JOBS)
    >>> second = pl.DataFrame([job | {"status": "completed"}], schema=JOBS)
    >>> compare(first, second).filter(aspect="outcome").select("item", "before", "after").rows()
    [('pending', 1, 0), ('completed', 0, 1)]
    """
    earlier, later = (audit_input(reading, {}) for reading in (before, after))
    counts = [
        _side_by_side(aspect, count(earlier.jobs), count(later.jobs))
        for aspect, count in _COUNTS.items()
    ]
    rows = pl.concat([*counts, *changes(earlier, later)], how="diagonal_relaxed")
    rows = rows.with_columns(change=pl.col("after") - pl.col("before"))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in COMPARISON.items())


def _by(column: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def count(jobs: pl.DataFrame) -> pl.DataFrame:
        counts = jobs.group_by(item=column).agg(jobs=pl.len())
        return counts.sort("jobs", "item", descending=[True, False], nulls_last=True)

    return count


_COUNTS: Final[dict[str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
    "jobs": lambda jobs: jobs.select(item=pl.lit("all"), jobs=pl.len()),
    "outcome": lambda jobs: analysis.outcomes(jobs).select("jobs", item="status"),
    "output type": _by("output_type"),
    "reason": lambda jobs: analysis.reasons(jobs).select("jobs", item="reason"),
    "template version": _by("template_file_version_id"),
}


def _side_by_side(aspect: str, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    both = before.join(
        after, on="item", how="full", coalesce=True, nulls_equal=True, maintain_order="left_right"
    )
    counts = {"before": "jobs", "after": "jobs_right"}
    return both.select(
        pl.lit(aspect).alias("aspect"),
        "item",
        **{name: pl.col(jobs).cast(pl.Int64).fill_null(0) for name, jobs in counts.items()},
    )


# --- job by job --------------------------------------------------------------------------------


def changes(before: AuditInput, after: AuditInput) -> tuple[pl.DataFrame, ...]:
    """Jobs that appeared, vanished, or changed although they were final."""
    both = sorted({*before.batches} & {*after.batches})
    key = ["batch_id", "job_id"]
    one, two = (
        reading.jobs.filter(pl.col("batch_id").is_in(both), pl.col("job_id").is_not_null()).unique(
            key, keep="first", maintain_order=True
        )
        for reading in (before, after)
    )
    appeared = two.join(one, on=key, how="anti", maintain_order="left")
    vanished = one.join(two, on=key, how="anti", maintain_order="left")
    final = one.filter(pl.col("status").is_in(sorted(TERMINAL)))
    return (
        _named(appeared, "job appeared", 0, 1, _doubt(before)),
        _named(vanished, "job vanished", 1, 0, _doubt(after)),
        _changed(final.join(two, on=key, suffix="_now", maintain_order="left")),
    )


def _doubt(other: AuditInput) -> pl.Expr:
    incomplete = pl.col("batch_id").is_in(other.incomplete_batches)
    return pl.when(incomplete).then(
        pl.lit("The other reading of this batch is incomplete; the job may have been there.")
    )


def _named(
    jobs: pl.DataFrame, aspect: str, before: int, after: int, detail: pl.Expr
) -> pl.DataFrame:
    return jobs.select(
        pl.lit(aspect).alias("aspect"),
        pl.col("status").alias("item"),
        pl.lit(before, pl.Int64).alias("before"),
        pl.lit(after, pl.Int64).alias("after"),
        "batch_id",
        "job_id",
        detail.cast(pl.String).alias("detail"),
    )


def _changed(pairs: pl.DataFrame) -> pl.DataFrame:
    changes = [
        pl.when(pl.col(name).ne_missing(pl.col(f"{name}_now"))).then(_change(name))
        for name in COMPARED
    ]
    changed = pairs.filter(pl.any_horizontal(change.is_not_null() for change in changes))
    detail = pl.concat_str(changes, separator="; ", ignore_nulls=True)
    now = changed.with_columns(detail=detail, status="status_now")
    return _named(now, "job changed", 1, 1, pl.col("detail"))


def _change(name: str) -> pl.Expr:
    if isinstance(JOBS[name], pl.List):
        return pl.lit(f"{name} differ")
    texts = (pl.col(column).fill_null("none") for column in (name, f"{name}_now"))
    return pl.format(f"{name}: {{}} -> {{}}", *texts)
