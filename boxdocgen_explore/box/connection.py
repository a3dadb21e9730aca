"""The two ways to a `Box`: connect, and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from boxdocgen_explore import errors
from boxdocgen_explore.box.auth import as_secret, credentials
from boxdocgen_explore.box.batches import IncompleteListWarning
from boxdocgen_explore.box.client import Box
from boxdocgen_explore.box.reading import checked_id
from boxdocgen_explore.box.session import BOX_URL, BoxSession, Token
from boxdocgen_explore.cache.users import default_cache_dir

if TYPE_CHECKING:
    from boxdocgen_explore.box.retry import RetryPolicy

__all__ = ["Box", "IncompleteListWarning", "connect", "demo"]


def connect(
    token: str | None = None,
    *,
    base_url: str = BOX_URL,
    cache_dir: str | Path | None = None,
    as_user: str | int | None = None,
    offline: bool = False,
    user: str | None = None,
    calls_per_minute: int = 900,
    ttl_s: float = 10,
    retry: RetryPolicy | None = None,
) -> Box:
    """Connect to Box: with this token, or with the credentials that the environment names.

    ``BOX_ACCESS_TOKEN``, or ``BOX_JWT_CONFIG_FILE``, or ``BOX_CLIENT_ID``, ``BOX_CLIENT_SECRET``,
    ``BOX_SUBJECT_TYPE`` and ``BOX_SUBJECT_ID``; else a person is asked. ``as_user`` reads as
    another user, where the token may. ``offline`` reads what is kept in ``cache_dir`` alone,
    ``user`` (id or login) saying whose, where several users' pages are. A page that may still
    change stays good for ``ttl_s`` seconds. ``retry`` has every waiting time.

    Raises:
        NoCredentials: no credentials, and nobody to ask.
        InvalidRequest: something that cannot be.

    >>> connect("secret")
    <Box: api.box.com>
    """
    from boxdocgen_explore.box.retry import RetryPolicy

    token = as_secret(token)
    if type(calls_per_minute) is not int or calls_per_minute < 1:
        raise errors.InvalidRequest(
            f"calls_per_minute is a whole number from 1, not {calls_per_minute!r:.60}."
        )
    session = BoxSession(
        base_url,
        Token("") if offline else credentials(token),
        as_user=None if as_user is None else checked_id(as_user, "user"),
        offline=offline,
        retry=retry or RetryPolicy(calls_per_minute=calls_per_minute),
    )
    folder = Path(cache_dir).expanduser() if cache_dir else default_cache_dir()
    return Box(session, origin=session.host, cache_dir=folder, user=user, ttl_s=ttl_s)


def demo() -> Box:
    """The embedded emulator with its synthetic batches: no account, nothing kept on disk.

    >>> with demo() as box:
    ...     box
    <Box: demo>
    """
    from boxdocgen_explore.box.retry import RetryPolicy
    from boxdocgen_explore.emulator import DEMO_TOKEN, STORY_BATCH_ID, Emulator

    emulator = Emulator()
    emulator.start()
    # The emulator answers as fast as it is asked; Box's limit, and patience, have no meaning here.
    policy = RetryPolicy(calls_per_minute=1_000_000, deadline_s=5, attempts=3)
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=policy)
    box = Box(session, origin="demo", cache_dir=None, emulator=emulator)
    box.story_batch_id = STORY_BATCH_ID
    return box
