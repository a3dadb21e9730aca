"""``boxdocgen compare`` and ``resubmit``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from frames import story

import boxdocgen_explore as bx
from boxdocgen_explore.cli import main

STORY, BEFORE, BROKEN = "12345600319", "12345600214", "12345600270"


def test_two_batches_are_counted_side_by_side(capsys):
    assert main(["compare", "--demo", BEFORE, STORY]) == 0
    before, after, header, *rows = capsys.readouterr().out.splitlines()
    assert before.startswith("Before: 3 of ")
    assert after.startswith("After: 1,487 of 3,000 failed, ")
    assert header.split() == ["Aspect", "Item", "Before", "After", "Change"]
    assert ["outcome", "failed", "3", "1,487", "+1,484"] in [row.split() for row in rows]


def test_a_report_is_compared_with_what_box_says_now(capsys, tmp_path):
    report = str(tmp_path / "audit.html")
    assert main(["audit", "--demo", BEFORE, "-o", report]) == 1
    capsys.readouterr()
    assert main(["compare", "--demo", report, BEFORE, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["comparison"]
    assert {row["change"] for row in rows if row["detail"] is None} == {0}
    assert [row for row in rows if row["detail"]] == []
    assert main(["compare", report, report]) == 0  # without credentials


def test_no_comparison_with_an_incomplete_report_looks_complete(capsys, tmp_path):
    report = str(tmp_path / "audit.html")
    assert main(["audit", "--demo", BROKEN, "-o", report]) == 3
    capsys.readouterr()
    assert main(["compare", "--demo", report, STORY]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Before: INCOMPLETE, at least 2,000 jobs: pages missing in batch ")
    assert main(["compare", "--demo", report, STORY, "-q"]) == 1
    assert capsys.readouterr() == ("", "Pages are missing.\n")


def test_what_to_resubmit_is_a_csv_file_or_a_list_of_ids(capsys, tmp_path):
    manifest, path = tmp_path / "expected.csv", tmp_path / "again.csv"
    manifest.write_text("external_id,name\nEMP-004711,Bond\nEMP-999999,Bill\n", "utf-8")
    command = ["resubmit", "--demo", STORY, "--expected", str(manifest)]
    assert main([*command, "-o", str(path)]) == 0
    assert capsys.readouterr().out == (
        f"{path}: 1,584 documents: 1,487 failed, 96 completed with errors, 1 without a job\n"
    )
    rows = list(csv.DictReader(Path(path).read_text("utf-8-sig").splitlines()))
    matches = {row["name"]: row["match"] for row in rows if row["name"]}
    assert matches == {"Bond": "matched", "Bill": "no job"}
    assert main(command) == 0
    assert "EMP-004711" in capsys.readouterr().out.splitlines()


def test_jobs_that_vanished_are_named(capsys, tmp_path):
    jobs = bx.read_report(bx.report(story(30), tmp_path / "all.html").path)
    bx.report(jobs.head(5), tmp_path / "few.html")
    assert main(["compare", str(tmp_path / "few.html"), str(tmp_path / "all.html")]) == 0
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "all.html"), str(tmp_path / "few.html")]) == 1
    lines = capsys.readouterr().out.splitlines()
    named = [line for line in lines if line.startswith("batch ")]
    assert len(named) == 20
    assert f"job {jobs['job_id'][5]}: job vanished (" in named[0]
    assert lines[-1] == "and 5 jobs more, in --json"
    assert main(["compare", str(tmp_path / "all.html"), str(tmp_path / "few.html"), "-q"]) == 1
    assert capsys.readouterr() == ("", "23 final jobs changed or vanished.\n")


def test_a_report_that_leaves_something_out_cannot_be_compared(capsys, tmp_path):
    whole, redacted = str(tmp_path / "all.html"), str(tmp_path / "redacted.html")
    bx.report(story(30), whole)
    bx.report(story(30), redacted, redact=["errors", "external_id"])
    assert main(["compare", whole, redacted]) == 2
    message = capsys.readouterr().err
    assert f"{redacted} leaves out errors, external_id, so that it cannot be compared: " in message


def test_a_manifest_that_cannot_be_read_costs_no_call(box, capsys, tmp_path):
    command = ["resubmit", "1001", *box.options]
    assert main([*command, "--expected", str(tmp_path / "no.csv")]) == 2
    assert box.calls == []
    first, *others = box.enterprise.jobs("1001")
    no_file = {"output_file": None, "output_file_version": None}
    box.enterprise.put("1001", [{**first, **no_file, "status": "pending"}, *others])
    capsys.readouterr()
    assert main(command) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "1 job still running, not in the list: they may yet fail"
