"""The address of a page, and links in it, name the jobs that it shows."""

from __future__ import annotations

import re

import pytest
from browser_fixtures import reload, wait_for_draw
from frames import MISSING, story
from playwright.sync_api import Page, expect

from boxdocgen_explore import view
from boxdocgen_explore.view import filters

pytestmark = pytest.mark.browser


def shown(tab: Page) -> str:
    wait_for_draw(tab)
    return tab.locator(".jobs-shown").inner_text()


def count(state: dict) -> str:
    return f"{story().filter(filters.query(state)).height} of 300 jobs"


def test_the_address_follows_the_filters_and_opens_the_same_jobs_again(show):
    tab = show(story())
    assert "#" not in tab.url
    pages = tab.evaluate("history.length")
    tab.get_by_role("checkbox", name="failed", exact=True).check()
    tab.get_by_role("searchbox", name="Search jobs").fill("row 1")
    tab.get_by_role("button", name="Job id").click()
    address = re.compile(r"#status=failed&sort=job_id&sort=ascending&text=row\+1$")
    expect(tab).to_have_url(address)
    assert tab.evaluate("history.length") == pages  # letters are no pages
    before = shown(tab)
    reload(tab)
    assert shown(tab) == before
    expect(tab.get_by_role("searchbox", name="Search jobs")).to_have_value("row 1")
    expect(tab.locator("th[aria-sort=ascending]")).to_have_text("Job id")


def test_a_link_within_the_page_filters_and_a_heading_does_not(show):
    state = {"reason": [MISSING], "created": ["2026-11-02", "2026-11-03"]}
    tab = show(story())
    tab.evaluate(f"location.hash = {view.fragment(state)!r}")
    expect(tab.locator(".jobs-shown")).to_have_text(count(state))
    expect(tab.locator(".jobs-shown")).to_be_in_viewport()
    tab.evaluate("location.hash = 'findings'")
    tab.get_by_role("button", name="Share").click()
    assert shown(tab) == count(state)


def test_the_address_wins_over_the_filters_of_the_page_even_if_it_has_none(show):
    tab = show(story(), state={"status": ["failed"]})
    assert shown(tab) == count({"status": ["failed"]})
    tab.get_by_role("button", name="Clear filters").click()
    assert shown(tab) == "300 of 300 jobs"
    reload(tab)
    assert shown(tab) == "300 of 300 jobs"


def test_a_hostile_address_is_text(show):
    tab = show(story())
    hostile = "<img src=x onerror=alert(1)>"
    tab.evaluate(
        f"location.hash = 'status={hostile}&columns=__proto__&sort=toString&sort=ascending'"
    )
    expect(tab.get_by_role("button", name=f"Remove filter status {hostile}")).to_be_visible()
    assert tab.locator("img").count() == 0
    assert shown(tab) == "0 of 300 jobs"
