"""The files of the page store: created by one process at a time, recognised, quarantined."""

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
"""The version of the file's layout; files of other versions are quarantined."""

_BUSY_S: Final = 30
_ABANDONED_S: Final = 86_400
_SIDE_FILES: Final = ("-wal", "-shm", "")


def is_current(path: Path, *, read_only: bool = False) -> bool:
    """Whether a file is a store of this package and version, according to its header.

    Nothing is written to it: it may be another program's database. SQLite reads it, because closing
    a file releases all locks that the process has on it, and other processes would then delete the
    write-ahead log of a connection that is still in use.

    Raises:
        OSError, sqlite3.OperationalError: the file cannot be read.
    """
    path.stat()  # whose error is clearer than SQLite's
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
    """The URI to open a file; in a read-only folder, without SQLite's side files."""
    mode = "mode=ro" if os.access(path.parent, os.W_OK) else "immutable=1"
    return f"file:{quote(str(path))}?{mode if read_only else 'mode=rw'}"


def inode(path: Path | str) -> int | None:
    """Identify a file even after it is renamed; None if there is no file."""
    try:
        return Path(path).stat().st_ino
    except OSError:
        return None


def quarantine(path: Path) -> str:
    """Rename a file that is not a usable store, so that nothing is lost; return its new name.

    Another process may have renamed it already.
    """
    moved = f"{path.name}.quarantine-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    for suffix in _SIDE_FILES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(path.with_name(moved + suffix))
    return moved


def create(path: Path, make: Callable[[str], None]) -> None:
    """Create the database under a temporary name and link it into place, if there is none.

    If two processes open a new database in WAL mode at once, they get "database is locked",
    whatever the busy timeout. With a link, exactly one wins, and the other uses its file.
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
    """Delete temporary files of killed processes that are a day old."""
    now = datetime.now(UTC).timestamp()
    for path in [*folder.glob(".new-*.sqlite*"), *folder.glob(".*.part")]:
        with suppress(OSError):
            if abs(now - path.stat().st_mtime) > _ABANDONED_S:
                path.unlink()


def delete_emptied(path: Path, owner: Path) -> None:
    """Delete the owner file (personal data; the next connection writes it again), quarantined
    stores of this package, leftovers of killed processes, and an unused store with its folders.

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
    with suppress(OSError):  # not empty: files of other programs
        path.parent.rmdir()
        path.parent.parent.rmdir()


def _is_unused(path: Path) -> bool:
    """Whether no connection of any process has a store open."""
    file = uri(path, read_only=False)
    try:
        with closing(sqlite3.connect(file, timeout=0, uri=True)) as database:
            # SQLite switches to the mode without side files only for a single connection.
            database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        return False
    return True


def _is_ours(path: Path) -> bool:
    """Whether a quarantined file, which nobody uses, is known to have been a store."""
    with path.open("rb") as file:
        header = file.read(100)
    return not header or header[68:72] == APPLICATION.to_bytes(4, "big")


def _delete(path: Path) -> None:
    for suffix in _SIDE_FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def private_folder(folder: Path) -> None:
    """Create a folder that only its owner can read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def unusable(path: Path | None, error: Exception) -> StoreError:
    """The error for a folder that cannot be used: which, why, and how to choose another."""
    return StoreError(
        f"The cache folder {path and path.parent} cannot be used ({error}). Choose another with "
        "cache_dir= or --cache-dir."
    )
