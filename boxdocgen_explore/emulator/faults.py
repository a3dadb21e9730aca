"""Faults by name: what can go wrong between a client and Box, on demand.

Each fault is a function from an exchange (the answer that was ready, and the page it came from) to
the answer that is sent instead.
"""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from boxdocgen_explore.emulator.answers import (
    SIGN_IN,
    UNAVAILABLE,
    Answer,
    Refusal,
    bad_parameter,
    error,
)
from boxdocgen_explore.emulator.paging import Page, cut_page, marker

RetryAfter = float | str | datetime | None


@dataclass(frozen=True)
class Exchange:
    """A call as a fault sees it; ``page`` is None where no list was asked for."""

    path: str
    answer: Answer
    page: Page | None


def rate_limit(exchange: Exchange, retry_after: RetryAfter = 1) -> Answer:
    message = "Request rate limit exceeded"
    return error(429, "rate_limit_exceeded", message, headers=_retry_after(retry_after))


def unavailable(exchange: Exchange, retry_after: RetryAfter = None) -> Answer:
    return Answer(503, UNAVAILABLE, _retry_after(retry_after), "text/html")


def server_error(exchange: Exchange) -> Answer:
    return error(500, "internal_server_error", "Internal Server Error")


def slow(exchange: Exchange, seconds: float = 1.0) -> Answer:
    return replace(exchange.answer, delay_s=float(seconds))


def silent(exchange: Exchange) -> Answer:
    return replace(exchange.answer, wire="silent")


def cut(exchange: Exchange) -> Answer:
    return replace(exchange.answer, wire="cut")


def drop(exchange: Exchange) -> Answer:
    return replace(exchange.answer, wire="drop")


def expired_marker(exchange: Exchange) -> Answer:
    return bad_parameter("marker").answer()


def repeating_marker(exchange: Exchange) -> Answer:
    page = _page(exchange)
    return _with_marker(page, marker(page.name, page.position))


def empty_end_marker(exchange: Exchange) -> Answer:
    return _with_marker(_page(exchange), "")


def null_end_marker(exchange: Exchange) -> Answer:
    return _with_marker(_page(exchange), None)


def absent_end_marker(exchange: Exchange) -> Answer:
    page = _page(exchange)
    rest = {name: value for name, value in page.markers.items() if name != "next_marker"}
    return replace(page, markers=rest).answer()


def html_200(exchange: Exchange) -> Answer:
    return Answer(200, SIGN_IN, content_type="text/html; charset=utf-8")


def other_body(exchange: Exchange, body: str = "{}") -> Answer:
    return Answer(200, body.encode())


def expired_token(exchange: Exchange) -> Answer:
    return Refusal(401, "unauthorized", "Unauthorized").answer()


def forbidden(exchange: Exchange, code: str = "insufficient_scope") -> Answer:
    return error(403, code, "Access denied")


def overlap(exchange: Exchange, jobs: int = 3) -> Answer:
    page = _page(exchange)
    start = max(0, page.position - int(jobs))
    return cut_page(page.name, page.listing, start, page.limit, page.asked_by_marker).answer()


def unknown_status(exchange: Exchange, status: str = "archived", jobs: int = 1) -> Answer:
    return _with_field(_page(exchange), int(jobs), "status", status)


def unknown_field(
    exchange: Exchange, field: str = "priority", value: Any = "high", jobs: int = 1
) -> Answer:
    return _with_field(_page(exchange), int(jobs), field, value)


def _any_call(exchange: Exchange) -> bool:
    return True


def _any_page(exchange: Exchange) -> bool:
    return exchange.page is not None


def _page_by_marker(exchange: Exchange) -> bool:
    return exchange.page is not None and exchange.page.asked_by_marker


def _last_page(exchange: Exchange) -> bool:
    return exchange.page is not None and exchange.page.last


class _Kind(NamedTuple):
    act: Callable[..., Answer]
    can_act_on: Callable[[Exchange], bool]
    sentence: str


_KINDS: Final[dict[str, _Kind]] = {
    "rate-limit": _Kind(
        rate_limit,
        _any_call,
        "429 with Box's body; retry_after=1: seconds, a date, any text, or None for no header.",
    ),
    "503-html": _Kind(
        unavailable, _any_call, "503 with a page of HTML; retry_after=None as for rate-limit."
    ),
    "500": _Kind(server_error, _any_call, "500 with Box's body."),
    "slow": _Kind(slow, _any_call, "The right answer, seconds=1 later."),
    "silent": _Kind(silent, _any_call, "Headers and half of the body, then nothing more, ever."),
    "cut": _Kind(cut, _any_call, "Headers and half of the body, then the connection closes."),
    "drop": _Kind(drop, _any_call, "The connection closes without an answer."),
    "expired-marker": _Kind(
        expired_marker, _page_by_marker, "400 to a page that is asked for by a marker."
    ),
    "repeating-marker": _Kind(
        repeating_marker, _any_page, "The next marker leads to the same page again."
    ),
    "empty-end-marker": _Kind(
        empty_end_marker, _last_page, "The last page's next marker is an empty string."
    ),
    "null-end-marker": _Kind(null_end_marker, _last_page, "The last page's next marker is null."),
    "absent-end-marker": _Kind(absent_end_marker, _last_page, "The last page has no next marker."),
    "html-200": _Kind(html_200, _any_call, "200 with the HTML of a proxy's sign-in page."),
    "other-body": _Kind(other_body, _any_call, "200 with body={} in place of the right one."),
    "expired-token": _Kind(expired_token, _any_call, "401 as to a token that is no longer good."),
    "forbidden": _Kind(forbidden, _any_call, "403 with Box's body; code=insufficient_scope."),
    "overlap": _Kind(
        overlap, _page_by_marker, "A page begins with the last jobs=3 of the page before."
    ),
    "unknown-status": _Kind(
        unknown_status, _any_page, "The first jobs=1 of a page have the status status=archived."
    ),
    "unknown-field": _Kind(
        unknown_field, _any_page, "The first jobs=1 of a page have a field=priority, value=high."
    ),
}

FAULTS: Final[dict[str, str]] = {name: kind.sentence for name, kind in _KINDS.items()}
"""Every fault by name, with what it does and its options."""


@dataclass
class _Armed:
    kind: _Kind
    options: dict[str, Any]
    path: str | None
    page: int | None
    times: int | None

    def meets(self, exchange: Exchange) -> bool:
        if self.path is not None and unquote(self.path) != unquote(exchange.path):
            return False
        number = exchange.page.number if exchange.page else None
        return self.page in (None, number) and self.kind.can_act_on(exchange)


class Faults:
    """The faults that are armed; those armed first strike first, one a call."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()

    def arm(
        self, name: str, path: str | None, page: int | None, times: int | None, **options: Any
    ) -> None:
        """Arm a fault; an unknown name or option is a ValueError."""
        if name not in _KINDS:
            raise ValueError(f"No fault is called {name!r}; there are {', '.join(_KINDS)}.")
        kind = _KINDS[name]
        known = list(inspect.signature(kind.act).parameters)[1:]
        if unknown := set(options) - set(known):
            offered = ", ".join(known) or "none"
            raise ValueError(f"{name} has no option {min(unknown)!r}; it has: {offered}.")
        with self._lock:
            self._armed.append(_Armed(kind, options, path, page, times))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def strike(self, exchange: Exchange) -> Answer:
        """The answer to send: what the first fault that fits makes of it, or the right one."""
        with self._lock:
            fault = next((fault for fault in self._armed if fault.meets(exchange)), None)
            if fault is None:
                return exchange.answer
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._armed.remove(fault)
        return fault.kind.act(exchange, **fault.options)


def parse_fault(text: str) -> dict[str, Any]:
    """A fault as a person types it, as keyword arguments of `Emulator.fault`.

    >>> parse_fault("rate-limit:page=2,times=1,retry_after=30")
    {'page': 2, 'times': 1, 'retry_after': '30', 'name': 'rate-limit'}
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        counts = key in ("page", "times")
        if not equals or (counts and not value.isdecimal()):
            raise ValueError(f"A fault reads NAME or NAME:OPTION=VALUE,...; not {text!r}.")
        options[key] = int(value) if counts else value
    return {**options, "name": name}


def _page(exchange: Exchange) -> Page:
    if exchange.page is None:
        raise TypeError("This fault needs a page.")
    return exchange.page


def _with_marker(page: Page, next_marker: str | None) -> Answer:
    return replace(page, markers={**page.markers, "next_marker": next_marker}).answer()


def _with_field(page: Page, jobs: int, name: str, value: Any) -> Answer:
    changed = [
        json.dumps({**json.loads(entry), name: value}).encode() for entry in page.entries[:jobs]
    ]
    return replace(page, entries=[*changed, *page.entries[jobs:]]).answer()


def _retry_after(value: RetryAfter) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, datetime):
        return {"retry-after": format_datetime(value, usegmt=True)}
    return {"retry-after": str(value)}
