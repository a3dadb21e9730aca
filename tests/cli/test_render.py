"""Notebooks for people who cannot run them: committed with outputs, and rendered as one page."""

from __future__ import annotations

import base64
import copy
import json
import re
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser_fixtures import wait_for_draw
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)
from playwright.sync_api import Browser, expect

from boxdocgen_explore.cli import main, render
from boxdocgen_explore.view import VIEW_MIME

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The first one has the widget; all are run before a release.
EACH = [NOTEBOOKS[0], *(pytest.param(one, marks=pytest.mark.thorough) for one in NOTEBOOKS[1:])]
WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
VEGA = "application/vnd.vega.v5+json"


def stem(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def executed() -> Any:
    """Every notebook by name, run once from top to bottom."""
    done: dict[str, Any] = {}

    def run(path: Path) -> Any:
        if path not in done:
            done[path] = render.run(path, for_page=True)
        return copy.deepcopy(done[path])

    return run


def shown_by(notebook: Any) -> list[Any]:
    """The output of cells: words, numbers, pictures and charts, without times."""
    shown: list[Any] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = output.get("text", "") + data.get("text/html", data.get("text/plain", ""))
            pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", text)
            shown += [base64.b64decode(one).decode() for one in pictures]
            text = re.sub(r"[\d,]+ jobs, [\d,]+ pages in [\d ]+s\n", "", text)  # if it took long
            shown.append(re.sub(r"data:\S+|as of [\w ]+ [\d:]+ UTC|just now", "", text))
            shown.append(data.get(VEGA))
    return [*filter(None, shown)]


def kinds(cell: Any) -> list[list[str]]:
    """The formats of a cell's outputs."""
    return [sorted(output.get("data", [])) for output in cell.get("outputs", [])]


# --- committed notebooks ---------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=stem)
def test_a_notebook_is_committed_with_outputs_but_without_widgets_and_is_small(path):
    assert path.stat().st_size < 300_000
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    assert outputs
    assert not any(WIDGET in one.get("data", {}) for one in outputs)


@pytest.mark.parametrize("path", EACH, ids=stem)
def test_run_again_a_notebook_shows_the_same_numbers_and_charts(path, executed):
    committed = nbformat.read(path, as_version=4)
    again = executed(path)
    if path.stem == "03_follow":  # a running batch: other numbers, but the same lines and charts
        assert [kinds(cell) for cell in again.cells] == [kinds(cell) for cell in committed.cells]
        assert "a minute · done about" in again.cells[3].outputs[0]["text"]
    else:
        assert shown_by(again) == shown_by(committed)


def test_the_audit_notebook_has_its_parameters_first_and_its_evidence_last():
    notebook = nbformat.read(ROOT / "notebooks" / "02_audit.ipynb", as_version=4)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert "batches" in tagged[0].source
    titles = [cell.source.split("\n")[0] for cell in notebook.cells if "## " in cell.source]
    assert titles[:2] == ["## Verdict", "## Findings"]
    assert titles[-1] == "## Evidence"


def test_the_audit_notebook_performs_and_shows_all_that_the_command_does(capsys):
    notebook = nbformat.read(ROOT / "notebooks" / "02_audit.ipynb", as_version=4)
    verdict, _, rules = [cell.outputs[0] for cell in notebook.cells if cell.get("outputs")][:3]
    main(["audit", "--demo", "12345600319", "12345600312", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert verdict["text"].startswith(f"{printed['conclusion']}. Complete: all 4,312 jobs")
    assert re.search(r"read as svc-hr@example\.com; as of \d+ \w+ \d{4} ", verdict["text"])
    rows = re.findall(
        r"^│ ([a-z-]+)\s+┆ (\w[\w ]+\w)\s+┆ \d", rules.data["text/plain"], re.MULTILINE
    )
    assert rows == [(one["rule"], one["verdict"]) for one in printed["rules"]]


# --- notebooks after a run -------------------------------------------------------------------


def write_notebook(path: Path, *cells: str, **metadata: Any) -> None:
    nbformat.write(new_notebook(cells=[*map(new_code_cell, cells)], metadata=metadata), path)


def test_in_place_a_notebook_gets_what_can_be_seen_without_its_kernel(tmp_path, capsys):
    path = tmp_path / "small.ipynb"
    write_notebook(
        path,
        "print(6 * 7)",
        "print('10 %\\r50 %', end='', flush=True); print('\\r100 %\\n3,000 jobs')",
        "import ipywidgets; display(ipywidgets.IntProgress()); print('\\r')",
        "print('a'); display({'text/plain': 'b'}, raw=True); print('c')",
        widgets={STATE: {"state": {}, "version_major": 2, "version_minor": 0}},
    )
    assert main(["render", str(path), "--in-place"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == {"language_info": {"name": "python"}}
    assert [cell.metadata for cell in notebook.cells] == [{}] * 4
    texts = [
        [output.get("text") or output.data["text/plain"] for output in cell.outputs]
        for cell in notebook.cells
    ]
    assert texts == [["42\n"], ["100 %\n3,000 jobs\n"], [], ["a\n", "b", "c\n"]]


def test_a_notebook_whose_cell_fails_changes_no_file(tmp_path, capsys):
    path = tmp_path / "broken.ipynb"
    write_notebook(path, "1 / 0")
    before = path.read_bytes()
    assert main(["render", str(path), "--in-place"]) == 2
    assert "A cell failed: ZeroDivisionError" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# --- the rendered page -----------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("path", EACH, ids=stem)
def test_a_rendered_notebook_needs_nothing_from_anywhere(path, executed, tab, tmp_path):
    page = render.to_html(executed(path), path.stem)
    own = r'<script (?:type="application/json" id="boxdocgen-views"|type="module")>.*?</script>'
    without_scripts, removed = re.subn(own, "", page, flags=re.S)
    assert removed == 2
    assert not re.search(r"<script|<link|@import", without_scripts, flags=re.I)
    without_comments = re.sub(r"/\*.*?\*/", "", without_scripts, flags=re.S)
    assert re.findall(r"(?:https?:|[\"'(])//[\w.-]+", without_comments) == []
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    requested: list[str] = []
    tab.on("request", lambda request: requested.append(request.url))
    tab.goto(file.as_uri())
    expect(tab.get_by_text(re.compile("demo data")).first).to_be_visible()
    assert tab.evaluate("[...document.images].filter((one) => one.naturalWidth > 0).length") >= 2
    assert tab.evaluate("[...document.images].every((one) => one.naturalWidth > 0 && one.alt)")
    assert [url for url in requested if not url.startswith("data:")] == [file.as_uri()]


@pytest.mark.browser
def test_the_explorer_of_a_rendered_notebook_filters_and_says_its_date(executed, tab, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(render.to_html(executed(NOTEBOOKS[0]), "Title"), "utf-8")
    tab.goto(file.as_uri())
    wait_for_draw(tab)
    expect(tab.locator(".verdict")).to_contain_text(re.compile(r"as of \d+ \w+ 20\d\d [\d:]+ UTC"))
    assert "just now" not in (tab.locator("main").text_content() or "")
    expect(tab.get_by_text("Snapshot. Run the notebook")).to_be_hidden()
    expect(tab.get_by_text("bx.explore(box)")).to_be_hidden()
    tab.get_by_text("Code", exact=True).first.click()
    expect(tab.get_by_text("bx.explore(box)")).to_be_visible()
    tab.get_by_role("checkbox", name="completed_with_error").check()
    expect(tab.locator(".jobs-shown")).to_have_text("96 of 3,000 jobs")


@pytest.mark.browser
def test_a_rendered_notebook_is_dark_on_a_dark_screen_and_light_on_paper(browser, tmp_path):
    file = tmp_path / "page.html"
    cell = new_markdown_cell("some words")
    file.write_text(render.to_html(new_notebook(cells=[cell]), "Title"), "utf-8")
    page = browser.new_page(color_scheme="dark")
    page.goto(file.as_uri())
    light = "getComputedStyle({}).{}.match(/\\d+/g).every((part) => part > 128)"
    paper, ink = light.format("document.body", "backgroundColor"), "document.querySelector('p')"
    assert (page.evaluate(paper), page.evaluate(light.format(ink, "color"))) == (False, True)
    page.emulate_media(media="print")
    assert (page.evaluate(paper), page.evaluate(light.format(ink, "color"))) == (True, False)
    page.close()


CALLS = """
<meta http-equiv="refresh" content="0; url=URL/refresh">
<META content="0; url=URL/again" http-equiv=refresh>
<link rel="preconnect" href="URL"><link rel=prefetch href="URL/prefetch"><link/rel=stylesheet
href=URL/css><base href="URL/"><form action="URL/form"><button>Send</button></form>
<iframe src="URL/frame"></iframe><iframe srcdoc="<meta http-equiv=refresh content='0;url=URL/in'>">
</iframe><object data="URL/object"></object><embed src="URL/embed"><img src="URL/img">
<svg><script href="URL/js"></script><image href="URL/svg"/></svg><video src="URL/video"></video>
<div style="background: url(URL/css-image)"></div><style>@import "URL/import";</style>
<a ping="URL/ping" href="#seen">link</a> <p id="seen">seen</p>
"""


@pytest.fixture
def connections() -> Iterator[tuple[str, list[Any]]]:
    """The address of a local server, and the connections to it."""
    seen: list[Any] = []
    with socketserver.ThreadingTCPServer(
        ("127.0.0.1", 0), lambda _request, client, _server: seen.append(client)
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


@pytest.mark.browser
def test_a_rendered_notebook_calls_no_host_whatever_it_contains(
    browser: Browser, connections: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, seen = connections
    markup = CALLS.replace("URL", url)
    output = new_output("display_data", data={"text/html": markup})
    seen_text = '<a href="#seen">link</a> <p id="seen">seen</p>'
    view = new_output("display_data", data={"text/html": seen_text, VIEW_MIME: {"payload": markup}})
    cells = [
        new_code_cell("", outputs=[view]),
        new_markdown_cell(markup),
        new_code_cell("", outputs=[output]),
        new_raw_cell(markup, metadata={"raw_mimetype": "text/html"}),
    ]
    file = tmp_path / "page.html"
    file.write_text(render.to_html(new_notebook(cells=cells), "Title"), "utf-8")
    page = browser.new_page()
    page.goto(file.as_uri(), wait_until="networkidle")
    expect(page.get_by_text("seen").last).to_be_visible()
    for link in page.get_by_text("link", exact=True).all():
        link.click()
    page.wait_for_load_state("networkidle")
    assert page.url.partition("#")[0] == file.as_uri()
    page.close()
    assert seen == []


@pytest.mark.browser
def test_a_rendered_notebook_runs_nothing_that_an_output_brings(browser: Browser, tmp_path):
    run = "document.title = 'ran'"
    outputs = [
        new_output("display_data", data={"text/html": f'<img src=x onerror="{run}"> seen'}),
        new_output("display_data", data={"text/html": f"<script>{run}</script>"}),
        new_output("display_data", data={"application/javascript": run}),
    ]
    cell = new_code_cell("$x^2$", outputs=outputs)
    file = tmp_path / "page.html"
    file.write_text(render.to_html(new_notebook(cells=[cell]), "Title"), "utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    expect(page.get_by_text("seen")).to_be_visible()
    page.wait_for_function("document.images[0].complete")
    assert page.title() == "Title"
    policy = page.locator("head > :first-child").get_attribute("content")
    assert policy is not None
    assert {"default-src 'none'", "base-uri 'none'", "form-action 'none'"} <= set(
        re.split(r";\s*", policy)
    )
    page.close()
