"""Retries of one request: what to retry, how long to wait, and when to give up.

Every wait is bounded, is reported as progress, and ends within a second of a cancellation.
"""

from __future__ import annotations

import itertools
import logging
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import urllib3

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import number, whole_number

if TYPE_CHECKING:
    from requests import Response

_LOG: Final = logging.getLogger(__name__)
_REPEATED: Final = frozenset({429, 500, 502, 503, 504})
_LONGEST_BACKOFF_S: Final = 30
_LONGEST_S: Final = 1_000_000
"""Sockets reject a timeout of a month."""


@dataclass(frozen=True)
class RetryPolicy:
    """How fast to call and how long to wait; the defaults fit Box.

    Parameters:
        calls_per_minute: calls of one user to one host by this process; Box allows about 1000.
        connect_timeout_s: seconds until there is a connection.
        read_timeout_s: seconds without data within a response.
        deadline_s: seconds for one page including retries, and for one response.
        attempts: calls for one page, including the first.
        backoff_s: most seconds before the first retry, unless Box sets it; doubles, up to 30.

    Raises:
        InvalidRequest: a value is not a number that fits.

    >>> RetryPolicy(deadline_s=2, attempts=3).calls_per_minute
    900
    """

    calls_per_minute: int = 900
    connect_timeout_s: float = 10
    read_timeout_s: float = 60
    deadline_s: float = 300
    attempts: int = 8
    backoff_s: float = 0.5

    def __post_init__(self) -> None:
        for name in ("calls_per_minute", "attempts"):
            whole_number(name, getattr(self, name), 1_000_000)
        for name in ("connect_timeout_s", "read_timeout_s", "deadline_s", "backoff_s"):
            number(name, getattr(self, name), _LONGEST_S)


@dataclass
class RequestContext:
    """How one fetch reports progress and is stopped."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    waiting: Callable[[str | None], None] = lambda _reason: None
    """Called with the reason for a wait, and with None once it is over."""

    def check(self) -> None:
        if self.cancelled.is_set():
            raise errors.Cancelled("Cancelled. What has arrived is cached: read again to continue.")

    def sleep(self, seconds: float) -> None:
        self.cancelled.wait(seconds)
        self.check()


class Failed(Exception):
    """An attempt without a usable response: the class and text of the error to raise.

    It keeps no exception of requests or urllib3, which hold the request and so the token.
    """

    def __init__(self, kind: type[errors.BoxDocGenError], text: str, *, again: bool) -> None:
        super().__init__(text)
        self.kind = kind
        self.again = again
        """Whether another attempt may succeed."""


def log_attempt(url: str, page: int | None, started: float, ended: str) -> None:
    """Log the end of an attempt that started at this time of `time.monotonic`."""
    place, seconds = f", page {page}" if page else "", time.monotonic() - started
    _LOG.debug("GET %s: %s%s, %.0f ms", url, ended, place, seconds * 1000)


def retrying(
    attempt: Callable[[], Response], policy: RetryPolicy, context: RequestContext, url: str
) -> Response | Failed:
    """Call ``attempt``, retry it if that may help, and return the last result.

    urllib3's own Retry is not used: it loses Box's last response, fails on a malformed
    retry-after, does not retry truncated bodies, and cannot be interrupted.

    Raises:
        Cancelled: the context was cancelled.
    """
    started = time.monotonic()
    try:
        for number in itertools.count(1):
            outcome = _outcome(attempt)
            seconds = _wait_s(outcome, number, policy)
            late = time.monotonic() - started + seconds >= policy.deadline_s
            if late or number >= policy.attempts or not _may_pass(outcome):
                break
            _LOG.info("%s: GET %s", reason := _reason(outcome, seconds), url)
            context.waiting(reason)
            context.sleep(seconds)
    finally:
        context.waiting(None)
    return outcome


def _outcome(attempt: Callable[[], Response]) -> Response | Failed:
    try:
        return attempt()
    except Failed as failed:
        return failed


def _may_pass(outcome: Response | Failed) -> bool:
    if isinstance(outcome, Failed):
        return outcome.again
    return outcome.status_code in _REPEATED


def _wait_s(outcome: Response | Failed, number: int, policy: RetryPolicy) -> float:
    """The time that Box asks for, otherwise a random one, so that clients do not return at once."""
    named = None if isinstance(outcome, Failed) else _retry_after_s(outcome)
    longest = min(_LONGEST_BACKOFF_S, policy.backoff_s * 2.0 ** min(number - 1, 60))
    return random.uniform(0, longest) if named is None else named  # noqa: S311 - no secret


def _retry_after_s(response: Response) -> float | None:
    """Seconds in the header, a number or an HTTP date; None if it is missing or invalid."""
    text = response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            return urllib3.Retry().parse_retry_after(text)
        except (ValueError, OverflowError, urllib3.exceptions.InvalidHeader):
            return None
    return seconds if 0 <= seconds < math.inf else None


def _reason(outcome: Response | Failed, seconds: float) -> str:
    if isinstance(outcome, Failed):
        return f"No response from Box; next attempt in {seconds:.0f} s"
    if outcome.status_code == 429:
        return f"Box asks to wait {seconds:.0f} s"
    return f"Box is not available; next attempt in {seconds:.0f} s (status {outcome.status_code})"
