"""Pages one at a time, for batches that do not fit into memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import batch_ids, checked, whole_number
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.account import Account
from boxdocgen_explore.box.chain import walk
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.reading import error_for
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import PageRead, StreamedChain
from boxdocgen_explore.schema import MAX_LIMIT


class PageStream:
    """The part of a `Box` that yields pages one at a time."""

    _account: Account
    _ttl_s: float
    origin: str

    def iter_pages(
        self,
        ids: str | int | Iterable[str | int],
        *,
        refresh: bool = False,
        limit: int = MAX_LIMIT,
        cancelled: threading.Event | None = None,
    ) -> Iterator[pl.DataFrame]:
        """Yield one frame per page (schema.JOBS), batch after batch, in nearly constant memory.

        Of earlier pages, only evidence and 8 bytes per job stay in memory, for checks as in `read`.
        **A batch is complete only if the iteration ends without an error.**

        Parameters:
            refresh, limit, cancelled: as `read`.

        Raises:
            InvalidRequest: an argument is invalid; raised at once.
            BoxDocGenError: a batch is incomplete, or changed while it was read, so that its pages
                do not belong together. The other batches are read first. For several batches it
                is a BatchesFailed. ``error.reading`` is None.

        Source: ``GET /docgen_batch_jobs/:batch_id``.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     [page.height for page in box.iter_pages("12345600319")]
        [1000, 1000, 1000]
        """
        wanted, limit = batch_ids(ids), whole_number("limit", limit, MAX_LIMIT)
        checked("cancelled", cancelled, threading.Event | None, "a threading.Event")
        context = RequestContext(cancelled or threading.Event())
        return self._frames(wanted, context, limit=limit, refresh=refresh)

    def _frames(
        self, ids: Sequence[str], context: RequestContext, **options: Any
    ) -> Iterator[pl.DataFrame]:
        failures: dict[str, errors.BoxDocGenError] = {}
        for batch_id in ids:
            try:
                paged = endpoints.batch_jobs(batch_id, self._ttl_s)
                for page in self._stream(paged, {**options, "context": context}):
                    yield frames.jobs([page.parsed.rows], self.origin)
            except errors.BoxDocGenError as error:
                error.batch_id = error.batch_id or batch_id
                if isinstance(error, errors.Cancelled | errors.Unauthorized):
                    raise  # no other batch can be read either
                failures[batch_id] = error
        if failure := error_for(failures, len(ids)):
            raise failure

    def _stream(self, paged: PagedList, options: dict[str, Any]) -> Iterator[PageRead]:
        """Yield each page once; a restarted chain must start with the pages already yielded."""
        store = self._account.open(options["context"])
        chain = StreamedChain()
        given: list[pl.Series] = []
        for page in walk(self._account.session, store, paged, chain, **options):
            ids = chain.hashes[-1]
            if page.number > len(given):
                given.append(ids)
                yield page
            elif not ids.equals(given[page.number - 1]):
                raise _changed(paged)
        if len(chain.pages) < len(given):
            raise _changed(paged)


def _changed(paged: PagedList) -> errors.BrokenChain:
    return errors.BrokenChain(
        f"The pages of {paged.name} changed while they were read: those that you have do not "
        "belong together. Discard them, and read the batch again.",
        batch_id=paged.batch_id,
    )
