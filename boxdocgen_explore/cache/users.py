"""Whose pages are kept where: one folder per host and Box user, with its owner's name beside it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote

from boxdocgen_explore import errors
from boxdocgen_explore.cache.files import delete_leftovers
from boxdocgen_explore.cache.frame_cache import FrameCache
from boxdocgen_explore.cache.store import PageStore, StoreWarning
from boxdocgen_explore.schema import User

_PAGES = "pages.sqlite"


@dataclass(frozen=True)
class Cache:
    """Where one user's pages are cached, and the frames made from them (None: not on disk)."""

    store: PageStore
    frames: FrameCache | None = None

    @classmethod
    def of(cls, store: PageStore) -> Cache:
        """The cache of a store; frames lie beside its file."""
        return cls(store, FrameCache(store.path.parent / "frames") if store.path else None)


def online_cache(user: User | None, folder: Path | None) -> Cache:
    """The cache of this user; in memory if Box does not say who it is, or without a folder.

    A folder that cannot be used costs the caching, not the reading, and is a warning.
    """
    if user is None:
        warnings.warn(
            "Box does not say who this token belongs to, so nothing is cached on disk: a cache "
            "without an owner might be read by another user.",
            StoreWarning,
            stacklevel=4,
        )
        return Cache.of(PageStore(None))
    if folder is None:
        return Cache.of(PageStore(None))
    mine = folder / quote(user.id, safe="")
    try:
        store = PageStore(mine / _PAGES)
    except errors.StoreError as error:
        return Cache.of(_what_serves(mine / _PAGES, error))
    _write_owner(mine, user)
    return Cache.of(store)


def _what_serves(path: Path, error: errors.StoreError) -> PageStore:
    """In the place of a store that cannot be written: the same to be read alone, or none."""
    try:
        store, rest = PageStore(path, read_only=True), "What it holds is read; nothing new is kept."
    except errors.StoreError:
        store, rest = PageStore(None), "Box is read all the same, and nothing is kept."
    warnings.warn(f"{error} {rest}", StoreWarning, stacklevel=5)
    return store


def _write_owner(folder: Path, user: User) -> None:
    owner = {name: getattr(user, name) for name in ("id", "login", "name", "enterprise_id")}
    path, new = folder / "owner.json", folder / "owner.json.new"
    text = json.dumps(owner)
    try:
        if not path.exists() or path.read_text("utf-8") != text:
            new.write_text(text, "utf-8")  # beside it: a full disk must not cost the old one
            new.chmod(0o600)
            new.replace(path)
        os.utime(path)  # the last one used is whom offline reading means where it is not said
    except OSError as error:
        warnings.warn(f"{path}: {error}; offline use will not find it.", StoreWarning, stacklevel=5)


def offline_cache(folder: Path | None, wanted: str | None) -> tuple[User, Cache]:
    """The cache of the user that was named by id or login, else of the last one who read online.

    Where there are others, a warning says whose it is.

    Raises:
        NotCached: nothing kept for such a user.
        StoreError: the store cannot be read.
    """
    found = sorted(folder.glob("*/owner.json"), key=_last_used) if folder else []
    owners = {path.parent: user for path in found if (user := _owner(path.parent))}
    fitting = [place for place, user in owners.items() if wanted in (None, user.id, user.login)]
    if not fitting:
        who = f" for user {wanted}" if wanted else ""
        raise errors.NotCached(f"Nothing is kept in {folder}{who}: read it once online.")
    place = fitting[-1]
    user = owners[place]
    if len(fitting) > 1:
        others = ", ".join(str(owners[one].login or owners[one].id) for one in fitting[:-1])
        warnings.warn(
            f"Pages of several users are kept; these are of {user.login or user.id}, who read "
            f"last. The others: {others} (user=, --user).",
            StoreWarning,
            stacklevel=4,
        )
    try:
        store = PageStore(place / _PAGES)
    except errors.StoreError:
        store = PageStore(place / _PAGES, read_only=True)
    return user, Cache.of(store)


def _last_used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _owner(folder: Path) -> User | None:
    try:
        return User(**json.loads((folder / "owner.json").read_text("utf-8")))
    except (ValueError, TypeError, OSError):
        return None


def default_cache_dir() -> Path:
    """Where pages are kept unless somebody says otherwise."""
    from platformdirs import user_cache_path

    return user_cache_path("boxdocgen_explore", appauthor=False)


@dataclass(frozen=True)
class CacheInfo:
    """One user's store, counted; ``trouble`` says why it could not be, where it could not."""

    host: str
    login: str
    batches: int
    pages: int
    size_bytes: int
    path: Path
    trouble: str | None = None


def cache_info(folder: Path) -> Iterator[CacheInfo]:
    """Every store in a cache folder, looked at and left as it is."""
    for path in sorted(folder.glob(f"*/*/{_PAGES}")):
        owner = _owner(path.parent)
        login = owner.login if owner and owner.login else unquote(path.parent.name)
        size_bytes = sum(one.stat().st_size for one in path.parent.rglob("*") if one.is_file())
        keys, trouble = [], None
        try:
            store = PageStore(path, read_only=True)
            keys = store.keys()
            store.close()
        except errors.StoreError as error:
            trouble = str(error)
        places = [key.split("/") for key in keys]
        batches = {place[2] for place in places if place[1:2] == ["docgen_batch_jobs"]}
        host = unquote(path.parent.parent.name)
        yield CacheInfo(host, login, len(batches), len(keys), size_bytes, path, trouble)


def clear(folder: Path, *, older_than: timedelta | None = None) -> int:
    """Delete kept pages, all or those fetched longer ago; says how many.

    What was made from pages goes too, and what was ours and damaged; files of others stay.

    Raises:
        StoreError: a store that cannot be opened or written.
    """
    deleted = 0
    for path in sorted(folder.glob(f"*/*/{_PAGES}")):
        store = PageStore(path)
        gone = store.clear(older_than)
        deleted += gone
        frames = Cache.of(store).frames
        if frames and (gone or older_than is None):
            frames.clear()
        store.close()
        if older_than is None:
            delete_leftovers(path)
            _delete_owner(path.parent)
    return deleted


def _delete_owner(folder: Path) -> None:
    """Who it was is personal data as well; the next connection says it again."""
    for name in ("owner.json", "owner.json.new"):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise errors.StoreError(f"{folder / name} cannot be deleted ({error}).") from None
