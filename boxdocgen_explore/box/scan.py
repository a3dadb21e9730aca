"""All cached batches as a lazy frame. Nothing is requested from Box.

Only complete chains count, because part of a batch must not be shown as if it were all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import polars as pl
from polars.io.plugins import register_io_source

from boxdocgen_explore import errors
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.chain import IncompleteListWarning, follow
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache import Cache
from boxdocgen_explore.pages import Chain, frames
from boxdocgen_explore.schema import JOBS, User
from boxdocgen_explore.text import counted

_AT_ONCE = 100
"""Batches whose pages are parsed before their frames are stored."""


@dataclass(frozen=True)
class Cached:
    """What is cached of one user's batches."""

    session: BoxSession
    cache: Cache
    user: User | None
    origin: str

    def batch_ids(self) -> list[str]:
        return endpoints.cached_batches(self.cache.store, self.session.host)

    def paged_list(self, batch_id: str) -> PagedList:
        return endpoints.batch_jobs(batch_id, ttl_s=0)

    def complete(self) -> tuple[dict[str, list[str] | None], list[str]]:
        """The batches whose rows are stored, by file, and the others (`FrameCache.complete`)."""
        root = f"{quote(self.session.host, safe='')}/docgen_batch_jobs/"
        if self.cache.frames:
            return self.cache.frames.complete(root)
        return {}, self.batch_ids()

    def chains(self, batch_ids: Sequence[str]) -> Iterator[tuple[str, Chain | None]]:
        """The chain of each batch, None if not all of it is cached; their frames are stored."""
        for start in range(0, len(batch_ids), _AT_ONCE):
            parsed = []
            for batch_id in batch_ids[start : start + _AT_ONCE]:
                chain = self._chain(batch_id)
                yield batch_id, chain
                parsed += [chain] if chain else []
            if self.cache.frames and not self.session.offline:
                self.cache.frames.save(parsed)

    def _chain(self, batch_id: str) -> Chain | None:
        chain, paged = Chain(), self.paged_list(batch_id)
        if self.cache.frames:
            chain.stored = self.cache.frames.load([paged.root(self.session.host)]).get(
                paged.root(self.session.host)
            )
        try:
            follow(self.session.offline_copy(), self.cache, paged, chain)
        except errors.BoxDocGenError:
            return None
        return chain


def scan(cached: Cached) -> pl.LazyFrame:
    """One row per job of every batch that is completely cached (schema.JOBS), read on collect.

    Stored rows are read file by file, and only the columns and rows that are asked for; other
    batches are read one after another, so that they need not fit into memory together.
    """
    line = errors.caller_line()  # polars collects in a thread of its own

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        for lazy in _parts(cached, predicate, line):
            jobs = lazy.with_columns(pl.lit(cached.origin).alias("origin"))
            jobs = jobs if predicate is None else jobs.filter(predicate)
            jobs = jobs if columns is None else jobs.select(columns)
            found = (jobs if rows is None else jobs.head(rows)).collect()
            yield found
            rows = None if rows is None else rows - found.height
            if rows is not None and rows <= 0:
                return

    return register_io_source(batches, schema=dict(JOBS))


def _parts(cached: Cached, predicate: pl.Expr | None, line: errors.Line) -> Iterator[pl.LazyFrame]:
    """The rows of all batches that a predicate on the batch id does not exclude."""
    by_file, others = cached.complete()
    if cached.cache.frames:
        yield from cached.cache.frames.rows(by_file, others)
    incomplete = 0
    for _, chain in cached.chains(_matching(others, predicate)):
        if chain is None:
            incomplete += 1
        else:
            yield frames.jobs(chain.frames(), cached.origin).lazy()
    if incomplete:
        errors.warn(
            f"{counted(incomplete, 'batch')} left out, because not all pages are cached. "
            "Read them once more to complete them.",
            IncompleteListWarning,
            line,
        )


def _matching(batch_ids: list[str], predicate: pl.Expr | None) -> list[str]:
    """Without the batches that a predicate on the batch id excludes: these need not be read."""
    if predicate is None or set(predicate.meta.root_names()) != {"batch_id"}:
        return batch_ids
    return pl.DataFrame({"batch_id": batch_ids}).filter(predicate)["batch_id"].to_list()
