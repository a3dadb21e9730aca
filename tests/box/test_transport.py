"""Slow, endless, too large and ambiguous responses soon end in an error."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from servers import raw_server

from boxdocgen_explore import errors
from boxdocgen_explore.box.auth import Token
from boxdocgen_explore.box.retry import RequestContext, RetryPolicy
from boxdocgen_explore.box.session import Answer, BoxSession
from boxdocgen_explore.box.transport import LARGEST_BODY_BYTES

THOROUGH = pytest.mark.thorough

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
EMPTY = gzip.compress(b"")
SHORT = RetryPolicy(read_timeout_s=60, deadline_s=0.3, attempts=3, backoff_s=0.001)
LONG = RetryPolicy(read_timeout_s=60, deadline_s=60, attempts=3, backoff_s=0.001)

# Bytes sent at once, and bytes sent repeatedly.
SLOW = {
    "silence": (b"", b""),
    "status line": (b"HTTP/1.1 ", b"2"),
    "header": (OK + b"x: ", b"y"),
    "headers": (OK, b"x: y\r\n"),
    "informational": (b"HTTP/1.1 103 Early Hints\r\n", b"x: y\r\n"),
    "body": (OK + b"content-length: 100000\r\n\r\n", b" "),
    "chunk size": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"x"),
    "chunk": (CHUNKED + b"ffff\r\n", b" "),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n"),
    "empty gzip": (OK + b"content-encoding: gzip\r\n\r\n", EMPTY),
}


def get(url: str, policy: RetryPolicy, context: RequestContext | None = None) -> Answer:
    session = BoxSession(url, Token("s3cr3t-t0k3n"), retry=policy)
    try:
        return session.get(("a",), version=None, context=context)
    finally:
        # Giving up on an attempt also ends its thread and its socket.
        for thread in threading.enumerate():
            if thread.name == "boxdocgen-attempt":
                thread.join(30)
                assert not thread.is_alive()
        session.close()


@pytest.fixture
def over() -> Iterator[threading.Event]:
    over = threading.Event()
    yield over
    over.set()


def trickling(start: bytes, again: bytes) -> Callable[[socket.socket], None]:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.settimeout(0.01)
        while True:
            with suppress(TimeoutError):
                if not connection.recv(1):  # the client hung up
                    return
            connection.sendall(again)

    return trickle


# --- one deadline --------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, pytest.param(True, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("what", sorted(SLOW))
def test_whatever_arrives_slowly_is_given_up_at_the_deadline(
    authority: trustme.CA, what: str, tls: bool
) -> None:
    with (
        raw_server(trickling(*SLOW[what]), authority if tls else None) as url,
        pytest.raises(errors.Unreachable, match="takes too long"),
    ):
        get(url, SHORT)


def test_a_tls_handshake_and_a_tunnel_without_end_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = pytest.raises(errors.Unreachable, match="takes too long")
    with raw_server(trickling(b"\x16\x03\x03\x40\x00", b"\0")) as url, late:
        get(url.replace("http:", "https:"), SHORT)
    with raw_server(trickling(b"HTTP/1.1 ", b"2")) as url, late:
        monkeypatch.setenv("HTTPS_PROXY", url.removesuffix("/2.0"))
        get("https://box.invalid/2.0", SHORT)


def test_a_name_that_is_never_resolved_is_given_up(
    over: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: Any) -> Any:
        over.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    session = BoxSession("https://box.invalid/2.0", Token("s3cr3t-t0k3n"), retry=SHORT)
    with pytest.raises(errors.Unreachable, match="takes too long"):
        session.get(("a",), version=None)
    session.close()


@pytest.mark.parametrize("what", sorted(SLOW))
def test_a_cancel_ends_a_response_that_trickles(what: str) -> None:
    cancelled = threading.Event()

    def trickle(connection: socket.socket) -> None:
        cancelled.set()
        trickling(*SLOW[what])(connection)

    with raw_server(trickle) as url, pytest.raises(errors.Cancelled):
        get(url, LONG, RequestContext(cancelled))


# --- limits --------------------------------------------------------------------------------------

CHILD = """
import pathlib, re, sys
from boxdocgen_explore import errors
from boxdocgen_explore.box.auth import Token
from boxdocgen_explore.box.session import BoxSession
try:
    BoxSession(sys.argv[1], Token("s3cr3t-t0k3n")).get(("a",), version=None)
except errors.BrokenPage as error:
    # Not getrusage, which begins with what the parent had used.
    status = pathlib.Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) >> 10)
    print(error)
"""


def zeros(bits: int, head: bytes) -> Callable[[socket.socket], None]:
    """Three gigabytes of zeros: gzip or zlib if ``bits`` is given, otherwise plain."""
    packer = zlib.compressobj(wbits=bits) if bits else None
    block = bytes(16 << 20)
    packed = packer.compress(block) + packer.flush() if packer else block

    def send(connection: socket.socket) -> None:
        connection.sendall(OK + head + b"\r\n")
        for _ in range(192):
            connection.sendall(packed)

    return send


@pytest.mark.parametrize(
    ("bits", "head", "why"),
    [
        (31, b"content-encoding: gzip\r\n", "more than 64 MB"),
        (0, b"content-length: %d\r\n" % (3 << 30), "more than 64 MB"),
        pytest.param(
            *(15, b"content-encoding: deflate\r\n", "compressed as 'deflate'"), marks=THOROUGH
        ),
        pytest.param(
            *(31, b"content-encoding: gzip, gzip\r\n", "compressed as 'gzip, gzip'"), marks=THOROUGH
        ),
    ],
    ids=["gzip", "plain", "deflate", "gzip twice"],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="counts by Linux's /proc")
def test_three_gigabytes_are_refused_once_and_without_their_memory(
    bits: int, head: bytes, why: str
) -> None:
    connections = []

    def answer(connection: socket.socket) -> None:
        connections.append(connection)
        zeros(bits, head)(connection)

    with raw_server(answer) as url:
        ran = subprocess.run(
            [sys.executable, "-c", CHILD, url], capture_output=True, text=True, check=True
        )
    megabytes, message = ran.stdout.split("\n", 1)
    assert int(megabytes) < 300
    assert why in message
    assert len(connections) == 1


def test_a_page_of_long_messages_is_far_from_the_limit_and_the_limit_is_exact() -> None:
    message = "The tag is missing. " * 500
    page = json.dumps({"entries": [{"id": str(one), "errors": [message]} for one in range(1000)]})
    assert len(page) * 6 < LARGEST_BODY_BYTES
    for body in (page.encode(), bytes(LARGEST_BODY_BYTES), bytes(LARGEST_BODY_BYTES + 1)):
        packed = gzip.compress(body, 1)
        head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
        with raw_server(lambda connection, sent=head + packed: connection.sendall(sent)) as url:
            if len(body) <= LARGEST_BODY_BYTES:
                assert get(url, LONG).body == body
            else:
                with pytest.raises(errors.BrokenPage, match="try again"):
                    get(url, LONG)


@pytest.mark.parametrize(
    "head",
    [
        OK + b"x: y\r\n" * 101,
        OK + b"x: " + b"y" * 70_000 + b"\r\n",
        b"HTTP/1.1 200 " + b"y" * 70_000 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + OK,
        b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n" * 21 + OK,
        b"HTTP/1.1 100 Continue\r\n" + b"x: y\r\n" * 101 + b"\r\n" + OK,
    ],
    ids=["headers", "header", "status line", "100", "103", "headers of a 100"],
)
def test_headers_that_are_too_long_are_refused_without_a_retry(head: bytes) -> None:
    waits: list[str | None] = []
    with (
        raw_server(lambda connection: connection.sendall(head + b"\r\n{}")) as url,
        pytest.raises(errors.Unreachable, match="more than"),
    ):
        get(url, LONG, RequestContext(waiting=waits.append))
    assert waits == [None]


def test_some_informational_responses_are_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    sent = hints * 5 + OK + b"content-length: 2\r\n\r\n{}"
    with raw_server(lambda connection: connection.sendall(sent)) as url:
        assert get(url, LONG).body == b"{}"
