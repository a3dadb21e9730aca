"""``boxdocgen watch``: its output while a batch runs, and its exit status."""

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from clock import travels
from time_machine import travel

from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import plain_job

WAITING = {"status": "pending", "output_file": None, "output_file_version": None}


@pytest.fixture
def sizes():
    return {"1001": 40}


def put(box, final, status="completed"):
    jobs = [plain_job("1001", n) | ({"status": status} if n == 0 else {}) for n in range(final)]
    jobs += [plain_job("1001", n) | WAITING for n in range(final, 40)]
    box.enterprise.put("1001", jobs)


def complete_when_called(box, calls, status="completed"):
    """The batch is done after this number of requests."""
    enterprise, batch = box.enterprise, box.enterprise.batch

    def counting(batch_id, user):
        if sum(call.path.startswith("/docgen_batch") for call in box.calls) == calls:
            put(box, 40, status)
        return batch(batch_id, user)

    enterprise.batch = counting


def test_a_watch_ends_by_itself_and_says_how_it_ended(box, capsys):
    put(box, 10)
    complete_when_called(box, 3)
    assert main(["watch", "1001", "--every", "0.01", *box.options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("10 of 40 final · too early to tell")
    assert lines[2] == "40 of 40 final · 4 calls"
    assert lines[3].startswith("No exceptions noted. Complete: all 40 jobs")


def test_a_watched_batch_that_failed_has_the_status_of_its_audit(box, capsys):
    put(box, 10)
    complete_when_called(box, 2, status="failed")
    assert main(["watch", "1001", "--every", "0.01", *box.options]) == 1
    assert "1 of 40 jobs failed" in capsys.readouterr().out


def test_each_look_is_a_line_of_json(box, capsys):
    put(box, 10)
    complete_when_called(box, 2)
    assert main(["watch", "1001", "--json", "--every", "0.01", *box.options]) == 0
    looks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(look["final"], look["remaining"]) for look in looks] == [(10, 30), (40, 0)]
    assert looks[0]["text"].startswith("10 of 40 final")
    assert looks[-1]["calls"] == 3


def test_a_watch_that_runs_out_of_time_is_not_done(box, capsys):
    put(box, 10)
    assert main(["watch", "1001", "--timeout", "1s", "--every", "30", *box.options]) == 1
    assert "30 of 40 jobs still running" in capsys.readouterr().out


def test_a_watch_without_changes_for_an_hour_ends_unless_told_otherwise(box, capsys):
    put(box, 10)
    enterprise, batch = box.enterprise, box.enterprise.batch

    def later(batch_id, user):
        travels.enter_context(travel(datetime.now(UTC) + timedelta(minutes=40)))
        return batch(batch_id, user)

    enterprise.batch = later
    complete_when_called(box, 8)
    command = ["watch", "1001", "--every", "0.01", *box.options]
    assert main(command) == 1
    assert "10 of 40 final · unchanged for " in capsys.readouterr().out
    assert main([*command, "--until-done"]) == 0


def test_a_refusal_is_one_line_and_status_3(box, capsys):
    assert main(["watch", "404404", *box.options]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--every", "0"], ["--offline"], ["--timeout", "soon"]])
def test_invalid_options_are_usage_errors(box, arguments, capsys):
    try:
        status = main(["watch", "1001", *arguments, *box.options])
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert box.calls == []


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process on Windows")
def test_ctrl_c_ends_a_watch_and_keeps_what_was_fetched(box):
    put(box, 10)
    command = [sys.executable, "-m", "boxdocgen_explore", "watch", "1001", *box.options]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        assert "10 of 40 final" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors == "boxdocgen: Stopped. What has arrived is cached.\n"


# --- calls, documents and times in the other commands -------------------------------------------


def test_the_number_of_calls_is_said_on_request(box, capsys):
    assert main(["fetch", "1001", "-v", *box.options]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(" · just now · 2 calls")
    assert main(["fetch", "1001", *box.options]) == 0
    assert "call" not in capsys.readouterr().out
    assert main(["audit", "1001", "-v", *box.options]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("; 2 calls")
    assert main(["audit", "1001", "--json", *box.options]) == 0
    assert json.loads(capsys.readouterr().out)["calls"] == 1  # all else is cached


def test_fetch_writes_the_documents(box, tmp_path, capsys):
    path = tmp_path / "jobs.csv"
    assert main(["fetch", "1001", "--documents", "--details", "-o", str(path), *box.options]) == 0
    header, first, *_ = path.read_text(encoding="utf-8-sig").splitlines()
    assert header.endswith("output_file_created_at,output_file_folder_id,duration_s")
    assert ",true,Letter 181001000000.pdf," in first
    assert first.endswith(",15.0")


def test_fetch_takes_the_batches_since_a_time(capsys, tmp_path):
    path = tmp_path / "jobs.parquet"
    assert main(["fetch", "--demo", "--since", "1d", "-v", "-o", str(path)]) == 0
    printed = capsys.readouterr()
    assert "5 batches, all" in printed.out
    assert re.search(r"jobs of the list of all jobs read, down to jobs created", printed.err)


def test_batches_since_a_time_are_listed(capsys):
    assert main(["batches", "--demo", "--since", "1d"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 5


def test_a_watch_without_a_response_of_box_reports_that_as_json_too(box, capsys):
    box.fault("rate-limit", path="/docgen_batch_jobs/1001", times=None, retry_after=0)
    command = ["watch", "1001", "--timeout", "0s", *box.options]
    assert main([*command, "--json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert [*values] == ["schema_version", "command", "verdict", "calls"]
    assert values["verdict"] == "The time ran out before Box returned these batches."
