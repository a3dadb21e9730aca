"""Calls only reach Box, as the right user, and no error, log or file shows the token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from conftest import QUICK
from servers import proxy, raw_server, tls_server

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.box.auth import Token
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.box.session import Answer, BoxSession
from boxdocgen_explore.cache.store import PageStore
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


# --- users and proxies ---------------------------------------------------------------------------


def test_the_token_wins_over_a_netrc_file(
    emulator: Emulator, session: BoxSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password wrong")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    get(session)
    assert emulator.calls[0].user_id is not None


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
def test_a_company_s_own_authority_is_trusted_if_the_environment_names_it(
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
    reports: list[str | None] = []
    with tls_server(trustme.CA()) as url:
        session = BoxSession(url, Token(SECRET), retry=QUICK)
        with pytest.raises(errors.Unreachable):
            get(session, RequestContext(waiting=reports.append))
        session.close()
    assert reports == [None]


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


def test_an_error_has_box_s_words_and_request_id_at_its_end(
    emulator: Emulator, session: BoxSession
) -> None:
    emulator.fault("forbidden", code="insufficient_scope")
    with pytest.raises(errors.Forbidden, match="insufficient_scope, Access denied") as caught:
        get(session)
    error = caught.value
    assert (error.status, error.code, error.message) == (403, "insufficient_scope", "Access denied")
    assert error.request_id is not None
    assert str(error).endswith(f"Access denied, request id {error.request_id}")


# --- the token stays a secret --------------------------------------------------------------------


def test_no_cached_page_holds_the_token(emulator: Emulator, box: Box, tmp_path: Path) -> None:
    box.read("1001")
    (path,) = tmp_path.rglob("pages.sqlite")
    store = PageStore(path, read_only=True)
    keys = store.keys()
    pages = [store.page(key) for key in keys]
    store.close()
    assert pages
    for page in pages:
        assert page is not None
        assert DEMO_TOKEN not in repr((vars(page), page.request.headers, page.headers))
        assert "authorization" not in {name.lower() for name in page.request.headers}


def test_no_response_in_memory_holds_the_token(emulator: Emulator, session: BoxSession) -> None:
    answer = get(session)
    assert DEMO_TOKEN not in repr(answer)
    assert "Authorization" not in answer.response.request.headers


def test_a_response_without_a_request_id_is_logged_without_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "boxdocgen_explore")
    answer = b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"
    with raw_server(lambda connection: connection.sendall(answer)) as url:
        session = BoxSession(url, Token(SECRET), retry=QUICK)
        with pytest.raises(errors.NotFound):
            get(session)
        session.close()
    assert re.fullmatch(r"GET /docgen_batch_jobs/1001: 404, \d+ ms", caplog.messages[-1])
