"""The chain of a list's pages, followed from the first marker to the end.

A chain is whole when it began at the first page, used every marker once, met no id twice and
ended on an end marker. Box publishes no total, so nothing else can say so.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn

from boxdocgen_explore import errors
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.session import Answer, BoxSession
from boxdocgen_explore.cache import Cache
from boxdocgen_explore.pages.records import Chain, PageRead, page_place
from boxdocgen_explore.schema import MAX_LIMIT

_EMPTY_PAGES: Final = 50
_MARKER_LIFE: Final = dt.timedelta(days=1)
"""How old a marker may be to lead to a page never seen. Box: its meaning may change in time."""


_PARSING: Final = threading.Lock()
"""One page after another: Python runs one thread at a time anyway, and two that interrupt each
other take longer, and the memory of two pages' objects."""


class _Restart(Exception):
    """Begin anew at the first page; ``error`` says why, for when that is of no use any more."""

    def __init__(self, error: errors.BoxDocGenError, *, moved: bool) -> None:
        self.error = error
        self.moved = moved


def follow(
    session: BoxSession,
    cache: Cache,
    listing: PagedList,
    chain: Chain,
    *,
    limit: int = MAX_LIMIT,
    refresh: bool = False,
    max_age: dt.timedelta | None = None,
    on_page: Callable[[PageRead], None] = lambda _page: None,
) -> None:
    """Fill `chain` from the store and from Box until it is whole; on an error it holds the rest.

    1. Take the newest kept chain (offline: the newest whole one), its memo first.
    2. Walk it, reading again what has expired, and on a refresh whatever may have changed.
    3. Where a page no longer fits the rest, or Box refuses a marker, or an id comes twice, begin
       a new chain at the first page, beside the kept one.
    4. Once it is whole, forget the older ones, and keep a memo of its settled pages.

    A list that always shifts (`PagedList.may_shift`) ends without an error, and not ``complete``.

    Raises:
        BrokenPage, BrokenChain: Box's pages are not what the API promises.
        BoxError, Unreachable, NotCached, Cancelled: as `BoxSession.get`.
    """
    walk = _ChainReader(session, cache, listing, chain, limit, refresh, max_age, on_page)
    generation = walk.newest_generation()
    for restart in range(listing.restarts + 1):
        last = session.offline or restart == listing.restarts
        try:
            walk.run(generation + restart)
        except _Restart as again:
            failure = again.error
            if last and again.moved and listing.may_shift:
                return
        except errors.MarkerRefused as error:
            failure = error
        else:
            walk.forget_before(generation + restart)
            walk.remember(generation + restart)
            return
        if last:
            raise failure


@dataclass
class _ChainReader:
    """One call of `follow`. Each new start is a new generation of pages in the store."""

    session: BoxSession
    cache: Cache
    listing: PagedList
    chain: Chain
    limit: int
    refresh: bool
    max_age: dt.timedelta | None
    on_page: Callable[[PageRead], None]
    prefix: str = field(init=False)
    there: set[str] = field(init=False, default_factory=set)
    """Keys of what was kept when this began: most pages of a new chain need not be looked for."""

    def __post_init__(self) -> None:
        self.prefix = self.listing.prefix(self.session.host, self.limit)

    def run(self, generation: int) -> None:
        """Page after page, from the first to the end."""
        self.chain.reset()
        self._recall(generation)
        self._walk(generation)
        if self.chain.has_duplicates(self.listing.id_column):
            self._moved(generation)
        self.chain.complete = True

    def _walk(self, generation: int) -> None:
        used = {page.parsed.next_marker for page in self.chain.pages}
        marker = self.chain.pages[-1].parsed.next_marker if self.chain.pages else None
        first_ids: set[str] = set()
        empty = 0
        while True:
            page = self._page(generation, marker)
            self.chain.pages.append(page)
            self.on_page(page)
            marker = page.parsed.next_marker
            if marker is None:
                return
            if marker in used:
                raise self._broken(generation, "its next marker has been used before")
            used.add(marker)
            empty = 0 if page.parsed.height else empty + 1
            if empty >= _EMPTY_PAGES:
                raise self._broken(generation, f"{empty} empty pages in a row")
            if page.first_id in first_ids:  # round in a circle, under ever new markers
                self._moved(generation)
            if page.first_id is not None:
                first_ids.add(page.first_id)

    def _moved(self, generation: int) -> NoReturn:
        what = "an id comes twice: pages moved while being read"
        raise _Restart(self._broken(generation, what), moved=True)

    def _broken(self, generation: int, what: str) -> errors.BoxDocGenError:
        """The pages of this generation can never make a chain: the next reader asks Box."""
        self._forget(self._keys(generation))
        page = self.chain.pages[-1]
        return self._error(page.number, what, errors.BrokenChain, page.request_id)

    def _page(self, generation: int, marker: str | None) -> PageRead:
        """The next page: the kept one while it is good, else Box's, checked and then kept."""
        number = len(self.chain.pages) + 1
        key = self._key(generation, marker)
        kept = self._kept(key, number, marker)
        if kept and (self.session.offline or self._good(kept)):
            return kept
        if not kept:
            self._check_marker()
        answer = self.session.get(self.listing.path, self._params(marker))
        page = self._checked(number, marker, answer)
        if kept and not page.matches(kept, self.listing.id_column):
            raise self._outdated(page, "the pages behind it no longer fit")
        lifetime = self.listing.expires_in(self.chain, page)
        expires = None if lifetime is None else answer.fetched_at + lifetime
        self.cache.store.save(key, answer.response, answer.fetched_at, expires)
        return replace(page, expires=expires)

    def _check_marker(self) -> None:
        """Not with an old marker into pages never seen: what it means may have changed."""
        before = self.chain.pages[-1] if self.chain.pages else None
        old = before and before.from_cache and before.age > _MARKER_LIFE
        if before and old and not self.session.offline:
            raise self._outdated(before, "its next marker is too old to go on")

    def _outdated(self, page: PageRead, what: str) -> _Restart:
        error = self._error(page.number, what, errors.BrokenChain, page.request_id)
        return _Restart(error, moved=False)

    def _params(self, marker: str | None) -> dict[str, str | int]:
        params: dict[str, str | int] = {"limit": self.limit, **dict(self.listing.params)}
        # Box's reference wants usemarker along with a marker; its own SDK never sends it.
        return params if marker is None else {**params, "marker": marker, "usemarker": "true"}

    def _good(self, page: PageRead) -> bool:
        """Whether a kept page will do as it is."""
        if self.max_age is not None and page.age > self.max_age:
            return False
        return page.expires is None or not (self.refresh or page.expired)

    def _kept(self, key: str, number: int, marker: str | None) -> PageRead | None:
        stored = self.cache.store.page(key) if key in self.there else None
        if stored is None:
            return None
        answer = Answer(stored, stored.created_at, from_cache=True, expires=stored.expires)
        try:
            return self._checked(number, marker, answer)
        except errors.BrokenPage:  # kept by an older version that knew less: read it again
            return None

    def _checked(self, number: int, marker: str | None, answer: Answer) -> PageRead:
        request_id = answer.request_id
        try:
            with _PARSING:
                parsed = self.listing.parse(answer.body)
        except errors.BrokenPage as error:
            raise self._error(number, str(error), errors.BrokenPage, request_id) from None
        if self.listing.batch_id is not None:
            others = set(parsed.rows["batch_id"].unique()) - {self.listing.batch_id}
            if others:
                said = f"batch.id is {min(others)}: a job of another batch"
                raise self._error(number, said, errors.BrokenPage, request_id)
        ids = parsed.rows[self.listing.id_column] if self.listing.id_column else ()
        return PageRead(
            number,
            marker,
            self.limit,
            parsed,
            self.listing.final(parsed),
            next(iter(ids), None),
            answer.fetched_at,
            answer.from_cache,
            answer.expires,
            request_id,
            hashlib.sha256(answer.body).hexdigest(),
        )

    def _error(
        self, number: int, what: str, kind: type[errors.BoxDocGenError], request_id: str | None
    ) -> errors.BoxDocGenError:
        return kind(
            f"Page {number} of {self.listing.name} is not what Box promises: {what}"
            + (f" (request id {request_id})" if request_id else "")
            + ". What had arrived is not complete; try again, and if it stays so, ask Box with "
            "the request id.",
            status=200,
            request_id=request_id,
            batch_id=self.listing.batch_id,
        )

    def _name(self, generation: int) -> str:
        """How the keys of one generation's pages begin."""
        return f"{self.prefix}{generation:06d}/"

    def _key(self, generation: int, marker: str | None) -> str:
        return self._name(generation) + page_place(marker)

    def _keys(self, generation: int | None = None) -> list[str]:
        """Keys of one generation's pages, or of all."""
        start = self.prefix if generation is None else self._name(generation)
        return self.cache.store.keys(start)

    def newest_generation(self) -> int:
        """The one to go on with; 0 where nothing is kept."""
        self.there = set(self._keys())
        numbers = {key[len(self.prefix) :].partition("/")[0] for key in self.there}
        kept = sorted(int(number) for number in numbers if number.isdecimal())
        if self.session.offline and len(kept) > 1:
            kept = [number for number in kept if self._cached_complete(number)] or kept
        return kept[-1] if kept else 0

    def _cached_complete(self, generation: int) -> bool:
        return all(page is not None for page in self._cached_pages(generation))

    def _cached_pages(self, generation: int) -> Iterator[PageRead | None]:
        marker: str | None = None
        seen: set[str | None] = set()
        while marker not in seen:
            page = self._kept(self._key(generation, marker), len(seen) + 1, marker)
            yield page
            if page is None or page.parsed.next_marker is None:
                return
            seen.add(marker)
            marker = page.parsed.next_marker

    def _recall(self, generation: int) -> None:
        """Begin with the settled pages that a memo holds: they need not be read one by one."""
        store, memos, name = self.cache.store, self.cache.frames, self._name(generation)
        if memos and self.there and self.listing.batch_id and self.max_age is None:
            memos.load(self.chain, name, lambda: dict(store.fingerprints(name)))
            for page in self.chain.pages:
                self.on_page(page)

    def remember(self, generation: int) -> None:
        """Keep a memo of the settled pages."""
        store, memos, name = self.cache.store, self.cache.frames, self._name(generation)
        if memos and self.listing.batch_id and not self.session.offline:
            memos.save(self.chain, name, lambda: dict(store.fingerprints(name)))

    def forget_before(self, generation: int) -> None:
        """Delete what a whole chain has replaced."""
        if generation:  # nothing is older than the first
            self._forget([key for key in self._keys() if key < self._name(generation)])

    def _forget(self, keys: list[str]) -> None:
        if keys and not self.session.offline:
            self.cache.store.delete(keys)
            if self.cache.frames:
                for name in {key.rpartition("/")[0] + "/" for key in keys}:
                    self.cache.frames.delete(name)
