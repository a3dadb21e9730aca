"""Two sets of jobs side by side: two batches, or two looks at one."""

from __future__ import annotations

from typing import Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.auditing.inputs import AuditInput, split_reading
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.schema import COMPARISON, JOBS, TERMINAL

_LOOKED_AT: Final = tuple(name for name in JOBS if name not in ("batch_id", "job_id", "origin"))


def compare(before: Reading | pl.DataFrame, after: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count two sets of jobs side by side, and name the jobs that should not have changed.

    Gives one row per thing counted (`schema.COMPARISON`): ``aspect``, ``item``, ``before``,
    ``after`` and ``change`` (jobs, int). The aspects, in this order: "jobs" (all of them),
    "outcome" (by status), "output type", "reason" (a job counts once for each of its distinct
    reasons), "template version". Then one row per job, with ``batch_id``, ``job_id`` and a
    ``detail``: "job appeared", "job vanished", "job changed" (it was final, and differs now);
    ``item`` is its status. Jobs are told apart by batch and id, and only in batches that both
    looks cover: two different batches are compared by their counts alone. A job that was still
    running may change, and is not named.

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
    one, two = (AuditInput(*split_reading(reading)) for reading in (before, after))
    counts = _counts(one.jobs).join(
        _counts(two.jobs),
        on=["aspect", "item"],
        how="full",
        coalesce=True,
        nulls_equal=True,
        suffix="_after",
        maintain_order="left_right",
    )
    changes = counts.select(
        "aspect",
        "item",
        before=pl.col("jobs").fill_null(0),
        after=pl.col("jobs_after").fill_null(0),
    )
    rows = pl.concat([changes, _jobs(one, two)], how="diagonal").with_columns(
        change=pl.col("after") - pl.col("before")
    )
    order = pl.col("aspect").replace_strict(_ASPECTS, range(len(_ASPECTS)))
    empty = pl.DataFrame(schema=COMPARISON)
    return (
        pl.concat([empty, rows], how="diagonal_relaxed")
        .sort(order, maintain_order=True)
        .select(*COMPARISON)
    )


_ASPECTS: Final = (
    "jobs",
    "outcome",
    "output type",
    "reason",
    "template version",
    "job appeared",
    "job vanished",
    "job changed",
)


def _counts(jobs: pl.DataFrame) -> pl.DataFrame:
    everything = pl.DataFrame({"item": ["all"], "jobs": [jobs.height]})
    counted = {
        "jobs": everything,
        "outcome": analysis.outcomes(jobs).rename({"status": "item"}),
        "output type": _by(jobs, "output_type"),
        "reason": analysis.reasons(jobs).select("jobs", item="reason"),
        "template version": _by(jobs, "template_file_version_id"),
    }
    return pl.concat(
        counts.select(pl.lit(aspect).alias("aspect"), "item", pl.col("jobs").cast(pl.Int64))
        for aspect, counts in counted.items()
    )


def _by(jobs: pl.DataFrame, column: str) -> pl.DataFrame:
    counts = jobs.group_by(item=column).agg(jobs=pl.len())
    return counts.sort("jobs", "item", descending=[True, False], nulls_last=True)


# --- job by job --------------------------------------------------------------------------------


def _batches(look: AuditInput) -> set[str]:
    """Batches looked at; a page without jobs is a look, too."""
    batches = set(look.jobs["batch_id"].drop_nulls())
    return batches | set(() if look.pages is None else look.pages["batch_id"].drop_nulls())


def _jobs(before: AuditInput, after: AuditInput) -> pl.DataFrame:
    both = sorted(_batches(before) & _batches(after))
    key = ["batch_id", "job_id"]
    one, two = (
        look.jobs.filter(pl.col("batch_id").is_in(both), pl.col("job_id").is_not_null()).unique(
            key, keep="first", maintain_order=True
        )
        for look in (before, after)
    )
    appeared = two.join(one, on=key, how="anti", maintain_order="left")
    vanished = one.join(two, on=key, how="anti", maintain_order="left")
    return pl.concat(
        [
            _named(appeared, "job appeared", 0, 1, _cut(before)),
            _named(vanished, "job vanished", 1, 0, _cut(after)),
            _changed(one.filter(pl.col("status").is_in(sorted(TERMINAL))), two),
        ]
    )


def _cut(look: AuditInput) -> pl.Expr:
    cut = pl.col("batch_id").is_in(look.incomplete_batches)
    return pl.when(cut).then(
        pl.lit("The other look did not reach this batch's end; the job may have been there.")
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


def _changed(final: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    pairs = final.join(now, on=["batch_id", "job_id"], suffix="_now", maintain_order="left")
    changes = [
        pl.when(pl.col(name).ne_missing(pl.col(f"{name}_now"))).then(_change(name))
        for name in _LOOKED_AT
    ]
    detail = pl.concat_str(changes, separator="; ", ignore_nulls=True)
    changed = pairs.filter(pl.any_horizontal(change.is_not_null() for change in changes))
    return _named(
        changed.with_columns(detail=detail, status="status_now"),
        "job changed",
        1,
        1,
        pl.col("detail"),
    )


def _change(name: str) -> pl.Expr:
    if isinstance(JOBS[name], pl.List):
        return pl.lit(f"{name} differ")
    texts = (pl.col(column).fill_null("none") for column in (name, f"{name}_now"))
    return pl.format(f"{name}: {{}} -> {{}}", *texts)
