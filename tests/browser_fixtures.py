"""A headless browser for tests: a fresh context each, and no host reached but loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_PATIENCE_MS = 30_000
"""How long an expectation may take on a busy machine; one that holds is not waited for."""
_LOCAL = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, the system's or Playwright's own; skipped where there is none."""
    expect.set_options(timeout=_PATIENCE_MS)
    system = next(filter(None, map(shutil.which, _NAMES)), None)
    with sync_playwright() as playwright:
        executable = system or playwright.chromium.executable_path
        if not Path(executable).exists():
            missing = f"no Chromium: none of {', '.join(_NAMES)}, nor Playwright's own"
            if os.environ.get("BOXDOCGEN_REQUIRE_BROWSER"):
                pytest.fail(missing)
            pytest.skip(missing)
        chromium = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A page of 1,000 by 900 px that must reach no other host and write no error to its console."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, locale="en-GB")
    refused: list[str] = []
    errors: list[str] = []

    def check(route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("file", "data", "blob") or url.hostname in _LOCAL:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.abort()

    context.route("**/*", check)
    page = context.new_page()
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    try:
        yield page
    finally:
        try:
            context.close()
        except Error as error:
            errors.append(str(error))
    assert refused == []
    assert errors == []
