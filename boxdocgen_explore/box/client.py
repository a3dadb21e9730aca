"""Box as one user sees it: everything that can be read."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import polars as pl

from boxdocgen_explore.arguments import batch_ids, checked, quoted, whole_number
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.account import Account
from boxdocgen_explore.box.archive import Archives
from boxdocgen_explore.box.auth import as_secret
from boxdocgen_explore.box.batches import BatchList, DownTo, read_batch_list, start_of
from boxdocgen_explore.box.cached import CachedBatches
from boxdocgen_explore.box.chain import IncompleteListWarning
from boxdocgen_explore.box.documents import expected_calls
from boxdocgen_explore.box.fetch import Progress
from boxdocgen_explore.box.reading import BatchReader, evidence
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.box.stream import PageStream
from boxdocgen_explore.box.templates import TemplateLists
from boxdocgen_explore.box.watch import watch
from boxdocgen_explore.errors import InvalidRequest, Reading, warn
from boxdocgen_explore.schema import MAX_LIMIT, User
from boxdocgen_explore.text import visible


class Box(PageStream, TemplateLists, CachedBatches, Archives, AbstractContextManager["Box"]):
    """Everything that one user of Box Doc Gen can see; made by `connect` and `demo`.

    Close it after use, or use it in a ``with`` statement. It sends only GET requests.

    >>> import boxdocgen_explore as bx
    >>> with bx.demo() as box:
    ...     box.jobs("12345600319").filter(status="failed").height
    1487
    """

    def __init__(
        self,
        session: BoxSession,
        *,
        origin: str,
        cache_dir: Path | None,
        user: str | None = None,
        ttl_s: float,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._session = session
        self._account = Account(session, cache_dir, user)
        self._ttl_s = ttl_s
        self._on_close = on_close
        self.origin = origin
        self.story_batch_id: str | None = None
        """In the demo, the batch to look at first."""
        self._story_now: dt.datetime | None = None

    def __repr__(self) -> str:
        user = self._account.user
        about = f" as {visible(str(user.login))}" if user else ""
        return f"<Box: {self.origin}{about}{', offline' if self.offline else ''}>"

    def __reduce__(self) -> NoReturn:
        raise InvalidRequest(
            "A Box has connections and cannot be sent to another process. Call connect() in the "
            "worker, with the same cache_dir, so that pages are fetched once."
        )

    @property
    def offline(self) -> bool:
        """Whether only the cache is used."""
        return self._session.offline

    @property
    def now(self) -> dt.datetime:
        """The current time (UTC); fixed in the demo, whose batches were made the night before."""
        return self._story_now or dt.datetime.now(dt.UTC)

    @property
    def calls(self) -> dict[str, int]:
        """The calls that this connection has made, including retries, by endpoint.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     jobs = box.jobs("12345600319")
        ...     box.calls
        {'/users/me': 1, '/docgen_batch_jobs/:id': 3}
        """
        return dict(self._session.calls)

    @property
    def user(self) -> User | None:
        """The user who reads, requested when first needed; None if Box did not name one.

        Source: ``GET /users/me``.
        """
        self._account.open()
        return self._account.user

    def renew(self, token: str) -> None:
        """Replace an expired token with a new one of the same user; then read again to continue.

        Raises:
            InvalidRequest: not a token, or another user's.
            Unauthorized: Box refuses it, too; the old one stays.
        """
        token = as_secret(token) or ""  # tracebacks show the variables of this frame
        self._account.renew(token)

    def jobs(
        self,
        ids: str | int | Iterable[str | int] | None = None,
        *,
        since: dt.datetime | dt.timedelta | None = None,
        refresh: bool = False,
        details: bool = False,
        documents: bool = False,
    ) -> pl.DataFrame:
        """One row per job of these batches, or of the `batches` since a time (schema.JOBS).

        ``details`` adds schema.DETAILS, ``documents`` adds schema.DOCUMENTS, both together also add
        schema.DURATION. Without ids, the frame is empty. Raises and Source: as `read`.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     box.jobs("12345600319").height
        3000
        """
        if (ids is None) == (since is None):
            raise InvalidRequest("jobs needs either ids or since.")
        wanted = self.batches(since, refresh=refresh)["batch_id"] if ids is None else ids
        return self.read(wanted, refresh=refresh, details=details, documents=documents).jobs

    def read(
        self,
        ids: str | int | Iterable[str | int],
        *,
        refresh: bool = False,
        details: bool = False,
        documents: bool = False,
        limit: int = MAX_LIMIT,
        max_age: dt.timedelta | None = None,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
        errors: Literal["raise", "keep"] = "raise",
    ) -> Reading:
        """Jobs of one or several batches, with their pages as evidence.

        Parameters:
            refresh: read pages again that may have changed.
            details: add times (UTC), creators and source from the list of all jobs.
            documents: add name, size, SHA-1 and creation (UTC) of the output files, and whether
                they exist: about one call per thousand documents. At most 1,000 files per batch
                that are not in its folder are requested one by one.
            limit: jobs per page, 1 to 1000.
            max_age: read pages again that were cached longer ago.
            cancelled: set it from another thread to stop the fetch.
            progress: called with pages, jobs, and the reason for a wait.
            errors: "keep" also returns incomplete batches, with their errors in ``failures``.

        Raises:
            InvalidRequest: an argument is invalid.
            BoxDocGenError: a batch is incomplete; ``error.reading`` has the jobs that arrived.
                For several batches it is a BatchesFailed, which names each.

        Source: ``GET /docgen_batch_jobs/:batch_id``, ``GET /docgen_jobs`` (details),
        ``GET /files/:id`` and ``GET /folders/:id/items`` (documents).

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     print(box.read("12345600319").verdict.partition(" · ")[2])
        all 3 pages read · as svc-hr@example.com · just now · demo data
        """
        wanted, limit = batch_ids(ids), whole_number("limit", limit, MAX_LIMIT)
        checked("max_age", max_age, dt.timedelta | None, "a timedelta")
        reader = self._reader(cancelled, progress)
        if errors not in ("raise", "keep"):
            raise InvalidRequest(f'errors must be "raise" or "keep", not {quoted(errors)}.')
        options: dict[str, Any] = {"limit": limit, "refresh": refresh, "max_age": max_age}
        options |= {"details": details, "documents": documents}
        return reader.read(wanted, keep=errors == "keep", **options)

    def watch(
        self,
        ids: str | int | Iterable[str | int],
        every: float | None = None,
        until: dt.datetime | dt.timedelta | None = None,
        *,
        details: bool = False,
        documents: bool = False,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Reading]:
        """Read repeatedly until every job is final; yields one reading with a pace per look.

        Pages with only final jobs are not requested again. ``reading.pace`` has the progress, the
        pace and the expected end; ``reading.calls`` counts the calls since the watch began.

        Parameters:
            every: seconds between looks; by default 10 s to 5 minutes, depending on the pace.
            until: stop at this time (with a time zone), or after this timedelta.
            details, documents, cancelled, progress: as `read`; a cancelled watch ends.

        Raises:
            InvalidRequest: an argument is invalid.
            BoxDocGenError: as `read`; temporary errors, such as 503, are retried at the next look.

        Source: ``GET /docgen_batch_jobs/:batch_id``, repeatedly.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     for reading in box.watch("12345600319"):
        ...         print(reading.pace)
        3,000 of 3,000 final
        """
        wanted, reader = batch_ids(ids), self._reader(cancelled, progress)
        options = {"details": details, "documents": documents}
        return watch(reader, wanted, self.transitions, every, until, **options)

    def batches(
        self,
        since: dt.datetime | dt.timedelta | None = None,
        *,
        refresh: bool = False,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
        on_partial: Callable[[pl.DataFrame, int], None] | None = None,
    ) -> pl.DataFrame:
        """One row per batch that this user can see (schema.BATCHES), newest first.

        ``since`` (a time with a time zone, or a timedelta) leaves out batches whose jobs are all
        older; the list of jobs is then read only as far as necessary, if it is sorted by time.
        While pages arrive, ``on_partial`` is called with the frame so far and its number of jobs.
        If the list may have gaps, an `IncompleteListWarning` is issued.

        Raises:
            BoxDocGenError: the list could not be read to its end.

        Source: ``GET /docgen_jobs``, grouped by ``batch.id``: Box has no list of batches.

        >>> import boxdocgen_explore as bx, datetime as dt
        >>> with bx.demo() as box:
        ...     box.batches(since=dt.timedelta(days=1))["jobs"].to_list()
        [1800, 1260, 3000, 1312, 51]
        """
        found = self.batch_list(
            since, refresh=refresh, cancelled=cancelled, progress=progress, on_partial=on_partial
        )
        if not found.complete:
            text = "Jobs were added while the batch list was read: some batches may be missing."
            warn(text, IncompleteListWarning)
        return found.batches

    def batch_list(
        self,
        since: dt.datetime | dt.timedelta | None = None,
        *,
        refresh: bool = False,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
        on_partial: Callable[[pl.DataFrame, int], None] | None = None,
    ) -> BatchList:
        """The batches, and how far the underlying list of jobs was read.

        Parameters, Raises and Source: as `batches`.
        """
        start = start_of(since, self.now)
        checked("on_partial", on_partial, Callable | None, "a function")
        paged = endpoints.all_jobs(None if start is None else DownTo(start))
        fetch = self._reader(cancelled, progress).fetch([paged])
        found = read_batch_list(fetch, progress, on_partial, refresh=refresh)
        pages = evidence(self.origin, self._account.user, {paged: fetch.chains[paged]})
        return replace(found, pages=pages)

    def document_calls(self, jobs: pl.DataFrame) -> int:
        """The calls that the documents of these jobs cost, if they are still in their folders."""
        return expected_calls(jobs)

    def close(self) -> None:
        """Close connections and files, and stop the demo's server."""
        self._account.close()
        self._on_close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reader(self, cancelled: threading.Event | None, progress: Progress | None) -> BatchReader:
        checked("cancelled", cancelled, threading.Event | None, "a threading.Event")
        checked("progress", progress, Callable | None, "a function")
        cancelled, names = cancelled or threading.Event(), self.template_names
        return BatchReader(self._account, self.origin, self._ttl_s, cancelled, progress, names)
