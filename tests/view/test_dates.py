"""An interval of days: dragged over in the chart, or written into two fields."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from browser_fixtures import figure, wait_for_draw
from frames import READ_AT, jobs_frame
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

DAYS = [READ_AT + timedelta(days=days) for days in (5, 5, 6, 8, 8, 8, 9)]
JOBS = jobs_frame([{"created_at": day} for day in [*DAYS, None]])


def drag(tab: Page, first: int, last: int) -> None:
    columns = figure(tab, "Jobs over time").locator(".rows_marks path")
    start, end = (columns.nth(place).bounding_box() for place in (first, last))
    tab.mouse.move(start["x"] + start["width"] / 2, start["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(end["x"] + end["width"] / 2, end["y"] + 50, steps=4)
    tab.mouse.up()
    wait_for_draw(tab)


def test_days_that_are_dragged_over_filter_and_are_cleared_like_any_filter(show):
    tab = show(JOBS, state={"compare_by": "day"})
    drag(tab, 2, 1)  # from right to left
    expect(tab.locator(".jobs-shown")).to_have_text("4 of 8 jobs")
    name = "Remove filter created from 2026-11-09 to 2026-11-11 (UTC)"
    expect(tab.locator(".bar").get_by_role("button", name=name)).to_be_visible()
    expect(tab.locator(".band")).to_be_hidden()
    drag(tab, 0, 1)
    expect(tab.locator(".jobs-shown")).to_have_text("3 of 8 jobs")
    figure(tab, "Jobs over time").get_by_role("button", name="2026-11-08").click()
    expect(tab.locator(".chip")).to_have_count(2)  # a click still picks one day
    tab.get_by_role("button", name="Clear filters").click()
    expect(tab.locator(".jobs-shown")).to_have_text("8 of 8 jobs")
    expect(tab.get_by_label("From", exact=True)).to_have_value("")


def test_days_are_chosen_by_keyboard_and_half_a_date_changes_nothing(show):
    tab = show(JOBS)
    group = tab.get_by_role("group", name="Created (UTC)")
    group.get_by_label("From").focus()
    tab.keyboard.type("11112026")  # day and month in either order
    expect(tab.locator(".jobs-shown")).to_have_text("4 of 8 jobs")
    expect(group.get_by_label("To")).to_have_value("2026-11-12")
    tab.keyboard.press("Tab")
    group.get_by_label("To").press("Backspace")
    expect(tab.locator(".jobs-shown")).to_have_text("4 of 8 jobs")
    group.get_by_label("To").fill("2026-11-11")
    expect(tab.locator(".jobs-shown")).to_have_text("3 of 8 jobs")


def test_a_date_out_of_range_leaves_the_interval_open_at_that_end(show):
    tab = show(JOBS)
    group = tab.get_by_role("group", name="Created (UTC)")
    group.get_by_label("From").fill("2026-10-01")
    group.get_by_label("To").fill("2026-11-09")
    expect(tab.locator(".jobs-shown")).to_have_text("3 of 8 jobs")
    expect(group.get_by_label("From")).to_have_value("2026-11-08")


def test_jobs_of_one_day_offer_no_choice_but_show_their_date(show):
    tab = show(JOBS.filter(pl.col("created_at").dt.day() == 11))
    expect(tab.get_by_role("group", name="Created (UTC)")).to_contain_text("Only on 2026-11-11")
    expect(tab.get_by_label("From", exact=True)).to_be_hidden()


def test_without_dates_there_is_no_field_for_them(show):
    undated = show(JOBS.drop("created_at"), state={"created": ["2026-11-02", "2026-11-03"]})
    expect(undated.get_by_role("group", name="Created (UTC)")).to_be_hidden()
    expect(undated.locator(".jobs-shown")).to_have_text("0 of 8 jobs")
