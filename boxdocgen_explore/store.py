"""What is kept on disk: raw pages, one SQLite file per host and Box user, through requests-cache.

Only checked pages come in here (``chain`` says when), the file runs no code when it is read, every
page carries a checksum, and the keys can be read without decoding a page.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from requests_cache import SerializerPipeline, Stage
from requests_cache.backends import BaseCache
from requests_cache.backends.sqlite import SQLiteDict
from requests_cache.models.response import CachedResponse
from requests_cache.serializers import CattrStage

from boxdocgen_explore.errors import StoreError

if TYPE_CHECKING:
    from requests import Response

_MAGIC: Final = b"boxdocgen1"
_BUSY_MS: Final = 30_000
_LARGEST_PAGE_BYTES: Final = 1 << 28


class StoreWarning(UserWarning):
    """A page could not be kept on disk; it was read all the same."""


class _Damaged(KeyError):
    """A stored page that cannot be what was stored.

    A KeyError, because requests-cache takes that for "not here" without a word in the log: a
    damaged page is simply fetched again.
    """


_heads = CattrStage()


def _dump(response: CachedResponse) -> bytes:
    head = _heads.dumps(response)
    body = head.pop("_content", None) or b""
    text = json.dumps(head).encode()
    packed = zlib.compress(len(text).to_bytes(4, "big") + text + body, level=1)
    return _MAGIC + hashlib.sha256(packed).digest() + packed


def _load(stored: bytes) -> CachedResponse:
    start = len(_MAGIC)
    try:
        digest, packed = stored[start : start + 32], stored[start + 32 :]
        if stored[:start] != _MAGIC or hashlib.sha256(packed).digest() != digest:
            raise _Damaged("checksum")
        plain = zlib.decompressobj().decompress(packed, _LARGEST_PAGE_BYTES)
        end = 4 + int.from_bytes(plain[:4], "big")
        head = json.loads(plain[4:end])
        head["_content"] = plain[end:]
        response = _heads.loads(head)
    except Exception as error:  # a checksum is no signature: anything may stand in the file
        raise _Damaged(type(error).__name__) from None
    if not isinstance(response, CachedResponse) or response.created_at.tzinfo is None:
        raise _Damaged("not a page")
    return response


SERIALIZER: Final = SerializerPipeline([Stage(dumps=_dump, loads=_load)], is_binary=True)
"""Head as JSON, body as it came, zlib level 1, SHA-256. Twice as fast as JSON throughout, a tenth
of its size, and unlike pickle it runs no code that somebody else put into the file."""


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


class PageStore:
    """Checked pages by key; in memory where ``path`` is None.

    Trouble with the file after it was opened is a warning, and the page counts as not kept: Box
    can still be asked.

    Raises:
        StoreError: the file cannot be made, opened or written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        # One connection between all threads; a page takes about a millisecond, so taking turns
        # costs nothing that a reader would notice.
        self._lock = threading.Lock()
        self._warned = False
        self._cache = BaseCache()
        try:
            if path is not None:
                _create(path)
            self._pages = _open(path or ":memory:")
        except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a name with NUL
            raise _unusable(path, error) from None
        self._cache.responses = self._pages

    def page(self, key: str) -> CachedResponse | None:
        """The stored page, expired or not; None where there is none or it is damaged."""
        stored: CachedResponse | None = None
        with self._turn("a kept page could not be read"):
            stored = self._pages.get(key)
        return stored

    def save(self, key: str, response: Response, expires: datetime | None) -> None:
        """Keep a checked page."""
        with self._turn("pages could not be kept on disk"):
            self._cache.save_response(response, key, expires)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin so, sorted."""
        found: list[str] = []
        # A range on the primary key: listing one batch must not read the whole table.
        query = "SELECT key FROM responses WHERE key >= ? AND key < ? ORDER BY key"
        with self._turn("kept pages could not be listed"), self._pages.connection() as connection:
            found = [str(key) for (key,) in connection.execute(query, (prefix, prefix + "\x7f"))]
        return found

    def delete(self, keys: Iterable[str]) -> None:
        """Forget these pages."""
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
        problem = None
        with self._lock:
            try:
                yield
            except (OSError, sqlite3.Error) as error:
                problem = error
        if problem is not None and not self._warned:
            self._warned = True  # once: one full disk is one message, not one per page
            warnings.warn(
                f"{self.path}: {what} ({problem}). What was read is complete all the same, and "
                "will be read again next time.",
                StoreWarning,
                stacklevel=4,
            )


def _open(path: Path | str) -> _Pages:
    return _Pages(path, "responses", serializer=SERIALIZER, wal=True, busy_timeout=_BUSY_MS)


def _unusable(path: Path | None, error: Exception) -> StoreError:
    damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError
    )
    if damaged:
        return StoreError(
            f"The file {path} is damaged ({error}): delete it, with boxdocgen cache clear or by "
            "hand; Box is then read anew."
        )
    return StoreError(
        f"The cache folder {path and path.parent} cannot be used ({error}). Choose another with "
        "cache_dir= or --cache-dir."
    )


def _create(path: Path) -> None:
    """Make the database under a temporary name and link it into place.

    Two processes that open a new database in WAL mode at once get "database is locked", whatever
    the busy timeout; with a link exactly one of them wins and the other one uses its file.
    """
    private_folder(path.parent)
    if path.exists():
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".sqlite")
    os.close(handle)
    try:
        # Closing folds the write-ahead log back into the one file.
        _open(name).close()  # type: ignore[no-untyped-call]
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                Path(name).replace(path)
    finally:
        delete_store(Path(name))


def delete_store(path: Path) -> None:
    """Delete a store's files.

    Raises:
        StoreError: they cannot be deleted.
    """
    try:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(path, error) from None


def private_folder(folder: Path) -> None:
    """Make a folder that its owner alone can read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
