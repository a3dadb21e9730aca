"""``boxdocgen audit``: the same verdict on the terminal, in the file, and as exit status."""

import html
import json
import re
from dataclasses import replace

import pytest
from full_disk import full_disk
from report_text import plain

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_USER, Emulator, Enterprise, User

STORY = "12345600319"


def fail(emulator, batch_id):
    jobs = emulator.enterprise.jobs(batch_id)
    broken = {"status": "failed", "output_file": None, "output_file_version": None}
    emulator.enterprise.put(batch_id, [{**jobs[0], **broken}, *jobs[1:]])


def headline(path):
    found = re.search(r'<p class="headline[^"]*">([^<]*)</p>', path.read_text("utf-8"))
    return html.unescape(found[1])


def test_a_complete_audit_is_status_0_and_one_sentence(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    assert main(["audit", "1001", "1002", "-o", str(path), *box.options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("No exceptions noted")
    assert lines[0] == headline(path)
    assert lines[1].startswith("Population Complete: all 28 jobs of 2 batches, read as svc-hr@exam")
    assert lines[2] == "Outcome    All 28 jobs completed."
    assert lines[3].startswith("Checks     0 exceptions, ")
    digest = lines[-1].removeprefix("SHA-256 of its data: ")
    assert f'<code id="boxdocgen-digest">{digest}</code>' in path.read_text("utf-8")
    assert bx.read_report(path).height == 28


def test_failures_are_status_1(box, tmp_path, capsys):
    fail(box, "1002")
    path = tmp_path / "audit.html"
    assert main(["audit", "1001", "1002", "-o", str(path), *box.options]) == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first == headline(path) == "Exceptions noted"
    assert others[1].startswith("Outcome    1 of 28 jobs failed (3.6 %)")
    (line,) = [line for line in others if "failed-share: 1 of 3 jobs failed" in line]
    assert line.endswith("(batch 1002)")
    assert '<span class="more">Batch 1002</span>' in path.read_text("utf-8")


def test_a_rule_that_was_asked_for_but_not_evaluated_is_status_1(box, tmp_path, capsys):
    jobs = [{**job, "external_id": f"EMP-{n}"} for n, job in enumerate(box.enterprise.jobs("1002"))]
    box.enterprise.put("1002", jobs)
    manifest = tmp_path / "expected.csv"
    manifest.write_text("external_id\nEMP-0\nEMP-1\nEMP-2\n", "utf-8")
    command = ["audit", "1002", "--expected", str(manifest), *box.options]
    assert main(command) == 0
    capsys.readouterr()
    assert main([*command, "--redact", "external_id"]) == 1
    first, _, _, checks, *_ = capsys.readouterr().out.splitlines()
    assert first == "Checks not performed"
    assert checks.endswith(
        "not performed (requested: manifest-missing, manifest-not-made, manifest-unexpected)."
    )


def test_on_a_full_disk_the_old_report_stays_and_the_status_is_2(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    path.write_text("the old report", "utf-8")
    with full_disk():
        assert main(["audit", "1001", "-o", str(path), *box.options]) == 2
    assert path.read_text("utf-8") == "the old report"
    assert {one.name for one in tmp_path.iterdir()} == {"audit.html", "cache"}
    assert f"{path} cannot be written: " in capsys.readouterr().err


def test_json_has_the_verdict_and_every_rule(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    fail(box, "1001")
    assert main(["audit", "1001", "--json", "-o", str(path), *box.options]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["conclusion"] == headline(path)
    assert printed["complete"] is False
    said = [printed[name].pop("statement") for name in ("population", "outcome", "checks")]
    assert printed["verdict"] == " ".join([f"{headline(path)}.", *said])
    assert printed["population"] == {"conclusion": "complete"}
    assert printed["outcome"] == {"jobs": {"failed": 1, "completed": 24}}
    assert sum(printed["checks"].values()) == len(bx.RULES)
    assert printed["findings"][0]["rule"] == "failed-share"
    assert {rule["rule"] for rule in printed["rules"]} == {rule.name for rule in bx.RULES}
    assert printed["digest"] in path.read_text("utf-8")


def test_since_asks_for_every_batch_of_the_last_days(tmp_path, capsys):
    path = tmp_path / "audit.html"
    assert main(["audit", "--demo", "--since", "18h", "-o", str(path)]) == 1
    first, population, outcome, *_ = capsys.readouterr().out.splitlines()
    assert re.search(r"failed \(.* still running", outcome)
    assert ", only batches that svc-hr@example.com can see, demo data." in population
    assert first == headline(path) == "Exceptions noted"
    recent = {"12345600319", "12345600333", "12345600340"}  # after 2 November, 14:00
    assert set(bx.read_report(path)["batch_id"]) == recent


def test_an_audit_without_recent_batches_is_not_complete(box, capsys):
    box.enterprise = Enterprise.of({})
    assert main(["audit", "--since", "7d", *box.options]) == 1
    first, population, *_ = capsys.readouterr().out.splitlines()
    assert first == "No jobs"
    assert "no batch was found; as of " in population
    assert "only batches that svc-hr@example.com can see" in population


@pytest.mark.parametrize("more", [[], ["--details"]])
def test_a_day_without_jobs_is_no_finding_if_the_list_has_older_jobs(box, more, capsys, tmp_path):
    bag = str(tmp_path / "bag.zip")
    command = ["audit", "--since", "1s", "--fail-on", "warning", "--evidence", bag, *more]
    assert main([*command, *box.options]) == 0
    first, population, *_ = capsys.readouterr().out.splitlines()
    assert first == "No jobs"
    assert population.startswith("Population Complete: no batch was found; as of ")
    assert main(["verify", bag]) == 0


@pytest.mark.parametrize("command", ["audit", "watch"])
def test_a_quiet_command_writes_to_standard_error_why_its_status_is_1(capsys, command):
    assert main([command, "--demo", STORY, "-q"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Exceptions noted. Complete: all 3,000 jobs of batch ")


def test_a_list_of_batches_that_could_not_be_read_is_named_with_the_reason(box, capsys, tmp_path):
    box.fault("forbidden", path="/docgen_jobs", times=None)
    report, junit = tmp_path / "a.html", tmp_path / "a.xml"
    command = ["audit", "--since", "7d", "-o", str(report), "--junit", str(junit), *box.options]
    assert main(command) == 3
    sentence = "Limited: the list of batches could not be read: This user or this app may not read"
    assert sentence in capsys.readouterr().out
    assert sentence in plain(report.read_text("utf-8"))
    assert sentence in junit.read_text("utf-8")


def test_a_report_of_a_day_without_jobs_is_labelled_and_shows_what_was_read(tmp_path):
    report = tmp_path / "quiet.html"
    assert main(["audit", "--demo", "--since", "1m", "-o", str(report)]) == 0
    text = plain(report.read_text("utf-8"))
    assert "demo: synthetic data" in text
    assert "Complete. The list of all jobs has no batch of this time." in text


def test_a_batch_list_with_gaps_is_not_complete(box, capsys, monkeypatch):
    batch_list = Box.batch_list

    def with_gaps(self, *since, **options):
        return replace(batch_list(self, *since, **options), complete=False)

    monkeypatch.setattr(Box, "batch_list", with_gaps)
    assert main(["audit", "--since", "520w", *box.options]) == 1
    first, population, *_ = capsys.readouterr().out.splitlines()
    assert first == "Scope limited"
    assert "Limited: the list of batches may have gaps; all 28 jobs of 2 batches, " in population
    assert main(["audit", "--since", "520w", "--json", *box.options]) == 1
    rules = {row["rule"]: row["verdict"] for row in json.loads(capsys.readouterr().out)["rules"]}
    assert rules["missing-job"] == "not evaluated"


def test_max_age_reads_older_pages_again(box, capsys):
    assert main(["audit", "1001", *box.options]) == 0
    fail(box, "1001")
    assert main(["audit", "1001", *box.options]) == 0
    assert main(["audit", "1001", "--max-age", "0s", *box.options]) == 1
    capsys.readouterr()


def test_the_evidence_names_the_user_that_was_read_as(monkeypatch, tmp_path, capsys):
    path = tmp_path / "audit.html"
    admin = User("8", "Admin", "admin@example.com", token="admin-token", may_act_as=True)
    monkeypatch.setenv("BOX_ACCESS_TOKEN", "admin-token")
    with Emulator(enterprise=Enterprise.of({"1001": 25}), users=[DEMO_USER, admin]) as emulator:
        where = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
        assert main(["audit", "1001", "--as-user", DEMO_USER.id, "-o", str(path), *where]) == 0
    text = path.read_text("utf-8")
    assert f"Read on behalf of user {DEMO_USER.id} (as-user" in text
    assert "svc-hr@example.com (user id" in text
    assert "admin-token" not in text
    capsys.readouterr()


def test_the_tags_of_failing_versions_are_looked_up(capsys):
    assert main(["audit", "--demo", STORY]) == 1
    printed = capsys.readouterr().out
    assert "failure-tags: 1,412 of " in printed
    assert "(a correlation, not proof of the cause)" in printed


def test_documents_are_read_if_asked_for(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    assert main(["audit", "1001", "-o", str(path), *box.options]) == 0
    assert not any("/files/" in call.path or "/folders/" in call.path for call in box.calls)
    assert bx.read_report(path, evidence=True).document_pages is None
    gone = box.enterprise.documents("1001")[3]
    box.enterprise.changed = {gone.id: replace(gone, state="deleted")}
    assert main(["audit", "1001", "--documents", "-o", str(path), *box.options]) == 1
    printed = capsys.readouterr().out
    assert "1 exception (missing-document)" in printed
    assert f"missing-document: Box has no output file {gone.id} for this user" in printed
    statuses = bx.read_report(path, evidence=True).document_pages["status"].to_list()
    assert statuses.count(404) == 1


@pytest.mark.filterwarnings("default:Not checked:UserWarning")
def test_documents_that_may_not_be_read_are_status_1(box, capsys):
    forbidden = [replace(one, state="forbidden") for one in box.enterprise.documents("1001")]
    box.enterprise.changed = {one.id: one for one in forbidden}
    assert main(["audit", "1001", "--documents", *box.options]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("Checks not performed")
    assert "25 documents: this user may not read them" in printed.err


def test_a_path_that_cannot_be_written_costs_no_call(box, tmp_path):
    assert main(["audit", "1001", "-o", str(tmp_path), *box.options]) == 2
    assert box.calls == []
