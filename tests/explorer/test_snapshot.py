"""A notebook that nobody can run shows the explorer's snapshot: charts and counts, no scripts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from frames import HOSTILE, jobs_frame, story
from playwright.sync_api import Page, expect

import boxdocgen_explore as bx

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_explore.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"


def test_beside_the_widget_stands_a_snapshot_without_scripts():
    jobs = story(300)
    bundle = bx.explore(jobs)._repr_mimebundle_()
    assert set(bundle) == {WIDGET, "text/plain", "text/html"}
    html = bundle["text/html"]
    assert "Snapshot. Run the notebook to filter." in html
    assert f"{(jobs['status'] == 'failed').sum()}" in html
    assert not re.search(r"<script|<svg|style=|\son\w+=", html)


def test_a_later_snapshot_shows_what_the_filters_show():
    jobs = story(300)
    explorer = bx.explore(jobs)
    explorer.state = {"status": ["failed"], "text": "bonus"}
    html = explorer.snapshot().data
    assert (
        f"{explorer.jobs.height} of 300 jobs, where status failed and errors with “bonus”" in html
    )
    assert "completed_with_error" not in html.partition("<table")[2]


def test_an_explorer_of_no_jobs_has_a_snapshot_too():
    html = bx.explore(jobs_frame([])).snapshot().data
    assert "0 of 0 jobs" in html
    assert "<img" not in html


def test_hostile_content_is_text_in_a_snapshot():
    jobs = jobs_frame([{"status": HOSTILE, "output_type": HOSTILE, "errors": [HOSTILE]}])
    explorer = bx.explore(jobs, templates={"1700000000001": HOSTILE})
    explorer.state = {"status": [HOSTILE], "template_file_id": ["1700000000001"]}
    html = explorer.snapshot().data
    assert "</script>" not in html
    assert "&lt;/script&gt;" in html
    assert html.count("<img") == len(re.findall(r'<img src="data:image/svg\+xml;base64,', html))


@pytest.mark.browser
def test_an_untrusted_notebook_in_jupyterlab_shows_the_snapshot_and_no_error(lab, tab: Page):
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    (output,) = notebook["cells"][-1]["outputs"]
    # As somebody's own notebook is saved: the widget's view stands beside the snapshot.
    output["data"][WIDGET] = {"model_id": "0" * 32, "version_major": 2, "version_minor": 0}
    (lab.folder / "untrusted.ipynb").write_text(json.dumps(notebook), "utf-8")
    tab.set_viewport_size({"width": 1400, "height": 1000})
    tab.goto(lab.at("untrusted.ipynb"))
    shown = tab.locator(".jp-OutputArea-output")
    expect(shown.get_by_text("Snapshot. Run the notebook to filter.")).to_be_visible()
    expect(shown.get_by_text("1,487 of 3,000 failed")).to_be_visible()
    expect(shown.get_by_role("img", name="Failure reasons")).to_be_visible()
    expect(shown.get_by_role("cell", name="1,417").first).to_be_visible()
    expect(tab.get_by_text("Error displaying widget")).to_have_count(0)
