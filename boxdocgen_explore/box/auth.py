"""Sources of the bearer token: a plain token, a function, or Box's SDK."""

from __future__ import annotations

import getpass
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from boxdocgen_explore.box.attempt import run_apart
from boxdocgen_explore.box.leaks import without
from boxdocgen_explore.box.progress import in_notebook
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.errors import InvalidRequest, NoCredentials, Unauthorized, Unreachable

if TYPE_CHECKING:
    from box_sdk_gen import AccessToken, Authentication

_HOW = (
    "Set BOX_ACCESS_TOKEN (a developer token from the Box Developer Console lives 60 minutes), or "
    "BOX_JWT_CONFIG_FILE, or BOX_CLIENT_ID, BOX_CLIENT_SECRET, BOX_SUBJECT_TYPE and "
    "BOX_SUBJECT_ID. Without an account, use boxdocgen_explore.demo(), or --demo."
)


_DEADLINE_S: Final = 60


class Credentials(Protocol):
    """Where the bearer token comes from."""

    def token(self) -> str: ...

    def refresh(self) -> bool:
        """Get a new token after a 401; False if only the user can provide one."""
        ...


class Secret(str):
    """A string whose repr is hidden: some tracebacks print the variables of every frame."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Token:
    """A plain token, which only the user can replace. Its repr hides it."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)

    def token(self) -> str:
        return self._token

    def refresh(self) -> bool:
        return False


class SdkCredentials:
    """A token that Box's SDK fetches, and renews when it has expired (JWT, CCG, OAuth)."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def token(self) -> str:
        return checked_token(self._call(self._authentication.retrieve_token).access_token)

    def refresh(self) -> bool:
        self._call(self._authentication.refresh_token)
        return True

    def _call(self, ask: Callable[[], AccessToken]) -> AccessToken:
        return run_apart(ask, self._failure, _DEADLINE_S, RequestContext())

    def _failure(self, error: Exception) -> Exception:
        """Convert any error of the SDK, which holds secrets, to one of this package."""
        config = getattr(self._authentication, "config", None)
        names = ("client_secret", "private_key", "private_key_passphrase")
        secrets = filter(None, (getattr(config, name, None) for name in names))
        answer = getattr(error, "response_info", None)
        words = str(getattr(error, "message", None) or type(error).__name__).split("\n")[0][:200]
        words = without(secrets, words)
        status, request_id = (getattr(answer, name, None) for name in ("status_code", "request_id"))
        if status is None:
            return Unreachable(
                f"No token could be requested from Box. Check the network.\nCause: {words}"
            )
        return Unauthorized(
            "Box refused these credentials. Check BOX_JWT_CONFIG_FILE, or BOX_CLIENT_ID, "
            "BOX_CLIENT_SECRET, BOX_SUBJECT_TYPE and BOX_SUBJECT_ID."
            f"\n{words}, status {status}, request id {request_id}",
            status=status,
            request_id=request_id,
        )


class AskedCredentials:
    """A token that a function returns, called again when the token has expired."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._token: Secret | None = None

    def token(self) -> str:
        if self._token is None:
            self._token = checked_token(
                run_apart(self._ask, _no_token, _DEADLINE_S, RequestContext())
            )
        return self._token

    def refresh(self) -> bool:
        self._token = None
        return True


def _no_token(error: Exception) -> Exception:
    """Name the error that the function raised, and the line of its file.

    Its text and source may contain a secret, and a chained error would show both."""
    lines = traceback.extract_tb(error.__traceback__)[1:]  # below the frame of `run_apart`
    own = [line for line in lines if line.filename == lines[0].filename]
    place = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
    return Unauthorized(
        "The function given as auth gave no token. Call it alone to see why: what it says is not "
        f"shown here, because it may quote a secret.\nCause: {type(error).__name__}{place}"
    )


def as_secret(token: object) -> Secret | None:
    """Hide a token from tracebacks. Anything but text becomes empty and is refused later."""
    return None if token is None else Secret(token if isinstance(token, str) else "")


def checked_token(token: object) -> Secret:
    """The token without blanks around it.

    Raises:
        InvalidRequest: it is empty or contains characters that no token has; never shows it.
    """
    token = Secret((as_secret(token) or "").strip())
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidRequest(
            "This is not a Box access token: it is empty or contains blanks or odd characters."
        )
    return token


class _RedactedEnvironment(dict[str, str]):
    """The environment, hidden from tracebacks."""

    def __repr__(self) -> str:
        return "{***}"


def credentials(
    token: str | None, environment: Mapping[str, str] = os.environ, auth: object = None
) -> Credentials:
    """The given token or ``auth``, otherwise the environment's, otherwise one that the user types.

    Raises:
        NoCredentials: there are no credentials, and nobody can be asked.
        InvalidRequest: token and auth are both given; or one of them, or the file named in the
            environment, is invalid.
    """
    token, environment = as_secret(token), _RedactedEnvironment(environment)
    if auth is not None:
        return _given(token, auth)
    if token is not None:
        return Token(checked_token(token))
    if environment.get("BOX_ACCESS_TOKEN"):
        return Token(checked_token(environment["BOX_ACCESS_TOKEN"]))
    if environment.get("BOX_JWT_CONFIG_FILE") or environment.get("BOX_CLIENT_ID"):
        return SdkCredentials(_sdk_authentication(environment))
    return Token(checked_token(_typed()))


def _given(token: str | None, auth: Any) -> Credentials:
    if token is not None:
        raise InvalidRequest("connect takes either token or auth, not both.")
    if callable(getattr(auth, "retrieve_token", None)):
        return SdkCredentials(auth)
    if callable(auth):
        return AskedCredentials(auth)
    raise InvalidRequest(
        "auth must be one of the auth objects of Box's SDK, or a function without arguments that "
        f"returns a token, not {type(auth).__name__}."
    )


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
        return run_apart(
            lambda: BoxJWTAuth(JWTConfig.from_config_file(path)),
            # The SDK's error may quote the file, and so the key.
            lambda error: InvalidRequest(
                f"BOX_JWT_CONFIG_FILE={path} is invalid: it must be the JSON file that the Box "
                f"Developer Console gives. Cause: {type(error).__name__}."
            ),
            _DEADLINE_S,
            RequestContext(),
        )
    names = ("BOX_CLIENT_ID", "BOX_CLIENT_SECRET", "BOX_SUBJECT_TYPE", "BOX_SUBJECT_ID")
    missing = [name for name in names if not environment.get(name)]
    kind = environment.get("BOX_SUBJECT_TYPE")
    if missing or kind not in {"enterprise", "user"}:
        wanted = ", ".join(missing) or "BOX_SUBJECT_TYPE=enterprise or =user"
        raise NoCredentials(f"The client credentials are incomplete: set {wanted} too. {_HOW}")
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
    """Ask, if a person can answer. No widget: its value would be saved in the notebook."""
    if not in_notebook() and not (sys.stdin and sys.stdin.isatty()):
        raise NoCredentials(f"No Box credentials. {_HOW}")
    try:
        return getpass.getpass("Box access token: ")
    except (EOFError, NotImplementedError):  # an unattended notebook
        raise NoCredentials(f"No Box credentials. {_HOW}") from None
