"""What the README says is so."""

import re
import shlex
from pathlib import Path

import pytest

from boxdocgen_explore import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


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


@pytest.mark.parametrize("command", commands())
def test_every_command_is_one_and_has_a_help_page(command, capsys):
    program, name, *_ = shlex.split(command)
    assert program == "boxdocgen"
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert name in capsys.readouterr().out


def test_every_command_that_there_is_stands_in_the_readme(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    there = set(re.findall(r"^    (\w+)  ", capsys.readouterr().out, flags=re.M))
    assert there == {command.split()[1] for command in commands()}


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_every_file_that_it_links_to_is_there(path):
    assert (ROOT / path).exists()


def test_every_option_that_it_names_exists(capsys):
    with pytest.raises(SystemExit):
        cli.main(["fetch", "--help"])
    text = capsys.readouterr().out
    for option in ("--demo", "--base-url", "--cache-dir", "--as-user", "--refresh", "--offline"):
        assert option in README
        assert option in text
