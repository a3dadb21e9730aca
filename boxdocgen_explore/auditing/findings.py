"""Findings as rows of a frame: ``batch_id``, ``job_id`` and ``detail``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import polars as pl

Row = tuple[str | None, str | None, str]
"""Batch id, job id and sentence of one finding."""

ONLY_BATCH: Final = (
    pl.when(pl.col("batch_id").n_unique() == 1).then(pl.col("batch_id").first()).alias("batch_id")
)
"""The batch of a group of jobs; null if they belong to several."""


def findings_frame(rows: Iterable[Row] = ()) -> pl.DataFrame:
    """Put findings into a frame."""
    schema = {"batch_id": pl.String, "job_id": pl.String, "detail": pl.String}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def per_job(jobs: pl.DataFrame, detail: pl.Expr) -> pl.DataFrame:
    """Make one finding of each job."""
    return jobs.select("batch_id", "job_id", detail=detail)


def per_group(groups: pl.DataFrame, detail: Callable[..., str]) -> pl.DataFrame:
    """Make one finding of each row, about its ``batch_id`` and no single job.

    ``detail`` writes the sentence; it gets the other columns as keyword arguments.
    """
    rows: list[Row] = []
    for values in groups.iter_rows(named=True):
        batch_id = values.pop("batch_id")
        rows.append((batch_id, None, detail(**values)))
    return findings_frame(rows)
