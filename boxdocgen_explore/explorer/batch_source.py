"""The part of a `Box` that the explorer uses, and its batch list."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

import polars as pl

from boxdocgen_explore.errors import BoxDocGenError, Cancelled, NotCached, Reading
from boxdocgen_explore.explorer.background import Background
from boxdocgen_explore.schema import BATCHES, MAX_LIMIT, BatchList
from boxdocgen_explore.text import counted

if TYPE_CHECKING:
    from boxdocgen_explore.explorer.picker import Picker


@runtime_checkable
class Source(Protocol):
    """The part of a `Box` that the explorer uses; the explorer must not import `box`."""

    @property
    def story_batch_id(self) -> str | None: ...
    @property
    def origin(self) -> str: ...

    # `Box` defines their signatures.
    def read(self, *_: Any, **__: Any) -> Reading: ...

    def watch(self, *_: Any, **__: Any) -> Iterator[Reading]: ...

    def batch_list(self, *_: Any, **__: Any) -> BatchList: ...

    def document_calls(self, jobs: pl.DataFrame) -> int: ...

    def template_names(self) -> Mapping[str, str]: ...

    def cached(self) -> list[str]: ...


class Opening(NamedTuple):
    """The first request of an explorer: batches, and what to load with them."""

    ids: list[str]
    documents: bool
    details: bool


_CACHED_S: Final = 240.0
"""The list of all jobs stays in the cache for this long."""


_MOST_LISTED: Final = 200_000
"""Jobs of a list to keep in memory, to look for other versions of a template."""

_GROWTH: Final = 1.1
"""While the list is read, its batches are updated each time it has grown by this factor, so that
the browser gets at most eleven times the list."""


class BatchListLoader(Background):
    """Reads the batch list in the background.

    ``on_read`` is called in that thread at the end, even if the list is incomplete. ``calls`` is
    the number of calls for an uncached list; 0 until it was read.
    """

    calls: int = 0
    started: bool = False

    def __init__(self, picker: Picker, source: Source, on_read: Callable[[], None]) -> None:
        super().__init__()
        self._picker = picker
        picker.on_retry = self.read
        self._source = source
        self._on_read = on_read
        self._read_at = -_CACHED_S
        self._listed: pl.DataFrame | None = None

    def read(self) -> None:
        """Read the list, possibly again."""
        self.started = True
        self.supersede()
        self.start(self._load)

    def is_cached(self, cancelled: threading.Event) -> bool:
        """Whether times and creators cost no call; waits while the list is being read."""
        while self.is_running and not cancelled.is_set():
            self.join(0.2)
        return time.monotonic() - self._read_at < _CACHED_S

    def other_jobs(self, jobs: pl.DataFrame) -> pl.DataFrame | None:
        """All listed jobs with the templates of these jobs; None without a list."""
        if self._listed is None:
            return None
        templates = jobs["template_file_id"].drop_nulls().unique()
        return self._listed.filter(pl.col("template_file_id").is_in(templates.implode()))

    def _load(self, stopped: threading.Event) -> None:
        listed = load_batch_list(self._picker, self._source, stopped)
        if listed is not None:
            self._read_at = time.monotonic()
            self.calls = -(-listed.jobs // MAX_LIMIT)
            self._listed = listed.listed if listed.jobs <= _MOST_LISTED else None
        self._on_read()


def load_batch_list(picker: Picker, source: Source, stopped: threading.Event) -> BatchList | None:
    """Show batches while pages of the list arrive; return the list if it is complete."""
    cached: list[str] = []
    names: Mapping[str, str] = {}
    batches = pl.DataFrame(schema=dict(BATCHES))
    offered_jobs = 0

    def offer(found: pl.DataFrame, jobs: int) -> None:
        nonlocal batches, offered_jobs
        batches = found
        if jobs >= _GROWTH * offered_jobs:
            offered_jobs = jobs
            picker.offer(batches, cached, names)
        so_far = f"{counted(batches.height, 'batch')} so far, from {counted(jobs, 'job')}"
        picker.list_status(f"Reading the list of batches: {so_far}", "read")

    picker.list_status("Reading the list of batches", "read")
    full: BatchList | None = None
    listing, status = "failed", ""
    try:
        cached = source.cached()
        names = source.template_names()
        full = source.batch_list(cancelled=stopped, progress=lambda *_: None, on_partial=offer)
        batches = full.batches
        if full.complete:
            listing = "complete"
        else:
            status = "Jobs were added while the list was read, so batches may be missing."
    except NotCached:
        listing = "complete"
        status = "These batches are in the cache; the list of all batches is not."
    except Cancelled:
        status = "Reading the list was cancelled, so there may be more batches."
    except BoxDocGenError as error:
        status = f"The list could not be read completely, so there may be more batches. {error}"
    finally:
        picker.offer(batches, cached, names)
        picker.list_status(status, listing)
    return full


def ask(
    source: Source,
    picker: Picker,
    ids: list[str],
    cancelled: threading.Event,
    **options: bool,
) -> Reading | BoxDocGenError:
    """Read batches (`Source.read`), and let the picker show how far it is; give an error."""
    total = picker.known_jobs(ids)

    def progress(pages: int, jobs: int, waiting: str | None) -> None:
        if not cancelled.is_set():
            arrived = f"{counted(pages, 'page')}, {counted(jobs, 'job')}"
            text = f"{arrived} · {waiting}" if waiting else arrived
            picker.busy(text, done=jobs, total=total)

    try:
        return source.read(ids, cancelled=cancelled, progress=progress, **options)
    except BoxDocGenError as error:
        return error
