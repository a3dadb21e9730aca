"""The first explorer of a process needs neither Altair nor Vega's compiler."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import boxdocgen_explore

pytestmark = pytest.mark.thorough

PACKAGE = Path(boxdocgen_explore.__file__).parent
CODE = """
import sys
sys.modules["rfc3987_syntax"] = None  # as in conftest.py
import hashlib, json, boxdocgen_explore as bx
from boxdocgen_explore import view
with bx.demo() as box:
    explorer = bx.explore(box)
    explorer._repr_mimebundle_()
    explorer.wait()
print(json.dumps({
    "figures": view.specs()["figures"],
    "module": hashlib.sha256(view.module().encode()).hexdigest(),
    "imported": [name for name in ("altair", "vl_convert") if name in sys.modules],
}))
"""


def first_explorer(cache: Path, package: Path) -> dict[str, Any]:
    """The parts of a demo explorer, in a separate process."""
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=package.parent,  # where modules are looked up first
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def cold(cache: Path) -> dict[str, Any]:
    """The explorer that finds nothing in the cache."""
    return first_explorer(cache, PACKAGE)


def test_chart_specs_and_vega_are_built_once(cache: Path, cold: dict[str, Any]) -> None:
    assert cold["imported"] == ["altair", "vl_convert"]
    assert first_explorer(cache, PACKAGE) == {**cold, "imported": []}


def test_chart_specs_are_built_again_if_a_source_is_edited(
    cache: Path, cold: dict[str, Any], tmp_path: Path
) -> None:
    edited = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, edited, ignore=shutil.ignore_patterns("__pycache__"))
    specs = edited / "charts" / "specs.py"
    specs.write_text(specs.read_text("utf-8").replace("system-ui", "serif"), "utf-8")
    again = first_explorer(cache, edited)
    assert again["imported"] == ["altair"]
    assert again["figures"] == json.loads(json.dumps(cold["figures"]).replace("system-ui", "serif"))
