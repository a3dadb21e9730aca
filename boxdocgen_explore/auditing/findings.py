"""Findings as rows of a frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

FOUND: Final = {"batch_id": pl.String(), "job_id": pl.String(), "detail": pl.String()}
Row = tuple[str | None, str | None, str]
"""Batch id, job id and sentence of one finding."""


def found(rows: Iterable[Row] = ()) -> pl.DataFrame:
    """Put findings into a frame."""
    return pl.DataFrame(list(rows), schema=FOUND, orient="row")


def per_job(jobs: pl.DataFrame, detail: str | pl.Expr) -> pl.DataFrame:
    """Give one finding for each of these jobs."""
    text = pl.lit(detail) if isinstance(detail, str) else detail
    return jobs.select("batch_id", "job_id", detail=text)
