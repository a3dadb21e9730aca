"""The batch list: counted from the list of all jobs, and honest about gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Final

import polars as pl

from boxdocgen_explore.arguments import checked_time
from boxdocgen_explore.box.fetch import Fetch, Progress
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import Chain
from boxdocgen_explore.schema import BatchList
from boxdocgen_explore.text import long_ago

_TOLERANCE: Final = dt.timedelta(hours=1)
"""Jobs of one batch are created within minutes, in any order."""

_LEAST_BATCHES: Final = 8
"""Batches that must be in order: this happens by chance once in 40,000 cases."""


def start_of(since: dt.datetime | dt.timedelta | None, now: dt.datetime) -> dt.datetime | None:
    """Convert ``since`` to a time: a time with a time zone, or a timedelta before ``now``.

    Raises:
        InvalidRequest: it is neither.
    """
    if since is None:
        return None
    if isinstance(since, dt.timedelta):
        return long_ago(now, since)
    return checked_time("since", since, "a time with a time zone, or a timedelta")


class DownTo:
    """Ends the list of all jobs once all jobs newer than ``start`` were read.

    Box documents no order. The list is read to its end unless the jobs of all pages so far are
    sorted by creation, newest first, and belong to many batches.
    """

    def __init__(self, start: dt.datetime) -> None:
        self.start = start
        self.ended_at: dt.datetime | None = None

    def __call__(self, chain: Chain) -> bool:
        rows = chain.pages[-1].parsed.rows
        created = rows["created_at"]
        if len(chain.pages) == 1:
            self._oldest = _time(created.max())
            self._in_order, self.ended_at = True, None
            self._batches: set[str] = set()
        if self._oldest is None or created.is_empty():
            return False
        before = pl.concat([pl.Series([self._oldest], dtype=created.dtype), created]).cum_min()
        in_order = (created <= before[:-1] + _TOLERANCE).all() and not created.has_nulls()
        self._in_order = self._in_order and in_order
        self._oldest = _time(before[-1])
        self._batches |= set(rows["batch_id"])
        newest_here = _time(created.max())
        if not self._in_order or len(self._batches) < _LEAST_BATCHES or newest_here is None:
            return False
        if newest_here >= self.start - _TOLERANCE:
            return False
        self.ended_at = self._oldest
        return True


def _time(value: object) -> dt.datetime | None:
    return value if isinstance(value, dt.datetime) else None


def read_batch_list(
    fetch: Fetch,
    progress: Progress | None,
    on_partial: Callable[[pl.DataFrame, int], None] | None,
    *,
    refresh: bool,
) -> BatchList:
    """Fetch the one list of all jobs; ``on_partial`` is called with the batches so far."""
    (jobs,) = fetch.lists
    if on_partial is not None:
        fetch.on_page = _report_partial(fetch.chains[jobs], on_partial)
    fetch.run(progress, refresh=refresh)
    found = _counted(fetch.result(jobs))
    if not isinstance(jobs.enough, DownTo):
        return found
    created = pl.col("last_created_at")
    recent = found.batches.filter(created.is_null() | (created >= jobs.enough.start))
    ended_at = None if found.complete else jobs.enough.ended_at
    return replace(
        found,
        batches=recent,
        complete=found.complete or ended_at is not None,
        read_down_to=ended_at,
    )


def _counted(chain: Chain) -> BatchList:
    chain = chain.copy()
    jobs = frames.full_jobs(chain.frames())
    # A restarted chain has no page yet.
    read_at = min((page.fetched_at for page in chain.pages), default=dt.datetime.now(dt.UTC))
    return BatchList(frames.batches(jobs), jobs.height, chain.complete, read_at, jobs)


def _report_partial(
    chain: Chain, on_partial: Callable[[pl.DataFrame, int], None]
) -> Callable[[], None]:
    """The larger the list, the less often it is counted."""
    next_at = 0.0

    def on_page() -> None:
        nonlocal next_at
        start = monotonic()
        if start >= next_at:
            so_far = _counted(chain)
            on_partial(so_far.batches, so_far.jobs)
            next_at = monotonic() + 0.5 + 5 * (monotonic() - start)

    return on_page
