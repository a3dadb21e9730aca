"""pyproject.toml and environment.yml agree, and a wheel has every file that the package needs."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ["01_explore.ipynb", "02_audit.ipynb", "03_follow.ipynb"]
CONDA_NAMES = {"duckdb": "python-duckdb", "playwright": "playwright-python"}
# Conda has no extras, so their packages are listed one by one.
EXTRAS_ON_CONDA = {"boxsdk[jwt]": ("boxsdk", "cryptography", "pyjwt")}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def required() -> dict[str, str]:
    """Every package that pyproject.toml names, with its bound, by its name on conda-forge."""
    project = pyproject()
    lines = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *project["dependency-groups"]["dev"],
        *project["dependency-groups"]["lint"],
        f"python{project['project']['requires-python']}",
    ]
    # Conda's list has no conditions: an installation of Python 3.14 has what it does not need.
    bounds = dict(re.fullmatch(r"([^<>=~!;]+)([^;]*)(?:;.*)?", line).groups() for line in lines)
    bounds.pop("boxdocgen-explore[lab,auth,excel,stats]")
    return {CONDA_NAMES.get(name, name): bound for name, bound in bounds.items()}


def on_conda() -> dict[str, str]:
    text = (ROOT / "environment.yml").read_text("utf-8")
    lines = re.findall(r"^  - ([\w.-]+)(.*)$", text.partition("dependencies:")[2], flags=re.M)
    return dict(lines)


def test_environment_yml_has_the_packages_and_bounds_of_pyproject():
    wanted = required()
    conda = on_conda()
    for extra, names in EXTRAS_ON_CONDA.items():
        bound = wanted.pop(extra)
        assert conda[names[0]] == bound
        for name in names:
            del conda[name]
    assert conda.pop("pip") == ""
    assert conda == wanted


def test_every_dependency_has_a_lower_bound():
    assert [name for name, bound in required().items() if not bound.startswith(">=")] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_lock_file_is_committed():
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert [name for name in files if name.endswith(("uv.lock", "poetry.lock"))] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        yield file


def test_a_wheel_has_every_file_of_the_package_and_the_notebooks(wheel):
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    package = (ROOT / "boxdocgen_explore").rglob("*.*")
    wanted = {path.relative_to(ROOT).as_posix() for path in package if path.suffix != ".pyc"}
    assert packed == wanted | {f"boxdocgen_explore/notebooks/{name}" for name in NOTEBOOKS}
    assert {"boxdocgen_explore/py.typed", "boxdocgen_explore/view/front_end/view.js"} <= packed


def test_the_notebooks_of_a_wheel_have_the_cells_of_the_checkout_and_no_outputs(wheel):
    for name in NOTEBOOKS:
        packed = nbformat.reads(wheel.read(f"boxdocgen_explore/notebooks/{name}"), as_version=4)
        source = nbformat.read(ROOT / "notebooks" / name, as_version=4)
        nbformat.validate(packed)
        assert [cell.source for cell in packed.cells] == [cell.source for cell in source.cells]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in packed.cells)


def test_lab_copies_the_notebooks_of_a_wheel_and_says_which_and_where(wheel, tmp_path):
    wheel.extractall(tmp_path / "site")
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / NOTEBOOKS[1]).write_text("my own", "utf-8")
    code = (
        "from pathlib import Path; from boxdocgen_explore.cli import lab; lab.notebooks(Path.cwd())"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, cwd=copies, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [
        f"Copied to {copies}: {NOTEBOOKS[0]}, {NOTEBOOKS[2]}",
        f"Already there, and not replaced: {NOTEBOOKS[1]}",
    ]
    assert sorted(path.name for path in copies.iterdir()) == NOTEBOOKS
    assert (copies / NOTEBOOKS[1]).read_text("utf-8") == "my own"
