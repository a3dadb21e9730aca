"""Which rows of which frame file belong to which cached pages: a table beside the pages.

The database deletes an entry as soon as one of its pages changes (`frame_table`), so an entry that
is found was made from the pages that are there.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from boxdocgen_explore.cache.serializer import FINGERPRINT_BYTES

if TYPE_CHECKING:
    from boxdocgen_explore.cache.store import PageStore

_FIND: Final = """
SELECT prefix, file, start, jobs, complete, places, CAST(pages AS BLOB) FROM frames
WHERE prefix = rtrim((SELECT min(key) FROM responses WHERE key >= :root AND key < :end), :place)
    AND prefix = rtrim((SELECT max(key) FROM responses WHERE key >= :root AND key < :end), :place)
"""

_FILES: Final = """
SELECT file, sum(jobs), sum(number) FROM frames
WHERE complete AND prefix >= :root AND prefix < :end GROUP BY file
"""

_CHAINS: Final = "SELECT DISTINCT rtrim(key, ?) FROM responses WHERE key >= ? AND key < ?"

_PLACE: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Entry:
    """The rows ``start`` to ``start + jobs`` of a file: the first pages of a chain, or, if
    ``complete``, all of them. ``places`` are the last parts of their keys, ``pages`` their records
    as JSON."""

    prefix: str
    file: str
    start: int
    jobs: int
    complete: bool
    places: Sequence[str] = ()
    pages: bytes = b""

    @property
    def list(self) -> str:
        return list_of(self.prefix)


def list_of(prefix: str) -> str:
    """The id of the list that the pages of a chain belong to, whatever limit they were read with.

    >>> list_of("api.box.com/docgen_batch_jobs/123/limit=1000/000000/")
    '123'
    """
    return unquote(prefix.rsplit("/", 4)[1])


class FrameIndex:
    """The entries of one store."""

    def __init__(self, store: PageStore) -> None:
        self._store = store
        self._counted: tuple[Any, int, list[tuple[str, int, int]]] | None = None
        """What `files` counted, and at which state of the database."""

    def find(self, roots: Iterable[str]) -> dict[str, Entry]:
        """The entry of each list, given as the root of its keys, of which one chain is cached."""
        found = {}
        with self._store.database("frames could not be looked up") as database:
            for root in roots:
                where = {"root": root, "end": root + "\x7f", "place": _PLACE}
                for row in database.execute(_FIND, where):
                    prefix, file, start, jobs, complete, places, pages = row
                    found[root] = Entry(
                        prefix, file, start, jobs, bool(complete), places.split(), pages
                    )
        return found

    def files(self, root: str) -> dict[str, int] | None:
        """The files that have all cached lists below a root, with the jobs of complete entries;
        None if a page belongs to no such entry."""
        where = {"root": root, "end": root + "\x7f"}
        with self._store.database("frames could not be listed") as database:
            (others,) = database.execute("PRAGMA data_version").fetchone()
            version = (root, others, database.total_changes)
            if self._counted is None or self._counted[0] != version:
                count = "SELECT count(*) FROM responses WHERE key >= :root AND key < :end"
                (pages,) = database.execute(count, where).fetchone()
                self._counted = version, pages, database.execute(_FILES, where).fetchall()
            _, pages, found = self._counted
            if pages == sum(number for _, _, number in found):
                return {file: jobs for file, jobs, _ in found}
        return None

    def chains(self, root: str) -> set[str]:
        """The prefixes of all cached chains below a root."""
        where = (_PLACE, root, root + "\x7f")
        with self._store.database("chains could not be listed") as database:
            return {prefix for (prefix,) in database.execute(_CHAINS, where)}
        return set()

    def by_file(self) -> dict[str, list[Entry]]:
        """All entries by file, in the order of their rows, without places and pages."""
        found: dict[str, list[Entry]] = defaultdict(list)
        query = "SELECT prefix, file, start, jobs, complete FROM frames ORDER BY file, start"
        with self._store.database("frames could not be listed") as database:
            for prefix, file, start, jobs, complete in database.execute(query):
                found[file].append(Entry(prefix, file, start, jobs, bool(complete)))
        return found

    def add(self, entries: Iterable[Entry], fingerprints: Mapping[str, bytes | None]) -> None:
        """Add entries, one per list, unless a page is no longer the one with this fingerprint."""
        with self._store.database("frames could not be noted", write=True) as database:
            for entry in entries:
                keys = [entry.prefix + place for place in entry.places]
                cached = dict(self._fingerprints(database, entry.prefix))
                if all(cached.get(key) == fingerprints[key] for key in keys):
                    database.execute(
                        "INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            entry.prefix,
                            entry.prefix.rsplit("/", 3)[0],
                            entry.file,
                            entry.start,
                            entry.jobs,
                            entry.complete,
                            len(entry.places),
                            f" {' '.join(entry.places)} ",
                            entry.pages,
                        ),
                    )

    def move(self, file: str, moves: Iterable[tuple[Entry, int]]) -> None:
        """Rows of these entries were copied to another file, where they start there."""
        values = [(file, start, entry.prefix, entry.file) for entry, start in moves]
        with self._store.database("frames could not be noted", write=True) as database:
            query = "UPDATE frames SET file = ?, start = ? WHERE prefix = ? AND file = ?"
            database.executemany(query, values)

    @staticmethod
    def _fingerprints(database: sqlite3.Connection, prefix: str) -> Iterator[tuple[str, bytes]]:
        query = (
            f"SELECT key, CAST(substr(value, 1, {FINGERPRINT_BYTES}) AS BLOB) FROM responses "  # noqa: S608 - a number
            "WHERE key >= ? AND key < ?"
        )
        yield from database.execute(query, (prefix, prefix + "\x7f"))
