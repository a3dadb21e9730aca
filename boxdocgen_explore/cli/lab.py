"""``boxdocgen lab``: JupyterLab on the notebooks."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stdout
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from boxdocgen_explore.cli.options import add_command, credential_variables
from boxdocgen_explore.cli.results import show
from boxdocgen_explore.cli.terminal import DONE, say

if TYPE_CHECKING:
    from traitlets.config import Config

_START: Final = "01_explore.ipynb"
_NEWS: Final = "@jupyterlab/apputils-extension:announcements"


def add_commands(commands: Any) -> None:
    command = add_command(commands, "lab", lab, "boxdocgen lab --no-browser")
    credential_variables(command)
    command.description = f"{command.description}; other options are passed to JupyterLab"


def lab(options: argparse.Namespace) -> int:
    """Start JupyterLab on the notebooks."""
    from jupyterlab.labapp import LabApp

    from boxdocgen_explore.box import auth

    with redirect_stdout(sys.stderr if options.json else sys.stdout):  # not the result
        if auth.in_environment():
            say("Credentials found. In the notebook, replace bx.demo() with bx.connect().")
        else:
            say("No Box credentials found: the notebook shows synthetic demo data.")
        folder = notebooks(Path.cwd())
    others = [option for option in options.others if option != "--"]
    server = LabApp.initialize_server(argv=others, config=_settings(folder))
    server.web_app.settings["page_config_hook"] = _without_news
    address = server.display_url.split()[0]
    values = {"url": address, "notebooks": str(folder)}
    # Printed once it listens, so that the address works at once.
    server.io_loop.add_callback(show, options, [f"JupyterLab: {address}"], values)
    server.start()
    return DONE


def _without_news(_handler: object, page: dict[str, Any]) -> dict[str, Any]:
    """Disable the extension that asks about news on the first screen, whatever news_url is."""
    disabled = page.get("disabledExtensions") or []
    return {**page, "disabledExtensions": [*disabled, _NEWS]}


def _settings(folder: Path) -> Config:
    """Set defaults that the command line and the user's configuration override."""
    from traitlets.config import Config

    settings = Config()
    settings.ServerApp.root_dir = str(folder)
    # As root, as in containers, JupyterLab would refuse to start.
    settings.ServerApp.allow_root = hasattr(os, "geteuid") and os.geteuid() == 0
    settings.ServerApp.log_level = settings.LabApp.log_level = "WARN"
    settings.LabApp.default_url = f"/lab/tree/{_START}"
    # No calls about news and updates.
    settings.LabApp.news_url = None
    settings.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
    return settings


def notebooks(start: Path) -> Path:
    """Return the folder to open: that of a checkout, otherwise `start` with copied notebooks.

    Existing files are not replaced.
    """
    checkout = Path(__file__).resolve().parents[2] / "notebooks"
    if (checkout / _START).exists() and (checkout.parent / "pyproject.toml").exists():
        say(f"Notebooks: {checkout}")
        return checkout
    packaged = resources.files("boxdocgen_explore") / "notebooks"
    names = sorted(notebook.name for notebook in packaged.iterdir())
    copied = [name for name in names if not (start / name).exists()]
    for name in copied:
        (start / name).write_bytes((packaged / name).read_bytes())
    others = [name for name in names if name not in copied]
    if copied:
        say(f"Copied to {start}: {', '.join(copied)}")
    if others:
        say(f"Already there, and not replaced: {', '.join(others)}")
    return start
