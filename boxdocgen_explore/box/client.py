"""Box as one user sees it: what can be asked, and what it answers with."""

from __future__ import annotations

import datetime as dt
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box import archive, endpoints
from boxdocgen_explore.box.archive import Keeping
from boxdocgen_explore.box.auth import checked_token
from boxdocgen_explore.box.batches import BatchList, IncompleteListWarning, PartialList, listed
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.progress import ProgressBar
from boxdocgen_explore.box.reading import (
    Fetch,
    Progress,
    batch_ids,
    checked_id,
    combine,
    error_for,
    page_limit,
)
from boxdocgen_explore.box.session import BoxSession, Token
from boxdocgen_explore.cache import Cache, offline_cache, online_cache
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.pages import frames
from boxdocgen_explore.schema import MAX_LIMIT, User
from boxdocgen_explore.text import visible

if TYPE_CHECKING:
    from boxdocgen_explore.emulator import Emulator


class Box:
    """What one user of Box Doc Gen can see; made by `connect` or `demo`."""

    def __init__(
        self,
        session: BoxSession,
        *,
        origin: str,
        cache_dir: Path | None,
        user: str | None = None,
        ttl_s: float = 10,
        emulator: Emulator | None = None,
    ) -> None:
        self._session = session
        self._cache_dir = cache_dir
        self._wanted_user = user
        self._live_s = ttl_s
        self._user: User | None = None
        self._cache: Cache | None = None
        self._closed = False
        self._opening = threading.Lock()
        self._emulator = emulator
        self.origin = origin
        self.story_batch_id: str | None = None
        """On the demo, the batch to look at first."""

    def __repr__(self) -> str:
        who = f" as {visible(str(self._user.login))}" if self._user else ""
        return f"<Box: {self.origin}{who}{', offline' if self._session.offline else ''}>"

    @property
    def offline(self) -> bool:
        """Whether only what is kept on disk is read."""
        return self._session.offline

    @property
    def user(self) -> User | None:
        """Who reads (asked once, when first needed); None where Box does not say."""
        self._open()
        return self._user

    def renew(self, token: str) -> None:
        """Go on with a new token of the same user; a fetch that stopped on 401 resumes.

        Raises:
            InvalidRequest: not a token, or another user's.
            Unauthorized: Box does not take it either; the old one stays.
        """
        token = checked_token(token)
        if self._user is not None and not self.offline:
            # Asked apart: nothing may be read into this user's store with another one's token.
            now = endpoints.me(self._session.with_token(token))
            if now.id != self._user.id:
                raise errors.InvalidRequest(
                    f"That token belongs to {now.login}, this connection to {self._user.login}: "
                    "connect() anew to read as somebody else."
                )
        self._session.credentials = Token(token)

    def jobs(
        self, ids: str | int | Iterable[str | int], *, refresh: bool = False, details: bool = False
    ) -> pl.DataFrame:
        """One row per job of these batches (schema.JOBS; with details also schema.DETAILS).

        Raises and Source: as `read`.

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
        """Jobs, and the pages that prove them, of one batch or several, side by side.

        ``refresh`` reads again whatever may have changed, ``max_age`` whatever is older;
        ``details`` adds times (UTC), creators and source from the list of all jobs. Setting
        ``cancelled`` from another thread stops the fetch.

        Raises:
            InvalidRequest: an id or limit that cannot be.
            BoxDocGenError: a batch could not be read whole; ``error.reading`` has what arrived.
                With several batches it is a BatchesFailed, and names each.

        Source: ``GET /docgen_batch_jobs/:batch_id``, ``GET /docgen_jobs`` (details).

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     box.read("12345600319").verdict
        '1,487 of 3,000 failed · all 3 pages read · as svc-hr@example.com · just now · demo data'
        """
        wanted = batch_ids(ids)
        batches = [endpoints.batch_jobs(batch_id, frames.page, self._live_s) for batch_id in wanted]
        full = endpoints.all_jobs(frames.full_page)
        fetch = self._fetch([*batches, full] if details else batches, cancelled)
        stopped: errors.BoxDocGenError | None = None
        try:
            self._run(fetch, progress, limit=page_limit(limit), refresh=refresh, max_age=max_age)
        except errors.Cancelled as error:
            stopped = error
        reading = combine(fetch, batches, self._user, self.origin)
        if details:
            known = frames.full_jobs(fetch.chains[full].copy().frames())
            reading = replace(reading, jobs=frames.with_details(reading.jobs, known))
        failed = stopped or error_for(reading, len(wanted)) or fetch.failures.get(full)
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

        ``on_partial`` is given the frame so far, and of how many jobs, while pages arrive. A list
        that may have gaps comes with an `IncompleteListWarning`; `batch_list` has a flag instead.

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
                "Jobs were added while the list of batches was being read: some may be missing.",
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
        """The batches, and whether the list of jobs that they were counted from is whole.

        Parameters, Raises and Source: as `batches`.
        """
        listing = endpoints.all_jobs(frames.full_page)
        fetch = self._fetch([listing], cancelled)
        if on_partial is not None:
            fetch.on_page = PartialList(fetch, listing, on_partial)
        self._run(fetch, progress, refresh=refresh)
        if listing in fetch.failures:
            raise fetch.failures[listing]
        return listed(fetch, listing)

    def templates(self, *, refresh: bool = False) -> pl.DataFrame:
        """One row per template: ``template_file_id``, ``template_name`` (null where Box has none).

        Source: ``GET /docgen_templates``.
        """
        return frames.templates(self._list(endpoints.templates(frames.template_page), refresh))

    def template_names(self) -> dict[str, str]:
        """Give template names by file id; empty if Box refuses them, because names are optional.

        Source: ``GET /docgen_templates``.
        """
        try:
            return dict(self.templates().drop_nulls().iter_rows())
        except errors.BoxDocGenError:
            return {}

    def tags(self, template_id: str, version_id: str | None = None) -> pl.DataFrame:
        """One row per tag of a template's version (schema.TAGS); of the current one by default.

        Source: ``GET /docgen_templates/:id/tags``.
        """
        template_id = checked_id(template_id, "template")
        version_id = version_id and checked_id(version_id, "template version")
        listing = endpoints.tags(template_id, version_id, frames.tag_page)
        return frames.tags(self._list(listing, refresh=False), template_id, version_id)

    def cached(self) -> list[str]:
        """Ids of the batches of which pages are on disk, readable offline."""
        return self._keeping().batch_ids()

    def scan(self) -> pl.LazyFrame:
        """One row per job of every batch that is kept whole, from the disk alone (schema.JOBS).

        Nothing is read before it is collected, and then batch after batch. A batch of which only
        a part is kept is left out, with a `IncompleteListWarning` warning.

        Source: what `read` kept of ``GET /docgen_batch_jobs/:batch_id``.

        >>> import boxdocgen_explore as bx
        >>> with bx.demo() as box:
        ...     jobs = box.jobs("12345600319")
        ...     box.scan().filter(status="failed").select(pl.len()).collect().item()
        1487
        """
        return archive.scan(self._keeping())

    def archive(
        self, url: str | Path, *, storage_options: Mapping[str, str] | None = None
    ) -> pl.DataFrame:
        """Write the settled batches that are kept as a Parquet dataset; says what became of each.

        ``url`` is a folder or object storage (``s3://bucket/prefix``), ``storage_options`` are
        polars' own. Each batch is one file, ``batch=<id>/jobs.parquet``, with the columns of
        schema.JOBS and, in its metadata, the evidence (schema.PAGES, as JSON). It is written
        whole or not at all, and only where it is missing or made from other pages: so this can
        be called again, and after an interruption.

        One row per kept batch comes back (schema.ARCHIVED).

        Raises:
            StoreError: it cannot be written.
        """
        return archive.archive(self._keeping(), url, storage_options)

    def close(self) -> None:
        """Close connections and files, and stop the demo's server; nothing can be read any more."""
        self._closed = True
        self._session.close()
        if self._cache:
            self._cache.store.close()
        if self._emulator:
            self._emulator.stop()

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keeping(self) -> Keeping:
        return Keeping(self._session, self._open(), self._user, self.origin)

    def _list(self, listing: PagedList, refresh: bool) -> list[pl.DataFrame]:
        fetch = self._fetch([listing], None)
        self._run(fetch, None, noun="rows", refresh=refresh)
        if listing in fetch.failures:
            raise fetch.failures[listing]
        return fetch.chains[listing].frames()

    def _fetch(self, listings: list[PagedList], cancelled: threading.Event | None) -> Fetch:
        # Who we are is asked in the workers, too: that answer may be as long in coming as any.
        cancelled = cancelled or threading.Event()
        return Fetch(self._session, listings, prepare=self._open, cancelled=cancelled)

    @staticmethod
    def _run(fetch: Fetch, progress: Progress | None, noun: str = "jobs", **options: Any) -> None:
        with ProgressBar(noun) as bar:
            fetch.progress = progress or bar
            fetch.run(**options)

    def _open(self) -> Cache:
        """Ask who we are and open that user's cache: before the first page, not before."""
        with self._opening:
            if self._closed:
                raise errors.InvalidRequest("This Box is closed: connect() or demo() again.")
            if self._cache is None:
                folder = self._cache_dir and self._cache_dir / quote(self._session.host, safe="")
                if self.offline:
                    self._user, self._cache = offline_cache(folder, self._wanted_user)
                else:
                    self._user = self._who()
                    self._cache = online_cache(self._user, folder)
                self._session.login = self._user.login if self._user else None
            return self._cache

    def _who(self) -> User | None:
        try:
            return endpoints.me(self._session)
        except (errors.Forbidden, errors.NotFound):
            return None
