"""The explorer in the real marimo and Voilà, if the dependency group `notebooks` is installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

CODE = "import boxdocgen_explore as bx; explorer = bx.explore(bx.demo()); explorer"
MARIMO_APP = f"""
import marimo

app = marimo.App()


@app.cell
def _():
    {CODE}
    return
"""


@contextmanager
def served(name: str, *options: str, home: Path) -> Iterator[str]:
    """Start a server of notebooks; give its address once it listens."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", name, *options, f"--port={port}"]
    nobodys = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "JUPYTER_CONFIG_DIR"), str(home))
    environment = {**os.environ, **nobodys, "PYTHONWARNINGS": "ignore"}
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log) as server,
    ):
        try:
            deadline = time.monotonic() + 60
            while not listens(port):
                assert server.poll() is None, (home / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def check_filters(page: Page) -> None:
    expect(page.locator(".jobs-shown")).to_have_text("3,000 of 3,000 jobs", timeout=90_000)
    page.get_by_role("checkbox", name="completed_with_error").check()
    expect(page.locator(".jobs-shown")).to_have_text("96 of 3,000 jobs")


def test_marimo_shows_the_view_in_its_own_colours_and_opens_nothing(tab: Page, tmp_path: Path):
    dark = '# /// script\n# [tool.marimo.display]\n# theme = "dark"\n# ///\n'
    (tmp_path / "app.py").write_text(dark + MARIMO_APP, "utf-8")
    options = ("run", "app.py", "--headless", "--host=127.0.0.1", "--no-token")
    with served("marimo", *options, home=tmp_path) as address:
        tab.goto(address)
        check_filters(tab)
        ink = tab.locator(".boxdocgen").evaluate(
            "view => getComputedStyle(view).color.match(/\\d+/g).map(Number)"
        )
        assert min(ink) > 128
        tab.goto("about:blank")  # marimo reports it when its server is gone


def test_voila_shows_the_explorer(browser: Browser, tmp_path: Path):
    nbformat.write(new_notebook(cells=[new_code_cell(CODE)]), tmp_path / "app.ipynb")
    page = browser.new_page()
    # Its own template asks other hosts for formulas and fonts.
    page.route(lambda url: "//127.0.0.1" not in url, lambda route: route.abort())
    options = ("app.ipynb", "--no-browser", "--Voila.ip=127.0.0.1")
    with served("voila", *options, home=tmp_path) as address:
        page.goto(address, wait_until="commit")
        check_filters(page)
        expect(page.get_by_role("button", name="Load", exact=True)).to_be_visible()
    page.close()
