"""What a person does in JupyterLab, from Run to the answer: clicks, keys, and seconds of waiting.

Run it as a script: ``python tests/benchmarks/walk_through.py``. It needs Chromium and takes about a
minute. The person here needs no time to think or to move a hand, so the seconds are the machine's.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from measuring import Row, machine, table
from playwright.sync_api import Locator, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from browser_fixtures import CHROMIUM, CHROMIUM_FLAGS
from lab_fixtures import Lab, jupyterlab

EMPLOYEE = "EMP-004712"
CELL = "import boxdocgen_explore as bx\nbx.explore(bx.demo())"


@dataclass
class Person:
    """Works with one page, and notes what that takes."""

    page: Page
    clicks: int = 0
    keys: int = 0
    steps: list[Row] = field(default_factory=list)
    begun_s: float = 0.0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def type(self, text: str, into: Locator) -> None:
        self.click(into)
        into.press_sequentially(text)
        self.keys += len(text)

    def run(self) -> None:
        """Run the notebook by its menu; the seconds are counted from there."""
        self.click(self.page.get_by_role("menuitem", name="Run", exact=True))
        self.begun_s = time.perf_counter()
        self.click(self.page.get_by_role("menuitem", name="Run All Cells", exact=True))

    def sees(self, what: Locator, named: str) -> None:
        """Wait until it is there, and note the step."""
        expect(what).to_be_visible()
        took_s = time.perf_counter() - self.begun_s
        self.steps.append(
            Row(named, f"{self.clicks} clicks, {self.keys} keys, {took_s:.1f} s after Run")
        )


def shown(page: Page, jobs: str) -> Locator:
    return page.locator(".jobs-shown", has_text=jobs)


def one_letter(person: Person) -> None:
    page = person.page
    person.run()
    person.sees(shown(page, "3,000 of 3,000 jobs"), "one letter: the explorer")
    person.type(EMPLOYEE, page.get_by_role("searchbox", name="Search jobs"))
    row = page.get_by_role("row").filter(has_text=EMPLOYEE)
    link = row.get_by_role("link")
    person.sees(link, f"one letter: the row of {EMPLOYEE}")
    with page.expect_popup() as letter:
        person.click(link)
    assert "/file/" in link.get_attribute("href")
    letter.value.close()
    person.sees(row, "one letter: its file opens in Box")


def ids_to_resubmit(person: Person) -> None:
    page = person.page
    person.run()
    person.sees(shown(page, "3,000 of 3,000 jobs"), "ids to resubmit: the explorer")
    person.click(page.get_by_role("button", name="Copy ids to resubmit"))
    person.sees(
        page.get_by_text("Copied 1,583 ids: 1,487 failed, 96 completed with errors."),
        "ids to resubmit: copied",
    )
    ids = page.evaluate("navigator.clipboard.readText()").split()
    assert len(ids) == 1583


def resubmit_one_cause(person: Person) -> None:
    page = person.page
    person.run()
    bar = page.get_by_role("figure", name="Failure reasons").get_by_role("button").first
    person.sees(bar, "ids of the main cause: the explorer")
    person.click(bar)
    expect(shown(page, "1,412 of 3,000 jobs")).to_be_visible()
    person.click(page.get_by_role("button", name="Copy ids to resubmit"))
    person.sees(page.get_by_text("Copied 1,412 ids: "), "ids of the main cause: copied")


def walk(lab: Lab, page: Page, task: Callable[[Person], None]) -> list[Row]:
    page.goto(lab.at(lab.notebook(task.__name__, CELL)))
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.get_by_role("button", name=re.compile(r"Python.*\| Idle")).wait_for()
    person = Person(page)
    task(person)
    return person.steps


def main() -> None:
    expect.set_options(timeout=60_000)
    rows: list[Row] = []
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
        jupyterlab(Path(folder)) as lab,
    ):
        executable = next(filter(None, map(shutil.which, CHROMIUM)))
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        for task in (one_letter, ids_to_resubmit, resubmit_one_cause):
            context = browser.new_context(viewport={"width": 1400, "height": 1000})
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            context.route("https://app.box.com/**", lambda route: route.fulfill(body="Box"))
            page = context.new_page()
            rows += walk(lab, page, task)
            page.screenshot(path=Path(tempfile.gettempdir()) / f"{task.__name__}.png")
            context.close()
        browser.close()
    sys.stdout.write(f"{machine()}{table(rows)}")


if __name__ == "__main__":
    main()
