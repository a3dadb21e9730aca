"""README.md and the pages in .github are correct: commands, code, links and paths."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from boxdocgen_explore import cli

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
PACKAGE = ROOT / "boxdocgen_explore"
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(GITHUB.rglob("*.md"))]


def commands() -> list[str]:
    block = README.partition("## The command line")[2].split("```")[1]
    return [re.split(r"\s{2,}", line)[0] for line in block.strip().splitlines()]


def test_the_ten_lines_of_python_run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    block = re.search(r"```python\n(.*?)```", README, flags=re.S)[1]
    lines = [line for line in block.splitlines() if line]
    assert len(lines) <= 10
    names: dict = {}
    try:
        exec(block, names)
        assert names["jobs"].height == 3000
        assert "pages read" in names["reading"].verdict
        assert names["explorer"].jobs.height == 3000
        assert "1,487" in (tmp_path / "audit.html").read_text("utf-8")
    finally:
        names["box"].close()


def test_code_is_on_no_page_but_those_whose_code_is_run():
    pages = [page.stem for page in PAGES if "```python" in page.read_text("utf-8")]
    assert pages == ["README", "recipes", "scale"]  # for the last two, tests/recipes


@pytest.mark.parametrize("command", commands())
def test_every_command_exists_and_has_a_help_page(command, capsys):
    program, name, *_ = shlex.split(command)
    assert program == "boxdocgen"
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert name in capsys.readouterr().out


def test_the_readme_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = set(re.findall(r"^    (\w+)  ", capsys.readouterr().out, flags=re.M))
    assert listed == {command.split()[1] for command in commands()}


def test_every_option_in_the_readme_exists(capsys):
    with pytest.raises(SystemExit):
        cli.main(["fetch", "--help"])
    text = capsys.readouterr().out
    for option in ("--demo", "--base-url", "--cache-dir", "--as-user", "--refresh", "--offline"):
        assert option in README
        assert option in text


def test_the_readme_stays_short():
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_file_exists(page):
    links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_path_in_the_pages_for_maintainers_exists():
    """Paths in backticks are below the repository, the package or its tests."""
    missing = []
    for page in (GITHUB / "CONTRIBUTING.md", GITHUB / "docs" / "trust.md"):
        paths = re.findall(r"`([\w/.]+(?:/|\.py|\.md))`", page.read_text("utf-8"))
        assert len(paths) > 10
        roots = (ROOT, PACKAGE, ROOT / "tests", GITHUB)
        missing += [path for path in paths if not any((root / path).exists() for root in roots)]
    assert missing == []


def test_the_architecture_page_shows_the_tree_and_the_layers():
    _, tree, _, layers, *_ = (GITHUB / "ARCHITECTURE.md").read_text("utf-8").split("```")
    shown = set(re.findall(r"^  ([\w.]+)/?  ", tree, flags=re.M))
    parts = {path.name for path in PACKAGE.iterdir() if path.suffix != ".typed"}
    assert shown == parts - {"__pycache__"}
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    wanted = next(one["layers"] for one in linter["contracts"] if one["type"] == "layers")
    assert [line.split("  ")[0] for line in layers.strip().splitlines()] == wanted
