"""``--log FILE``: the run, its calls and its end, one line per record."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest

from boxdocgen_explore import __version__
from boxdocgen_explore.cli import fetch, main
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator

LINE = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ {os.getpid()} (DEBUG|INFO|ERROR) (.*)")
PAGE = "/docgen_batch_jobs/1001"


@pytest.fixture
def sizes() -> dict[str, int]:
    return {"1001": 1500, "1002": 3}


@pytest.fixture
def records(tmp_path: Path) -> Callable[[], list[str]]:
    """The messages of the log so far; every line must have the form of a record."""

    def read() -> list[str]:
        lines = (tmp_path / "log").read_text("utf-8").splitlines()
        found = [LINE.fullmatch(line) for line in lines]
        assert None not in found, lines
        return [match[2] for match in found if match]

    return read


@pytest.fixture
def log(tmp_path: Path) -> list[str]:
    return ["--log", str(tmp_path / "log")]


def test_the_log_says_which_run_it_was_and_how_it_ended(
    box: Emulator, log: list[str], records: Callable[[], list[str]]
) -> None:
    for command in (["fetch", "1002"], ["fetch", "404", "-q"], ["fetch", "--format", "csv"]):
        main([*command, *log, *box.options])
    main(["fetch", "1002", *log, *box.options])
    assert "All pages of batch 1002: cached" in records()
    kept = [one for one in records() if one.startswith(("Start", "End"))]
    assert kept[0].startswith(f"Start of boxdocgen {__version__}: fetch 1002 --log ")
    assert kept[1].startswith("End with exit status 0: 3 of 3 completed · its only page read")
    assert re.match("End with exit status 3: Box does not have this.*, request id .+", kept[3])
    assert kept[5].startswith("End with exit status 2: --format only works with -o -;")
    assert DEMO_TOKEN not in str(records())
    assert logging.getLogger("boxdocgen_explore").level == logging.NOTSET  # as it was before


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["batches"], "2 batches"),
        (["audit", "1002", "--json"], "No exceptions noted. Complete: all 3 jobs"),
        (["watch", "1002", "-q"], "No exceptions noted. Complete: all 3 jobs"),
        (["fetch", "1002", "-o", "-"], "3 of 3 completed"),
        (["archive", "archive"], "2 batches written, 1,503 jobs"),
    ],
)
def test_the_last_line_has_the_result_whatever_is_printed(
    box: Emulator,
    log: list[str],
    records: Callable[[], list[str]],
    command: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    main([*command, *log, *box.options])
    assert records()[-1].startswith(f"End with exit status 0: {says}")


def test_every_call_has_its_page_its_milliseconds_and_its_cause(
    box: Emulator, log: list[str], records: Callable[[], list[str]]
) -> None:
    box.fault("drop", path=PAGE, page=1)
    box.fault("rate-limit", path=PAGE, page=2, retry_after=0)
    assert main(["fetch", "1001", *log, *box.options]) == 0
    _, _, *lines, _ = records()
    expected = [
        rf"GET {PAGE}: no usable response \(.*closed connection.*\), page 1, \d+ ms",
        rf"No response from Box; next attempt in \d s: GET {PAGE}",
        rf"GET {PAGE}: 200, request id '\w+', page 1, \d+ ms",
        rf"GET {PAGE}: 429, request id '\w+', page 2, \d+ ms",
        rf"Box asks to wait 0 s: GET {PAGE}",
        rf"GET {PAGE}: 200, request id '\w+', page 2, \d+ ms",
    ]
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_a_restart_and_an_unexpected_error_are_one_line_each(
    box: Emulator,
    log: list[str],
    records: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    box.fault("overlap", path=PAGE)
    assert main(["fetch", "1001", *log, *box.options]) == 0
    assert sum(one.startswith("Restart: Page 2 of batch 1001") for one in records()) == 1

    def fail(_: object) -> None:
        raise ValueError("first\nsecond\x1b[31m")

    monkeypatch.setattr(fetch, "connected", fail)
    main(["fetch", "1001", *log])
    *_, trace, end = records()
    assert re.match(r"Traceback .* in fail +raise ValueError", trace)
    assert end.startswith("End with exit status 3: unexpected error, ValueError: first second")


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["fetch", "1", "--base-url", "https://eve:s3cr3t@host/2.0"], "https://***host/2.0"),
        (["fetch", "1", "--base-url=eve:s3cr3t@host"], "***host"),
        (["verify", "s3://key:s3cr3t@b/x.zip?sig=s3cr3t"], "s3://***b/x.zip***"),
    ],
)
def test_no_secret_of_an_address_is_logged(
    box: Emulator, log: list[str], tmp_path: Path, command: list[str], shown: str
) -> None:
    assert main([*command, *log]) == 2
    text = (tmp_path / "log").read_text("utf-8")
    assert shown in text
    assert "s3cr3t" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals on Windows")
@pytest.mark.parametrize(
    ("silent", "kind", "status"), [("GET", "SIGINT", 130), ("PUT", "SIGTERM", 143)]
)
def test_a_signal_ends_a_wait_for_object_storage(
    silent: str, kind: str, status: int, box: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, over = threading.Event(), threading.Event()

    class Bucket(BaseHTTPRequestHandler):
        """An empty one that never answers requests of one method."""

        def do_GET(self) -> None:
            if self.command == silent:
                asked.set()
                over.wait()
            listing = b"<ListBucketResult/>" if "list-type" in self.path else b""
            self.send_response(200 if listing else 404)
            self.send_header("content-length", str(len(listing)))
            self.end_headers()
            self.wfile.write(listing)

        do_HEAD = do_PUT = do_GET  # noqa: N815 - names of the base class

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ALLOW_HTTP"):
        monkeypatch.setenv(name, "true")
    python = [sys.executable, "-m", "boxdocgen_explore", "archive", "s3://b/x", *box.options]
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with subprocess.Popen(python, stderr=subprocess.PIPE) as process:
            try:
                assert asked.wait(60)
                process.send_signal(getattr(signal, kind))
                process.communicate(timeout=30)  # polars itself waits for five minutes
            finally:
                process.kill()
                over.set()
                server.shutdown()
    assert process.returncode == status


def test_the_log_can_be_truncated_meanwhile_as_by_logrotate(
    box: Emulator, log: list[str], records: Callable[[], list[str]], tmp_path: Path
) -> None:
    batch = box.enterprise.batch

    def truncating(*given: object) -> object:
        os.truncate(tmp_path / "log", 0)
        return batch(*given)

    box.enterprise.batch = truncating
    assert main(["fetch", "1002", *log, *box.options]) == 0
    assert [one.split()[0] for one in records()] == ["GET", "End"]  # and no NUL before them


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals on Windows")
@pytest.mark.parametrize(
    ("command", "kind", "status"),
    [(["fetch", "1001"], "SIGINT", 130), (["archive", "archive"], "SIGTERM", 143)],
)
def test_what_arrived_before_a_signal_is_cached_and_the_log_shows_the_end(
    command: list[str], kind: str, status: int, box: Emulator, log: list[str], tmp_path: Path
) -> None:
    box.fault("silent", path=PAGE, page=2)
    python = [sys.executable, "-m", "boxdocgen_explore", *command, *log, *box.options]
    with subprocess.Popen(python, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        late = time.monotonic() + 60
        while sum(call.path.endswith(PAGE) for call in box.calls) < 2:
            assert time.monotonic() < late
            time.sleep(0.01)
        process.send_signal(getattr(signal, kind))
        process.communicate(timeout=60)
    assert process.returncode == status
    last = (tmp_path / "log").read_text("utf-8").splitlines()[-1]
    assert f"End with exit status {status}: Stopped." in last
    if command[0] == "archive":
        run = pl.read_parquet(tmp_path / "archive/_runs.parquet").row(-1, named=True)
        assert (run["outcome"], run["reason"]) == ("failed", "Terminated")
    assert main(["fetch", "1001", *box.options]) == 0
    assert sum(call.path.endswith(PAGE) for call in box.calls) == 3  # page 1 once, page 2 twice
