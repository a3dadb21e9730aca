"""The folders of users: one per host and Box user, with the file ``owner.json``."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from boxdocgen_explore import build_cache, errors
from boxdocgen_explore.arguments import checked, checked_path
from boxdocgen_explore.cache.files import delete_emptied
from boxdocgen_explore.cache.first_seen import FIRST_SEEN
from boxdocgen_explore.cache.store import PageStore, StoreWarning
from boxdocgen_explore.schema import User
from boxdocgen_explore.text import replacing

_PAGES: Final = "pages.sqlite"
_OWNER: Final = "owner.json"
_LARGEST_OWNER_BYTES: Final = 100_000


def online_cache(user: User | None, folder: Path | None) -> PageStore:
    """The cache of this user; in memory if the user is unknown, or without a folder.

    If the folder cannot be used, a warning is issued, and Box is read nevertheless.
    """
    if user is None:
        errors.warn(
            "Box does not say who this token belongs to, so nothing is cached on disk: a cache "
            "without an owner might be read by another user.",
            StoreWarning,
        )
    if user is None or folder is None:
        return PageStore(None)
    mine = folder / quote(user.id, safe="")
    try:
        store = PageStore(mine / _PAGES)
    except errors.StoreError as error:
        return _replacement(mine / _PAGES, error)
    _write_owner(mine, user)
    return store


def _replacement(path: Path, error: errors.StoreError) -> PageStore:
    """The replacement for a store that cannot be written: read-only, or in memory."""
    try:
        store = PageStore(path, read_only=True)
        rest = "Cached pages are used; no new page is cached."
    except errors.StoreError:
        store, rest = PageStore(None), "Box is still read, but nothing is cached."
    errors.warn(f"{error} {rest}", StoreWarning)
    return store


def _write_owner(folder: Path, user: User) -> None:
    path = folder / _OWNER
    try:
        if _owner(folder) != user:
            with replacing(path, private=True) as part:
                part.write_bytes(msgspec.json.encode(asdict(user)))
        os.utime(path)  # by default, offline reading opens the latest user's cache
    except OSError as error:
        text = f"{path} cannot be written ({error}); offline reading will not find this user."
        errors.warn(text, StoreWarning)


def _owner(folder: Path) -> User | None:
    """The owner of a folder; None if its file is missing, corrupt or of another folder."""
    try:
        with (folder / _OWNER).open("rb") as file:
            user = msgspec.json.decode(file.read(_LARGEST_OWNER_BYTES), type=User)
    except (OSError, ValueError, RecursionError):
        return None
    return user if quote(user.id, safe="") == folder.name else None


def offline_cache(folder: Path | None, wanted: str | None) -> tuple[User, PageStore]:
    """The cache of the user with this id or login, by default of the last one who read online.

    If there are several users, a warning names the one chosen.

    Raises:
        NotCached: nothing is cached for such a user.
        StoreError: the store cannot be read.
    """
    places = sorted(_found(folder, f"*/{_OWNER}"), key=_last_used) if folder else []
    owners = [(path.parent, user) for path in places if (user := _owner(path.parent))]
    matching = [(place, user) for place, user in owners if wanted in (None, user.id, user.login)]
    if not matching:
        who = f" for user {wanted}" if wanted else ""
        raise errors.NotCached(f"Nothing is cached in {folder}{who}: read it once online.")
    *others, (place, user) = matching
    if others:
        names = ", ".join(other.login or other.id for _, other in others)
        errors.warn(
            f"Pages of several users are cached; these are of {user.login or user.id}, who read "
            f"last. The others: {names} (user=, --user).",
            StoreWarning,
        )
    try:
        store = PageStore(place / _PAGES)
    except errors.StoreError:
        store = PageStore(place / _PAGES, read_only=True)
    return user, store


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def default_cache_dir() -> Path:
    """The default cache folder.

    Raises:
        StoreError: this user has no home folder, as in some containers.
    """
    try:
        return checked_path("BOXDOCGEN_CACHE_DIR", build_cache.default_cache_dir())
    except FileNotFoundError as error:
        raise errors.StoreError(
            f"There is no place for the cache ({error}). Choose one with cache_dir= or "
            "--cache-dir, or set BOXDOCGEN_CACHE_DIR or HOME."
        ) from None


def _found(folder: Path, pattern: str) -> list[Path]:
    """The files of a cache folder, except those that vanish meanwhile."""
    # Path.glob raises if a folder vanishes or its name is too long.
    return [folder / name for name in sorted(glob.glob(pattern, root_dir=folder))]  # noqa: PTH207


def _size_bytes(folder: Path) -> int:
    """The size of all files in a folder, except those that vanish meanwhile."""
    sizes = 0
    for path in _found(folder, "*"):
        with suppress(OSError):
            sizes += path.stat().st_size
    return sizes


@dataclass(frozen=True)
class CacheInfo:
    """The counts of one user's cached pages; ``trouble`` is the reason if counting failed."""

    host: str
    login: str
    batches: int
    pages: int
    size_bytes: int
    path: Path
    trouble: str | None = None


def cache_info(folder: Path) -> Iterator[CacheInfo]:
    """All stores in a cache folder, which are not changed.

    Raises:
        InvalidRequest: no folder can have this name.
    """
    for path in _found(checked_path("folder", folder), f"*/*/{_PAGES}"):
        owner = _owner(path.parent)
        login = owner.login if owner and owner.login else unquote(path.parent.name)
        size_bytes = _size_bytes(path.parent)
        keys, trouble = [], None
        try:
            store = PageStore(path, read_only=True)
            keys = store.keys()
            store.close()
        except errors.StoreError as error:
            trouble = str(error)
        places = [place for key in keys if (place := key.split("/"))[1:2] != [FIRST_SEEN]]
        batches = {place[2] for place in places if place[1:2] == ["docgen_batch_jobs"]}
        host = unquote(path.parent.parent.name)
        yield CacheInfo(host, login, len(batches), len(places), size_bytes, path, trouble)


def clear(folder: Path, *, older_than: timedelta | None = None) -> int:
    """Delete all cached pages, or those fetched longer ago; return their number.

    An empty cache that nobody uses is removed with its quarantined stores and its folder; files of
    other programs stay.

    Raises:
        InvalidRequest: an argument is invalid.
        StoreError: a store cannot be opened or written.
    """
    deleted = 0
    checked("older_than", older_than, timedelta | None, "a timedelta")
    for path in _found(checked_path("folder", folder), f"*/*/{_PAGES}"):
        store = PageStore(path)
        deleted += store.clear(older_than)
        is_empty = not store.keys()
        store.close()
        if is_empty:
            delete_emptied(path, path.parent / _OWNER)
    return deleted
