"""Waiting and repeating: one adapter under the session.

Every wait is bounded, is told to whoever watches, and ends within a second of a cancel.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import tenacity
import truststore
from pyrate_limiter import Duration, Limiter, Rate
from requests.adapters import HTTPAdapter

from boxdocgen_explore import errors

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

WORKERS = 8
"""Batches read side by side; the connection pool has the same size."""

_REPEATED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Waits:
    """How fast to ask and how long to wait. All times in seconds; the defaults fit Box.

    >>> Waits(patience_s=2, attempts=3).patience_s
    2
    """

    calls_per_minute: int = 900
    connect_s: float = 10
    silence_s: float = 60
    """Longest silence within an answer."""
    patience_s: float = 300
    """Longest total wait for one page: Box's retry-after, and pauses between repeats."""
    attempts: int = 8


@dataclass
class Patience:
    """One fetch's ways to be watched and to be stopped."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    waiting: Callable[[str | None], None] = lambda _reason: None
    """Told what is being waited for, and None when it is over."""

    def check(self) -> None:
        if self.cancelled.is_set():
            raise errors.Cancelled("Cancelled. What had arrived is kept.")

    def sleep(self, seconds: float) -> None:
        self.cancelled.wait(seconds)
        self.check()


_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def patience(mine: Patience) -> Iterator[None]:
    """Whatever this thread asks of Box in here waits, reports and stops as ``mine`` says."""
    token = _patience.set(mine)
    try:
        yield
    finally:
        _patience.reset(token)


def current_patience() -> Patience:
    return _patience.get() or Patience()


class WaitingAdapter(HTTPAdapter):
    """Sends, reads the whole body, and repeats what is worth repeating; returns the last answer.

    urllib3's own Retry was tried: it loses Box's last answer, dies on a malformed retry-after,
    does not repeat a cut body, and cannot be interrupted.
    """

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._rate = Limiter(Rate(waits.calls_per_minute, Duration.MINUTE))
        # The system's certificates, so that a company's own authority is trusted.
        self._tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(pool_maxsize=WORKERS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)

    def send(  # type: ignore[override]
        self,
        request: PreparedRequest,
        *,
        proxies: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> Response:
        mine = current_patience()
        if _is_loopback(request.url or ""):
            proxies = {}  # else HTTP_PROXY without NO_PROXY would be handed the bearer token

        def once() -> Response:
            self._wait_for_rate(mine)
            return self._whole(request, mine, proxies=proxies, **kwargs)

        repeat = tenacity.Retrying(
            sleep=mine.sleep,
            wait=_pause,
            stop=tenacity.stop_after_attempt(self._waits.attempts)
            | tenacity.stop_before_delay(self._waits.patience_s),
            retry=tenacity.retry_if_result(lambda answer: answer.status_code in _REPEATED)
            | tenacity.retry_if_exception_type(requests.RequestException),
            before_sleep=lambda state: mine.waiting(_reason(state)),
            retry_error_callback=_last_answer,
        )
        try:
            return repeat(once)
        finally:
            mine.waiting(None)

    def _wait_for_rate(self, mine: Patience) -> None:
        mine.check()
        while not self._rate.try_acquire("box", blocking=False):
            mine.waiting(f"Waiting: at most {self._waits.calls_per_minute} calls a minute")
            mine.sleep(0.05)

    def _whole(self, request: PreparedRequest, mine: Patience, **kwargs: Any) -> Response:
        """One attempt, body included: a body that stops half-way is an attempt that failed."""
        kwargs["stream"] = True
        kwargs["timeout"] = (self._waits.connect_s, self._waits.silence_s)
        response = super().send(request, **kwargs)
        chunks = []
        with response:
            for chunk in response.iter_content(65_536):
                mine.check()
                chunks.append(chunk)
        response._content = b"".join(chunks)
        response._content_consumed = True  # type: ignore[attr-defined]
        # Nothing in an answer depends on how it was asked for; a Vary header would only make
        # requests-cache miss pages that are there.
        response.headers.pop("Vary", None)
        return response


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after(response: Response) -> float | None:
    """Seconds from the header, which may be a number, an HTTP date, or nonsense."""
    text = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())


_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=30)


def _pause(state: tenacity.RetryCallState) -> float:
    asked = None
    if state.outcome and not state.outcome.failed:
        asked = _retry_after(state.outcome.result())
    # nan and infinity are numbers to float() and no time to wait
    return asked if asked is not None and asked < 1e6 else _backoff(state)


def _reason(state: tenacity.RetryCallState) -> str:
    seconds = state.next_action.sleep if state.next_action else 0
    if state.outcome and state.outcome.failed:
        return f"No answer from Box; trying again in {seconds:.0f} s"
    status = state.outcome.result().status_code if state.outcome else 0
    if status == 429:
        return f"Box asks to wait {seconds:.0f} s"
    return f"Box answered {status}; trying again in {seconds:.0f} s"


def _last_answer(state: tenacity.RetryCallState) -> Any:
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt only
    return state.outcome.result()
