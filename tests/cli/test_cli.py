"""The command line: output, files and exit statuses."""

import datetime as dt
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import polars as pl
import pytest
from full_disk import full_disk
from nbformat.v4 import new_code_cell, new_notebook, new_output

from boxdocgen_explore.cli import main, render
from boxdocgen_explore.emulator import DEMO_TOKEN, FAULTS, Enterprise, plain_job
from boxdocgen_explore.schema import JOBS
from boxdocgen_explore.text import moment

STORY = "12345600319"


@pytest.fixture
def sizes():
    return {"1001": 1500, "1002": 3}


# --- fetch -------------------------------------------------------------------------------------


def test_fetch_without_a_file_prints_a_summary(capsys):
    assert main(["fetch", "--demo", STORY]) == 0
    printed = capsys.readouterr().out
    cause = "1,412 of them because the tag offer.relocation_allowance was not provided"
    assert printed.startswith(f"1,487 of 3,000 failed, {cause} · all 3 pages read · as ")
    assert "demo data" in printed
    assert "    1,487  failed\n" in printed
    _, _, reasons = printed.partition("Reasons:\n    1,412  The tag 'offer.relocation_allowance'")
    fix, other = reasons.splitlines()[1:3]
    assert fix.startswith("           fix: Give the value in the input data, or mark the tag")
    assert "{{offer.relocation_allowance :: optional}}" in fix
    assert other.startswith("       80  The image")
    assert printed.count("fix: ") == 1


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".ndjson"])
def test_fetch_writes_a_file_that_holds_every_job(box, tmp_path, ending, capsys):
    path = tmp_path / f"jobs{ending}"
    assert main(["fetch", "1001", "-o", str(path), *box.options]) == 0
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".ndjson": pl.read_ndjson}[ending]
    frame = read(path)
    assert frame.height == 1500
    assert frame.columns == list(JOBS)
    assert capsys.readouterr().out.startswith(f"{path}: 1,500 of 1,500 completed")


def test_good_batches_are_written_and_bad_ones_beside_them_are_named(box, tmp_path, capsys):
    path = tmp_path / "jobs.parquet"
    assert main(["fetch", "1001", "404404", "-o", str(path), *box.options]) == 3
    assert set(pl.read_parquet(path)["batch_id"]) == {"1001"}
    about = json.loads(pl.read_parquet_metadata(path)["boxdocgen.about"])
    assert (about["batches"], about["jobs"], about["demo"]) == (["1001"], 1500, False)
    assert [one.partition(":")[0] for one in about["left_out"]] == ["batch 404404"]
    printed = capsys.readouterr()
    assert "INCOMPLETE" not in printed.out
    assert printed.err.startswith("boxdocgen: batch 404404: ")
    assert re.search("404.*not_found.*request id", printed.err)
    assert "1001" not in printed.err
    assert "left out: 404404" in printed.out
    assert main(["fetch", "1001", "404404", "--json", *box.options]) == 3
    (failure,) = (values := json.loads(capsys.readouterr().out))["failures"].items()
    assert (failure[0], failure[1]["status"], values["jobs"]) == ("404404", 404, 1500)


def test_without_a_good_batch_there_is_no_file(box, tmp_path, capsys):
    path = tmp_path / "jobs.parquet"
    assert main(["fetch", "404404", "404405", "-o", str(path), *box.options]) == 3
    assert list(tmp_path.glob("jobs*")) == []
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


def test_a_partial_batch_is_not_written_as_if_it_were_complete(box, tmp_path):
    path = tmp_path / "jobs.parquet"
    box.fault("other-body", path="/docgen_batch_jobs/1001", page=2, times=None, body="{}")
    assert main(["fetch", "1001", "1002", "-o", str(path), *box.options]) == 3
    assert set(pl.read_parquet(path)["batch_id"]) == {"1002"}


# --- existing files ----------------------------------------------------------------------------


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A notebook as the result of a run, so that no kernel must start."""
    path = tmp_path / "own.ipynb"
    output = new_output("stream", text="x" * 500_000)
    nbformat.write(new_notebook(cells=[new_code_cell("", outputs=[output])]), path)
    monkeypatch.setattr(render, "run", lambda notebook, **_: render.read(notebook))
    return path


@pytest.fixture(params=["fetch .parquet", "fetch .csv", "fetch .ndjson", "render", "in place"])
def writing(request, tmp_path, notebook):
    """A command that writes some hundred kilobytes, and its file."""
    command, _, ending = request.param.partition(" ")
    if request.param == "in place":
        return ["render", str(notebook), "--in-place"], notebook
    path = tmp_path / f"file{ending or '.html'}"
    source = ["fetch", "--demo", STORY] if command == "fetch" else ["render", str(notebook)]
    return [*source, "-o", str(path)], path


def test_a_full_disk_costs_no_existing_file_and_leaves_no_part_of_a_new_one(
    writing, tmp_path, capsys
):
    command, path = writing
    if not path.exists():
        path.write_text("old", "utf-8")
    before, files = path.read_bytes(), set(tmp_path.iterdir())
    with full_disk(20_000):
        status = main(command)
    assert status == 2
    assert f"boxdocgen: {path} cannot be written" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert set(tmp_path.iterdir()) == files


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_follows_the_umask_of_the_user(writing, umask, mode, capsys):
    command, path = writing
    if "--in-place" in command:
        path.chmod(mode)  # a notebook stays as private as it was
    before = os.umask(umask)
    try:
        assert main(command) == 0
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == mode


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["fetch"],
        ["fetch", "--demo", STORY, "--since", "1d"],
        ["fetch", "--demo", STORY, "--det"],
        ["fetch", "--demo", STORY, "-o", "jobs.csv", "--format", "parquet"],
        ["fetch", "--demo", "--since", "0d"],
        ["fetch", "--demo", ""],
        ["fetch", "--demo", "a b"],
        ["fetch", "--demo", ".."],
        ["fetch", "--demo", "x" * 10_000],
        ["fetch", "--demo", STORY, "-o", "jobs.txt"],
        ["fetch", "--demo", STORY, "-o", "/no/such/folder/jobs.csv"],
        ["fetch", "--demo", STORY, "--no-such-option"],
        ["fetch", "--base-url", "ftp://x", STORY],
        ["audit", "--demo"],
        ["audit", "--demo", STORY, "--since", "7d"],
        ["audit", "--demo", "--since", "soon"],
        ["audit", "--demo", STORY, "-o", "audit.pdf"],
        ["audit", "--demo", STORY, "-o", "/no/such/folder/audit.html"],
        ["audit", "--demo", STORY, "--expected", "/no/such/file.csv"],
        ["audit", "--demo", STORY, "--redact", "names"],
        ["audit", "--demo", STORY, "--policy", "none.toml"],
        ["audit", "--demo", STORY, "--max-failed-share", "nan"],
        ["audit", "--demo", STORY, "--max-failed-share", "few"],
        ["audit", "--demo", STORY, "--fail-on", "info"],
        ["audit", "--demo", STORY, "--junit", "results.html"],
        ["render", "notebook.ipynb"],
        ["render", "/no/such/notebook.ipynb", "-o", "page.html"],
        ["render", "README.md", "-o", "page.html"],
        ["render", "README.md", "--in-place"],
        ["emulator", "--port", "x"],
        ["emulator", "--fault", "no-such-fault"],
        ["cache", "clear", "--older-than", "soon"],
        ["cache", "clear", "--cache-dir", "/no/such/folder"],
        ["no-such-command"],
    ],
)
def test_bad_usage_is_one_sentence_and_status_2(arguments, capsys, monkeypatch, tmp_path):
    (tmp_path / "README.md").write_text("No notebook.", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOX_ACCESS_TOKEN", "secret-token")
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = stopped.code
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1, printed.err
    assert printed.err.startswith("boxdocgen")
    assert len(printed.err) < 500
    assert "Traceback" not in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_refused_token_is_status_3_and_is_not_shown(box, capsys, monkeypatch):
    monkeypatch.setenv("BOX_ACCESS_TOKEN", "secret-but-wrong")
    assert main(["fetch", "1001", *box.options]) == 3
    printed = capsys.readouterr().err
    assert "401" in printed
    assert "60 minutes" in printed
    assert "set BOX_ACCESS_TOKEN" in printed
    assert "secret-but-wrong" not in printed


def test_without_credentials_it_says_what_to_set_and_never_shows_the_demo(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert main(["fetch", STORY]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "BOX_ACCESS_TOKEN" in printed.err
    assert "--demo" in printed.err


def test_a_missing_package_is_named_with_the_command_that_installs_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    assert main(["lab"]) == 2
    assert "jupyterlab.labapp is not installed: pip install" in capsys.readouterr().err


def test_what_was_cached_can_be_read_offline_and_nothing_else(box, capsys):
    assert main(["fetch", "1002", *box.options]) == 0
    box.stop()
    capsys.readouterr()
    assert main(["fetch", "1002", "--offline", *box.options]) == 0
    assert "3 of 3" in capsys.readouterr().out
    assert main(["fetch", "1001", "--offline", *box.options]) == 3
    assert "not in the cache" in capsys.readouterr().err


# --- the other commands ------------------------------------------------------------------------


def test_alone_it_shows_the_help(capsys):
    assert main([]) == 0
    assert "audit" in capsys.readouterr().out


def test_batches_are_an_aligned_table(capsys):
    assert main(["batches", "--demo", "--since", "3d"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == [
        *["Batch", "Created", "(UTC)", "Template", "Jobs", "Failed", "Running"]
    ]
    story = next(row for row in rows if row.startswith(STORY))
    assert story.split("  ", 2)[:2] == [STORY, "3 Nov 02:14"]
    assert story.split()[-6:] == ["letter", "3,000", "1,487", "(49.6", "%)", "0"]
    assert {len(row) for row in rows} == {len(header)}
    running = [row.split()[0] for row in rows if not row.endswith(" 0")]
    assert running == ["12345600340"]


def test_a_failure_is_json_too_beside_the_line_on_standard_error(box, capsys):
    box.fault("forbidden", path="/docgen_batch_jobs/1001", times=None)
    for command in ("fetch", "audit"):
        assert main([command, "1001", "--json", *box.options]) == 3
        printed = capsys.readouterr()
        error = json.loads(printed.out)["error"]
        assert (error["status"], bool(error["request_id"])) == (403, True)
        assert printed.err.startswith("boxdocgen: ")


@pytest.mark.parametrize(
    ("options", "start"),
    [([], b"batch_id,"), (["--format", "ndjson"], b"{"), (["--format", "parquet"], b"PAR1")],
)
def test_jobs_go_to_standard_output_in_any_format(box, capfdbinary, options, start):
    assert main(["fetch", "1001", "-o", "-", *options, *box.options]) == 0
    printed = capfdbinary.readouterr()
    assert printed.out.startswith(start)
    assert b"1,500 of 1,500 completed" in printed.err


def test_quiet_prints_errors_alone(box, capsys):
    assert main(["fetch", "1001", "-q", *box.options]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert main(["fetch", "404", "-q", *box.options]) == 3
    assert capsys.readouterr().err.startswith("boxdocgen: ")


def test_without_batches_the_line_says_who_sees_them(box, capsys):
    box.enterprise = Enterprise.of({})
    assert main(["batches", *box.options]) == 0
    assert capsys.readouterr().out.startswith("No batches. Box shows them only to their creator")
    assert main(["batches", "--since", "7d", *box.options]) == 0
    assert re.match(r"No batches with jobs created since .* UTC\. Box ", capsys.readouterr().out)


@pytest.fixture
def opened(monkeypatch):
    """The addresses opened in the browser."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    return addresses


def test_open_writes_a_private_page_and_shows_it(capsys, opened):
    assert main(["open", "--demo", STORY]) == 0
    path = capsys.readouterr().out.strip()
    assert opened == [f"file://{path}"]
    text = Path(path).read_text("utf-8")
    assert "Content-Security-Policy" in text
    assert "Offer letter" in text
    assert Path(path).stat().st_mode & 0o077 == 0


def test_open_deletes_this_user_s_older_pages_and_nothing_else(
    monkeypatch, tmp_path, opened, capsys
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names = [f"boxdocgen-{digit * 16}.html" for digit in "abc"]
    for name in [*names, "boxdocgen-report.html"]:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / names[1])  # of today
    assert main(["open", "--demo", STORY]) == 0
    page = Path(capsys.readouterr().out.strip()).name
    assert {path.name for path in tmp_path.iterdir()} == {names[1], "boxdocgen-report.html", page}


def test_names_of_templates_are_optional(box, capsys, opened):
    box.fault("forbidden", path="/docgen_templates", times=None)
    assert main(["batches", *box.options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("template " in line for line in lines[1:])
    assert main(["open", "1002", *box.options]) == 0
    assert len(opened) == 1
    assert main(["audit", "1002", *box.options]) == 0


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


def test_the_emulator_prints_its_address_and_lines_for_a_shell(monkeypatch, tmp_path, capsys):
    """With ``--now``, its batches are as old as those of the demo."""
    with subprocess.Popen(
        [sys.executable, "-m", "boxdocgen_explore", "emulator", "--now"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line, export, command = [process.stdout.readline() for _ in range(3)]
            _, name, token = re.split("[ =]", export.strip())
            monkeypatch.setenv(name, token)
            program, *arguments = shlex.split(command)
            ages = ["--since", "1d", "--cache-dir", str(tmp_path)]
            assert main([*arguments, *ages]) == 0
        finally:
            process.terminate()
    url = line.split()[0]
    assert url.startswith("http://127.0.0.1:")
    assert DEMO_TOKEN in line
    assert (program, arguments[-1]) == ("boxdocgen", url)
    ids = [row.split()[0] for row in capsys.readouterr().out.splitlines()]
    assert main(["batches", "--demo", "--since", "1d"]) == 0
    assert ids == [row.split()[0] for row in capsys.readouterr().out.splitlines()]
    assert len(ids) > 3


def test_the_emulator_lists_its_faults(capsys):
    assert main(["emulator", "--fault", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FAULTS)


def test_the_archive_of_recent_batches_fetches_them_and_lists_what_was_left_out(
    box, capsys, tmp_path
):
    done, last, _ = box.enterprise.jobs("1002")
    created = dt.datetime.now(dt.UTC) - dt.timedelta(days=13)
    pending = {"status": "pending", "created_at": created.isoformat(timespec="seconds")}
    box.enterprise.put("1002", [done | pending | {"status": "completed"}, last | pending])
    box.enterprise.put("1003", [plain_job("1003", n) for n in range(1200)])
    command = ["archive", str(tmp_path / "archive"), "--since", "99999d", *box.options]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "2 batches written, 2,700 jobs" in lines
    why = f"still running since {moment(created)}. 1 of 2 jobs may still change."
    assert f"batch 1002 was left out: {why}" in lines

    box.enterprise.put("1004", [plain_job("1004", n) for n in range(1200)])
    box.fault("forbidden", path="/docgen_batch_jobs/1004", page=2, times=None)
    assert main(command) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "2 batches unchanged, 2,700 jobs" in lines
    (left_out,) = [line for line in lines if line.startswith("batch 1004")]
    since = r"batch 1004 was left out: incomplete since .* UTC\. This user or this app may not"
    assert re.match(since, left_out)
    assert "--skip" not in left_out
    assert not [line for line in lines if "request id" in line]  # the details of the reason
    written = pl.scan_parquet(tmp_path / "archive/month=*/*.parquet")
    assert written.select(pl.len()).collect().item() == 2700
    assert main([*command, "-q"]) == 1
    quiet = capsys.readouterr()
    assert (quiet.out, quiet.err) == ("", f"{left_out}\n")
    log = tmp_path / "archive/_runs.parquet"
    earlier = pl.col("left_out_since") - dt.timedelta(days=2)
    pl.read_parquet(log).with_columns(earlier).write_parquet(log)
    assert main([*command, "-q"]) == 1
    assert "To leave it out, add --skip 1004." in capsys.readouterr().err
    # Two weeks are enough for a million documents.
    box.enterprise.put("1002", [done, last | {"status": "pending"}])
    assert main([*command, "-q", "--skip", "1004"]) == 1
    assert "batch 1002 was left out: still running since" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["archive", str(tmp_path / "file"), *box.options]) == 2
    assert "cannot be used" in capsys.readouterr().err
