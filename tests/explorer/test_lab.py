"""JupyterLab as people use it: a notebook opened, run, and worked with."""

import json
import re
from pathlib import Path

import nbformat
import polars as pl
import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import Page, expect

from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SECONDS = 1000
LOADED_MS = 60 * SECONDS


def verdict(page: Page):
    return page.locator(".boxdocgen-explorer .verdict")


def shown(page: Page):
    return page.locator(".boxdocgen-explorer .jobs-shown")


@pytest.fixture(scope="module")
def opened(lab, _lab_page) -> Page:
    """The first notebook up to its explorer, and an empty cell, shared by all tests."""
    notebook = nbformat.read(ROOT / "notebooks" / "01_explore.ipynb", as_version=4)
    notebook.cells = [*notebook.cells[:2], new_code_cell("")]
    nbformat.write(notebook, lab.folder / "explore.ipynb")
    return _lab_page.run("explore.ipynb")


@pytest.fixture
def demo(lab_page, opened) -> Page:
    return opened


def load_batch(page: Page, batch_id: str):
    ids = page.get_by_role("textbox", name="Batch ids")
    ids.fill(batch_id, timeout=LOADED_MS)
    ids.press("Enter")


def run_second_cell(page: Page, code: str):
    page.locator(".jp-CodeCell .jp-InputArea .cm-content").nth(1).fill(code)
    page.keyboard.press("Control+Enter")


def test_the_first_notebook_shows_the_story_and_its_filters_work(demo):
    page = demo
    expect(verdict(page)).to_contain_text("1,487 of 3,000 failed", timeout=LOADED_MS)
    expect(verdict(page)).to_contain_text("all 3 pages read")
    expect(verdict(page)).to_contain_text("demo data")
    expect(page.get_by_text("Would you like to get notified")).to_have_count(0)
    expect(page.get_by_role("figure", name="Job outcomes").locator("svg")).to_be_visible()
    status = page.get_by_role("group", name="Status")
    status.get_by_role("checkbox", name="completed_with_error").check()
    expect(shown(page)).to_have_text("96 of 3,000 jobs")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy query").click()
    expect(page.get_by_text("Copied the query")).to_be_visible()
    assert "\njobs = explorer.loaded\njobs.filter(" in page.evaluate(
        "navigator.clipboard.readText()"
    )
    page.get_by_role("button", name="Clear filters").click()
    expect(shown(page)).to_have_text("3,000 of 3,000 jobs")


def batches(page: Page):
    return page.get_by_role("grid", name="Batches")


def row(page: Page, text: str):
    return batches(page).get_by_role("row").filter(has_text=text)


def selected(page: Page):
    return batches(page).locator('tr[aria-selected="true"] .column-id')


def loaded(page: Page):
    return page.get_by_role("button", name=" · change")


def open_list(page: Page):
    loaded(page).click(timeout=LOADED_MS)
    expect(page.locator(".boxdocgen-picker .matches")).to_have_text("41 batches", timeout=LOADED_MS)


def test_what_is_loaded_is_what_was_selected_or_typed_however_fast(demo):
    page = demo
    expect(loaded(page)).to_have_text(
        re.compile(r"^Offer letter · 3 Nov( 2026)? 02:14 · 12345600319 · change$"),
        timeout=LOADED_MS,
    )
    open_list(page)
    for name in ("Refresh", "Cancel"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("checkbox", name="Watch")).to_be_visible()
    expect(row(page, "12345600319")).to_contain_text("49.6 %loaded")
    expect(row(page, "12345600340")).to_contain_text(re.compile(r"running \([\d,]+ jobs\)"))
    search = page.get_by_role("searchbox", name="Search batches")
    search.fill("non-disclosure")
    expect(row(page, "Offer")).to_have_count(0)
    row(page, "12345600305").click()
    search.fill("payslip")  # the selection is announced, even if it is out of sight
    expect(page.locator(".boxdocgen-picker .selected")).to_contain_text("Non-disclosure agreement")
    page.get_by_role("button", name="Load", exact=True).click()
    expect(loaded(page)).to_contain_text("12345600305", timeout=LOADED_MS)
    expect(verdict(page)).to_contain_text("51 of 51 completed")

    page.get_by_role("textbox", name="Batch ids").focus()
    for typed in ("12345600333", "12345600312", "12345600298"):  # typed like a scanner
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
    expect(loaded(page)).to_contain_text("12345600298", timeout=LOADED_MS)
    expect(verdict(page)).to_contain_text("of 22 ")
    page.keyboard.type("12345600277")
    page.get_by_role("button", name="Load", exact=True).click()
    expect(loaded(page)).to_contain_text("12345600277", timeout=LOADED_MS)

    loaded(page).click()
    search.fill("")
    row(page, "12345600305").click()
    ids = page.get_by_role("textbox", name="Batch ids")
    ids.fill("12345600312")  # either ids are typed or batches are selected, never both
    expect(selected(page)).to_have_count(0)
    row(page, "12345600333").click()
    expect(ids).to_have_value("")
    row(page, "12345600305").dblclick()
    expect(loaded(page)).to_contain_text("12345600305", timeout=LOADED_MS)


def test_the_table_works_with_keys_alone_and_several_batches_are_named_in_the_charts(demo):
    page = demo
    open_list(page)
    page.get_by_role("button", name="Id", exact=True).click()
    header = batches(page).get_by_role("columnheader", name="Id")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("button", name="Id", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(batches(page).get_by_role("row").nth(1)).to_contain_text("12345600340")

    page.get_by_role("searchbox", name="Search batches").fill("payslip")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(selected(page)).to_have_count(0)  # looking at a batch does not select it
    page.keyboard.press("Space")
    expect(selected(page)).to_have_count(1)
    page.keyboard.press("Shift+ArrowDown")
    expect(selected(page)).to_have_count(2)
    page.keyboard.press("Shift+ArrowUp")
    expect(selected(page)).to_have_text(["12345600256"])
    row(page, "12345600333").get_by_role("checkbox").check()
    expect(page.locator(".boxdocgen-picker .selected")).to_have_text("2 selected")
    page.keyboard.press("Enter")
    expect(loaded(page)).to_have_text("2 batches · change", timeout=LOADED_MS)
    bar = page.get_by_role("figure", name="Outcomes by batch").get_by_role("button")
    named = re.compile(r"^Payslip · 3 Nov( 2026)? 02:30 · 12345600333: 1,260 of 2,518 jobs$")
    expect(bar.and_(page.get_by_role("button", name=named))).to_be_visible()


def test_thousands_of_batches_are_few_rows_and_what_is_selected_stays(demo):
    page = demo
    run_second_cell(
        page,
        """
def grow(height):
    rows = [[str(n), "Offer letter", "3 Nov 02:14", 10**9 + n, [n % 7, 0, 0, 0, 9, 0]]
            for n in range(height)]
    explorer.picker.table.rows = rows
explorer.wait()  # or the list of batches that is being read replaces these rows
grow(3000)
""",
    )
    loaded(page).click()
    page.get_by_role("searchbox", name="Search batches").fill("")
    matches = page.locator(".boxdocgen-picker .matches")
    expect(matches).to_have_text("3,000 batches")
    header = batches(page).get_by_role("columnheader", name="Id")
    while header.get_attribute("aria-sort") != "descending":  # so that new ones come first
        header.get_by_role("button").click()
    row(page, "Offer letter").first.click()
    page.keyboard.press("Home")
    for _ in range(9):
        page.keyboard.press("PageDown")
    page.keyboard.press("Space")
    expect(selected(page)).to_have_count(1)
    chosen = selected(page).inner_text()
    box = page.locator(".boxdocgen-picker .batches")

    def place() -> float:
        return selected(page).bounding_box()["y"] - box.bounding_box()["y"]

    before = place()
    run_second_cell(page, "grow(5000)")
    expect(matches).to_have_text("5,000 batches")
    expect(selected(page)).to_have_text([chosen])
    assert place() == pytest.approx(before, abs=1)
    assert batches(page).get_by_role("row").count() < 40


def test_a_batch_that_box_does_not_give_completely_says_so(demo):
    page = demo
    load_batch(page, "12345600270")
    expect(verdict(page)).to_contain_text("INCOMPLETE", timeout=LOADED_MS)
    notice = page.locator(".boxdocgen-explorer .notice")
    expect(notice.locator("p").first).to_contain_text(
        "Box has a problem. Try again later: what has arrived is cached."
    )
    expect(notice.get_by_text("status 500")).to_be_hidden()
    notice.get_by_text("Details", exact=True).click()
    expect(notice.get_by_text("status 500")).to_contain_text("request id")
    page.get_by_role("button", name="Retry").click()
    expect(notice).to_be_hidden(timeout=LOADED_MS)
    expect(notice.get_by_role("button", name="Retry")).to_be_visible(timeout=LOADED_MS)
    page.set_viewport_size({"width": 620, "height": 1100})
    load = page.get_by_role("button", name="Load", exact=True).bounding_box()
    explorer = page.locator(".boxdocgen-explorer").bounding_box()
    assert load["x"] + load["width"] <= explorer["x"] + explorer["width"] + 1
    page.set_viewport_size({"width": 1400, "height": 1000})


def test_the_jobs_shown_are_saved_as_excel_and_parquet_by_the_kernel(demo):
    page = demo
    load_batch(page, "12345600319")
    page.get_by_role("group", name="Status").get_by_role("checkbox", name="failed").check()
    expect(shown(page)).to_contain_text("1,487 of 3,000 jobs", timeout=LOADED_MS)
    name = r"jobs-12345600319-failed-\d{4}-\d\d-\d\d"
    with page.expect_download() as excel:
        page.get_by_text("Export", exact=True).click()
        page.get_by_role("button", name="Save Excel").click()
    with page.expect_download() as parquet:
        page.get_by_text("Export", exact=True).click()
        page.get_by_role("button", name="Save Parquet").click()
    assert re.fullmatch(rf"{name}\.xlsx", excel.value.suggested_filename)
    assert excel.value.path().read_bytes()[:2] == b"PK"
    assert re.fullmatch(rf"{name}\.parquet", parquet.value.suggested_filename)
    jobs = pl.read_parquet(parquet.value.path())
    assert jobs.height == 1487
    assert set(jobs["status"]) == {"failed"}
    about = json.loads(pl.read_parquet_metadata(parquet.value.path())["boxdocgen.about"])
    assert (about["jobs"], about["jobs_read"], about["demo"]) == (1487, 3000, True)
    page.get_by_role("button", name="Clear filters").click()


def choose_theme(page: Page, name: str):
    change = "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })"
    page.evaluate(change, name)
    light = str("Dark" not in name).lower()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", light)
    # JupyterLab fails to take away its splash if the theme changes again before it has gone.
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)


def test_the_explorer_follows_the_dark_theme_and_a_state_from_the_kernel(demo):
    page = demo
    load_batch(page, "12345600319")
    expect(verdict(page)).to_contain_text("1,487 of 3,000 failed", timeout=LOADED_MS)
    run_second_cell(page, "explorer.state = {'status': ['failed']}")
    expect(shown(page)).to_have_text("1,487 of 3,000 jobs", timeout=LOADED_MS)
    failed = page.get_by_role("group", name="Status").get_by_role("checkbox", name="failed")
    expect(failed).to_be_checked()
    label = page.get_by_role("figure", name="Job outcomes").locator("svg text").first
    brightness = "(one) => Math.min(...getComputedStyle(one).{}.match(/\\d+/g).slice(0, 3))"
    choose_theme(page, "JupyterLab Dark")
    assert verdict(page).evaluate(brightness.format("color")) > 150
    assert label.evaluate(brightness.format("fill")) > 150
    choose_theme(page, "JupyterLab Light")
    assert verdict(page).evaluate(brightness.format("color")) < 100
    page.get_by_role("button", name="Clear filters").click()


def test_a_running_batch_is_watched_and_its_documents_are_loaded(demo):
    page = demo
    late = "explorer.view.watching = {**explorer.view.watching, 'due_at': '2026-01-01T00:00:00Z'}"
    load_batch(page, "12345600340")
    expect(verdict(page)).to_contain_text("of 1,800 ", timeout=LOADED_MS)
    watch = page.get_by_role("checkbox", name="Watch")
    watch.check()
    progress = page.get_by_role("progressbar", name="Final jobs")
    expect(progress).to_have_attribute("max", "1800", timeout=LOADED_MS)
    line = page.locator(".boxdocgen-explorer .watching")
    expect(line).to_contain_text(" of 1,800 final · too early to tell")
    expect(line).to_have_attribute("title", re.compile(r"^\d+ calls of Box since the watch began$"))

    page.get_by_role("button", name="Load documents (2 calls)").click()
    expect(page.get_by_role("figure", name="Documents over time")).to_be_visible(timeout=LOADED_MS)
    expect(page.get_by_role("figure", name="Duration")).to_contain_text("Half within ")
    expect(line).to_contain_text(" a minute · done about ", timeout=LOADED_MS)
    completed = page.get_by_role("group", name="Status").get_by_role("checkbox", name="completed")
    completed.check()
    link = page.get_by_role("table", name="Jobs").get_by_role("link").first
    expect(link).to_have_text(re.compile(r"^Salary review 41-\d{5}\.pdf$"))
    expect(link).to_have_attribute("href", re.compile(r"^https://app\.box\.com/file/\d+$"))

    run_second_cell(page, late)
    expect(line).to_contain_text("the kernel may have stopped", timeout=LOADED_MS)
    watch.uncheck()
    expect(line).to_be_hidden()


def test_cancel_works_against_a_server_that_falls_silent_half_way(demo, tmp_path):
    page = demo
    with Emulator(enterprise=Enterprise.of({"1001": 2500})) as emulator:
        emulator.fault("silent", path="/docgen_batch_jobs/1001", page=2, times=None)
        page.evaluate("jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        code = f"box = bx.connect({DEMO_TOKEN!r}, base_url={emulator.url!r}, "
        run_second_cell(page, f"{code}cache_dir={str(tmp_path)!r})\nbx.explore(box)")
        ids = page.get_by_role("textbox", name="Batch ids")
        expect(ids).to_be_focused(timeout=LOADED_MS)
        page.keyboard.type("1001")
        page.get_by_role("button", name="Load", exact=True).click()
        progress = page.get_by_role("progressbar", name="Reading pages")
        expect(progress).to_be_visible(timeout=LOADED_MS)
        expect(page.locator(".boxdocgen-picker")).to_contain_text("1,000 jobs")
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(verdict(page)).to_contain_text("INCOMPLETE, at least 1,000", timeout=LOADED_MS)
        expect(shown(page)).to_have_text("1,000 of 1,000 jobs")
        expect(progress).to_have_count(0)

        emulator.clear_faults()
        page.get_by_role("button", name="Load", exact=True).click()
        expect(verdict(page)).to_contain_text("all 3 pages read", timeout=LOADED_MS)
