"""The report: one file that says what was read, what was found, and how far it can be trusted."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from frames import HOSTILE, MISSING, jobs_frame, pages_frame, story
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect
from polars.testing import assert_frame_equal

import boxdocgen_explore as bx
from boxdocgen_explore import reporting
from boxdocgen_explore.box.reading import Reading
from boxdocgen_explore.emulator import DEMO_TOKEN
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import JOBS, STATUSES

# Names of vocabularies and hints inside Vega: identifiers that no browser asks for.
NOT_CONTACTED = (
    "http://www.w3.org/",
    "https://vega.github.io/schema/",
    "https://vega.github.io/editor/",
    "https://github.com/vega/vega-lite/issues/",
)


@pytest.fixture
def reading(box) -> Reading:
    """Batches of 25 and 10 jobs, in pages of ten."""
    return box.read(["1001", "1003"], limit=10)


@pytest.fixture
def written(tmp_path) -> Callable[..., str]:
    """Writes a report and gives its text."""

    def write(what: Any, **options: Any) -> str:
        return bx.report(what, tmp_path / "audit.html", **options).path.read_text("utf-8")

    return write


def contents(text: str) -> str:
    """All that a file says, with its packed data unpacked."""
    packed = re.search(r'id="boxdocgen-payload">([^<]*)<', text)
    return text + gzip.decompress(base64.b64decode(packed[1])).decode("utf-8", "replace")


def plain(text: str) -> str:
    """The text of a page without its markup, roughly as a person reads it."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.S)
    body = re.sub(r"<[^>]*>", " ", body)
    for code, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'")):
        body = body.replace(code, character)
    return re.sub(r"\s+", " ", body.replace("&amp;", "&"))


# --- the verdict -----------------------------------------------------------------------------


def verdict(what: Any, **options: Any) -> str:
    return reporting.hold(what, **options).verdict


def proven(rows: list[dict[str, Any]]) -> Reading:
    """Jobs of one batch with the one page that proves them."""
    return Reading(jobs_frame(rows), pages_frame(1, jobs=len(rows)))


DONE = {"output_file_id": "1", "output_file_version_id": "2"}


def test_a_batch_that_was_read_whole_and_has_ended_well_is_complete():
    held = reporting.hold(proven([DONE]))
    assert held.verdict == ("COMPLETE: 1 job completed; read as svc-hr; as of 3 Nov 2026 02:14 UTC")
    assert held.complete


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([DONE, {"status": "failed"}], "NOT COMPLETE: 1 of 2 jobs failed"),
        ([DONE, {"status": "pending"}], "NOT COMPLETE: 1 of 2 jobs still runs"),
        ([{"status": "on_hold"}], "NOT COMPLETE: 1 of 1 job has a status unknown here"),
        ([DONE, {"output_file_id": None}], "NOT IN ORDER: all 2 jobs completed, missing-output"),
        ([], "NOT COMPLETE: 1 batch without jobs"),
    ],
)
def test_whatever_is_not_well_is_said_first(rows, said):
    held = reporting.hold(proven(rows))
    assert held.verdict.startswith(said)
    assert not held.complete


def test_failures_that_the_thresholds_accept_do_not_spoil_the_verdict():
    failed = proven([DONE, {"status": "failed", "errors": ["No"]}])
    assert verdict(failed, max_failed_share=0.5).startswith("COMPLETE: 1 of 2 jobs failed")
    assert verdict(failed, max_failed_share=0.4).startswith("NOT COMPLETE")


def test_a_rule_that_was_not_asked_accepts_nothing():
    failed = proven([DONE, {"status": "failed", "errors": ["No"]}])
    assert verdict(failed, rules=[bx.RULES[0]]).startswith("NOT COMPLETE")


def test_a_list_of_batches_with_gaps_never_says_that_all_is_complete():
    scope = reporting.Scope("all", since=True, list_complete=False)
    said = verdict(proven([DONE]), scope=scope)
    assert said.startswith("NOT COMPLETE: the list of batches may have gaps")
    assert "seen: svc-hr's batches only" in said


def test_a_plain_frame_says_that_there_is_no_evidence(written):
    text = plain(written(jobs_frame([DONE])))
    assert "NO EVIDENCE: nothing shows that these are all" in text
    assert "no evidence: a plain frame of jobs does not say how it was read" in text


def test_several_batches_are_counted_as_batches(box, emulator):
    running = [{**job, "status": "pending"} for job in emulator.enterprise.jobs("1003")]
    emulator.enterprise.put("1003", running)
    said = verdict(box.read(["1001", "1003", "1004"]))
    assert said.startswith("NOT COMPLETE: 1 of 3 batches still runs; read as")


# --- the evidence ----------------------------------------------------------------------------


def cases(pages: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Every way to remove, to repeat, or to swap with its successor any one page."""
    rows = range(pages.height)
    orders = [(f"without {row}", [one for one in rows if one != row]) for row in rows]
    orders += [(f"{row} twice", sorted([*rows, row])) for row in rows]
    batches = pages["batch_id"].to_list()
    for row in rows[:-1]:
        if batches[row] == batches[row + 1]:
            orders.append(
                (f"{row} swapped", [*rows[:row], row + 1, row, *rows[row + 2 :]]),
            )
    return [(name, pages[order]) for name, order in orders]


def test_with_any_page_removed_repeated_or_swapped_the_report_says_incomplete(reading):
    assert reading.pages.height >= 4
    assert not verdict(reading).startswith("INCOMPLETE")
    for name, pages in cases(reading.pages):
        held = reporting.hold(Reading(reading.jobs, pages))
        assert held.verdict.startswith("INCOMPLETE"), name
        assert held.view_verdict.text.startswith("INCOMPLETE"), name
        assert not held.complete


def test_the_view_and_the_evidence_say_incomplete_too(reading, written):
    cut = Reading(reading.jobs, reading.pages[1:])
    text = written(cut)
    assert "INCOMPLETE: 1 of 2 batches was not read whole" in plain(text)
    assert "Chain INCOMPLETE. Batch 1001" in plain(text)
    set_in_file = json.loads(re.search(r'id="boxdocgen-settings">(.*?)<', text)[1])
    assert set_in_file["verdict"]["complete"] is False


def test_a_batch_that_could_not_be_read_makes_the_report_incomplete(box, emulator, written):
    emulator.fault("other-body", path="/docgen_batch_jobs/1003", times=None, body="{}")
    with pytest.raises(bx.BoxDocGenError) as caught:
        box.read(["1001", "1003"])
    text = plain(written(caught.value.reading))
    assert "INCOMPLETE: 1 of 2 batches was not read whole" in text
    assert "Batch 1003" in text


def test_every_page_is_listed_with_what_proves_it(reading, written):
    text = plain(written(reading, scope="two batches, asked for by name"))
    for page in reading.pages.iter_rows(named=True):
        assert page["box_request_id"] in text
        assert page["body_sha256"] in text
    assert "svc-hr@example.com (user id 31415926535)" in text
    assert f"{reading.pages['host'][0]}, box-version 2025.0" in text
    assert "35 rows = 35 distinct ids = 35 completed." in text
    assert "Whole (2 batches, " in text
    assert "Box publishes no total" in text
    assert "Scope: two batches, asked for by name. 35 jobs." in text
    assert f"boxdocgen-explore {bx.__version__}, {len(bx.RULES)} rules, version" in text


def test_what_came_from_the_store_says_so_and_how_old_it_is(box, written):
    from conftest import age

    box.read("1001", limit=10)
    age(box, hours=3)
    text = plain(written(box.read("1001", limit=10)))
    assert "1 page asked of Box for this, 2 pages kept from earlier, the oldest for 3 h" in text
    assert "cached, 3 h old" in text


def test_running_jobs_are_provisional_and_unknown_fields_are_named(written):
    jobs = jobs_frame([{"status": "pending"}, {"status": "on_hold"}])
    pages = pages_frame(1, jobs=2, unknown_fields=["priority"])
    text = plain(written(Reading(jobs, pages)))
    assert "1 job: what is said of their batches is provisional." in text
    assert "fields: priority; statuses: on_hold." in text


def test_the_token_is_nowhere_in_the_file(reading, written):
    assert DEMO_TOKEN not in contents(written(reading))


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
    more = sum(max(0, n - 10) for n in findings["rule"].value_counts()["count"])
    assert f"{more:,} more were found" in text


def test_a_manifest_and_a_rule_of_ones_own_are_audited_too(tmp_path, written):
    manifest = tmp_path / "expected.csv"
    manifest.write_text("external_id\nEMP-404\n", "utf-8")
    jobs = jobs_frame([{"external_id": "EMP-1"}])
    odd = bx.Rule("odd", "error", "nothing", "To be sure.", lambda subject: subject.jobs.select(
        "batch_id", detail=pl.lit("This is odd.")))  # fmt: skip
    text = plain(written(jobs, expected=manifest, rules=[*bx.RULES, odd]))
    assert "No job here has the external id EMP-404." in text
    assert "This is odd." in text


def test_another_now_is_among_the_settings_and_changes_no_age(reading, written):
    then = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
    text = plain(written(reading, now=then, max_failed_share=0.25))
    assert "Settings: now: 2031-01-01 00:00:00+00:00; max_failed_share: 0.25." in text
    assert f"held {dt.datetime.now(dt.UTC):%Y-%m-%d}" in text


cells = st.none() | st.text(max_size=6) | st.sampled_from([*STATUSES, "1001", HOSTILE])
messages = st.none() | st.lists(st.none() | st.text(max_size=6), max_size=2)
kinds = {name: messages if dtype == pl.List(pl.String) else cells for name, dtype in JOBS.items()}


@given(st.lists(st.fixed_dictionaries(kinds), max_size=4))
@settings(max_examples=8, deadline=None)
def test_of_any_jobs_a_report_can_be_written_and_read_back(tmp_path_factory, rows):
    jobs = pl.DataFrame(rows, schema=JOBS)
    path = tmp_path_factory.mktemp("any") / "audit.html"
    assert not bx.report(jobs, path).complete
    assert_frame_equal(bx.read_report(path), jobs)


# --- what is left out ------------------------------------------------------------------------


SECRETS = {
    "errors": ["Secret reason 4711"],
    "warnings": ["Secret remark 4712"],
    "external_id": "SECRET-4713",
    "created_by_id": "474747",
    "created_by_name": "Secret Person",
    "created_by_login": "secret@example.com",
    "output_file_id": "484848",
}


@pytest.mark.parametrize(
    ("options", "gone"),
    [
        ({"redact": "errors"}, ["Secret reason"]),
        ({"redact": ["warnings", "external_id"]}, ["Secret remark", "SECRET-4713"]),
        ({"redact": ["creators"]}, ["474747", "Secret Person", "secret@example.com"]),
        (
            {"columns": ["batch_id", "job_id", "status"]},
            ["Secret", "SECRET", "474747", "secret@example.com", "484848"],
        ),
    ],
)
def test_what_is_left_out_is_nowhere_in_the_file_and_the_file_says_so(options, gone, written):
    jobs = jobs_frame([{"status": "failed", **SECRETS}, {"status": "completed", **SECRETS}])
    state = {"text": "Secret reason 4711", "reason": ["Secret reason #"]}
    text = contents(written(jobs, state=state, **options))
    left = re.search(r"Left out (\S.*?): not in this file", plain(text))[1]
    for secret in gone:
        assert secret not in text
    for name in (
        options.get("redact", []) if isinstance(options.get("redact"), list) else ["errors"]
    ):
        assert {"creators": "created_by_login"}.get(name, name) in left


def test_what_is_left_out_is_never_found_missing(written):
    jobs = jobs_frame([{"status": "failed", "errors": ["Why"], **DONE}, {**DONE}])
    held = reporting.hold(jobs, columns=["batch_id", "job_id", "status"])
    told = dict(held.verdicts.select("rule", "verdict").iter_rows())
    for rule in ("missing-output", "unexpected-output-type", "failure-groups", "several-templates"):
        assert told[rule] == "not evaluated"
    assert told["no-message"] == "passed"
    assert "left out" in held.verdicts.filter(pl.col("rule") == "missing-output")["lacks"][0]


def test_a_manifest_of_external_ids_is_not_compared_with_ids_that_are_left_out():
    manifest = pl.DataFrame({"external_id": ["EMP-1"]})
    held = reporting.hold(
        jobs_frame([{"external_id": "EMP-1"}]), expected=manifest, redact="external_id"
    )
    told = dict(held.verdicts.select("rule", "verdict").iter_rows())
    assert told["manifest-missing"] == told["manifest-unexpected"] == "not evaluated"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"redact": "names"}, "cannot be redacted"),
        ({"columns": ["status", "moon"]}, "no column 'moon'"),
        ({"columns": ["status", "job_id"]}, "cannot do without the column batch_id"),
        ({"columns": "status"}, "columns is a list"),
        ({"state": {"colour": ["red"]}}, "no key 'colour'"),
        ({"max_moons": 1}, "no threshold 'max_moons'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(tmp_path, options, said):
    with pytest.raises(InvalidRequest, match=said):
        bx.report(jobs_frame([DONE]), tmp_path / "audit.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be written"):
        bx.report(jobs_frame([DONE]), tmp_path / "nowhere" / "audit.html")


# --- what comes back -------------------------------------------------------------------------


def test_the_frame_comes_back_from_the_file(tmp_path):
    jobs = story(300)
    report = bx.report(jobs, tmp_path / "audit.html")
    assert_frame_equal(bx.read_report(report.path), jobs)
    assert report.digest in report.path.read_text("utf-8")


def test_a_file_that_does_not_agree_with_itself_gives_nothing_back(tmp_path, reading):
    path = bx.report(reading, tmp_path / "audit.html").path
    text = path.read_text("utf-8")
    path.write_text(text.replace('"page":2', '"page":3'), "utf-8")
    with pytest.raises(InvalidRequest, match="does not agree with itself"):
        bx.read_report(path)
    path.write_text("<p>Hello</p>", "utf-8")
    with pytest.raises(InvalidRequest, match="is not a report"):
        bx.read_report(path)


def test_an_explorer_gives_all_its_rows_and_its_filters(box, written):
    explorer = bx.explore(box.read("1001"), state={"status": ["completed"]})
    explorer.state = {"status": ["failed"], "sort": ["job_id", "descending"]}
    assert explorer.jobs.height == 0
    text = written(explorer)
    set_in_file = json.loads(re.search(r'id="boxdocgen-settings">(.*?)<', text)[1])
    assert set_in_file["state"] == explorer.state
    assert "25 rows = 25 distinct ids" in plain(text)


def test_no_other_host_is_named_but_box(reading, written):
    text = written(reading)
    named = set(re.findall(r"""(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s"'`<>\\)]*""", text))
    others = {one for one in named if not one.startswith(("https://app.box.com/file/",))}
    assert {one for one in others if not one.startswith(NOT_CONTACTED)} == set()


def test_100_000_jobs_of_the_demos_columns_fit_in_4_mb(tmp_path):
    few = story(2000)
    jobs = pl.concat([few] * 50).with_columns(
        job_id=pl.int_range(pl.len()).mul(7919).add(38_240_000_417).cast(pl.String),
        external_id=pl.format("EMP-{}", pl.int_range(pl.len())),
        output_file_id=pl.int_range(pl.len()).mul(104_729).add(1_900_000_000_000).cast(pl.String),
    )
    assert jobs.height == 100_000
    path = bx.report(jobs, tmp_path / "audit.html").path
    assert path.stat().st_size < 4_000_000


# --- in the browser --------------------------------------------------------------------------


@pytest.fixture
def show(tab: Page, tmp_path) -> Callable[..., Page]:
    """Writes a report and opens it from disk."""

    def open_report(what: Any, **options: Any) -> Page:
        tab.goto(bx.report(what, tmp_path / "audit.html", **options).path.as_uri())
        expect(tab.locator('.boxdocgen-body[aria-busy="false"]')).to_be_attached()
        return tab

    return open_report


@pytest.mark.browser
def test_it_filters_by_keyboard_and_saves_what_is_shown(show, tmp_path):
    jobs = story(300)
    page = show(jobs, templates={"1700000000001": "Offer letter"})
    for heading in ("Findings", "Evidence"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    box = page.get_by_role("checkbox", name="failed", exact=True)
    box.focus()
    page.keyboard.press("Space")
    page.get_by_role("searchbox", name="Search errors").focus()
    page.keyboard.type("bonus")
    has = pl.col("errors").list.eval(pl.element().str.contains("bonus")).list.any()
    wanted = jobs.filter((pl.col("status") == "failed") & has.fill_null(False))
    assert 0 < wanted.height < jobs.height
    shown = page.locator(".jobs-shown")
    expect(shown).to_have_text(f"{wanted.height} of {jobs.height} jobs")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save CSV").press("Enter")
    saved = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(saved)))
    assert {row["job_id"] for row in rows} == set(wanted["job_id"])
    assert json.loads(rows[0]["errors"])


@pytest.mark.browser
def test_the_digest_is_recomputed_in_the_page_and_shows_what_was_changed(tab, tmp_path, reading):
    report = bx.report(reading, tmp_path / "audit.html")
    tab.goto(report.path.as_uri())
    tab.get_by_role("button", name="Recompute it").click()
    expect(tab.locator("#boxdocgen-recomputed")).to_have_text(f"The same: {report.digest}")
    text = report.path.read_text("utf-8")
    report.path.write_text(text.replace('"page":2', '"page":3'), "utf-8")
    tab.reload()
    tab.get_by_role("button", name="Recompute it").click()
    expect(tab.locator("#boxdocgen-recomputed")).to_contain_text("NOT the same: ")


@pytest.mark.browser
def test_hostile_content_is_text(show):
    hostile = dict.fromkeys(("status", "output_type", "external_id"), HOSTILE)
    jobs = jobs_frame([
        {**hostile, "errors": [HOSTILE], "warnings": [HOSTILE], "output_file_id": HOSTILE},
        {"status": "failed", "errors": [HOSTILE]},
    ])  # fmt: skip
    page = show(jobs, title=HOSTILE, scope=HOSTILE, templates={"1700000000001": HOSTILE},
                notes=[HOSTILE])  # fmt: skip
    seen = HOSTILE.replace("\u202e", "\\u202e").replace("\x07", "\\u0007")
    assert page.get_by_role("heading", level=1).text_content() == seen
    assert seen in page.locator(".report.plain").text_content()
    assert page.locator("img").count() == 0
    page.get_by_role("checkbox", name="failed", exact=True).check()
    expect(page.locator(".jobs-shown")).to_have_text("1 of 2 jobs")
    assert_frame_equal(bx.read_report(Path(page.url.removeprefix("file://"))), jobs)


@pytest.mark.browser
def test_without_scripts_all_that_matters_can_be_read(browser: Browser, tmp_path):
    jobs = story(300).with_columns(origin=pl.lit("demo"))
    report = bx.report(jobs, tmp_path / "audit.html", templates={"1700000000001": "Offer letter"})
    context = browser.new_context(java_script_enabled=False)
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.path.as_uri())
    assert page.locator(".headline").inner_text() == report.verdict
    expect(page.locator("header")).to_contain_text("demo")
    expect(page.locator("header")).to_contain_text(re.compile(r"Scope: Batches .*12345600319"))
    for heading in ("Findings", "Evidence"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    counts = page.get_by_role("table", name="Jobs by status and output type")
    row = counts.get_by_role("row").filter(has_text="failed").first
    assert row.get_by_role("cell").last.inner_text() == str((jobs["status"] == "failed").sum())
    reasons = page.get_by_role("table", name="Why jobs failed or completed with errors")
    expect(reasons).to_contain_text(MISSING)
    first = page.get_by_role("table", name="The first rows, failures first: 50 of 300")
    assert first.locator("tbody tr").count() == 50
    expect(first.locator("tbody tr").first).to_contain_text("failed")
    page.get_by_text("rules: ").click()
    expect(page.get_by_role("cell", name="chain-incomplete")).to_be_visible()
    assert asked == [report.path.as_uri()]
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_printed_it_is_light_and_has_the_first_rows(show, scheme, reading):
    page = show(Reading(reading.jobs, reading.pages))
    page.emulate_media(media="print", color_scheme=scheme)
    for hidden in ("nav", ".sidebar", ".jobs", "#boxdocgen-recompute"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.get_by_role("table", name="The first rows")).to_be_visible()
    expect(page.get_by_role("table", name="What was checked")).to_be_visible()
    expect(page.get_by_role("figure", name="Job outcomes")).to_be_visible()
    colours = page.evaluate(
        """() => [document.body, document.querySelector(".headline")].flatMap((one) =>
             [getComputedStyle(one).backgroundColor, getComputedStyle(one).color])"""
    )
    assert colours[0] == "rgb(255, 255, 255)"
    assert colours[1] == colours[3] == "rgb(31, 35, 40)"
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.browser
def test_on_the_screen_the_view_stands_for_the_plain_tables(show):
    page = show(story(60))
    expect(page.locator("body.scripted")).to_be_attached()
    expect(page.locator(".report.plain")).to_be_hidden()
    expect(page.get_by_role("table", name="Jobs", exact=True)).to_be_visible()
