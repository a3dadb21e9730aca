"""What goes back to the client: replies, and Box's errors."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
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
    """Raised while a call is handled, to send a reply that is an error of Box's."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(value: Any, status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(status, msgspec.json.encode(value))


def request_id() -> str:
    """A new id. At Box, the one in an error's body is not the one in the header."""
    return uuid.uuid4().hex[:20]


def client_error(
    status: int,
    code: str | None = None,
    message: str | None = None,
    *,
    context: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Box's ClientError; without code and message it has HTTP's own words for the status."""
    phrase = HTTPStatus(status).phrase
    body = {
        "type": "error",
        "status": status,
        "code": phrase.lower().replace(" ", "_") if code is None else code,
        "context_info": context,
        "help_url": HELP_URL,
        "message": message or phrase,
        "request_id": request_id(),
    }
    return Reply(status, msgspec.json.encode(body), headers or {})


def unauthorized() -> Reply:
    """The error for a token that is missing, unknown or expired: no body, only a header."""
    return Reply(401, headers={"WWW-Authenticate": 'Bearer realm="Service", error="invalid_token"'})


def forbidden(code: str = "access_denied_insufficient_permissions") -> Reply:
    """The error for what this user must not read."""
    return client_error(403, code, "Access denied")


def bad_parameter(name: str) -> Reply:
    """The error for an invalid limit or marker."""
    message = f"Invalid value for parameter '{name}'"
    return client_error(400, message=message, context={"parameter": name})


def not_found() -> Refusal:
    """The error for an id that does not exist, or that this user may not see."""
    return Refusal(client_error(404))
