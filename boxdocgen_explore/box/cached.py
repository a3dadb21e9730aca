"""What a `Box` gives from the cache alone: nothing here calls Box for a batch."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from boxdocgen_explore.arguments import batch_ids
from boxdocgen_explore.box.account import Account
from boxdocgen_explore.box.scan import Cached, scan
from boxdocgen_explore.cache import transitions
from boxdocgen_explore.errors import warn_renamed
from boxdocgen_explore.schema import TRANSITIONS


class CachedBatches:
    """The part of a `Box` that reads its user's cache."""

    _account: Account
    origin: str

    def cached(self) -> list[str]:
        """Ids of the batches that have pages in the cache, read with any limit."""
        return self._cached.batch_ids()

    def kept(self) -> list[str]:
        """The old name of `cached`."""
        warn_renamed("Box.kept", "Box.cached")
        return self.cached()

    def scan(self) -> pl.LazyFrame:
        """One row per job of every completely cached batch, from the cache alone (schema.JOBS).

        Nothing is read before it is collected, and then only the columns and rows that are asked
        for; their order is not defined. A batch that is only partly cached is left out, with an
        `IncompleteListWarning`.

        Source: what `read` cached of ``GET /docgen_batch_jobs/:batch_id``.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     jobs = box.jobs("12345600319")
        ...     box.scan().filter(status="failed").select(pl.len()).collect().item()
        1487
        """
        return scan(self._cached)

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
        wanted, cached = batch_ids(ids), self._cached
        seen = [transitions(cached.cache.store, cached.session.host, one) for one in wanted]
        return pl.concat(
            [pl.DataFrame(schema=TRANSITIONS), *(frame for frame in seen if frame is not None)]
        )

    @property
    def _cached(self) -> Cached:
        cache = self._account.open()
        return Cached(self._account.session, cache, self._account.user, self.origin)
