"""The two ways to get a `Box`: connect, and the demo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import (
    BOX_URL,
    checked,
    checked_id,
    checked_path,
    checked_text,
    number,
)
from boxdocgen_explore.box.auth import Token, as_secret, credentials
from boxdocgen_explore.box.client import Box
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache import StoreWarning, default_cache_dir

if TYPE_CHECKING:
    from box_sdk_gen import Authentication

_TTL_S: Final = 10.0
_MOST_TTL_S: Final = 1_000_000_000
"""About 30 years; much larger values overflow."""
_RENAMED: Final = {"waits": "retry", "live_s": "ttl_s"}


def connect(
    token: str | None = None,
    *,
    auth: Authentication | Callable[[], str] | None = None,
    base_url: str = BOX_URL,
    cache_dir: str | Path | None = None,
    as_user: str | int | None = None,
    offline: bool = False,
    user: str | None = None,
    calls_per_minute: int | None = None,
    ttl_s: float = _TTL_S,
    retry: RetryPolicy | None = None,
    **renamed: Any,
) -> Box:
    """Connect to Box with a token, or with credentials from the environment.

    Parameters:
        token: defaults to ``BOX_ACCESS_TOKEN``, or ``BOX_JWT_CONFIG_FILE``, or ``BOX_CLIENT_ID``,
            ``BOX_CLIENT_SECRET``, ``BOX_SUBJECT_TYPE`` and ``BOX_SUBJECT_ID``; without these, the
            user is asked.
        auth: instead of a token, an auth object of Box's SDK, such as ``BoxJWTAuth``, or a function
            that returns a token; it is called again when Box refuses the last one (401).
        base_url: a server other than api.box.com; https, or this machine.
        cache_dir: defaults to the folder ``BOXDOCGEN_CACHE_DIR``, or the user's cache folder.
        as_user: the id of another user to read as, if the token allows it.
        offline: read only the cache.
        user: offline, the id or login of the user whose pages to read, if there are several.
        calls_per_minute: 900 unless ``retry`` sets it. All connections of one user to one host in
            this process count together; the lowest limit applies.
        ttl_s: seconds for which a page that may still change stays fresh.
        retry: call rate, deadlines and retries.

    Raises:
        NoCredentials: there are no credentials, and nobody can be asked.
        InvalidRequest: an argument is invalid, or the environment names an invalid proxy or
            certificates.
        StoreError: offline, without ``cache_dir`` and without a home folder.

    >>> connect("secret")
    <Box: api.box.com>
    """
    token = as_secret(token)
    for old, value in renamed.items():
        if old not in _RENAMED:
            raise TypeError(f"connect() got an unexpected keyword argument {old!r}")
        errors.warn_renamed(f"connect({old}=)", f"connect({_RENAMED[old]}=)")
        retry, ttl_s = (value, ttl_s) if old == "waits" else (retry, value)
    policy = (
        RetryPolicy() if retry is None else checked("retry", retry, RetryPolicy, "a RetryPolicy")
    )
    if calls_per_minute is not None:
        policy = replace(policy, calls_per_minute=calls_per_minute)
    ttl_s = number("ttl_s", ttl_s, _MOST_TTL_S)
    user = None if user is None else checked_text("user", user)
    folder = (
        _default_folder(offline=offline)
        if cache_dir is None
        else checked_path("cache_dir", cache_dir)
    )
    session = BoxSession(
        base_url,
        Token("") if offline else credentials(token, auth=auth),
        as_user=None if as_user is None else checked_id(as_user, "user"),
        offline=offline,
        retry=policy,
    )
    return Box(session, origin=session.host, cache_dir=folder, user=user, ttl_s=ttl_s)


def _default_folder(*, offline: bool) -> Path | None:
    """The folder to cache pages in; None, with a warning, if this user has none."""
    try:
        return default_cache_dir()
    except errors.StoreError as error:
        if offline:
            raise
        errors.warn(f"{error} Box is read all the same, and nothing is cached.", StoreWarning)
        return None


def demo() -> Box:
    """The embedded emulator with its synthetic batches: no account, nothing cached on disk.

    >>> with demo() as box:
    ...     box
    <Box: demo>
    """
    from boxdocgen_explore.emulator import DEMO_TOKEN, STORY_BATCH_ID, STORY_NOW, Emulator

    emulator = Emulator()
    emulator.start()
    # The emulator has no call rate and is never slow.
    policy = RetryPolicy(calls_per_minute=1_000_000, deadline_s=5, attempts=3)
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=policy)
    box = Box(session, origin="demo", cache_dir=None, ttl_s=_TTL_S, on_close=emulator.stop)
    box.story_batch_id, box._story_now = STORY_BATCH_ID, STORY_NOW
    return box
