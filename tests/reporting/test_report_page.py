"""A report in the browser: filters, digest, print, and use without scripts."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browser_fixtures import resize
from frames import MISSING, NOON, chain, pages_frame, read, story
from playwright.sync_api import Browser, Page, expect
from servers import raw_server

import boxdocgen_explore as bx
from boxdocgen_explore.reporting import (
    append_record,
    audit_record,
    run_audit,
    with_history,
    write_report,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def show(tab: Page, tmp_path: Path) -> Callable[..., Page]:
    """Writes a report and opens it from disk."""

    def open_report(what: Any, **options: Any) -> Page:
        tab.goto(bx.report(what, tmp_path / "audit.html", **options).path.as_uri())
        expect(tab.locator('.boxdocgen-body[aria-busy="false"]')).to_be_attached()
        return tab

    return open_report


def test_it_filters_by_keyboard_and_saves_what_is_shown(show):
    jobs = story(300)
    page = show(jobs, templates={"1700000000001": "Offer letter"})
    for heading in ("Findings", "Evidence"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.locator("body.scripted")).to_be_attached()
    expect(page.locator(".report.plain")).to_be_hidden()
    expect(page.get_by_role("table", name="Jobs", exact=True)).to_be_visible()
    box = page.get_by_role("checkbox", name="failed", exact=True)
    box.focus()
    page.keyboard.press("Space")
    page.get_by_role("searchbox", name="Search jobs").focus()
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


def test_all_findings_and_changes_can_be_saved_as_csv(tab, tmp_path):
    jobs = story(300).with_columns(external_id=pl.lit("=1+1"))
    for day in (1, 2):
        result = run_audit(jobs, audited_at=NOON + timedelta(days=day))
        result = with_history(result, tmp_path / "history")
        append_record(tmp_path / "history", audit_record(result, None, ()))
    tab.goto(write_report(result, tmp_path / "audit.html").path.as_uri())

    def saved(name: str) -> list[dict[str, str]]:
        with tab.expect_download() as download:
            tab.get_by_role("button", name=name).click()
        return list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))

    findings = saved("Save findings as CSV")
    wanted = [(one["rule"], one["job_id"] or "") for one in result.findings.to_dicts()]
    assert [(one["rule"], one["job_id"]) for one in findings] == wanted
    assert len(wanted) > 10
    assert not [one for one in findings if one["about"].startswith("=")]
    changes = saved("Save changes as CSV")
    assert {one["change"] for one in changes} == {"known"}
    assert len(changes) == len(result.history["known"])


def test_the_page_recomputes_its_digest_and_detects_a_change(tab, tmp_path, reading):
    report = bx.report(reading, tmp_path / "audit.html")
    tab.goto(report.path.as_uri())
    tab.get_by_role("button", name="Recompute it").click()
    expect(tab.locator("#boxdocgen-recomputed")).to_have_text(f"The same: {report.digest}")
    text = report.path.read_text("utf-8")
    report.path.write_text(text.replace('"page":2', '"page":3'), "utf-8")
    tab.reload()
    tab.get_by_role("button", name="Recompute it").click()
    expect(tab.locator("#boxdocgen-recomputed")).to_contain_text("NOT the same: ")
    for edits, parts in (
        ([("(user id", "(id"), ("0 errors", "No errors")], "findings, evidence"),
        ([('conclusion clean"', 'conclusion"')], "conclusion"),
    ):
        edited = text
        for old, new in edits:
            assert old in edited
            edited = edited.replace(old, new, 1)
        report.path.write_text(edited, "utf-8")
        tab.reload()
        tab.get_by_role("button", name="Recompute it").click()
        message = f"NOT as written: the text of {parts}"
        expect(tab.locator("#boxdocgen-recomputed")).to_have_text(message)


def test_without_scripts_all_that_matters_can_be_read(browser: Browser, tmp_path):
    jobs = story(300).with_columns(origin=pl.lit("demo"))
    report = bx.report(jobs, tmp_path / "audit.html", templates={"1700000000001": "Offer letter"})
    context = browser.new_context(java_script_enabled=False)
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.path.as_uri())
    assert page.locator(".headline").inner_text() == "No evidence"
    statements = page.locator(".conclusion dd").all_inner_texts()
    assert report.verdict == " ".join(statements)
    assert report.verdict.startswith("No evidence: nothing shows")
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
    page.locator("summary").get_by_text("checks: ").click()
    expect(page.get_by_role("cell", name="chain-incomplete")).to_be_visible()
    assert asked == [report.path.as_uri()]
    context.close()


def test_where_a_host_forbids_scripts_and_styles_all_statements_can_be_read(
    browser: Browser, tmp_path
):
    """As some hosts show uploaded files."""
    result = run_audit(story(300), sample=5, seed=7, prepared_by="Dana Ruiz")
    result = with_history(result, tmp_path)
    body = write_report(result, tmp_path / "audit.html").path.read_bytes()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Content-Security-Policy: sandbox; default-src 'none'\r\n\r\n"
    )
    context = browser.new_context()
    with raw_server(lambda connection: connection.sendall(head.encode() + body)) as address:
        page = context.new_page()
        page.goto(address)
    expect(page.locator(".headline")).to_have_text("No evidence")
    for name, statement in result.statements.items():
        expect(page.get_by_role("term").filter(has_text=name).first).to_be_visible()
        expect(page.get_by_text(statement, exact=True)).to_be_visible()
    batches = page.get_by_role("table", name="Batches", exact=True)
    for batch_id in result.batches:
        expect(batches.get_by_role("row").filter(has_text=batch_id)).to_be_visible()
    finding = page.locator("details.finding").first
    finding.locator("summary").click()
    expect(finding.get_by_role("table")).to_be_visible()
    sample = page.get_by_role("table", name="Jobs to look at")
    assert sample.locator("tbody tr").count() == 5
    expect(sample.get_by_role("columnheader", name="Result")).to_be_visible()
    expect(page.get_by_text("Prepared by: Dana Ruiz")).to_be_visible()
    expect(page.get_by_text("History: There is no earlier audit")).to_be_visible()
    expect(page.get_by_role("table", name="The first rows")).to_be_visible()
    context.close()


@pytest.mark.thorough
def test_the_list_of_checks_that_were_not_performed_fits_every_width(show):
    jobs = story(60)
    pages = pages_frame(1, jobs=60).with_columns(complete=pl.lit(False))
    page = show(bx.Reading(jobs, pages))
    page.locator(".gaps summary").click()
    for width in (390, 900, 1400):
        resize(page, width)
        widths = page.locator(".gaps dd").evaluate_all("all => all.map((one) => one.clientWidth)")
        assert min(widths) > 300
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_on_a_phone_nothing_is_wider_than_the_screen(show):
    page = show(story(300), sample=5, prepared_by="Dana Ruiz")
    resize(page, 390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    row = page.get_by_role("table", name="Jobs to look at").locator("tbody tr").first
    for name in ("Job", "Result"):
        expect(row.locator(f'[data-label="{name}"]')).to_be_visible()
    label = page.get_by_role("figure", name="Job outcomes").locator(
        ".labels_marks text", has_text="completed_with_error"
    )
    expect(label.locator("tspan")).to_have_text(["completed_with_", "error"])
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        background, colour = page.evaluate(
            """() => [getComputedStyle(document.body).backgroundColor,
                 getComputedStyle(document.querySelector("[data-part=sample] td")).color]"""
        )
        assert background != colour


@pytest.mark.thorough
def test_printed_from_a_dark_screen_it_is_light_and_has_the_first_rows(show, reading):
    page = show(reading)
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in ("nav", ".sidebar", ".jobs", "#boxdocgen-recompute"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.get_by_role("table", name="The first rows")).to_be_visible()
    expect(page.get_by_role("table", name="What was checked")).to_be_visible()
    expect(page.get_by_role("figure", name="Job outcomes")).to_be_visible()
    colours = page.evaluate(
        """() => [document.body, document.querySelector(".conclusion")].flatMap((one) =>
             [getComputedStyle(one).backgroundColor, getComputedStyle(one).color])"""
    )
    assert colours[0] == "rgb(255, 255, 255)"
    assert colours[1] == colours[3] == "rgb(31, 35, 40)"
    assert page.pdf().startswith(b"%PDF")


def test_on_paper_there_is_no_control_and_a_time_instead_of_an_age(show):
    jobs = story(300).with_columns(external_id=pl.lit("EMP-004711"))
    reading = bx.Reading(jobs, read(pages=chain("12345600319", 300, complete=False)).pages)
    page = show(reading, sample=3)
    page.set_viewport_size({"width": 700, "height": 900})
    page.emulate_media(media="print")
    controls = page.locator("button, select, .menu, .show")
    assert controls.count() > 10
    visible = "all => all.filter((one) => one.checkVisibility()).map((one) => one.textContent)"
    assert controls.evaluate_all(visible) == []
    age, after = page.locator(".verdict time").evaluate(
        "one => [getComputedStyle(one).fontSize, getComputedStyle(one, '::after').content]"
    )
    assert (age, after) == ("0px", '"as of 2026-11-03 12:00 UTC"')
    left = "all => all.map((one) => one.getBoundingClientRect().x)"
    assert len({*page.locator("section > dl > dd").evaluate_all(left)}) == 1
    assert page.locator(".pages td:last-child").first.bounding_box()["width"] > 130
    lines = page.get_by_role("cell", name="EMP-004711").evaluate_all(
        """all => all.map((one) => {
             const text = document.createRange();
             text.selectNodeContents(one);
             return text.getClientRects().length; })"""
    )
    assert {*lines} == {1}
