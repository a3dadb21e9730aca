"""What goes back to the client: replies, and Box's errors."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from tornado.web import HTTPError

Delivery = Literal["complete", "silent", "cut", "headers", "drop"]
"""How much is sent: everything; headers and half of the body, then silence or the end; headers
alone; nothing."""

HELP_URL = "https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/"


@dataclass(frozen=True)
class Reply:
    """One HTTP response: what it says, when it is sent, and how much of it is sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    delivery: Delivery = "complete"


class Refusal(HTTPError):
    """An error of Box's: raised while a call is handled, sent as Box's ClientError."""

    def __init__(
        self, status: int, code: str, message: str, context: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(status)
        self.code = code
        self.message = message
        self.context = context

    def reply(self) -> Reply:
        """The ClientError; a 401 has no body, only a header."""
        if self.status_code == 401:
            challenge = 'Bearer realm="Service", error="invalid_token"'
            return Reply(401, headers={"WWW-Authenticate": challenge})
        return client_error(self.status_code, self.code, self.message, self.context)


def json_reply(value: Any, status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(status, msgspec.json.encode(value))


def request_id() -> str:
    """A new id. At Box, the one in an error's body is not the one in the header."""
    return uuid.uuid4().hex[:20]


def client_error(
    status: int,
    code: str,
    message: str,
    context: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Box's ClientError."""
    body = {
        "type": "error",
        "status": status,
        "code": code,
        "context_info": context,
        "help_url": HELP_URL,
        "message": message,
        "request_id": request_id(),
    }
    return Reply(status, msgspec.json.encode(body), headers or {})


def unauthorized() -> Refusal:
    """The error for a token that is missing, unknown or expired."""
    return Refusal(401, "unauthorized", "Unauthorized")


def bad_parameter(name: str) -> Refusal:
    """The error for an invalid limit or marker."""
    return Refusal(400, "bad_request", f"Invalid value for parameter '{name}'", {"parameter": name})


def not_found() -> Refusal:
    """The error for an id that does not exist, or that this user may not see."""
    return Refusal(404, "not_found", "Not Found")
