"""Temporary errors are retried; every wait is bounded, reported and cancellable."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import QUICK
from servers import raw_server

from boxdocgen_explore import errors
from boxdocgen_explore.box.auth import Token
from boxdocgen_explore.box.retry import RequestContext, RetryPolicy
from boxdocgen_explore.box.session import Answer, BoxSession
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator
from boxdocgen_explore.schema import BOX_VERSION

PATH = ("docgen_batch_jobs", "1001")
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def session(emulator: Emulator) -> Iterator[BoxSession]:
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=QUICK)
    yield session
    session.close()


def get(session: BoxSession, context: RequestContext | None = None) -> Answer:
    return session.get(PATH, version=BOX_VERSION, context=context)


def first_wait(session: BoxSession) -> str:
    """The reason for the first wait, which is cancelled."""
    cancelled, waits = threading.Event(), []

    def report(reason: str | None) -> None:
        waits.append(reason)
        cancelled.set()

    with pytest.raises(errors.Cancelled):
        get(session, RequestContext(cancelled, report))
    return str(waits[0])


@pytest.mark.parametrize("fault", ["rate-limit", "503-html", "500", "cut", "drop", "silent"])
def test_a_temporary_failure_is_retried_and_the_wait_is_reported(
    emulator: Emulator, session: BoxSession, fault: str
) -> None:
    emulator.fault(fault, times=2, **({"retry_after": 0} if fault == "rate-limit" else {}))
    reports: list[str | None] = []
    get(session, RequestContext(waiting=reports.append))
    assert len(emulator.calls) == 3
    assert len(reports) == 3
    expected = ("Box asks to wait", "Box is not available", "No response from Box")
    assert str(reports[0]).startswith(expected)
    assert reports[-1] is None


@pytest.mark.parametrize("fault", ["forbidden", "html-200"])
def test_a_lasting_refusal_is_sent_once(
    emulator: Emulator, session: BoxSession, fault: str
) -> None:
    emulator.fault(fault, times=None)
    with suppress(errors.Forbidden):
        get(session)
    assert len(emulator.calls) == 1


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("fault", ["500", "drop"])
def test_a_lasting_fault_costs_as_many_calls_as_there_are_attempts(
    emulator: Emulator, fault: str, attempts: int
) -> None:
    emulator.fault(fault, times=None)
    policy = RetryPolicy(attempts=attempts, backoff_s=0.001)
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=policy)
    with pytest.raises((errors.ServerError, errors.Unreachable)):
        get(session)
    assert len(emulator.calls) == attempts
    session.close()


@pytest.mark.parametrize("retry_after", ["3600", "3600.5", "1e300", LATER])
def test_a_wait_beyond_the_deadline_does_not_start_and_the_error_has_box_s_words(
    emulator: Emulator, session: BoxSession, retry_after: Any
) -> None:
    emulator.fault("rate-limit", times=None, retry_after=retry_after)
    with pytest.raises(errors.RateLimited, match="Request rate limit exceeded") as caught:
        get(session)
    assert len(emulator.calls) == 1
    assert caught.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize("date", [False, True])
def test_the_wait_that_box_asks_for_is_reported_in_seconds(
    emulator: Emulator, session: BoxSession, date: bool
) -> None:
    later = datetime.now(UTC) + timedelta(seconds=2)
    emulator.fault("rate-limit", retry_after=later if date else "1.7")
    assert first_wait(session) in ("Box asks to wait 1 s", "Box asks to wait 2 s")


@pytest.mark.parametrize("status", [b"200 OK", b"302 Found", b"500 Error"])
def test_a_body_that_only_trickles_in_is_given_up(status: bytes) -> None:
    head = b"HTTP/1.1 %s\r\nlocation: /login\r\ncontent-length: 100000\r\n\r\n" % status

    def trickle(connection: socket.socket) -> None:
        connection.sendall(head)
        while connection.send(b" "):
            gone.wait(0.01)

    gone = threading.Event()
    policy = RetryPolicy(read_timeout_s=5, deadline_s=0.3, attempts=1)
    with raw_server(trickle) as url:
        session = BoxSession(url, Token("s3cr3t-t0k3n"), retry=policy)
        with pytest.raises(errors.Unreachable, match="takes too long"):
            get(session)
        session.close()
        gone.set()


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
    ],
)
def test_a_response_that_is_not_http_counts_as_none(response: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(response)) as url:
        session = BoxSession(url, Token("s3cr3t-t0k3n"), retry=QUICK)
        with pytest.raises(errors.Unreachable):
            get(session)
        session.close()
