"""The store's files on disk: made by one process at a time, known by their header, set aside."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from boxdocgen_explore.errors import StoreError

APPLICATION: Final = 0x62786467
VERSION: Final = 2
"""Of the file's layout: a file of another version is set aside."""

_MAGIC: Final = b"SQLite format 3\0"
_SIDE_FILES: Final = ("-wal", "-shm", "")
_DAMAGED: Final = "damaged-"
_FOREIGN: Final = "foreign-"


def trouble(path: Path) -> str | None:
    """What in its header says that this is not a store of ours and of today; None if nothing.

    Looked at before SQLite opens it, which would put our tables into another program's file.
    """
    header = _header(path)
    if header[:16] != _MAGIC:
        return "not a database" if header else "empty"
    if header[68:72] != APPLICATION.to_bytes(4, "big"):
        return "another program's"
    if header[60:64] != VERSION.to_bytes(4, "big"):
        return "of another version"
    return None


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(100)


def identity(path: Path) -> tuple[int, int] | None:
    """Tells this file from one that another process has put into its place."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def quarantine(path: Path) -> str:
    """Move a spoilt store out of the way; gives its new name.

    What was ours is called damaged, and cleared with the rest; what was not is left to its owner.
    """
    header = _header(path)
    ours = not header or header[68:72] == APPLICATION.to_bytes(4, "big")
    moved = f"{path.name}.{_DAMAGED if ours else _FOREIGN}{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    for suffix in _SIDE_FILES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(path.with_name(moved + suffix))
    return moved


def create(path: Path, make: Callable[[str], None]) -> None:
    """Make the database under a temporary name and link it into place, if it is not there.

    Two processes that open a new database in WAL mode at once get "database is locked", whatever
    the busy timeout; with a link exactly one of them wins and the other one uses its file.
    """
    private_folder(path.parent)
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


def delete_leftovers(path: Path) -> None:
    """Delete what stores that were set aside, and makers that were killed, have left here.

    Raises:
        StoreError: they cannot be deleted.
    """
    try:
        for pattern in (f"{path.name}.{_DAMAGED}*", ".new-*.sqlite*"):
            for leftover in path.parent.glob(pattern):
                leftover.unlink(missing_ok=True)
    except OSError as error:
        raise unusable(path, error) from None


def _delete(path: Path) -> None:
    for suffix in _SIDE_FILES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def private_folder(folder: Path) -> None:
    """Make a folder that its owner alone can read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def unusable(path: Path | None, error: Exception) -> StoreError:
    """The error that says which folder will not do, why, and how to name another."""
    return StoreError(
        f"The cache folder {path and path.parent} cannot be used ({error}). Choose another with "
        "cache_dir= or --cache-dir."
    )
