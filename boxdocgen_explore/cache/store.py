"""What is kept on disk: raw pages, one SQLite file per host and Box user, through requests-cache.

Only checked pages come in here (``chain`` says when), the file runs no code when it is read, every
page carries a checksum over itself and its key, and the keys can be read without decoding a page.
"""

from __future__ import annotations

import sqlite3
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from requests_cache.backends.sqlite import SQLiteDict
from requests_cache.models.response import CachedResponse

from boxdocgen_explore.cache import files
from boxdocgen_explore.cache.serializer import (
    FINGERPRINT_BYTES,
    SERIALIZER,
    CorruptEntry,
    cached_page,
)

if TYPE_CHECKING:
    from requests import Response

_BUSY_MS: Final = 30_000
_CORRUPT: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""What SQLite says of a file that is damaged, or has other tables than ours."""


class StoreWarning(UserWarning):
    """Something with the cache folder; what was read is complete all the same."""


class _Pages(SQLiteDict):
    """requests-cache's table, but what fails is an error.

    Its own waits for ever for a lock that a read-only file does not give, and takes back in
    silence what a full disk did not take.
    """

    @contextmanager
    def connection(self, commit: bool = False) -> Iterator[sqlite3.Connection]:
        with self._lock, super().connection() as connection:
            if not commit or connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            finally:
                connection.rollback()  # does nothing after the commit

    def deserialize(self, key: str, value: bytes) -> CachedResponse:
        page: CachedResponse = SERIALIZER.loads(value)
        if page.cache_key != key:
            raise CorruptEntry("another page's place")
        return page


class _ReadOnlyPages(_Pages):
    """The same in a place where nothing can be written."""

    def init_db(self) -> None:  # type: ignore[no-untyped-def, unused-ignore]
        """Nothing is made; where not even SQLite's own notes can be, none are looked for."""
        self.connection_kwargs["uri"] = True
        address = f"file:{quote(str(self.db_path))}"
        for self.db_path in (f"{address}?mode=ro", f"{address}?immutable=1"):
            try:
                with self.connection() as connection:
                    connection.execute("SELECT count(*) FROM responses")
                return
            except sqlite3.OperationalError as error:
                self.close()  # type: ignore[no-untyped-call]
                problem = error
        raise problem


class PageStore:
    """Checked pages by key; in memory where ``path`` is None.

    Trouble with the file after it was opened is a warning, and the page counts as not kept: Box
    can still be asked. A file that is spoilt is set aside, and a new one begun.

    Raises:
        StoreError: the file cannot be made, opened or written (read, where ``read_only``).
    """

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        # One connection between all threads; a page takes about a millisecond, so taking turns
        # costs nothing that a reader would notice.
        self._lock = threading.Lock()
        self._warned: set[str] = set()
        self._file: tuple[int, int] | None = None
        try:
            self._pages = self._opened()
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a name with NUL
            raise files.unusable(path, error) from None

    def _opened(self) -> _Pages:
        if self.path is None:
            return _open(":memory:")
        if self.read_only:
            if (trouble := files.trouble(self.path)) is not None:
                raise OSError(f"{self.path.name} is {trouble}")
            return _ReadOnlyPages(self.path, "responses", serializer=SERIALIZER)
        files.create(self.path, _make)
        self._file = files.identity(self.path)
        trouble = files.trouble(self.path)
        if trouble is None:
            try:
                return _open(self.path)
            except sqlite3.Error as error:
                if not _is_corrupt(error):
                    raise
                trouble = f"damaged ({error})"
        self._quarantine(trouble)
        files.create(self.path, _make)
        self._file = files.identity(self.path)
        return _open(self.path)

    def page(self, key: str) -> CachedResponse | None:
        """The stored page, expired or not; None where there is none or it is damaged."""
        stored: CachedResponse | None = None
        with self._turn("a kept page could not be read"):
            try:
                stored = self._pages[key]
            except CorruptEntry:
                self._say("a kept page is damaged, and counts as not kept")
            except KeyError:
                pass
        return stored

    def save(
        self, key: str, response: Response, fetched_at: datetime, expires: datetime | None
    ) -> None:
        """Keep a checked page."""
        if not self.read_only:
            with self._turn("pages could not be kept on disk"):
                self._pages[key] = cached_page(key, response, fetched_at, expires)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin so, sorted."""
        return [key for key, _ in self._rows("NULL", prefix)]

    def fingerprints(self, prefix: str, *, lasting: bool = True) -> list[tuple[str, bytes]]:
        """The keys that begin so, sorted, each with what tells its page from every other; found
        without reading the pages. ``lasting``: only of pages that never expire."""
        print_ = f"substr(value, 1, {FINGERPRINT_BYTES}) || length(value)"
        where = "expires IS NULL" if lasting else "true"
        return [(key, bytes(one)) for key, one in self._rows(print_, prefix, where)]

    def _rows(self, column: str, prefix: str, where: str = "true") -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        # A range on the primary key: listing one batch must not read the whole table.
        query = (
            f"SELECT key, CAST({column} AS BLOB) FROM responses "  # noqa: S608 - no text from outside
            f"WHERE key >= ? AND key < ? AND {where} ORDER BY key"
        )
        with self._turn("kept pages could not be listed"), self._pages.connection() as connection:
            found = [
                (str(key), value)
                for key, value in connection.execute(query, (prefix, prefix + "\x7f"))
            ]
        return found

    def delete(self, keys: Iterable[str]) -> None:
        """Forget these pages."""
        if not self.read_only:
            with self._turn("pages could not be deleted"):
                self._pages.bulk_delete(list(keys))  # type: ignore[no-untyped-call]

    def clear(self, older_than: timedelta | None = None) -> int:
        """Forget all pages, or those fetched longer ago; says how many."""
        keys = self.keys()
        if older_than is not None:
            late = datetime.now(UTC) - older_than
            pages = ((key, self.page(key)) for key in keys)
            keys = [key for key, page in pages if page is None or page.created_at < late]
        self.delete(keys)
        with self._turn("the file could not be made smaller"):
            self._pages.vacuum()  # type: ignore[no-untyped-call]
        return len(keys)

    def close(self) -> None:
        with self._lock:
            self._pages.close()  # type: ignore[no-untyped-call]

    @contextmanager
    def _turn(self, what: str) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (OSError, sqlite3.Error) as error:
                if self.path and not self.read_only and _is_corrupt(error):
                    self._recreate(error)
                else:
                    self._say(f"{what} ({error}); what was read is complete all the same")

    def _say(self, what: str) -> None:
        """Once for each kind of trouble: one full disk is one message, not one per page."""
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"{self.path}: {what}.", StoreWarning, stacklevel=6)

    def _recreate(self, error: Exception) -> None:
        self._pages.close()  # type: ignore[no-untyped-call]
        try:
            self._quarantine(f"damaged ({error})")
            self._pages = self._opened()
        except (OSError, sqlite3.Error) as problem:
            self._say(f"the file is damaged ({error}) and cannot be set aside ({problem})")
            self.path = None
            self._pages = self._opened()

    def _quarantine(self, trouble: str) -> None:
        """Out of the way with the spoilt file, unless another process has seen to it meanwhile."""
        if self.path and self._file and files.identity(self.path) == self._file:
            moved = files.quarantine(self.path)
            self._say(f"the file is {trouble}; it was set aside as {moved}, and Box is read anew")


def _is_corrupt(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def _open(path: Path | str) -> _Pages:
    return _Pages(path, "responses", serializer=SERIALIZER, wal=True, busy_timeout=_BUSY_MS)


def _make(name: str) -> None:
    pages = _open(name)
    with pages.connection() as connection:
        connection.execute(f"PRAGMA application_id = {files.APPLICATION}")
        connection.execute(f"PRAGMA user_version = {files.VERSION}")
    # Closing folds the write-ahead log back into the one file.
    pages.close()  # type: ignore[no-untyped-call]
