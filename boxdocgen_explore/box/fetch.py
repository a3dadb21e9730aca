"""Fetch several lists at once, with common progress, cancellation and resumption.

Everything that may block runs in daemon threads, and the caller waits for them in short steps.
Therefore Ctrl-C and Cancel work within a second, even if a server keeps a connection open silently.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from boxdocgen_explore import errors
from boxdocgen_explore.box.cached_chain import use_stored
from boxdocgen_explore.box.chain import walk
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.progress import ProgressBar
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.box.session import WORKERS, BoxSession
from boxdocgen_explore.cache import PageStore, frame_cache
from boxdocgen_explore.pages.records import Chain, PageRead

Progress = Callable[[int, int, str | None], None]
"""Called with the pages and jobs that arrived, and the reason for a wait (None: no wait)."""

_STEP_S: Final = 0.1


@dataclass
class Fetch:
    """Several lists, each read by one worker at a time.

    ``open_store`` is called in each worker before its first call. ``on_page`` is called in the
    caller's thread when a page arrives.
    """

    session: BoxSession
    lists: Sequence[PagedList]
    open_store: Callable[[RequestContext], PageStore]
    cancelled: threading.Event
    on_page: Callable[[], None] = lambda: None
    chains: dict[PagedList, Chain] = field(init=False)
    failures: dict[PagedList, errors.BoxDocGenError] = field(init=False, default_factory=dict)
    pages: int = field(init=False, default=0)
    jobs: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.chains = {paged: Chain() for paged in self.lists}
        self._arrived = dict.fromkeys(self.lists, (0, 0))
        self._unfinished = len(self.lists)
        self._waiting: dict[int, str | None] = {}
        self._warnings: deque[tuple[str, type[Warning]]] = deque()
        self._refused: errors.Unauthorized | None = None
        self._store: PageStore | None = None
        self._loading = threading.Lock()
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self, progress: Progress | None = None, noun: str = "jobs", **options: Any) -> None:
        """Follow every chain (options as `walk`); ``failures`` has the errors.

        ``progress`` is called in this thread, a few times a second; a progress bar by default.

        Raises:
            Cancelled: ``cancelled`` was set; the chains have the pages that arrived.
            BoxDocGenError: as ``open_store``.
        """
        todo = iter(self.lists)
        try:
            for _ in range(min(WORKERS, len(self.lists))):
                threading.Thread(target=self._work, args=(todo, options), daemon=True).start()
            with ProgressBar(noun) as bar:
                while self._unfinished:
                    self._step(progress or bar)
            if self._store and not self.session.offline:
                batches = (chain for paged, chain in self.chains.items() if paged.batch_id)
                frame_cache.save(self._store, batches)
        except BaseException:  # Ctrl-C must stop the workers, too
            self.cancelled.set()
            raise
        finally:
            while self._warnings:
                errors.warn(*self._warnings.popleft())

    def result(self, paged: PagedList) -> Chain:
        """Return the chain of a list, or raise the error that it ended with."""
        if paged in self.failures:
            raise self.failures[paged]
        return self.chains[paged]

    def _step(self, progress: Progress) -> None:
        """Handle the next event of a worker, if any."""
        RequestContext(self.cancelled).check()
        with suppress(queue.Empty):
            self._events.get(timeout=_STEP_S)()
        waiting = next(filter(None, self._waiting.values()), None)
        progress(self.pages, self.jobs, waiting)

    # --- in a worker -------------------------------------------------------------------------

    def _work(self, todo: Iterator[PagedList], options: dict[str, Any]) -> None:
        worker = threading.get_ident()
        # Warnings must name the caller's line, which only the caller's thread knows.
        errors.deliver_warnings.set(lambda *about: self._warnings.append(about))
        context = RequestContext(
            self.cancelled, lambda why: self._post(self._on_waiting, worker, why)
        )
        try:
            store = self.open_store(context)
            with self._loading:
                if self._store is None:
                    self._load(store, options)
            for paged in todo:  # shared, but each list belongs to one worker
                if self.chains[paged].complete:
                    continue
                if self.cancelled.is_set():
                    return
                failure = self._follow(paged, store, {**options, "context": context})
                self._post(self._on_done, paged, failure)
        except Exception as error:
            self._post(self._on_crash, error)

    def _load(self, store: PageStore, options: dict[str, Any]) -> None:
        """Take the stored frames of all batches at once; complete ones need not be followed."""
        self._store = store
        host = self.session.host
        batches = {paged.root(host): paged for paged in self.lists if paged.batch_id}
        stored = frame_cache.load(store, batches)
        for root, found in stored.items():
            paged, chain = batches[root], self.chains[batches[root]]
            chain.stored = found
            use_stored(self.session, paged, chain, **options)
        if complete := [chain for chain in self.chains.values() if chain.complete]:
            self._post(self._on_loaded, complete)

    def _follow(
        self, paged: PagedList, store: PageStore, options: dict[str, Any]
    ) -> errors.BoxDocGenError | None:
        if self._refused:  # this token would be refused for the other batches, too
            error = copy.copy(self._refused)
            error.args = (f"Not requested, because the token was refused. {error}",)
            return error
        chain = self.chains[paged]
        try:
            for page in walk(self.session, store, paged, chain, **options):
                self._post(self._on_page, paged, page)
        except errors.Unauthorized as error:
            self._refused = copy.copy(error)
            return error
        except errors.BoxDocGenError as error:
            return error
        return None

    def _post(self, handle: Callable[..., None], *about: Any) -> None:
        self._events.put(lambda: handle(*about))

    # --- in the caller's thread --------------------------------------------------------------

    def _on_page(self, paged: PagedList, page: PageRead) -> None:
        pages, jobs = self._arrived[paged]
        if page.number == 1:  # the first page of the list, or of a restarted chain
            self.pages -= pages
            self.jobs -= jobs
            pages = jobs = 0
        self._arrived[paged] = pages + 1, jobs + page.parsed.height
        self.pages += 1
        self.jobs += page.parsed.height
        self.on_page()

    def _on_loaded(self, chains: list[Chain]) -> None:
        self._unfinished -= len(chains)
        self.pages += sum(len(chain.pages) for chain in chains)
        self.jobs += sum(page.parsed.height for chain in chains for page in chain.pages)
        self.on_page()

    def _on_waiting(self, worker: int, why: str | None) -> None:
        self._waiting[worker] = why

    def _on_done(self, paged: PagedList, error: errors.BoxDocGenError | None) -> None:
        self._unfinished -= 1
        if error is not None:
            error.batch_id = error.batch_id or paged.batch_id
            self.failures[paged] = error

    def _on_crash(self, error: Exception) -> None:
        raise error
