"""Every block of .github/docs/recipes.md runs unchanged, and does what its heading says."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import polars as pl
import pytest
import yaml
from homes import lend_front_end

from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise

PAGE = Path(__file__).parents[2] / ".github" / "docs" / "recipes.md"
BLOCK = re.compile(r"^## ([^\n]+)\n[^#]*?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = {heading: (language, code) for heading, language, code in BLOCK.findall(PAGE.read_text())}


class Ran(NamedTuple):
    folder: Path
    status: int
    out: str
    err: str


def run(command: list[str], folder: Path) -> Ran:
    """Run in an empty folder, which is also the home folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {"PATH": path, "HOME": str(folder), "BOX_ACCESS_TOKEN": DEMO_TOKEN}
    variables["GITHUB_STEP_SUMMARY"] = str(folder / "step_summary.md")
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    return Ran(folder, done.returncode, done.stdout, done.stderr)


def by_bash(code: str, folder: Path) -> Ran:
    return run(["bash", "-euc", code], folder)


def by_cron(code: str, folder: Path) -> Ran:
    fields = code.split(maxsplit=5)
    assert all(re.fullmatch(r"[\d*]+", field) for field in fields[:5])
    assert "%" not in fields[5]
    return by_bash(fields[5], folder)


def by_python(code: str, folder: Path) -> Ran:
    (folder / "recipe.py").write_text(code, "utf-8")
    return run([sys.executable, "recipe.py"], folder)


def by_actions(code: str, folder: Path) -> Ran:
    """All steps but the installation; the result is that of the first one."""
    (job,) = yaml.safe_load(code)["jobs"].values()
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert steps.pop(0) == "pip install ."
    ran = [by_bash(step, folder) for step in steps]
    assert [one.status for one in ran[1:]] == [0]
    return ran[0]


def cron(ran: Ran) -> None:
    assert ran.err == ""
    assert ran.out.startswith("Exceptions noted")
    assert "<html" in (ran.folder / "audit.html").read_text("utf-8")
    assert (ran.folder / "boxdocgen.log").exists()


def nightly(ran: Ran) -> None:
    """A batch of the demo cannot be read."""
    assert re.fullmatch(r"batch \d+ was left out: incomplete since .* UTC\. .*\n", ran.err)
    assert ran.out == "boxdocgen archive ended with status 1: see archive.log.\n"
    assert pl.read_parquet(ran.folder / "archive/month=*/*.parquet").height > 40_000


def container(ran: Ran) -> None:
    assert pl.read_parquet(ran.folder / "jobs.parquet").height == 3000


def actions(ran: Ran) -> None:
    suites = ElementTree.parse(ran.folder / "results.xml").getroot()
    assert suites.find("*/testcase/failure") is not None
    assert (ran.folder / "step_summary.md").read_text("utf-8").startswith("**Exceptions noted")


def tickets(ran: Ran) -> None:
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert len(rows) == len({row["job"] for row in rows}) == 1487
    assert all(row["reason"] and row["external_id"] for row in rows)


def prints(*parts: str) -> Callable[[Ran], None]:
    def check(ran: Ran) -> None:
        for part in parts:
            assert re.search(part, ran.out), ran.out

    return check


CHECKS: dict[str, Callable[[Ran], None]] = {
    "A nightly audit with cron": cron,
    "A nightly archive with cron": nightly,
    "A container without a home folder": container,
    "GitHub Actions with test results": actions,
    "A process pool, as in Airflow or Prefect tasks": prints("1,487 of 3,000", "\n.* of "),
    "Failed letters to tickets": tickets,
    "Documents to resubmit": prints(r"again.csv: 1,\d{3} documents"),
    "A batch that does not fit into memory": prints("^1487$"),
    "DuckDB": prints(r"failed +│ +1487", r"1487 │\n└─+┘\n*$"),
    "pandas": prints(r"failed +1487"),
    "Shell completion": lambda ran: prints("boxdocgen")(
        by_bash("cat ~/.local/share/bash-completion/completions/boxdocgen", ran.folder)
    ),
}
QUICK = {"A nightly audit with cron", "A container without a home folder", "Shell completion"}
EACH = [pytest.param(one, marks=() if one in QUICK else pytest.mark.thorough) for one in RECIPES]
RUNNERS = {"bash": by_bash, "cron": by_cron, "python": by_python, "yaml": by_actions}


def test_every_block_of_the_page_is_a_recipe_with_a_check():
    assert list(CHECKS) == list(RECIPES)
    assert PAGE.read_text("utf-8").count("\n```\n") == len(RECIPES)


@pytest.mark.parametrize("heading", EACH)
def test_a_recipe_runs_as_it_stands_on_the_page(heading, tmp_path):
    language, code = RECIPES[heading]
    ran = RUNNERS[language](code, lend_front_end(tmp_path))
    assert "Traceback" not in ran.err
    assert ran.status == (1 if CHECKS[heading] in (cron, nightly, actions) else 0)
    CHECKS[heading](ran)


def test_in_a_container_pages_are_cached_in_the_folder_that_is_named(tmp_path):
    code = RECIPES["A container without a home folder"][1]
    with Emulator(enterprise=Enterprise.of({"12345600319": 3000})) as server:
        code = code.replace("--demo", f"--base-url {server.url}")
        for _ in range(2):
            container(by_bash(code, tmp_path))
        assert sum("docgen_batch_jobs" in call.path for call in server.calls) == 3
    assert len([*(tmp_path / "cache").rglob("pages.sqlite")]) == 1
    assert not (tmp_path / ".cache").exists()


def test_the_nightly_archive_prints_something_only_if_something_is_wrong(tmp_path):
    log = tmp_path / "archive.log"
    with Emulator(enterprise=Enterprise.of({"1001": 3})) as server:
        code = RECIPES["A nightly archive with cron"][1]
        code = code.replace("--demo", f"--base-url {server.url}")
        for _ in range(2):
            assert by_bash(code, tmp_path)[1:] == (0, "", "")
        assert log.stat().st_size
        with log.open("ab") as file:
            file.truncate(11_000_000)
        late = by_bash(code.replace("4h", "0.01"), tmp_path)
    since = pl.read_parquet(tmp_path / "archive/_runs.parquet")["since"]
    assert since.is_null().to_list() == [True, False]
    assert (late.status, "status 124" in late.out) == (124, True)
    assert (tmp_path / "archive.log.old").stat().st_size == 11_000_000
    with (tmp_path / "nightly.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        still_runs = "The previous run is still going.\n"
        assert by_bash(code, tmp_path)[1:] == (75, still_runs, "")
