"""The batch list: counted from the list of all jobs, and honest about gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import polars as pl

from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.fetch import Fetch
from boxdocgen_explore.pages import frames


class IncompleteListWarning(UserWarning):
    """A list that kept moving while it was read: it may have gaps."""


@dataclass(frozen=True)
class BatchList:
    """The batches (schema.BATCHES), counted from ``jobs`` jobs; ``complete`` if none is missing.

    ``read_at`` (UTC) is when the oldest page of the list of jobs was read.
    """

    batches: pl.DataFrame
    jobs: int
    complete: bool
    read_at: dt.datetime


def batch_list(fetch: Fetch, paged: PagedList) -> BatchList:
    """The batches that the list of all jobs contains, as far as it has been read."""
    chain = fetch.chains[paged].copy()
    jobs = frames.full_jobs(chain.frames())
    # A chain that has just been restarted has no page.
    read_at = min((page.fetched_at for page in chain.pages), default=dt.datetime.now(dt.UTC))
    return BatchList(frames.batches(jobs), jobs.height, chain.complete, read_at)


def report_partial(
    fetch: Fetch, paged: PagedList, on_partial: Callable[[pl.DataFrame, int], None]
) -> Callable[[], None]:
    """Call ``on_partial`` with the batches so far; the larger the list, the less often."""
    next_at = 0.0

    def on_page() -> None:
        nonlocal next_at
        start = monotonic()
        if start >= next_at:
            so_far = batch_list(fetch, paged)
            on_partial(so_far.batches, so_far.jobs)
            next_at = monotonic() + 0.5 + 5 * (monotonic() - start)

    return on_page
