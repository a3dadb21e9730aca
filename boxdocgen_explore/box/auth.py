"""Where the bearer token comes from: a plain token, or Box's own SDK for everything else."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from boxdocgen_explore.box.progress import in_notebook
from boxdocgen_explore.errors import InvalidRequest, NoCredentials, Unauthorized, Unreachable

if TYPE_CHECKING:
    from box_sdk_gen import AccessToken, Authentication

_HOW = (
    "Set BOX_ACCESS_TOKEN (a developer token from the Box Developer Console lives 60 minutes), or "
    "BOX_JWT_CONFIG_FILE, or BOX_CLIENT_ID, BOX_CLIENT_SECRET, BOX_SUBJECT_TYPE and "
    "BOX_SUBJECT_ID. To look around without an account: boxdocgen_explore.demo(), or --demo."
)


class Credentials(Protocol):
    """Where the bearer token comes from."""

    def token(self) -> str: ...

    def refresh(self) -> bool:
        """Get a new token after a 401; False where only a person can."""
        ...


class Secret(str):
    """A string whose repr is hidden: some tracebacks print the variables of every frame."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Token:
    """A plain token, which only a person can replace. Its repr hides it."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)

    def token(self) -> str:
        return self._token

    def refresh(self) -> bool:
        return False


class SdkCredentials:
    """A token that Box's SDK fetches, and fetches anew when it has expired (JWT, CCG, OAuth)."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def token(self) -> str:
        return checked_token(_call_sdk(self._authentication.retrieve_token).access_token)

    def refresh(self) -> bool:
        _call_sdk(self._authentication.refresh_token)
        return True


def _call_sdk(ask: Callable[[], AccessToken]) -> AccessToken:
    """What the SDK answers; its error as one of this package's.

    Raised outside of the except clause: the SDK's error holds the request, and so the secret.
    """
    try:
        return ask()
    except Exception as error:  # whatever the SDK and its parts may raise
        answer = getattr(error, "response_info", None)
        words = str(getattr(error, "message", None) or type(error).__name__).split("\n")[0][:200]
    status = getattr(answer, "status_code", None)
    if status is None:
        raise Unreachable(f"No access token could be had from Box ({words}). Check the network.")
    raise Unauthorized(
        f"Box gave no access token for these credentials ({words}). Check BOX_JWT_CONFIG_FILE, or "
        "BOX_CLIENT_ID, BOX_CLIENT_SECRET, BOX_SUBJECT_TYPE and BOX_SUBJECT_ID.",
        status=status,
        request_id=getattr(answer, "request_id", None),
    )


def as_secret(token: object) -> Secret | None:
    """What was given as a token, so that no traceback shows it: for the first line of a function.

    What is no text is empty then, and refused.
    """
    return None if token is None else Secret(token if isinstance(token, str) else "")


def checked_token(token: object) -> Secret:
    """The token, if it can be one; the error never shows it.

    Raises:
        InvalidRequest: empty, or with characters that no token has.
    """
    token = as_secret(token) or Secret()
    text = Secret(token.strip())
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidRequest(
            "That cannot be a Box access token: it is empty or has odd characters."
        )
    return text


class _RedactedEnvironment(dict[str, str]):
    """The environment, so that no traceback shows it."""

    def __repr__(self) -> str:
        return "{***}"


def credentials(token: str | None, environment: Mapping[str, str] = os.environ) -> Credentials:
    """What `connect` was given, else what the environment names, else what a person types.

    Raises:
        NoCredentials: nothing given, nothing set, and nobody to ask.
        InvalidRequest: something given that cannot be used.
    """
    token, environment = as_secret(token), _RedactedEnvironment(environment)
    if token is not None:
        return Token(checked_token(token))
    if environment.get("BOX_ACCESS_TOKEN"):
        return Token(checked_token(environment["BOX_ACCESS_TOKEN"]))
    if environment.get("BOX_JWT_CONFIG_FILE") or environment.get("BOX_CLIENT_ID"):
        return SdkCredentials(_sdk_authentication(environment))
    return Token(checked_token(_typed()))


def in_environment(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment names credentials."""
    names = ("BOX_ACCESS_TOKEN", "BOX_JWT_CONFIG_FILE", "BOX_CLIENT_ID")
    return any(environment.get(name) for name in names)


def _sdk_authentication(environment: Mapping[str, str]) -> Authentication:
    try:
        from box_sdk_gen import BoxCCGAuth, BoxJWTAuth, CCGConfig, JWTConfig
    except ImportError:
        raise NoCredentials(
            "JWT and client credentials need Box's SDK: pip install 'boxdocgen-explore[auth]'. "
            "A plain token in BOX_ACCESS_TOKEN does not."
        ) from None
    path = environment.get("BOX_JWT_CONFIG_FILE")
    if path:
        try:
            return BoxJWTAuth(JWTConfig.from_config_file(path))
        except Exception as error:
            why = type(error).__name__
        # Raised out here: the SDK's error may quote the file, and with it the key.
        raise InvalidRequest(
            f"BOX_JWT_CONFIG_FILE={path} cannot be used ({why}): it should be the JSON file that "
            "the Box Developer Console gives."
        )
    names = ("BOX_CLIENT_ID", "BOX_CLIENT_SECRET", "BOX_SUBJECT_TYPE", "BOX_SUBJECT_ID")
    missing = [name for name in names if not environment.get(name)]
    kind = environment.get("BOX_SUBJECT_TYPE")
    if missing or kind not in {"enterprise", "user"}:
        wanted = ", ".join(missing) or "BOX_SUBJECT_TYPE=enterprise or =user"
        raise NoCredentials(f"Client credentials are not complete: set {wanted} too. {_HOW}")
    subject = environment["BOX_SUBJECT_ID"]
    return BoxCCGAuth(
        CCGConfig(
            environment["BOX_CLIENT_ID"],
            environment["BOX_CLIENT_SECRET"],
            enterprise_id=subject if kind == "enterprise" else None,
            user_id=subject if kind == "user" else None,
        )
    )


def _typed() -> str:
    """Ask where a person can answer. No widget: its value would be saved with the notebook."""
    if not in_notebook() and not (sys.stdin and sys.stdin.isatty()):
        raise NoCredentials(f"No Box credentials. {_HOW}")
    try:
        return getpass.getpass("Box access token: ")
    except (EOFError, NotImplementedError):  # a notebook that runs without anybody before it
        raise NoCredentials(f"No Box credentials. {_HOW}") from None
