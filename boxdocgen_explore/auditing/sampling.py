"""Samples of jobs to look at by hand, drawn so that others can draw them again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import polars as pl

from boxdocgen_explore.analysis import jobs_of
from boxdocgen_explore.arguments import checked_texts, is_text, quoted, whole_number
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.text import counted

_MOST: Final = 1_000_000_000
_LONGEST_SEED: Final = 100


def sample(
    reading: Reading | pl.DataFrame,
    n: int,
    seed: int | str,
    by: str | Sequence[str] | None = None,
) -> pl.DataFrame:
    """Draw n jobs to look at by hand, so that everybody draws the same ones.

    A job is drawn by the SHA-256 of the seed and its id, so neither the order of the rows nor
    the machine matters, and a larger ``n`` keeps the smaller sample. With ``by``, a column or
    several, ``n`` jobs are drawn of each group. Returns the same columns, in the order of drawing;
    jobs without an id are skipped, a duplicate id is drawn once. `sample_recipe` says
    in a sentence what was done.

    Raises:
        InvalidRequest: an argument is invalid, or a column of ``by`` is not there.

    Source: ``id`` of each job.

    >>> jobs = pl.DataFrame({"job_id": ["1", "2", "3", "4"]})
    >>> sample(jobs, 2, seed=7).equals(sample(jobs.reverse(), 2, seed=7))
    True
    """
    groups, jobs = _sampling(n, seed, by), jobs_of(reading)
    if missing := [name for name in ("job_id", *groups) if name not in jobs.columns]:
        raise InvalidRequest(f"These jobs have no column {missing[0]}.")
    once = jobs.filter(pl.col("job_id").is_not_null()).unique("job_id", keep="first")
    draw = [hashlib.sha256(f"{seed}:{job_id}".encode()).hexdigest() for job_id in once["job_id"]]
    drawn = once.with_columns(pl.Series("_draw", draw, pl.String)).sort("_draw", "job_id")
    place = pl.int_range(pl.len())
    return drawn.filter((place.over(groups) if groups else place) < n).drop("_draw")


def sample_recipe(n: int, seed: int | str, by: str | Sequence[str] | None = None) -> str:
    """Say how `sample` draws, so that others can draw the same jobs.

    >>> sample_recipe(25, 2026)
    'Sample: 25 jobs, in ascending order of SHA-256("2026:" + job id), as hexadecimal.'
    """
    groups = _sampling(n, seed, by)
    which = f" per {' and '.join(groups)}" if groups else ""
    return (
        f"Sample: {counted(n, 'job')}{which}, in ascending order of "
        f'SHA-256("{seed}:" + job id), as hexadecimal.'
    )


def _sampling(n: int, seed: int | str, by: str | Sequence[str] | None) -> list[str]:
    whole_number("n", n, _MOST)
    if not is_text(seed) and (type(seed) is not int or abs(seed) >= 10**_LONGEST_SEED):
        raise InvalidRequest(f"seed must be a whole number or a text, not {quoted(seed)}.")
    return [] if by is None else checked_texts("by", by)
