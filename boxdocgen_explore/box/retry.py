"""Waiting and repeating: one adapter under the session.

Every wait is bounded, is told to whoever watches, and ends within a second of a cancel.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import ipaddress
import math
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import tenacity
import truststore
import urllib3
from requests.adapters import HTTPAdapter

from boxdocgen_explore import errors

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

WORKERS = 16
"""Batches read side by side."""

_CONNECTIONS = 8 * WORKERS
"""CacheInfo open at most: several reads, a list and a widget may go on at once."""

_REPEATED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """How fast to ask and how long to wait. All times in seconds; the defaults fit Box.

    >>> RetryPolicy(deadline_s=2, attempts=3).deadline_s
    2
    """

    calls_per_minute: int = 900
    connect_timeout_s: float = 10
    read_timeout_s: float = 60
    """Longest silence within an answer."""
    deadline_s: float = 300
    """After this, one page is not asked for again, nor a body that only trickles in awaited."""
    attempts: int = 8
    backoff_s: float = 0.5
    """Before the first repeat, where Box names no time; doubles with each, to at most 30."""


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


class RateLimiter:
    """At most so many calls within any minute, from all threads together."""

    def __init__(self, calls_per_minute: int) -> None:
        self._latest: deque[float] = deque(maxlen=calls_per_minute)
        self._lock = threading.Lock()

    def wait_s(self) -> float:
        """0.0, and the call counts; or how long to wait before asking again."""
        with self._lock:
            now = time.monotonic()
            if len(self._latest) == self._latest.maxlen and now < self._latest[0] + 60:
                return self._latest[0] + 60 - now
            self._latest.append(now)
            return 0.0


class WaitingAdapter(HTTPAdapter):
    """Sends, reads the whole body, and repeats what is worth repeating; returns the last answer.

    urllib3's own Retry was tried: it loses Box's last answer, dies on a malformed retry-after,
    does not repeat a cut body, and cannot be interrupted.
    """

    def __init__(self, retry: RetryPolicy) -> None:
        self._policy = retry
        self._rate = RateLimiter(retry.calls_per_minute)
        self._backoff = tenacity.wait_random_exponential(retry.backoff_s, max=30)
        # The system's certificates, so that a company's own authority is trusted.
        self._tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(pool_maxsize=_CONNECTIONS)

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
        if is_loopback(request.url or ""):
            proxies = {}  # else HTTP_PROXY without NO_PROXY would be handed the bearer token

        def once() -> Response:
            self._wait_for_rate(mine)
            return self._whole(request, mine, proxies=proxies, **kwargs)

        repeat = tenacity.Retrying(
            sleep=mine.sleep,
            wait=self._pause,
            stop=tenacity.stop_after_attempt(self._policy.attempts)
            | tenacity.stop_before_delay(self._policy.deadline_s),
            retry=tenacity.retry_if_result(lambda answer: answer.status_code in _REPEATED)
            | tenacity.retry_if_exception(_is_retryable),
            before_sleep=lambda state: mine.waiting(_reason(state)),
            retry_error_callback=_last_answer,
        )
        try:
            return repeat(once)
        finally:
            mine.waiting(None)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        asked = None
        if state.outcome and not state.outcome.failed:
            asked = _retry_after(state.outcome.result())
        return self._backoff(state) if asked is None else asked

    def _wait_for_rate(self, mine: Patience) -> None:
        mine.check()
        while seconds := self._rate.wait_s():
            rate = f"at most {self._policy.calls_per_minute} calls a minute"
            mine.waiting(f"Waiting {seconds:.0f} s: {rate}")
            mine.sleep(seconds)

    def _whole(self, request: PreparedRequest, mine: Patience, **kwargs: Any) -> Response:
        """One attempt, body included: a body that stops half-way is an attempt that failed."""
        kwargs["stream"] = True
        kwargs["timeout"] = (self._policy.connect_timeout_s, self._policy.read_timeout_s)
        late = time.monotonic() + self._policy.deadline_s
        response = super().send(request, **kwargs)
        chunks = []
        try:
            # read1 gives what is there; read would not look up before it has all it was asked for.
            while chunk := response.raw.read1(65_536, decode_content=True):
                mine.check()
                if time.monotonic() > late:
                    raise requests.ReadTimeout("the answer takes too long")
                chunks.append(chunk)
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
        finally:
            response.close()
        response._content = b"".join(chunks)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _is_retryable(error: BaseException) -> bool:
    """Whether another attempt may fare better: not with a wrong address or certificate."""
    if not isinstance(error, requests.RequestException) or isinstance(error, ValueError):
        return False
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.CertificateError):
            return False
        cause = cause.__context__
    return True


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _retry_after(response: Response) -> float | None:
    """Seconds from the header, which may be a number, an HTTP date, or nonsense (None)."""
    text = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
        return seconds if seconds >= 0 and math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


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
