"""The command line: what it prints, what it writes, and its exit status."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise
from boxdocgen_explore.schema import JOBS

STORY = "12345600319"


@pytest.fixture
def box(monkeypatch, tmp_path):
    """An emulator with two small batches, and options that lead to it."""
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    with Emulator(enterprise=Enterprise.of({"1001": 1500, "1002": 3})) as emulator:
        emulator.options = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
        yield emulator


def test_fetch_without_a_file_sums_up_on_the_terminal(capsys):
    assert main(["fetch", "--demo", STORY]) == 0
    printed = capsys.readouterr().out
    assert "1,487 of 3,000 failed · all 3 pages read" in printed
    assert "demo data" in printed
    assert "1,412  The tag 'offer.relocation_allowance'" in printed


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".ndjson"])
def test_fetch_writes_a_file_that_holds_every_job(box, tmp_path, ending, capsys):
    path = tmp_path / f"jobs{ending}"
    assert main(["fetch", "1001", "-o", str(path), *box.options]) == 0
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".ndjson": pl.read_ndjson}[ending]
    frame = read(path)
    assert frame.height == 1500
    assert frame.columns == list(JOBS)


def test_csv_holds_lists_as_json_and_no_formula(box, tmp_path):
    jobs = box.enterprise.jobs("1002")
    jobs[0]["external_id"] = "=HYPERLINK(1)"
    jobs[0]["failures"] = {"errors": ["a, b", 'c "d"'], "warnings": []}
    box.enterprise.put("1002", jobs)
    path = tmp_path / "jobs.csv"
    assert main(["fetch", "1002", "-o", str(path), *box.options]) == 0
    with path.open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert json.loads(row["errors"]) == ["a, b", 'c "d"']
    assert row["external_id"] == "'=HYPERLINK(1)"


def test_of_several_ids_the_good_are_written_and_the_bad_are_named(box, tmp_path, capsys):
    path = tmp_path / "jobs.parquet"
    assert main(["fetch", "1001", "404404", "-o", str(path), *box.options]) == 3
    assert set(pl.read_parquet(path)["batch_id"]) == {"1001"}
    said = capsys.readouterr().err
    assert "404404" in said
    assert "404" in said
    assert "not_found" in said
    assert "request id" in said
    assert "1001" not in said


def test_with_no_good_batch_there_is_no_file(box, tmp_path, capsys):
    path = tmp_path / "jobs.parquet"
    assert main(["fetch", "404404", "404405", "-o", str(path), *box.options]) == 3
    assert list(tmp_path.glob("jobs*")) == []
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_a_partial_batch_is_not_written_as_if_it_were_whole(box, tmp_path):
    path = tmp_path / "jobs.parquet"
    box.fault("other-body", path="/docgen_batch_jobs/1001", page=2, times=None, body="{}")
    assert main(["fetch", "1001", "1002", "-o", str(path), *box.options]) == 3
    assert set(pl.read_parquet(path)["batch_id"]) == {"1002"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["fetch"],
        ["fetch", "--demo", ""],
        ["fetch", "--demo", "a b"],
        ["fetch", "--demo", ".."],
        ["fetch", "--demo", "x" * 10_000],
        ["fetch", "--demo", STORY, "-o", "jobs.xlsx"],
        ["fetch", "--demo", STORY, "-o", "/no/such/folder/jobs.csv"],
        ["fetch", "--base-url", "ftp://x", STORY],
        ["emulator", "--port", "x"],
        ["emulator", "--fault", "no-such-fault"],
        ["cache", "clear", "--older-than", "soon"],
        ["no-such-command"],
    ],
)
def test_bad_usage_is_one_sentence_and_status_2(arguments, capsys, monkeypatch):
    monkeypatch.setenv("BOX_ACCESS_TOKEN", "secret-token")
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr().err
    assert status == 2
    assert len(said.strip().splitlines()) == 1, said
    assert said.startswith("boxdocgen")
    assert len(said) < 500
    assert "Traceback" not in said


def test_a_refused_token_is_status_3_and_is_not_shown(box, capsys, monkeypatch):
    monkeypatch.setenv("BOX_ACCESS_TOKEN", "secret-but-wrong")
    assert main(["fetch", "1001", *box.options]) == 3
    said = capsys.readouterr().err
    assert "401" in said
    assert "60 minutes" in said
    assert "secret-but-wrong" not in said


def test_without_credentials_it_says_what_to_set_and_never_shows_the_demo(capsys, monkeypatch):
    for name in ("BOX_ACCESS_TOKEN", "BOX_JWT_CONFIG_FILE", "BOX_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    run = subprocess.run(
        [sys.executable, "-m", "boxdocgen_explore.cli", "fetch", STORY],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3
    assert run.stdout == ""
    assert "BOX_ACCESS_TOKEN" in run.stderr
    assert "--demo" in run.stderr


def test_no_network_names_the_way_to_read_what_is_kept(box, capsys):
    assert main(["fetch", "1002", *box.options]) == 0
    address = box.url
    capsys.readouterr()
    assert main(["fetch", "1002", "--offline", *box.options]) == 0
    assert "3 of 3" in capsys.readouterr().out
    assert main(["fetch", "1001", "--offline", *box.options]) == 3
    assert "not in the cache" in capsys.readouterr().err
    assert box.url == address


def test_batches_are_listed_a_line_each(capsys):
    assert main(["batches", "--demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "49.6 % failed · Offer letter · 3 Nov 02:14 · 3,000 · 12345600319" in lines


def test_what_a_message_holds_cannot_command_the_terminal(box, capsys):
    jobs = box.enterprise.jobs("1002")
    jobs[0]["status"] = "failed"
    jobs[0]["failures"] = {"errors": ["red \x1b[m alert\x07\u202e"], "warnings": []}
    box.enterprise.put("1002", jobs)
    assert main(["fetch", "1002", *box.options]) == 0
    printed = capsys.readouterr().out
    assert "alert" in printed
    assert not set(printed) & {"\x1b", "\x07", "\u202e"}


def test_the_cache_can_be_listed_and_cleared(box, capsys):
    folder = box.options[-2:]
    main(["fetch", "1001", "1002", *box.options])
    capsys.readouterr()
    assert main(["cache", "info", *folder]) == 0
    info = capsys.readouterr().out
    assert "2 batches" in info
    assert "3 pages" in info
    assert main(["cache", "clear", "--older-than", "90d", *folder]) == 0
    assert "0 pages deleted" in capsys.readouterr().out
    assert main(["cache", "clear", *folder]) == 0
    assert "3 pages deleted" in capsys.readouterr().out


def test_the_emulator_prints_its_address_on_one_line_and_serves_others(monkeypatch, tmp_path):
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    with subprocess.Popen(
        [sys.executable, "-m", "boxdocgen_explore.cli", "emulator"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()
            url = line.split()[0]
            assert main(["fetch", STORY, "--base-url", url, "--cache-dir", str(tmp_path)]) == 0
        finally:
            process.terminate()
    assert url.startswith("http://127.0.0.1:")
    assert DEMO_TOKEN in line


def test_open_writes_a_private_page_and_shows_it(capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["open", "--demo", STORY]) == 0
    path = capsys.readouterr().out.strip()
    assert opened == [f"file://{path}"]
    assert "Content-Security-Policy" in Path(path).read_text("utf-8")
    assert Path(path).stat().st_mode & 0o077 == 0
