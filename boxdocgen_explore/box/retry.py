"""Retries of one request: what is repeated, how long to wait, and when to give up.

Every wait is bounded, is reported to whoever watches, and ends within a second of a cancel.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import tenacity
import urllib3

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import number, whole_number

if TYPE_CHECKING:
    from requests import Response

_LOG: Final = logging.getLogger(__name__)
_REPEATED: Final = frozenset({429, 500, 502, 503, 504})
_LONGEST_BACKOFF_S: Final = 30
_LONGEST_S: Final = 1_000_000
"""A socket takes no timeout of a month."""


@dataclass(frozen=True)
class RetryPolicy:
    """How fast to call and how long to wait. All times in seconds; the defaults fit Box.

    Raises:
        InvalidRequest: a value is not a number that fits.

    >>> RetryPolicy(deadline_s=2, attempts=3).calls_per_minute
    900
    """

    calls_per_minute: int = 900
    """Of one user on one host, all connections of this process together; Box allows about 1000."""
    connect_timeout_s: float = 10
    read_timeout_s: float = 60
    """Longest silence within a response."""
    deadline_s: float = 300
    """For one page: no repeat starts later, and a response that takes longer is given up."""
    attempts: int = 8
    backoff_s: float = 0.5
    """Before the first repeat if Box names no time; doubles with each, up to 30 seconds."""

    def __post_init__(self) -> None:
        for name in ("calls_per_minute", "attempts"):
            whole_number(name, getattr(self, name), 1_000_000)
        for name in ("connect_timeout_s", "read_timeout_s", "deadline_s", "backoff_s"):
            number(name, getattr(self, name), _LONGEST_S)


@dataclass
class RequestContext:
    """How one fetch is watched and stopped."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    waiting: Callable[[str | None], None] = lambda _reason: None
    """Called with what is being waited for, and with None once that is over."""

    def check(self) -> None:
        if self.cancelled.is_set():
            raise errors.Cancelled("Cancelled. What has arrived is cached: read again to continue.")

    def sleep(self, seconds: float) -> None:
        self.cancelled.wait(seconds)
        self.check()


class Failed(Exception):
    """An attempt without a usable response: the error that this is for a person, as kind and text.

    No exception of requests or urllib3 stays with it: they hold the request, and so the token.
    """

    def __init__(self, kind: type[errors.BoxDocGenError], text: str, *, again: bool) -> None:
        super().__init__(text)
        self.kind = kind
        self.again = again
        """Whether another attempt may succeed."""


def retrying(
    attempt: Callable[[], Response], policy: RetryPolicy, context: RequestContext
) -> Response:
    """Call ``attempt``, and again if that may help; return the last response.

    urllib3's own Retry is not used: it loses Box's last response, fails on a malformed
    retry-after, does not repeat a cut body, and cannot be interrupted.

    Raises:
        Failed: no usable response, even after repeating.
        Cancelled: the context was cancelled.
    """
    backoff = tenacity.wait_random_exponential(policy.backoff_s, max=_LONGEST_BACKOFF_S)

    def wait_s(state: tenacity.RetryCallState) -> float:
        named = None if _failed(state) else _retry_after_s(_outcome(state))
        return backoff(state) if named is None else named

    def wait(state: tenacity.RetryCallState) -> None:
        _LOG.info(_reason(state))
        context.waiting(_reason(state))

    repeat = tenacity.Retrying(
        sleep=context.sleep,
        wait=wait_s,
        stop=tenacity.stop_after_attempt(policy.attempts)
        | tenacity.stop_before_delay(policy.deadline_s),
        retry=tenacity.retry_if_result(lambda response: response.status_code in _REPEATED)
        | tenacity.retry_if_exception(lambda error: isinstance(error, Failed) and error.again),
        before_sleep=wait,
        retry_error_callback=_outcome,
    )
    try:
        return repeat(attempt)
    finally:
        context.waiting(None)


def _retry_after_s(response: Response) -> float | None:
    """Seconds from the header: a number or an HTTP date; None if there is none, or nonsense."""
    text = response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            return urllib3.Retry().parse_retry_after(text)
        except (ValueError, OverflowError, urllib3.exceptions.InvalidHeader):
            return None
    return seconds if 0 <= seconds < math.inf else None


def _reason(state: tenacity.RetryCallState) -> str:
    seconds = state.next_action.sleep if state.next_action else 0
    if _failed(state):
        return f"No response from Box; next attempt in {seconds:.0f} s"
    status = _outcome(state).status_code
    if status == 429:
        return f"Box asks to wait {seconds:.0f} s"
    return f"Box is not available; next attempt in {seconds:.0f} s (status {status})"


def _failed(state: tenacity.RetryCallState) -> bool:
    return state.outcome is not None and state.outcome.failed


def _outcome(state: tenacity.RetryCallState) -> Any:
    """The last response; raises the last exception."""
    assert state.outcome is not None  # noqa: S101 - tenacity calls this after an attempt only
    return state.outcome.result()
