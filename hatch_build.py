"""Packs the notebooks into a wheel without their outputs, which are for readers on the web."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Notebooks(BuildHookInterface):
    """Called by hatchling; an editable installation uses the notebooks of the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = TemporaryDirectory()
        for path in Path(self.root, "notebooks").glob("*.ipynb") if version == "standard" else ():
            notebook = json.loads(path.read_text("utf-8"))
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    cell |= {"outputs": [], "execution_count": None}
            packed = Path(self._folder.name, path.name)
            packed.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")
            target = f"boxdocgen_explore/notebooks/{path.name}"
            build_data["force_include"][str(packed)] = target

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._folder.cleanup()
