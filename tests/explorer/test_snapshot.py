"""A notebook that is not run shows the explorer's snapshot: charts and counts, no scripts."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from frames import HOSTILE, MISSING, jobs_frame, pages_frame, story
from playwright.sync_api import expect

import boxdocgen_explore as bx
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.explorer.snapshot import snapshot_bundle
from boxdocgen_explore.text import moment
from boxdocgen_explore.view import VIEW_MIME, unpack

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_explore.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"


JOBS = jobs_frame([
    *[{"status": "failed", "errors": [MISSING]}] * 3,
    *[{"status": "failed", "errors": ["Timeout"], "output_type": "docx"}] * 4,
    *[{"status": "completed"}] * 20,
])  # fmt: skip


def pictures(html: str) -> list[str]:
    """The text of each chart, in order."""
    images = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)"', html)
    drawings = [base64.b64decode(image).decode() for image in images]
    return [" ".join(re.findall(r">([^<>]+)</text>", drawing)) for drawing in drawings]


def table(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html, flags=re.S)
    return [re.findall(r"<t[dh]\b[^>]*>([^<]*)<", row) for row in rows]


def test_a_snapshot_has_no_scripts():
    jobs = story(300)
    html = bx.explore(jobs).snapshot().data
    assert "Snapshot. Run the notebook to filter." in html
    assert f"{(jobs['status'] == 'failed').sum()}" in html
    assert not re.search(r"<script|<svg|style=|\son\w+=", html)


@pytest.mark.parametrize("read_as", ["notebook", "page"])
def test_only_a_page_that_is_rendered_gets_the_jobs_and_both_get_the_date(read_as, monkeypatch):
    monkeypatch.setenv("BOXDOCGEN_RENDER", read_as)
    reading = Reading(JOBS, pages_frame())
    explorer = bx.explore(reading, state={"status": ["failed"]})
    bundle = snapshot_bundle(JOBS, bx.analysis.verdict(reading), explorer.view)
    assert "as of 3 Nov 2026 02:14 UTC" in bundle["text/html"]
    assert "as of 3 Nov 2026 02:14 UTC" in repr(explorer)
    assert (VIEW_MIME in bundle) == (read_as == "page")
    if read_as == "page":
        view = bundle[VIEW_MIME]
        assert unpack(base64.b64decode(view["payload"])).equals(JOBS)
        assert view["state"] == {"status": ["failed"]}
        assert view["verdict"]["read_at"] is None  # otherwise the page would compute an age


def test_pictures_and_table_count_only_the_jobs_that_the_filters_show():
    explorer = bx.explore(JOBS, state={"status": ["failed"], "output_type": ["pdf"]})
    html = explorer.snapshot().data
    assert "3 of 27 jobs, where status failed and output type pdf" in html
    outcomes, types, reasons = pictures(html)
    assert "failed" in outcomes
    assert "3 · 100 %" in outcomes
    assert "completed" not in outcomes
    assert "docx" not in types
    assert "Timeout" not in reasons
    heads, counts, *_ = table(html)
    assert heads == ["Status", "pdf", "All"]
    assert counts == ["failed", "3", "3"]


def test_without_filters_all_jobs_are_drawn():
    outcomes, types, reasons = pictures(bx.explore(JOBS).snapshot().data)
    assert "7 · 26 %" in outcomes
    assert "20 · 74 %" in outcomes
    assert "docx" in types
    assert "Timeout" in reasons


def test_if_the_filters_show_nothing_there_is_no_picture():
    html = bx.explore(JOBS, state={"status": ["pending"]}).snapshot().data
    assert "0 of 27 jobs" in html
    assert pictures(html) == []
    assert table(html) == []


def test_filters_by_null_and_by_text_are_named_and_a_template_by_its_name():
    state = {"template_file_id": ["1700000000001", None]}
    explorer = bx.explore(JOBS, templates={"1700000000001": "Offer letter"}, state=state)
    explorer.state = {**explorer.state, "text": "bonus"}
    html = explorer.snapshot().data
    named = "where template Offer letter or (none) and search “bonus”"
    assert f"3 of 27 jobs, {named}" in html
    assert explorer.jobs.filter(pl.col("status") != "failed").height == 0


def test_it_has_the_date_the_batches_the_notice_and_the_first_rows_as_they_are_sorted():
    with bx.demo() as box:
        names = {"1755012340011": "Offer letter"}
        explorer = bx.explore(box.read("12345600319", details=True), templates=names)
    explorer.view.notice = "The refresh failed."
    explorer.state = {"status": ["completed"], "sort": ["external_id", "descending"]}
    html = explorer.snapshot().data
    read_at = moment(datetime.fromisoformat(explorer.view.verdict["read_at"]))
    assert f" · as of {read_at} · demo data</p>" in html
    assert not re.search("just now| ago", html)
    assert re.search(r"<p>Loaded: Offer letter · 3 Nov( 2026)? 02:14 · 12345600319</p>", html)
    assert "<p>The refresh failed.</p>" in html
    assert "The first rows, External id, descending: 10 of 1,417" in html
    last = explorer.jobs["external_id"].sort(descending=True)[:10].to_list()
    assert [row[1] for row in table(html)[-10:]] == last


def test_hostile_content_is_text_in_a_snapshot():
    jobs = jobs_frame([{"status": HOSTILE, "output_type": HOSTILE, "errors": [HOSTILE]}])
    explorer = bx.explore(jobs, templates={"1700000000001": HOSTILE})
    explorer.state = {"status": [HOSTILE], "template_file_id": ["1700000000001"]}
    html = explorer.snapshot().data
    assert "</script>" not in html
    assert "&lt;/script&gt;" in html
    assert html.count("<img") == len(re.findall(r'<img src="data:image/svg\+xml;base64,', html))


@pytest.mark.browser
def test_an_untrusted_notebook_in_jupyterlab_shows_the_snapshot_and_no_error(lab, lab_page):
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    # As in a saved notebook: the widget's view is above the snapshot.
    view = {"model_id": "0" * 32, "version_major": 2, "version_minor": 0}
    widget = {"output_type": "display_data", "data": {WIDGET: view, "text/plain": ""}}
    notebook["cells"][-1]["outputs"].insert(0, {**widget, "metadata": {}})
    (lab.folder / "untrusted.ipynb").write_text(json.dumps(notebook), "utf-8")
    tab = lab_page.open("untrusted.ipynb")
    shown = tab.locator(".jp-OutputArea-output")
    expect(shown.get_by_text("Snapshot. Run the notebook to filter.")).to_be_visible()
    expect(shown.get_by_text("1,487 of 3,000 failed")).to_be_visible()
    expect(shown.get_by_role("img", name="Failure reasons")).to_be_visible()
    expect(shown.get_by_role("cell", name="1,417").first).to_be_visible()
    expect(tab.get_by_text("Error displaying widget")).to_have_count(0)
