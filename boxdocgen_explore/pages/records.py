"""Records of pages and of chains of pages."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from boxdocgen_explore.pages.parse import ParsedPage
from boxdocgen_explore.schema import MAX_LIMIT


@dataclass(frozen=True)
class PageRead:
    """One checked page of a chain, with its evidence.

    It does not keep the body, because two copies of a million jobs need too much memory. ``final``
    is true if the page has jobs and all of them are terminal, so that they no longer change;
    ``expires`` is the time to read it again (None: never). ``fingerprint`` identifies the page in
    the cache (None: it could not be cached).
    """

    number: int
    marker: str | None
    limit_requested: int
    parsed: ParsedPage
    final: bool
    first_id: str | None
    fetched_at: dt.datetime
    from_cache: bool
    expires: dt.datetime | None
    request_id: str | None
    body_sha256: str
    fingerprint: bytes | None = None

    @property
    def age(self) -> dt.timedelta:
        return dt.datetime.now(dt.UTC) - self.fetched_at

    def is_fresh(self, max_age: dt.timedelta | None, *, refresh: bool) -> bool:
        """Whether it is still valid; on a ``refresh``, only pages that never expire are.

        A page from the future is not fresh: the clock was or is wrong, so its age is unknown.
        """
        age = self.age
        if age < dt.timedelta() or (max_age is not None and age > max_age):
            return False
        return self.expires is None or (not refresh and dt.datetime.now(dt.UTC) < self.expires)

    def evidence(self) -> dict[str, Any]:
        """The evidence of this page, for any list."""
        return {
            "page": self.number,
            "marker_sha256": marker_sha256(self.marker),
            "next_marker_sha256": marker_sha256(self.parsed.next_marker),
            "fetched_at": self.fetched_at,
            "from_cache": self.from_cache,
            "box_request_id": self.request_id,
            "body_sha256": self.body_sha256,
        }

    def matches(self, other: PageRead, id_column: str | None) -> bool:
        """Whether the pages that follow `other` in a chain also follow this one."""
        mine, theirs = self.parsed, other.parsed
        columns = [id_column] if id_column else mine.rows.columns
        same_rows = mine.rows.select(columns).equals(theirs.rows.select(columns))
        return same_rows and mine.next_marker == theirs.next_marker


@dataclass(frozen=True)
class StoredChain:
    """The first pages of a cached chain, or all of them, with their ``jobs`` in one frame.

    ``prefix`` is common to the keys of the pages. The rows start at row ``start`` of ``file``;
    ``source`` has all rows of that file if they were read together.
    """

    prefix: str
    file: str
    start: int
    jobs: pl.DataFrame
    pages: list[PageRead]
    source: pl.DataFrame | None = None

    def follows(self, other: StoredChain) -> bool:
        """Whether its rows directly follow those of another one."""
        end = other.start + other.jobs.height
        return self.source is not None and self.source is other.source and self.start == end


@dataclass
class Chain:
    """The pages of one list as they arrive; ``complete`` once none is missing.

    ``head`` has the rows of the first ``head_pages`` pages in one frame if they were ``stored``;
    their ids are known to be unique. ``prefix`` is common to the cache keys of the pages.
    """

    pages: list[PageRead] = field(default_factory=list)
    complete: bool = False
    head: pl.DataFrame | None = None
    head_pages: int = 0
    prefix: str = ""
    stored: StoredChain | None = None

    def add(self, page: PageRead) -> None:
        """Append the next page."""
        self.pages.append(page)

    def reset(self) -> None:
        """Remove all pages, to read the chain from the first page again."""
        self.pages.clear()
        self.complete, self.head, self.head_pages = False, None, 0

    def start_with(self, stored: StoredChain, pages: int) -> None:
        """Start with stored pages."""
        self.pages = stored.pages[:pages]
        self.head = stored.jobs.head(sum(page.parsed.height for page in self.pages))
        self.head_pages = pages

    def copy(self) -> Chain:
        """A copy of the current chain. A worker may be adding pages: ``complete`` is read first, so
        that a complete copy has all pages."""
        complete = self.complete
        return replace(self, pages=[*self.pages], complete=complete)

    def frames(self) -> list[pl.DataFrame]:
        """The rows of all pages, in order."""
        head = [] if self.head is None else [self.head]
        return head + [page.parsed.rows for page in self.pages[self.head_pages :]]

    def has_duplicates(self, id_column: str | None) -> bool:
        """Whether any id appears twice."""
        if not self.pages or id_column is None:
            return False
        ids = _ids((page.parsed.rows for page in self.pages[self.head_pages :]), id_column)
        if _any_twice(ids):
            return True
        return self.head is not None and bool(self.head[id_column].is_in(ids.implode()).any())

    def duplicates(self, id_column: str | None) -> list[int]:
        """The number of ids per page that an earlier row has, too."""
        if id_column is None or self.complete:
            return [0] * len(self.pages)
        repeated = ~_ids(self.frames(), id_column).is_first_distinct()
        counts, start = [], 0
        for page in self.pages:
            counts.append(int(repeated[start : start + page.parsed.height].sum()))
            start += page.parsed.height
        return counts


@dataclass
class StreamedChain(Chain):
    """A chain without rows: the evidence of each page, and a hash of 8 bytes per job id."""

    hashes: list[pl.Series] = field(default_factory=list)

    def add(self, page: PageRead) -> None:
        rows = page.parsed.rows
        self.hashes.append(rows["job_id"].hash())
        super().add(replace(page, parsed=replace(page.parsed, rows=rows.clear())))

    def reset(self) -> None:
        super().reset()
        self.hashes = []

    def has_duplicates(self, id_column: str | None) -> bool:
        hashes = pl.concat([pl.Series(dtype=pl.UInt64), *self.hashes])
        return hashes.n_unique() < len(hashes)


def frames_of(chains: Iterable[Chain]) -> Iterator[pl.DataFrame]:
    """The rows of several chains, in order. Rows that are stored together stay together, because
    thousands of small frames would slow down all work on the jobs."""
    together: list[StoredChain] = []
    for chain in chains:
        stored = chain.stored
        if stored and not len(stored.pages) == chain.head_pages == len(chain.pages):
            stored = None
        if together and not (stored and stored.follows(together[-1])):
            yield _joined(together)
            together = []
        if stored:
            together.append(stored)
        else:
            yield from chain.frames()
    if together:
        yield _joined(together)


def _joined(together: Sequence[StoredChain]) -> pl.DataFrame:
    first = together[0]
    if first.source is None or len(together) == 1:
        return first.jobs
    return first.source.slice(first.start, sum(stored.jobs.height for stored in together))


def _ids(frames: Iterable[pl.DataFrame], id_column: str) -> pl.Series:
    return pl.concat([pl.Series(id_column, dtype=pl.String), *(rows[id_column] for rows in frames)])


def _any_twice(texts: pl.Series) -> bool:
    if len(texts) > MAX_LIMIT:
        # Compare sorted hashes first, which need a fraction of the memory.
        hashes = texts.hash().sort()
        if not (hashes[1:] == hashes[:-1]).any():
            return False
    return texts.n_unique() < len(texts)


def marker_sha256(marker: str | None) -> str | None:
    """The digest of a marker, for keys and evidence; None for the first page and the end."""
    return hashlib.sha256(marker.encode()).hexdigest() if marker else None


def page_place(marker: str | None) -> str:
    """The last part of a page's cache key: its place in the chain."""
    return marker_sha256(marker) or "first"
