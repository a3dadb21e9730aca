"""The HTTP session of one user: the token, the version header, and errors in plain words.

Nothing but GET is ever sent from here, and the cache is unknown here.
"""

from __future__ import annotations

import copy
import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, urlsplit

import requests
import truststore
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from boxdocgen_explore import errors
from boxdocgen_explore.box.error_messages import client_error, error_class, explanation
from boxdocgen_explore.box.retry import (
    RateLimiter,
    RequestContext,
    RetryPolicy,
    Sender,
    rate_limiter,
)
from boxdocgen_explore.schema import User

if TYPE_CHECKING:
    from requests import PreparedRequest, Response


BOX_URL: Final = "https://api.box.com/2.0"
WORKERS: Final = 16
"""Lists read at once."""

_CONNECTIONS: Final = 8 * WORKERS
"""Open at most: several reads, a batch list and a widget may run at once."""

_SHORTEST_SECRET: Final = 16
"""Box's tokens have 32 characters and more; shorter strings could match page content by chance."""


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


class _Bearer(AuthBase):
    """Puts the token on a request. A header set by hand would lose to a .netrc file."""

    def __init__(self, token: str) -> None:
        self._token = Secret(token)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _SystemTLS(HTTPAdapter):
    """Trusts the system's certificates, and so a company's own authority."""

    def __init__(self) -> None:
        self._tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)


@dataclass(frozen=True)
class Answer:
    """A response with status 200, from Box or from the cache."""

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
    """Calls Box as one user; it knows nothing of the cache.

    Raises:
        InvalidRequest: ``base_url`` is not a valid address.

    >>> BoxSession("https://api.box.com/2.0", Token("secret"))
    <BoxSession: api.box.com>
    """

    host = "no host"  # for the repr of one whose address was refused

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
        """This user's login, for error messages, once it is known."""
        self._refreshing = threading.Lock()
        self._http = requests.Session()
        # Proxies and certificates are resolved once; requests would do so for every call.
        found = self._http.merge_environment_settings(self.base_url, {}, None, None, None)
        # Loopback never goes through a proxy: HTTP_PROXY without NO_PROXY would get the token.
        self._proxies = {} if is_loopback(self.base_url) else found["proxies"]
        self._http.verify = found["verify"]
        self._http.trust_env = False
        self._http.headers["Accept"] = "application/json"
        if as_user:
            self._http.headers["as-user"] = as_user
        adapter = _SystemTLS()
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)
        self._sender = Sender(self._http, retry or RetryPolicy(), RateLimiter())

    def __repr__(self) -> str:
        return f"<BoxSession: {self.host}>"

    def identify(self, user: User | None) -> None:
        """From now on share the call rate with this user's other connections."""
        self.login = user.login if user else None
        if user:
            self._sender.limiter = rate_limiter(self.host, user.id)
            self._sender.limiter.record()

    def with_token(self, token: str) -> BoxSession:
        """The same session with another token, whose user is not known yet."""
        other = copy.copy(self)
        other.credentials, other.login = Token(token), None
        return other

    def offline_copy(self) -> BoxSession:
        """The same session, which never calls Box."""
        other = copy.copy(self)
        other.offline = True
        return other

    def get(
        self,
        path: tuple[str, ...],
        params: Mapping[str, str | int] | None = None,
        *,
        version: str | None,
        context: RequestContext | None = None,
    ) -> Answer:
        """GET one resource; ``path`` is its segments, each percent-encoded here.

        ``version`` is the endpoint's, for the header ``box-version``; None sends no header.

        Raises:
            NotCached: this session is offline.
            BoxError: Box refused (one class per kind).
            Unreachable: no response.
            Cancelled: the context was cancelled.
        """
        url = "/" + "/".join(quote(segment, safe="") for segment in path)
        if self.offline:
            raise errors.NotCached(
                f"{url} is not in the cache, and offline=True forbids the network: read it once "
                "online."
            )
        headers = {"box-version": version} if version else {}
        request = requests.Request("GET", self.base_url + url, headers, params=dict(params or {}))
        context = context or RequestContext()
        token = self.credentials.token()
        response = self._send(url, request, token, context)
        if response.status_code == 401 and self._refreshed(token):
            response = self._send(url, request, self.credentials.token(), context)
        if response.status_code != 200:
            raise self._refusal(url, response, by_marker=bool(params and params.get("marker")))
        return Answer(response, dt.datetime.now(dt.UTC))

    def _send(
        self, url: str, request: requests.Request, token: str, context: RequestContext
    ) -> Response:
        request.auth = _Bearer(token)
        try:
            response = self._sender.send(
                self._http.prepare_request(request),
                context,
                proxies=self._proxies,
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            why = _innermost(error)
        else:
            # The header has done its work, and must not stay with the response.
            response.request.headers.pop("Authorization", None)
            return _scrub_token(token, response)
        # Raised out here: the exception above would become the __context__, and it holds the
        # request and so the token.
        raise errors.Unreachable(
            f"No response from {self.host} to GET {url}. Check the network, proxy and "
            "certificates (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE); what is cached can be read with "
            f"offline=True (--offline). Cause: {why}."
        )

    def _refreshed(self, refused: str) -> bool:
        with self._refreshing:  # several workers may meet the same expired token at once
            return self.credentials.token() != refused or self.credentials.refresh()

    def _refusal(self, url: str, response: Response, *, by_marker: bool) -> errors.BoxError:
        body = client_error(response)
        request_id = response.headers.get("box-request-id") or body.get("request_id")
        status = response.status_code
        kind = error_class(status, by_marker)
        details = [f"GET {url}{self._asker()}", f"status {status}", body.get("code")]
        details += [body.get("message"), f"request id {request_id}" if request_id else None]
        text = (
            f"{explanation(kind, status, self.as_user)}\n"
            f"{self.host}: {', '.join(filter(None, details))}"
        )
        return kind(
            text,
            status=status,
            code=body.get("code"),
            message=body.get("message"),
            request_id=request_id,
        )

    def _asker(self) -> str:
        as_user = f" as user {self.as_user}" if self.as_user else ""
        return as_user or (f" as {self.login}" if self.login else "")

    def close(self) -> None:
        self._http.close()


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_url(url: str) -> str:
    """The address, if calls can be made below it.

    Raises:
        InvalidRequest: it is not a valid address, contains a name or password, which would be
            stored, or would send the token unencrypted.
    """
    try:
        address = urlsplit(url)
        valid = address.scheme in {"http", "https"} and address.hostname and address.port != 0
        valid = valid and not (address.query or address.fragment or "@" in address.netloc)
    except (ValueError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise errors.InvalidRequest(
            f"base_url must be an address such as {BOX_URL}; {url!r:.80} is not."
        )
    if address.scheme == "http" and not is_loopback(url):
        raise errors.InvalidRequest(
            f"base_url {url!r:.80} would send the token unencrypted: use https. Only this machine "
            "itself (127.0.0.1, localhost) may be called by http."
        )
    return url


def _scrub_token(token: str, response: Response) -> Response:
    """The response without the token; some proxies and debugging servers echo the request."""
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
