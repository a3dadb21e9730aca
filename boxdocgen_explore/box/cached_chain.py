"""The cached pages of one list: their keys and generations."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.session import Answer, BoxSession
from boxdocgen_explore.cache import PageStore
from boxdocgen_explore.pages.records import Chain, page_place
from boxdocgen_explore.schema import MAX_LIMIT

if TYPE_CHECKING:
    from boxdocgen_explore.cache.serializer import StoredPage


_LOG: Final = logging.getLogger(__name__)


@dataclass
class CachedChain:
    """One list's pages, read with one limit. Every restart of a chain is a new generation.

    Nothing is deleted while ``offline``.
    """

    store: PageStore
    paged: PagedList
    host: str
    limit: int
    offline: bool
    generation: int = 0
    keys: set[str] = field(init=False)
    """Keys cached at the start, so that most pages of a new chain need no lookup."""

    def __post_init__(self) -> None:
        self.use(self.limit)

    def use(self, limit: int) -> None:
        """Switch to the pages that were read with this limit."""
        self.limit = limit
        self._all = f"{self.paged.root(self.host)}limit={limit}/"
        self.keys = set(self.store.keys(self._all))

    def limits(self) -> list[int]:
        """The limits of cached pages: the current one first, then the largest."""
        start = self.paged.root(self.host) + "limit="
        keys = self.store.keys(start)
        found = {key.removeprefix(start).partition("/")[0] for key in keys}
        limits = {int(limit) for limit in found if limit.isdecimal()}
        return sorted(limits, key=lambda limit: (limit != self.limit, -limit))

    def generations(self) -> list[int]:
        """Numbers of the generations with pages, newest first."""
        numbers = {key.rsplit("/", 2)[1] for key in self.keys}
        return sorted((int(number) for number in numbers if number.isdecimal()), reverse=True)

    @property
    def prefix(self) -> str:
        """The common prefix of the keys of this generation."""
        return f"{self._all}{self.generation:06d}/"

    def page(self, marker: str | None) -> StoredPage | None:
        key = self.prefix + page_place(marker)
        return self.store.page(key) if key in self.keys else None

    def save(self, marker: str | None, answer: Answer, expires: dt.datetime | None) -> bytes | None:
        key = self.prefix + page_place(marker)
        return self.store.save(key, answer.response, answer.fetched_at, expires)

    def delete(self) -> None:
        """Delete a generation that can never become a chain."""
        self._delete(self.store.keys(self.prefix))

    def delete_older(self) -> None:
        """Delete the generations that a complete chain has replaced."""
        if self.generation:  # nothing is older than the first
            self._delete([key for key in self.store.keys(self._all) if key < self.prefix])

    def _delete(self, keys: list[str]) -> None:
        if keys and not self.offline:
            self.store.delete(keys)


def use_stored(
    session: BoxSession,
    paged: PagedList,
    chain: Chain,
    *,
    limit: int = MAX_LIMIT,
    refresh: bool = False,
    max_age: dt.timedelta | None = None,
    **_: object,
) -> None:
    """Complete `chain` from its ``stored`` frame, if that is complete and still fresh."""
    stored = chain.stored
    if stored is None or stored.pages[-1].parsed.next_marker is not None:
        return
    wanted = stored.prefix.startswith(f"{paged.root(session.host)}limit={limit}/")
    fresh = all(page.is_fresh(max_age, refresh=refresh) for page in stored.pages)
    if session.offline or (wanted and fresh):
        chain.prefix = stored.prefix
        chain.start_with(stored, len(stored.pages))
        chain.complete = True
        _LOG.debug("All pages of %s: cached", paged.name)
