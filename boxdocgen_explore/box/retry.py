"""Sending one request: the call rate, the deadline, what is repeated and how long to wait.

Every wait is bounded, is reported to whoever watches, and ends within a second of a cancel.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import requests
import tenacity
import urllib3

from boxdocgen_explore import errors

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_REPEATED: Final = frozenset({429, 500, 502, 503, 504})
_LONGEST_BACKOFF_S: Final = 30
_CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True)
class RetryPolicy:
    """How fast to call and how long to wait. All times in seconds; the defaults fit Box.

    >>> RetryPolicy(deadline_s=2, attempts=3).calls_per_minute
    900
    """

    calls_per_minute: int = 900
    """Of one user on one host, all connections of this process together; Box allows about 1000."""
    connect_timeout_s: float = 10
    read_timeout_s: float = 60
    """Longest silence within a response."""
    deadline_s: float = 300
    """For one page: no repeat starts later, and a body that only trickles in is given up."""
    attempts: int = 8
    backoff_s: float = 0.5
    """Before the first repeat if Box names no time; doubles with each, up to 30 seconds."""


@dataclass
class RequestContext:
    """How one fetch is watched and stopped."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    waiting: Callable[[str | None], None] = lambda _reason: None
    """Called with what is being waited for, and with None once that is over."""

    def check(self) -> None:
        if self.cancelled.is_set():
            raise errors.Cancelled("Cancelled. What had arrived is kept; read again to continue.")

    def sleep(self, seconds: float) -> None:
        self.cancelled.wait(seconds)
        self.check()


class RateLimiter:
    """Counts the calls of the last minute, from all threads and connections of one user."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque()
        self._lock = threading.Lock()

    def record(self) -> None:
        """Count a call that was made before its user was known."""
        with self._lock:
            self._calls.append(time.monotonic())

    def wait_s(self, calls_per_minute: int) -> float:
        """0.0, and the call counts; or how long to wait before asking again."""
        with self._lock:
            now = time.monotonic()
            while self._calls and self._calls[0] <= now - 60:
                self._calls.popleft()
            if len(self._calls) >= calls_per_minute:
                return self._calls[-calls_per_minute] + 60 - now
            self._calls.append(now)
            return 0.0


_limiters: Final[dict[tuple[str, str], RateLimiter]] = {}


def rate_limiter(host: str, user: str) -> RateLimiter:
    """The limiter of this user on this host, one per process: Box counts per user, too."""
    return _limiters.setdefault((host, user), RateLimiter())


@dataclass
class Sender:
    """Sends a request, reads the whole body, repeats what may pass; returns the last response.

    urllib3's own Retry is not used: it loses Box's last response, fails on a malformed
    retry-after, does not repeat a cut body, and cannot be interrupted.
    """

    http: requests.Session
    policy: RetryPolicy
    limiter: RateLimiter

    def send(self, request: PreparedRequest, context: RequestContext, **options: Any) -> Response:
        """Send; ``options`` are those of `requests.Session.send`.

        Raises:
            requests.RequestException, ValueError: no response, even after repeating.
            Cancelled: the context was cancelled.
        """
        repeat = tenacity.Retrying(
            sleep=context.sleep,
            wait=self._pause,
            stop=tenacity.stop_after_attempt(self.policy.attempts)
            | tenacity.stop_before_delay(self.policy.deadline_s),
            retry=tenacity.retry_if_result(lambda response: response.status_code in _REPEATED)
            | tenacity.retry_if_exception(_is_retryable),
            before_sleep=lambda state: context.waiting(_reason(state)),
            retry_error_callback=_last_outcome,
        )
        try:
            return repeat(partial(self._send_once, request, context, options))
        finally:
            context.waiting(None)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        after = None
        if state.outcome and not state.outcome.failed:
            after = _retry_after(state.outcome.result())
        if after is not None:
            return after
        backoff = tenacity.wait_random_exponential(self.policy.backoff_s, max=_LONGEST_BACKOFF_S)
        return backoff(state)

    def _send_once(
        self, request: PreparedRequest, context: RequestContext, options: dict[str, Any]
    ) -> Response:
        """One attempt, body included: a body that stops half-way is an attempt that failed."""
        self._wait_for_rate(context)
        late = time.monotonic() + self.policy.deadline_s
        timeout = self.policy.connect_timeout_s, self.policy.read_timeout_s
        response = self.http.send(request, stream=True, timeout=timeout, **options)
        chunks = []
        try:
            # read1 returns what is there; read would block until the full chunk has arrived.
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                context.check()
                if time.monotonic() > late:
                    raise requests.ReadTimeout("the response takes too long")
                chunks.append(chunk)
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
        finally:
            response.close()
        response._content = b"".join(chunks)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _wait_for_rate(self, context: RequestContext) -> None:
        context.check()
        limit = self.policy.calls_per_minute
        while seconds := self.limiter.wait_s(limit):
            context.waiting(f"Waiting {seconds:.0f} s: at most {limit} calls a minute")
            context.sleep(seconds)


def _is_retryable(error: BaseException) -> bool:
    """Whether another attempt may succeed: not with a wrong address or certificate."""
    if not isinstance(error, requests.RequestException) or isinstance(error, ValueError):
        return False
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.CertificateError):
            return False
        cause = cause.__context__
    return True


def _retry_after(response: Response) -> float | None:
    """Seconds from the header: a number or an HTTP date; None if there is none, or nonsense."""
    try:
        return urllib3.Retry().parse_retry_after(response.headers["retry-after"])
    except (KeyError, ValueError, OverflowError, urllib3.exceptions.InvalidHeader):
        return None


def _reason(state: tenacity.RetryCallState) -> str:
    seconds = state.next_action.sleep if state.next_action else 0
    if state.outcome and state.outcome.failed:
        return f"No response from Box; next attempt in {seconds:.0f} s"
    status = state.outcome.result().status_code if state.outcome else 0
    if status == 429:
        return f"Box asks to wait {seconds:.0f} s"
    return f"Box is not available; next attempt in {seconds:.0f} s (status {status})"


def _last_outcome(state: tenacity.RetryCallState) -> Any:
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt only
    return state.outcome.result()
