"""The batch list: counted from the list of all jobs, and honest about gaps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from time import monotonic

import polars as pl

from boxdocgen_explore.box.fetch import Fetch, Progress
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import Chain
from boxdocgen_explore.schema import BatchList


class IncompleteListWarning(UserWarning):
    """A list that kept moving while it was read: it may have gaps."""


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
