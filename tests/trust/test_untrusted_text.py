"""Names and messages from Box are only text, everywhere."""

from __future__ import annotations

import csv
import html.parser
import json
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Page

import boxdocgen_explore as bx
from boxdocgen_explore import errors, export
from boxdocgen_explore.box import Box
from boxdocgen_explore.charts import renderer
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise
from boxdocgen_explore.emulator.enterprise import Tag, Template, User, plain_job
from boxdocgen_explore.verdict import batch_label

pytestmark = pytest.mark.trust

MARKUP = (
    "</script></title><img src=x onerror=\"window.ran=1;alert(1)\"><a href='javascript:alert(2)'>"
)
TERMINAL = "\x1b[2J\x1b]0;owned\x07\x1bP+q\x1b\\\x9b31m\x9d0;owned\x9c\x90\x08\x7f\r\x0b"
BIDI = "\u202eexe.\u2066gnp\u2069\u200f\u061c\u2028"
PATH = "../../../etc/passwd\\..\\C:"
EVIL = f"{MARKUP}{TERMINAL}{BIDI}{PATH}{{{{tag}}}} $& `"
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
LONG = "very long " * 10_000

COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters for terminals or pages; only line feeds and tabs are allowed."""

USER = User("31415926535", EVIL, f"={EVIL}@example.com")
BATCH = "1001"


def evil_job(number: int, batch: str = BATCH) -> dict[str, Any]:
    text = STARTS[number % len(STARTS)] + EVIL
    return plain_job(batch, number, USER) | {
        "id": f"{text}{number}",
        "status": "failed" if number % 2 else text,
        "output_type": text,
        "external_id": LONG if number == 5 else text,
        "template_file": {"id": EVIL, "type": "file"},
        "template_file_version": {"id": text, "type": "file_version"},
        "output_file": {"id": text, "type": "file"},
        "failures": {"errors": [text, LONG, f"a\r{text}"], "warnings": [text]},
        "source": text,
        EVIL: text,
    }


@pytest.fixture
def evil() -> Iterator[Emulator]:
    """Hostile text wherever a user, a template or a job has text."""
    enterprise = Enterprise(
        templates=[Template(EVIL, f"={EVIL}", {"1": (Tag(EVIL, EVIL, (EVIL,)),)})]
    )
    enterprise.put(BATCH, [evil_job(number) for number in range(12)], owner=USER)
    enterprise.put(EVIL, [evil_job(20, EVIL)], owner=USER)
    with Emulator(enterprise=enterprise, users=[USER]) as emulator:
        yield emulator


@pytest.fixture
def box(evil: Emulator, connected: Callable[..., Box]) -> Box:
    return connected(base_url=evil.url)


@pytest.fixture
def run(
    evil: Emulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[str, str]]:
    """Runs a command; returns its output, which must have no control characters."""
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    where = ["--cache-dir", str(tmp_path / "cache")]

    def command(*arguments: str, status: int = 0) -> tuple[str, str]:
        server = [] if arguments[0] == "cache" else ["--base-url", evil.url]
        assert main([*arguments, *server, *where]) == status
        printed = capsys.readouterr()
        for stream in printed:
            assert not COMMANDS.search(stream)
            assert "--json" in arguments or max(map(len, [*stream.splitlines(), ""])) < 6000
        return printed.out, printed.err

    return command


# --- the terminal --------------------------------------------------------------------------------


def test_lists_summaries_and_findings_are_lines_of_text(
    run: Callable[..., tuple[str, str]],
) -> None:
    printed, _ = run("batches")
    assert len(printed.splitlines()) == 1 + 2
    assert "onerror" in printed
    printed, _ = run("fetch", BATCH)
    assert "6  failed" in printed
    assert "onerror" in printed
    printed, _ = run("audit", BATCH, status=1)
    assert "unknown-field" in printed
    printed, _ = run("audit", BATCH, "--json", status=1)
    assert json.loads(printed)["jobs"] == 12
    printed, _ = run("cache", "info")
    assert "@example.com" in printed


def test_the_line_about_a_file_contains_no_terminal_command(
    run: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    printed, _ = run("fetch", BATCH, "-o", str(tmp_path / "jobs.csv"))
    assert len(printed.splitlines()) == 1
    assert "@example.com" in printed


@pytest.mark.parametrize("code", [EVIL, LONG])
def test_an_error_of_box_is_one_line_of_text(
    evil: Emulator, run: Callable[..., tuple[str, str]], code: str
) -> None:
    evil.fault("forbidden", path=f"/docgen_batch_jobs/{BATCH}", times=None, code=code)
    _, error = run("fetch", BATCH, status=3)
    assert len(error.splitlines()) == 1
    assert "403" in error


@pytest.mark.parametrize(
    "body",
    [
        EVIL,
        json.dumps({"entries": [{"id": EVIL, "batch": {"id": EVIL}, "status": EVIL}]}),
        json.dumps({"entries": [{"id": "1", "batch": {"id": LONG * 10}, "status": EVIL}]}),
        json.dumps({"entries": [{"id": "1", "batch": {"id": BATCH}, "status": {EVIL: EVIL}}]}),
        json.dumps({"entries": [], "next_marker": [EVIL]}),
    ],
)
def test_an_error_about_a_body_is_one_line_of_text(
    evil: Emulator, run: Callable[..., tuple[str, str]], body: str
) -> None:
    evil.fault("other-body", path=f"/docgen_batch_jobs/{BATCH}", times=None, body=body)
    _, error = run("fetch", BATCH, status=3)
    assert len(error.splitlines()) == 1


def test_a_traceback_and_an_error_s_parts_are_text(evil: Emulator, box: Box) -> None:
    evil.fault("forbidden", path=f"/docgen_batch_jobs/{BATCH}", times=None, code=EVIL)
    with pytest.raises(errors.BatchesFailed) as caught:
        box.read([BATCH, "404"])
    failed = caught.value.failures[BATCH]
    texts = ["".join(traceback.format_exception(one)) for one in (caught.value, failed)]
    texts += [str(failed), repr(failed), failed.code or "", failed.message or ""]
    assert "onerror" in texts[0]
    assert not any(map(COMMANDS.search, texts))


def test_reprs_verdicts_and_labels_are_text(box: Box) -> None:
    reading = box.read(BATCH)
    names = dict(box.templates().iter_rows())
    labels = [batch_label(row, names) for row in box.batches().iter_rows(named=True)]
    texts = [repr(reading), reading.verdict, repr(box.user), repr(bx.explore(reading)), *labels]
    assert not any(map(COMMANDS.search, texts))
    assert not [line for line in texts if "\n" in line]


def test_a_terminal_without_unicode_shows_codes_and_no_traceback() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "boxdocgen_explore", "fetch", "--demo", "12345600319"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert " \\xb7 demo data" in run.stdout


# --- files ---------------------------------------------------------------------------------------


def test_files_of_jobs_hold_each_job_once_and_no_formula(
    run: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    for ending in ("csv", "ndjson", "parquet"):
        run("fetch", BATCH, "--details", "-o", str(tmp_path / f"jobs.{ending}"))
    jobs = pl.read_parquet(tmp_path / "jobs.parquet")
    with (tmp_path / "jobs.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == jobs.columns
    assert len(rows) == jobs.height == 12
    assert not [cell for row in rows for cell in row if cell.startswith(STARTS)]
    place = head.index("external_id")
    assert [row[place].removeprefix("'") for row in rows] == jobs["external_id"].to_list()
    lines = (tmp_path / "jobs.ndjson").read_bytes().split(b"\n")
    assert [json.loads(line)["job_id"] for line in lines if line] == jobs["job_id"].to_list()
    assert {path.name for path in tmp_path.iterdir()} == {
        "cache",
        "jobs.csv",
        "jobs.ndjson",
        "jobs.parquet",
    }


@pytest.mark.parametrize("start", STARTS)
def test_no_cell_of_a_csv_begins_like_a_formula(start: str) -> None:
    cells = [f"{start}1+1", f"{start}{start}cmd|' /C calc'!A0", start]
    flat = export.flat(pl.DataFrame({"status": cells, "errors": [[cell] for cell in cells]}))
    assert not [cell for row in flat.rows() for cell in row if cell.startswith(STARTS)]


def test_cached_files_are_named_by_ids_alone(box: Box, tmp_path: Path) -> None:
    box.read(BATCH)
    box.batches()
    names = {path.name for path in (tmp_path / "cache").rglob("*")}
    assert {"owner.json", "pages.sqlite", USER.id} <= names
    assert all(re.fullmatch(r"[\w.%-]+", name) for name in names)


# --- pages and notebooks -------------------------------------------------------------------------


class _Tags(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


TABLE = {"table", "caption", "thead", "tbody", "tr", "th", "td"}
PAGE = {"html", "head", "meta", "title", "style", "body", "main", "noscript", "script", "div",
        "header", "nav", "section", "h1", "h2", "h3", "p", "a", "b", "span", "details", "summary",
        "dl", "dt", "dd", "code", "button"}  # fmt: skip


def test_a_notebook_s_outputs_are_text_and_pictures(box: Box) -> None:
    reading = box.read(BATCH)
    explorer = bx.explore(reading, templates={EVIL: EVIL})
    explorer.state = {"status": reading.jobs["status"].to_list()[:2], "text": EVIL}
    html = explorer.snapshot().data
    assert not COMMANDS.search(repr(explorer))
    assert not COMMANDS.search(html)
    for tag, attributes in _Tags(html).found:
        assert tag in {*TABLE, "div", "p", "strong", "img", "a"}
        assert attributes.get("href", "https://app.box.com/file/").startswith("https://app.box")
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("src") or "data:image/svg+xml").startswith("data:image/svg+xml")


def test_a_report_has_its_own_tags_and_links_to_box_alone(
    run: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "audit.html"
    run("audit", BATCH, "--details", "--title", EVIL, "-o", str(path), status=1)
    text = path.read_text("utf-8")
    found = _Tags(text).found
    assert {tag for tag, _ in found} <= TABLE | PAGE
    assert not [name for _, names in found for name in names if name.startswith("on")]
    links = [names for tag, names in found if tag == "a" and not names["href"].startswith("#")]
    assert links
    assert re.search(r'@top-left \{ content: "(\\[0-9a-f]+ |\w)*" \} \}\n', text)
    for link in links:
        assert re.fullmatch(r"https://app\.box\.com/file/[\w.%~-]+", link["href"] or "")
        assert link["rel"] == "noopener noreferrer"
    outside_of_scripts = re.sub(r"<script\b.*?</script>", "", text, flags=re.S)
    assert "onerror" in outside_of_scripts
    assert not COMMANDS.search(outside_of_scripts)
    assert max(map(len, re.findall(r"very long .*", outside_of_scripts))) < 6000


def test_a_chart_s_text_for_terminals_is_text(box: Box) -> None:
    reading = box.read(BATCH)
    charts = (bx.charts.outcomes(reading.jobs), bx.charts.by_template(reading.jobs))
    for chart in charts:
        bundle = renderer.bundle(chart.to_dict())
        assert "text/html" not in bundle
        assert "onerror" in bundle["text/plain"]
        assert not COMMANDS.search(bundle["text/plain"])
        assert "<img" not in bundle["image/svg+xml"]


def test_a_picker_s_words_are_text(evil: Emulator, box: Box) -> None:
    explorer = bx.explore(box).wait(30)
    explorer.load([BATCH])
    explorer.wait(30)
    picker = explorer.picker
    labels = [*picker.labels.values()]
    assert len(labels) == 2
    evil.fault("forbidden", path=f"/docgen_batch_jobs/{BATCH}", times=None, code=EVIL)
    explorer.refresh()
    explorer.wait(30)
    assert "403" in explorer.view.notice
    texts = [*labels, picker.table.status, picker.fold.description, explorer.view.notice]
    texts += [text for row in picker.table.rows for text in row[1:3]]
    texts.append(json.dumps(explorer.view.verdict, ensure_ascii=False))
    assert not any(map(COMMANDS.search, texts))


@pytest.mark.browser
def test_a_report_runs_no_script_asks_no_host_and_shows_text(
    run: Callable[..., tuple[str, str]], tab: Page, tmp_path: Path
) -> None:
    path = tmp_path / "audit.html"
    run("audit", BATCH, "--details", "--title", f"Title {EVIL}", "-o", str(path), status=1)
    tab.goto(path.as_uri())
    tab.get_by_role("table", name="Jobs", exact=True).wait_for()
    assert tab.evaluate("window.ran") is None
    assert tab.locator("img[src=x], a[href^='javascript:']").count() == 0
    assert tab.title().startswith("Title </script></title><img")
    assert not COMMANDS.search(tab.title())
    plain = tab.locator(".boxdocgen.report")
    assert not any(map(COMMANDS.search, plain.all_inner_texts()))
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save CSV").click()
    assert re.fullmatch(r"jobs[\w.-]*\.csv", download.value.suggested_filename)


def test_open_shows_a_page_of_our_own_tags_alone(
    run: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    printed, _ = run("open", BATCH)
    path = Path(printed.strip())
    assert re.fullmatch(r"boxdocgen-\w+\.html", path.name)
    assert opened == [path.as_uri()]
    text = path.read_text("utf-8")
    path.unlink()
    assert "<img src=x" not in text
    assert not COMMANDS.search(text.partition("<script")[0])
