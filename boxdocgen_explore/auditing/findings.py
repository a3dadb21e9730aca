"""Findings as rows, and the few ways in which their sentences write numbers and names."""

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


def number(count: int, noun: str = "job") -> str:
    """Write a count: '1 job', '1,412 jobs', '2 batches'."""
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{ending}"


def listed(values: Iterable[str | None], most: int = 5) -> str:
    """Write some values: 'a, b and 3 more'."""
    texts = ["none" if value is None else value for value in values]
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def percent(share: float) -> str:
    """Write a share, never rounding something to nothing: '49.6 %', 'less than 0.1 %'."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{100 * share:.3g} %" if share < 0.9995 or share >= 1 else "more than 99.9 %"
