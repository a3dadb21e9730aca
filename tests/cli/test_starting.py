"""Unattended commands load no packages for notebooks, charts or pages."""

import subprocess
import sys

import pytest

STORY = "12345600319"
HEAVY = {"IPython", "altair", "anywidget", "ipywidgets", "jinja2", "narwhals", "vl_convert"}


@pytest.mark.parametrize(
    "command",
    [
        ["fetch", STORY, "--demo", "-o", "jobs.parquet"],
        pytest.param(["batches", "--demo"], marks=pytest.mark.thorough),
        ["audit", STORY, "--demo", "--json"],
        pytest.param(["archive", "x", "--demo", "--since", "1d"], marks=pytest.mark.thorough),
    ],
    ids=" ".join,
)
def test_an_unattended_command_loads_nothing_heavy(command, tmp_path):
    code = f"import sys; from boxdocgen_explore.cli import main; main({command!r}); "
    code += f"print('loaded', sorted({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines()[-1] == "loaded []"
    assert run.stderr == ""
