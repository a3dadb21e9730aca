"""``boxdocgen lab``: JupyterLab on the notebooks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from boxdocgen_explore.errors import InvalidRequest

if TYPE_CHECKING:
    from traitlets.config import Config

_START: Final = "01_explore.ipynb"
_NEWS: Final = "@jupyterlab/apputils-extension:announcements"


def run(options: Sequence[str] = ()) -> None:
    """Start JupyterLab, print its address, and serve until it is stopped.

    ``options`` are JupyterLab's own, and win over what is set here.

    Raises:
        InvalidRequest: JupyterLab is not installed.
    """
    try:
        from jupyterlab.labapp import LabApp
    except ImportError:
        raise InvalidRequest(
            "JupyterLab is not installed: pip install 'boxdocgen-explore[lab]'."
        ) from None
    folder = notebooks(Path.cwd())
    print(f"Notebooks: {folder}")
    server = LabApp.initialize_server(argv=list(options), config=_settings(folder))
    server.web_app.settings["page_config_hook"] = _without_news
    # Not before it listens: whoever reads the line may go there at once.
    address = server.display_url.split()[0]
    server.io_loop.add_callback(print, f"JupyterLab: {address}", flush=True)
    server.start()


def _without_news(_handler: object, page: dict[str, Any]) -> dict[str, Any]:
    """JupyterLab asks about news on its first screen, whatever news_url says; not here."""
    disabled = page.get("disabledExtensions") or []
    return {**page, "disabledExtensions": [*disabled, _NEWS]}


def _settings(folder: Path) -> Config:
    """Settings below those of the command line and of the user's own configuration files."""
    from traitlets.config import Config

    settings = Config()
    settings.ServerApp.root_dir = str(folder)
    # Containers run as root; JupyterLab would refuse to start.
    settings.ServerApp.allow_root = hasattr(os, "geteuid") and os.geteuid() == 0
    settings.ServerApp.log_level = settings.LabApp.log_level = "WARN"
    settings.LabApp.default_url = f"/lab/tree/{_START}"
    # No call to anybody about news and updates.
    settings.LabApp.news_url = None
    settings.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
    return settings


def notebooks(start: Path) -> Path:
    """The folder to open: a checkout's own notebooks, else copies of the package's in `start`.

    A file that is already there stays as it is.
    """
    checkout = Path(__file__).resolve().parents[2] / "notebooks"
    if (checkout / _START).exists() and (checkout.parent / "pyproject.toml").exists():
        return checkout
    packaged = resources.files("boxdocgen_explore") / "notebooks"
    for notebook in packaged.iterdir():
        target = start / notebook.name
        if notebook.name.endswith(".ipynb") and not target.exists():
            with resources.as_file(notebook) as source:
                shutil.copyfile(source, target)
    return start
