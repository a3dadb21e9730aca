"""What was asked -> a Reading: batches side by side, evidence beside jobs, nothing lost on the way.

Everything that may block runs in daemon threads, and the caller waits for them in short steps:
so Ctrl-C and Cancel work within a moment, even while a server keeps a connection open and silent.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Final

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box.chain import follow
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.retry import WORKERS, Patience, patience
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache import Cache
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import Chain, PageRead, marker_sha256
from boxdocgen_explore.schema import BOX_VERSION, MAX_LIMIT, PAGES, User

Progress = Callable[[int, int, str | None], None]
"""Told how many pages and jobs have arrived, and what is being waited for (None: nothing)."""

_STEP_S: Final = 0.1
_LONGEST_ID: Final = 100


def batch_ids(ids: str | int | Iterable[str | int]) -> list[str]:
    """The ids as texts, each once, in the order given.

    >>> batch_ids([12345, "12346", "12345"])
    ['12345', '12346']

    Raises:
        InvalidRequest: none given, or one that cannot be an id.
    """
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        return [checked_id(ids)]
    given = list(ids)
    if not given:
        raise errors.InvalidRequest("No batch id was given: name at least one.")
    return list(dict.fromkeys(checked_id(one) for one in given))


def checked_id(given: object, what: str = "batch") -> str:
    """The id as text, if it can be one.

    Raises:
        InvalidRequest: it cannot.
    """
    if isinstance(given, bool) or not isinstance(given, str | Integral):
        raise errors.InvalidRequest(f"A {what} id is a text such as '12345', not {given!r:.60}.")
    text = str(given)
    # "." and ".." would change the address that is asked for, whatever their encoding.
    if not text.isprintable() or not text or " " in text or text in {".", ".."}:
        raise errors.InvalidRequest(f"{text!r:.60} cannot be a {what} id: ids look like '12345'.")
    if len(text) > _LONGEST_ID:
        raise errors.InvalidRequest(
            f"A {what} id has at most {_LONGEST_ID} characters, {text:.20}... has {len(text):,}."
        )
    return text


def page_limit(limit: object) -> int:
    """The limit, if Box would take it.

    Raises:
        InvalidRequest: not a whole number from 1 to 1000.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise errors.InvalidRequest(
            f"limit is a whole number from 1 to {MAX_LIMIT}, not {limit!r:.60}."
        )
    return limit


@dataclass
class Fetch:
    """Several lists read side by side, watched and cancelled together.

    ``prepare`` is called in each worker before it asks for anything, and gives
    the cache. ``on_page`` and ``progress`` are called in the caller's thread: as pages
    arrive, and a few times a second.
    """

    session: BoxSession
    listings: Sequence[PagedList]
    prepare: Callable[[], Cache]
    progress: Progress = lambda _pages, _jobs, _waiting: None
    cancelled: threading.Event = field(default_factory=threading.Event)
    on_page: Callable[[PagedList, PageRead], None] = lambda _listing, _page: None

    def __post_init__(self) -> None:
        self.chains = {listing: Chain() for listing in self.listings}
        self.failures: dict[PagedList, errors.BoxDocGenError] = {}
        self.pages = self.jobs = 0
        self._arrived = dict.fromkeys(self.listings, (0, 0))
        self._unfinished = len(self.listings)
        self._waiting: dict[int, str] = {}
        self._refused: errors.Unauthorized | None = None
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self, **options: Any) -> None:
        """Follow every chain (options as `follow`); errors are kept in ``failures``.

        Raises:
            Cancelled: somebody set ``cancelled``; the chains hold what had arrived.
            BoxDocGenError: as ``prepare``.
        """
        todo: queue.SimpleQueue[PagedList] = queue.SimpleQueue()
        for listing in self.listings:
            todo.put(listing)
        for _ in range(min(WORKERS, len(self.listings))):
            threading.Thread(target=self._work, args=(todo, options), daemon=True).start()
        try:
            while self._unfinished:
                self._step()
        except BaseException:  # Ctrl-C, too, must stop the workers
            self.cancelled.set()
            raise

    def _step(self) -> None:
        """Something that a worker has to tell, if there is anything."""
        if self.cancelled.is_set():
            raise errors.Cancelled("Cancelled. What had arrived is kept.")
        with suppress(queue.Empty):
            self._events.get(timeout=_STEP_S)()
        self.progress(self.pages, self.jobs, next(iter(self._waiting.values()), None))

    def _work(self, todo: queue.SimpleQueue[PagedList], options: Mapping[str, Any]) -> None:
        me = threading.get_ident()
        mine = Patience(self.cancelled, lambda why: self._tell(self._waits, me, why))
        with patience(mine):
            try:
                cache = self.prepare()
            except Exception as error:
                self._tell(self._stop, error)
                return
            with suppress(queue.Empty):
                while not self.cancelled.is_set():
                    listing = todo.get_nowait()
                    self._tell(self._ended, listing, self._follow(cache, listing, options))

    def _follow(
        self, cache: Cache, listing: PagedList, options: Mapping[str, Any]
    ) -> Exception | None:
        if self._refused:  # this token will not do for the other batches either
            error = copy.copy(self._refused)
            error.args = (f"Not asked for, because the token was refused: {error}",)
            return error
        try:
            follow(
                self.session,
                cache,
                listing,
                self.chains[listing],
                on_page=lambda page: self._tell(self._page, listing, page),
                **options,
            )
        except errors.Unauthorized as error:
            self._refused = copy.copy(error)
            return error
        except Exception as error:
            return error
        return None

    def _tell(self, what: Callable[..., None], *about: Any) -> None:
        self._events.put(lambda: what(*about))

    def _page(self, listing: PagedList, page: PageRead) -> None:
        pages, jobs = self._arrived[listing]
        if page.number == 1:  # the first of all, or a chain begun anew
            self.pages -= pages
            self.jobs -= jobs
            pages = jobs = 0
        height = page.parsed.height
        self._arrived[listing] = pages + 1, jobs + height
        self.pages += 1
        self.jobs += height
        self.on_page(listing, page)

    def _waits(self, worker: int, why: str | None) -> None:
        if why is None:
            self._waiting.pop(worker, None)
        else:
            self._waiting[worker] = why

    def _stop(self, error: Exception) -> None:
        raise error

    def _ended(self, listing: PagedList, error: Exception | None) -> None:
        self._unfinished -= 1
        if isinstance(error, errors.BoxDocGenError):
            error.batch_id = error.batch_id or listing.batch_id
            self.failures[listing] = error
        elif error is not None:
            raise error


def evidence(origin: str, user: User | None, chains: Mapping[PagedList, Chain]) -> pl.DataFrame:
    """One row per page of these chains (schema.PAGES)."""
    rows = [
        {
            "batch_id": listing.batch_id,
            "page": page.number,
            "marker_sha256": marker_sha256(page.marker),
            "next_marker_sha256": marker_sha256(page.parsed.next_marker),
            "limit_requested": page.limit_requested,
            "limit_used": page.parsed.limit,
            "jobs": page.parsed.height,
            "duplicates": again,
            "unknown_fields": page.parsed.unknown_fields,
            "fetched_at": page.fetched_at,
            "from_cache": page.from_cache,
            "box_request_id": page.request_id,
            "body_sha256": page.body_sha256,
            "box_version": BOX_VERSION,
            "host": origin,
            "user_id": user.id if user else None,
            "user_login": user.login if user else None,
            "complete": chain.complete,
        }
        for listing, chain in chains.items()
        for page, again in zip(chain.pages, chain.duplicates(listing.id_column), strict=True)
    ]
    return pl.DataFrame(rows, schema=PAGES)


def combine(fetch: Fetch, listings: Sequence[PagedList], user: User | None, origin: str) -> Reading:
    """The chains of these lists as one Reading, as far as they came."""
    # A cancelled worker may still be adding pages: from here on only this copy counts.
    chains = {listing: fetch.chains[listing].copy() for listing in listings}
    jobs = [frame for chain in chains.values() for frame in chain.frames()]
    failures = {
        listing.batch_id or listing.name: fetch.failures.get(listing)
        or errors.Cancelled("Cancelled before its end.")
        for listing, chain in chains.items()
        if not chain.complete
    }
    return Reading(
        frames.jobs(jobs, origin),
        evidence(origin, user, chains),
        failures,
        user,
        fetch.session.as_user,
    )


def error_for(reading: Reading, batches: int) -> errors.BoxDocGenError | None:
    """The error that a reading with failures should be raised as, carrying the reading."""
    if not reading.failures:
        return None
    first = next(iter(reading.failures.values()))
    error = first if batches == 1 else errors.BatchesFailed(reading.failures, batches)
    error.reading = reading
    return error
