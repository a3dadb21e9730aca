"""What a page that was read is, and what a chain of them is."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field

import polars as pl

from boxdocgen_explore.pages.parse import Page
from boxdocgen_explore.schema import MAX_LIMIT


@dataclass(frozen=True)
class PageRead:
    """One checked page of a chain, with what proves it.

    Its body is not here any more: a list of a million jobs would not fit into memory twice.
    ``settled`` says that it has jobs, every one of them terminal: these no longer change;
    ``expires`` is when it must be read again (None: never).
    """

    number: int
    marker: str | None
    limit_requested: int
    parsed: Page
    final: bool
    first_id: str | None
    fetched_at: dt.datetime
    from_cache: bool
    expires: dt.datetime | None
    request_id: str | None
    body_sha256: str

    @property
    def expired(self) -> bool:
        return self.expires is not None and dt.datetime.now(dt.UTC) >= self.expires

    @property
    def age(self) -> dt.timedelta:
        return dt.datetime.now(dt.UTC) - self.fetched_at

    def matches(self, other: PageRead, id_column: str | None) -> bool:
        """Whether the rest of a chain that held `other` here goes on from this page."""
        mine, theirs = self.parsed, other.parsed
        columns = [id_column] if id_column else mine.rows.columns
        same_rows = mine.rows.select(columns).equals(theirs.rows.select(columns))
        return same_rows and mine.next_marker == theirs.next_marker


@dataclass
class Chain:
    """The pages of one list as they arrive; ``whole`` once nothing is missing.

    ``head`` is the rows of the first ``head_pages`` pages in one frame, where a memo had them:
    their ids are known to differ.
    """

    pages: list[PageRead] = field(default_factory=list)
    complete: bool = False
    head: pl.DataFrame | None = None
    head_pages: int = 0

    def reset(self) -> None:
        """Forget all, to be read from the first page."""
        self.pages.clear()
        self.complete, self.head, self.head_pages = False, None, 0

    def copy(self) -> Chain:
        """As it stands. A worker may still be adding to this one, so whether it is whole is
        asked first: no page can then be missing from what calls itself whole."""
        whole = self.complete
        return Chain([*self.pages], whole, self.head, self.head_pages)

    def frames(self) -> list[pl.DataFrame]:
        """The rows of all pages, in order."""
        head = [] if self.head is None else [self.head]
        return head + [page.parsed.rows for page in self.pages[self.head_pages :]]

    def has_duplicates(self, id_column: str | None) -> bool:
        """Whether any id comes twice."""
        if not self.pages or id_column is None:
            return False
        tail = [page.parsed.rows[id_column] for page in self.pages[self.head_pages :]]
        ids = pl.concat([pl.Series(id_column, dtype=pl.String), *tail])
        if _come_twice(ids):
            return True
        return self.head is not None and bool(self.head[id_column].is_in(ids.implode()).any())

    def duplicates(self, id_column: str | None) -> list[int]:
        """Per page, how many of its ids had come before."""
        if id_column is None or self.complete:
            return [0] * len(self.pages)
        ids = pl.concat(
            [pl.Series(id_column, dtype=pl.String)] + [f[id_column] for f in self.frames()]
        )
        again = ~ids.is_first_distinct()
        counts, start = [], 0
        for page in self.pages:
            end = start + page.parsed.height
            counts.append(int(again[start:end].sum()))
            start = end
        return counts


def _come_twice(texts: pl.Series) -> bool:
    if len(texts) > MAX_LIMIT:
        # By their hashes in order first, which take a fraction of the memory.
        hashes = texts.hash().sort()
        if not (hashes[1:] == hashes[:-1]).any():
            return False
    return texts.n_unique() < len(texts)


def marker_sha256(marker: str | None) -> str | None:
    """A marker's digest for keys and evidence; None for the first page and the end."""
    return hashlib.sha256(marker.encode()).hexdigest() if marker else None


def page_place(marker: str | None) -> str:
    """Where in its chain a page is kept: the end of its key."""
    return marker_sha256(marker) or "first"
