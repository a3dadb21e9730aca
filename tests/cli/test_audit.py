"""``boxdocgen audit`` and ``render``: one verdict on the terminal, in the file, as exit status."""

import datetime as dt
import json
import re

import pytest
from playwright.sync_api import expect

import boxdocgen_explore as bx
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, DEMO_USER, Emulator, Enterprise, User

STORY = "12345600319"
WHOLE = "12345600305"


@pytest.fixture
def box(monkeypatch, tmp_path):
    """An emulator with two small batches that went well, and options that lead to it."""
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    with Emulator(enterprise=Enterprise.of({"1001": 25, "1002": 3})) as emulator:
        emulator.options = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
        yield emulator


def fail(emulator, batch_id):
    jobs = emulator.enterprise.jobs(batch_id)
    broken = {"status": "failed", "output_file": None, "output_file_version": None}
    emulator.enterprise.put(batch_id, [{**jobs[0], **broken}, *jobs[1:]])


def headline(path):
    found = re.search(r'<p class="headline[^"]*">([^<]*)</p>', path.read_text("utf-8"))
    return found[1].replace("&#x27;", "'")


def test_all_is_well_is_status_0_and_one_sentence(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    assert main(["audit", "1001", "1002", "-o", str(path), *box.options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("COMPLETE: all 2 batches completed; read as svc-hr@example.com; ")
    assert lines[0] == headline(path)
    digest = lines[-1].removeprefix("SHA-256 of its data: ")
    assert f'<code id="boxdocgen-digest">{digest}</code>' in path.read_text("utf-8")
    assert bx.read_report(path).height == 28


def test_failures_are_status_1(box, tmp_path, capsys):
    fail(box, "1002")
    path = tmp_path / "audit.html"
    assert main(["audit", "1001", "1002", "-o", str(path), *box.options]) == 1
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("NOT COMPLETE: 1 of 2 batches has failures; ")
    assert first == headline(path)
    assert any("failed-share: 1 of 3 jobs failed" in line for line in others)


def test_a_manifest_that_is_not_met_is_status_1(box, tmp_path, capsys):
    manifest = tmp_path / "expected.csv"
    manifest.write_text("batch_id,jobs\n1001,25\n1002,4\n", "utf-8")
    assert main(["audit", "1001", "1002", "--expected", str(manifest), *box.options]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("NOT IN ORDER: all 2 batches completed, manifest-missing found")


def test_as_json_it_is_for_programs(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    fail(box, "1001")
    assert main(["audit", "1001", "--json", "-o", str(path), *box.options]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["verdict"] == headline(path)
    assert said["complete"] is False
    assert said["findings"][0]["rule"] == "failed-share"
    assert {rule["rule"] for rule in said["rules"]} == {rule.name for rule in bx.RULES}
    assert said["digest"] in path.read_text("utf-8")


def test_of_several_batches_the_good_are_audited_and_the_status_is_3(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    assert main(["audit", "1001", "404404", "-o", str(path), *box.options]) == 3
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == headline(path)
    assert headline(path).startswith("INCOMPLETE: 1 of 2 batches was not read whole")
    assert "404404" in said.err


def test_with_no_good_batch_there_is_no_file(box, tmp_path, capsys):
    path = tmp_path / "audit.html"
    assert main(["audit", "404404", "404405", "-o", str(path), *box.options]) == 3
    assert main(["audit", "404404", "-o", str(path), *box.options]) == 3
    assert not path.exists()
    assert capsys.readouterr().out == ""


def test_since_asks_for_every_batch_of_the_last_days(tmp_path, capsys):
    path = tmp_path / "audit.html"
    assert main(["audit", "--demo", "--since", "18h", "-o", str(path)]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert re.match(r"NOT COMPLETE: 1 of \d+ batches still runs, \d+ have failures; ", first)
    assert "; seen: svc-hr@example.com's batches only; as of " in first
    assert first == headline(path)
    assert "demo" in first
    with bx.demo() as demo:
        batches = demo.batches()
    start = dt.datetime(2026, 11, 2, 14, tzinfo=dt.UTC)
    recent = batches.filter(batches["last_created_at"] >= start)
    assert set(bx.read_report(path)["batch_id"]) == set(recent["batch_id"])


def test_since_with_nothing_seen_does_not_say_that_all_is_complete(box, capsys):
    box.enterprise = Enterprise.of({})
    assert main(["audit", "--since", "7d", *box.options]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("NOT COMPLETE: no batch was seen; seen: svc-hr@example.com's batches")


def test_a_list_of_batches_with_gaps_does_not_say_that_all_is_complete(box, capsys, monkeypatch):
    from boxdocgen_explore.box import Box

    whole = Box.batch_list

    def with_gaps(self, **options):
        from dataclasses import replace

        return replace(whole(self, **options), complete=False)

    monkeypatch.setattr(Box, "batch_list", with_gaps)
    assert main(["audit", "--since", "520w", *box.options]) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("NOT COMPLETE: the list of batches may have gaps")


def test_max_age_reads_again_what_is_kept_for_longer(box, capsys):
    assert main(["audit", "1001", *box.options]) == 0
    fail(box, "1001")
    assert main(["audit", "1001", *box.options]) == 0
    assert main(["audit", "1001", "--max-age", "0s", *box.options]) == 1
    capsys.readouterr()


def test_redacted_words_are_not_in_the_file(tmp_path, capsys):
    path = tmp_path / "audit.html"
    command = ["audit", "--demo", STORY, "--redact", "errors", "--redact", "external_id"]
    assert main([*command, "-o", str(path)]) == 1
    text = path.read_text("utf-8")
    assert "relocation_allowance" not in text
    assert "errors, external_id: not in this file" in text
    assert not {"errors", "external_id"} & set(bx.read_report(path).columns)
    capsys.readouterr()


def test_as_user_stands_in_the_evidence(monkeypatch, tmp_path, capsys):
    path = tmp_path / "audit.html"
    admin = User("8", "Admin", "admin@example.com", token="admin-token", may_act_as=True)
    monkeypatch.setenv("BOX_ACCESS_TOKEN", "admin-token")
    with Emulator(enterprise=Enterprise.of({"1001": 25}), users=[DEMO_USER, admin]) as emulator:
        where = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
        assert main(["audit", "1001", "--as-user", DEMO_USER.id, "-o", str(path), *where]) == 0
    text = path.read_text("utf-8")
    assert f"Asked of Box with as-user {DEMO_USER.id}:" in text
    assert "svc-hr@example.com (user id" in text
    assert "admin-token" not in text
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "--demo"],
        ["audit", "--demo", WHOLE, "--since", "7d"],
        ["audit", "--demo", "--since", "soon"],
        ["audit", "--demo", WHOLE, "-o", "audit.pdf"],
        ["audit", "--demo", WHOLE, "-o", "/no/such/folder/audit.html"],
        ["audit", "--demo", WHOLE, "--expected", "/no/such/file.csv"],
        ["audit", "--demo", WHOLE, "--redact", "names"],
        ["render", "/no/such/notebook.ipynb", "-o", "page.html"],
        ["render", "README.md", "-o", "page.html"],
        ["render", "notebook.ipynb"],
    ],
)
def test_what_cannot_be_is_status_2_and_one_sentence(arguments, capsys, monkeypatch, tmp_path):
    (tmp_path / "README.md").write_text("No notebook.", "utf-8")
    monkeypatch.chdir(tmp_path)
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert len(said.err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_an_audit_does_not_fail_for_want_of_names(box, capsys):
    box.fault("forbidden", path="/docgen_templates", times=None)
    assert main(["audit", "1002", *box.options]) == 0
    capsys.readouterr()


def test_the_tags_of_failing_versions_are_looked_up(capsys):
    assert main(["audit", "--demo", STORY]) == 1
    printed = capsys.readouterr().out
    assert "failure-tags: 1,412 of " in printed
    assert "(association, not cause)" in printed


@pytest.mark.browser
def test_the_weekly_report_opens_offline(tab, tmp_path, capsys):
    path = tmp_path / "week.html"
    assert main(["audit", "--demo", "--since", "18h", "-o", str(path)]) == 1
    tab.goto(path.as_uri())
    expect(tab.locator(".headline")).to_have_text(capsys.readouterr().out.splitlines()[0])
    expect(tab.get_by_role("figure", name="Outcomes by batch").locator("svg")).to_be_visible()


def test_a_file_that_could_not_be_written_costs_no_fetch(box, tmp_path):
    assert main(["audit", "1001", "-o", str(tmp_path), *box.options]) == 2
    assert box.calls == []
