"""A saved notebook shows what was on the screen, and an explorer without its kernel says so."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from lab_fixtures import Lab, LabPage, execute, printed
from playwright.sync_api import Browser, Locator, Page, expect

WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
SECONDS = 1000
DEMO = """
import boxdocgen_explore as bx
box = bx.demo()
explorer = bx.explore(box)
explorer
"""

# --- messages of a kernel ------------------------------------------------------------------------


def displays(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["content"] for one in sent if one["msg_type"].endswith("display_data")]


def next_update(kernel: BlockingKernelClient) -> dict[str, Any]:
    while True:
        if updates := displays([kernel.get_iopub_msg(timeout=60)]):
            return updates[0]


def test_the_widget_and_its_snapshot_are_two_outputs_and_the_snapshot_follows(kernel):
    read = 'reading = box.read("12345600319"); explorer = bx.explore(reading); explorer'
    widget, saved = displays(
        execute(kernel, DEMO.replace("explorer = bx.explore(box)\nexplorer", read))
    )
    assert set(widget["data"]) == {WIDGET, "text/plain"}
    assert widget["data"]["text/plain"] == ""
    assert set(saved["data"]) == {"text/html", "text/plain"}
    assert "3,000 of 3,000 jobs" in saved["data"]["text/html"]
    assert re.search(r"^<Explorer: .* · as of \d.* UTC", saved["data"]["text/plain"])

    there_and_back = "explorer.state = {'status': ['pending']}; explorer.state = {}"
    sent = displays(execute(kernel, f"{there_and_back}; explorer._saved._timer.join()"))
    assert sent == []
    execute(kernel, "explorer.state = {'status': ['failed']}")
    update = next_update(kernel)
    assert "1,487 of 3,000 jobs, where status failed" in update["data"]["text/html"]
    assert update["transient"] == saved["transient"]


@pytest.mark.thorough
def test_the_list_of_batches_is_read_only_once_the_explorer_is_shown(kernel):
    read = "print('/docgen_jobs' in box.calls)"
    shown = DEMO.replace("\nexplorer\n", f"\nimport time\n{read}\nexplorer\n")
    assert printed(execute(kernel, shown)) == "False\n"
    listed = "while explorer.picker.table.listing == 'read': time.sleep(0.1)"
    assert printed(execute(kernel, f"{listed}\n{read}")) == "True\n"


@pytest.mark.thorough
def test_a_snapshot_that_cannot_be_drawn_is_one_line_and_the_explorer_works(kernel):
    execute(kernel, DEMO.replace("(box)", "(box).wait()"))
    execute(kernel, "explorer.view.cause = [[1]]")
    failed = next_update(kernel)["data"]["text/html"]
    assert "<p>There is no snapshot: TypeError while it was drawn." in failed
    execute(kernel, "explorer.view.cause = []")
    assert "3,000 of 3,000 jobs" in next_update(kernel)["data"]["text/html"]
    assert printed(execute(kernel, "print(explorer.jobs.height)")) == "3000\n"


def test_a_progress_bar_in_a_notebook_is_text(kernel):
    code = """
from boxdocgen_explore.box.progress import ProgressBar
with ProgressBar() as bar:
    bar(8, 8000, "Box asks to wait 30 s")
"""
    sent = execute(kernel, code)
    assert {one["msg_type"] for one in sent} == {"status", "execute_input", "stream"}
    assert "8 pages, 8,000 jobs [00:00, Box asks to wait 30 s]" in printed(sent)
    assert printed(sent).splitlines()[-1].strip() == "8,000 jobs, 8 pages in 0 s"


# --- the screen ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def screen(lab: Lab, _lab_page: LabPage) -> Path:
    """A notebook with an explorer of two batches of which one status is shown, saved."""
    page = _lab_page.run(lab.notebook("saved", DEMO))
    page.get_by_role("button", name=" · change").click(timeout=60 * SECONDS)
    ids = page.get_by_role("textbox", name="Batch ids")
    ids.fill("12345600319 12345600333")
    ids.press("Enter")
    expect(jobs_shown(page)).to_have_text("4,260 of 4,260 jobs", timeout=60 * SECONDS)
    status = page.get_by_role("group", name="Status")
    status.get_by_role("checkbox", name="completed_with_error").check()
    snapshot = page.locator(".boxdocgen-snapshot")
    expect(snapshot).to_contain_text("102 of 4,260 jobs")
    # Only the list of all jobs says when a batch was created.
    expect(snapshot).to_contain_text("Loaded: Offer letter · 3 Nov")
    expect(snapshot).to_be_hidden()
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    return shutil.copy(lab.folder / "saved.ipynb", lab.folder / "reopened.ipynb")


def jobs_shown(page: Page) -> Locator:
    return page.locator(".boxdocgen-explorer .jobs-shown")


@pytest.mark.browser
def test_a_notebook_opened_again_has_its_explorer_until_its_kernel_is_restarted(
    lab_page: LabPage, screen: Path
) -> None:
    content = json.loads(screen.read_text("utf-8"))
    widget, snapshot = content["cells"][0]["outputs"]
    assert "102 of 4,260 jobs, where status completed_with_error" in "".join(
        snapshot["data"]["text/html"]
    )
    state = content["metadata"]["widgets"][STATE]["state"]
    assert [*state] == [widget["data"][WIDGET]["model_id"]]

    page = lab_page.open("saved.ipynb")
    expect(jobs_shown(page)).to_have_text("102 of 4,260 jobs", timeout=60 * SECONDS)
    expect(page.locator(".boxdocgen-snapshot")).to_be_hidden()

    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    notice = page.locator(".boxdocgen-explorer .notice")
    expect(notice).to_have_text("The kernel was restarted: run the cell again.")
    for name in ("Load", "Refresh", "Cancel", re.compile("^Load documents")):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    expect(page.get_by_role("checkbox", name="Watch")).to_be_disabled()
    page.get_by_role("button", name="Clear filters").click()
    expect(jobs_shown(page)).to_have_text("4,260 of 4,260 jobs")


def expect_what_was_on_the_screen(page: Page) -> None:
    shown = page.locator(".boxdocgen-snapshot")
    expect(shown.get_by_text("102 of 4,260 jobs")).to_be_visible()
    read_at = re.compile(r" · as of \d+ \w+ \d+ \d\d:\d\d UTC · ")
    expect(shown.get_by_text(read_at)).to_be_visible()
    expect(shown.get_by_text("Loaded: Offer letter · 3 Nov")).to_be_visible()
    expect(shown.get_by_role("img", name="Failure reasons")).to_be_visible()
    expect(page.locator(".boxdocgen-placeholder")).to_be_attached()
    missing = re.compile("model not found|Loading widget|just now")
    expect(page.locator(".jp-Notebook")).not_to_contain_text(missing)


@pytest.mark.browser
def test_a_notebook_opened_without_its_kernel_shows_what_was_on_the_screen(
    lab_page: LabPage, screen: Path
) -> None:
    expect_what_was_on_the_screen(lab_page.open(screen.name))


@pytest.mark.browser
@pytest.mark.thorough
def test_in_notebook_7_it_shows_what_was_on_the_screen_too(
    lab: Lab, screen: Path, browser: Browser
) -> None:
    with browser.new_page() as page:  # not checked: Notebook 7 has an error of its own
        page.goto(f"{lab.url}/notebooks/{screen.name}?token={lab.token}")
        expect_what_was_on_the_screen(page)
