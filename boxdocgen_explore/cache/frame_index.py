"""Parquet files with rows of cached pages, and an index of which rows belong to which pages.

Both are tables beside the pages. The database deletes an entry as soon as one of its pages changes
(`frame_table`), so every entry matches the current pages.
"""

from __future__ import annotations

import hashlib
import io
import re
import sqlite3
from collections import Counter, defaultdict
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
"""The errors that a corrupt file or entry may raise."""

_FIND: Final = """
SELECT prefix, file, start, jobs, complete, places, CAST(pages AS BLOB) FROM frames
WHERE prefix = rtrim((SELECT min(key) FROM responses WHERE key >= :root AND key < :end), :place)
    AND prefix = rtrim((SELECT max(key) FROM responses WHERE key >= :root AND key < :end), :place)
"""

# One statement, because another process may store or delete pages between two. Lists with an entry
# are included, even if a damaged index does not find all keys.
_LISTS: Final = """
WITH chains AS (
    SELECT rtrim(key, :place) AS prefix FROM responses WHERE key >= :root AND key < :end
    UNION SELECT prefix FROM frames WHERE prefix >= :root AND prefix < :end
), lists AS (
    SELECT min(prefix) AS prefix, count(*) AS chains FROM chains
    GROUP BY rtrim(prefix, '0123456789/')
)
SELECT lists.prefix, file, CAST(jobs AS INTEGER) FROM lists LEFT JOIN frames
    ON frames.prefix = lists.prefix AND chains = 1 AND complete AND typeof(file) = 'text'
"""

_ADD: Final = "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"

_UNUSED: Final = """
DELETE FROM frame_files WHERE NOT EXISTS (SELECT 1 FROM frames WHERE file = name)
"""

_PLACE: Final = "abcdefghijklmnopqrstuvwxyz0123456789"

_COLUMNS: Final = {name: dtype for name, dtype in JOBS.items() if name != "origin"}
_PARSER: Final = 3
"""Increased if the same pages yield other rows than before: older files are then ignored."""

_VERSION: Final = hashlib.sha256(f"{_PARSER} {_COLUMNS}".encode()).hexdigest()[:8]
_FILE: Final = re.compile(rf"{_VERSION}-(\d+)-[0-9a-f]{{32}}")
_FEW_BATCHES: Final = 8


@dataclass(frozen=True)
class Entry:
    """The rows ``start`` to ``start + jobs`` of a file: the first pages of a chain, or all of
    them if ``complete``. ``places`` has the last parts of their keys between blanks, ``pages``
    their records as JSON. A new entry also has their ``fingerprints``."""

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
    """The id of the list of a chain's pages, whatever limit they were read with.

    >>> list_of("api.box.com/docgen_batch_jobs/123/limit=1000/000000/")
    '123'
    """
    return unquote(prefix.rsplit("/", 4)[1])


# --- entries -----------------------------------------------------------------------------------


def find(database: sqlite3.Connection, roots: Iterable[str]) -> dict[str, Entry]:
    """The entry of each list with a single cached chain, by the root of its keys."""
    found = {}
    for root in roots:
        for row in database.execute(_FIND, _range(root)):
            found[root] = Entry(*row)
    return found


Lists = tuple[dict[str, tuple[list[str], int]], list[str]]


def lists(database: sqlite3.Connection, root: str) -> Lists:
    """All lists below a root: the ids of completely stored ones and their number of rows, by
    file; and the ids of the others."""
    (others,) = database.execute("PRAGMA data_version").fetchone()
    return _lists(database, root, others, database.total_changes)


@lru_cache(maxsize=1)
def _lists(database: sqlite3.Connection, root: str, *_state: int) -> Lists:
    """Computed once per state of the database, because scans are frequent."""
    ids, rows, others = defaultdict[str, list[str]](list), Counter[str](), list[str]()
    for prefix, file, jobs in database.execute(_LISTS, _range(root)):
        (ids[file] if file and height(file) else others).append(list_of(prefix))
        rows[file] += jobs or 0
    return {file: (ids[file], rows[file]) for file in ids}, sorted(others)


def _range(root: str) -> dict[str, str]:
    return {"root": root, "end": root + "\x7f", "place": _PLACE}


def entries_of(database: sqlite3.Connection, file: str) -> list[Entry]:
    """The entries of a file, in the order of their rows, without places and pages."""
    query = "SELECT prefix, file, start, jobs, complete FROM frames WHERE file = ? ORDER BY start"
    return [Entry(*row) for row in database.execute(query, (file,))]


def add(database: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """Add entries, one per list, unless the fingerprint of a page has changed."""
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
    """Update entries whose rows were copied to another file, starting at these rows."""
    values = [(file, start, entry.prefix) for entry, start in moves]
    database.executemany("UPDATE frames SET file = ?, start = ? WHERE prefix = ?", values)


# --- files -------------------------------------------------------------------------------------


def files(database: sqlite3.Connection) -> list[str]:
    """The files made by this version of the parser."""
    query = "SELECT name FROM frame_files WHERE typeof(name) = 'text' ORDER BY rowid"
    names = database.execute(query)
    return [name for (name,) in names if _FILE.fullmatch(name)]


def height(file: str) -> int:
    """The number of rows of a file, which is part of its name."""
    match = _FILE.fullmatch(file)
    return int(match[1]) if match else 0


def parquet(frames: Sequence[pl.DataFrame]) -> tuple[str, bytes]:
    """Encode rows as a file: its name, derived from its content, and the content."""
    jobs, buffer = pl.concat(frames), io.BytesIO()
    # Small row groups, so that a batch is read without the others and with little memory.
    jobs.write_parquet(buffer, row_group_size=20_000, compression_level=1)
    content = buffer.getvalue()
    return _name(jobs.height, content), content


def write(database: sqlite3.Connection, file: str, content: bytes) -> None:
    """Add a file; files of the same name have the same content."""
    database.execute("INSERT OR REPLACE INTO frame_files VALUES (?, ?)", (file, content))


def delete_unused(database: sqlite3.Connection) -> None:
    """Delete files without an entry."""
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
