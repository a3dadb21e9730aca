"""Follow a list's chain of pages from the first page to the end marker.

A chain is complete if it started at the first page, used every marker once, contains no duplicate
id and ended with an end marker. Box publishes no total, so there is no other proof.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final, NoReturn

from boxdocgen_explore import errors
from boxdocgen_explore.box.cached_chain import CachedChain
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.box.session import Answer, BoxSession
from boxdocgen_explore.cache import PageStore
from boxdocgen_explore.pages.records import Chain, PageRead
from boxdocgen_explore.schema import MAX_LIMIT

_LOG: Final = logging.getLogger(__name__)
_EMPTY_PAGES: Final = 50
_MARKER_LIFE: Final = dt.timedelta(days=1)

_PARSING: Final = threading.Lock()
"""Parse one page at a time: the GIL serialises parsing, and two pages need twice the memory."""


class IncompleteListWarning(UserWarning):
    """A list may have gaps: it changed while it was read, or its first page was not the first."""


class _Restart(Exception):
    """Restart at the first page; ``error`` is raised if no restarts are left."""

    def __init__(self, error: errors.BoxDocGenError, *, moved: bool) -> None:
        self.error = error
        self.moved = moved


def walk(
    session: BoxSession,
    store: PageStore,
    paged: PagedList,
    chain: Chain,
    *,
    limit: int = MAX_LIMIT,
    refresh: bool = False,
    max_age: dt.timedelta | None = None,
    context: RequestContext | None = None,
) -> Iterator[PageRead]:
    """Fill `chain` from the cache and from Box until it is complete; on an error it has the rest.

    Pages are yielded as they arrive; a restarted chain yields page 1 again.

    1. Take the newest cached chain (offline: the newest complete one), stored frames first.
    2. Follow it and read expired pages again; on a refresh, all pages that may have changed.
    3. If a page no longer fits the rest, Box refuses a marker, or an id appears twice, start a
       new chain at the first page, beside the cached one.
    4. Once it is complete, delete the older chains.

    A list that may shift (`PagedList.may_shift`), or of which `PagedList.enough` was read, ends
    without an error but is not ``complete``.

    Raises:
        BrokenPage, BrokenChain: Box's pages are not what the API documents.
        BoxError, Unreachable, NotCached, Cancelled: as `BoxSession.get`.
    """
    cached = CachedChain(store, paged, session.host, limit, session.offline)
    reader = _ChainReader(session, cached, paged, chain, refresh, max_age, context)
    reader.find_newest()
    for restarts in range(paged.max_restarts + 1):
        last = session.offline or restarts == paged.max_restarts
        try:
            yield from reader.run()
        except _Restart as again:
            failure = again.error
            _LOG.info("Restart: %s", failure)
            if last and again.moved and paged.may_shift:
                return
        except errors.MarkerRefused as error:
            failure = error
        else:
            if chain.pages[0].parsed.names_previous:
                errors.warn(
                    f"The first page of {paged.name} names a page before it, so entries may be "
                    "missing. Something between this machine and Box may change requests: read "
                    "again without a proxy and compare.",
                    IncompleteListWarning,
                )
            if chain.complete:
                cached.delete_older()
            return
        if last:
            raise failure
        cached.generation += 1


@dataclass
class _ChainReader:
    """One call of `walk`."""

    session: BoxSession
    cached: CachedChain
    paged: PagedList
    chain: Chain
    refresh: bool
    max_age: dt.timedelta | None
    context: RequestContext | None

    def find_newest(self) -> None:
        """Choose the generation to continue, or the first one; offline, the newest complete one."""
        limits = self.cached.limits() if self.session.offline else []
        for limit in limits:
            self.cached.use(limit)
            for generation in self.cached.generations():
                self.cached.generation = generation
                if all(page is not None for page in self._cached_pages()):
                    return
        if limits:
            self.cached.use(limits[0])
        self.cached.generation = max(self.cached.generations(), default=0)

    def run(self) -> Iterator[PageRead]:
        """Yield all pages from the first to the last."""
        self.chain.reset()
        self.chain.prefix = self.cached.prefix
        stored = self.chain.stored
        if stored and stored.prefix == self.chain.prefix:
            fresh = [*takewhile(self._is_fresh, stored.pages)]
            self.chain.start_with(stored, len(stored.pages if self.session.offline else fresh))
        for page in self.chain.pages:
            _LOG.debug("Page %d of %s: cached", page.number, self.paged.name)
            yield page
        at_end = yield from self._follow()
        if self.chain.has_duplicates(self.paged.id_column):
            self._restart()
        self.chain.complete = at_end

    def _follow(self) -> Generator[PageRead, None, bool]:
        """Yield pages; return False if enough pages were read before the end."""
        used = {page.parsed.next_marker for page in self.chain.pages}
        marker = self.chain.pages[-1].parsed.next_marker if self.chain.pages else None
        first_ids: set[str] = set()
        empty = 0
        if used and marker is None:  # the end is stored, too
            return True
        while True:
            page = self._page(marker)
            self.chain.add(page)
            yield page
            marker = page.parsed.next_marker
            if marker is None:
                return True
            if self.paged.enough and self.paged.enough(self.chain):
                return False
            if marker in used:
                raise self._broken("its next marker has been used before")
            used.add(marker)
            empty = 0 if page.parsed.height else empty + 1
            if empty >= _EMPTY_PAGES:
                raise self._broken(f"{empty} empty pages follow one another")
            if page.first_id in first_ids:  # a loop with ever new markers
                self._restart()
            if page.first_id is not None:
                first_ids.add(page.first_id)

    # --- one page ----------------------------------------------------------------------------

    def _page(self, marker: str | None) -> PageRead:
        """The next page: from the cache while fresh, otherwise from Box, checked, then cached."""
        number = len(self.chain.pages) + 1
        cached = self._cached_page(number, marker)
        if cached and (self.session.offline or self._is_fresh(cached)):
            _LOG.debug("Page %d of %s: cached", number, self.paged.name)
            return cached
        if not cached:
            self._check_marker_age()
        params: dict[str, str | int] = dict(self.paged.params)
        if self.paged.paged:
            params["limit"] = self.cached.limit
        if marker is not None:
            # Box's reference wants usemarker along with a marker; its own SDK never sends it.
            params |= {"marker": marker, "usemarker": "true"}
        answer = self.session.get(
            self.paged.path, params, version=self.paged.version, context=self.context, page=number
        )
        page = self._checked(number, marker, answer)
        if cached and not page.matches(cached, self.paged.id_column):
            raise self._outdated(page, "the pages after it no longer match")
        lifetime = self.paged.expires_in(self.chain, page)
        expires = None if lifetime is None else answer.fetched_at + lifetime
        saved = self.cached.save(marker, answer, expires)
        return replace(page, expires=expires, fingerprint=saved)

    def _is_fresh(self, page: PageRead) -> bool:
        return page.is_fresh(self.max_age, refresh=self.refresh)

    def _cached_page(self, number: int, marker: str | None) -> PageRead | None:
        stored = self.cached.page(marker)
        if stored is None:
            return None
        answer = Answer(stored, stored.created_at, from_cache=True, expires=stored.expires)
        try:
            page = self._checked(number, marker, answer)
            return replace(page, fingerprint=stored.fingerprint)
        except errors.BrokenPage:  # cached by an older version with fewer checks: read it again
            return None

    def _cached_pages(self) -> Iterator[PageRead | None]:
        """The cached pages of one generation; the last one is None if a page is missing."""
        marker: str | None = None
        seen: set[str | None] = set()
        while marker not in seen:
            page = self._cached_page(len(seen) + 1, marker)
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
            self.cached.limit,
            parsed,
            self.paged.final(parsed),
            next(iter(ids), None),
            answer.fetched_at,
            answer.from_cache,
            answer.expires,
            request_id,
            hashlib.sha256(answer.body).hexdigest(),
        )

    # --- broken chains -----------------------------------------------------------------------

    def _check_marker_age(self) -> None:
        """Refuse to follow an old cached marker, whose meaning Box may have changed."""
        before = self.chain.pages[-1] if self.chain.pages else None
        old = before and before.from_cache and before.age > _MARKER_LIFE
        if before and old and not self.session.offline:
            raise self._outdated(before, "its next marker is too old to be followed")

    def _restart(self) -> NoReturn:
        what = "an id appears twice, because pages moved while they were read"
        raise _Restart(self._broken(what), moved=True)

    def _outdated(self, page: PageRead, what: str) -> _Restart:
        error = self._error(page.number, what, errors.BrokenChain, page.request_id)
        return _Restart(error, moved=False)

    def _broken(self, what: str) -> errors.BoxDocGenError:
        """Delete this generation, which can never become a chain; the next reader asks Box."""
        self.cached.delete()
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
