"""How much of the package a type checker knows; needs pyright (``uv run --with pyright``)."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("pyright")


def test_almost_every_public_symbol_has_a_known_type():
    command = [sys.executable, "-m", "pyright", "--verifytypes", "boxdocgen_explore"]
    run = subprocess.run(
        [*command, "--ignoreexternal", "--outputjson"], capture_output=True, text=True, check=False
    )
    # The rest are subclasses of ipywidgets' classes, which have no types.
    assert json.loads(run.stdout)["typeCompleteness"]["completenessScore"] >= 0.99
