"""The HTTP session: who asks, the version header, and what Box's error_messages mean.

Nothing but GET ever leaves from here.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase

from boxdocgen_explore import errors
from boxdocgen_explore.box.error_messages import client_error, error_class, next_step
from boxdocgen_explore.box.retry import RetryPolicy, WaitingAdapter, is_loopback
from boxdocgen_explore.schema import BOX_VERSION

if TYPE_CHECKING:
    from requests import PreparedRequest, Response


BOX_URL: Final = "https://api.box.com/2.0"
_SHORTEST_SECRET: Final = 16
"""Box's tokens have 32 characters and more; a shorter text may well come in a page by chance."""


class Credentials(Protocol):
    """Where the bearer token comes from."""

    def token(self) -> str: ...

    def refresh(self) -> bool:
        """Get a new token after a 401; False where only a person can."""
        ...


class Secret(str):
    """A text that its repr does not show: some tracebacks print what every frame holds."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Token:
    """A plain token; only a person can replace it. Its repr does not show it."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)

    def token(self) -> str:
        return self._token

    def refresh(self) -> bool:
        return False


class _Bearer(AuthBase):
    """Puts the token on each request. A header set by hand would lose to a .netrc file."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True)
class Answer:
    """What came back with status 200, from Box or from the store."""

    response: Response = field(repr=False)
    fetched_at: dt.datetime
    from_cache: bool = False
    expires: dt.datetime | None = None

    @property
    def body(self) -> bytes:
        return self.response.content

    @property
    def request_id(self) -> str | None:
        return self.response.headers.get("box-request-id")


class BoxSession:
    """Asks Box as one user; it knows nothing of the cache.

    Raises:
        InvalidRequest: ``base_url`` is no address.

    >>> BoxSession("https://api.box.com/2.0", Token("secret"))
    <BoxSession: api.box.com>
    """

    host = "no host"  # for the repr of one that could not be made

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        as_user: str | None = None,
        offline: bool = False,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.base_url = _checked_url(base_url).rstrip("/")
        self.host = urlsplit(base_url).netloc.rpartition("@")[2]
        self.credentials = credentials
        self.as_user = as_user
        self.offline = offline
        self.login: str | None = None
        """This user's login, for error texts, once it is known."""
        self._refreshing = threading.Lock()
        self._http = requests.Session()
        # Proxies and certificates as the environment has them now: requests would look through all
        # of it for every page.
        found = self._http.merge_environment_settings(self.base_url, {}, None, None, None)
        self._http.proxies, self._http.verify = found["proxies"], found["verify"]
        self._http.trust_env = False
        self._http.headers.update({"box-version": BOX_VERSION, "Accept": "application/json"})
        if as_user:
            self._http.headers["as-user"] = as_user
        adapter = WaitingAdapter(retry or RetryPolicy())
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)

    def __repr__(self) -> str:
        return f"<BoxSession: {self.host}>"

    def with_token(self, token: str) -> BoxSession:
        """The same session for whoever has this token."""
        other = copy.copy(self)
        other.credentials, other.login = Token(token), None
        return other

    def offline_copy(self) -> BoxSession:
        """The same session, which never asks Box."""
        other = copy.copy(self)
        other.offline = True
        return other

    def get(self, path: tuple[str, ...], params: Mapping[str, str | int] | None = None) -> Answer:
        """GET one resource; ``path`` is its segments, each percent-encoded here.

        Raises:
            NotCached: this session is offline.
            BoxError: Box answered with an error (one class per kind).
            Unreachable: no answer.
            Cancelled: the patience in force was cancelled.
        """
        asked = "/" + "/".join(quote(segment, safe="") for segment in path)
        if self.offline:
            raise errors.NotCached(
                f"{asked} is not kept on disk, and offline was asked for: read it once online."
            )
        token = self.credentials.token()
        response = self._send(asked, params, token)
        if response.status_code == 401 and self._refreshed(token):
            response = self._send(asked, params, self.credentials.token())
        if response.status_code != 200:
            raise self._refusal(asked, response, by_marker=bool(params and params.get("marker")))
        return Answer(response, dt.datetime.now(dt.UTC))

    def _send(self, asked: str, params: Mapping[str, str | int] | None, token: str) -> Response:
        try:
            response = self._http.get(
                self.base_url + asked,
                params=dict(params or {}),
                auth=_Bearer(token),
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            why = _innermost(error)
        else:
            # It has done its work, and must not travel on with the answer.
            response.request.headers.pop("Authorization", None)
            return _without(token, response)
        # Raised out here, because the exception above would come along as __context__, and it
        # holds the request, and with it the token.
        raise errors.Unreachable(
            f"GET {asked}: no answer from {self.host} ({why}). Check the network, proxy and "
            "certificates (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE); what is kept on disk can be "
            "read with offline=True (--offline)."
        )

    def _refreshed(self, refused: str) -> bool:
        with self._refreshing:  # several workers may meet the same expired token at once
            return self.credentials.token() != refused or self.credentials.refresh()

    def _refusal(self, asked: str, response: Response, *, by_marker: bool) -> errors.BoxError:
        said = client_error(response)
        request_id = response.headers.get("box-request-id") or said.get("request_id")
        status = response.status_code
        kind = error_class(status, by_marker)
        words = ", ".join(filter(None, (said.get("code"), said.get("message"))))
        text = (
            f"GET {asked}{self._asker()}: {self.host} answered {status}"
            + (f" ({words})" if words else "")
            + (f", request id {request_id}" if request_id else "")
            + f". {next_step(kind, status, self.as_user)}"
        )
        return kind(
            text,
            status=status,
            code=said.get("code"),
            message=said.get("message"),
            request_id=request_id,
        )

    def _asker(self) -> str:
        as_user = f" as user {self.as_user}" if self.as_user else ""
        return as_user or (f" as {self.login}" if self.login else "")

    def close(self) -> None:
        self._http.close()


def _checked_url(url: str) -> str:
    """The address, if calls can be made below it.

    Raises:
        InvalidRequest: it is none, or has a name or password in it, which would be stored, or it
            would carry the token in the clear.
    """
    try:
        address = urlsplit(url)
        fine = address.scheme in {"http", "https"} and address.hostname and address.port != 0
        fine = fine and not (address.query or address.fragment or "@" in address.netloc)
    except (ValueError, TypeError, AttributeError):
        fine = False
    if not fine:
        raise errors.InvalidRequest(f"base_url is an address such as {BOX_URL}, not {url!r:.80}.")
    if address.scheme == "http" and not is_loopback(url):
        raise errors.InvalidRequest(
            f"base_url {url!r:.80} would show the token to everybody on the way: say https. Only "
            "this machine itself (127.0.0.1, localhost) may be asked by http."
        )
    return url


def _without(token: str, response: Response) -> Response:
    """The answer; some proxies and debugging servers say again what was said to them."""
    if len(token) < _SHORTEST_SECRET:
        return response
    for form in {token, json.dumps(token)[1:-1]}:
        if form.encode() in response.content:
            response._content = response.content.replace(form.encode(), b"***")
        for name, value in response.headers.items():
            if form in value:
                response.headers[name] = value.replace(form, "***")
    return response


def _innermost(error: BaseException) -> str:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    words = str(error) or type(error).__name__
    return words.rpartition("object at 0x")[2] if "object at 0x" in words else words
