"""The chain of a list's pages, followed from the first marker to the end.

A chain is whole when it began at the first page, used every marker once, met no id twice and
ended on an end marker. Box publishes no total, so nothing else can say so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.api import Chain, Listing, PageRead, marker_sha256
from boxdocgen_explore.schema import MAX_LIMIT
from boxdocgen_explore.session import Answer, BoxSession

_RESTARTS: Final = 3
_EMPTY_PAGES: Final = 50


class _Moved(errors.BrokenChain):
    """Pages moved while they were being read; a fresh start may help."""


def follow(
    session: BoxSession,
    listing: Listing,
    chain: Chain,
    *,
    limit: int = MAX_LIMIT,
    refresh: bool = False,
    max_age: dt.timedelta | None = None,
    on_page: Callable[[PageRead], None] = lambda _page: None,
) -> None:
    """Fill `chain` from the store and from Box until it is whole; on an error it holds the rest.

    1. Take the newest kept chain (offline: the newest whole one).
    2. Walk it, reading again what has expired, and on a refresh whatever may have changed.
    3. Where a page no longer fits the rest, or Box refuses a marker, or an id comes twice, begin
       a new chain at the first page, beside the kept one.
    4. Once it is whole, forget the older ones.

    Raises:
        BrokenPage, BrokenChain: Box's pages are not what the API promises.
        BoxError, Unreachable, NotKept, Cancelled: as `BoxSession.get`.
    """
    walk = _Walk(session, listing, chain, limit, refresh, max_age, on_page)
    generation = walk.newest_generation()
    for restart in range(_RESTARTS + 1):
        try:
            walk.run(generation + restart, fresh=restart > 0)
        except (_Moved, errors.MarkerRefused):
            if session.offline or restart == _RESTARTS:
                raise
            continue
        walk.forget_before(generation + restart)
        return


@dataclass
class _Walk:
    """One call of `follow`."""

    session: BoxSession
    listing: Listing
    chain: Chain
    limit: int
    refresh: bool
    max_age: dt.timedelta | None
    on_page: Callable[[PageRead], None]

    def __post_init__(self) -> None:
        self.prefix = self.listing.prefix(self.session.host, self.limit)

    def run(self, generation: int, *, fresh: bool) -> None:
        """Page after page from the first; `fresh` believes nothing that is kept."""
        self.chain.pages.clear()
        self.chain.whole = False
        marker: str | None = None
        used: set[str] = set()
        empty = 0
        while True:
            page = self._page(generation, marker, fresh)
            self.chain.pages.append(page)
            self.on_page(page)
            marker = page.parsed.next_marker
            if marker is None:
                break
            if marker in used:
                raise self._broken(page, "its next marker has been used before", errors.BrokenChain)
            used.add(marker)
            empty = 0 if page.parsed.rows.height else empty + 1
            if empty >= _EMPTY_PAGES:
                raise self._broken(page, f"{empty} empty pages in a row", errors.BrokenChain)
        if self.listing.id_column != "tag" and any(self.chain.duplicates(self.listing.id_column)):
            raise self._broken(page, "an id comes twice: pages moved while being read", _Moved)
        self.chain.whole = True

    def _page(self, generation: int, marker: str | None, fresh: bool) -> PageRead:
        """The next page: the kept one while it is good, else Box's, checked and then kept."""
        number = len(self.chain.pages) + 1
        key = self._key(generation, marker)
        kept = self._kept(key, number, marker)
        if kept and (self.session.offline or (not fresh and self._good(kept))):
            return kept
        answer = self.session.get(self.listing.path, self._params(marker))
        page = self._checked(number, marker, answer)
        if kept and not fresh and not page.fits(kept, self.listing.id_column):
            raise self._broken(page, "the pages behind it no longer fit", _Moved)
        if self.session.store:
            lifetime = self.listing.expires_in(self.chain, page)
            expires = None if lifetime is None else answer.fetched_at + lifetime
            self.session.store.save(key, answer.response, expires)
        return page

    def _params(self, marker: str | None) -> dict[str, str | int]:
        params: dict[str, str | int] = {"limit": self.limit, **dict(self.listing.params)}
        # Box's reference wants usemarker along with a marker; its own SDK never sends it.
        return params if marker is None else {**params, "marker": marker, "usemarker": "true"}

    def _good(self, page: PageRead) -> bool:
        answer = page.answer
        if self.max_age is not None:
            age = dt.datetime.now(dt.UTC) - answer.fetched_at
            if age > self.max_age:
                return False
        return answer.expires is None or not (self.refresh or answer.expired)

    def _kept(self, key: str, number: int, marker: str | None) -> PageRead | None:
        stored = self.session.store.page(key) if self.session.store else None
        if stored is None:
            return None
        answer = Answer(
            key, stored, fetched_at=stored.created_at, from_cache=True, expires=stored.expires
        )
        try:
            return self._checked(number, marker, answer)
        except errors.BrokenPage:  # kept by an older version that knew less: read it again
            return None

    def _checked(self, number: int, marker: str | None, answer: Answer) -> PageRead:
        try:
            page = PageRead(number, marker, self.limit, self.listing.parse(answer.body), answer)
        except errors.BrokenPage as error:
            raise self._broken(number, str(error), errors.BrokenPage, answer) from None
        if self.listing.batch_id is not None:
            others = page.parsed.rows.filter(pl.col("batch_id") != self.listing.batch_id)
            if others.height:
                said = f"batch.id is {others['batch_id'][0]}: a job of another batch"
                raise self._broken(number, said, errors.BrokenPage, answer)
        return page

    def _broken(
        self,
        page: PageRead | int,
        what: str,
        kind: type[errors.BoxDocGenError],
        answer: Answer | None = None,
    ) -> errors.BoxDocGenError:
        number, answer = (page, answer) if isinstance(page, int) else (page.number, page.answer)
        request_id = answer.request_id if answer else None
        error = kind(
            f"Page {number} of {self.listing.name} is not what Box promises: {what}"
            + (f" (request id {request_id})" if request_id else "")
            + ". What had arrived is kept, and is not complete; try again, and if it stays so, "
            "ask Box with the request id.",
            request_id=request_id,
            batch_id=self.listing.batch_id,
        )
        if answer:
            error.status = answer.response.status_code
        return error

    def _key(self, generation: int, marker: str | None) -> str:
        place = "first" if marker is None else marker_sha256(marker)
        extra = "".join(f"/{quote(value, safe='')}" for _, value in self.listing.params)
        return f"{self.prefix}{generation:06d}/{place}{extra}"

    def _generations(self) -> list[int]:
        if not self.session.store:
            return []
        keys = self.session.store.keys(self.prefix)
        return sorted({int(key[len(self.prefix) :].partition("/")[0]) for key in keys})

    def newest_generation(self) -> int:
        kept = self._generations()
        if self.session.offline:
            whole = [generation for generation in kept if self._kept_whole(generation)]
            kept = whole or kept
        return kept[-1] if kept else 0

    def _kept_whole(self, generation: int) -> bool:
        return all(page is not None for page in self._kept_pages(generation))

    def _kept_pages(self, generation: int) -> Iterator[PageRead | None]:
        marker: str | None = None
        seen: set[str] = set()
        while marker not in seen:
            page = self._kept(self._key(generation, marker), len(seen) + 1, marker)
            yield page
            if page is None or page.parsed.next_marker is None:
                return
            seen.add(marker or "")
            marker = page.parsed.next_marker

    def forget_before(self, generation: int) -> None:
        store = self.session.store
        if store and not self.session.offline:
            keep = f"{self.prefix}{generation:06d}/"
            store.delete([key for key in store.keys(self.prefix) if key < keep])
