"""Replies to clients, including Box's errors."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from tornado.web import HTTPError

Delivery = Literal["complete", "silent", "cut", "headers", "drop"]
"""The part that is sent: everything; headers and half of the body, then silence or the end; only
headers; nothing."""

HELP_URL = "https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/"


@dataclass(frozen=True)
class Reply:
    """One HTTP response: its content, its delay, and the part of it that is sent."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    delivery: Delivery = "complete"


class Refusal(HTTPError):
    """Raised while a call is handled, to reply with an error of Box."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(value: Any, status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(status, msgspec.json.encode(value))


def request_id() -> str:
    """A new id. At Box, the id in an error's body differs from that in the header."""
    return uuid.uuid4().hex[:20]


def client_error(
    status: int,
    code: str | None = None,
    message: str | None = None,
    *,
    context: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Box's ClientError; code and message default to HTTP's reason phrase."""
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
    """The error for a missing, unknown or expired token: no body, only a header."""
    return Reply(401, headers={"WWW-Authenticate": 'Bearer realm="Service", error="invalid_token"'})


def forbidden(code: str = "access_denied_insufficient_permissions") -> Reply:
    """The error for content that this user must not read."""
    return client_error(403, code, "Access denied")


def bad_parameter(name: str) -> Reply:
    """The error for an invalid limit or marker."""
    message = f"Invalid value for parameter '{name}'"
    return client_error(400, message=message, context={"parameter": name})


def not_found() -> Refusal:
    """The error for an id that does not exist or is not visible to this user."""
    return Refusal(client_error(404))
