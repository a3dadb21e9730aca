"""A real JupyterLab, started by ``boxdocgen lab`` as in the README, once per session."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browser_fixtures import CheckedContext
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from playwright.sync_api import Browser, Page

LAB_OPTIONS = ["--no-browser", "--port=0", "--expose-app-in-browser"]


@dataclass
class Lab:
    """A running JupyterLab and the folder it shows."""

    url: str
    token: str
    folder: Path

    def notebook(self, name: str, *cells: str) -> str:
        """Write a notebook of these code cells; return its file's name."""
        content = {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"cell{number}",
                    "metadata": {},
                    "source": source,
                    "outputs": [],
                    "execution_count": None,
                }
                for number, source in enumerate(cells)
            ],
            "metadata": {
                "kernelspec": {"display_name": "Python", "language": "python", "name": "python3"}
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.folder / f"{name}.ipynb").write_text(json.dumps(content), "utf-8")
        return f"{name}.ipynb"

    def at(self, file: str) -> str:
        return f"{self.url}/lab/workspaces/{Path(file).stem}/tree/{file}?token={self.token}"


@contextmanager
def jupyterlab(home: Path) -> Iterator[Lab]:
    """JupyterLab on an empty folder, with default settings."""
    folders = {name: home / name for name in ("config", "data", "runtime", "settings", "spaces")}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BOX_")},
        "JUPYTER_CONFIG_DIR": str(folders["config"]),
        "JUPYTER_DATA_DIR": str(folders["data"]),
        "JUPYTER_RUNTIME_DIR": str(folders["runtime"]),
        "JUPYTERLAB_SETTINGS_DIR": str(folders["settings"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(folders["spaces"]),
        "PYTHONWARNINGS": "ignore",
    }
    notebooks = home / "notebooks"
    notebooks.mkdir()
    command = [sys.executable, "-m", "boxdocgen_explore", "lab", *LAB_OPTIONS]
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(
            [*command, f"--ServerApp.root_dir={notebooks}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            lines = (re.search(r"(http://\S+?)/lab\S*token=(\w+)", line) for line in process.stdout)
            found = next(filter(None, lines), None)
            assert found, (home / "log").read_text()
            yield Lab(found[1], found[2], notebooks)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()  # a server that does not stop must not block the tests
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests; needs the browser, so that both are skipped together."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as running:
        yield running


def run_all(page: Page, address: str) -> None:
    """Open a notebook and run all its cells, as a person would."""
    page.goto(address)
    run_cells(page)


def wait_for_kernel(page: Page) -> None:
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.get_by_role("button", name=re.compile(r"Python.*\| Idle")).wait_for()


def run_cells(page: Page) -> None:
    wait_for_kernel(page)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


class LabPage:
    """JupyterLab in the browser: loading it takes seconds, opening a notebook in it does not."""

    def __init__(self, lab: Lab, context: CheckedContext) -> None:
        self.context = context
        self.page = context.context.new_page()
        self.page.goto(f"{lab.url}/lab?token={lab.token}")
        self.page.wait_for_function("window.jupyterapp?.restored.then(() => true)")

    def open(self, file: str) -> Page:
        """Save and close the open notebook, and open this one."""
        self.page.evaluate(
            """async (path) => {
                 const { commands } = jupyterapp;
                 await commands.execute("docmanager:save-all");
                 await commands.execute("application:close-all");
                 await commands.execute("docmanager:open", { path, factory: "Notebook" });
               }""",
            file,
        )
        wait_for_kernel(self.page)
        return self.page

    def run(self, file: str) -> Page:
        """Open a notebook and run all its cells."""
        run_cells(self.open(file))
        return self.page


@pytest.fixture(scope="session")
def _lab_page(lab: Lab, browser: Browser) -> Iterator[LabPage]:
    checked = CheckedContext(browser, 1400, 1000)
    yield LabPage(lab, checked)
    checked.context.close()


@pytest.fixture
def lab_page(_lab_page: LabPage) -> Iterator[LabPage]:
    """The one page for all tests; checked after each."""
    yield _lab_page
    # JupyterLab logs this about its own requests if a notebook is closed before their answers.
    _lab_page.context.check(
        except_for="Canceled future for |Kernel connection (is disposed|disconnected)"
    )


@pytest.fixture(scope="session")
def kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel()
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def execute(kernel: BlockingKernelClient, code: str, cell: str = "") -> list[dict[str, Any]]:
    """Run code as the cell with this id; what it sends meanwhile."""
    content = {"code": code, "silent": False, "allow_stdin": False}
    request = kernel.session.msg("execute_request", content, metadata={"cellId": cell})
    kernel.shell_channel.send(request)
    message = request["header"]["msg_id"]
    sent: list[dict[str, Any]] = []
    while True:
        sent.append(kernel.get_iopub_msg(timeout=60))
        assert sent[-1]["msg_type"] != "error", sent[-1]["content"]
        mine = sent[-1]["parent_header"].get("msg_id") == message
        if mine and sent[-1]["content"].get("execution_state") == "idle":
            return sent


def printed(sent: list[dict[str, Any]]) -> str:
    return "".join(one["content"]["text"] for one in sent if one["msg_type"] == "stream")
