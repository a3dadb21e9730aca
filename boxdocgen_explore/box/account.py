"""The user who reads, as Box reports it, and that user's cache."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Final
from urllib.parse import quote

from boxdocgen_explore import errors
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.auth import Token, checked_token
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache import PageStore, offline_cache, online_cache
from boxdocgen_explore.schema import User

_opened_in: Final[set[int]] = set()
"""Processes that opened an account; a fork inherits its parent's entry."""


def check_no_fork() -> None:
    """Refuse to work in a process that was forked after reading.

    Parent and child would share connections and read each other's answers, and polars would wait
    forever for its threads.

    Raises:
        InvalidRequest: this is such a process.
    """
    _opened_in.add(os.getpid())
    if len(_opened_in) > 1:
        raise errors.InvalidRequest(
            "This process was forked from one that had already read from Box, and neither its "
            "connections nor polars work in a fork. Start workers by multiprocessing's 'spawn' "
            "method, and call connect() in each."
        )


class Account:
    """The user of a session and that user's cache, opened when first needed.

    ``wanted`` is the id or login of the user whose cache is read offline.
    """

    def __init__(self, session: BoxSession, cache_dir: Path | None, wanted: str | None) -> None:
        self.session = session
        self.user: User | None = None
        """The user, once the cache is open; None if Box did not name one."""
        self.store: PageStore | None = None
        self._folder = cache_dir and cache_dir / quote(session.host, safe="")
        self._wanted = wanted
        self._opening = threading.Lock()
        self._closed = False

    def open(self, context: RequestContext | None = None) -> PageStore:
        """Ask Box once who the user is, and open that user's cache.

        Raises:
            InvalidRequest: it was closed, or this is a fork (`check_no_fork`).
            BoxDocGenError: as `endpoints.me`, `offline_cache`.
        """
        check_no_fork()
        with self._opening:
            if self._closed:
                raise errors.InvalidRequest("This Box is closed: connect() or demo() again.")
            if self.store is None:
                if self.session.offline:
                    self.user, self.store = offline_cache(self._folder, self._wanted)
                else:
                    self.user = self._who(context)
                    self.store = online_cache(self.user, self._folder)
                self.session.identify(self.user)
            return self.store

    def body(self, path: tuple[str, ...], marker_sha256: str | None, sha256: str) -> bytes | None:
        """Return the cached body with this digest; None if it is not (or no longer) cached."""
        if self.store is None or self._closed:
            return None
        root = "/".join(quote(segment, safe="") for segment in (self.session.host, *path))
        place = f"/{marker_sha256 or 'first'}"
        for key in self.store.keys(f"{root}/"):
            page = self.store.page(key) if key.endswith(place) else None
            if page and hashlib.sha256(page.content).hexdigest() == sha256:
                return page.content
        return None

    def _who(self, context: RequestContext | None) -> User | None:
        try:
            return endpoints.me(self.session, context)
        except (errors.Forbidden, errors.NotFound):
            return None

    def renew(self, token: str) -> None:
        """Continue with a new token of the same user.

        Raises:
            InvalidRequest: not a token, or another user's.
            BoxDocGenError: as `endpoints.me`; the old token stays.
        """
        token = checked_token(token)
        if self.user is not None and not self.session.offline:
            # Checked first: another user's pages must never get into this user's cache.
            owner = endpoints.me(self.session.with_token(token))
            if owner.id != self.user.id:
                raise errors.InvalidRequest(
                    f"The token belongs to {owner.login}, this connection to {self.user.login}. "
                    "Use connect() again to read as somebody else."
                )
        self.session.credentials = Token(token)

    def close(self) -> None:
        self._closed = True
        self.session.close()
        if self.store:
            self.store.close()
