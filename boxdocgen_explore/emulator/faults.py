"""Faults by name: what can go wrong between a client and Box, on demand.

A fault is a function that turns an intercepted call into a reply; its docstring is its description
for users. To add a fault, write a function with ``@fault``. Its options may come from the command
line, so they also accept text.
"""

from __future__ import annotations

import gzip as gzip_format
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, cast

from boxdocgen_explore.emulator.paging import ListPage, page_at
from boxdocgen_explore.emulator.replies import (
    Reply,
    bad_parameter,
    client_error,
    forbidden,
    unauthorized,
)


@dataclass(frozen=True)
class Interception:
    """A call that a fault may change.

    ``found`` is the correct reply or, for a list, the page that it is made from.
    ``earlier_strikes`` counts the earlier strikes of this fault.
    """

    path: str
    found: Reply | ListPage
    earlier_strikes: int = 0

    @property
    def reply(self) -> Reply:
        return self.found.reply() if isinstance(self.found, ListPage) else self.found

    @property
    def page(self) -> ListPage:
        """The page, for faults that strike only pages."""
        return cast("ListPage", self.found)


class Fault(NamedTuple):
    """A fault, and the pages that it can strike (None: any call)."""

    name: str
    apply: Callable[..., Reply]
    on: Callable[[ListPage], bool] | None


BY_NAME: Final[dict[str, Fault]] = {}


def fault(
    name: str, *, on: Callable[[ListPage], bool] | None = None
) -> Callable[[Callable[..., Reply]], Callable[..., Reply]]:
    """Declare a fault; ``on`` selects the pages that it can strike, None means any call."""

    def declare(apply: Callable[..., Reply]) -> Callable[..., Reply]:
        BY_NAME[name] = Fault(name, apply, on)
        return apply

    return declare


# Faults of the reply: errors, other bodies, and the connection.

RetryAfter = float | str | datetime | None


@fault("rate-limit")
def rate_limit(call: Interception, retry_after: RetryAfter = 1) -> Reply:
    """429 with Box's body; retry_after=1: seconds, a date, any text, or None for no header."""
    headers = _retry_after(retry_after)
    return client_error(429, "rate_limit_exceeded", "Request rate limit exceeded", headers=headers)


@fault("503-html")
def unavailable(call: Interception, retry_after: RetryAfter = None) -> Reply:
    """503 with a page of HTML; retry_after=None as for rate-limit."""
    return server_error(call, 503, "html", retry_after)


@fault("500")
def internal_error(call: Interception) -> Reply:
    """500 with Box's body."""
    return client_error(500)


@fault("server-error")
def server_error(
    call: Interception,
    status: int | str = 500,
    body: str = "json",
    retry_after: RetryAfter = None,
) -> Reply:
    """status=500, 502, 503 or 504, with body=json (Box's), html or nothing; retry_after=None."""
    if int(status) not in (500, 502, 503, 504) or body not in ("json", "html", "nothing"):
        raise ValueError(f"There is no server error {status!r} with a body of {body!r}.")
    known = HTTPStatus(int(status))
    headers = _retry_after(retry_after)
    if body == "json":
        return client_error(known, headers=headers)
    title = f"{known.value} {known.phrase}"
    html = f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"
    return Reply(known, html.encode() if body == "html" else b"", headers, "text/html")


@fault("slow")
def slow(call: Interception, seconds: float = 1.0) -> Reply:
    """The right reply, seconds=1 later."""
    return replace(call.reply, delay_s=float(seconds))


@fault("silent")
def silent(call: Interception) -> Reply:
    """Headers and half of the body, then silence."""
    return replace(call.reply, delivery="silent")


@fault("cut")
def cut(call: Interception, gzip: bool | str = False) -> Reply:
    """Headers and half of the body, then the connection closes; gzip=yes compresses it first."""
    reply = replace(call.reply, delivery="cut")
    if not _is_yes(gzip):
        return reply
    headers = {**reply.headers, "content-encoding": "gzip"}
    return replace(reply, body=gzip_format.compress(reply.body), headers=headers)


@fault("drop")
def drop(call: Interception, headers: bool | str = False) -> Reply:
    """The connection closes without a reply; headers=yes sends the headers, but no body."""
    return replace(call.reply, delivery="headers" if _is_yes(headers) else "drop")


@fault("html-200")
def html_200(call: Interception) -> Reply:
    """200 with the HTML of a proxy's sign-in page."""
    head, body = "<head><title>Sign in</title></head>", "<body>Sign in</body>"
    html = f"<!DOCTYPE html>\n<html>{head}{body}</html>\n"
    return Reply(200, html.encode(), content_type="text/html; charset=utf-8")


@fault("other-body")
def other_body(call: Interception, body: str = "{}") -> Reply:
    """200 with body={} instead of the correct one."""
    return Reply(200, body.encode())


@fault("garbage")
def garbage(call: Interception, seed: int | str = 0) -> Reply:
    """200 with random bytes, from seed=0, different each time."""
    noise = random.Random(int(seed) + call.earlier_strikes)  # noqa: S311 - noise, no secret
    return Reply(200, noise.randbytes(noise.randint(1, 2000)))


@fault("expired-token")
def expired_token(call: Interception) -> Reply:
    """401, as for an expired token."""
    return unauthorized()


@fault("forbidden")
def access_denied(call: Interception, code: str = "insufficient_scope") -> Reply:
    """403 with Box's body; code=insufficient_scope."""
    return forbidden(code)


@fault("expired-marker", on=lambda page: page.by_marker)
def expired_marker(call: Interception) -> Reply:
    """400 for a page that is requested by a marker."""
    return bad_parameter("marker")


# Faults of one page: its markers and entries.


@fault("repeating-marker", on=lambda page: True)
def repeating_marker(call: Interception) -> Reply:
    """The next marker leads to the same page again."""
    return _with_marker(call.page, call.page.entry_list.marker(call.page.position))


@fault("empty-end-marker", on=lambda page: page.is_last)
def empty_end_marker(call: Interception) -> Reply:
    """The last page's next marker is an empty string."""
    return _with_marker(call.page, "")


@fault("null-end-marker", on=lambda page: page.is_last)
def null_end_marker(call: Interception) -> Reply:
    """The last page's next marker is null."""
    return _with_marker(call.page, None)


@fault("absent-end-marker", on=lambda page: page.is_last)
def absent_end_marker(call: Interception) -> Reply:
    """The last page has no next marker."""
    markers = {"prev_marker": call.page.markers["prev_marker"]}
    return replace(call.page, markers=markers).reply()


@fault("overlap", on=lambda page: page.by_marker)
def overlap(call: Interception, jobs: int | str = 3) -> Reply:
    """A page begins with the last jobs=3 of the page before."""
    start = max(0, call.page.position - int(jobs))
    return page_at(call.page.entry_list, start, call.page.limit, by_marker=True).reply()


@fault("shrink", on=lambda page: len(page.entries) > 1)
def shrink(call: Interception, jobs: int | str = 1) -> Reply:
    """A page has jobs=1 fewer than its limit, but at least one; the next page continues there."""
    return _resized(call.page, max(1, len(call.page.entries) - int(jobs)))


@fault("grow", on=lambda page: not page.is_last)
def grow(call: Interception, jobs: int | str = 1) -> Reply:
    """A page has jobs=1 more than its limit; the next page continues there."""
    return _resized(call.page, call.page.limit + int(jobs))


@fault("other-batch", on=lambda page: page.holds_jobs)
def other_batch(call: Interception, batch: str = "900900") -> Reply:
    """A page has the jobs of another batch=900900."""
    moved = [
        {**job, "id": f"{batch}{number:06d}", "batch": {**job["batch"], "id": batch}}
        for number, job in enumerate(call.page.entries)
    ]
    return replace(call.page, entries=moved).reply()


@fault("changing-status", on=lambda page: page.holds_jobs)
def changing_status(call: Interception, jobs: int | str = 1) -> Reply:
    """The first jobs=1 of a page are submitted, pending, and what they are, in turn."""
    turns = ("submitted", "pending", None)
    status = turns[call.earlier_strikes % len(turns)]
    return _with_field(call.page, jobs, "status", status) if status else call.reply


@fault("unknown-status", on=lambda page: True)
def unknown_status(call: Interception, status: str = "archived", jobs: int | str = 1) -> Reply:
    """The first jobs=1 of a page have the status status=archived."""
    return _with_field(call.page, jobs, "status", status)


@fault("unknown-field", on=lambda page: True)
def unknown_field(
    call: Interception, field: str = "priority", value: Any = "high", jobs: int | str = 1
) -> Reply:
    """The first jobs=1 of a page have a field=priority, value=high."""
    return _with_field(call.page, jobs, field, value)


FAULTS: Final = {name: fault.apply.__doc__ or "" for name, fault in BY_NAME.items()}
"""Every fault by name, with what it does and its options."""


def _retry_after(value: RetryAfter) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, datetime):
        return {"retry-after": format_datetime(value, usegmt=True)}
    return {"retry-after": str(value)}


def _is_yes(value: bool | str) -> bool:
    """A switch, which may be text: ``gzip=yes``."""
    return str(value).lower() in ("true", "yes", "1")


def _with_marker(page: ListPage, next_marker: str | None) -> Reply:
    return replace(page, markers={**page.markers, "next_marker": next_marker}).reply()


def _with_field(page: ListPage, jobs: int | str, name: str, value: Any) -> Reply:
    changed = [{**entry, name: value} for entry in page.entries[: int(jobs)]]
    return replace(page, entries=[*changed, *page.entries[int(jobs) :]]).reply()


def _resized(page: ListPage, size: int) -> Reply:
    """The page with another number of entries, and a next marker that continues after them."""
    end = page.position + size
    entries = page.entry_list.read(page.position, end)
    return _with_marker(replace(page, entries=entries), page.entry_list.next_marker(end))
