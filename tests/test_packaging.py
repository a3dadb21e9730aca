"""pyproject.toml and environment.yml agree, and a wheel has every file that the package needs."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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


def test_a_wheel_has_every_file_of_the_package_and_the_notebooks(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = (ROOT / "boxdocgen_explore").rglob("*.*")
    wanted = {path.relative_to(ROOT).as_posix() for path in package if path.suffix != ".pyc"}
    names = ("01_explore", "02_audit", "03_follow")
    notebooks = {f"boxdocgen_explore/notebooks/{name}.ipynb" for name in names}
    assert packed == wanted | notebooks
    assert {"boxdocgen_explore/py.typed", "boxdocgen_explore/view/front_end/view.js"} <= packed
