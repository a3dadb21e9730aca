"""What is kept on disk: raw pages, one SQLite file per host and Box user, through requests-cache.

Only checked pages come in here (``api`` says when), the file runs no code when it is read, every
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
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from requests_cache import SerializerPipeline, Stage
from requests_cache.backends import BaseCache
from requests_cache.backends.sqlite import SQLiteCache
from requests_cache.serializers import CattrStage

from boxdocgen_explore.errors import StoreError

if TYPE_CHECKING:
    from requests import Response
    from requests_cache.models.response import CachedResponse

_MAGIC = b"boxdocgen1"
_BUSY_MS = 30_000


class StoreWarning(UserWarning):
    """A page could not be kept on disk; it was read all the same."""


class _Damaged(KeyError):
    """A stored page that does not match its checksum.

    A KeyError, because requests-cache takes that for "not here" without a word in the log: a
    damaged page is simply fetched again.
    """


def _dump(head: dict[str, Any]) -> bytes:
    body = head.pop("_content", None) or b""
    text = json.dumps(head).encode()
    packed = zlib.compress(len(text).to_bytes(4, "big") + text + body, level=1)
    return _MAGIC + hashlib.sha256(packed).digest() + packed


def _load(stored: bytes) -> dict[str, Any]:
    start = len(_MAGIC)
    digest, packed = stored[start : start + 32], stored[start + 32 :]
    if stored[:start] != _MAGIC or hashlib.sha256(packed).digest() != digest:
        raise _Damaged("damaged page")
    plain = zlib.decompress(packed)
    end = 4 + int.from_bytes(plain[:4], "big")
    head: dict[str, Any] = json.loads(plain[4:end])
    head["_content"] = plain[end:]
    return head


SERIALIZER = SerializerPipeline(
    [CattrStage(), Stage(dumps=_dump, loads=_load)], name="boxdocgen", is_binary=True
)
"""Head as JSON, body as it came, zlib level 1, SHA-256. Twice as fast as JSON throughout, a tenth
of its size, and unlike pickle it runs no code that somebody else put into the file."""


class PageStore:
    """Checked pages by key; in memory where ``path`` is None.

    Raises:
        StoreError: the file cannot be made, opened or written.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        # requests-cache shares one connection between threads; a page takes about a millisecond,
        # so taking turns costs nothing that a reader would notice.
        self._turn = threading.Lock()
        self._warned = False
        if path is None:
            self.cache = BaseCache()
            return
        try:
            _create(path)
            _check_writable(path)
            self.cache = SQLiteCache(path, serializer=SERIALIZER, wal=True, busy_timeout=_BUSY_MS)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The cache folder {path.parent} cannot be used ({error}). "
                "Choose another with cache_dir= or --cache-dir."
            ) from None

    def page(self, key: str) -> CachedResponse | None:
        """The stored page, expired or not; None where there is none or it is damaged."""
        with self._turn:
            try:
                return self.cache.get_response(key)
            except sqlite3.Error as error:
                self._warn(f"a kept page could not be read ({error})")
                return None

    def save(self, key: str, response: Response, expires: datetime | None) -> None:
        """Keep a checked page; a full disk is a warning, since the page itself was read."""
        with self._turn:
            try:
                self.cache.save_response(response, key, expires)
                # requests-cache rolls back in silence when the disk is full.
                kept = self.cache.get_response(key)
                problem = None if kept and kept.content == response.content else "disk full?"
            except (OSError, sqlite3.Error) as error:
                problem = str(error)
        if problem:
            self._warn(f"pages could not be kept on disk ({problem})")

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin so, sorted."""
        with self._turn:
            return sorted(self._keys(prefix))

    def _keys(self, prefix: str) -> Iterator[str]:
        if not isinstance(self.cache, SQLiteCache):
            yield from (key for key in self.cache.responses if key.startswith(prefix))
            return
        with self.cache.responses.connection() as connection:
            # A range on the primary key: listing one batch must not read the whole table.
            yield from (
                key
                for (key,) in connection.execute(
                    "SELECT key FROM responses WHERE key >= ? AND key < ?",
                    (prefix, prefix + "\U0010ffff"),
                )
            )

    def delete(self, keys: list[str]) -> None:
        """Forget these pages."""
        with self._turn:
            self.cache.responses.bulk_delete(keys)

    def close(self) -> None:
        with self._turn:
            self.cache.close()  # type: ignore[no-untyped-call]

    def _warn(self, problem: str) -> None:
        if not self._warned:  # once per store: one full disk is one message, not one per page
            self._warned = True
            warnings.warn(
                f"{self.path}: {problem}; what was read is complete, but will be read again "
                "next time.",
                StoreWarning,
                stacklevel=3,
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
        cache = SQLiteCache(name, serializer=SERIALIZER, wal=True)
        cache.close()  # type: ignore[no-untyped-call]  # closing folds the write-ahead log back into the one file
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                Path(name).replace(path)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)


def _check_writable(path: Path) -> None:
    """Fail now on a read-only file: requests-cache would wait for its write lock for ever."""
    connection = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def private_folder(folder: Path) -> None:
    """Make a folder that its owner alone can read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
