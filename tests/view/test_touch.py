"""On a phone: touch input, and no motion if the user prefers none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_fixtures import wait_for_draw
from frames import story
from playwright.sync_api import Browser, expect

from boxdocgen_explore import view

pytestmark = pytest.mark.browser

TARGETS = ".boxdocgen :is(.sidebar label, button:not(.id), summary, select, .edge)"


@pytest.mark.thorough
def test_a_finger_filters_scrolls_sideways_and_widens_a_column(browser: Browser, tmp_path: Path):
    file = tmp_path / "page.html"
    file.write_text(view.page(story(), None), "utf-8")
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    context = browser.new_context(**phone, reduced_motion="reduce")
    tab = context.new_page()
    tab.goto(file.as_uri())
    wait_for_draw(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.get_by_role("figure", name="Job outcomes").get_by_role("button", name="failed").tap()
    chip = tab.get_by_role("button", name="Remove filter status failed")
    assert chip.bounding_box()["height"] < 40  # on one line
    tab.get_by_text("Filters", exact=True).tap()
    tab.get_by_role("checkbox", name="failed", exact=True).tap()
    expect(tab.locator(".jobs-shown")).to_have_text("300 of 300 jobs")
    sizes = "all => all.map((one) => one.getBoundingClientRect()).filter(({ width }) => width)"
    for box in tab.locator(TARGETS).evaluate_all(f"{sizes}"):
        assert min(box["width"], box["height"]) >= 24
    table = tab.locator(".jobs")
    table.scroll_into_view_if_needed()
    edge = tab.get_by_role("columnheader", name="Status").locator(".edge").bounding_box()
    x, y = edge["x"] + 20, edge["y"] + 10
    fingers = context.new_cdp_session(tab)
    for kind, at in (("touchStart", x), ("touchMove", x + 40), ("touchMove", x + 60)):
        points = [{"x": at, "y": y}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_for_draw(tab)
    expect(tab).to_have_url(re.compile("widths=status"))
    assert table.evaluate("one => ((one.scrollLeft = 100), one.scrollLeft)") == 100
    assert tab.evaluate("document.getAnimations().length") == 0
    context.close()
