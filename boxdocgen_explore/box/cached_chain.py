"""The cached pages of one list: their keys, their generations, and the frame file beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.cache import Cache
from boxdocgen_explore.pages.records import Chain, page_place

if TYPE_CHECKING:
    from requests import Response
    from requests_cache import CachedResponse


@dataclass
class CachedChain:
    """One list's pages, read with one limit. Every restart of a chain is a new generation.

    Nothing is deleted and no frame file is written if ``offline``.
    """

    cache: Cache
    paged: PagedList
    host: str
    limit: int
    offline: bool
    keys: set[str] = field(init=False)
    """Cached when this began: most pages of a new chain need not be looked up."""

    def __post_init__(self) -> None:
        self.use(self.limit)

    def use(self, limit: int) -> None:
        """From now on mean the pages that were read with this limit."""
        self.limit = limit
        self.keys = set(self.cache.store.keys(self._prefix()))

    def limits(self) -> list[int]:
        """The limits that cached pages were read with: this one first, then the largest."""
        start = self.paged.root(self.host) + "limit="
        keys = self.cache.store.keys(start)
        found = {key.removeprefix(start).partition("/")[0] for key in keys}
        limits = {int(limit) for limit in found if limit.isdecimal()}
        return sorted(limits, key=lambda limit: (limit != self.limit, -limit))

    def generations(self) -> list[int]:
        """Numbers of the generations that have pages, the newest first."""
        numbers = {key.rsplit("/", 2)[1] for key in self.keys}
        return sorted((int(one) for one in numbers if one.isdecimal()), reverse=True)

    def page(self, generation: int, marker: str | None) -> CachedResponse | None:
        key = self._key(generation, marker)
        return self.cache.store.page(key) if key in self.keys else None

    def save(
        self,
        generation: int,
        marker: str | None,
        response: Response,
        fetched_at: datetime,
        expires: datetime | None,
    ) -> None:
        self.cache.store.save(self._key(generation, marker), response, fetched_at, expires)

    def load_frame(self, chain: Chain, generation: int) -> None:
        """Begin with the final pages of the frame file: they need not be read one by one."""
        frames, prefix = self.cache.frames, self._prefix(generation)
        if frames and self.keys and self.paged.batch_id:
            frames.load(chain, prefix, lambda: dict(self.cache.store.fingerprints(prefix)))

    def save_frame(self, chain: Chain, generation: int) -> None:
        """Write a frame file of the final pages."""
        frames, prefix = self.cache.frames, self._prefix(generation)
        if frames and self.paged.batch_id and not self.offline:
            frames.save(chain, prefix, lambda: dict(self.cache.store.fingerprints(prefix)))

    def delete(self, generation: int) -> None:
        """Delete a generation that can never become a chain."""
        self._delete(self.cache.store.keys(self._prefix(generation)))

    def delete_before(self, generation: int) -> None:
        """Delete what a complete chain has replaced."""
        if generation:  # nothing is older than the first
            keys = self.cache.store.keys(self._prefix())
            self._delete([key for key in keys if key < self._prefix(generation)])

    def _prefix(self, generation: int | None = None) -> str:
        every = f"{self.paged.root(self.host)}limit={self.limit}/"
        return every if generation is None else f"{every}{generation:06d}/"

    def _key(self, generation: int, marker: str | None) -> str:
        return self._prefix(generation) + page_place(marker)

    def _delete(self, keys: list[str]) -> None:
        if keys and not self.offline:
            self.cache.store.delete(keys)
            if self.cache.frames:
                for prefix in {key.rpartition("/")[0] + "/" for key in keys}:
                    self.cache.frames.delete(prefix)
