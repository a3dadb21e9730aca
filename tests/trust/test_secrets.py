"""Tokens, client secrets and keys are never written, and only sent to Box."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
import trustme
from conftest import QUICK
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from homes import lend_front_end
from servers import proxy, raw_server, tls_server

import boxdocgen_explore as bx
from boxdocgen_explore import errors
from boxdocgen_explore.emulator import DEMO_USER, Emulator, Enterprise, User

pytestmark = pytest.mark.trust


def sentinel(name: str) -> str:
    """A secret that looks different in JSON, in an address and in HTML."""
    return f'sEnTiNeL-{name}-"<%/+\\~-0123456789'


PLAIN, RENEWED, FRESH, STALE, WRONG = map(sentinel, ("plain", "new", "fresh", "stale", "wrong"))
CLIENT, PHRASE, ODD = sentinel("client"), sentinel("phrase"), f"{sentinel('odd')} ü"


def forms(secret: str) -> Iterator[bytes]:
    """Encode a secret in every way in which it might be written."""
    yield secret.encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(json.dumps(secret)[1:-1])[1:-1].encode()
    yield quote(secret, safe="").encode()
    yield repr(secret)[1:-1].encode()
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + secret.encode())[4:-4]


@contextmanager
def token_server() -> Iterator[str]:
    """Box's token endpoint: a token that has expired at first, good ones later."""

    class Tokens(BaseHTTPRequestHandler):
        given = 0

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            refused = form["client_secret"] == [WRONG]
            answer: dict[str, Any] = {"error": "invalid_client", "error_description": "Wrong."}
            if not refused:
                Tokens.given += 1
                token = STALE if Tokens.given % 2 else FRESH
                answer = {"access_token": token, "expires_in": 3600, "token_type": "bearer"}
            body = json.dumps(answer).encode()
            self.send_response(400 if refused else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def key_file(folder: Path, secret: str = CLIENT) -> tuple[Path, str]:
    """Write the JSON file that Box's console gives for JWT; give it and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(PHRASE.encode()),
    ).decode()
    auth = {"publicKeyID": "k1", "privateKey": pem, "passphrase": PHRASE}
    settings = {"clientID": "c1", "clientSecret": secret, "appAuth": auth}
    file = folder / "jwt.json"
    file.write_text(json.dumps({"boxAppSettings": settings, "enterpriseID": "910967"}), "utf-8")
    return file, pem


def environment(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Give credentials of every kind as environment variables, and the secrets in them."""
    file, pem = key_file(folder)
    broken = folder / "broken.json"
    broken.write_text(file.read_text("utf-8")[:-3], "utf-8")
    client = {"BOX_CLIENT_ID": "c1", "BOX_CLIENT_SECRET": CLIENT, "BOX_SUBJECT_TYPE": "user"}
    kinds = {
        "PLAIN": {"BOX_ACCESS_TOKEN": PLAIN},
        "CLIENT": client | {"BOX_SUBJECT_ID": "1"},
        "KEY": {"BOX_JWT_CONFIG_FILE": str(file)},
        "WRONG_CLIENT": client | {"BOX_SUBJECT_ID": "1", "BOX_CLIENT_SECRET": WRONG},
        "HALF_CLIENT": client,
        "BROKEN_KEY": {"BOX_JWT_CONFIG_FILE": str(broken), "BOX_CLIENT_SECRET": CLIENT},
        "ODD_TOKEN": {"BOX_ACCESS_TOKEN": ODD},
        "EXPIRED": {"BOX_ACCESS_TOKEN": WRONG},
        "RENEWED": RENEWED,
    }
    secrets = [PLAIN, RENEWED, FRESH, STALE, WRONG, CLIENT, PHRASE, ODD]
    secrets += [line for line in pem.splitlines() if len(line) == 64]
    return {f"SECRET_{kind}": json.dumps(value) for kind, value in kinds.items()}, secrets


def test_nothing_that_is_written_holds_a_secret(tmp_path: Path) -> None:
    written, hidden = tmp_path / "written", tmp_path / "hidden"
    for folder in (written, hidden, hidden / "home"):
        folder.mkdir()
    secret, sentinels = environment(hidden)
    # Altair imports jsonschema, which compiles a grammar of IRIs if it finds this package: 2 s.
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['rfc3987_syntax'] = None")
    me = [User(DEMO_USER.id, "HR", "hr@example.com", token=one) for one in (PLAIN, RENEWED, FRESH)]
    enterprise = Enterprise.of({"1001": 25, "1002": 0, "1003": 3}, owner=me[0])
    with Emulator(enterprise=enterprise, users=me) as emulator, token_server() as tokens:
        # A server that repeats the token in its error.
        emulator.fault("forbidden", path="/docgen_batch_jobs/1003", times=None, code=PLAIN)
        script = Path(__file__).with_name("credentials_session.py")
        ran = subprocess.run(
            [sys.executable, "-X", "faulthandler", str(script), emulator.url, tokens, str(written)],
            env={
                **os.environ,
                **secret,
                "HOME": str(lend_front_end(hidden / "home")),
                "PYTHONPATH": str(hidden),
                "TMPDIR": str(written),
            },
            capture_output=True,
            check=False,
        )
    assert b"all done" in ran.stdout, ran.stderr[-3000:].decode()
    assert b"Segmentation fault" in ran.stderr
    files = [
        path for path in [*written.rglob("*"), *(hidden / "home").rglob("*")] if path.is_file()
    ]
    names = {path.name for path in files}
    assert {"plain.html", "cli.html", "notebook.ipynb", "debug.log", "pages.sqlite"} <= names
    outputs = {str(path): path.read_bytes() for path in files}
    outputs |= {"stdout": ran.stdout, "stderr": ran.stderr}
    assert b"docgen_batch_jobs" in outputs[str(written / "debug.log")]
    assert b"widget-state" in outputs[str(written / "notebook.ipynb")]
    found = [
        (name, form.decode(), content[max(0, content.index(form) - 300) :][:300].decode("latin-1"))
        for name, content in outputs.items()
        for one in sentinels
        for form in forms(one)
        if form in content
    ]
    assert found == []


# --- tracebacks ----------------------------------------------------------------------------------


def frames_of(error: BaseException) -> str:
    """Format a traceback with its locals, as IPython's verbose mode does, without the test's."""
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        ({"BOX_ACCESS_TOKEN": ODD}, {}),
        ({"BOX_CLIENT_ID": "1", "BOX_CLIENT_SECRET": CLIENT}, {}),
        ({"BOX_JWT_CONFIG_FILE": "/no/such", "BOX_CLIENT_SECRET": CLIENT}, {}),
        ({}, {"token": ODD}),
        ({}, {"token": ""}),
        ({}, {"token": None}),
        ({}, {"token": PLAIN, "base_url": "ftp://x"}),
        ({}, {"token": PLAIN, "as_user": "a b"}),
    ],
)
def test_no_frame_of_an_error_of_connect_shows_credentials(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], arguments: dict[str, Any]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(errors.BoxDocGenError) as caught:
        bx.connect(**arguments)
    shown = frames_of(caught.value)
    assert "in connect" in shown
    assert "sEnTiNeL" not in shown


@pytest.mark.filterwarnings("ignore:Box does not say who")
@pytest.mark.parametrize("status", [302, 401, 403, 500])
def test_no_frame_of_a_refusal_and_no_log_shows_the_token(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "boxdocgen_explore")
    body = json.dumps({"code": PLAIN, "message": f"Bearer {PLAIN}"}).encode()
    echo = f"HTTP/1.1 {status} No\r\nbox-request-id: {PLAIN}\r\ncontent-length: {len(body)}\r\n\r\n"
    with (
        raw_server(lambda connection: connection.sendall(echo.encode() + body)) as url,
        bx.connect(PLAIN, base_url=url, cache_dir=tmp_path, retry=QUICK) as box,
        pytest.raises(errors.BoxError) as caught,
    ):
        box.templates()
    shown = frames_of(caught.value)
    assert "session.py" in shown
    assert f": {status}, request id " in caplog.text
    assert "sEnTiNeL" not in shown + repr(vars(caught.value)) + caplog.text


# --- where tokens go -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/2.0",
        "http://api.box.com/2.0",
        "HTTP://10.0.0.1/2.0",
        "http://[2001:db8::1]/2.0",
        "http://localhost.example.com/2.0",
        "http://127.0.0.1.example.com/2.0",
        "http://0.0.0.0/2.0",
        "http://127.1/2.0",
    ],
)
def test_no_token_goes_to_another_host_without_https(url: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="https"):
        bx.connect(base_url=url, token=PLAIN)


@pytest.mark.parametrize(
    "url",
    [
        "https://box.example.com/2.0",
        "http://127.0.0.1:1/2.0",
        "http://127.8.9.10/2.0",
        "http://localhost:8/2.0",
        "http://[::1]:8/2.0",
    ],
)
def test_a_token_may_go_to_https_and_to_this_machine(url: str) -> None:
    bx.connect(base_url=url, token=PLAIN).close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_never_gets_the_token(tmp_path: Path, status: int) -> None:
    with proxy() as (elsewhere, heard):
        answer = f"HTTP/1.1 {status} Go\r\nlocation: {elsewhere}/2.0\r\ncontent-length: 0\r\n\r\n"
        with (
            raw_server(lambda connection: connection.sendall(answer.encode())) as url,
            bx.connect(PLAIN, base_url=url, cache_dir=tmp_path, retry=QUICK) as box,
            pytest.raises(errors.BoxError) as caught,
        ):
            box.templates()
    assert caught.value.status == status
    assert heard == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_never_hears_of_a_call_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulator: Emulator, host: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with proxy() as (trap, heard), tls_server(authority) as tls:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, trap)
            monkeypatch.setenv(name.lower(), trap)
        options: dict[str, Any] = {"cache_dir": tmp_path, "retry": QUICK}
        plain = emulator.url.replace("127.0.0.1", host)
        with bx.connect(DEMO_USER.token, base_url=plain, **options) as box:
            assert box.read("1001").jobs.height == 25
        # This server is not Box: its body is refused, which proves that it was reached.
        with (
            bx.connect(PLAIN, base_url=tls, **options) as box,
            pytest.raises(errors.BrokenPage),
        ):
            box.templates()
    assert heard == []
