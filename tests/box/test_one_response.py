"""A request never gets the answer to another one."""

from __future__ import annotations

import json
import socket
import threading

import pytest
import trustme
from servers import raw_server

from boxdocgen_explore import errors
from boxdocgen_explore.box.auth import Token
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.box.session import BoxSession

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LONG = RetryPolicy(read_timeout_s=60, deadline_s=60, attempts=3, backoff_s=0.001)


def response(number: int, length: int | None = None) -> bytes:
    body = b'{"n": %d}' % number
    return OK + b"content-length: %d\r\n\r\n%s" % (len(body) if length is None else length, body)


def chunked(number: int) -> bytes:
    return CHUNKED + b'8\r\n{"n": %d}\r\n0\r\n\r\n' % number


BEHIND = {
    "nothing": lambda n: response(n),
    "twice": lambda n: response(n) + response(n),
    "twice, chunked": lambda n: chunked(n) + chunked(n),
    "twice, without a body": lambda n: OK + b"content-length: 0\r\n\r\n" + response(n),
    "too short a length": lambda n: response(n, length=4),
    "large, in one TLS record": lambda n: response(n, length=6_000) + b" " * 5_992 + response(n),
}
"""The server's bytes for its n-th request; only the first and the last start with the answer."""


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("what", sorted(BEHIND))
def test_a_response_never_belongs_to_another_request(
    authority: trustme.CA, what: str, tls: bool
) -> None:
    served = iter(range(10))
    sent: list[int] = []

    def serve(connection: socket.socket) -> None:
        for number in served:
            sent.append(number)
            connection.sendall(BEHIND[what](number))
            if not connection.recv(65_536):
                return

    policy = RetryPolicy(read_timeout_s=60, deadline_s=60, attempts=2, backoff_s=0.001)
    with raw_server(serve, authority if tls else None) as url:
        session = BoxSession(url, Token("s3cr3t-t0k3n"), retry=policy)
        for _ in range(2):
            if what == "nothing":
                assert json.loads(session.get(("a",), version=None).body) == {"n": sent[-1]}
            else:
                with pytest.raises(errors.Unreachable, match="more than one response"):
                    session.get(("a",), version=None)
        assert dict(session.calls) == {"/a": 2 if what == "nothing" else 4}
        session.close()


def test_bytes_that_wait_before_a_request_are_not_its_answer() -> None:
    pushed = threading.Event()
    first = threading.Event()

    def serve(connection: socket.socket) -> None:
        if first.is_set():
            connection.sendall(response(2))
            return
        first.set()
        connection.sendall(response(1))
        answered.wait()
        connection.sendall(response(9))
        pushed.set()
        connection.recv(1)

    answered = threading.Event()
    with raw_server(serve) as url:
        session = BoxSession(url, Token("s3cr3t-t0k3n"), retry=LONG)
        assert session.get(("a",), version=None).body == b'{"n": 1}'
        answered.set()
        pushed.wait()
        assert session.get(("a",), version=None).body == b'{"n": 2}'
        session.close()
