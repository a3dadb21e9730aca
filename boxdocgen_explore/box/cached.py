"""The part of a `Box` that reads only the cache: nothing here calls Box for a batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import polars as pl
from polars.io.plugins import register_io_source

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import batch_ids
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.account import Account
from boxdocgen_explore.box.chain import IncompleteListWarning, walk
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache import PageStore, frame_cache, transitions
from boxdocgen_explore.errors import warn_renamed
from boxdocgen_explore.pages import Chain
from boxdocgen_explore.schema import JOBS, TRANSITIONS
from boxdocgen_explore.text import counted

_AT_ONCE = 100
"""Batches whose pages are parsed before their frames are stored."""


class CachedBatches:
    """The part of a `Box` that reads its user's cache."""

    _account: Account
    origin: str

    def cached(self) -> list[str]:
        """Ids of the batches that have pages in the cache, read with any limit."""
        return endpoints.cached_batches(self._account.open(), self._account.session.host)

    def kept(self) -> list[str]:
        """The old name of `cached`."""
        warn_renamed("Box.kept", "Box.cached")
        return self.cached()

    def scan(self) -> pl.LazyFrame:
        """One row per job of every completely cached batch, read only from the cache (schema.JOBS).

        Nothing is read until the frame is collected, and then only the requested columns and rows,
        in no defined order. A partly cached batch is left out, with an `IncompleteListWarning`.

        Source: cached pages of ``GET /docgen_batch_jobs/:batch_id``.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     jobs = box.jobs("12345600319")
        ...     box.scan().filter(status="failed").select(pl.len()).collect().item()
        1487
        """
        return _scan(self._account.session, self._account.open(), self.origin)

    def transitions(self, ids: str | int | Iterable[str | int]) -> pl.DataFrame:
        """When each job of batches that were seen running was first seen in its status.

        One row per job (schema.TRANSITIONS), in the order of the batch; times are UTC. These are
        our observations, stored with the pages: Box does not say when a status changed.

        Raises:
            InvalidRequest: an id is invalid.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     running = box.jobs("12345600340")
        ...     box.transitions("12345600340").height == running.height
        True
        """
        wanted, store, host = batch_ids(ids), self._account.open(), self._account.session.host
        seen = [transitions(store, host, batch_id) for batch_id in wanted]
        return pl.concat(
            [pl.DataFrame(schema=TRANSITIONS), *(frame for frame in seen if frame is not None)]
        )


def _scan(session: BoxSession, store: PageStore, origin: str) -> pl.LazyFrame:
    """Read stored rows file by file, and other batches one after another, to save memory."""
    line = errors.caller_line()  # polars collects in a separate thread

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        for lazy in _parts(session, store, predicate, line):
            jobs = lazy.with_columns(pl.lit(origin).alias("origin"))
            jobs = jobs if predicate is None else jobs.filter(predicate)
            jobs = jobs if columns is None else jobs.select(columns)
            found = (jobs if rows is None else jobs.head(rows)).collect()
            yield found
            rows = None if rows is None else rows - found.height
            if rows is not None and rows <= 0:
                return

    return register_io_source(batches, schema=dict(JOBS))


def _parts(
    session: BoxSession, store: PageStore, predicate: pl.Expr | None, line: errors.Line
) -> Iterator[pl.LazyFrame]:
    """The rows of all batches that a predicate on the batch id does not exclude.

    Only complete chains count: part of a batch must not look like all of it."""
    others: list[str] = []
    yield from frame_cache.rows(store, endpoints.batches_root(session.host), others)
    wanted = _matching(others, predicate)
    incomplete = len(wanted)
    for chain in _chains(session, store, wanted):
        incomplete -= 1
        yield pl.concat(chain.frames()).lazy()
    if incomplete:
        errors.warn(
            f"{counted(incomplete, 'batch')} left out, because not all pages are cached. "
            "Read them once more to complete them.",
            IncompleteListWarning,
            line,
        )


def _matching(batch_ids: list[str], predicate: pl.Expr | None) -> list[str]:
    """The batches that a predicate on the batch id does not exclude; others are not read."""
    if predicate is None or set(predicate.meta.root_names()) != {"batch_id"}:
        return batch_ids
    return pl.DataFrame({"batch_id": batch_ids}).filter(predicate)["batch_id"].to_list()


def _chains(session: BoxSession, store: PageStore, batch_ids: Sequence[str]) -> Iterator[Chain]:
    """The completely cached chains of these batches, whose frames are then stored."""
    for start in range(0, len(batch_ids), _AT_ONCE):
        parsed = []
        for batch_id in batch_ids[start : start + _AT_ONCE]:
            paged = endpoints.batch_jobs(batch_id, ttl_s=0)
            root = paged.root(session.host)
            chain = Chain(stored=frame_cache.load(store, [root]).get(root))
            try:
                deque(walk(session.offline_copy(), store, paged, chain), maxlen=0)
            except errors.BoxDocGenError:
                continue
            yield chain
            parsed.append(chain)
        if not session.offline:
            frame_cache.save(store, parsed)
