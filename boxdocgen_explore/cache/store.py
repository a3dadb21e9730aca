"""The page store: raw pages on disk, one SQLite file per host and Box user, by requests-cache.

Only checked pages are stored (by ``box.chain``). Reading the file runs no code. Every page has a
checksum over itself and its key, and keys are listed without decoding pages.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from requests_cache.backends.sqlite import SQLiteDict

from boxdocgen_explore.cache import files, frame_table
from boxdocgen_explore.cache.serializer import (
    SERIALIZER,
    CorruptEntry,
    StoredPage,
    cached_page,
)
from boxdocgen_explore.errors import warn
from boxdocgen_explore.text import long_ago

if TYPE_CHECKING:
    from requests import Response

_BUSY_MS: Final = 30_000
_BUSY_AGAIN_MS: Final = 100
"""Wait this long for a locked file, but only once and not for every page."""

_CORRUPT: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""SQLite's codes for a corrupt file, or one with other tables."""


class StoreWarning(UserWarning):
    """A problem with the cache folder; the result is complete nevertheless."""


class _Pages(SQLiteDict):
    """SQLiteDict in SQLite's autocommit mode: each statement succeeds completely, or raises.

    The original retries forever on a read-only file, and silently rolls back on a full disk.
    """

    def init_db(self) -> None:  # type: ignore[no-untyped-def, unused-ignore]
        super().init_db()  # type: ignore[no-untyped-call]
        self.inode = files.inode(self.db_path)

    @contextmanager
    def connection(self, commit: bool = False) -> Iterator[sqlite3.Connection]:
        with super().connection() as connection:
            # A damaged key becomes another key, instead of an error that hides all others.
            connection.text_factory = _text
            yield connection

    def deserialize(self, key: str, value: bytes) -> StoredPage:
        page: StoredPage = SERIALIZER.loads(value)  # type: ignore[assignment]
        if page.cache_key != key:
            raise CorruptEntry("the page of another key")
        return page


class _ReadOnlyPages(_Pages):
    """The same, but read-only."""

    def init_db(self) -> None:  # type: ignore[no-untyped-def, unused-ignore]
        self.db_path = files.uri(Path(self.db_path), read_only=True)
        self.connection_kwargs["uri"] = True
        with self.connection() as connection:
            connection.execute("SELECT count(*) FROM responses")


class PageStore:
    """Checked pages by key; in memory if ``path`` is None.

    If a file fails after it was opened, a warning is issued and the page counts as not cached, so
    that Box is read. A corrupt file is quarantined, and a new one created.

    Raises:
        StoreError: the file cannot be created, opened or written (read, if ``read_only``).
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        # One connection for all threads: a page takes about a millisecond, so waiting for other
        # threads is not noticeable.
        self._lock = threading.Lock()
        self._warned: set[str] = set()
        try:
            self._pages = self._opened()
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a name with NUL
            raise files.unusable(path, error) from None

    def _opened(self) -> _Pages:
        if self.path is None:
            return _open(":memory:")
        if self.read_only:
            if not files.is_current(self.path, read_only=True):
                raise OSError(f"{self.path.name} is not a page store of this version")
            return _ReadOnlyPages(self.path, "responses", serializer=SERIALIZER)
        files.create(self.path, _make)
        if files.is_current(self.path):
            try:
                return _open(self.path)
            except sqlite3.Error as error:
                if not _is_corrupt(error):
                    raise
        self._quarantine(self.path)
        files.create(self.path, _make)
        return _open(self.path)

    def page(self, key: str) -> StoredPage | None:
        """The cached page, expired or not; None if it is missing or corrupt."""
        cached: StoredPage | None = None
        with self._guarded("a cached page could not be read"):
            try:
                cached = self._pages[key]
            except CorruptEntry:
                self._warn_once("a cached page is corrupt and counts as not cached")
            except KeyError:
                pass
        return cached

    def save(
        self, key: str, response: Response, fetched_at: datetime, expires: datetime | None
    ) -> bytes | None:
        """Cache a checked page; return its fingerprint."""
        page = cached_page(key, response, fetched_at, expires)
        if not self.read_only:
            with self._guarded("pages could not be cached on disk"):
                self._pages[key] = page
                return page.fingerprint
        return None

    def keys(self, prefix: str = "") -> list[str]:
        """All keys with a prefix, sorted."""
        # A range of the primary key, so that listing one batch does not read the complete table.
        query = "SELECT key FROM responses WHERE key >= ? AND key < ? ORDER BY key"
        with self.database("pages could not be listed") as database:
            return [key for (key,) in database.execute(query, (prefix, prefix + "\x7f"))]
        return []

    def delete(self, keys: Iterable[str]) -> None:
        """Delete all of these pages, or none."""
        if not self.read_only:
            with self.database("pages could not be deleted", write=True):
                self._pages.bulk_delete(list(keys))  # type: ignore[no-untyped-call]

    @contextmanager
    def database(self, what: str, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; ``write`` starts a transaction.

        An error of the file ends the block with a warning that starts with ``what``.
        """
        with self._guarded(what), self._pages.connection() as connection:
            if not write:
                yield connection
                return
            with connection:  # commits, or rolls back on an error
                connection.execute("BEGIN IMMEDIATE")
                yield connection

    def clear(self, older_than: timedelta | None = None) -> int:
        """Delete all pages, or those fetched longer ago; return their number."""
        before = keys = self.keys()
        if older_than is not None:
            now = datetime.now(UTC)
            oldest = long_ago(now, older_than)
            pages = ((key, self.page(key)) for key in keys)
            fetched = ((key, page.created_at if page else None) for key, page in pages)
            # The age of a page from the future is unknown.
            keys = [key for key, at in fetched if not at or not oldest <= at <= now]
        self.delete(keys)
        with self.database("the file could not be made smaller") as database:
            if keys or older_than is None:
                frame_table.clear(database)
            database.execute("VACUUM")
        return len(before) - len(self.keys())

    def close(self) -> None:
        with self._lock:
            self._pages.close()  # type: ignore[no-untyped-call]

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """One thread at a time; turn errors of the file into warnings; replace a corrupt file."""
        with self._lock:
            try:
                yield
            except (OSError, sqlite3.Error) as error:
                if self.path and not self.read_only and _is_corrupt(error):
                    self._recreate(self.path)
                else:
                    self._warn_once(f"{what} ({error}); what was read is still complete")
                    if _code(error) == sqlite3.SQLITE_BUSY:
                        with self._pages.connection() as connection:
                            connection.execute(f"PRAGMA busy_timeout = {_BUSY_AGAIN_MS}")

    def _warn_once(self, what: str) -> None:
        """Warn of a full disk once, not for every page."""
        if what not in self._warned:
            self._warned.add(what)
            warn(f"{self.path}: {what}.", StoreWarning)

    def _recreate(self, path: Path) -> None:
        self._pages.close()  # type: ignore[no-untyped-call]
        try:
            if files.inode(path) == self._pages.inode:  # otherwise another process has replaced it
                self._quarantine(path)
            self._pages = self._opened()
        except (OSError, sqlite3.Error) as error:
            self._warn_once(f"the file is corrupt and cannot be replaced ({error})")
            self.path = None
            self._pages = self._opened()

    def _quarantine(self, path: Path) -> None:
        moved = files.quarantine(path)
        self._warn_once(
            f"the file is corrupt or of another kind; it was renamed to {moved}, and pages are "
            "read from Box again"
        )


def _is_corrupt(error: Exception) -> bool:
    return _code(error) in _CORRUPT


def _code(error: Exception) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code


def _text(stored: bytes) -> str:
    return stored.decode(errors="replace")


def _open(path: Path | str) -> _Pages:
    pages = _Pages(path, "responses", serializer=SERIALIZER, wal=True, busy_timeout=_BUSY_MS)
    with pages.connection() as connection:
        frame_table.prepare(connection)
    return pages


def _make(name: str) -> None:
    pages = _open(name)
    with pages.connection() as connection:
        connection.execute(f"PRAGMA application_id = {files.APPLICATION}")
        connection.execute(f"PRAGMA user_version = {files.VERSION}")
        # Write the log back to the file; on a full disk, closing would not report the error.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages.close()  # type: ignore[no-untyped-call]
