"""Faults by name: what can go wrong between a client and Box, on demand.

Each fault is a function from an exchange (the answer that was ready, and the page it came from) to
the answer that is sent instead.
"""

from __future__ import annotations

import inspect
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from boxdocgen_explore.emulator import answer_faults as answers
from boxdocgen_explore.emulator import page_faults as pages
from boxdocgen_explore.emulator.answers import Answer
from boxdocgen_explore.emulator.exchange import (
    Exchange,
    any_call,
    any_page,
    last_page,
    page_by_marker,
    page_of_jobs,
    page_of_several,
    page_with_a_next,
)
from boxdocgen_explore.emulator.paging import Fixed, cut_page

STRIKES_KEPT: Final = 10_000


class Strike(NamedTuple):
    """A fault that has struck, and the call that it struck (a path below the base URL)."""

    fault: str
    path: str


class _Kind(NamedTuple):
    act: Callable[..., Answer]
    can_act_on: Callable[[Exchange], bool]
    sentence: str


_KINDS: Final[dict[str, _Kind]] = {
    "rate-limit": _Kind(
        answers.rate_limit,
        any_call,
        "429 with Box's body; retry_after=1: seconds, a date, any text, or None for no header.",
    ),
    "503-html": _Kind(
        answers.unavailable,
        any_call,
        "503 with a page of HTML; retry_after=None as for rate-limit.",
    ),
    "500": _Kind(answers.internal_error, any_call, "500 with Box's body."),
    "server-error": _Kind(
        answers.server_error,
        any_call,
        "status=500, 502, 503 or 504, with body=json (Box's), html or nothing; retry_after=None.",
    ),
    "slow": _Kind(answers.slow, any_call, "The right answer, seconds=1 later."),
    "silent": _Kind(
        answers.silent, any_call, "Headers and half of the body, then nothing more, ever."
    ),
    "cut": _Kind(
        answers.cut,
        any_call,
        "Headers and half of the body, then the connection closes; gzip=yes compresses it first.",
    ),
    "drop": _Kind(
        answers.drop,
        any_call,
        "The connection closes without an answer; headers=yes sends its headers, no body.",
    ),
    "expired-marker": _Kind(
        answers.expired_marker, page_by_marker, "400 to a page that is asked for by a marker."
    ),
    "repeating-marker": _Kind(
        pages.repeating_marker, any_page, "The next marker leads to the same page again."
    ),
    "empty-end-marker": _Kind(
        pages.empty_end_marker, last_page, "The last page's next marker is an empty string."
    ),
    "null-end-marker": _Kind(
        pages.null_end_marker, last_page, "The last page's next marker is null."
    ),
    "absent-end-marker": _Kind(
        pages.absent_end_marker, last_page, "The last page has no next marker."
    ),
    "html-200": _Kind(answers.html_200, any_call, "200 with the HTML of a proxy's sign-in page."),
    "other-body": _Kind(
        answers.other_body, any_call, "200 with body={} in place of the right one."
    ),
    "garbage": _Kind(
        answers.garbage, any_call, "200 with random bytes, from seed=0, other ones each time."
    ),
    "expired-token": _Kind(
        answers.expired_token, any_call, "401 as to a token that is no longer good."
    ),
    "forbidden": _Kind(
        answers.forbidden, any_call, "403 with Box's body; code=insufficient_scope."
    ),
    "overlap": _Kind(
        pages.overlap, page_by_marker, "A page begins with the last jobs=3 of the page before."
    ),
    "shrink": _Kind(
        pages.shrink,
        page_of_several,
        "A page has jobs=1 fewer than it could, at least one; the next goes on behind them.",
    ),
    "grow": _Kind(
        pages.grow,
        page_with_a_next,
        "A page has jobs=1 more than its limit; the next goes on behind them.",
    ),
    "other-batch": _Kind(
        pages.other_batch, page_of_jobs, "A page has the jobs of another batch=900900."
    ),
    "changing-status": _Kind(
        pages.changing_status,
        page_of_jobs,
        "The first jobs=1 of a page are submitted, pending, and what they are, in turn.",
    ),
    "unknown-status": _Kind(
        pages.unknown_status,
        any_page,
        "The first jobs=1 of a page have the status status=archived.",
    ),
    "unknown-field": _Kind(
        pages.unknown_field,
        any_page,
        "The first jobs=1 of a page have a field=priority, value=high.",
    ),
}

FAULTS: Final[dict[str, str]] = {name: kind.sentence for name, kind in _KINDS.items()}
"""Every fault by name, with what it does and its options."""


@dataclass
class _Armed:
    name: str
    kind: _Kind
    options: dict[str, Any]
    path: str | None
    page: int | None
    times: int | None
    struck: int = 0

    def meets(self, exchange: Exchange) -> bool:
        if self.path is not None and unquote(self.path) != unquote(exchange.path):
            return False
        number = exchange.page.number if exchange.page else None
        return self.page in (None, number) and self.kind.can_act_on(exchange)


_TRIAL: Final = Exchange(
    "/trial", Answer(200), cut_page("trial", Fixed([]), 0, limit=1, by_marker=True)
)


class Faults:
    """The faults that are armed; those armed first strike first, one a call."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._strikes: deque[Strike] = deque(maxlen=STRIKES_KEPT)
        self._lock = threading.Lock()

    def arm(
        self, name: str, path: str | None, page: int | None, times: int | None, **options: Any
    ) -> None:
        """Arm a fault; an unknown name or option, or one that makes no sense, is a ValueError."""
        if name not in _KINDS:
            raise ValueError(f"No fault is called {name!r}; there are {', '.join(_KINDS)}.")
        kind = _KINDS[name]
        known = list(inspect.signature(kind.act).parameters)[1:]
        if unknown := set(options) - set(known):
            offered = ", ".join(known) or "none"
            raise ValueError(f"{name} has no option {min(unknown)!r}; it has: {offered}.")
        kind.act(_TRIAL, **options)  # what makes no sense is said here, not to a client
        with self._lock:
            self._armed.append(_Armed(name, kind, options, path, page, times))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    @property
    def strikes(self) -> list[Strike]:
        with self._lock:
            return list(self._strikes)

    def strike(self, exchange: Exchange) -> Answer:
        """The answer to send: what the first fault that fits makes of it, or the right one."""
        with self._lock:
            fault = next((fault for fault in self._armed if fault.meets(exchange)), None)
            if fault is None:
                return exchange.answer
            exchange = replace(exchange, struck=fault.struck)
            fault.struck += 1
            self._strikes.append(Strike(fault.name, exchange.path))
            if fault.times is not None and fault.struck >= fault.times:
                self._armed.remove(fault)
        return fault.kind.act(exchange, **fault.options)


def parse_fault(text: str) -> dict[str, Any]:
    """A fault as a person types it, as keyword arguments of `Emulator.fault`.

    >>> parse_fault("rate-limit:page=2,times=1,retry_after=30")
    {'page': 2, 'times': 1, 'retry_after': '30', 'name': 'rate-limit'}
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    # Not at every comma: a date and a body may have some of their own.
    for part in filter(None, re.split(r",(?=\w+=|$)", rest)):
        key, equals, value = part.partition("=")
        counts = key in ("page", "times")
        if not equals or (counts and not value.isdecimal()):
            raise ValueError(f"A fault reads NAME or NAME:OPTION=VALUE,...; not {text!r}.")
        options[key] = int(value) if counts else value
    return {**options, "name": name}
