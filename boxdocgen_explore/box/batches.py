"""The list of batches: counted from the list of all jobs, and honest about gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from time import monotonic

import polars as pl

from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.reading import Fetch
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import PageRead
from boxdocgen_explore.schema import BatchList


class IncompleteListWarning(UserWarning):
    """A list that moved while it was read, again and again: it may have gaps."""


def listed(fetch: Fetch, listing: PagedList) -> BatchList:
    """What the chain of the list of all jobs tells of batches, whole or as far as it came."""
    chain = fetch.chains[listing].copy()
    whole, pages = chain.complete, chain.pages
    jobs = frames.full_jobs(chain.frames())
    # A chain that has just been begun anew has no page.
    read_at = min((page.fetched_at for page in pages), default=dt.datetime.now(dt.UTC))
    return BatchList(frames.batches(jobs), jobs.height, whole, read_at)


class PartialList:
    """Tells of the batches so far, no more often than they are cheap to count."""

    def __init__(
        self, fetch: Fetch, listing: PagedList, tell: Callable[[pl.DataFrame, int], None]
    ) -> None:
        self._fetch, self._listing, self._tell = fetch, listing, tell
        self._next = 0.0

    def __call__(self, _listing: PagedList, _page: PageRead) -> None:
        start = monotonic()
        if start < self._next:
            return
        so_far = listed(self._fetch, self._listing)
        self._tell(so_far.batches, so_far.jobs)
        self._next = monotonic() + 0.5 + 5 * (monotonic() - start)
