"""Whose pages are kept where: one folder per host and Box user, with its owner's name beside it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote

from boxdocgen_explore import api, errors
from boxdocgen_explore.api import User
from boxdocgen_explore.session import BoxSession
from boxdocgen_explore.store import PageStore, StoreWarning, delete_store


def online_store(session: BoxSession, folder: Path | None) -> tuple[User | None, PageStore]:
    """The store of whoever this session is; in memory where Box does not say, or without folder.

    Raises:
        StoreError: the folder cannot be used.
        Unauthorized, Unreachable, ServerError: as `api.me`.
    """
    try:
        user = api.me(session)
    except (errors.Forbidden, errors.NotFound):
        warnings.warn(
            "Box does not say who this token belongs to, so nothing is kept on disk: a cache "
            "without an owner might be read by another user.",
            StoreWarning,
            stacklevel=4,
        )
        return None, PageStore(None)
    if folder is None:
        return user, PageStore(None)
    mine = folder / quote(user.id, safe="")
    store = PageStore(mine / "pages.sqlite")
    _write_owner(mine, user)
    return user, store


def _write_owner(folder: Path, user: User) -> None:
    owner = {name: getattr(user, name) for name in ("id", "login", "name", "enterprise_id")}
    path, new = folder / "owner.json", folder / "owner.json.new"
    text = json.dumps(owner)
    try:
        if not path.exists() or path.read_text("utf-8") != text:
            new.write_text(text, "utf-8")  # beside it: a full disk must not cost the old one
            new.chmod(0o600)
            new.replace(path)
    except OSError as error:
        warnings.warn(f"{path}: {error}; offline use will not find it.", StoreWarning, stacklevel=5)


def offline_store(folder: Path | None, wanted: str | None) -> tuple[User, PageStore]:
    """The store of the only user, or of the one that was named by id or login.

    Raises:
        NotKept: nothing kept for such a user.
        InvalidRequest: several users, and none was named.
    """
    owners = {}
    for path in sorted(folder.glob("*/owner.json")) if folder else []:
        if owner := _owner(path.parent):
            owners[path.parent] = owner
    fitting = {
        place: user for place, user in owners.items() if wanted in (None, user.id, user.login)
    }
    if not fitting:
        who = f" for user {wanted}" if wanted else ""
        raise errors.NotKept(f"Nothing is kept in {folder}{who}: read it once online.")
    if len(fitting) > 1:
        logins = ", ".join(str(user.login or user.id) for user in fitting.values())
        raise errors.InvalidRequest(f"Pages of several users are kept: say user= one of {logins}.")
    place, user = next(iter(fitting.items()))
    return user, PageStore(place / "pages.sqlite")


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
class Kept:
    """One user's store, counted."""

    host: str
    login: str
    batches: int
    pages: int
    path: Path


def kept(folder: Path) -> Iterator[Kept]:
    """Every store in a cache folder.

    Raises:
        StoreError: one that cannot be opened.
    """
    for path in sorted(folder.glob("*/*/pages.sqlite")):
        store = PageStore(path)
        keys = store.keys()
        store.close()
        places = [key.split("/") for key in keys]
        batches = {place[2] for place in places if place[1:2] == ["docgen_batch_jobs"]}
        owner = _owner(path.parent)
        login = owner.login if owner and owner.login else unquote(path.parent.name)
        yield Kept(unquote(path.parent.parent.name), login, len(batches), len(keys), path)


def clear(folder: Path, *, older_than: timedelta | None = None) -> int:
    """Delete kept pages, all or those fetched longer ago; says how many.

    A damaged store is deleted as a file, and counts as no page.

    Raises:
        StoreError: a store that cannot be opened, where not all is to be deleted.
    """
    deleted = 0
    for path in sorted(folder.glob("*/*/pages.sqlite")):
        try:
            store = PageStore(path)
        except errors.StoreError:
            if older_than is not None:
                raise
            delete_store(path)
            continue
        deleted += store.clear(older_than)
        store.close()
    return deleted
