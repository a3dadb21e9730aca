"""What goes back over the wire: answers, and Box's way of refusing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from tornado.web import HTTPError

Wire = Literal["whole", "silent", "cut", "headers", "drop"]
"""All of it; headers and half of the body, with silence or an end after them; headers alone;
nothing."""

HELP_URL = "https://developer.box.com/guides/api-calls/permissions-and-errors/common-errors/"

SIGN_IN = b"""<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><form action="/login"><p>Please sign in to reach the network.</p></form></body></html>
"""

_HTML_ERROR = """<html>
<head><title>{0}</title></head>
<body><center><h1>{0}</h1></center></body>
</html>
"""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: what it says, when it is sent, and how much of it arrives."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    wire: Wire = "whole"


class Refusal(HTTPError):
    """Box says no: raised anywhere while a call is being answered, sent as Box's ClientError."""

    def __init__(
        self, status: int, code: str, message: str, context: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(status)
        self.code = code
        self.message = message
        self.context = context

    def answer(self) -> Answer:
        """The ClientError body; a 401 has none, and says why in a header."""
        if self.status_code == 401:
            challenge = 'Bearer realm="Service", error="invalid_token"'
            return Answer(401, headers={"WWW-Authenticate": challenge})
        return error(self.status_code, self.code, self.message, self.context)


def encode(value: Any) -> bytes:
    """JSON as Box writes it: no blanks, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def request_id() -> str:
    """A new id; the one in a body and the one in the header are different at Box, so here too."""
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


def html_error(status: HTTPStatus) -> bytes:
    """A page as a gateway in front of Box may send it."""
    return _HTML_ERROR.format(f"{status.value} {status.phrase}").encode()


def bad_parameter(name: str) -> Refusal:
    """What Box says to a limit or a marker that makes no sense."""
    return Refusal(400, "bad_request", f"Invalid value for parameter '{name}'", {"parameter": name})


def not_found() -> Refusal:
    """What Box says to an id that does not exist, or not for this user."""
    return Refusal(404, "not_found", "Not Found")
