"""HTTP like Box's: authorisation, versions, and sending replies."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable
from typing import Any, Final

from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import Application, GZipContentEncoding, HTTPError, OutputTransform, RequestHandler

from boxdocgen_explore.emulator.backend import Backend, Call
from boxdocgen_explore.emulator.endpoints import ENDPOINTS, Endpoint, Request, no_such_endpoint
from boxdocgen_explore.emulator.enterprise import User
from boxdocgen_explore.emulator.faults import Interception
from boxdocgen_explore.emulator.replies import (
    Refusal,
    Reply,
    client_error,
    forbidden,
    request_id,
    unauthorized,
)
from boxdocgen_explore.schema import BOX_VERSION

BASE_PATH: Final = "/2.0"
OTHER_VERSION: Final = "2024.0"
RECORDED_HEADERS: Final = ("accept", "accept-encoding", "as-user", "box-version", "user-agent")


class Handler(RequestHandler):
    """One call: checked, recorded and answered, as far as the fault allows."""

    backend: Backend
    endpoint: Endpoint
    user: User

    def initialize(self, backend: Backend, endpoint: Endpoint) -> None:
        self.backend = backend
        self.endpoint = endpoint

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("box-request-id", request_id())
        self.set_header("cache-control", "no-cache, no-store")

    def compute_etag(self) -> None:
        """Box sends none."""

    def prepare(self) -> None:
        """Record the call; refuse it as Box does if the user, method or version is wrong."""
        self.path: str = self.request.path.removeprefix(BASE_PATH)
        self.query: dict[str, str] = {
            name: values[-1].decode(errors="replace")
            for name, values in self.request.query_arguments.items()
        }
        headers = self.request.headers
        owner = self._token_owner()
        user = self._acting_user(owner) if owner else None
        known = user or owner
        recorded = {name: headers[name] for name in RECORDED_HEADERS if name in headers}
        method = str(self.request.method)
        self.backend.record(
            Call(method, self.path, self.query, recorded, known.id if known else None)
        )
        if owner is None:
            raise Refusal(unauthorized())
        if user is None:
            raise Refusal(forbidden())
        if method != "GET":
            raise HTTPError(405)
        self._check_version()
        self.user = user

    async def get(self, *ids: str) -> None:
        backend = self.backend
        request = Request(backend.enterprise, self.user, self.query, backend.elapsed_s())
        try:
            found = self.endpoint(request, *ids)
        except Refusal as refusal:
            found = refusal.reply
        await self._send(backend.intercept(Interception(self.path, found)))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        cause = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(cause, Refusal):
            self._write(cause.reply)
        else:
            headers = {"allow": "GET"} if status_code == 405 else {}
            self._write(client_error(status_code, headers=headers))

    def _token_owner(self) -> User | None:
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return next((user for user in self.backend.users if user.token == token.strip()), None)

    def _acting_user(self, owner: User) -> User | None:
        other_id = self.request.headers.get("as-user")
        if other_id is None:
            return owner
        if not owner.may_act_as:
            return None
        others = (user for user in self.backend.users if user.id == other_id)
        return next((user for user in others if user.enterprise_id == owner.enterprise_id), None)

    def _check_version(self) -> None:
        version = self.request.headers.get("box-version")
        # Doc Gen has only version 2025.0; everything else has 2024.0, the default version.
        supported = BOX_VERSION if self.path.startswith("/docgen_") else OTHER_VERSION
        if version != supported and (version is not None or supported != OTHER_VERSION):
            message = "Unsupported API version specified in 'box-version' header."
            listed = f"Supported API versions: [{supported}]."
            raise Refusal(client_error(400, "invalid_api_version", f"{message} {listed}"))

    async def _send(self, reply: Reply) -> None:
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        # A disconnected client is not an error.
        with contextlib.suppress(StreamClosedError):
            if reply.delivery == "complete":
                self._write(reply)
                await self.finish()
            else:
                await self._send_part(reply)

    def _write(self, reply: Reply) -> None:
        self.set_status(reply.status)
        for name, value in reply.headers.items():
            self.set_header(name, value)
        if reply.body:
            self.set_header("content-type", reply.content_type)
            self.write(reply.body)
        else:
            self.clear_header("content-type")

    async def _send_part(self, reply: Reply) -> None:
        """Send part of a reply, bypassing tornado, which would complete it."""
        stream = self.detach()
        try:
            if reply.delivery != "drop":
                half = 0 if reply.delivery == "headers" else len(reply.body) // 2
                await stream.write(_head(reply) + reply.body[:half])
            if reply.delivery == "silent":
                await stream.read_until_close()
        finally:
            stream.close()


def _head(reply: Reply) -> bytes:
    headers = {
        "content-type": reply.content_type,
        "content-length": str(len(reply.body)),
        "box-request-id": request_id(),
        **reply.headers,
    }
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    return f"HTTP/1.1 {reply.status} OK\r\n{''.join(lines)}\r\n".encode()


class _FastGZip(GZipContentEncoding):
    """The fastest level, because the bytes only cross loopback."""

    GZIP_LEVEL = 1


class _LowerCaseHeaders(HTTPHeaders):
    def get_all(self) -> Iterable[tuple[str, str]]:
        return ((name.lower(), value) for name, value in super().get_all())


class _LowerCase(OutputTransform):
    """Header names in lower case, as Box sends them; a client must accept that."""

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        return status_code, _LowerCaseHeaders(headers), chunk


def application(backend: Backend) -> Application:
    """The tornado application."""
    base = re.escape(BASE_PATH)
    shared = {"backend": backend}
    return Application(
        [(base + path, Handler, {**shared, "endpoint": ENDPOINTS[path]}) for path in ENDPOINTS],
        transforms=[_FastGZip, _LowerCase],
        default_handler_class=Handler,
        default_handler_args={**shared, "endpoint": no_such_endpoint},
        log_function=lambda handler: None,
    )
