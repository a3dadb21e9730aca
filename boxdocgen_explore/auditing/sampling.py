"""Reproducible samples of jobs for manual review: their size, and what they show."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import polars as pl

from boxdocgen_explore.analysis import jobs_of
from boxdocgen_explore.arguments import checked_texts, is_text, number, quoted, whole_number
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.text import counted

_MOST: Final = 1_000_000_000
_LONGEST_SEED: Final = 100
_MOST_WRONG: Final = 200
_MOST_SAMPLED: Final = 1_000_000


def sample(
    reading: Reading | pl.DataFrame,
    n: int,
    seed: int | str,
    by: str | Sequence[str] | None = None,
) -> pl.DataFrame:
    """Draw n jobs for manual review; the sample is reproducible.

    Jobs are drawn by the SHA-256 of the seed and the id, so the order of the rows and the machine
    do not matter, and a larger ``n`` includes the smaller sample. With ``by``, one or several
    columns, ``n`` jobs are drawn from each group. Returns the same columns, in the order of
    drawing. Jobs without an id are skipped; a duplicate id is drawn once. `sample_recipe` describes
    the method.

    Raises:
        InvalidRequest: an argument is invalid, or a column of ``by`` is missing.

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
    """Describe how `sample` draws, so that others can draw the same jobs.

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


def sample_size(confidence: float, tolerable: float, expected: float = 0.0) -> int:
    """The number of jobs to review, to show that the share of wrong ones is tolerable.

    Binomial attribute sampling (for a small batch, slightly fewer are enough): if the true share
    were ``tolerable``, at most ``expected`` wrong jobs (a share, rounded up to jobs) would be found
    with a probability of at most 1 - ``confidence``.

    Raises:
        InvalidRequest: a share is invalid, or expected is too close to tolerable.

    >>> sample_size(0.95, 0.05), sample_size(0.95, 0.05, expected=0.01)
    (59, 93)
    """
    _between("confidence", confidence)
    _between("tolerable", tolerable)
    number("expected", expected, tolerable)
    for wrong in range(_MOST_WRONG):
        risks = range(_MOST_SAMPLED)  # the larger the sample, the smaller the risk
        n = bisect_left(risks, confidence - 1, key=lambda n: -_at_most(wrong, n, tolerable))
        if n < _MOST_SAMPLED and n * expected <= wrong + 1e-9:
            return n
    raise InvalidRequest(
        f"The sample would be too large: tolerable ({tolerable}) is too small, or too close to "
        f"expected ({expected})."
    )


def upper_bound(found: int, sample: int, confidence: float = 0.95) -> float:
    """The upper bound of the share of wrong jobs, given those found in a sample.

    This is the one-sided Clopper-Pearson bound: with this confidence, the share is at most that.

    Raises:
        InvalidRequest: an argument is invalid, or SciPy is not installed.

    >>> round(upper_bound(0, 59), 4), round(upper_bound(1, 93), 4)
    (0.0495, 0.05)
    """
    whole_number("sample", sample, _MOST)
    if found != 0:
        whole_number("found", found, sample)
    _between("confidence", confidence)
    try:
        from scipy.stats import beta
    except ImportError:
        raise InvalidRequest("This needs SciPy: pip install 'boxdocgen-explore[stats]'.") from None
    return 1.0 if found == sample else float(beta.ppf(confidence, found + 1, sample - found))


def _between(name: str, share: float) -> None:
    if not 0 < number(name, share, 1) < 1:
        raise InvalidRequest(f"{name} must be more than 0 and less than 1, not {share}.")


def _at_most(wrong: int, n: int, share: float) -> float:
    """The probability of at most this many wrong jobs in a sample of n."""
    exactly = total = (1 - share) ** n
    for k in range(wrong):
        exactly *= (n - k) / (k + 1) * share / (1 - share)
        total += exactly
    return total
