"""The batch list: counted from the list of all jobs, and honest about gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import polars as pl

from boxdocgen_explore.box.fetch import Fetch, Progress
from boxdocgen_explore.errors import warn_renamed
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import Chain


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

    @property
    def whole(self) -> bool:
        """The old name of ``complete``."""
        warn_renamed("BatchList.whole", "BatchList.complete")
        return self.complete


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
    return _counted(fetch.result(jobs))


def _counted(chain: Chain) -> BatchList:
    chain = chain.copy()
    jobs = frames.full_jobs(chain.frames())
    # A chain that has just been restarted has no page.
    read_at = min((page.fetched_at for page in chain.pages), default=dt.datetime.now(dt.UTC))
    return BatchList(frames.batches(jobs), jobs.height, chain.complete, read_at)


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
