"""The rows of cached pages as frames, in a few Parquet files beside the pages.

Reading them is much faster than parsing the pages again. They can be deleted at any time. New
rows are appended as a new file; small files are merged once there are many.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import polars as pl

from boxdocgen_explore.cache.files import delete_abandoned
from boxdocgen_explore.cache.frame_index import Entry, FrameIndex, list_of
from boxdocgen_explore.pages import Chain, PageRead, StoredChain, page_place
from boxdocgen_explore.schema import JOBS
from boxdocgen_explore.text import replacing

if TYPE_CHECKING:
    from boxdocgen_explore.cache.store import PageStore

_UNREADABLE: Final = (
    OSError,
    ValueError,
    RecursionError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
"""What a corrupt file may raise."""

_COLUMNS: Final = {name: dtype for name, dtype in JOBS.items() if name != "origin"}
_PARSER: Final = 3
"""Raised when the same pages give other rows than before: files made until then are ignored."""

_VERSION: Final = hashlib.sha256(f"{_PARSER} {_COLUMNS}".encode()).hexdigest()[:8]
_FILE: Final = re.compile(r"(?P<version>[0-9a-f]{8})-(?P<rows>\d+)-[0-9a-f]{32}\.parquet")
_PART: Final = re.compile(r"\.[0-9a-f]{12}\.part")

_FULL: Final = 250_000
"""Rows of a file that is large enough: for one batch all of it is read."""

_MANY_FILES: Final = 8
_FEW_BATCHES: Final = 8
_PARTIAL_PAGES: Final = 10
"""Of a batch that still runs, fewer final pages are not worth a frame."""

_UNUSED_S: Final = 3_600

_T = TypeVar("_T")


class FrameCache:
    """Frames by chain, in one folder. Every problem with a file is ignored: the pages remain.

    A file is named after its content, so that one that was cut or changed is not used.
    """

    def __init__(self, store: PageStore, folder: Path) -> None:
        self.folder = folder
        self._store = store
        self._index = FrameIndex(store)

    def load(self, roots: Iterable[str]) -> dict[str, StoredChain]:
        """What is stored of each list, given as the root of its keys, if it has one chain."""
        by_file: dict[str, dict[str, Entry]] = defaultdict(dict)
        for root, entry in self._index.find(roots).items():
            by_file[entry.file][root] = entry
        found = {}
        for file, entries in by_file.items():
            with suppress(*_UNREADABLE):
                rows = self._slices(file, [*entries.values()])
                for (root, entry), jobs in zip(entries.items(), rows, strict=True):
                    found[root] = _stored(entry, jobs)
        return found

    def complete(self, root: str) -> tuple[dict[str, list[str] | None], list[str]]:
        """The lists below a root of which all pages are stored: by file, their ids, or None if
        they are all that the file has. And the ids of the other lists."""
        files = self._index.files(root)
        if files and all(
            jobs == _height(file) and _is_current(file) for file, jobs in files.items()
        ):
            return dict.fromkeys(files), []
        chains = self._index.chains(root)
        lists = Counter(map(list_of, chains))
        by_file: dict[str, list[str] | None] = {}
        for file, entries in self._index.by_file().items():
            mine = [e.list for e in entries if e.complete and e.prefix in chains]
            mine = [one for one in mine if lists[one] == 1 and _is_current(file)]
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
                content = self._content(file)
            except _UNREADABLE:
                unreadable += self._ids(file) if ids is None else ids
                continue
            if ids is None:
                together.append((content, _height(file)))
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
        """Delete all files, and what killed processes left behind."""
        _delete(path for path in self.folder.glob("*") if _FILE.fullmatch(path.name))
        _delete(path for path in self.folder.glob("*") if _PART.fullmatch(path.name))
        with suppress(OSError):
            self.folder.rmdir()

    # --- reading -----------------------------------------------------------------------------

    def _content(self, file: str) -> bytes:
        content = (self.folder / file).read_bytes()
        if not file.endswith(f"-{_digest(content)}.parquet") or not _is_current(file):
            raise ValueError("a corrupt file, or one of another version")
        return content

    def _ids(self, file: str) -> list[str]:
        return [entry.list for entry in self._index.by_file().get(file, [])]

    def _slices(self, file: str, entries: Sequence[Entry]) -> Iterator[pl.DataFrame]:
        lazy = pl.scan_parquet(self._content(file))
        most = len(entries) > _FEW_BATCHES or 2 * sum(e.jobs for e in entries) > _height(file)
        if most:
            jobs = lazy.collect()
            yield from (jobs.slice(entry.start, entry.jobs) for entry in entries)
        else:
            yield from (lazy.slice(entry.start, entry.jobs).collect() for entry in entries)

    # --- writing -----------------------------------------------------------------------------

    def _append(self, group: Sequence[tuple[Chain, Sequence[PageRead]]]) -> None:
        """Write the rows of some chains as one file, and note where they are."""
        new = [(chain, pages) for chain, pages in group if not _rows_are_stored(chain, pages)]
        file = self._write([_jobs(chain, pages) for chain, pages in new]) if new else ""
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

    def _write(self, frames: Sequence[pl.DataFrame]) -> str:
        jobs = pl.concat(frames)
        buffer = io.BytesIO()
        # In small row groups: a batch is read without the others, and in little memory.
        jobs.write_parquet(buffer, row_group_size=20_000, compression_level=1)
        content = buffer.getvalue()
        file = f"{_VERSION}-{jobs.height}-{_digest(content)}.parquet"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        delete_abandoned(self.folder)
        with replacing(self.folder / file, private=True) as part:
            part.write_bytes(content)
        return file

    def _merge(self) -> None:
        """Write the rows of small files as one, once there are many; delete what nobody needs."""
        files = [path.name for path in self.folder.iterdir() if _FILE.fullmatch(path.name)]
        small = [file for file in files if _height(file) < _FULL // 2]
        if len(small) < _MANY_FILES:
            return
        used: Mapping[str, list[Entry]] = self._index.by_file()
        merged = [(file, used[file]) for file in small if file in used and _is_current(file)]
        for group in _by_size((one, sum(e.jobs for e in one[1])) for one in merged):
            frames, moves, start = [], [], 0
            for file, entries in group:
                with suppress(*_UNREADABLE):
                    rows = [*self._slices(file, entries)]
                    frames += rows
                    for entry in entries:
                        moves.append((entry, start))
                        start += entry.jobs
            if len(group) > 1 and frames:
                self._index.move(self._write(frames), moves)
        used, now = self._index.by_file(), time()
        for path in (self.folder / file for file in files if file not in used):
            # A young file may be one that another process has written and not noted yet.
            if path.name in dict(merged) or abs(now - path.stat().st_mtime) > _UNUSED_S:
                _delete([path])


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
    return Entry(chain.prefix, file, start, jobs, complete, places, text)


def _stored(entry: Entry, jobs: pl.DataFrame) -> StoredChain:
    used = 0

    def take(_type: type, rows: int) -> pl.DataFrame:
        nonlocal used
        used += rows
        return jobs.slice(used - rows, rows)

    pages = msgspec.json.decode(entry.pages, type=list[PageRead], dec_hook=take)
    if used != jobs.height or used != entry.jobs:
        raise ValueError("other pages")
    return StoredChain(entry.prefix, entry.file, entry.start, jobs, pages)


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


def _height(file: str) -> int:
    """How many rows a file has, which its name says."""
    match = _FILE.fullmatch(file)
    return int(match["rows"]) if match else 0


def _is_current(file: str) -> bool:
    match = _FILE.fullmatch(file)
    return match is not None and match["version"] == _VERSION


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
