"""The columns of the table: choice, widths and space."""

from __future__ import annotations

import pytest
from browser_fixtures import reload, wait_for_draw
from frames import HOSTILE, MISSING, READ_AT, jobs_frame
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

ROW = {"external_id": "EMP-4711", "status": "failed", "errors": [MISSING, "b"], "warnings": ["=1"]}
JOBS = jobs_frame([ROW | {"batch_id": str(n), "created_at": READ_AT} for n in range(40)])


def heads(tab: Page) -> list[str]:
    wait_for_draw(tab)
    return [text.strip(" ▲") for text in tab.get_by_role("columnheader").all_inner_texts()]


def width(tab: Page, name: str) -> float:
    return tab.get_by_role("columnheader", name=name).bounding_box()["width"]


def test_columns_are_chosen_in_a_menu_and_a_link_has_them(show):
    tab = show(JOBS)
    usual = ["Status", "Batch", "External id", "Reason", "Template", "Output", "Job id"]
    assert heads(tab) == usual
    menu = tab.get_by_text("Columns", exact=True)
    menu.focus()
    tab.keyboard.press("Enter")
    box = tab.get_by_role("group", name="Columns").get_by_role("checkbox", name="Created (UTC)")
    box.press("Space")
    expect(box).to_be_focused()  # the menu stays open
    for name in ("Batch", "Template", "Output"):
        tab.get_by_role("group", name="Columns").get_by_text(name, exact=True).click()
    for _ in range(2):
        assert heads(tab) == ["Status", "External id", "Reason", "Created (UTC)", "Job id"]
        expect(tab.locator("tr.job").first).to_contain_text("2026-11-03 02:14:00")
        reload(tab)
    menu.click()
    tab.get_by_role("button", name="Usual columns").click()
    tab.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(tab.get_by_role("button", name="Usual columns")).to_be_hidden()
    assert heads(tab) == usual
    assert heads(show(JOBS, state={"columns": ["job_id", HOSTILE]})) == ["Job id"]


def test_a_column_is_as_wide_as_it_is_dragged_and_the_others_stay(show):
    tab = show(JOBS)
    reason, job = width(tab, "Reason"), width(tab, "Job id")
    edge = tab.get_by_role("columnheader", name="Reason").locator(".edge").bounding_box()
    tab.mouse.move(edge["x"] + 5, edge["y"] + 5)
    tab.mouse.down()
    tab.mouse.move(edge["x"] + 85, edge["y"] + 5, steps=3)
    tab.mouse.up()
    assert width(tab, "Reason") == pytest.approx(reason + 80, abs=6)
    assert width(tab, "Job id") == pytest.approx(job, abs=1)
    expect(tab.locator("th[aria-sort]")).to_have_text("Status")  # a drag is no click
    reload(tab)
    assert width(tab, "Reason") == pytest.approx(reason + 80, abs=6)
    tab.get_by_role("button", name="Job id").focus()
    tab.keyboard.press("Shift+ArrowRight")
    wait_for_draw(tab)
    assert width(tab, "Job id") == pytest.approx(job + 16, abs=1)
    tab.get_by_role("columnheader", name="Reason").locator(".edge").dblclick()
    wait_for_draw(tab)
    assert width(tab, "Reason") == pytest.approx(reason, abs=1)


def test_a_column_header_draws_the_values_of_the_shown_jobs_and_names_them_only_on_hover(show):
    rows = [{"status": "failed"}, {"status": "completed", "external_id": "E1"}]
    tab = show(jobs_frame([*rows * 2, {"status": "completed", "errors": ["A"]}]))

    def share(name: str) -> str:
        bar = tab.get_by_role("columnheader", name=name, exact=True).locator(".shares")
        return bar.get_attribute("title")

    assert share("Status") == "failed: 2 · 40 %\ncompleted: 3 · 60 %"
    assert share("Template") == "Offer letter: 5 · 100 %"
    assert share("External id") == "With a value: 2 · 40 %\nWithout: 3 · 60 %"
    tab.get_by_role("searchbox", name="Search jobs").fill("e1")
    wait_for_draw(tab)
    assert share("External id") == "With a value: 2 · 100 %"
    tab.get_by_role("button", name="Clear filters").click()
    tab.get_by_role("checkbox", name="completed").check()
    wait_for_draw(tab)
    assert share("External id") == "With a value: 2 · 67 %\nWithout: 1 · 33 %"
    assert share("Reason") == "With a value: 1 · 33 %\nWithout: 2 · 67 %"
    tab.emulate_media(forced_colors="active")
    expect(tab.locator(".shares").first).to_be_hidden()


def test_the_id_of_a_batch_is_shown_in_full_however_long_its_name(show):
    label = "A very long name of a template that nobody can show in full · 3 Nov 02:14"
    tab = show(JOBS, labels={str(n): label for n in range(40)})
    part = "all => all.every((one) => one.scrollWidth <= one.clientWidth || !one.clientWidth)"
    assert tab.locator("td.column-batch_id span:last-child").evaluate_all(part)
    expect(tab.locator("td.column-batch_id").first).to_have_text(f"{label} · 0")


@pytest.mark.thorough
def test_the_table_fills_the_window_and_on_demand_the_screen(show):
    tab = show(JOBS)
    table = tab.locator(".jobs")
    low = table.bounding_box()["height"]
    tab.set_viewport_size({"width": 1000, "height": 1400})
    assert table.bounding_box()["height"] > low + 100
    tab.get_by_role("button", name="Full screen").click()
    back = tab.get_by_role("button", name="Leave full screen")
    expect(back).to_be_visible()
    expect(tab.locator("figure").first).to_be_hidden()
    expect(tab.get_by_role("searchbox", name="Search jobs")).to_be_visible()
    assert table.bounding_box()["height"] > 1200
    back.click()
    expect(tab.locator("figure").first.locator("svg")).to_be_visible()


def test_the_table_is_copied_as_it_is_shown(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    columns = ["external_id", "errors", "warnings", "template_file_id"]
    show(JOBS[:2], state={"columns": columns})
    tab.get_by_text("Export", exact=True).click()
    tab.get_by_role("button", name="Copy table").click()
    expect(tab.locator(".message")).to_have_text("Copied the 2 jobs shown.")
    head, row, second = tab.evaluate("navigator.clipboard.readText()").split("\n")
    assert row == second
    assert head.split("\t") == ["External id", "Reason", "Warnings", "Template"]
    assert row.split("\t") == ["EMP-4711", f"{MISSING} · b", "'=1", "Offer letter"]


def test_what_a_cell_shows_without_a_value_is_copied_too(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    silent = {"output_file_id": None, "output_type": "pdf"}
    jobs = jobs_frame([{"status": "failed", **silent}, {"status": None, **silent}])
    show(jobs, state={"columns": ["status", "errors", "output_file_id"]})
    expect(tab.locator("tr.job").last.locator(".column-status")).to_have_text("(none)")
    tab.get_by_text("Export", exact=True).click()
    tab.get_by_role("button", name="Copy table").click()
    expect(tab.locator(".message")).to_have_text("Copied the 2 jobs shown.")
    _, *rows = tab.evaluate("navigator.clipboard.readText()").split("\n")
    assert rows == ["failed\tBox gave no reason\tpdf", "(none)\t\tpdf"]
