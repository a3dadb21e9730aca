"""The rows of cached pages in Parquet files, and which rows belong to which pages.

Both are tables beside the pages. The database deletes an entry as soon as one of its pages changes
(`frame_table`), so an entry that is found was made from the pages that are there.
"""

from __future__ import annotations

import hashlib
import io
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import polars as pl

from boxdocgen_explore.cache.serializer import FINGERPRINT_BYTES
from boxdocgen_explore.schema import JOBS

UNREADABLE: Final = (
    ValueError,
    TypeError,
    IndexError,
    RecursionError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
"""What a corrupt file or entry may raise."""

_FIND: Final = """
SELECT prefix, file, start, jobs, complete, places, CAST(pages AS BLOB) FROM frames
WHERE prefix = rtrim((SELECT min(key) FROM responses WHERE key >= :root AND key < :end), :place)
    AND prefix = rtrim((SELECT max(key) FROM responses WHERE key >= :root AND key < :end), :place)
"""

# One statement, because another process may store or delete pages between two.
_FILES: Final = """
SELECT file, sum(jobs), group_concat(prefix, ' '), sum(number),
    (SELECT count(*) FROM responses WHERE key >= ? AND key < ?)
FROM frames WHERE complete GROUP BY file
"""

_CHAINS: Final = "SELECT DISTINCT rtrim(key, ?) FROM responses WHERE key >= ? AND key < ?"

_ADD: Final = "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

_UNUSED: Final = """
DELETE FROM frame_files WHERE NOT EXISTS (SELECT 1 FROM frames WHERE file = name)
"""

_PLACE: Final = "abcdefghijklmnopqrstuvwxyz0123456789"

_COLUMNS: Final = {name: dtype for name, dtype in JOBS.items() if name != "origin"}
_PARSER: Final = 3
"""Raised when the same pages give other rows than before: files made until then are ignored."""

_VERSION: Final = hashlib.sha256(f"{_PARSER} {_COLUMNS}".encode()).hexdigest()[:8]
_FILE: Final = re.compile(rf"{_VERSION}-(\d+)-[0-9a-f]{{32}}")
_FEW_BATCHES: Final = 8


@dataclass(frozen=True)
class Entry:
    """The rows ``start`` to ``start + jobs`` of a file: the first pages of a chain, or, if
    ``complete``, all of them. ``places`` are the last parts of their keys between blanks, ``pages``
    their records as JSON. A new entry has their ``fingerprints``, too."""

    prefix: str
    file: str
    start: int
    jobs: int
    complete: bool
    places: str = ""
    pages: bytes = b""
    fingerprints: Sequence[bytes | None] = ()

    @property
    def list(self) -> str:
        return list_of(self.prefix)


def list_of(prefix: str) -> str:
    """The id of the list that the pages of a chain belong to, whatever limit they were read with.

    >>> list_of("api.box.com/docgen_batch_jobs/123/limit=1000/000000/")
    '123'
    """
    return unquote(prefix.rsplit("/", 4)[1])


# --- entries -----------------------------------------------------------------------------------


def find(database: sqlite3.Connection, roots: Iterable[str]) -> dict[str, Entry]:
    """The entry of each list, given as the root of its keys, of which one chain is cached."""
    found = {}
    for root in roots:
        where = {"root": root, "end": root + "\x7f", "place": _PLACE}
        for row in database.execute(_FIND, where):
            found[root] = Entry(*row)
    return found


def complete_files(database: sqlite3.Connection, root: str) -> dict[str, tuple[int, str]] | None:
    """The files that have all cached lists below a root, with the jobs of complete entries, and
    with their prefixes between blanks; None if a page belongs to no such entry."""
    (others,) = database.execute("PRAGMA data_version").fetchone()
    return _complete_files(database, root, others, database.total_changes)


@lru_cache(maxsize=1)
def _complete_files(
    database: sqlite3.Connection, root: str, *_state: int
) -> dict[str, tuple[int, str]] | None:
    """Counted once per state of the database, because whoever scans does so often."""
    found = database.execute(_FILES, (root, root + "\x7f")).fetchall()
    if not found or sum(number for *_, number, _ in found) != found[0][-1]:
        return None
    return {file: (jobs, prefixes) for file, jobs, prefixes, *_ in found}


def chains(database: sqlite3.Connection, root: str) -> set[str]:
    """The prefixes of all cached chains below a root."""
    return {prefix for (prefix,) in database.execute(_CHAINS, (_PLACE, root, root + "\x7f"))}


def entries_of(database: sqlite3.Connection, file: str) -> list[Entry]:
    """The entries of a file in the order of their rows, without places and pages."""
    query = "SELECT prefix, file, start, jobs, complete FROM frames WHERE file = ? ORDER BY start"
    return [Entry(*row) for row in database.execute(query, (file,))]


def add(database: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Add entries, one per list, unless a page is no longer the one with this fingerprint."""
    cached = (
        f"SELECT key, CAST(substr(value, 1, {FINGERPRINT_BYTES}) AS BLOB) FROM responses "  # noqa: S608 - a number
        "WHERE key >= ? AND key < ?"
    )
    for entry in entries:
        pages = dict(database.execute(cached, (entry.prefix, entry.prefix + "\x7f")))
        places = entry.places.split()
        if [pages.get(entry.prefix + place) for place in places] == entry.fingerprints:
            rows = entry.file, entry.start, entry.jobs, entry.complete
            records = len(places), entry.places, entry.pages
            root = entry.prefix.rsplit("/", 3)[0]
            database.execute(_ADD, (entry.prefix, root, *rows, *records))


def move(database: sqlite3.Connection, file: str, moves: Iterable[tuple[Entry, int]]) -> None:
    """Rows of these entries were copied to another file, where they start there."""
    values = [(file, start, entry.prefix) for entry, start in moves]
    database.executemany("UPDATE frames SET file = ?, start = ? WHERE prefix = ?", values)


# --- files -------------------------------------------------------------------------------------


def files(database: sqlite3.Connection) -> list[str]:
    """The files that this version of the parser made."""
    query = "SELECT name FROM frame_files WHERE typeof(name) = 'text' ORDER BY rowid"
    names = database.execute(query)
    return [name for (name,) in names if _FILE.fullmatch(name)]


def height(file: str) -> int:
    """How many rows a file has, which its name says."""
    match = _FILE.fullmatch(file)
    return int(match[1]) if match else 0


def parquet(frames: Sequence[pl.DataFrame]) -> tuple[str, bytes]:
    """Some rows as a file: its name, which is that of its content, and its content."""
    jobs, buffer = pl.concat(frames), io.BytesIO()
    # In small row groups: a batch is read without the others, and in little memory.
    jobs.write_parquet(buffer, row_group_size=20_000, compression_level=1)
    content = buffer.getvalue()
    return _name(jobs.height, content), content


def write(database: sqlite3.Connection, file: str, content: bytes) -> None:
    """Add a file; one of the same name has the same content."""
    database.execute("INSERT OR REPLACE INTO frame_files VALUES (?, ?)", (file, content))


def delete_unused(database: sqlite3.Connection) -> None:
    """Delete the files that have no entry."""
    database.execute(_UNUSED)


def content(database: sqlite3.Connection, file: str) -> bytes:
    """Raises UNREADABLE."""
    query = "SELECT CAST(content AS BLOB) FROM frame_files WHERE name = ?"
    found: bytes
    (found,) = database.execute(query, (file,)).fetchone() or (b"",)
    if file != _name(height(file), found) or pl.read_parquet_schema(found) != _COLUMNS:
        raise ValueError("a corrupt file, or one of another version")
    return found


def slices(
    content: bytes, file: str, entries: Sequence[Entry]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
    """The rows of each entry, and all rows of the file if they were read. Raises UNREADABLE."""
    lazy, together = pl.scan_parquet(content), None
    if len(entries) > _FEW_BATCHES or 2 * sum(e.jobs for e in entries) > height(file):
        together = lazy.collect()
    for entry in entries:
        if together is None:
            jobs = lazy.slice(entry.start, entry.jobs).collect()
        else:
            jobs = together.slice(entry.start, entry.jobs)
        ids = jobs["batch_id"]
        if jobs.height != entry.jobs or {ids[0], ids[-1]} != {entry.list}:
            raise ValueError("rows of other pages")
        yield jobs, together


def _name(rows: int, content: bytes) -> str:
    return f"{_VERSION}-{rows}-{hashlib.sha256(content).hexdigest()[:32]}"
