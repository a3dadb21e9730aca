"""Rows of cached pages as frames, in a few Parquet files within the page store.

Reading them is much faster than parsing the pages again. They can be deleted at any time. New rows
become a new file; small files are merged once there are many.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import polars as pl

from boxdocgen_explore.cache import frame_index
from boxdocgen_explore.cache.files import unusable
from boxdocgen_explore.cache.frame_index import UNREADABLE, Entry, Lists, height, list_of
from boxdocgen_explore.pages import Chain, PageRead, StoredChain, page_place

if TYPE_CHECKING:
    from boxdocgen_explore.cache.store import PageStore

_FULL: Final = 250_000
"""Rows of a file that is large enough: reading one batch reads the complete file."""

_MANY_FILES: Final = 8
_PARTIAL_PAGES: Final = 10
"""Fewer final pages of a batch that still runs are not worth a frame."""

_T = TypeVar("_T")


def load(store: PageStore, roots: Iterable[str]) -> dict[str, StoredChain]:
    """The stored frame of each list, by the root of its keys, if it has a single chain."""
    by_file: dict[str, dict[str, Entry]] = defaultdict(dict)
    with store.database("frames could not be looked up") as database:
        for root, entry in frame_index.find(database, roots).items():
            by_file[entry.file][root] = entry
    found = {}
    for file, entries in by_file.items():
        with suppress(*UNREADABLE):
            rows = frame_index.slices(_content(store, file), file, [*entries.values()])
            for (root, entry), (jobs, source) in zip(entries.items(), rows, strict=True):
                found[root] = _stored(entry, jobs, source)
    return found


def rows(store: PageStore, root: str, others: list[str]) -> Iterator[pl.LazyFrame]:
    """The rows of all completely stored lists below a root; files are in memory until collected.

    The ids of the other lists are added to ``others``.

    Raises:
        StoreError: the cached pages cannot be listed.
    """
    by_file, unstored = _lists(store, root)
    others += unstored
    together: list[tuple[bytes, int]] = []
    for file, (ids, jobs) in by_file.items():
        try:
            content = _content(store, file)
        except UNREADABLE:  # another process may have merged the file
            others += ids
            continue
        if jobs == height(file):
            together.append((content, jobs))
        else:
            yield pl.scan_parquet(content).filter(pl.col("batch_id").is_in(ids))
    for contents in by_size(together):
        yield pl.scan_parquet(contents)


def _lists(store: PageStore, root: str) -> Lists:
    with store.database("frames could not be listed") as database:
        return frame_index.lists(database, root)
    if keys := store.keys(root):
        return {}, sorted({*map(list_of, keys)})
    raise unusable(store.path, OSError("its pages cannot be listed"))


def save(store: PageStore, chains: Iterable[Chain]) -> None:
    """Store new pages of these chains, if they are worth a file."""
    if store.read_only:
        return
    worth = [(chain, pages) for chain in chains if (pages := _worth_storing(chain))]
    for group in by_size((chain, _rows_of(chain[1])) for chain in worth):
        _append(store, group)
    if worth:
        with store.database("frames could not be merged", write=True) as database:
            _merge(database)
            frame_index.delete_unused(database)


def _content(store: PageStore, file: str) -> bytes:
    """Raises UNREADABLE."""
    with store.database("frames could not be read") as database:
        return frame_index.content(database, file)
    raise ValueError("a damaged database")


def _append(store: PageStore, group: Sequence[tuple[Chain, Sequence[PageRead]]]) -> None:
    """Write the rows of chains as one file, and record their places."""
    frames, entries, start = [], [], 0
    for chain, pages in group:
        stored = chain.stored
        if stored and _rows_are_stored(chain, stored, pages):
            entries.append(_entry(chain, pages, stored.file, stored.start))
        else:
            jobs = pl.concat(chain.frames()).head(_rows_of(pages))
            frames.append(jobs)
            entries.append(_entry(chain, pages, "", start))
            start += jobs.height
    file, content = frame_index.parquet(frames) if frames else ("", b"")
    with store.database("frames could not be stored", write=True) as database:
        if frames:
            frame_index.write(database, file, content)
        frame_index.add(database, [replace(entry, file=entry.file or file) for entry in entries])


def _merge(database: sqlite3.Connection) -> None:
    """Merge small files once there are many, but no file with more rows than all smaller ones:
    reading a new batch would then mean reading many others."""
    small = [file for file in frame_index.files(database) if height(file) < _FULL // 2]
    while small and 2 * height(largest := max(small, key=height)) > sum(map(height, small)):
        small.remove(largest)
    if len(small) < _MANY_FILES:
        return
    for group in by_size((file, height(file)) for file in small):
        frames, moves, start = [], [], 0
        for file in group:
            entries = frame_index.entries_of(database, file)
            with suppress(*UNREADABLE):
                rows = frame_index.slices(frame_index.content(database, file), file, entries)
                for entry, (jobs, _) in zip(entries, rows, strict=True):
                    frames.append(jobs)
                    moves.append((entry, start))
                    start += jobs.height
        if len(group) > 1 and frames:
            merged, content = frame_index.parquet(frames)
            frame_index.write(database, merged, content)
            frame_index.move(database, merged, moves)


def _worth_storing(chain: Chain) -> Sequence[PageRead]:
    """The pages to store: all of a final chain, or the first ones of another chain if they have
    doubled; none if nothing is new, a page could not be cached, or a warning belongs to them."""
    pages: Sequence[PageRead] = chain.pages
    if not chain.complete or not all(page.fingerprint for page in pages):
        return []
    if pages[0].parsed.names_previous:
        return []
    if not all(page.final for page in pages):
        pages = [*takewhile(lambda page: page.expires is None, pages)]
        if len(pages) < max(_PARTIAL_PAGES, 2 * chain.head_pages):
            return []
    return pages if len(pages) > chain.head_pages else []


def _rows_are_stored(chain: Chain, stored: StoredChain, pages: Sequence[PageRead]) -> bool:
    """Whether the end page was read again with the stored content."""
    if stored.prefix != chain.prefix or len(stored.pages) != len(pages):
        return False
    again = zip(pages, stored.pages, strict=True)
    return all(new.parsed.rows.equals(old.parsed.rows) for new, old in [*again][chain.head_pages :])


def _rows_of(pages: Iterable[PageRead]) -> int:
    return sum(page.parsed.height for page in pages)


def _entry(chain: Chain, pages: Sequence[PageRead], file: str, start: int) -> Entry:
    """Encode pages as JSON, with the number of their rows instead of the rows."""
    cached = [replace(page, from_cache=True) for page in pages]
    text = msgspec.json.encode(cached, enc_hook=lambda rows: rows.height)
    places = " ".join(page_place(page.marker) for page in pages)
    fingerprints = [page.fingerprint for page in pages]
    complete = pages[-1].parsed.next_marker is None
    about = chain.prefix, file, start, _rows_of(pages), complete
    entry = Entry(*about, f" {places} ", text, fingerprints)
    return replace(entry, pages=_checksum(entry) + text)


def _checksum(entry: Entry) -> bytes:
    """The digest of an entry, independent of the place of its rows."""
    about = f"{entry.prefix} {entry.jobs} {entry.complete:d}{entry.places}"
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
    if used != entry.jobs:
        raise ValueError("rows of other pages")
    return StoredChain(entry.prefix, entry.file, entry.start, jobs, pages, source)


def by_size(sized: Iterable[tuple[_T, int]]) -> Iterator[list[_T]]:
    """Groups of rows that are as large as a file should be and fit into memory."""
    group: list[_T] = []
    rows = 0
    for item, more in sized:
        group.append(item)
        rows += more
        if rows >= _FULL:
            yield group
            group, rows = [], 0
    if group:
        yield group
