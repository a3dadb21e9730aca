"""The HTTP session of one user: the token, the version header, and readable errors.

It sends only GET requests, and knows nothing of the cache.
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import requests
from requests.utils import default_headers

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import checked_url
from boxdocgen_explore.box.attempt import run_apart
from boxdocgen_explore.box.auth import Credentials, Secret, Token
from boxdocgen_explore.box.environment import environment_settings
from boxdocgen_explore.box.error_messages import OPTIONS, client_error, error_class, explanation
from boxdocgen_explore.box.leaks import proxy_passwords, repeats, secrets_of, without
from boxdocgen_explore.box.rate_limit import rate_limiter, same_user
from boxdocgen_explore.box.retry import Failed, RequestContext, RetryPolicy, log_attempt, retrying
from boxdocgen_explore.box.transport import (
    ACCEPTED_ENCODING,
    Transport,
    Unacceptable,
    cause_of,
    may_pass,
    read_body,
)
from boxdocgen_explore.schema import User

if TYPE_CHECKING:
    from requests import Response


WORKERS: Final = 16
"""Lists read at once."""

_CONNECTIONS: Final = 8 * WORKERS
"""Most open connections: several reads, a batch list and a widget may run at once."""


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


_LOG: Final = logging.getLogger(__name__)


class BoxSession:
    """Calls Box as one user; it knows nothing of the cache.

    Raises:
        InvalidRequest: ``base_url`` is not a valid address.

    >>> BoxSession("https://api.box.com/2.0", Token("secret"))
    <BoxSession: api.box.com>
    """

    host: str = "no host"  # for the repr of a session whose address was refused

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        as_user: str | None = None,
        offline: bool = False,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.base_url: str = checked_url(base_url).rstrip("/")
        self.host = urlsplit(base_url).netloc.rpartition("@")[2]
        self.credentials = credentials
        self.as_user = as_user
        self.offline = offline
        self.login: str | None = None
        """The user's login for error messages, once known."""
        self._rate_name: str | None = None
        """The key of the shared call rate: a digest of the token, later the user's id."""
        self._policy = retry or RetryPolicy()
        self.calls: Counter[str] = Counter()
        """Calls sent, including retries, by endpoint."""
        self._counting = threading.Lock()
        self._refreshing = threading.Lock()
        self._adapter = Transport(_CONNECTIONS)
        self._options = {} if offline else environment_settings(self.base_url)
        proxies = self._options.get("proxies", {})
        self._passwords = [Secret(password) for password in proxy_passwords(proxies.values())]
        self._headers = {**default_headers(), "Accept": "application/json"}
        self._headers["Accept-Encoding"] = ACCEPTED_ENCODING
        if as_user:
            self._headers["as-user"] = as_user

    def __repr__(self) -> str:
        return f"<BoxSession: {self.host}>"

    def identify(self, user: User | None) -> None:
        """Set the user, once known: all connections of a user share one call rate."""
        self.login = user.login if user else None
        if user and self._rate_name:
            same_user(self.host, self._rate_name, user.id)
            self._rate_name = user.id

    def with_token(self, token: str) -> BoxSession:
        """The same session with another token, whose user is unknown yet."""
        other = copy.copy(self)
        other.credentials, other.login = Token(token), None
        return other

    def offline_copy(self) -> BoxSession:
        """The same session, without calls to Box."""
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
        page: int | None = None,
    ) -> Answer:
        """GET one resource; ``path`` has its segments, which are percent-encoded here.

        ``version`` is that of the endpoint, for the header ``box-version``; None sends no header.
        ``page`` is the number of a list's page, for the log.

        Raises:
            NotCached: this session is offline.
            BoxError: Box refused (one class per kind).
            Unreachable: no response.
            Cancelled: the context was cancelled.
        """
        url = _url(path)
        if self.offline:
            raise errors.NotCached(
                "This is not in the cache, and only the cache may be read. Read it once online.\n"
                f"GET {url}, offline=True"
            )
        headers = self._headers | ({"box-version": version} if version else {})
        request = requests.Request("GET", self.base_url + url, headers, params=dict(params or {}))
        context = context or RequestContext()
        token = self.credentials.token()
        response = self._send(path, page, request, token, context)
        if response.status_code == 401 and self._refreshed(token):
            token = self.credentials.token()
            response = self._send(path, page, request, token, context)
        if response.status_code != 200:
            by_marker = bool(params and params.get("marker"))
            raise self._refusal(url, response, token, by_marker=by_marker)
        return Answer(response, dt.datetime.now(dt.UTC))

    def _send(
        self,
        path: tuple[str, ...],
        page: int | None,
        request: requests.Request,
        token: str,
        context: RequestContext,
    ) -> Response:
        policy, url = self._policy, _url(path)
        if self._rate_name is None:
            digest = hashlib.sha256(f"{token} as {self.as_user}".encode()).hexdigest()
            self._rate_name = f"token {digest}"
        limiter = rate_limiter(self.host, self._rate_name)

        def attempt() -> Response:
            context.check()
            while seconds := limiter.wait_s(self, policy.calls_per_minute):
                why = f"Waiting {seconds:.0f} s: at most {limiter.limit} calls a minute"
                _LOG.info("%s: GET %s", why, url)
                context.waiting(why)
                context.sleep(seconds)
            with self._counting:
                self.calls[_endpoint(path)] += 1
            log = partial(log_attempt, url, page, time.monotonic())
            response = run_apart(
                lambda: self._exchange(request, token),
                lambda error: self._failed(url, token, error, log),
                policy.deadline_s,
                context,
            )
            request_id = without(secrets_of(token), response.headers.get("box-request-id", ""))
            log(f"{response.status_code}" + (f", request id {request_id!a}" if request_id else ""))
            return response

        outcome = retrying(attempt, policy, context, url)
        if isinstance(outcome, Failed):
            raise outcome.kind(str(outcome))
        return outcome

    def _exchange(self, request: requests.Request, token: str) -> Response:
        """Send one request. Only here, a variable holds the token as plain text."""
        prepared = request.prepare()
        prepared.headers["Authorization"] = f"Bearer {token}"
        timeout = self._policy.connect_timeout_s, self._policy.read_timeout_s
        response = self._adapter.send(prepared, timeout=timeout, **self._options)
        read_body(response)
        if response.status_code == 200:
            head = "\n".join(response.headers.values()).encode("utf-8", "replace")
            for secret in secrets_of(token):
                if repeats(head, secret) or repeats(response.content, secret):
                    raise Unacceptable("a page that repeats the token")
        # The header was used, and must not stay with the response.
        response.request.headers.pop("Authorization", None)
        return response

    def _failed(self, url: str, token: str, error: Exception, log: Callable[[str], None]) -> Failed:
        why = without([*secrets_of(token), *self._passwords], cause_of(error))
        log(f"no usable response ({why})")
        if isinstance(error, Unacceptable):
            text = (
                f"{self.host} answered GET {url} with {why}. Box has no such pages, so perhaps a "
                "proxy did this: try again, or without it."
            )
            return Failed(errors.BrokenPage, text, again=False)
        text = (
            f"No response from {self.host}. Check the network, the proxy and the certificates; "
            "what is cached can be read offline.\nOptions: offline=True, --offline, HTTPS_PROXY, "
            f"NO_PROXY, SSL_CERT_FILE. GET {url}: {why}"
        )
        return Failed(errors.Unreachable, text, again=may_pass(error))

    def _refreshed(self, refused: str) -> bool:
        with self._refreshing:  # several workers may find the token expired at the same time
            return self.credentials.token() != refused or self.credentials.refresh()

    def _refusal(
        self, url: str, response: Response, token: str, *, by_marker: bool
    ) -> errors.BoxError:
        named = {**client_error(response), "header": response.headers.get("box-request-id", "")}
        body = {name: without(secrets_of(token), text) for name, text in named.items()}
        request_id = body["header"] or body.get("request_id")
        status = response.status_code
        kind = error_class(status, by_marker)
        who = f"user {self.as_user}" if self.as_user else self.login
        details = [f"GET {url}" + (f" as {who}" if who else ""), f"status {status}"]
        details += filter(None, [body.get("code"), body.get("message")])
        details += [f"request id {request_id}"] if request_id else []
        options = "" if self.as_user or kind not in OPTIONS else f"Options: {OPTIONS[kind]}. "
        error = kind(
            f"{explanation(kind, status)}\n{options}{self.host}: {', '.join(details)}",
            status=status,
            code=body.get("code"),
            message=body.get("message"),
            request_id=request_id,
        )
        error.answered_at = dt.datetime.now(dt.UTC)
        error.body_sha256 = hashlib.sha256(response.content).hexdigest()
        return error

    def close(self) -> None:
        self._adapter.close()
        if self._rate_name:
            rate_limiter(self.host, self._rate_name).leave(self)


def _url(path: tuple[str, ...]) -> str:
    return "/" + "/".join(quote(segment, safe="") for segment in path)


def _endpoint(path: tuple[str, ...]) -> str:
    """The address without ids.

    >>> _endpoint(("folders", "7", "items")), _endpoint(("users", "me"))
    ('/folders/:id/items', '/users/me')
    """
    ids = path[:1] != ("users",)
    return "/" + "/".join(":id" if ids and at == 1 else part for at, part in enumerate(path))
