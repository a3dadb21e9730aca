"""A headless browser for tests, with one shared tab and only loopback connections."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

TEMPLATES = {"1700000000001": "Offer letter"}

CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
_NO_OPTIMIZER = "--js-flags=--no-opt,--no-maglev"
"""Pages are open for a second, in which optimised JavaScript costs more than it saves."""
_EXPECT_MS = 30_000
"""The timeout of expectations on a slow machine; fulfilled ones return at once."""
_LOCAL = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium from the system or from Playwright; skips tests if there is none."""
    expect.set_options(timeout=_EXPECT_MS)
    system = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        executable = system or playwright.chromium.executable_path
        if not Path(executable).exists():
            missing = f"no Chromium: none of {', '.join(CHROMIUM)}, nor Playwright's own"
            if os.environ.get("BOXDOCGEN_REQUIRE_BROWSER"):
                pytest.fail(missing)
            pytest.skip(missing)
        flags = [*CHROMIUM_FLAGS, _NO_OPTIMIZER]
        chromium = playwright.chromium.launch(executable_path=executable, args=flags)
        yield chromium
        chromium.close()


class CheckedContext:
    """A profile whose pages must not call other hosts and must not log errors."""

    def __init__(self, browser: Browser, width: int = 1000, height: int = 900) -> None:
        size = {"width": width, "height": height}
        self.context: BrowserContext = browser.new_context(viewport=size, locale="en-GB")
        self.wrong: list[str] = []
        # Not routed, which would slow down every request and disable the cache.
        self.context.on("request", self._request)
        self.context.on("console", self._console)
        self.context.on(
            "weberror", lambda error: self.wrong.append(f"{error.error}\n{error.error.stack}")
        )
        self.context.on("dialog", self._dialog)

    def check(self, except_for: str = "\0") -> None:
        wrong, self.wrong = self.wrong, []
        assert [one for one in wrong if not re.search(except_for, one)] == []

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("file", "data", "blob") and url.hostname not in _LOCAL:
            self.wrong.append(f"asked for {request.url}")

    def _console(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.wrong.append(line.text)

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="session")
def checked_tab(browser: Browser) -> Iterator[tuple[CheckedContext, Page]]:
    """One tab for all tests: a new one takes half a second and recompiles every script."""
    checked = CheckedContext(browser)
    yield checked, checked.context.new_page()
    checked.context.close()


@pytest.fixture
def tab(checked_tab: tuple[CheckedContext, Page]) -> Iterator[Page]:
    """A tab of 1,000 by 900 px, reset after each test."""
    checked, page = checked_tab
    page.emulate_media(media="null", color_scheme="null", forced_colors="null")
    page.set_viewport_size({"width": 1000, "height": 900})
    page.mouse.move(0, 0)
    yield page
    page.goto("about:blank")
    checked.context.clear_permissions()
    checked.context.clear_cookies()
    checked.check()


@pytest.fixture
def show(tab: Page, tmp_path: Path) -> Callable[..., Page]:
    """Write a page of jobs to disk and open it from there."""
    from boxdocgen_explore import (
        view,
    )  # here, because it takes a second of every start

    def open_page(jobs: pl.DataFrame, verdict: Any = None, **options: Any) -> Page:
        file = tmp_path / "page.html"
        options = {"templates": TEMPLATES, **options}
        file.write_text(view.page(jobs, verdict, **options), encoding="utf-8")
        tab.goto(file.as_uri())
        wait_for_draw(tab)
        return tab

    return open_page


_MOUNT = """async ({ source, specs, payload }) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  globalThis.bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const values = { specs, payload: bytes(payload), templates: {}, state: {}, verdict: null };
  const listeners = {};
  globalThis.model = {
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
      listeners[`change:${name}`]?.();
    },
    on: (name, listener) => (listeners[name] = listener),
    off: () => {},
    send: () => {},
    save_changes: () => (globalThis.sent = values.state),
  };
  widget.render({ model, el: document.body });
}"""


def payload(jobs: pl.DataFrame) -> str:
    from boxdocgen_explore import view

    return base64.b64encode(view.pack(jobs)).decode()


def mount(tab: Page, jobs: pl.DataFrame) -> None:
    """Show jobs like a notebook: ``model`` is the widget's, ``sent`` the last sent state."""
    from boxdocgen_explore import view

    values = {"source": view.module(), "specs": view.specs(), "payload": payload(jobs)}
    tab.evaluate(_MOUNT, values)
    wait_for_draw(tab)


def wait_for_draw(tab: Page) -> None:
    """Wait until the view is up to date."""
    expect(tab.locator('.boxdocgen-body[aria-busy="false"]')).to_be_attached()


def set_time(tab: Page, now: datetime) -> AbstractContextManager[Any]:
    """Set the time of pages that are opened meanwhile (Playwright's clock cannot be removed)."""
    return tab.add_init_script(f"Date.now = () => {now.timestamp() * 1000}")


def two_frames(tab: Page) -> None:
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def resize(tab: Page, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    two_frames(tab)  # browsers report a new size between two frames
    wait_for_draw(tab)


def reload(tab: Page) -> None:
    """Open the address of the page again, which is updated one frame after the view."""
    wait_for_draw(tab)
    two_frames(tab)
    tab.reload()
    wait_for_draw(tab)


def figure(tab: Page, title: str) -> Locator:
    return tab.get_by_role("figure", name=title, exact=True)


def bar_labels(drawn: Locator) -> list[str]:
    """The accessible names of a chart's bars."""
    return drawn.locator(".rows_marks path").evaluate_all("all => all.map((one) => one.ariaLabel)")
