"""The chain of a list's pages, followed from the first page to the end marker.

A chain is complete if it began at the first page, used every marker once, contains no duplicate
id and ended on an end marker. Box publishes no total, so nothing else can show it.
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
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.box.session import Answer, BoxSession
from boxdocgen_explore.cache import Cache
from boxdocgen_explore.pages.records import Chain, PageRead, page_place
from boxdocgen_explore.schema import MAX_LIMIT

_EMPTY_PAGES: Final = 50
_MARKER_LIFE: Final = dt.timedelta(days=1)

_PARSING: Final = threading.Lock()
"""One page at a time: the GIL serialises parsing anyway, and two pages at once need twice the
memory."""


class _Restart(Exception):
    """Restart from the first page; ``error`` is raised when no restarts are left."""

    def __init__(self, error: errors.BoxDocGenError, *, moved: bool) -> None:
        self.error = error
        self.moved = moved


def follow(
    session: BoxSession,
    cache: Cache,
    paged: PagedList,
    chain: Chain,
    *,
    limit: int = MAX_LIMIT,
    refresh: bool = False,
    max_age: dt.timedelta | None = None,
    context: RequestContext | None = None,
    on_page: Callable[[PageRead], None] = lambda _page: None,
) -> None:
    """Fill `chain` from the cache and from Box until it is complete; on an error it has the rest.

    1. Take the newest cached chain (offline: the newest complete one), its frame file first.
    2. Follow it, reading again what has expired, and on a refresh whatever may have changed.
    3. If a page no longer matches the rest, Box refuses a marker, or an id appears twice, start
       a new chain at the first page, beside the cached one.
    4. Once it is complete, delete the older ones, and write a frame file of its final pages.

    A list that may shift (`PagedList.may_shift`) ends without an error, and not ``complete``.

    Raises:
        BrokenPage, BrokenChain: Box's pages are not what the API documents.
        BoxError, Unreachable, NotCached, Cancelled: as `BoxSession.get`.
    """
    context = context or RequestContext()
    reader = _ChainReader(session, cache, paged, chain, limit, refresh, max_age, context, on_page)
    generation = reader.newest_generation()
    for restart in range(paged.max_restarts + 1):
        last = session.offline or restart == paged.max_restarts
        try:
            reader.run(generation + restart)
        except _Restart as again:
            failure = again.error
            if last and again.moved and paged.may_shift:
                return
        except errors.MarkerRefused as error:
            failure = error
        else:
            reader.delete_before(generation + restart)
            reader.save_frame(generation + restart)
            return
        if last:
            raise failure


@dataclass
class _ChainReader:
    """One call of `follow`. Every restart is a new generation of pages in the cache."""

    session: BoxSession
    cache: Cache
    paged: PagedList
    chain: Chain
    limit: int
    refresh: bool
    max_age: dt.timedelta | None
    context: RequestContext
    on_page: Callable[[PageRead], None]
    cached_keys: set[str] = field(init=False)
    """Cached when this began: most pages of a new chain need not be looked up."""

    def __post_init__(self) -> None:
        self.cached_keys = set(self._keys())

    def newest_generation(self) -> int:
        """The one to continue with, or 0; offline the newest complete one, read with any limit."""
        if not self.session.offline:
            return max(self._generations(), default=0)
        limits = self.paged.cached_limits(self.cache.store.keys(self._root), self.session.host)
        asked = self.limit
        for limit in sorted(limits, key=lambda one: (one != asked, -one)):
            self.limit = limit
            self.cached_keys = set(self._keys())
            for generation in sorted(self._generations(), reverse=True):
                if all(page is not None for page in self._cached_pages(generation)):
                    return generation
        self.limit = asked if asked in limits or not limits else max(limits)
        self.cached_keys = set(self._keys())
        return max(self._generations(), default=0)

    def run(self, generation: int) -> None:
        """Page after page, from the first to the end."""
        self.chain.reset()
        self._load_frame(generation)
        self._follow(generation)
        if self.chain.has_duplicates(self.paged.id_column):
            self._restart(generation)
        self.chain.complete = True

    def _follow(self, generation: int) -> None:
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
                raise self._broken(generation, f"{empty} empty pages follow one another")
            if page.first_id in first_ids:  # in a circle, under ever new markers
                self._restart(generation)
            if page.first_id is not None:
                first_ids.add(page.first_id)

    # --- one page ----------------------------------------------------------------------------

    def _page(self, generation: int, marker: str | None) -> PageRead:
        """The next page: from the cache while it is fresh, else from Box, checked, then cached."""
        number = len(self.chain.pages) + 1
        key = self._key(generation, marker)
        cached = self._cached_page(key, number, marker)
        if cached and (self.session.offline or self._is_fresh(cached)):
            return cached
        if not cached:
            self._check_marker_age()
        answer = self.session.get(
            self.paged.path,
            self._params(marker),
            version=self.paged.version,
            context=self.context,
        )
        page = self._checked(number, marker, answer)
        if cached and not page.matches(cached, self.paged.id_column):
            raise self._outdated(page, "the pages after it no longer match")
        lifetime = self.paged.expires_in(self.chain, page)
        expires = None if lifetime is None else answer.fetched_at + lifetime
        self.cache.store.save(key, answer.response, answer.fetched_at, expires)
        return replace(page, expires=expires)

    def _params(self, marker: str | None) -> dict[str, str | int]:
        params: dict[str, str | int] = {"limit": self.limit, **dict(self.paged.params)}
        # Box's reference wants usemarker along with a marker; its own SDK never sends it.
        return params if marker is None else {**params, "marker": marker, "usemarker": "true"}

    def _is_fresh(self, page: PageRead) -> bool:
        if self.max_age is not None and page.age > self.max_age:
            return False
        return page.expires is None or not (self.refresh or page.expired)

    def _cached_page(self, key: str, number: int, marker: str | None) -> PageRead | None:
        stored = self.cache.store.page(key) if key in self.cached_keys else None
        if stored is None:
            return None
        answer = Answer(stored, stored.created_at, from_cache=True, expires=stored.expires)
        try:
            return self._checked(number, marker, answer)
        except errors.BrokenPage:  # cached by an older version that checked less: read it again
            return None

    def _cached_pages(self, generation: int) -> Iterator[PageRead | None]:
        """The cached pages of one generation; the last one is None if a page is missing."""
        marker: str | None = None
        seen: set[str | None] = set()
        while marker not in seen:
            page = self._cached_page(self._key(generation, marker), len(seen) + 1, marker)
            yield page
            if page is None or page.parsed.next_marker is None:
                return
            seen.add(marker)
            marker = page.parsed.next_marker

    def _checked(self, number: int, marker: str | None, answer: Answer) -> PageRead:
        request_id = answer.request_id
        try:
            with _PARSING:
                parsed = self.paged.parse(answer.body)
        except errors.BrokenPage as error:
            raise self._error(number, str(error), errors.BrokenPage, request_id) from None
        if self.paged.batch_id is not None:
            others = set(parsed.rows["batch_id"].unique()) - {self.paged.batch_id}
            if others:
                what = f"batch.id is {min(others)}: a job of another batch"
                raise self._error(number, what, errors.BrokenPage, request_id)
        ids = parsed.rows[self.paged.id_column] if self.paged.id_column else ()
        return PageRead(
            number,
            marker,
            self.limit,
            parsed,
            self.paged.final(parsed),
            next(iter(ids), None),
            answer.fetched_at,
            answer.from_cache,
            answer.expires,
            request_id,
            hashlib.sha256(answer.body).hexdigest(),
        )

    # --- what can go wrong with a chain ------------------------------------------------------

    def _check_marker_age(self) -> None:
        """Refuse to follow an old cached marker: Box may have changed its meaning."""
        before = self.chain.pages[-1] if self.chain.pages else None
        old = before and before.from_cache and before.age > _MARKER_LIFE
        if before and old and not self.session.offline:
            raise self._outdated(before, "its next marker is too old to be followed")

    def _restart(self, generation: int) -> NoReturn:
        what = "an id appears twice, because pages moved while they were read"
        raise _Restart(self._broken(generation, what), moved=True)

    def _outdated(self, page: PageRead, what: str) -> _Restart:
        error = self._error(page.number, what, errors.BrokenChain, page.request_id)
        return _Restart(error, moved=False)

    def _broken(self, generation: int, what: str) -> errors.BoxDocGenError:
        """The pages of this generation can never make a chain: the next reader asks Box."""
        self._delete(self._keys(generation))
        page = self.chain.pages[-1]
        return self._error(page.number, what, errors.BrokenChain, page.request_id)

    def _error(
        self, number: int, what: str, kind: type[errors.BoxDocGenError], request_id: str | None
    ) -> errors.BoxDocGenError:
        return kind(
            f"Page {number} of {self.paged.name} is not what Box documents: {what}. The list is "
            "incomplete. Try again; if it happens again, ask Box's support with the request id."
            + (f"\nrequest id {request_id}" if request_id else ""),
            status=200,
            request_id=request_id,
            batch_id=self.paged.batch_id,
        )

    # --- the cache ---------------------------------------------------------------------------

    @property
    def _root(self) -> str:
        return self.paged.root(self.session.host)

    def _generation_prefix(self, generation: int) -> str:
        return f"{self._root}limit={self.limit}/{generation:06d}/"

    def _key(self, generation: int, marker: str | None) -> str:
        return self._generation_prefix(generation) + page_place(marker)

    def _keys(self, generation: int | None = None) -> list[str]:
        """Keys of one generation's pages, or of all that were read with this limit."""
        every = f"{self._root}limit={self.limit}/"
        prefix = every if generation is None else self._generation_prefix(generation)
        return self.cache.store.keys(prefix)

    def _generations(self) -> set[int]:
        numbers = {key.rsplit("/", 2)[1] for key in self.cached_keys}
        return {int(number) for number in numbers if number.isdecimal()}

    def _load_frame(self, generation: int) -> None:
        """Begin with the final pages of the frame file: they need not be read one by one."""
        frames, prefix = self.cache.frames, self._generation_prefix(generation)
        if frames and self.cached_keys and self.paged.batch_id and self.max_age is None:
            frames.load(self.chain, prefix, lambda: dict(self.cache.store.fingerprints(prefix)))
            for page in self.chain.pages:
                self.on_page(page)

    def save_frame(self, generation: int) -> None:
        """Write a frame file of the final pages."""
        frames, prefix = self.cache.frames, self._generation_prefix(generation)
        if frames and self.paged.batch_id and not self.session.offline:
            frames.save(self.chain, prefix, lambda: dict(self.cache.store.fingerprints(prefix)))

    def delete_before(self, generation: int) -> None:
        """Delete what a complete chain has replaced."""
        if generation:  # nothing is older than the first
            first = self._generation_prefix(generation)
            self._delete([key for key in self._keys() if key < first])

    def _delete(self, keys: list[str]) -> None:
        if keys and not self.session.offline:
            self.cache.store.delete(keys)
            if self.cache.frames:
                for prefix in {key.rpartition("/")[0] + "/" for key in keys}:
                    self.cache.frames.delete(prefix)
