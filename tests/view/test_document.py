from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from browser_fixtures import bar_labels, figure, resize, wait_for_draw
from frames import HOSTILE, documented, jobs_frame, pages_frame, story
from playwright.sync_api import expect
from polars.testing import assert_frame_equal

import boxdocgen_explore as bx
from boxdocgen_explore import analysis, view
from boxdocgen_explore.view import filters
from boxdocgen_explore.view.page import document

pytestmark = pytest.mark.browser


def test_everything_on_the_page_has_its_name_and_ten_rows_are_in_sight(show):
    jobs = story()
    tab = show(jobs, analysis.verdict(jobs, pages_frame()))
    tenth = tab.locator("tr.job").nth(9).bounding_box()
    assert tenth["y"] + tenth["height"] < 900
    expect(tab.locator(".verdict[role=status]")).to_contain_text("all 3 pages read")
    for group in ("Status", "Output type", "Template"):
        expect(tab.get_by_role("group", name=group, exact=True)).to_be_visible()
    for title in ("Job outcomes", "Output types", "Failure reasons"):
        expect(figure(tab, title)).to_be_visible()
    for button in ("Clear filters", "Save CSV", "Copy query"):
        expect(tab.get_by_role("button", name=button, exact=True)).to_be_visible()
    link = tab.get_by_role("table", name="Jobs").get_by_role("link").first
    tab.get_by_role("checkbox", name="completed", exact=True).check()
    expect(link).to_have_attribute("href", re.compile(r"^https://app\.box\.com/file/\d+$"))


def test_on_a_narrow_screen_charts_come_first_and_filters_are_folded(show):
    tab = show(story())
    status, fold = tab.get_by_role("group", name="Status"), tab.get_by_text("Filters", exact=True)
    expect(fold).to_be_hidden()
    resize(tab, 480)
    expect(status).to_be_hidden()
    assert fold.bounding_box()["y"] > figure(tab, "Failure reasons").bounding_box()["y"]
    fold.press("Enter")
    expect(status).to_be_visible()
    resize(tab, 480 - 100)
    expect(status).to_be_visible()  # what was opened stays open


def test_the_count_beside_a_filter_ignores_only_that_filter(show):
    jobs = story()
    tab = show(jobs, state={"status": ["failed"]})
    for group, counted in (("status", jobs), ("output_type", jobs.filter(status="failed"))):
        boxes = tab.get_by_role("group", name=group.capitalize().replace("_", " "), exact=True)
        counts = boxes.locator(".count").all_inner_texts()
        assert sorted(map(int, counts)) == sorted(counted[group].value_counts()["count"])


def test_all_filters_can_be_reached_and_undone_by_keyboard(show):
    tab = show(story())
    everything = tab.locator(".jobs-shown").inner_text()
    figure(tab, "Failure reasons").get_by_role("button").first.focus()
    tab.keyboard.press("ArrowDown")
    second = tab.evaluate("document.activeElement.ariaLabel")
    assert second == bar_labels(figure(tab, "Failure reasons"))[1]
    tab.keyboard.press("Enter")
    wait_for_draw(tab)
    expect(tab.locator(".jobs-shown")).not_to_have_text(everything)
    focused = tab.evaluate("document.activeElement.ariaLabel")
    assert focused.partition(":")[0] == second.partition(":")[0]
    tab.keyboard.press(" ")
    expect(tab.locator(".jobs-shown")).to_have_text(everything)
    tab.get_by_role("checkbox", name="failed", exact=True).focus()
    tab.keyboard.press("Space")
    expect(tab.locator(".jobs-shown")).not_to_have_text(everything)
    tab.get_by_role("checkbox", name="pdf", exact=True).press("Space")
    tab.get_by_role("button", name="Remove filter status failed").press("Enter")
    expect(tab.get_by_role("button", name="Remove filter output type pdf")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator(".jobs-shown")).to_have_text(everything)
    expect(tab.get_by_role("searchbox", name="Search jobs")).to_be_focused()


def test_clear_filters_clears_them_and_keeps_the_order(show):
    state = {"status": ["failed"], "text": "row", "day": [None], "sort": ["job_id", "descending"]}
    jobs = story()
    tab = show(jobs, state=state)
    shown = jobs.filter(filters.query(state)).height
    expect(tab.locator(".jobs-shown")).to_have_text(f"{shown} of {jobs.height} jobs")
    expect(tab.locator(".chip")).to_have_count(3)
    tab.get_by_role("button", name="Clear filters").click()
    expect(tab.locator(".jobs-shown")).to_have_text(f"{jobs.height} of {jobs.height} jobs")
    expect(tab.locator(".chip")).to_have_count(0)
    expect(tab.locator("th[aria-sort=descending]")).to_have_text("Job id")


def test_hostile_content_is_text_everywhere(show):
    row = dict.fromkeys(["status", "output_type", "batch_id", "external_id", "job_id"], HOSTILE)
    row |= {"template_file_id": HOSTILE, "output_file_id": HOSTILE}
    jobs = jobs_frame([{**row, "errors": [HOSTILE]}, {"status": "constructor"}])
    tab = show(jobs, analysis.verdict(jobs), templates={"x": HOSTILE})
    cells = tab.locator("tr.job").filter(has_text="onerror").locator("td").all_inner_texts()
    assert tab.locator("img").count() == 0
    tab.locator("tr.job").filter(has_text="onerror").press("Enter")
    assert len(cells) == 7
    expect(tab.locator("tr.details")).to_contain_text("</script><img src=x")
    link = tab.locator("tr.job a").first
    assert re.fullmatch(r"https://app\.box\.com/file/[\w%.!~*'()-]+", link.get_attribute("href"))
    assert tab.locator("img").count() == 0


def test_a_document_is_shown_by_its_name_as_text_with_size_time_and_link(show):
    jobs = documented(jobs_frame([{"output_file_id": str(18 + n)} for n in range(3)]))
    names = pl.Series("output_file_name", ["never shown", HOSTILE, "Letter 2.pdf"])
    tab = show(jobs.with_columns(names))
    gone, hostile, plain = (row.locator("td") for row in tab.locator("tr.job").all())
    assert "does not exist" in gone.all_inner_texts()
    assert tab.locator("img").count() == 0
    link = hostile.get_by_role("link")
    assert "</script><img src=x" in link.inner_text()
    assert link.get_attribute("href") == "https://app.box.com/file/19"
    assert {"Letter 2.pdf", "40 kB", "2026-11-03 02:14:26"} <= set(plain.all_inner_texts())


def test_a_job_that_changed_since_the_last_look_is_marked(tab, tmp_path):
    payload = view.pack(story(3), changed=pl.Series([False, True, False]))
    page = tmp_path / "changed.html"
    text = document(payload, None, cause=[], templates={}, state={}, title="Changed")
    page.write_text(text, encoding="utf-8")
    tab.goto(page.as_uri())
    wait_for_draw(tab)
    marked = tab.locator("tr.job").filter(has=tab.get_by_text("new", exact=True))
    expect(marked).to_have_count(1)
    expect(marked).to_contain_text(story(3)["job_id"][1])


def test_the_copied_query_runs_in_an_empty_cell(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with bx.demo() as box:
        jobs = box.jobs("12345600319")
    state = {"status": ["failed", 'ohm Ω \U0001f600 "$&"'], "text": "EMP-0047"}
    show(jobs, state=state)
    tab.get_by_role("button", name="Copy query").click()
    expect(tab.locator(".message")).to_have_text("Copied the query for these jobs.")
    names: dict[str, Any] = {}
    code = tab.evaluate("navigator.clipboard.readText()")
    exec(code.replace("\njobs.filter", "\nfound = jobs.filter"), names)
    assert_frame_equal(names["found"], jobs.filter(filters.query(state)))
    assert names["found"].height


def test_the_copied_query_reads_the_columns_that_it_needs(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(documented(story()), state={"created": ["2026-11-01", "2026-11-03"], "text": ".pdf"})
    tab.get_by_role("button", name="Copy query").click()
    expect(tab.locator(".message")).to_have_text("Copied the query for these jobs.")
    assert ", details=True, documents=True)" in tab.evaluate("navigator.clipboard.readText()")


def test_no_jobs_and_no_match_say_why(show):
    tab = show(story().clear())
    expect(tab.locator(".empty")).to_contain_text("No jobs are loaded yet.")
    none = story().clear()
    tab = show(none, analysis.verdict(none))
    expect(tab.locator(".empty")).to_contain_text("The jobs frame is empty.")
    tab = show(none, analysis.verdict(none, pages_frame(1)))
    expect(tab.locator(".empty")).to_contain_text("All pages were read: they contain no jobs.")
    tab = show(none, analysis.verdict(none, pages_frame(1, complete=False)))
    expect(tab.locator(".empty")).to_contain_text("before the reading stopped")
    tab = show(story(), state={"status": ["failed"], "text": "no such text"})
    expect(tab.locator(".empty")).to_have_text(
        "No job matches the filters: status failed · search “no such text”"
    )
    expect(tab.locator(".jobs-shown")).to_have_text("0 of 300 jobs")


def test_an_incomplete_chain_says_so_in_words_and_by_hatching(show):
    jobs = story()
    tab = show(jobs, analysis.verdict(jobs, pages_frame(complete=False)))
    verdict = tab.locator(".verdict")
    expect(verdict.locator(".warning")).to_have_text(
        "INCOMPLETE, at least 300 jobs: pages missing in batch 12345600319 (from page 4 on)"
    )
    expect(verdict.locator(".small")).to_contain_text("3 pages read · ")
    expect(tab.get_by_role("button", name="Retry")).to_have_count(0)
    expect(verdict).to_have_css("background-image", re.compile("repeating-linear-gradient"))


def test_templates_of_the_same_name_also_show_their_ids(show):
    both = {"1700000000001": "Offer letter", "1700000000002": "Offer letter"}
    tab = show(story(), templates=both)
    for template in both:
        name = f"Offer letter ({template})"
        expect(tab.get_by_role("checkbox", name=name, exact=True)).to_be_visible()


def test_columns_that_are_left_out_have_neither_charts_nor_filters(show):
    tab = show(story().select("job_id", "status", "output_type"))
    expect(figure(tab, "Output types")).to_be_visible()
    expect(figure(tab, "Failure reasons")).to_be_hidden()
    expect(tab.get_by_role("group", name="Template", exact=True)).to_be_hidden()
    tab.get_by_role("checkbox", name="failed", exact=True).check()
    expect(tab.locator(".jobs-shown")).not_to_have_text("300 of 300 jobs")
