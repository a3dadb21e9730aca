"""A report with its evidence bag: the browser and ``verify`` compare both."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browser_fixtures import resize
from forging import digest
from frames import story
from playwright.sync_api import Browser, Page, expect

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator
from boxdocgen_explore.errors import BrokenBag, InvalidRequest
from boxdocgen_explore.reporting import Report, embedded

THOROUGH = pytest.mark.thorough
PAGE_2 = "data/pages/1001/000002.json"
BAG = re.compile('(id="boxdocgen-bag">)([^<]*)')
SEALS = re.compile('( id="boxdocgen-(?:text|digest)">)[^<]*<')


@pytest.fixture
def report(source: Box, tmp_path: Path) -> Report:
    reading = source.read(["1001", "1003"], limit=10, details=True, documents=True)
    return bx.report(reading, tmp_path / "audit.html", embed_evidence=True)


def bag_in(report: Report) -> bytes:
    return base64.b64decode(BAG.search(report.path.read_text("utf-8"))[2])


def edit_bag(report: Report, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file in the bag in a report, and nothing else."""
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(bag_in(report))) as before,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for one in before.namelist():
            content = before.read(one)
            after.writestr(one, change(content) if one.endswith(name) else content)
    text, encoded = report.path.read_text("utf-8"), base64.b64encode(changed.getvalue()).decode()
    report.path.write_text(BAG.sub(lambda found: found[1] + encoded, text), "utf-8")


def re_performed(tab: Page, report: Report) -> list[str]:
    """The conclusion, and one line per check."""
    tab.goto(report.path.as_uri())
    tab.get_by_role("button", name="Re-perform").click()
    status = tab.locator("#boxdocgen-performed[role=status]")
    expect(status.locator("p").first).to_be_visible()
    return status.locator("p").all_inner_texts()


def test_a_report_has_the_bag_with_the_report_without_it(report: Report, tmp_path: Path) -> None:
    bag = tmp_path / "bag.zip"
    bag.write_bytes(bag_in(report))
    assert bx.verify(bag, seal=report.seal).level == "unchanged since lodged"
    with zipfile.ZipFile(bag) as archive:
        (tmp_path / "inner.html").write_bytes(archive.read("audit/data/report.html"))
    assert not BAG.search((tmp_path / "inner.html").read_text("utf-8"))
    inner, outer = (
        bx.read_report(one, evidence=True) for one in (tmp_path / "inner.html", report.path)
    )
    assert inner.jobs.equals(outer.jobs)
    assert inner.pages.equals(outer.pages)
    assert str(report).endswith(f"Seal: {report.seal}")
    assert report.path.stat().st_mode & 0o777 == 0o600


def test_verify_checks_the_bag_in_a_report_and_the_report_around_it(report: Report) -> None:
    found = bx.verify(report.path, seal=report.seal)
    assert found.level == "unchanged since lodged"
    assert found.statements.filter(statement="report with the bag")["result"].to_list() == [
        "matches"
    ]
    text = report.path.read_text("utf-8")
    for old, new in (("3 of 35 jobs failed", "2 of 35 jobs failed"), (report.digest, "0" * 64)):
        assert old in text
        report.path.write_text(text.replace(old, new), "utf-8")
        found = bx.verify(report.path)
        assert (found.ok, found.level) == (False, None)
        assert "does not match report with the bag: it is not" in str(found)
    with pytest.raises(
        BrokenBag, match="This report has no evidence bag; make it with --embed-evidence"
    ):
        bx.verify(bx.report(story(9), report.path).path)
    assert main(["verify", str(report.path)]) == 2


def test_nothing_can_be_left_out_of_an_embedded_bag(
    source: Box,
    emulator: Emulator,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "audit.html"
    with pytest.raises(InvalidRequest, match="only their hashes remain"):
        bx.report(source.read("1003"), path, embed_evidence=True, redact="errors")
    with pytest.raises(InvalidRequest, match="needs the reading"):
        bx.report(story(9), path, embed_evidence=True)
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    command = ["audit", "--base-url", emulator.url, "1003", "--embed-evidence"]
    assert main([*command, "-o", str(path), "--redact", "errors"]) == 2
    assert "--embed-evidence (embed_evidence) needs Box's answers" in capsys.readouterr().err
    assert main(command) == 2
    assert "name the report with -o" in capsys.readouterr().err
    assert emulator.calls == []
    assert not path.exists()


def test_the_command_line_embeds_the_bag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "audit.html"
    main(["audit", "--demo", "12345600319", "-o", str(path), "--embed-evidence"])
    seal = re.search("Seal: ([0-9a-f]{64})", capsys.readouterr().out)[1]
    assert main(["verify", str(path), "--seal", seal]) == 0


@pytest.mark.browser
def test_the_browser_performs_the_checks_again(tab: Page, report: Report) -> None:
    lines = [f"{check}: matches" for check in ("Page", "Files", "Chain", "Rows", "Counts")]
    conclusion, *found, not_checked = re_performed(tab, report)
    assert (conclusion, found) == ("Consistent.", lines)
    assert not_checked.startswith("Not checked: the findings and verdicts, ")
    expect(tab.locator("#boxdocgen-performed .good")).to_have_count(6)
    expect(tab.locator("#boxdocgen-seal")).to_have_text(report.seal)
    expect(tab.get_by_role("button", name="Recompute it")).to_be_hidden()  # one button for both
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save the bag").click()
    assert Path(download.value.path()).read_bytes() == bag_in(report)
    resize(tab, 390)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.browser
def test_the_browser_names_the_page_whose_status_was_changed(tab: Page, report: Report) -> None:
    edit_bag(report, PAGE_2, lambda body: body.replace(b"completed", b"failed", 1))
    conclusion, page, *lines = re_performed(tab, report)
    assert (conclusion, page) == ("NOT consistent.", "Page: matches")
    assert lines[0].startswith(f"Files: does not match: {PAGE_2}: its content")
    assert lines[1].startswith(f"Chain: does not match: {PAGE_2}: it is not the answer")
    assert lines[2].startswith(f"Rows: does not match: {PAGE_2}: row 11 is 1001, ")
    assert "failed; in this page" in lines[2]
    assert lines[3] == (
        "Counts: does not match: Outcome of batch 1001: its pages have 21 completed, 4 failed "
        "(and 1 more)"
    )


def without_the_first(requests: list[dict[str, Any]]) -> None:
    del requests[0]


def without_the_last_of_a_batch(requests: list[dict[str, Any]]) -> None:
    del requests[2]


def by_another_marker(requests: list[dict[str, Any]]) -> None:
    requests[1] |= {"marker": "x", "marker_sha256": digest(b"x")}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without_the_first, f"{PAGE_2}: it was not requested by the marker"),
        pytest.param(
            by_another_marker, f"{PAGE_2}: it was not requested by the marker", marks=THOROUGH
        ),
        (without_the_last_of_a_batch, "batch 1001: its last pages are missing"),
    ],
)
def test_the_browser_names_the_answer_that_is_out_of_the_chain(
    tab: Page, report: Report, change: Callable[[list[dict[str, Any]]], None], problem: str
) -> None:
    def changed(lines: bytes) -> bytes:
        requests = [json.loads(line) for line in lines.splitlines()]
        change(requests)
        return "".join(json.dumps(one) + "\n" for one in requests).encode()

    edit_bag(report, "reading.jsonl", changed)
    _, _, files, chain, *_ = re_performed(tab, report)
    assert files.startswith("Files: does not match: data/reading.jsonl: its content")
    assert chain.startswith(f"Chain: does not match: {problem}")


@pytest.mark.browser
def test_the_browser_finds_a_report_with_a_manifest_and_one_without_jobs_consistent(
    tab: Page, source: Box, tmp_path: Path
) -> None:
    expected = pl.DataFrame({"external_id": ["a", "b"]})
    for number, ids in enumerate((["1001"], ["99"])):
        reading = source.read(ids, errors="keep")
        path = tmp_path / f"{number}.html"
        report = bx.report(reading, path, embed_evidence=True, expected=expected)
        conclusion, *checks = re_performed(tab, report)
        assert [check for check in checks if "does not match" in check] == []
        assert not conclusion.startswith("NOT")


FORGED = [
    (
        'class="headline">Exceptions noted',
        'class="headline">No exceptions noted',
        "summary, conclus",
    ),
    ("3 of 25 jobs failed (12 %; tol", "1 of 25 jobs failed (4 %; tol", "findings"),
]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("old", "new", "part", "sealed"),
    [
        pytest.param(*FORGED[0], False, id="conclusion, plainly"),
        pytest.param(*FORGED[0], True, id="conclusion, with its digest", marks=THOROUGH),
        pytest.param(*FORGED[1], False, id="finding, plainly", marks=THOROUGH),
        pytest.param(*FORGED[1], True, id="finding, with its digest"),
    ],
)
def test_the_browser_never_finds_a_page_consistent_whose_text_was_forged(
    tab: Page, report: Report, old: str, new: str, part: str, sealed: bool
) -> None:
    """A recomputed digest of the page is detected by the report in the bag."""
    text = report.path.read_text("utf-8")
    assert old in text
    forged = text.replace(old, new)
    if sealed:
        forged = embedded.sealed(SEALS.sub(r"\1<", forged))[0]
        part = part.partition(",")[0]
    report.path.write_text(forged, "utf-8")
    conclusion, page, *_ = re_performed(tab, report)
    assert conclusion == "NOT consistent."
    assert page.startswith("Page: does not match: ")
    assert f"the text of {part}" in page or (sealed and "conclusion" in page)
    bad = tab.locator("#boxdocgen-performed .bad").all_inner_texts()
    assert bad == [conclusion, page]
    mark = (
        "getComputedStyle(document.querySelector('#boxdocgen-performed .bad'), '::before').content"
    )
    assert "\u2717" in tab.evaluate(mark)


@pytest.mark.browser
def test_without_scripts_the_section_says_what_to_do(browser: Browser, report: Report) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.path.as_uri())
    expect(page.get_by_role("button", name="Re-perform")).to_be_hidden()
    expect(page.get_by_text("If there is no such button")).to_contain_text("boxdocgen verify")
    expect(page.locator("#boxdocgen-seal")).to_have_text(report.seal)
    context.close()
