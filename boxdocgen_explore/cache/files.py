"""The files of the page store: created by one process at a time, recognized, quarantined."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from boxdocgen_explore.errors import StoreError

APPLICATION: Final = 0x62786467
VERSION: Final = 2
"""Of the file's layout: a file of another version is quarantined."""

_BUSY_S: Final = 30
_ABANDONED_S: Final = 86_400
_SIDE_FILES: Final = ("-wal", "-shm", "")


def is_current(path: Path, *, read_only: bool = False) -> bool:
    """Whether a file is a store of this package and version, as far as its header shows.

    Nothing is added to it: it may be another program's database. SQLite reads it, because whoever
    closes a file releases all locks that its process has on it: other processes would then delete
    the write-ahead log of a connection that is still in use.

    Raises:
        OSError, sqlite3.OperationalError: the file cannot be read.
    """
    path.stat()  # whose error says more than SQLite's
    where = uri(path, read_only=read_only)
    with closing(sqlite3.connect(where, uri=True, timeout=_BUSY_S)) as database:
        try:
            (application,) = database.execute("PRAGMA application_id").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # corrupt, or not a database
            return False
    return (application, version) == (APPLICATION, VERSION)


def uri(path: Path, *, read_only: bool) -> str:
    """How SQLite is to open a file; to read in a folder that cannot be written, without its own
    side files."""
    mode = "mode=ro" if os.access(path.parent, os.W_OK) else "immutable=1"
    return f"file:{quote(str(path))}?{mode if read_only else 'mode=rw'}"


def inode(path: Path | str) -> int | None:
    """Which file this is, whatever becomes of its name; None if there is none."""
    try:
        return Path(path).stat().st_ino
    except OSError:
        return None


def quarantine(path: Path) -> str:
    """Rename a file that is not a usable store, so that nothing is destroyed; gives its new name.

    Another process may have renamed it already.
    """
    moved = f"{path.name}.quarantine-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    for suffix in _SIDE_FILES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(path.with_name(moved + suffix))
    return moved


def create(path: Path, make: Callable[[str], None]) -> None:
    """Make the database under a temporary name and link it into place, if there is none.

    Two processes that open a new database in WAL mode at once get "database is locked", whatever
    the busy timeout; with a link exactly one of them wins and the other one uses its file.
    """
    private_folder(path.parent)
    delete_abandoned(path.parent)
    if path.exists():
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".sqlite")
    os.close(handle)
    try:
        make(name)
        try:
            os.link(name, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            if not path.exists():
                Path(name).replace(path)
    finally:
        _delete(Path(name))


def delete_abandoned(folder: Path) -> None:
    """Delete the temporary files of killed processes, once they are a day old."""
    now = datetime.now(UTC).timestamp()
    for path in [*folder.glob(".new-*.sqlite*"), *folder.glob(".*.part")]:
        with suppress(OSError):
            if abs(now - path.stat().st_mtime) > _ABANDONED_S:
                path.unlink()


def delete_emptied(path: Path, owner: Path) -> None:
    """Delete the owner file (personal data as well: the next connection writes it again), the
    quarantined stores of this package, what killed processes left behind, and a store that nobody
    uses, with its folders.

    Raises:
        StoreError: they cannot be deleted.
    """
    try:
        for leftover in [owner, *path.parent.glob(".new-*.sqlite*")]:
            leftover.unlink(missing_ok=True)
        for leftover in path.parent.glob(f"{path.name}.quarantine-*[0-9]"):
            if _is_ours(leftover):
                _delete(leftover)
        if _is_unused(path):
            _delete(path)
    except OSError as error:
        raise unusable(path, error) from None
    with suppress(OSError):  # not empty: somebody else's files
        path.parent.rmdir()
        path.parent.parent.rmdir()


def _is_unused(path: Path) -> bool:
    """Whether no connection, of any process, has a store open."""
    file = uri(path, read_only=False)
    try:
        with closing(sqlite3.connect(file, timeout=0, uri=True)) as database:
            # The mode without side files: SQLite changes to it for the only connection alone.
            database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        return False
    return True


def _is_ours(path: Path) -> bool:
    """Whether a quarantined file, which nobody uses, was a store of any version, as far as is
    known."""
    with path.open("rb") as file:
        header = file.read(100)
    return not header or header[68:72] == APPLICATION.to_bytes(4, "big")


def _delete(path: Path) -> None:
    for suffix in _SIDE_FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def private_folder(folder: Path) -> None:
    """Make a folder that its owner alone can read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def unusable(path: Path | None, error: Exception) -> StoreError:
    """The error that says which folder cannot be used, why, and how to choose another."""
    return StoreError(
        f"The cache folder {path and path.parent} cannot be used ({error}). Choose another with "
        "cache_dir= or --cache-dir."
    )
