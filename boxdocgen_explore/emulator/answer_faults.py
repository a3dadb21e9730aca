"""Faults of an answer as a whole: refusals, other bodies, and broken connections."""

from __future__ import annotations

import gzip as gzip_
import random
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final

from boxdocgen_explore.emulator.answers import Answer, Refusal, bad_parameter, error
from boxdocgen_explore.emulator.exchange import Exchange, any_call, fault, page_by_marker

RetryAfter = float | str | datetime | None

SERVER_ERRORS: Final = (500, 502, 503, 504)

_SIGN_IN: Final = b"""<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><form action="/login"><p>Please sign in to reach the network.</p></form></body></html>
"""

_HTML_ERROR: Final = """<html>
<head><title>{0}</title></head>
<body><center><h1>{0}</h1></center></body>
</html>
"""


@fault("rate-limit", on=any_call)
def rate_limit(exchange: Exchange, retry_after: RetryAfter = 1) -> Answer:
    """429 with Box's body; retry_after=1: seconds, a date, any text, or None for no header."""
    message = "Request rate limit exceeded"
    return error(429, "rate_limit_exceeded", message, headers=_retry_after(retry_after))


@fault("503-html", on=any_call)
def unavailable(exchange: Exchange, retry_after: RetryAfter = None) -> Answer:
    """503 with a page of HTML; retry_after=None as for rate-limit."""
    return server_error(exchange, 503, "html", retry_after)


@fault("500", on=any_call)
def internal_error(exchange: Exchange) -> Answer:
    """500 with Box's body."""
    return server_error(exchange)


@fault("server-error", on=any_call)
def server_error(
    exchange: Exchange,
    status: int | str = 500,
    body: str = "json",
    retry_after: RetryAfter = None,
) -> Answer:
    """status=500, 502, 503 or 504, with body=json (Box's), html or nothing; retry_after=None."""
    if int(status) not in SERVER_ERRORS or body not in ("json", "html", "nothing"):
        raise ValueError(f"There is no server error {status!r} with a body of {body!r}.")
    known = HTTPStatus(int(status))
    headers = _retry_after(retry_after)
    if body == "nothing":
        return Answer(known, headers=headers)
    if body == "html":
        page = _HTML_ERROR.format(f"{known.value} {known.phrase}").encode()
        return Answer(known, page, headers, "text/html")
    code = known.phrase.lower().replace(" ", "_")
    return error(known, code, known.phrase, headers=headers)


@fault("slow", on=any_call)
def slow(exchange: Exchange, seconds: float = 1.0) -> Answer:
    """The right answer, seconds=1 later."""
    return replace(exchange.answer, delay_s=float(seconds))


@fault("silent", on=any_call)
def silent(exchange: Exchange) -> Answer:
    """Headers and half of the body, then nothing more, ever."""
    return replace(exchange.answer, delivery="silent")


@fault("cut", on=any_call)
def cut(exchange: Exchange, gzip: bool | str = False) -> Answer:
    """Headers and half of the body, then the connection closes; gzip=yes compresses it first."""
    answer = exchange.answer
    if _yes(gzip):
        headers = {**answer.headers, "content-encoding": "gzip"}
        answer = replace(answer, body=gzip_.compress(answer.body), headers=headers)
    return replace(answer, delivery="cut")


@fault("drop", on=any_call)
def drop(exchange: Exchange, headers: bool | str = False) -> Answer:
    """The connection closes without an answer; headers=yes sends its headers, no body."""
    return replace(exchange.answer, delivery="headers" if _yes(headers) else "drop")


@fault("expired-marker", on=page_by_marker)
def expired_marker(exchange: Exchange) -> Answer:
    """400 to a page that is requested by a marker."""
    return bad_parameter("marker").answer()


@fault("html-200", on=any_call)
def html_200(exchange: Exchange) -> Answer:
    """200 with the HTML of a proxy's sign-in page."""
    return Answer(200, _SIGN_IN, content_type="text/html; charset=utf-8")


@fault("other-body", on=any_call)
def other_body(exchange: Exchange, body: str = "{}") -> Answer:
    """200 with body={} instead of the right one."""
    return Answer(200, body.encode())


@fault("garbage", on=any_call)
def garbage(exchange: Exchange, seed: int | str = 0) -> Answer:
    """200 with random bytes, from seed=0, different ones each time."""
    chance = random.Random(int(seed) + exchange.fired)  # noqa: S311 - noise, no secret
    return Answer(200, chance.randbytes(chance.randint(1, 2000)))


@fault("expired-token", on=any_call)
def expired_token(exchange: Exchange) -> Answer:
    """401 as to a token that has expired."""
    return Refusal(401, "unauthorized", "Unauthorized").answer()


@fault("forbidden", on=any_call)
def forbidden(exchange: Exchange, code: str = "insufficient_scope") -> Answer:
    """403 with Box's body; code=insufficient_scope."""
    return error(403, code, "Access denied")


def _retry_after(value: RetryAfter) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, datetime):
        return {"retry-after": format_datetime(value, usegmt=True)}
    return {"retry-after": str(value)}


def _yes(value: bool | str) -> bool:
    """A switch, which may have been typed: ``gzip=yes``."""
    return str(value).lower() in ("true", "yes", "1")
