"""HTTP as Box speaks it: who may call, in which version, and how an answer is sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import (
    Application,
    GZipContentEncoding,
    HTTPError,
    OutputTransform,
    RequestHandler,
)

from boxdocgen_explore.emulator.answers import Answer, Refusal, error, request_id
from boxdocgen_explore.emulator.calls import ROUTES, Request, no_such_call
from boxdocgen_explore.emulator.enterprise import Account, Enterprise
from boxdocgen_explore.emulator.exchange import Exchange
from boxdocgen_explore.emulator.faults import Faults
from boxdocgen_explore.emulator.paging import ListPage
from boxdocgen_explore.schema import BOX_VERSION

BASE_PATH: Final = "/2.0"
OTHER_VERSION: Final = "2024.0"
RECORDED_HEADERS: Final = ("accept", "accept-encoding", "as-user", "box-version", "user-agent")


@dataclass(frozen=True)
class Call:
    """A call that came in; of its token, only the user that it was served as (or None)."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    user_id: str | None


class Serving(Protocol):
    """What the handlers need of the emulator."""

    enterprise: Enterprise
    users: tuple[Account, ...]
    faults: Faults
    streams: set[IOStream]

    def elapsed_s(self) -> float: ...

    def record(self, call: Call) -> None: ...


class Handler(RequestHandler):
    """One call: checked, recorded, answered, and sent as far as a fault allows."""

    emulator: Serving
    call: Callable[..., Answer | ListPage]
    user: Account

    def initialize(self, emulator: Serving, call: Callable[..., Answer | ListPage]) -> None:
        self.emulator = emulator
        self.call = call

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("box-request-id", request_id())
        self.set_header("cache-control", "no-cache, no-store")

    def compute_etag(self) -> None:
        """Box sends none."""

    @property
    def path(self) -> str:
        return self.request.path.removeprefix(BASE_PATH)

    def prepare(self) -> None:
        query = {
            name: values[-1].decode(errors="replace")
            for name, values in self.request.query_arguments.items()
        }
        self.query = query
        owner = self._token_owner()
        user = self._acting_user(owner) if owner else None
        headers = self.request.headers
        recorded = {name: headers[name] for name in RECORDED_HEADERS if name in headers}
        known = user or owner
        call = Call(
            str(self.request.method), self.path, query, recorded, known.id if known else None
        )
        self.emulator.record(call)
        if owner is None:
            raise Refusal(401, "unauthorized", "Unauthorized")
        if user is None:
            raise Refusal(403, "access_denied_insufficient_permissions", "Access denied")
        if self.request.method != "GET":
            raise HTTPError(405)
        self._check_version()
        self.user = user

    async def get(self, *ids: str) -> None:
        elapsed_s = self.emulator.elapsed_s()
        request = Request(self.emulator.enterprise, self.user, self.query, elapsed_s)
        try:
            found = self.call(request, *ids)
        except Refusal as refusal:
            found = refusal.answer()
        page = found if isinstance(found, ListPage) else None
        answer = found if isinstance(found, Answer) else found.answer()
        await self._send(self.emulator.faults.apply(Exchange(self.path, answer, page)))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        reason = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(reason, Refusal):
            self._write(reason.answer())
        elif status_code == 405:
            self.set_header("allow", "GET")
            self._write(error(405, "method_not_allowed", "Method Not Allowed"))
        elif status_code < 500:
            self._write(error(status_code, "bad_request", "Bad Request"))
        else:
            self._write(error(status_code, "internal_server_error", "Internal Server Error"))

    def _token_owner(self) -> Account | None:
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return next((user for user in self.emulator.users if user.token == token.strip()), None)

    def _acting_user(self, owner: Account) -> Account | None:
        other_id = self.request.headers.get("as-user")
        if other_id is None:
            return owner
        if not owner.may_act_as:
            return None
        others = (user for user in self.emulator.users if user.id == other_id)
        return next((user for user in others if user.enterprise_id == owner.enterprise_id), None)

    def _check_version(self) -> None:
        version = self.request.headers.get("box-version")
        # Doc Gen has version 2025.0 alone; everything else is 2024.0, which the header may omit.
        doc_gen = self.path.startswith("/docgen_")
        supported = BOX_VERSION if doc_gen else OTHER_VERSION
        if version != supported and (doc_gen or version is not None):
            message = (
                "Unsupported API version specified in 'box-version' header. "
                f"Supported versions: [{supported}]"
            )
            raise Refusal(400, "invalid_api_version", message)

    async def _send(self, answer: Answer) -> None:
        if answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        if answer.delivery == "complete":
            self._write(answer)
            # The client may have disconnected.
            with contextlib.suppress(StreamClosedError):
                await self.finish()
        else:
            await self._send_part(answer)

    def _write(self, answer: Answer) -> None:
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.body:
            self.set_header("content-type", answer.content_type)
            self.write(answer.body)
        else:
            self.clear_header("content-type")

    async def _send_part(self, answer: Answer) -> None:
        """Send a part of an answer, bypassing tornado, which would send all of it."""
        stream = self.detach()
        self.emulator.streams.add(stream)
        with contextlib.suppress(StreamClosedError):
            if answer.delivery != "drop":
                half = 0 if answer.delivery == "headers" else len(answer.body) // 2
                await stream.write(_head(answer) + answer.body[:half])
            if answer.delivery == "silent":
                gone = asyncio.Event()
                stream.set_close_callback(gone.set)
                await gone.wait()
        stream.close()
        self.emulator.streams.discard(stream)


def _head(answer: Answer) -> bytes:
    headers = {
        "content-type": answer.content_type,
        "content-length": str(len(answer.body)),
        "box-request-id": request_id(),
        **answer.headers,
    }
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    return f"HTTP/1.1 {answer.status} OK\r\n{''.join(lines)}\r\n".encode()


class _FastGZip(GZipContentEncoding):
    """A page in 2 ms rather than 8: this gzip only goes through loopback."""

    GZIP_LEVEL = 1


class _LowerCaseHeaders(HTTPHeaders):
    def get_all(self) -> Iterable[tuple[str, str]]:
        return ((name.lower(), value) for name, value in super().get_all())


class _LowerCase(OutputTransform):
    """Header names in lower case, as Box sends them; a client must not care."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        return status_code, _LowerCaseHeaders(headers), chunk


def application(emulator: Serving) -> Application:
    """The tornado application that answers for Box."""
    handlers = [
        (BASE_PATH.replace(".", r"\.") + pattern, Handler, {"emulator": emulator, "call": call})
        for pattern, call in ROUTES.items()
    ]
    return Application(
        handlers,
        transforms=[_FastGZip, _LowerCase],
        default_handler_class=Handler,
        default_handler_args={"emulator": emulator, "call": no_such_call},
        log_function=lambda handler: None,
    )
