"""pyproject.toml, environment.yml and .gitignore agree with each other and with what is here."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"playwright": "playwright-python"}
# What conda cannot say in one name: an extra of another package, spelled out.
EXTRAS_ON_CONDA = {"boxsdk[jwt]": ("boxsdk", "cryptography", "pyjwt")}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def required() -> dict[str, str]:
    """Every package pyproject names, with its bound, under conda-forge's names."""
    project = pyproject()
    lines = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
        *project["dependency-groups"]["dev"],
        *project["dependency-groups"]["lint"],
        f"python{project['project']['requires-python']}",
    ]
    bounds = dict(re.fullmatch(r"([^<>=~!]+)(.*)", line).groups() for line in lines)
    bounds.pop("boxdocgen-explore[lab,auth]")
    return {CONDA_NAMES.get(name, name): bound for name, bound in bounds.items()}


def on_conda() -> dict[str, str]:
    text = (ROOT / "environment.yml").read_text("utf-8")
    lines = re.findall(r"^  - ([\w-]+)(.*)$", text.partition("dependencies:")[2], flags=re.M)
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
