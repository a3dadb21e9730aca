"""Calls reach Box alone, as the right user, wait politely, and never tell the token."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from conftest import QUICK, store_of
from hypothesis import given
from hypothesis import strategies as st
from servers import proxy, raw_server, tls_server

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.box.auth import SdkCredentials, credentials
from boxdocgen_explore.box.retry import RequestContext, RetryPolicy
from boxdocgen_explore.box.session import Answer, BoxSession, Token
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator
from boxdocgen_explore.schema import BOX_VERSION

SECRET = "s3cr3t-t0k3n"
PATH = ("docgen_batch_jobs", "1001")


@pytest.fixture
def session(emulator: Emulator) -> Iterator[BoxSession]:
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=QUICK)
    yield session
    session.close()


def get(session: BoxSession, context: RequestContext | None = None) -> Answer:
    return session.get(PATH, version=BOX_VERSION, context=context)


def asked(emulator: Emulator) -> int:
    return len(emulator.calls)


def waits_told(session: BoxSession, **given: Any) -> list[str]:
    told: list[str] = []
    context = RequestContext(waiting=lambda why: told.append(why) if why else None, **given)
    get(session, context)
    return told


# --- waiting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["rate-limit", "503-html", "500", "cut", "drop", "silent"])
def test_what_may_pass_is_tried_again_and_the_wait_is_told(
    emulator: Emulator, session: BoxSession, fault: str
) -> None:
    emulator.fault(fault, times=2, **({"retry_after": 0} if fault == "rate-limit" else {}))
    told = waits_told(session)
    assert asked(emulator) == 3
    assert len(told) == 2
    assert told[0].startswith(("Box asks to wait", "Box is not available", "No response from Box"))


@pytest.mark.parametrize("fault", ["forbidden", "html-200"])
def test_what_will_not_pass_is_asked_once(
    emulator: Emulator, session: BoxSession, fault: str
) -> None:
    emulator.fault(fault, times=None)
    with suppress(errors.Forbidden):
        get(session)
    assert asked(emulator) == 1


@pytest.mark.parametrize(
    "retry_after",
    [
        "0.01",
        "0",
        datetime.now(UTC) - timedelta(hours=1),
        None,
        "soon",
        "-5",
        "nan",
        "inf",
        "",
        "ü",
    ],
)
def test_any_retry_after_is_survived(
    emulator: Emulator, session: BoxSession, retry_after: Any
) -> None:
    emulator.fault("rate-limit", retry_after=retry_after)
    assert get(session).response.status_code == 200
    assert asked(emulator) == 2


@pytest.mark.parametrize("retry_after", ["3600", datetime.now(UTC) + timedelta(days=1)])
def test_a_longer_wait_than_patience_is_not_begun_and_box_s_answer_is_told(
    emulator: Emulator, session: BoxSession, retry_after: Any
) -> None:
    emulator.fault("rate-limit", times=None, retry_after=retry_after)
    with pytest.raises(errors.RateLimited, match="Request rate limit exceeded") as caught:
        get(session)
    assert asked(emulator) == 1
    assert caught.value.code == "rate_limit_exceeded"


def test_the_wait_that_box_asks_for_is_told_in_seconds(
    emulator: Emulator, session: BoxSession
) -> None:
    emulator.fault("rate-limit", retry_after=datetime.now(UTC) + timedelta(seconds=2))
    cancelled = threading.Event()
    told: list[str] = []

    def hear(why: str | None) -> None:
        if why:
            told.append(why)
            cancelled.set()

    with pytest.raises(errors.Cancelled):
        get(session, RequestContext(cancelled, hear))
    assert told[0] in ("Box asks to wait 1 s", "Box asks to wait 2 s")


def test_more_calls_than_the_rate_wait_and_can_be_cancelled(emulator: Emulator) -> None:
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=RetryPolicy(calls_per_minute=3))
    for _ in range(3):
        get(session)
    cancelled = threading.Event()
    told: list[str | None] = []

    def hear(why: str | None) -> None:
        told.append(why)
        cancelled.set()

    with pytest.raises(errors.Cancelled):
        get(session, RequestContext(cancelled, hear))
    assert str(told[0]).startswith("Waiting ")
    assert str(told[0]).endswith(" s: at most 3 calls a minute")
    assert asked(emulator) == 3
    session.close()


def test_a_body_that_only_trickles_in_is_given_up() -> None:
    waits = RetryPolicy(read_timeout_s=5, deadline_s=0.3, attempts=1)

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while connection.send(b" "):
            gone.wait(0.01)

    gone = threading.Event()
    with raw_server(trickle) as url:
        session = BoxSession(url, Token(SECRET), retry=waits)
        with pytest.raises(errors.Unreachable, match="takes too long"):
            get(session)
        session.close()
        gone.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nlocation: http://[\r\ncontent-length: 0\r\n\r\n",
    ],
)
def test_answers_that_are_no_http_are_no_answer(answer: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(answer)) as url:
        session = BoxSession(url, Token(SECRET), retry=QUICK)
        with pytest.raises(errors.Unreachable):
            get(session)
        session.close()


def test_a_redirect_is_not_followed() -> None:
    def redirect(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/login\r\ncontent-length: 0\r\n\r\n"
        )

    with raw_server(redirect) as url:
        session = BoxSession(url, Token(SECRET), retry=QUICK)
        with pytest.raises(errors.BoxError, match="proxy that wants a login") as caught:
            get(session)
        session.close()
    assert caught.value.status == 302


# --- who asks, and through what ------------------------------------------------------------------


def test_the_token_wins_over_a_netrc_file(
    emulator: Emulator, session: BoxSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password wrong")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    get(session)
    assert emulator.calls[0].user_id is not None


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_never_goes_through_a_proxy(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    with proxy() as (url, heard):
        monkeypatch.setenv(variable, url)
        session = BoxSession(
            emulator.url.replace("127.0.0.1", host), Token(DEMO_TOKEN), retry=QUICK
        )
        get(session)
        session.close()
    assert heard == []
    assert asked(emulator) == 1


def test_other_hosts_go_through_the_proxy_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with proxy() as (url, heard):
        monkeypatch.setenv("HTTPS_PROXY", url)
        session = BoxSession("https://box.invalid/2.0", Token(SECRET), retry=QUICK)
        with pytest.raises(errors.Unreachable, match="404"):
            get(session)
        session.close()
    assert set(heard) == {"box.invalid:443"}


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_company_s_own_authority_is_trusted_where_the_environment_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    with tls_server(authority) as url:
        stranger = BoxSession(url, Token(SECRET), retry=QUICK)
        with pytest.raises(errors.Unreachable, match="SSL_CERT_FILE") as caught:
            get(stranger)
        stranger.close()
        assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)
        monkeypatch.setenv(variable, str(file))
        session = BoxSession(url, Token(SECRET), retry=QUICK)
        assert get(session).body == b"{}"
        session.close()


def test_a_wrong_certificate_is_not_tried_again() -> None:
    told: list[str | None] = []
    with tls_server(trustme.CA()) as url:
        session = BoxSession(url, Token(SECRET), retry=QUICK)
        with pytest.raises(errors.Unreachable):
            get(session, RequestContext(waiting=told.append))
        session.close()
    assert told == [None]


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"<html>", b'{"code": 5, "message": ["x"]}', b'"\\ud800"', b"[" * 90_000],
)
def test_an_error_with_any_body_is_still_an_error_of_that_kind(body: bytes) -> None:
    head = b"HTTP/1.1 403 Forbidden\r\ncontent-length: %d\r\n\r\n" % len(body)
    with raw_server(lambda connection: connection.sendall(head + body)) as url:
        session = BoxSession(url, Token(SECRET), retry=QUICK)
        with pytest.raises(errors.Forbidden) as caught:
            get(session)
        session.close()
    assert caught.value.status == 403
    assert caught.value.code is None
    str(caught.value).encode()


def test_an_error_knows_what_box_said(emulator: Emulator, session: BoxSession) -> None:
    emulator.fault("forbidden", code="insufficient_scope")
    with pytest.raises(errors.Forbidden, match="insufficient_scope, Access denied") as caught:
        get(session)
    error = caught.value
    assert (error.status, error.code, error.message) == (403, "insufficient_scope", "Access denied")
    assert error.request_id is not None
    assert error.request_id in str(error)


# --- the token stays a secret --------------------------------------------------------------------


def told_by(error: BaseException) -> Iterator[str]:
    """All that an exception and those behind it say and hold, locals of frames aside."""
    seen: list[BaseException | None] = [error]
    while seen:
        one = seen.pop()
        if one is None:
            continue
        seen += [one.__cause__, one.__context__]
        yield from traceback.format_exception(one)
        yield repr(one)
        yield repr(vars(one))
        for value in vars(one).values():
            yield repr(getattr(value, "__dict__", ""))
            yield repr(getattr(getattr(value, "request", None), "headers", ""))


@pytest.mark.parametrize(
    "fault", ["expired-token", "forbidden", "rate-limit", "500", "drop", "cut", "html-200", None]
)
def test_no_error_repr_log_or_file_tells_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str | None
) -> None:
    from boxdocgen_explore.emulator import DEMO_USER, Enterprise, User

    user = User(DEMO_USER.id, "Service HR", "svc-hr@example.com", token=SECRET)
    caplog.set_level(logging.DEBUG)
    enterprise = Enterprise.of({"1001": 25}, owner=user)
    with Emulator(enterprise=enterprise, users=[user]) as emulator:
        box = connect(SECRET, base_url=emulator.url, cache_dir=tmp_path, retry=QUICK)
        box.read("1001", limit=10)
        said = [repr(box), repr(box._session), repr(box._session.credentials), repr(vars(box))]
        if fault:
            options = {"retry_after": 0} if fault == "rate-limit" else {}
            emulator.fault(fault, times=None, **options)
            with pytest.raises(errors.BoxDocGenError) as caught:
                box.read("1001", limit=5)
            said += told_by(caught.value)
        box.close()
    assert SECRET not in "".join(said)
    assert SECRET not in caplog.text
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert kept
    assert SECRET.encode() not in kept


def test_no_kept_page_tells_the_token_when_it_is_unpacked(emulator: Emulator, box: Box) -> None:
    box.read("1001")
    store = store_of(box)
    keys = store.keys()
    for key in keys:
        page = store.page(key)
        assert page is not None
        assert DEMO_TOKEN not in repr((vars(page), page.request.headers, page.headers))
        assert "authorization" not in {name.lower() for name in page.request.headers}


def test_no_answer_in_memory_holds_the_token(emulator: Emulator, session: BoxSession) -> None:
    answer = get(session)
    assert DEMO_TOKEN not in repr(answer)
    assert "Authorization" not in answer.response.request.headers


# --- credentials ---------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nb", "ü", 5, b"t"])
def test_tokens_that_cannot_be_are_refused_without_showing_them(token: Any) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        credentials(token, {})
    assert repr(token) not in str(caught.value)


def test_a_token_s_blanks_around_it_are_cut() -> None:
    assert credentials(" abc\n", {}).token() == "abc"


def test_the_environment_s_token_is_used() -> None:
    assert credentials(None, {"BOX_ACCESS_TOKEN": "abc"}).token() == "abc"


def test_without_credentials_and_a_person_the_error_says_what_to_set() -> None:
    with pytest.raises(errors.NoCredentials, match=r"BOX_ACCESS_TOKEN.*demo\(\)"):
        credentials(None, {})


def test_client_credentials_that_lack_a_part_say_which() -> None:
    with pytest.raises(errors.NoCredentials, match="set BOX_CLIENT_SECRET, BOX_SUBJECT_ID too"):
        credentials(None, {"BOX_CLIENT_ID": "1", "BOX_SUBJECT_TYPE": "user"})


def test_a_broken_key_file_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "jwt.json"
    file.write_text('{"boxAppSettings": {"clientSecret": "s3cr3t-t0k3n"')
    with pytest.raises(errors.InvalidRequest, match="Developer Console") as caught:
        credentials(None, {"BOX_JWT_CONFIG_FILE": str(file)})
    assert SECRET not in "".join(told_by(caught.value))


class Answers:
    """Stands in for the SDK's authentication: gives what it is told, in order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.current: Any = None
        self.refreshed = 0

    def retrieve_token(self) -> Any:
        return self.current or self.refresh_token()

    def refresh_token(self) -> Any:
        self.refreshed += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.current = answer
        return answer


def access_token(text: str) -> Any:
    from box_sdk_gen import AccessToken

    return AccessToken(access_token=text)


def test_an_expired_token_is_fetched_anew_once_for_all_workers(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    box = connected()
    sdk = Answers(access_token("expired"), access_token(DEMO_TOKEN))
    box._session.credentials = SdkCredentials(sdk)  # type: ignore[arg-type]
    assert box.read(["1001", "1003", "1004"]).jobs.height == 42
    assert sdk.refreshed == 2


def test_credentials_that_box_refuses_are_one_clear_error_without_the_secret(
    connected: Callable[..., Box],
) -> None:
    from box_sdk_gen.box.errors import BoxAPIError, RequestInfo, ResponseInfo

    request = RequestInfo("POST", "u", {}, {"authorization": SECRET}, body=SECRET)
    refused = BoxAPIError(request, ResponseInfo(400, {}, request_id="r1"), "400 invalid_client")
    box = connected()
    box._session.credentials = SdkCredentials(Answers(refused))  # type: ignore[arg-type]
    with pytest.raises(errors.Unauthorized, match="invalid_client") as caught:
        box.read("1001")
    assert caught.value.request_id == "r1"
    assert SECRET not in "".join(told_by(caught.value))
    box._session.credentials = SdkCredentials(Answers(OSError(SECRET)))  # type: ignore[arg-type]
    with pytest.raises(errors.Unreachable) as unreachable:
        box.read("1001")
    assert SECRET not in "".join(told_by(unreachable.value))


@given(st.text(st.characters(exclude_categories=()), max_size=12))
def test_any_text_as_id_stays_one_segment_of_the_path_or_is_refused(text: str) -> None:
    from urllib.parse import quote, unquote

    from boxdocgen_explore.box.arguments import checked_id

    try:
        checked = checked_id(text)
    except errors.InvalidRequest:
        return
    segment = quote(checked, safe="")
    assert unquote(segment) == text
    assert not {*segment} & {*"/?#'\\ "}
    assert segment.strip(".")
