"""No traceback and no error shows the token, even if echoed or interrupted."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from box_sdk_gen.networking import BaseUrls
from conftest import QUICK
from IPython.core.ultratb import VerboseTB
from servers import raw_server

import boxdocgen_explore as bx
from boxdocgen_explore import errors
from boxdocgen_explore.box import Box

pytestmark = pytest.mark.trust

TOKEN = "aB3dE5gH7jK9mN1p=Q3sT5vW7xY9zA1bC"
NEW = TOKEN[::-1]
CLIENT = "client-sEcReT-0123456789"
PASSWORD = "pr0xy-passw@rd"
PATIENT = bx.RetryPolicy(read_timeout_s=30, attempts=1)
ME = b'{"id": "1", "login": "hr@example.com"}'
CALLS: dict[str, Callable[[Box, Path], object]] = {
    "archive": lambda box, folder: box.archive(folder),
    "batches": lambda box, _: box.batches(),
    "cached": lambda box, _: box.cached(),
    "jobs": lambda box, _: box.jobs("1001"),
    "read": lambda box, _: box.read(["1001", "1002"], details=True, documents=True),
    "renew": lambda box, _: box.renew(NEW),
    "scan": lambda box, _: box.scan().collect(),
    "tags": lambda box, _: box.tags("1"),
    "templates": lambda box, _: box.templates(),
    "transitions": lambda box, _: box.transitions("1001"),
    "user": lambda box, _: box.user,
    "watch": lambda box, _: next(box.watch("1001")),
}
USUAL = {"batches", "read", "renew", "user"}
EACH = [
    pytest.param(call, marks=() if call in USUAL else pytest.mark.thorough)
    for call in sorted(CALLS)
]


def shown_by(error: BaseException) -> str:
    """The most verbose tracebacks of an error, without the frames of this file."""
    rich_console = pytest.importorskip("rich.console")
    rich_traceback = pytest.importorskip("rich.traceback")
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    assert trace is not None
    error = error.with_traceback(trace)
    plain = traceback.TracebackException.from_exception(error, capture_locals=True)
    console = rich_console.Console(file=io.StringIO(), width=1000)
    options: dict[str, Any] = {"locals_max_length": None, "locals_max_string": None}
    about = (type(error), error, trace)
    console.print(rich_traceback.Traceback.from_exception(*about, show_locals=True, **options))
    attributes = repr((error, vars(error), error.__context__))
    return "".join(plain.format()) + VerboseTB().text(*about) + console.file.getvalue() + attributes


def assert_hidden(error: BaseException, *secrets: str) -> None:
    shown = shown_by(error)
    assert "boxdocgen_explore/box" in shown
    for secret in secrets:
        assert secret not in shown


def answered(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


RAISED = threading.Event()


def interrupt() -> None:
    """Press Ctrl-C once the first request has arrived, and never answer."""
    RAISED.clear()
    os.kill(os.getpid(), signal.SIGINT)
    RAISED.wait(10)  # not until the client closes: a traceback keeps its side open


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("call", EACH)
def test_ctrl_c_shows_no_token_whatever_is_asked_for(tmp_path: Path, call: str) -> None:
    known = iter([answered(ME)] if call == "renew" else [])

    def answer(connection: socket.socket) -> None:
        if reply := next(known, None):
            connection.sendall(reply)
        else:
            interrupt()

    with (
        raw_server(answer) as url,
        bx.connect(TOKEN, base_url=url, cache_dir=tmp_path / "cache", retry=PATIENT) as box,
    ):
        if call == "renew":
            assert box.user
        with pytest.raises(KeyboardInterrupt) as caught:
            CALLS[call](box, tmp_path)
        RAISED.set()
        assert_hidden(caught.value, TOKEN, NEW)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("refused", [False, True])
def test_neither_ctrl_c_nor_a_refusal_shows_client_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    names = {"CLIENT_ID": "c1", "CLIENT_SECRET": CLIENT, "SUBJECT_TYPE": "user", "SUBJECT_ID": "1"}
    for name, value in names.items():
        monkeypatch.setenv(f"BOX_{name}", value)
    told = json.dumps({"error": "invalid_client", "message": quote(CLIENT), "code": CLIENT})
    reply = answered(told.encode(), "400 No", "content-type: application/json\r\n")
    presses = iter([interrupt])  # the SDK may ask again

    def answer(connection: socket.socket) -> None:
        if refused:
            connection.sendall(reply)
        elif press := next(presses, None):
            press()

    with raw_server(answer) as tokens:
        monkeypatch.setitem(BaseUrls.__init__.__kwdefaults__, "base_url", tokens)
        with bx.connect(base_url="https://box.invalid/2.0", cache_dir=tmp_path) as box:
            with pytest.raises((KeyboardInterrupt, errors.Unauthorized)) as caught:
                _ = box.user
            RAISED.set()
            assert_hidden(caught.value, CLIENT)
    assert refused == isinstance(caught.value, errors.Unauthorized)


@pytest.mark.parametrize("cause", [MemoryError, RecursionError, OSError, KeyError])
def test_an_error_deep_inside_requests_shows_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: type[Exception]
) -> None:
    put = http.client.HTTPConnection.putheader

    def fail(connection: http.client.HTTPConnection, name: str, value: str) -> None:
        if name == "Authorization":
            raise cause(f"no room for {value}")
        put(connection, name, value)

    options: dict[str, Any] = {"cache_dir": tmp_path, "retry": QUICK}
    with bx.connect(TOKEN, base_url="http://127.0.0.1:9/2.0", **options) as box:
        monkeypatch.setattr(http.client.HTTPConnection, "putheader", fail)
        with pytest.raises(errors.Unreachable, match=r": \*\*\*$") as caught:
            _ = box.user
    assert_hidden(caught.value, TOKEN)


@pytest.mark.parametrize("token", [TOKEN, f"{TOKEN} ", f"{TOKEN}\u00fc"])
@pytest.mark.parametrize("what", ["connect", "renew"])
def test_an_invalid_argument_beside_a_token_does_not_show_it(what: str, token: str) -> None:
    with bx.demo() as box:
        assert box.user
        with pytest.raises((errors.InvalidRequest, errors.Unauthorized)) as caught:
            bx.connect(token, base_url="nonsense") if what == "connect" else box.renew(token)
    shown = shown_by(caught.value)
    assert f"in {what}" in shown
    assert TOKEN not in shown


# --- echoes --------------------------------------------------------------------------------------

ECHOES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json escapes": lambda token: token.replace("=", "\\u003d"),
    "percent": lambda token: token.replace("=", "%3d").replace("a", "%61"),
    "base64": lambda token: base64.b64encode(f"Bearer {token}".encode()).decode(),
    "nested": lambda token: base64.b64encode(token.encode()).decode().replace("=", "%3D"),
}


def parts(text: str) -> list[str]:
    """Parts of a text that must not be visible, because they reveal the rest."""
    return [text[at : at + 12] for at in range(0, len(text) - 12, 4)]


@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
@pytest.mark.parametrize("echo", sorted(ECHOES))
def test_an_error_never_shows_an_echo_of_the_token(tmp_path: Path, echo: str, charset: str) -> None:
    text = ECHOES[echo](TOKEN)
    body = f'{{"code": "no", "message": "from {text}", "request_id": "{text}"}}'.encode(charset)
    with (
        raw_server(
            lambda one: one.sendall(answered(body, "400 No", f"box-request-id: {text}\r\n"))
        ) as url,
        bx.connect(TOKEN, base_url=url, cache_dir=tmp_path, retry=QUICK) as box,
        pytest.raises(errors.BoxError, match="no, \\*\\*\\*, request id \\*\\*\\*") as caught,
    ):
        box.templates()
    for part in parts(TOKEN) + parts(text):
        assert part not in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize("where", ["body", "header"])
@pytest.mark.parametrize("echo", sorted(ECHOES))
def test_a_page_that_repeats_the_token_is_refused_and_not_cached(
    tmp_path: Path, echo: str, where: str
) -> None:
    text = ECHOES[echo](TOKEN)
    job = {"id": "1", "batch": {"id": "1001"}, "status": "failed", "type": "docgen_job"}
    page = json.dumps({"entries": [job | {"external_id": "TEXT"}]}).replace(
        "TEXT", text if where == "body" else ""
    )
    header = f"box-request-id: {text}\r\n" if where == "header" else ""
    replies = iter([answered(ME), answered(page.encode(), headers=header)])
    with (
        raw_server(lambda one: one.sendall(next(replies))) as url,
        bx.connect(TOKEN, base_url=url, cache_dir=tmp_path, retry=QUICK) as box,
    ):
        with pytest.raises(errors.BrokenPage, match="repeats the token") as caught:
            box.read("1001")
        assert box.cached() == []
    assert caught.value.reading is not None
    assert caught.value.reading.jobs.is_empty()


# --- proxies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{quote(PASSWORD)}@x:99999",
        f"http://user:{quote(PASSWORD)}@",
        f"http://user:{PASSWORD}@127.0.0.1:9",
        f"http://user:a/{PASSWORD}@127.0.0.1:9",
        f"socks5://user:{quote(PASSWORD)}@127.0.0.1:9",
        "http://user:" + quote(PASSWORD) + "@SERVER",
    ],
)
def test_no_error_shows_the_password_of_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def refuse(connection: socket.socket) -> None:
        text = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        connection.sendall(answered(b"", f"407 Not user:{PASSWORD} nor {text}"))

    with raw_server(refuse) as url:
        server = url.removeprefix("http://").removesuffix("/2.0")
        monkeypatch.setenv("HTTPS_PROXY", address.replace("SERVER", server))
        options: dict[str, Any] = {"cache_dir": tmp_path, "retry": QUICK}
        try:
            box = bx.connect(TOKEN, base_url="https://box.invalid/2.0", **options)
            shown = repr(vars(box._session))
            with box, pytest.raises(errors.Unreachable) as caught:
                _ = box.user
            shown += shown_by(caught.value)
        except errors.InvalidRequest as error:
            shown = shown_by(error)
    encoded = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    for form in (PASSWORD, quote(PASSWORD), encoded):
        assert form not in shown
