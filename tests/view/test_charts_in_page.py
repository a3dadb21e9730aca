from __future__ import annotations

import itertools
import re
from collections import Counter
from datetime import datetime, timedelta

import polars as pl
import pytest
from browser_fixtures import TEMPLATES, bar_labels, figure, mount, payload, resize, wait_for_draw
from frames import MISSING, READ_AT, documented, jobs_frame, story
from playwright.sync_api import Locator, expect

from boxdocgen_explore import charts, view
from boxdocgen_explore.view import filters

pytestmark = pytest.mark.browser


def pieces(drawn: Locator) -> list[str]:
    marks = drawn.locator('.bars_marks [aria-label*=" of "]')
    return marks.evaluate_all("all => all.map((one) => one.ariaLabel)")


def named(label: str) -> str:
    """An interval of time is called by its start."""
    start, interval, _ = label.partition("/PT")
    return f"{datetime.fromisoformat(start):%-d %b %H:%M} UTC" if interval else label


def test_every_chart_has_the_bars_that_python_counts(show):
    jobs = documented(story())
    tab = show(jobs)
    for each in charts.figures():
        if each["compare"]:
            tab.get_by_role("combobox", name="Compare by").select_option(each["compare"])
            wait_for_draw(tab)
        bars, parts = Counter[str](), set()
        for row in charts.bars(each["name"], jobs, TEMPLATES):
            name, of_all = named(row["label"]), f"of {row['jobs_all']:,} jobs"
            bars[name] += row["all"]
            parts.add(f"{name}, {row['status']}: {row['all']:,} {of_all}")
        drawn = figure(tab, each["title"])
        assert set(bar_labels(drawn)) == {f"{name}: {n:,} {of_all}" for name, n in bars.items()}
        assert bool(drawn.get_by_role("button").count()) != each["of_documents"]
        if each["name"] != "over_time":
            assert len(bar_labels(drawn)) == len(bars)
        if each["by_status"]:
            assert set(pieces(drawn)) == parts


def test_under_a_filter_a_bar_says_what_is_shown_and_what_is_loaded(show):
    jobs = story()
    tab = show(jobs, state={"status": ["failed"]})
    failed, pdf = jobs.filter(status="failed"), jobs.filter(output_type="pdf")
    shown = pdf.filter(status="failed").height
    assert bar_labels(figure(tab, "Output types"))[0] == (
        f"pdf: {shown} of {failed.height} jobs shown; {pdf.height} of {jobs.height} loaded"
    )
    table = tab.get_by_role("table", name="Jobs")
    expect(table).to_have_attribute("aria-rowcount", str(failed.height + 1))


def test_bars_are_as_long_as_their_numbers_and_never_under_three_pixels(show):
    statuses = ["failed"] * 400 + ["completed"] * 200 + ["pending"]
    tab = show(jobs_frame([{"status": status} for status in statuses]))
    lengths = figure(tab, "Job outcomes").locator(".bars_marks path").evaluate_all(
        "all => all.map((one) => one.getBBox().width)"
    )  # fmt: skip
    failed, pending, completed = lengths
    assert failed == pytest.approx(2 * completed, rel=0.01)
    assert pending == pytest.approx(3, abs=0.5)
    ghosts = "all => all.map((one) => one.getBBox().width)"
    tab.get_by_role("checkbox", name="completed", exact=True).check()
    wait_for_draw(tab)
    drawn = figure(tab, "Job outcomes")
    assert drawn.locator(".ghosts_marks path").evaluate_all(ghosts) == pytest.approx(lengths)
    assert drawn.locator(".bars_marks path").evaluate_all(ghosts) == pytest.approx(
        [0, 0, completed]
    )


def numbers(drawn: Locator) -> list[str]:
    return drawn.locator(".numbers_marks text").all_text_contents()


@pytest.mark.thorough
def test_the_number_beside_a_bar_stays_right_however_often_it_is_drawn(show):
    statuses = ["failed"] * 400 + ["completed_with_error"] + ["completed"] * 199
    rows = [{"status": s, "output_type": "pdf", "errors": [MISSING]} for s in statuses]
    tab = show(jobs_frame(rows))
    box = tab.get_by_role("checkbox", name="completed", exact=True)
    assert numbers(figure(tab, "Output types")) == ["600 · 67 % failed"]
    for width in (1000, 700):
        resize(tab, width)
        box.check()
        wait_for_draw(tab)
        assert numbers(figure(tab, "Job outcomes")) == ["0", "0", "199 · 100 %"]
        assert numbers(figure(tab, "Output types")) == ["199"]
        box.uncheck()
        wait_for_draw(tab)
        assert numbers(figure(tab, "Job outcomes")) == ["400 · 67 %", "1 · <1 %", "199 · 33 %"]
        assert numbers(figure(tab, "Output types")) == ["600 · 67 % failed"]
        assert numbers(figure(tab, "Failure reasons")) == ["600 · 100 %"]


def test_the_share_of_a_batch_is_measured_by_its_own_jobs(show):
    statuses = {"1": ["failed"] * 3 + ["completed"] * 97, "2": ["failed", "completed"]}
    rows = [{"batch_id": one, "status": status} for one in statuses for status in statuses[one]]
    tab = show(jobs_frame(rows))
    drawn = figure(tab, "Outcomes by batch")

    def widths() -> list[float]:
        bars = drawn.locator(".bars_marks path")
        return bars.evaluate_all("all => all.map((one) => one.getBBox().width)")

    assert widths()[1] > 40 * widths()[3]
    expect(tab.get_by_role("button", name="Count")).to_have_attribute("aria-pressed", "true")
    tab.get_by_role("button", name="Share").click()
    wait_for_draw(tab)
    first, second = widths()[:2], widths()[2:]
    assert second == pytest.approx([sum(first) / 2] * 2, rel=0.01)
    assert first == pytest.approx([sum(first) * 0.03, sum(first) * 0.97], rel=0.05)
    assert numbers(drawn) == ["100 · 3 % failed", "2 · 50 % failed"]
    expect(figure(tab, "Job outcomes").locator("figcaption")).to_contain_text("% of 102 jobs")
    tab.get_by_role("checkbox", name="failed", exact=True).check()
    expect(figure(tab, "Job outcomes").locator("figcaption")).to_contain_text("% of 4 jobs shown")


def test_rows_of_a_chart_keep_apart_after_its_width_changes(show):
    jobs = story()
    tab = show(jobs)
    for width in (420, 1000):
        resize(tab, width)
        rows = (
            figure(tab, "Failure reasons")
            .locator(".rows_marks path")
            .evaluate_all(
                "all => all.map((one) => one.getBBox()).map(({ y, height }) => [y, y + height])"
            )
        )
        assert rows[0][0] == 0
        for (_, bottom), (top, _) in itertools.pairwise(rows):
            assert top == pytest.approx(bottom)


def test_a_click_on_a_bar_filters_and_a_second_one_undoes_it(show):
    tab = show(story())
    bar = figure(tab, "Job outcomes").get_by_role("button", name=re.compile("^failed:"))
    everything = tab.locator(".jobs-shown").inner_text()
    bar.click()
    expect(tab.get_by_role("checkbox", name="failed", exact=True)).to_be_checked()
    wait_for_draw(tab)
    expect(bar).to_have_attribute("aria-pressed", "true")
    expect(bar).to_be_focused()
    expect(bar).to_have_css("outline-style", "none")
    bar.click()
    expect(tab.locator(".jobs-shown")).to_have_text(everything)


def test_the_pointer_over_a_piece_of_a_bar_shows_its_numbers(show):
    jobs = story()
    tab = show(jobs)
    piece = figure(tab, "Output types").locator(".bars_marks path").first
    box = piece.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    failed = jobs.filter((pl.col("output_type") == "pdf") & (pl.col("status") == "failed")).height
    expect(figure(tab, "Output types").locator(".tip")).to_have_text(
        f"pdf, failed: {failed} of {jobs.height} jobs"
    )


def test_a_click_on_a_template_version_filters_by_template_and_version(show):
    jobs = story()
    tab = show(jobs, state={"compare_by": "template"})
    figure(tab, "Outcomes by template").get_by_role(
        "button", name="Offer letter · version (none)"
    ).click()
    state = {"template_file_id": ["1700000000001"], "template_file_version_id": [None]}
    shown = jobs.filter(filters.query(state)).height
    expect(tab.locator(".jobs-shown")).to_have_text(f"{shown:,} of {jobs.height:,} jobs")


def test_a_version_that_is_no_longer_picked_leaves_the_others(show):
    versions = [("1", "a"), ("1", "b"), ("1", "b"), ("2", "c")]
    names = ("template_file_id", "template_file_version_id")
    tab = show(jobs_frame([dict(zip(names, one, strict=True)) for one in versions]))
    tab.get_by_label("Compare by").select_option("template")
    bars = figure(tab, "Outcomes by template")
    for version in ("1 · version a", "1 · version b", "2 · version c", "1 · version a"):
        bars.get_by_role("button", name=version).click()
        wait_for_draw(tab)
    expect(tab.locator(".jobs-shown")).to_have_text("3 of 4 jobs")


def test_without_dates_another_comparison_takes_the_place_of_days(show):
    tab = show(story().drop("created_at"), state={"compare_by": "day"})
    expect(figure(tab, "Outcomes by batch")).to_be_visible()
    expect(tab.get_by_label("Compare by")).to_have_value("batch")


def test_text_and_ghosts_follow_the_color_scheme(show):
    tab = show(story(), state={"status": ["failed"]})
    outcomes = figure(tab, "Job outcomes")
    text = outcomes.locator(".labels_marks text").first
    ghost = outcomes.locator(".ghosts_marks path").first
    expect(text).to_have_css("fill", "rgb(31, 35, 40)")
    expect(ghost).to_have_css("fill", "rgb(213, 218, 224)")
    tab.emulate_media(color_scheme="dark")
    expect(text).to_have_css("fill", "rgb(230, 233, 237)")
    expect(ghost).to_have_css("fill", "rgb(61, 68, 77)")


@pytest.mark.thorough
def test_the_numbers_of_a_hundred_thousand_jobs_are_not_cut(show):
    columns = {"status": ["failed", "completed"], "batch_id": "1", "output_type": "pdf"}
    tab = show(pl.concat([pl.DataFrame(columns)] * 50_000), state={"status": ["failed"]})
    resize(tab, 852)
    room = """all => all.map((one) => one.closest(".chart").getBoundingClientRect().right
        - one.getBoundingClientRect().right)"""
    for state in ("filtered", "cleared"):
        for title in ("Job outcomes", "Output types", "Outcomes by batch"):
            numbers = figure(tab, title).locator(".numbers_marks text")
            assert min(numbers.evaluate_all(room)) >= 0, (state, title)
        if state == "filtered":
            tab.get_by_role("button", name="Clear filters").click()
            wait_for_draw(tab)


CUT = """all => all.flatMap((svg) => {
  const { right, bottom } = svg.getBoundingClientRect();
  const marks = [...svg.querySelectorAll(".bars_marks path")];
  const bars = marks.map((one) => one.getBoundingClientRect());
  return bars.filter((bar) => bar.bottom > bottom + 1 || bar.right > right + 1);
})"""


def test_charts_grow_with_the_bars_of_another_batch(tab):
    mount(tab, jobs_frame([{"status": "failed", "errors": ["Short"]}]))
    tab.evaluate("(text) => model.set('payload', bytes(text))", payload(story()))
    wait_for_draw(tab)
    svgs = tab.locator("figure:not([hidden]) svg")
    assert svgs.count() == 4
    assert svgs.evaluate_all(CUT) == []


@pytest.mark.thorough
def test_a_chart_that_could_not_be_drawn_once_is_drawn_again(tab, checked_tab):
    mount(tab, story())
    tab.evaluate("""() => {
      const usual = Element.prototype.querySelectorAll;
      Element.prototype.querySelectorAll = function (selector) {
        Element.prototype.querySelectorAll = usual;
        throw new Error(`once: ${selector}`);
      };
    }""")
    tab.get_by_role("checkbox", name="failed").check()
    wait_for_draw(tab)
    resize(tab, 480)
    for title in ("Job outcomes", "Output types", "Failure reasons"):
        chart = figure(tab, title).locator(".chart")
        width = str(chart.evaluate("(chart) => chart.clientWidth"))
        expect(chart.locator("svg")).to_have_attribute("width", width)
    checked_tab[0].check(except_for="once: .rows_marks path")


def test_days_are_utc_days_whatever_the_browser_s_time_zone(browser, tmp_path):
    # 02:14 UTC is on the day before in Los Angeles.
    days = [READ_AT - timedelta(days=n) for n in (0, 1, 5)]
    jobs = jobs_frame([{"created_at": day} for day in days])
    file = tmp_path / "page.html"
    file.write_text(view.page(jobs, None, state={"compare_by": "day"}), "utf-8")
    with browser.new_page(timezone_id="America/Los_Angeles") as page:
        page.goto(file.as_uri())
        wait_for_draw(page)
        drawn = figure(page, "Jobs over time")
        left = "all => all.map((one) => one.getBoundingClientRect().left)"
        starts = drawn.locator(".bars_marks path").evaluate_all(left)
        ticks = drawn.locator(".role-axis-tick line").evaluate_all(left)
        names = drawn.locator(".role-axis-label text").all_text_contents()
        assert bar_labels(drawn)[0].startswith("2026-10-29: 1 of 3")
    shown = list(filter(None, names))
    assert len(shown) == len(set(shown))
    midnights = dict(reversed(list(zip(names, ticks, strict=True))))
    assert starts[0] == pytest.approx(midnights["29 Oct"], abs=1)
    assert starts[-1] == pytest.approx(midnights["3 Nov"], abs=1)
