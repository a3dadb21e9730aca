"""Box as one user sees it: what can be read, and what comes back."""

from __future__ import annotations

import datetime as dt
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box import archive, endpoints
from boxdocgen_explore.box.account import Account
from boxdocgen_explore.box.archive import Cached
from boxdocgen_explore.box.arguments import batch_ids, checked_id, whole_number
from boxdocgen_explore.box.batches import BatchList, IncompleteListWarning, read_batch_list
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.fetch import Fetch, Progress
from boxdocgen_explore.box.reading import combine, error_for, with_details
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.errors import Reading, warn_renamed
from boxdocgen_explore.pages import frames
from boxdocgen_explore.schema import MAX_LIMIT, User
from boxdocgen_explore.text import visible


class Box(AbstractContextManager["Box"]):
    """What one user of Box Doc Gen can see. `connect` and `demo` make one.

    Close it after use, or use it in a ``with`` statement. Every method that reads raises a
    `BoxDocGenError`; nothing but GET is ever sent.

    >>> import boxdocgen_explore as bx
    >>> with bx.demo() as box:
    ...     box.batches().height > 20
    True
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
        """On the demo, the batch to look at first."""

    def __repr__(self) -> str:
        user = self._account.user
        who = f" as {visible(str(user.login))}" if user else ""
        return f"<Box: {self.origin}{who}{', offline' if self.offline else ''}>"

    @property
    def offline(self) -> bool:
        """Whether only the cache is read."""
        return self._session.offline

    @property
    def user(self) -> User | None:
        """Who reads, requested when first needed; None if Box does not say.

        Source: ``GET /users/me``.
        """
        self._account.open()
        return self._account.user

    def renew(self, token: str) -> None:
        """Replace an expired token by a new one of the same user; then read again to continue.

        Raises:
            InvalidRequest: not a token, or another user's.
            Unauthorized: Box refuses it as well; the old one stays.
        """
        self._account.renew(token)

    def jobs(
        self, ids: str | int | Iterable[str | int], *, refresh: bool = False, details: bool = False
    ) -> pl.DataFrame:
        """One row per job of these batches (schema.JOBS; with details also schema.DETAILS).

        No ids give an empty frame. Raises and Source: as `read`.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     box.jobs("12345600319").height
        3000
        """
        return self.read(ids, refresh=refresh, details=details).jobs

    def read(
        self,
        ids: str | int | Iterable[str | int],
        *,
        refresh: bool = False,
        details: bool = False,
        limit: int = MAX_LIMIT,
        max_age: dt.timedelta | None = None,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> Reading:
        """Jobs of one or several batches, and the pages that prove them.

        Parameters:
            refresh: read again whatever may have changed.
            details: add times (UTC), creators and source from the list of all jobs.
            limit: jobs per page, 1 to 1000.
            max_age: read again whatever was cached longer ago.
            cancelled: setting it from another thread stops the fetch.
            progress: called with pages, jobs, and what is being waited for.

        Raises:
            InvalidRequest: an id or limit is invalid.
            BoxDocGenError: a batch is incomplete; ``error.reading`` has what arrived. With
                several batches it is a BatchesFailed, which names each.

        Source: ``GET /docgen_batch_jobs/:batch_id``, ``GET /docgen_jobs`` (details).

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     print(box.read("12345600319").verdict.partition(" · ")[2])
        all 3 pages read · as svc-hr@example.com · just now · demo data
        """
        wanted, limit = batch_ids(ids), whole_number("limit", limit, MAX_LIMIT)
        batches = [endpoints.batch_jobs(one, self._ttl_s) for one in wanted]
        full = [endpoints.all_jobs()] if details and wanted else []
        fetch = self._fetch([*batches, *full], cancelled)
        stopped: errors.BoxDocGenError | None = None
        try:
            fetch.run(progress, limit=limit, refresh=refresh, max_age=max_age)
        except errors.Cancelled as error:
            stopped = error
        reading = combine(fetch, batches, self._account.user, self.origin)
        if details:
            reading = with_details(reading, fetch, full)
        failed = (
            stopped or error_for(reading, len(wanted)) or next(iter(fetch.failures.values()), None)
        )
        if failed is not None:
            failed.reading = reading
            raise failed
        return reading

    def batches(
        self,
        *,
        refresh: bool = False,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
        on_partial: Callable[[pl.DataFrame, int], None] | None = None,
    ) -> pl.DataFrame:
        """One row per batch that this user can see (schema.BATCHES), the newest first.

        ``on_partial`` is called with the frame so far, and its number of jobs, while pages
        arrive. A list that may have gaps comes with an `IncompleteListWarning`.

        Raises:
            BoxDocGenError: the list could not be read to its end.

        Source: ``GET /docgen_jobs``, grouped by ``batch.id``: Box has no list of batches.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     box.batches()["batch_id"].is_unique().all()
        True
        """
        found = self.batch_list(
            refresh=refresh, cancelled=cancelled, progress=progress, on_partial=on_partial
        )
        if not found.complete:
            warnings.warn(
                "Jobs were added while the batch list was being read: some batches may be missing.",
                IncompleteListWarning,
                stacklevel=2,
            )
        return found.batches

    def batch_list(
        self,
        *,
        refresh: bool = False,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
        on_partial: Callable[[pl.DataFrame, int], None] | None = None,
    ) -> BatchList:
        """The batches, and whether the list of jobs that they were counted from is complete.

        Parameters, Raises and Source: as `batches`.
        """
        fetch = self._fetch([endpoints.all_jobs()], cancelled)
        return read_batch_list(fetch, progress, on_partial, refresh=refresh)

    def templates(self, *, refresh: bool = False) -> pl.DataFrame:
        """One row per template: ``template_file_id``, ``template_name`` (null if Box has none).

        Raises:
            BoxDocGenError: the list could not be read, for example Forbidden.

        Source: ``GET /docgen_templates``.
        """
        return frames.templates(self._list(endpoints.templates(), refresh))

    def template_names(self) -> dict[str, str]:
        """Give template names by file id; empty if Box refuses them, because names are optional.

        Source: ``GET /docgen_templates``.
        """
        try:
            return dict(self.templates().drop_nulls().iter_rows())
        except errors.BoxDocGenError:
            return {}

    def tags(self, template_id: str, version_id: str | None = None) -> pl.DataFrame:
        """One row per tag of a template's version (schema.TAGS); the current one by default.

        Raises:
            InvalidRequest: an id is invalid.
            BoxDocGenError: the list could not be read; status 202 while Box prepares it.

        Source: ``GET /docgen_templates/:id/tags``.
        """
        template_id = checked_id(template_id, "template")
        version_id = version_id and checked_id(version_id, "template version")
        paged = endpoints.tags(template_id, version_id)
        return frames.tags(self._list(paged, refresh=False), template_id, version_id)

    def cached(self) -> list[str]:
        """Ids of the batches that have pages in the cache, read with any limit."""
        return self._cached().batch_ids()

    def kept(self) -> list[str]:
        """The old name of `cached`."""
        warn_renamed("Box.kept", "Box.cached")
        return self.cached()

    def scan(self) -> pl.LazyFrame:
        """One row per job of every completely cached batch, from the cache alone (schema.JOBS).

        Nothing is read before it is collected, and then batch after batch. A batch that is only
        partly cached is left out, with an `IncompleteListWarning`.

        Source: what `read` cached of ``GET /docgen_batch_jobs/:batch_id``.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     jobs = box.jobs("12345600319")
        ...     box.scan().filter(status="failed").select(pl.len()).collect().item()
        1487
        """
        return archive.scan(self._cached())

    def archive(
        self, url: str | Path, *, storage_options: Mapping[str, str] | None = None
    ) -> pl.DataFrame:
        """Write the cached batches that are final as a Parquet dataset; one row per batch comes
        back (schema.ARCHIVED).

        ``url`` is a folder or object storage (``s3://bucket/prefix``), with polars' options. Each
        batch is one file, ``batch=<id>/jobs.parquet``, with the columns of schema.JOBS and, in its
        metadata, the evidence (schema.PAGES as JSON). It is written completely or not at all, and
        only if it is missing or made from other pages, so this can be called again.

        Raises:
            StoreError: the dataset cannot be written.
        """
        return archive.archive(self._cached(), url, storage_options)

    def close(self) -> None:
        """Close connections and files, and stop the demo's server."""
        self._account.close()
        self._on_close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _cached(self) -> Cached:
        cache = self._account.open()
        return Cached(self._session, cache, self._account.user, self.origin)

    def _list(self, paged: PagedList, refresh: bool) -> list[pl.DataFrame]:
        fetch = self._fetch([paged], None)
        fetch.run(noun="rows", refresh=refresh)
        return fetch.result(paged).frames()

    def _fetch(self, lists: list[PagedList], cancelled: threading.Event | None) -> Fetch:
        # /users/me is requested in a worker, so that it can be cancelled, too.
        return Fetch(self._session, lists, self._account.open, cancelled or threading.Event())
