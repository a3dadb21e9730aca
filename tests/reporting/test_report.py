"""The report: one file with the evidence, the findings and the verdict."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from clock import age
from frames import HOSTILE, jobs_frame, pages_frame, story
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from report_text import contents, plain

import boxdocgen_explore as bx
from boxdocgen_explore import errors, reporting
from boxdocgen_explore.emulator import plain_job
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import JOBS, STATUSES

# Namespaces and hints inside Vega: identifiers that browsers do not request.
NOT_CONTACTED = (
    "http://www.w3.org/",
    "https://vega.github.io/schema/",
    "https://vega.github.io/editor/",
    "https://github.com/vega/vega-lite/issues/",
)
DONE = {"output_file_id": "1", "output_file_version_id": "2"}


def settings_of(text: str) -> dict[str, Any]:
    """The input of the view in the file."""
    return json.loads(re.search(r'id="boxdocgen-settings">(.*?)<', text)[1])


# --- the evidence ----------------------------------------------------------------------------


def test_a_plain_frame_has_no_evidence(written):
    text = plain(written(jobs_frame([DONE])))
    assert "No evidence Population No evidence: nothing shows that these are all" in text
    assert "No evidence: a plain frame of jobs does not show how it was read" in text


def test_view_and_evidence_are_incomplete_too(reading, written):
    text = written(Reading(reading.jobs, reading.pages[1:]))
    assert "Scope limited Population Limited: pages missing in batch 1001 (incons" in plain(text)
    assert "Population Limited. Batch 1001" in plain(text)
    assert settings_of(text)["verdict"]["complete"] is False


def test_a_batch_that_could_not_be_read_makes_the_report_incomplete(box, emulator, written):
    emulator.fault("other-body", path="/docgen_batch_jobs/1003", times=None, body="{}")
    with pytest.raises(bx.BoxDocGenError) as caught:
        box.read(["1001", "1003"])
    text = plain(written(caught.value.reading))
    assert "Limited: pages missing in batch 1003 (all pages): Page 1 of batch 1003 is not " in text
    assert "At least 25 jobs of 2 batches" in text
    assert "Scope: Batches 1003, 1001. At least 25 jobs." in text


def test_every_page_is_listed_with_its_evidence(reading, written):
    text = plain(written(reading, scope="two batches, asked for by name"))
    for page in reading.pages.iter_rows(named=True):
        assert page["box_request_id"] in text
        assert page["body_sha256"] in text
    assert "svc-hr@example.com (user id 31415926535)" in text
    assert f"{reading.pages['host'][0]}, box-version 2025.0" in text
    assert "35 rows = 35 completed = 35 distinct job ids." in text
    assert f"All {reading.pages.height} pages of 2 batches read" in text
    assert "Box publishes no total" in text
    assert "Scope: two batches, asked for by name. 35 jobs." in text
    how = "The complete list of all jobs (details): read the batches with details=True (--details)"
    assert how.lower() in text.lower()
    assert f"boxdocgen-explore {bx.__version__}, {len(bx.RULES)} rules, version" in text


def test_cached_pages_show_their_age(box, written):
    box.read("1001", limit=10)
    age(box, hours=3)
    text = plain(written(box.read("1001", limit=10)))
    assert "1 page from Box, 2 cached, the oldest 3 h old" in text
    assert "cache, 3 h old" in text


def test_running_jobs_and_unknown_fields_are_named(written):
    jobs = jobs_frame([{"status": "pending"}, {"status": "on_hold"}])
    text = plain(written(Reading(jobs, pages_frame(1, jobs=2, unknown_fields=["priority"]))))
    assert "1 of 2 jobs still running (50 %); 1 with an unknown status" in text
    assert "fields: priority; statuses: on_hold." in text


def test_notes_such_as_the_recipe_of_a_sample_stand_in_the_evidence(reading, written):
    recipe = bx.sample_recipe(5, seed=7)
    assert recipe in plain(written(reading, notes=recipe))


def test_the_same_rules_have_the_same_version_and_others_another():
    version = reporting.evidence.rules_version
    assert version(bx.RULES) == version(list(bx.RULES))
    assert version(bx.RULES) != version(bx.RULES[1:])


# --- findings --------------------------------------------------------------------------------


def test_findings_stand_in_the_file_and_every_rule_with_its_verdict(written):
    text = plain(written(story(300)))
    findings, verdicts = bx.audit(story(300)), bx.verdicts(story(300))
    assert findings["detail"][0] in text
    assert all(rule in text for rule in verdicts["rule"])
    counts = dict(findings["rule"].value_counts().iter_rows())
    assert max(counts.values()) > 10
    for rule, count in counts.items():
        assert f"{count:,} finding{'s' if count > 1 else ''} of {rule}" in text
        assert (f"; {count - 10:,} more are in the HTML file" in text) == (count > 10)


def test_each_batch_is_listed_with_its_completeness_and_its_findings(box, emulator, written):
    emulator.enterprise.put("1", [])
    emulator.enterprise.put("2", [plain_job("2", 0) | {"status": "failed"}, plain_job("2", 1)])
    emulator.enterprise.put("3", [plain_job("3", 0) | {"status": "pending"}])
    emulator.enterprise.put("4", [plain_job("4", n) for n in range(30)])
    emulator.fault("500", path="/docgen_batch_jobs/4", page=2, times=None)
    emulator.enterprise.put("5", [plain_job("5", 0)])
    with pytest.raises(errors.BatchesFailed) as failed:
        box.read(["1", "2", "3", "4", "5"], limit=20)
    judged = bx.verdicts(failed.value.reading, by_batch=True).drop_nulls("batch_id")
    rows = re.findall(
        r"<tr>(<td data-label=.Batch.*?)</tr>", contents(written(failed.value.reading))
    )
    cells = [html.unescape(re.sub(r"<[^>]*>", "|", row)).strip("|").split("||") for row in rows]
    table = {re.sub(r"\|", "", row[0]): [row[-3], row[-1]] for row in cells[:5]}
    assert table == {
        "1": ["yes", "No jobs"],
        "2": ["yes", "Exceptions noted"],
        "3": ["yes", "Still running"],
        "4": ["no", "Scope limited"],
        "5": ["yes", "No exceptions noted"],
    }
    for (batch_id,), verdicts in judged.group_by("batch_id"):
        counts = Counter(verdicts["verdict"])
        (row,) = (row for row in cells[:5] if row[0].strip("|") == batch_id)
        assert row[-2] == (
            f"{counts['passed']} passed, {counts['found']} with findings, "
            f"{counts['not evaluated']} not performed"
        )


def test_what_was_not_performed_says_what_is_needed(reading, written):
    text = plain(written(reading))
    assert "needs a manifest (expected): give the manifest as expected (--expected FILE)" in text
    assert "needs details (source): read the batches with details=True (--details)" in text
    assert "allowed template version (--approved-version)" in text
    assert "id or login of an allowed creator (--creator); read the batches with details" in text


def test_a_host_that_is_not_box_is_named_first(reading, written):
    pages = reading.pages.with_columns(host=pl.lit("proxy.example.com"))
    assert "Read from proxy.example.com, not from api.box.com" in plain(
        written(replace(reading, pages=pages))
    )


def test_another_now_is_among_the_settings_and_changes_no_age(reading, written):
    then = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
    text = plain(written(reading, now=then, max_failed_share=0.25))
    assert "Settings: max_failed_share: 0.25; now: 2031-01-01T00:00:00+00:00." in text
    assert f"Audit on {dt.datetime.now(dt.UTC):%Y-%m-%d}" in text


# --- redaction -------------------------------------------------------------------------------

SECRETS = {
    "errors": ["Secret reason 4711"],
    "warnings": ["Secret remark 4712"],
    "external_id": "SECRET-4713",
    "created_by_id": "474747",
    "created_by_name": "Secret Person",
    "created_by_login": "secret@example.com",
    "output_file_id": "484848",
    "template_file_id": "494949",
}


@pytest.mark.parametrize(
    ("options", "gone", "named"),
    [
        ({"redact": "errors"}, ["Secret reason"], "errors"),
        (
            {"redact": ["warnings", "external_id"]},
            ["Secret remark", "SECRET-4713"],
            "warnings, external_id",
        ),
        (
            {"redact": ["creators"], "creators": ["secret@example.com"]},
            ["474747", "Secret Person", "secret@example.com"],
            "created_by_id, created_by_name, created_by_login",
        ),
        (
            {"columns": ["batch_id", "job_id", "status"]},
            ["Secret", "SECRET", "474747", "secret@example.com", "484848", "494949"],
            "output_type, output_file_id",
        ),
    ],
)
def test_what_is_left_out_is_nowhere_in_the_file_and_the_file_says_so(
    options, gone, named, written
):
    jobs = jobs_frame([{"status": "failed", **SECRETS}, {"status": "completed", **SECRETS}])
    state = {"text": "Secret reason 4711", "reason": ["Secret reason #"]}
    text = contents(written(jobs, state=state, templates={"494949": "Secret letter"}, **options))
    assert [secret for secret in gone if secret in text] == []
    assert f"Left out {named}" in plain(text)
    assert ("Secret letter" in text) == ("columns" not in options)


def test_a_message_that_is_left_out_is_not_named_as_the_cause(written):
    error = "The tag 'city' was not provided in the input data."
    jobs = jobs_frame([{"status": "failed", "errors": [error]}])
    settings = settings_of(written(jobs))
    assert settings["verdict"]["cause"] == "because the tag city was not provided"
    assert "{{city :: optional}}" in settings["cause"][-1]
    redacted = settings_of(written(jobs, redact="errors"))
    assert redacted["verdict"]["cause"] == ""
    assert redacted["cause"] == []


def test_what_is_left_out_is_never_found_missing():
    jobs = jobs_frame([{"status": "failed", "errors": ["Why"], **DONE}, {**DONE}])
    result = reporting.run_audit(jobs, columns=["batch_id", "job_id", "status"])
    verdicts = dict(result.verdicts.select("rule", "verdict").iter_rows())
    for rule in ("missing-output", "unexpected-output-type", "failure-groups", "several-templates"):
        assert verdicts[rule] == "not evaluated"
    assert verdicts["no-message"] == "passed"
    assert "left out" in result.verdicts.filter(rule="missing-output")["lacks"][0]
    by_batch = result.batch_verdicts.filter(rule="missing-output")
    assert by_batch["verdict"].to_list() == ["not evaluated"]
    columns = ["batch_id", "job_id", "status", "template_file_version_id"]
    without = reporting.run_audit(jobs, columns=columns, approved_versions=["t1"])
    (detail,) = without.findings.filter(rule="unapproved-version")["detail"]
    assert detail.startswith("2 jobs made from version ")


def test_a_missing_message_is_found_even_if_messages_are_left_out():
    jobs = jobs_frame([{"status": "failed", "errors": errors} for errors in (["Why"], [" "], [])])
    findings = reporting.run_audit(jobs, redact="errors").findings
    (detail,) = findings.filter(rule="no-message")["detail"]
    assert detail.endswith(f": {', '.join(jobs['job_id'][1:])}.")


def test_an_earlier_reading_is_compared_but_its_messages_are_not_quoted(written):
    secret = jobs_frame([{"status": "failed", "errors": ["Salary of Bond"]}])
    earlier = Reading(secret, pages_frame(1, jobs=1))
    assert "Salary of Bond" not in written(secret, earlier=earlier, redact="errors")
    assert "earlier: rows 1, sha256 " in written(secret, earlier=earlier)


# --- arguments and files ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"redact": "names"}, "cannot be redacted; redact takes creators"),
        ({"columns": ["status", "moon"]}, "no column 'moon'"),
        ({"columns": ["status", "job_id"]}, "needs the column batch_id"),
        ({"columns": "status"}, "columns must be a list"),
        ({"state": {"colour": ["red"]}}, "no key 'colour'"),
        ({"max_moons": 1}, "no threshold 'max_moons'"),
        ({"templates": pl.DataFrame({"id": ["1"]})}, "no column template_file_id"),
    ],
)
def test_an_invalid_argument_is_one_sentence_and_no_file(tmp_path, options, message):
    with pytest.raises(InvalidRequest, match=message):
        bx.report(jobs_frame([DONE]), tmp_path / "audit.html", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("audit.xlsx", "must end in .html"),
        ("audit", "must end in .html"),
        ("nowhere/audit.html", "nowhere does not exist: choose another one"),
        ("folder.html", "folder.html is a folder"),
    ],
)
def test_a_path_that_cannot_be_a_report_costs_no_audit(tmp_path, name, message):
    (tmp_path / "folder.html").mkdir()
    runs: list[int] = []
    rule = bx.Rule("counting", "info", "nothing", "To be sure.", lambda inputs: runs.append(1))
    with pytest.raises(InvalidRequest, match=message):
        bx.report(jobs_frame([DONE]), tmp_path / name, rules=[rule])
    assert runs == []
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_only_its_owner_can_read_a_report(tmp_path):
    path = tmp_path / "audit.html"
    path.touch(0o644)
    bx.report(jobs_frame([DONE]), path)
    assert path.stat().st_mode & 0o777 == 0o600


cells = st.none() | st.text(max_size=6) | st.sampled_from([*STATUSES, "1001", HOSTILE])
messages = st.none() | st.lists(st.none() | st.text(max_size=6), max_size=2)
values = {name: messages if dtype == pl.List(pl.String) else cells for name, dtype in JOBS.items()}


@given(st.lists(st.fixed_dictionaries(values), max_size=4))
@example([dict.fromkeys(JOBS, "\0") | {"errors": None, "warnings": None}, dict.fromkeys(JOBS)])
@settings(max_examples=5)
def test_any_jobs_can_be_written_and_read_back(tmp_path_factory, rows):
    jobs = pl.DataFrame(rows, schema=JOBS)
    path = tmp_path_factory.mktemp("any") / "audit.html"
    report = bx.report(jobs, path)
    assert not report.complete
    assert report.digest in path.read_text("utf-8")
    assert_frame_equal(bx.read_report(path), jobs)


def test_a_changed_file_cannot_be_read_back(tmp_path, reading):
    path = bx.report(reading, tmp_path / "audit.html").path
    text = path.read_text("utf-8")
    path.write_text(text.replace('"page":2', '"page":3'), "utf-8")
    with pytest.raises(InvalidRequest, match="its data does not match its digest"):
        bx.read_report(path)
    for other in ("<p>Hello</p>", text.replace("<main>", '<p id="boxdocgen-payload">x</p>')):
        path.write_text(other, "utf-8")
        with pytest.raises(InvalidRequest, match="is not a report"):
            bx.read_report(path)


def test_a_report_that_shows_something_else_cannot_be_read_back(tmp_path, reading):
    path = bx.report(reading, tmp_path / "audit.html", output_type="docx").path
    text = path.read_text("utf-8")
    for old, new in (
        ('class="headline">Exceptions noted', 'class="headline">No exceptions noted'),
        ('class="conclusion"', 'class="conclusion clean"'),
        ("svc-hr@example.com (user id", "cfo@bank.example (user id"),
        ("<tbody>", "<tbody hidden>"),
        ("<main>", "<main><p>All is well."),
        ("NOT the same", "The same"),
    ):
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        with pytest.raises(InvalidRequest, match="what it shows does not match its digest"):
            bx.read_report(path)


def test_audits_with_other_settings_have_other_digests(tmp_path, reading):
    now, path = dt.datetime(2026, 11, 30, tzinfo=dt.UTC), tmp_path / "audit.html"
    results = [reporting.run_audit(reading, audited_at=now, running_hours=h) for h in (1, 1, 2)]
    first, same, other = (reporting.write_report(result, path).digest for result in results)
    assert first == same != other


def test_an_explorer_gives_all_its_rows_and_its_filters(box, written):
    explorer = bx.explore(box.read("1001"), state={"status": ["completed"]})
    explorer.state = {"status": ["failed"], "sort": ["job_id", "descending"]}
    assert explorer.jobs.height == 0
    text = written(explorer)
    assert settings_of(text)["state"] == explorer.state
    assert "25 rows = 25 completed" in plain(text)


def test_no_host_but_box_is_named(reading, written):
    named = re.findall(r"""(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s"'`<>\\)]*""", written(reading))
    known = ("https://app.box.com/file/", *NOT_CONTACTED)
    assert [one for one in named if not one.startswith(known)] == []


@pytest.mark.thorough
def test_100_000_jobs_of_the_demos_columns_fit_in_4_mb(tmp_path):
    few = story(2000)
    jobs = pl.concat([few] * 50).with_columns(
        job_id=pl.int_range(pl.len()).mul(7919).add(38_240_000_417).cast(pl.String),
        external_id=pl.format("EMP-{}", pl.int_range(pl.len())),
        output_file_id=pl.int_range(pl.len()).mul(104_729).add(1_900_000_000_000).cast(pl.String),
    )
    assert jobs.height == 100_000
    path = bx.report(jobs, tmp_path / "audit.html").path
    assert path.stat().st_size < 4 * 2**20
