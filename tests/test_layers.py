"""The import contracts in pyproject.toml hold, and detect violations."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TYPING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [program, "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_package_keeps_its_contracts():
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("text.py", "from boxdocgen_explore import errors", "Layers: "),
        ("schema.py", f"{TYPING}from boxdocgen_explore.cli import main", "Layers: "),
        ("pages/fields.py", f"{TYPING}from boxdocgen_explore.pages import frames", "No circle "),
        ("charts/specs.py", "import requests", "Frames, charts, view and reports never "),
        ("emulator/paging.py", "from boxdocgen_explore import text", "The emulator imports "),
    ],
    ids=["upward", "upward for types", "circle for types", "network", "emulator"],
)
def test_a_forbidden_import_breaks_a_contract(tmp_path, module, line, broken):
    package = tmp_path / "boxdocgen_explore"
    shutil.copytree(ROOT / package.name, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (package / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    run = lint_imports(tmp_path)
    assert run.returncode == 1
    failed = [text for text in run.stdout.splitlines() if text.endswith("BROKEN")]
    assert failed
    assert failed[0].startswith(broken)
