from __future__ import annotations

import polars as pl
import pytest
from browser_fixtures import mount, payload, resize, two_frames, wait_for_draw
from frames import MISSING, documented, jobs_frame, story
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_rows_open_by_keyboard_to_their_full_messages(show):
    long = "A message that is much longer than its column in the table can ever be. " * 4
    rows = [{"status": "failed", "errors": [f"{n}: {long}", MISSING]} for n in range(50)]
    tab = show(jobs_frame(rows))
    tab.locator("tr.job").first.focus()
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    details = tab.locator("tr.details")
    expect(details).to_contain_text(f"1: {long}".strip())
    expect(details).to_contain_text(MISSING)
    expect(tab.locator("tr.job.open")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(details).to_have_count(0)
    tab.keyboard.press("Enter")
    expect(details).to_contain_text(MISSING)
    tab.keyboard.press("End")
    expect(tab.locator("tr.job:focus")).to_have_attribute("aria-rowindex", "51")
    expect(tab.locator("tr.job:focus")).to_be_in_viewport()


def test_details_opened_by_keyboard_are_in_sight(show):
    tab = show(jobs_frame([{"status": "failed", "errors": [MISSING]} for _ in range(50)]))
    tab.locator("tr.job").first.focus()
    tab.keyboard.press("End")
    tab.keyboard.press("Enter")
    expect(tab.locator("tr.details dd").first).to_be_in_viewport(ratio=1)
    expect(tab.locator("tr.details dd").last).to_be_in_viewport(ratio=1)
    expect(tab.locator("tr.job:focus")).to_be_in_viewport()


def test_the_tab_key_leaves_a_row_that_is_wider_than_the_table(show):
    tab = show(documented(story()), state={"widths": ["errors:1500"]})
    tab.locator("tr.job").first.focus()
    for _ in range(8):
        tab.keyboard.press("Tab")
        two_frames(tab)  # in which a scroll is reported
    assert not tab.evaluate("document.activeElement.closest('tr')")


def test_open_details_follow_their_job_and_close_without_it(tab):
    jobs = jobs_frame([{"status": status} for status in ("pending", "pending", "pending")])
    mount(tab, jobs)
    tab.locator("tr.job").nth(1).click()
    opened = jobs["job_id"][1]
    expect(tab.locator("tr.details")).to_contain_text(opened)
    for rows, shown in ((jobs[1:], 1), (jobs[2:], 0)):
        tab.evaluate("text => model.set('payload', bytes(text))", payload(rows))
        wait_for_draw(tab)
        expect(tab.locator("tr.job")).to_have_count(rows.height)
        expect(tab.locator("tr.details", has_text=opened)).to_have_count(shown)


def test_a_notebook_gets_no_key_that_the_view_uses(tab):
    mount(tab, story())
    tab.evaluate("document.addEventListener('keydown', ({ key }) => (window.got ??= []).push(key))")
    for control in (tab.get_by_label("Compare by"), tab.locator("tr.job").first):
        control.focus()
        tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Control+k")
    assert tab.evaluate("window.got.filter((key) => key !== 'Control')") == ["k"]


def test_page_keys_move_the_focus_by_what_is_in_sight(show):
    tab = show(jobs_frame([{} for _ in range(200)]))
    tab.locator("tr.job").first.focus()

    def press(key: str) -> int:
        tab.keyboard.press(key)
        expect(tab.locator("tr.job:focus")).to_be_in_viewport()
        return int(tab.locator("tr.job:focus").get_attribute("aria-rowindex"))

    page = press("PageDown") - 2
    in_sight = tab.locator(".jobs").evaluate("one => Math.floor(one.clientHeight / 26)")
    assert in_sight / 2 < page < in_sight
    assert press("PageDown") == 2 + 2 * page
    assert press("PageUp") == 2 + page
    assert press("PageUp") == press("PageUp") == 2


def test_links_to_files_give_box_nothing_of_this_page(show):
    tab = show(jobs_frame([{"output_file_id": "1900000000001"}]))
    tab.locator("tr.job").press("Enter")
    links = tab.get_by_role("link", name="1900000000001").all()
    assert len(links) == 2
    for link in links:
        assert set(link.get_attribute("rel").split()) == {"noopener", "noreferrer"}
        assert link.get_attribute("target") == "_blank"


def test_a_header_sorts_the_rows(show):
    tab = show(jobs_frame([{"job_id": job_id} for job_id in ("900", "1000", "99")]))
    tab.get_by_role("button", name="Job id").click()
    wait_for_draw(tab)
    assert tab.locator("td.column-job_id").all_inner_texts() == ["99", "900", "1000"]


def test_a_hundred_thousand_jobs_scroll_with_few_rows_in_the_document(show):
    jobs = pl.DataFrame({"job_id": [str(n) for n in range(100_000)]}).with_columns(
        status=pl.lit("failed"), external_id="EMP-" + pl.col("job_id")
    )
    tab = show(jobs)
    expect(tab.locator(".jobs-shown")).to_have_text("100,000 of 100,000 jobs")
    for share in (0.5, 1):
        tab.locator(".jobs").evaluate(f"one => one.scrollTop = {share} * one.scrollHeight")
        row = str(int(50_002 + (share == 1) * 49_999))
        expect(tab.locator(f'tr[aria-rowindex="{row}"]')).to_be_visible()
        assert tab.locator("tr.job").count() < 60
    expect(tab.locator('tr[aria-rowindex="100001"]')).to_be_in_viewport()


@pytest.mark.thorough
def test_the_last_row_is_reached_even_beyond_the_browser_s_most_pixels(show):
    jobs = pl.DataFrame({"status": ["failed"] * 600_000, "job_id": ["1"] * 600_000})
    tab = show(jobs)
    tab.locator("tr.job").first.focus()
    tab.keyboard.press("End")
    expect(tab.locator("tr.job:focus")).to_have_attribute("aria-rowindex", "600001")
    expect(tab.locator("tr.job:focus")).to_be_in_viewport()
    tab.keyboard.press("ArrowUp")
    expect(tab.locator("tr.job:focus")).to_have_attribute("aria-rowindex", "600000")
    expect(tab.locator("tr.job:focus")).to_be_in_viewport()


def test_a_click_copies_the_full_id(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(jobs_frame([{"job_id": "98000000001234567890"}]))
    tab.get_by_role("button", name="98000000001234567890").click()
    expect(tab.locator(".message")).to_contain_text("Copied")
    assert tab.evaluate("navigator.clipboard.readText()") == "98000000001234567890"


def test_long_ids_are_shown_in_full_and_beside_short_ones_the_reason_is_widest(show):
    def widths(tab: Page) -> dict[str, float]:
        heads = tab.get_by_role("columnheader").all()
        return {head.inner_text().strip(" ▲"): head.bounding_box()["width"] for head in heads}

    ids = {"job_id": "38240000417", "external_id": "EMP-004711", "output_file_id": "1838240000430"}
    tab = show(jobs_frame([{**ids, "status": "completed_with_error", "errors": [MISSING]}]))
    resize(tab, 852)  # what JupyterLab leaves of a window of 1,000 px
    assert max(widths(tab).items(), key=lambda width: width[1])[0] == "Reason"
    long = dict.fromkeys(ids, "0f8fad5b-d9cb-469f-a165-70867728950e") | {
        "template_file_id": "9" * 24
    }
    tab = show(jobs_frame([ids, long]))
    cells = tab.locator("tr.job td:not(.column-errors)")
    assert cells.count() == 10
    assert cells.evaluate_all("all => all.every((one) => one.scrollWidth <= one.clientWidth)")
