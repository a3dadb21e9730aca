"""Faults of an answer as a whole: refusals, bodies of another kind, and what the wire does."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final

from boxdocgen_explore.emulator.answers import (
    SIGN_IN,
    Answer,
    Refusal,
    bad_parameter,
    error,
    html_error,
)
from boxdocgen_explore.emulator.exchange import Exchange

RetryAfter = float | str | datetime | None

SERVER_ERRORS: Final = (500, 502, 503, 504)


def rate_limit(exchange: Exchange, retry_after: RetryAfter = 1) -> Answer:
    message = "Request rate limit exceeded"
    return error(429, "rate_limit_exceeded", message, headers=_retry_after(retry_after))


def server_error(
    exchange: Exchange,
    status: int | str = 500,
    body: str = "json",
    retry_after: RetryAfter = None,
) -> Answer:
    if int(status) not in SERVER_ERRORS or body not in ("json", "html", "nothing"):
        raise ValueError(f"There is no server error {status!r} with a body of {body!r}.")
    known = HTTPStatus(int(status))
    headers = _retry_after(retry_after)
    if body == "nothing":
        return Answer(known, headers=headers)
    if body == "html":
        return Answer(known, html_error(known), headers, "text/html")
    code = known.phrase.lower().replace(" ", "_")
    return error(known, code, known.phrase, headers=headers)


def unavailable(exchange: Exchange, retry_after: RetryAfter = None) -> Answer:
    return server_error(exchange, 503, "html", retry_after)


def internal_error(exchange: Exchange) -> Answer:
    return server_error(exchange)


def slow(exchange: Exchange, seconds: float = 1.0) -> Answer:
    return replace(exchange.answer, delay_s=float(seconds))


def silent(exchange: Exchange) -> Answer:
    return replace(exchange.answer, wire="silent")


def cut(exchange: Exchange, gzip: bool | str = False) -> Answer:
    answer = _gzipped(exchange.answer) if _yes(gzip) else exchange.answer
    return replace(answer, wire="cut")


def drop(exchange: Exchange, headers: bool | str = False) -> Answer:
    return replace(exchange.answer, wire="headers" if _yes(headers) else "drop")


def expired_marker(exchange: Exchange) -> Answer:
    return bad_parameter("marker").answer()


def html_200(exchange: Exchange) -> Answer:
    return Answer(200, SIGN_IN, content_type="text/html; charset=utf-8")


def other_body(exchange: Exchange, body: str = "{}") -> Answer:
    return Answer(200, body.encode())


def garbage(exchange: Exchange, seed: int | str = 0) -> Answer:
    chance = random.Random(int(seed) + exchange.struck)  # noqa: S311 - noise, no secret
    return Answer(200, chance.randbytes(chance.randint(1, 2000)))


def expired_token(exchange: Exchange) -> Answer:
    return Refusal(401, "unauthorized", "Unauthorized").answer()


def forbidden(exchange: Exchange, code: str = "insufficient_scope") -> Answer:
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


def _gzipped(answer: Answer) -> Answer:
    headers = {**answer.headers, "content-encoding": "gzip"}
    return replace(answer, body=gzip.compress(answer.body), headers=headers)
