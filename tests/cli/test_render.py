"""Notebooks for people who cannot run them: rendered, committed with outputs, opened untrusted."""

from __future__ import annotations

import base64
import copy
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from frames import HOSTILE, jobs_frame, story
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Page, expect

import boxdocgen_explore as bx
from boxdocgen_explore.cli import main, render
from boxdocgen_explore.errors import InvalidRequest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
VEGA = "application/vnd.vega.v5+json"


def named(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def executed() -> Any:
    """Every notebook, run once from top to bottom, by its name."""
    done: dict[str, Any] = {}

    def run(path: Path) -> Any:
        if path not in done:
            done[path] = render.run(render.read(path), path.parent)
        return copy.deepcopy(done[path])

    return run


def said(notebook: Any) -> list[Any]:
    """What the cells of a notebook show: words, numbers, pictures, charts; not how long ago."""
    told: list[Any] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text", "") + data.get("text/html", data.get("text/plain", ""))
            pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", text)
            told += [base64.b64decode(one).decode() for one in pictures]
            told.append(re.sub(r"data:\S+|read \S.*? ago|read just now", "", text))
            told.append(data.get(VEGA))
    return told


# --- notebooks as they are committed ---------------------------------------------------------


def test_there_are_two_notebooks():
    assert [path.name for path in NOTEBOOKS] == ["01_explore.ipynb", "02_audit.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_notebook_is_committed_with_outputs_but_without_widgets_and_is_small(path):
    assert path.stat().st_size < 300_000
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert outputs
    assert not any(WIDGET in one.get("data", {}) for one in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_run_again_a_notebook_shows_the_same_numbers_and_charts(path, executed):
    committed = nbformat.read(path, as_version=4)
    assert said(executed(path)) == said(committed)


def test_the_audits_parameters_are_where_papermill_looks_for_them():
    notebook = nbformat.read(ROOT / "notebooks" / "02_audit.ipynb", as_version=4)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert "batches" in tagged[0].source


def test_verdict_and_findings_come_before_charts_and_the_evidence_last():
    notebook = nbformat.read(ROOT / "notebooks" / "02_audit.ipynb", as_version=4)
    titles = [cell.source.split("\n")[0] for cell in notebook.cells if "## " in cell.source]
    assert titles[:2] == ["## Verdict", "## Findings"]
    assert titles[-1] == "## Evidence"


def test_refreshing_a_notebook_keeps_its_outputs_in_it(tmp_path, capsys):
    path = tmp_path / "small.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print(6 * 7)")]), path)
    assert main(["render", str(path), "--in-place"]) == 0
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].outputs[0].text == "42\n"
    assert notebook.metadata.language_info == {"name": "python"}
    capsys.readouterr()


# --- what is kept of a run -------------------------------------------------------------------


def test_a_progress_bar_is_reduced_to_its_last_line():
    bar = new_output("stream", name="stderr", text="10 %\r50 %\r100 %\n3,000 jobs\n")
    widget = new_output("display_data", data={WIDGET: {}, "text/plain": "  0%|   | 0/3"})
    silent = new_output("stream", name="stderr", text="\r\n")
    cell = new_code_cell("", outputs=[bar, widget, silent])
    (tidied,) = render.tidy(new_notebook(cells=[cell])).cells
    assert [output.text for output in tidied.outputs] == ["100 %\n3,000 jobs\n"]


def test_a_notebook_whose_cell_fails_leaves_nothing_behind(tmp_path):
    path, page = tmp_path / "broken.ipynb", tmp_path / "page.html"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    for step in (lambda: render.render(path, page), lambda: render.refresh(path)):
        with pytest.raises(InvalidRequest, match="A cell failed: ZeroDivisionError"):
            step()
    assert not page.exists()
    assert path.read_bytes() == before


# --- the rendered page -----------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_a_rendered_notebook_needs_nothing_from_anywhere(path, executed, tab, tmp_path):
    page = render.to_html(executed(path), path.stem)
    assert not re.search(r"<script|<link|@import", page, flags=re.I)
    without_comments = re.sub(r"/\*.*?\*/", "", page, flags=re.S)
    assert re.findall(r"(?:https?:|[\"'(])//[\w.-]+", without_comments) == []
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(file.as_uri())
    expect(tab.get_by_text(re.compile("demo data")).first).to_be_visible()
    pictures = tab.locator("img")
    assert pictures.count() >= 2
    assert tab.evaluate("[...document.images].every((one) => one.naturalWidth > 0)")
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]


# --- the snapshot ----------------------------------------------------------------------------


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
    notebook = json.loads((ROOT / "notebooks" / "01_explore.ipynb").read_text("utf-8"))
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
