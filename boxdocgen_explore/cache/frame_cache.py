"""The rows of cached pages as frames, in a few Parquet files beside the pages.

Reading them is much faster than parsing the pages again. They can be deleted at any time. New
rows are appended as a new file; small files are merged once there are many.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import polars as pl

from boxdocgen_explore.cache.frame_files import UNREADABLE, FrameFiles, height, is_current
from boxdocgen_explore.cache.frame_index import Entry, FrameIndex, list_of
from boxdocgen_explore.pages import Chain, PageRead, StoredChain, page_place

if TYPE_CHECKING:
    from boxdocgen_explore.cache.store import PageStore

_FULL: Final = 250_000
"""Rows of a file that is large enough: for one batch all of it is read."""

_MANY_FILES: Final = 8
_PARTIAL_PAGES: Final = 10
"""Of a batch that still runs, fewer final pages are not worth a frame."""

_UNUSED_S: Final = 3_600

_T = TypeVar("_T")


class FrameCache:
    """Frames by chain, in one folder. Every problem with a file is ignored: the pages remain."""

    def __init__(self, store: PageStore, folder: Path) -> None:
        self._files = FrameFiles(folder)
        self._store = store
        self._index = FrameIndex(store)

    def load(self, roots: Iterable[str]) -> dict[str, StoredChain]:
        """What is stored of each list, given as the root of its keys, if it has one chain."""
        by_file: dict[str, dict[str, Entry]] = defaultdict(dict)
        for root, entry in self._index.find(roots).items():
            by_file[entry.file][root] = entry
        found = {}
        for file, entries in by_file.items():
            with suppress(*UNREADABLE):
                rows = self._files.slices(file, [*entries.values()])
                for (root, entry), (jobs, source) in zip(entries.items(), rows, strict=True):
                    found[root] = _stored(entry, jobs, source)
        return found

    def complete(self, root: str) -> tuple[dict[str, list[str] | None], list[str]]:
        """The lists below a root of which all pages are stored: by file, their ids, or None if
        they are all that the file has. And the ids of the other lists."""
        files = self._index.files(root)
        if files and all(jobs == height(file) and is_current(file) for file, jobs in files.items()):
            return dict.fromkeys(files), []
        chains = self._index.chains(root)
        lists = Counter(map(list_of, chains))
        by_file: dict[str, list[str] | None] = {}
        for file, entries in self._index.by_file().items():
            mine = [e.list for e in entries if e.complete and e.prefix in chains]
            mine = [one for one in mine if lists[one] == 1 and is_current(file)]
            if mine:
                by_file[file] = mine
                lists.subtract(mine)
        return by_file, sorted(one for one, number in lists.items() if number)

    def rows(
        self, by_file: Mapping[str, list[str] | None], unreadable: list[str]
    ) -> Iterator[pl.LazyFrame]:
        """The rows of these lists, as `complete` gives them; files are in memory until they are
        collected. The ids of lists in files that are corrupt are added to ``unreadable``."""
        together: list[tuple[bytes, int]] = []
        for file, ids in by_file.items():
            try:
                content = self._files.content(file)
            except UNREADABLE:
                unreadable += self._ids(file) if ids is None else ids
                continue
            if ids is None:
                together.append((content, height(file)))
            else:
                yield pl.scan_parquet(content).filter(pl.col("batch_id").is_in(ids))
        for contents in _by_size(together):
            yield pl.scan_parquet(contents)

    def save(self, chains: Iterable[Chain]) -> None:
        """Store what these chains have that is not stored yet, if it is worth a file."""
        if self._store.read_only:
            return
        worth = [(chain, pages) for chain in chains if (pages := _worth_storing(chain))]
        with suppress(OSError, pl.exceptions.PolarsError):  # the latter: on a full disk
            for group in _by_size((one, _rows_of(one[1])) for one in worth):
                self._append(group)
            if worth:
                self._merge()

    def clear(self) -> None:
        """Delete all files."""
        self._files.clear()

    def _ids(self, file: str) -> list[str]:
        return [entry.list for entry in self._index.by_file().get(file, [])]

    def _append(self, group: Sequence[tuple[Chain, Sequence[PageRead]]]) -> None:
        """Write the rows of some chains as one file, and note where they are."""
        new = [(chain, pages) for chain, pages in group if not _rows_are_stored(chain, pages)]
        file = self._files.write([_jobs(chain, pages) for chain, pages in new]) if new else ""
        entries, start = [], 0
        for chain, pages in group:
            stored, jobs = chain.stored, _rows_of(pages)
            if stored and _rows_are_stored(chain, pages):
                entries.append(_entry(chain, pages, stored.file, stored.start, jobs))
            else:
                entries.append(_entry(chain, pages, file, start, jobs))
                start += jobs
        fingerprints = {
            chain.prefix + page_place(page.marker): page.fingerprint
            for chain, pages in group
            for page in pages
        }
        self._index.add(entries, fingerprints)

    def _merge(self) -> None:
        """Write the rows of small files as one, once there are many; delete what nobody needs."""
        files = self._files.names()
        small = [file for file in files if height(file) < _FULL // 2]
        if len(small) < _MANY_FILES:
            return
        used: Mapping[str, list[Entry]] = self._index.by_file()
        merged = [(file, used[file]) for file in small if file in used and is_current(file)]
        for group in _by_size((one, sum(e.jobs for e in one[1])) for one in merged):
            frames, moves, start = [], [], 0
            for file, entries in group:
                with suppress(*UNREADABLE):
                    rows = [jobs for jobs, _ in self._files.slices(file, entries)]
                    frames += rows
                    for entry in entries:
                        moves.append((entry, start))
                        start += entry.jobs
            if len(group) > 1 and frames:
                self._index.move(self._files.write(frames), moves)
        used = self._index.by_file()
        unused = [file for file in files if file not in used]
        # A young file may be one that another process has written and not noted yet.
        self._files.delete(
            file for file in unused if file in dict(merged) or self._files.age_s(file) > _UNUSED_S
        )


def _worth_storing(chain: Chain) -> Sequence[PageRead]:
    """A final chain's pages; the first pages of another one, if there are twice as many as
    before; none if nothing is new, or if a page could not be cached."""
    pages: Sequence[PageRead] = chain.pages
    if not chain.complete or not all(page.fingerprint for page in pages):
        return []
    if not all(page.final for page in pages):
        pages = [*takewhile(lambda page: page.expires is None, pages)]
        if len(pages) < max(_PARTIAL_PAGES, 2 * chain.head_pages):
            return []
    return pages if len(pages) > chain.head_pages else []


def _rows_are_stored(chain: Chain, pages: Sequence[PageRead]) -> bool:
    """Whether the end page was read again, and says what is stored."""
    stored = chain.stored
    if stored is None or stored.prefix != chain.prefix or len(stored.pages) != len(pages):
        return False
    again = zip(pages, stored.pages, strict=True)
    return all(new.parsed.rows.equals(old.parsed.rows) for new, old in [*again][chain.head_pages :])


def _jobs(chain: Chain, pages: Sequence[PageRead]) -> pl.DataFrame:
    return pl.concat(chain.frames()).head(_rows_of(pages))


def _rows_of(pages: Iterable[PageRead]) -> int:
    return sum(page.parsed.height for page in pages)


def _entry(chain: Chain, pages: Sequence[PageRead], file: str, start: int, jobs: int) -> Entry:
    """The pages become JSON, with the number of their rows instead of the rows."""
    cached = [replace(page, from_cache=True) for page in pages]
    text = msgspec.json.encode(cached, enc_hook=lambda rows: rows.height)
    places = [page_place(page.marker) for page in pages]
    complete = pages[-1].parsed.next_marker is None
    entry = Entry(chain.prefix, file, start, jobs, complete, places, text)
    return replace(entry, pages=_checksum(entry) + text)


def _checksum(entry: Entry) -> bytes:
    """Of what an entry says, wherever its rows are."""
    about = f"{entry.prefix} {entry.jobs} {entry.complete} {' '.join(entry.places)} "
    return hashlib.sha256(about.encode() + entry.pages).digest()


def _stored(entry: Entry, jobs: pl.DataFrame, source: pl.DataFrame | None) -> StoredChain:
    used = 0

    def take(_type: type, rows: int) -> pl.DataFrame:
        nonlocal used
        used += rows
        return jobs.slice(used - rows, rows)

    checksum, text = entry.pages[:32], entry.pages[32:]
    if checksum != _checksum(replace(entry, pages=text)):
        raise ValueError("a corrupt entry")
    pages = msgspec.json.decode(text, type=list[PageRead], dec_hook=take)
    ids = jobs["batch_id"]
    if used != jobs.height or used != entry.jobs or {ids[0], ids[-1]} != {entry.list}:
        raise ValueError("rows of other pages")
    return StoredChain(entry.prefix, entry.file, entry.start, jobs, pages, source)


def _by_size(sized: Iterable[tuple[_T, int]]) -> Iterator[list[_T]]:
    """Groups of about as many rows as a file should have."""
    group: list[_T] = []
    rows = 0
    for one, more in sized:
        group.append(one)
        rows += more
        if rows >= _FULL:
            yield group
            group, rows = [], 0
    if group:
        yield group
