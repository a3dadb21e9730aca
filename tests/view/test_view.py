from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import ipywidgets
import polars as pl
import pytest
import traitlets
from frames import HOSTILE, MISSING, READ_AT, jobs_frame, pages_frame, story
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Locator, Page, expect
from polars.testing import assert_frame_equal

from boxdocgen_explore import analysis, charts, view
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import DETAILS, JOBS
from boxdocgen_explore.view import filters

TEMPLATES = {"1700000000001": "Offer letter"}

# --- packing -------------------------------------------------------------------------------------

texts = st.none() | st.text(max_size=12)
lists = st.none() | st.lists(texts, max_size=3)
times = st.none() | st.datetimes(min_value=READ_AT.replace(tzinfo=None)).map(
    lambda time: time.replace(tzinfo=READ_AT.tzinfo)
)
kinds = {pl.String(): texts, pl.List(pl.String()): lists, DETAILS["created_at"]: times}


@given(st.lists(st.fixed_dictionaries({n: kinds[t] for n, t in {**JOBS, **DETAILS}.items()})))
@settings(max_examples=50, deadline=None)
def test_any_frame_comes_back_from_its_bytes(rows):
    jobs = pl.DataFrame(rows, schema={**JOBS, **DETAILS})
    assert_frame_equal(view.unpack(view.pack(jobs)), jobs)


@pytest.mark.parametrize("distinct", [1, 255, 256, 257, 65_536, 65_537])
def test_codes_are_as_wide_as_the_number_of_distinct_values_needs(distinct):
    values = [str(number) for number in range(distinct)] + ["0"]
    jobs = pl.DataFrame({"job_id": values, "status": ["failed"] * len(values)})
    assert_frame_equal(view.unpack(view.pack(jobs)), jobs)


def test_columns_that_are_left_out_are_not_in_the_bytes():
    import gzip

    jobs = jobs_frame([{"status": "failed", "errors": ["Secret reason"], "external_id": "EMP-1"}])
    kept = [name for name in jobs.columns if name not in ("errors", "external_id")]
    payload = view.pack(jobs, columns=kept)
    assert view.unpack(payload).columns == kept
    assert b"ecret" not in gzip.decompress(payload)
    assert b"EMP-1" not in gzip.decompress(payload)


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(InvalidRequest, match="no column moon"):
        view.pack(story(), columns=["status", "moon"])


# --- the widget ----------------------------------------------------------------------------------


def test_the_widget_takes_a_state_and_links_it_both_ways():
    class Holder(traitlets.HasTraits):
        state = traitlets.Dict()

    widget, holder = view.View(story(30)), Holder()
    ipywidgets.link((widget, "state"), (holder, "state"))
    holder.state = {"status": ["failed"]}
    assert widget.state == {"status": ["failed"]}
    widget.state = {"text": "bonus"}
    assert holder.state == {"text": "bonus"}


def test_the_widget_refuses_a_state_that_cannot_be():
    widget = view.View(story(30), state={"status": ["failed"]})
    with pytest.raises(InvalidRequest, match="no key 'colour'"):
        widget.state = {"colour": ["red"]}
    assert widget.state == {"status": ["failed"]}


def test_the_front_end_is_one_module_that_loads_nothing():
    source = view.module()
    assert not re.search(r"^import ", source, flags=re.M)
    assert re.search(r"^export default \{", source, flags=re.M)
    assert len(source) < 1_200_000


# --- the page ------------------------------------------------------------------------------------


def settle(tab: Page) -> None:
    """Wait until what is seen is what was asked for."""
    expect(tab.locator('.boxdocgen-body[aria-busy="false"]')).to_be_attached()


def resize(tab: Page, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    # The browser tells of a new size between two frames.
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    settle(tab)


@pytest.fixture
def show(tab: Page, tmp_path: Any) -> Callable[..., Page]:
    """Write a page to disk and open it from there."""

    def open_page(jobs: pl.DataFrame, verdict: Any = None, **options: Any) -> Page:
        file = tmp_path / "page.html"
        options = {"templates": TEMPLATES, **options}
        file.write_text(view.page(jobs, verdict, **options), encoding="utf-8")
        tab.goto(file.as_uri())
        settle(tab)
        return tab

    return open_page


def figure(tab: Page, title: str) -> Locator:
    return tab.get_by_role("figure", name=title, exact=True)


def labels(drawn: Locator) -> list[str]:
    return drawn.get_by_role("button").evaluate_all("all => all.map((one) => one.ariaLabel)")


def pieces(drawn: Locator) -> list[str]:
    marks = drawn.locator('.bars_marks [aria-label*=" of "]')
    return marks.evaluate_all("all => all.map((one) => one.ariaLabel)")


def expected(jobs: pl.DataFrame, state: dict[str, Any], by: list[str], *, pieces: bool) -> set[str]:
    """What the marks should say, counted by polars."""
    grouped = jobs.with_columns(
        analysis.job_reasons().alias("reason"), analysis.day().alias("day")
    ).with_columns(_shown=filters.query(state))
    if by == ["reason"]:
        grouped = grouped.explode("reason").drop_nulls("reason")
    if by == ["day"]:
        grouped = grouped.drop_nulls("day")
    keys = [*by, "status"] if pieces else by
    counts = grouped.group_by(keys).agg(pl.len().alias("all"), pl.col("_shown").sum().alias("n"))
    shown = jobs.filter(filters.query(state)).height
    said = set()
    for row in counts.iter_rows(named=True):
        name = _label([row[key] for key in by]) + (f", {row['status']}" if pieces else "")
        rest = "" if shown == jobs.height else f" shown; {row['all']:,} of {jobs.height:,} loaded"
        said.add(f"{name}: {row['n']:,} of {shown:,} jobs{rest}")
    return said


def _label(key: list[str | None]) -> str:
    first = "(none)" if key[0] is None else TEMPLATES.get(key[0], key[0])
    return " · ".join([first, *(f"version {part or '(none)'}" for part in key[1:])])


FILTERS: dict[str, tuple[dict[str, Any], Callable[[Page], None]]] = {
    "nothing": ({}, lambda tab: None),
    "a status": (
        {"status": ["failed"]},
        lambda tab: tab.get_by_role("checkbox", name="failed", exact=True).check(),
    ),
    "two output types": (
        {"output_type": ["docx", "pptx (new)"]},
        lambda tab: [
            tab.get_by_role("checkbox", name=name, exact=True).check()
            for name in ("docx", "pptx (new)")
        ],
    ),
    "text in errors": (
        {"text": "TOO long"},
        lambda tab: tab.get_by_role("searchbox", name="Search errors").fill("TOO long"),
    ),
    "a reason's bar": (
        {"reason": [analysis.NO_REASON]},
        lambda tab: (
            figure(tab, "Failure reasons").get_by_role("button", name=analysis.NO_REASON).click()
        ),
    ),
    "a template and a status": (
        {"template_file_id": ["1700000000001"], "status": ["completed", "on_hold_by_box"]},
        lambda tab: [
            tab.get_by_role("checkbox", name=name, exact=True).check()
            for name in ("Offer letter", "completed", "on_hold_by_box")
        ],
    ),
}


@pytest.mark.browser
@pytest.mark.parametrize("filtered", FILTERS)
def test_the_bars_of_every_chart_equal_the_rows_after_a_filter(show, filtered):
    jobs = story()
    tab = show(jobs)
    state, act = FILTERS[filtered]
    act(tab)
    settle(tab)
    shown = jobs.filter(filters.query(state))
    assert filtered == "nothing" or 0 < shown.height < jobs.height
    expect(tab.locator(".jobs-shown")).to_have_text(f"{shown.height:,} of {jobs.height:,} jobs")
    table = tab.get_by_role("table", name="Jobs")
    expect(table).to_have_attribute("aria-rowcount", str(shown.height + 1))
    for each in charts.figures():
        if each["compare"]:
            tab.get_by_role("combobox", name="Compare by").select_option(each["compare"])
            settle(tab)
        drawn = figure(tab, each["title"])
        if each["name"] != "over_time":
            assert len(labels(drawn)) == len(set(labels(drawn)))
        assert set(labels(drawn)) == expected(jobs, state, each["by"], pieces=False)
        if each["by_status"]:
            assert set(pieces(drawn)) == expected(jobs, state, each["by"], pieces=True)


@pytest.mark.browser
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
    settle(tab)
    drawn = figure(tab, "Job outcomes")
    assert drawn.locator(".ghosts_marks path").evaluate_all(ghosts) == pytest.approx(lengths)
    assert drawn.locator(".bars_marks path").evaluate_all(ghosts) == pytest.approx(
        [0, 0, completed]
    )


def numbers(drawn: Locator) -> list[str]:
    return drawn.locator(".numbers_marks text").all_text_contents()


@pytest.mark.browser
def test_the_number_beside_a_bar_stays_right_however_often_it_is_drawn(show):
    statuses = ["failed"] * 400 + ["completed_with_error"] + ["completed"] * 199
    rows = [{"status": s, "output_type": "pdf", "errors": [MISSING]} for s in statuses]
    tab = show(jobs_frame(rows))
    box = tab.get_by_role("checkbox", name="completed", exact=True)
    assert numbers(figure(tab, "Output types")) == ["600 · 67 % failed"]
    for width in (1000, 700, 900):
        resize(tab, width)
        box.check()
        settle(tab)
        assert numbers(figure(tab, "Job outcomes")) == ["0 of 400", "0 of 1", "199 · 100 %"]
        assert numbers(figure(tab, "Output types")) == ["199 of 600"]
        box.uncheck()
        settle(tab)
        assert numbers(figure(tab, "Job outcomes")) == ["400 · 67 %", "1 · <1 %", "199 · 33 %"]
        assert numbers(figure(tab, "Output types")) == ["600 · 67 % failed"]
        assert numbers(figure(tab, "Failure reasons")) == ["600 · 100 %"]


@pytest.mark.browser
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


@pytest.mark.browser
def test_everything_on_the_page_has_its_name(show):
    jobs = story()
    tab = show(jobs, analysis.verdict(jobs, pages_frame()))
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


@pytest.mark.browser
def test_ten_rows_are_in_sight_at_the_size_of_a_small_laptop(show):
    tab = show(story(), analysis.verdict(story()))
    tenth = tab.locator("tr.job").nth(9).bounding_box()
    assert tenth["y"] + tenth["height"] < 900


@pytest.mark.browser
def test_counts_beside_a_filter_leave_out_that_filter_alone(show):
    jobs = story()
    tab = show(jobs)
    tab.get_by_role("checkbox", name="failed", exact=True).check()
    tab.get_by_role("checkbox", name="docx", exact=True).check()
    settle(tab)
    counts = {
        row.locator(".name").inner_text(): int(row.locator(".count").inner_text().replace(",", ""))
        for group in ("Status", "Output type", "Template")
        for row in tab.get_by_role("group", name=group, exact=True).locator(".box").all()
    }
    failed, docx = pl.col("status") == "failed", pl.col("output_type") == "docx"
    want = dict(jobs.filter(docx)["status"].value_counts().iter_rows())
    want |= dict(jobs.filter(failed)["output_type"].value_counts().iter_rows())
    templates = jobs.filter(failed & docx)["template_file_id"].value_counts().iter_rows()
    want |= {TEMPLATES.get(template, template): number for template, number in templates}
    assert counts == want


@pytest.mark.browser
def test_a_click_on_a_bar_filters_and_a_second_one_undoes_it(show):
    tab = show(story())
    bar = figure(tab, "Job outcomes").get_by_role("button", name=re.compile("^failed:"))
    everything = tab.locator(".jobs-shown").inner_text()
    bar.click()
    expect(tab.get_by_role("checkbox", name="failed", exact=True)).to_be_checked()
    settle(tab)
    expect(bar).to_have_attribute("aria-pressed", "true")
    expect(bar).to_be_focused()
    expect(bar).to_have_css("outline-style", "none")
    bar.click()
    expect(tab.locator(".jobs-shown")).to_have_text(everything)


@pytest.mark.browser
def test_the_pointer_over_a_piece_of_a_bar_is_told_its_numbers(show):
    jobs = story()
    tab = show(jobs)
    piece = figure(tab, "Output types").locator(".bars_marks path").first
    box = piece.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    failed = jobs.filter((pl.col("output_type") == "pdf") & (pl.col("status") == "failed")).height
    expect(figure(tab, "Output types").locator(".tip")).to_have_text(
        f"pdf, failed: {failed} of {jobs.height} jobs"
    )


@pytest.mark.browser
def test_a_bar_of_a_template_version_filters_by_both(show):
    jobs = story()
    tab = show(jobs, state={"compare_by": "template"})
    figure(tab, "Outcomes by template").get_by_role(
        "button", name="Offer letter · version (none)"
    ).click()
    state = {"template_file_id": ["1700000000001"], "template_file_version_id": [None]}
    shown = jobs.filter(filters.query(state)).height
    expect(tab.locator(".jobs-shown")).to_have_text(f"{shown:,} of {jobs.height:,} jobs")


@pytest.mark.browser
def test_all_filters_can_be_reached_and_undone_by_keyboard(show):
    tab = show(story())
    everything = tab.locator(".jobs-shown").inner_text()
    figure(tab, "Failure reasons").get_by_role("button").first.focus()
    tab.keyboard.press("ArrowDown")
    second = tab.evaluate("document.activeElement.ariaLabel")
    assert second == labels(figure(tab, "Failure reasons"))[1]
    tab.keyboard.press("Enter")
    settle(tab)
    expect(tab.locator(".jobs-shown")).not_to_have_text(everything)
    focused = tab.evaluate("document.activeElement.ariaLabel")
    assert focused.partition(":")[0] == second.partition(":")[0]
    tab.keyboard.press(" ")
    expect(tab.locator(".jobs-shown")).to_have_text(everything)
    tab.get_by_role("checkbox", name="failed", exact=True).focus()
    tab.keyboard.press("Space")
    expect(tab.locator(".jobs-shown")).not_to_have_text(everything)
    tab.get_by_role("button", name="Remove filter status failed").press("Enter")
    expect(tab.locator(".jobs-shown")).to_have_text(everything)


@pytest.mark.browser
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
    expect(tab.locator('tr.job[aria-expanded="true"]')).to_be_focused()
    tab.keyboard.press("End")
    expect(tab.locator("tr.job:focus")).to_have_attribute("aria-rowindex", "51")
    expect(tab.locator("tr.job:focus")).to_be_in_viewport()


@pytest.mark.browser
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


@pytest.mark.browser
def test_a_header_sorts_by_number_and_nulls_stay_last(show):
    ids = ["EMP-2", None, "EMP-1"]
    rows = [
        {"external_id": i, "job_id": j} for i, j in zip(ids, ["900", "1000", "99"], strict=True)
    ]
    tab = show(jobs_frame(rows))

    def column(name: str) -> list[str]:
        return tab.locator(f"td.column-{name}").all_inner_texts()

    tab.get_by_role("button", name="Job id").click()
    settle(tab)
    assert column("job_id") == ["99", "900", "1000"]
    tab.get_by_role("button", name="External id").click()
    settle(tab)
    assert column("external_id") == ["EMP-1", "EMP-2", ""]
    tab.get_by_role("button", name="External id").click()
    settle(tab)
    assert column("external_id") == ["EMP-2", "EMP-1", ""]


@pytest.mark.browser
def test_failures_come_first_and_unknown_statuses_last(show):
    statuses = ["completed", "odd", "completed_with_error", "failed", "pending"]
    tab = show(jobs_frame([{"status": status} for status in statuses]))
    assert [text.strip() for text in tab.locator("td.column-status").all_inner_texts()] == [
        "failed",
        "completed_with_error",
        "pending",
        "completed",
        "odd",
    ]


@pytest.mark.browser
def test_hostile_content_is_text_everywhere(show):
    row = dict.fromkeys(["status", "output_type", "batch_id", "external_id", "job_id"], HOSTILE)
    row |= {"template_file_id": HOSTILE, "output_file_id": HOSTILE}
    jobs = jobs_frame([{**row, "errors": [HOSTILE]}, {"status": "constructor"}])
    tab = show(jobs, analysis.verdict(jobs), templates={"x": HOSTILE}, title=HOSTILE)
    cells = tab.locator("tr.job").filter(has_text="onerror").locator("td").all_inner_texts()
    assert tab.locator("img").count() == 0
    tab.locator("tr.job").filter(has_text="onerror").press("Enter")
    assert len(cells) == 6
    expect(tab.locator("tr.details")).to_contain_text("</script><img src=x")
    link = tab.locator("tr.job a").first
    assert re.fullmatch(r"https://app\.box\.com/file/[\w%.!~*'()-]+", link.get_attribute("href"))
    assert tab.locator("img").count() == 0


@pytest.mark.browser
def test_no_script_runs_but_the_page_s_own(browser, tmp_path):
    foreign = "<script>document.title = 'taken over'</script>"
    file = tmp_path / "page.html"
    text = view.page(story(30), None).replace("<main", f"{foreign}<main", 1)
    file.write_text(text, encoding="utf-8")
    with browser.new_page() as page:
        page.goto(file.as_uri())
        settle(page)
        policy = page.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content")
        assert page.title() == "Box Doc Gen jobs"
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


@pytest.mark.browser
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


@pytest.mark.browser
def test_the_last_row_is_reached_where_the_browser_s_pixels_end(show):
    jobs = pl.DataFrame({"status": ["failed"] * 600_000, "job_id": ["1"] * 600_000})
    tab = show(jobs)
    tab.locator("tr.job").first.focus()
    tab.keyboard.press("End")
    expect(tab.locator("tr.job:focus")).to_have_attribute("aria-rowindex", "600001")
    expect(tab.locator("tr.job:focus")).to_be_in_viewport()
    tab.keyboard.press("ArrowUp")
    expect(tab.locator("tr.job:focus")).to_have_attribute("aria-rowindex", "600000")
    expect(tab.locator("tr.job:focus")).to_be_in_viewport()


@pytest.mark.browser
def test_a_new_theme_redraws_text_and_ghosts(show):
    tab = show(story(), state={"status": ["failed"]})

    def colours() -> tuple[str, str]:
        text = figure(tab, "Job outcomes").locator(".labels_marks text").first
        ghost = figure(tab, "Job outcomes").locator(".ghosts_marks path").first
        return text.get_attribute("fill"), ghost.get_attribute("fill")

    light = colours()
    tab.emulate_media(color_scheme="dark")
    text = figure(tab, "Job outcomes").locator(".labels_marks text").first
    expect(text).not_to_have_attribute("fill", light[0])
    dark = colours()
    assert light[1] != dark[1]


@pytest.mark.browser
def test_the_csv_has_the_rows_shown_and_no_formula(show):
    jobs = story().with_columns(
        external_id=pl.when(pl.col("external_id").is_null()).then(pl.lit("=1+1")).otherwise("external_id")
    )  # fmt: skip
    state = {"status": ["failed"]}
    tab = show(jobs, state=state)
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save CSV").click()
    text = download.value.path().read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    shown = jobs.filter(filters.query(state))
    assert sorted(row["job_id"] for row in rows) == sorted(shown["job_id"])
    assert list(rows[0]) == jobs.columns
    assert {row["external_id"][:2] for row in rows} == {"'=", "EM"}
    read = pl.read_csv(download.value.path(), infer_schema=False).sort("job_id")
    errors = read["errors"].str.json_decode(pl.List(pl.String))
    assert errors.to_list() == shown.sort("job_id")["errors"].to_list()


@pytest.mark.browser
def test_the_browser_reads_each_job_s_own_texts_as_python_packed_them(show):
    texts = ["Ωmega", "", None, "\ufeffmark", "a\nb", "\U0001f600" * 70, "Ωmega"]
    rows = [{"external_id": text, "job_id": f"{n}é", "created_at": None if n % 2 else READ_AT}
            for n, text in enumerate(texts)]  # fmt: skip
    tab = show(jobs_frame(rows))
    tab.get_by_role("button", name="Job id").click()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save CSV").click()
    saved = io.StringIO(download.value.path().read_bytes().decode("utf-8-sig"), newline="")
    read = list(csv.DictReader(saved))
    assert [row["external_id"] for row in read] == [text or "" for text in texts]
    assert [row["job_id"] for row in read] == [row["job_id"] for row in rows]
    times = ["" if n % 2 else "2026-11-03T02:14:00.000000Z" for n in range(len(texts))]
    assert [row["created_at"] for row in read] == times


@pytest.mark.browser
def test_the_copied_query_is_the_one_that_python_writes(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    state = {"status": ["failed", "ohm Ω \U0001f600"], "day": [None], "text": 'A "quoted" $& text'}
    show(story(), state=state)
    tab.get_by_role("button", name="Copy query").click()
    expect(tab.locator(".message")).to_have_text("Copied the query for these jobs.")
    assert tab.evaluate("navigator.clipboard.readText()") == filters.query_code(state)


@pytest.mark.browser
def test_a_click_copies_an_id_whole(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(jobs_frame([{"job_id": "98000000001234567890"}]))
    tab.get_by_role("button", name="98000000001234567890").click()
    expect(tab.locator(".message")).to_contain_text("Copied")
    assert tab.evaluate("navigator.clipboard.readText()") == "98000000001234567890"


@pytest.mark.browser
def test_ids_are_shown_whole_however_long_and_the_reason_is_the_widest_of_short_ones(show):
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


@pytest.mark.browser
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
            settle(tab)


@pytest.mark.browser
def test_no_jobs_and_no_match_say_why(show):
    tab = show(story().clear())
    expect(tab.locator(".empty")).to_contain_text("There are no jobs here: nothing has been read")
    none = story().clear()
    tab = show(none, analysis.verdict(none))
    expect(tab.locator(".empty")).to_contain_text("the frame is empty")
    tab = show(none, analysis.verdict(none, pages_frame(1)))
    expect(tab.locator(".empty")).to_contain_text("All pages were read")
    tab = show(none, analysis.verdict(none, pages_frame(1, complete=False)))
    expect(tab.locator(".empty")).to_contain_text("when the reading stopped")
    tab = show(story(), state={"status": ["failed"], "text": "no such text"})
    expect(tab.locator(".empty")).to_have_text(
        "No job matches status failed and errors with “no such text”."
    )
    expect(tab.locator(".jobs-shown")).to_have_text("0 of 300 jobs")


@pytest.mark.browser
def test_an_incomplete_chain_says_so_in_words_and_by_hatching(show):
    jobs = story()
    tab = show(jobs, analysis.verdict(jobs, pages_frame(complete=False)))
    verdict = tab.locator(".verdict")
    expect(verdict).to_contain_text("INCOMPLETE, at least 300 jobs")
    expect(verdict).to_have_css("background-image", re.compile("repeating-linear-gradient"))


@pytest.mark.browser
def test_the_age_is_reckoned_when_the_page_is_read_not_when_it_was_written(show, tab):
    jobs = story(30)
    tab.clock.set_fixed_time(READ_AT + timedelta(days=3))
    show(jobs, analysis.verdict(jobs, pages_frame(), now=READ_AT))
    expect(tab.locator(".verdict")).to_contain_text("as svc-hr · 3 days ago")


@pytest.mark.browser
def test_templates_of_one_name_are_told_apart_by_their_ids(show):
    both = {"1700000000001": "Offer letter", "1700000000002": "Offer letter"}
    tab = show(story(), templates=both)
    for template in both:
        name = f"Offer letter ({template})"
        expect(tab.get_by_role("checkbox", name=name, exact=True)).to_be_visible()


@pytest.mark.browser
def test_columns_that_are_left_out_take_their_charts_and_filters_along(show):
    tab = show(story(), columns=["job_id", "status", "output_type"])
    expect(figure(tab, "Output types")).to_be_visible()
    expect(figure(tab, "Failure reasons")).to_be_hidden()
    expect(tab.get_by_role("group", name="Template", exact=True)).to_be_hidden()
    tab.get_by_role("checkbox", name="failed", exact=True).check()
    expect(tab.locator(".jobs-shown")).not_to_have_text("300 of 300 jobs")
