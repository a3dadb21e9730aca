"""Standard streams with cron, pipes and full disks; unexpected errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from full_disk import full_disk

from boxdocgen_explore.cli import fetch, main

pytestmark = pytest.mark.trust

STORY = "12345600319"


@pytest.fixture
def url(box):
    return box.url


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in bash, with ``boxdocgen`` for the command."""
    program = f"{sys.executable} -m boxdocgen_explore"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command.replace('boxdocgen', program)}"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "", **variables},
        timeout=300,
    )


@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        ("boxdocgen fetch --demo {story} -o jobs.csv >&- 2>&-; s=$?; grep -c . jobs.csv; exit $s",
         0, "3001"),
        ("boxdocgen --help >/dev/full", 2, "Could not write to standard output"),
        ("boxdocgen fetch --demo {story} -o - >&-", 2, "it is closed"),
        ("boxdocgen audit --demo {story} --title é -o é.html", 1, "Exceptions"),
        *(pytest.param(*one, marks=pytest.mark.thorough) for one in [
            ("boxdocgen fetch --demo {story} >/dev/full", 2, "Could not write to standard output"),
            ("boxdocgen audit --demo {story} | true", 1, ""),
            ("boxdocgen fetch --demo {story} -o jobs.csv --log /dev/full", 0, "the log has gaps"),
            ("boxdocgen fetch --demo nosuch 2>&-", 3, ""),
            ("boxdocgen fetch --demo {story} --json >&-", 2, "Could not write to standard output"),
            ("boxdocgen audit --demo {story} --markdown - >&-", 2, "Could not write to standard"),
            ("boxdocgen fetch --demo {story} >&-", 0, ""),
            ("boxdocgen fetch --demo nosuch --json >/dev/full", 3, "not_found"),
            ("boxdocgen fetch --demo nosuch 2>/dev/full", 3, ""),
            ("boxdocgen fetch --demo nosuch >/dev/full", 3, "not_found"),
            ("PYTHONUNBUFFERED=1 boxdocgen --version >/dev/full", 2, "No space left"),
            ("boxdocgen audit --demo {story} --json | head -c 9 | grep -c verdict", 1, "0"),
            ("boxdocgen batches --demo | head -n 1", 0, "Failed"),
        ]),
    ],
)  # fmt: skip
def test_whatever_the_streams_are_the_exit_status_is_right_and_nothing_crashes(
    command, status, says, tmp_path
):
    done = shell(command.format(story=STORY), tmp_path, LANG="C", PYTHONIOENCODING="ascii")
    assert done.returncode == status, done
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path):
    (tmp_path / "start.py").write_text(
        "import os\nfrom boxdocgen_explore.cli.terminal import standard_streams\n"
        "with standard_streams():\n    os._exit(os.open(__file__, os.O_RDONLY))"
    )
    assert shell(f"{sys.executable} start.py <&- >&- 2>&-", tmp_path).returncode > 2


def test_a_watch_whose_output_is_closed_ends_and_is_not_done(tmp_path):
    running = "12345600340"
    assert shell(f"boxdocgen watch --demo {running} --every 0.1 | true", tmp_path).returncode == 1


@pytest.mark.parametrize("kind", [ValueError, OSError, RecursionError, MemoryError, BaseException])
def test_an_unexpected_error_is_one_line_and_status_3_and_verbose_shows_more(
    kind, capsys, monkeypatch
):
    def fail(*_: object) -> None:
        raise kind("first\nsecond\x1b[31m")

    monkeypatch.setattr(fetch, "connected", fail)
    assert main(["fetch", STORY]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"boxdocgen: unexpected error, {kind.__name__}: first second")
    assert "report it in this project's issues" in line
    assert "\x1b" not in line
    assert main(["fetch", STORY, "-v"]) == 3
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last)" in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize(
    "module", ["boxdocgen_explore.cli.audit", "boxdocgen_explore.auditing", "polars"]
)
def test_an_error_while_a_module_is_imported_is_no_finding(module, tmp_path):
    fails = f"import sys; sys.modules[{module!r}] = None\n"
    fails += "from boxdocgen_explore.cli import main; sys.exit(main(sys.argv[1:]))"
    (tmp_path / "start.py").write_text(fails)
    done = shell(f"{sys.executable} start.py audit --demo {STORY}", tmp_path)
    assert done.returncode in (2, 3)
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (1, 3), ("no port", 3)])
def test_a_program_that_ends_itself_has_no_findings(code, status, capsys, monkeypatch):
    monkeypatch.setattr(fetch, "connected", lambda _: sys.exit(code))
    with pytest.raises(SystemExit) as ended:
        main(["fetch", STORY])
    assert ended.value.code == status
    assert ("no port" in capsys.readouterr().err) == (code == "no port")


# --- what the command line passes on -------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ["--base-url", ""],
        ["--as-user", "漢"],
        ["--as-user", "1\n2"],
        ["--as-user", ""],
        ["--cache-dir", "~nosuchuser/x"],
        ["--cache-dir", "x" * 300],
        ["--cache-dir", os.fsdecode(b"\xff")],
        ["-o", f"{'x' * 300}.csv"],
        ["-o", os.fsdecode(b"\xff.csv")],
        ["-o", "a\0b.csv"],
        ["-o", ""],
    ],
    ids=ascii,
)
def test_options_that_cannot_be_are_usage_and_nothing_is_sent(
    options, url, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = options if options[0] == "--base-url" else ["--base-url", url, *options]
    try:
        status = main(["fetch", "1002", *given])
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_ages_beyond_the_calendar_mean_everything(url, tmp_path, capsys):
    where = ["--base-url", url, "--cache-dir", str(tmp_path)]
    assert main(["fetch", "--since", "999999w", *where]) == 0
    assert "28 of 28" in capsys.readouterr().out
    assert main(["audit", "1002", "--max-age", "999999w", *where]) == 0
    assert main(["cache", "clear", "--older-than", "999999w", "--cache-dir", str(tmp_path)]) == 0
    assert "0 pages deleted" in capsys.readouterr().out


@pytest.mark.parametrize("port", ["99999", "65536", "-1"])
def test_a_port_that_does_not_exist_is_refused_before_a_socket_is_made(port, capsys):
    assert main(["emulator", f"--port={port}"]) == 2
    assert capsys.readouterr().err == (
        f"boxdocgen: Port {port} does not exist: choose one from 0 to 65535.\n"
    )


def test_open_on_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with full_disk(20_000):
        assert main(["open", "--demo", STORY]) == 2
    assert "The page cannot be written: File too large" in capsys.readouterr().err
    assert (list(tmp_path.iterdir()), opened) == ([], [])
