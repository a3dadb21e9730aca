"""What the emulator sends: answers, and Box's way of refusing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from tornado.web import HTTPError

Delivery = Literal["complete", "silent", "cut", "headers", "drop"]
"""How much arrives: everything; headers and half of the body, followed by silence or by the end of
the connection; headers alone; nothing."""

HELP_URL = "https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, when it is sent, and how much of it arrives."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    delivery: Delivery = "complete"


class Refusal(HTTPError):
    """Box refuses: raised anywhere while a call is handled, sent as Box's ClientError."""

    def __init__(
        self, status: int, code: str, message: str, context: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(status)
        self.code = code
        self.message = message
        self.context = context

    def answer(self) -> Answer:
        """The ClientError body; a 401 has none, and gives the reason in a header."""
        if self.status_code == 401:
            challenge = 'Bearer realm="Service", error="invalid_token"'
            return Answer(401, headers={"WWW-Authenticate": challenge})
        return error(self.status_code, self.code, self.message, self.context)


def encode(value: Any) -> bytes:
    """JSON as Box writes it: no blanks, UTF-8."""
    return msgspec.json.encode(value)


def request_id() -> str:
    """A new id; at Box the one in a body differs from the one in the header, so here too."""
    return uuid.uuid4().hex[:20]


def error(
    status: int,
    code: str,
    message: str,
    context: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Box's ClientError as an answer."""
    body = {
        "type": "error",
        "status": status,
        "code": code,
        "context_info": dict(context) if context else None,
        "help_url": HELP_URL,
        "message": message,
        "request_id": request_id(),
    }
    return Answer(status, encode(body), headers or {})


def bad_parameter(name: str) -> Refusal:
    """Box's answer to an invalid limit or marker."""
    return Refusal(400, "bad_request", f"Invalid value for parameter '{name}'", {"parameter": name})


def not_found() -> Refusal:
    """Box's answer to an id that does not exist, or not for this user."""
    return Refusal(404, "not_found", "Not Found")
