"""Help pages with examples that run; colours and completions."""

from __future__ import annotations

import argparse
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from boxdocgen_explore import cli
from boxdocgen_explore.auditing import ABOUT, flag

STORY = "12345600319"


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


COMMANDS = {parser.prog: parser for parser in parsers(cli.parser())}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        cli.main([*command.split()[1:], "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_names_defaults_variables_and_exit_statuses(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(command, capsys)
    assert "\nExit status: 0 done, " in text
    assert "3 Box refused or failed, or no credentials, 130 Ctrl-C, 143 SIGTERM; what" in text
    assert "NO_COLOR" in text.partition("\nEnvironment: ")[2]
    assert ("--verbose" in text) != ("\n  COMMAND" in text)
    for action in COMMANDS[command]._actions:
        if action.default not in (None, False, [], argparse.SUPPRESS):
            assert f"default: {action.default})" in text
    if "--base-url" in text:
        assert "by default https://api.box.com/2.0" in text
        assert {"BOX_ACCESS_TOKEN", "BOX_JWT_CONFIG_FILE", "HTTPS_PROXY"} <= {
            *re.findall(r"\w+", text)
        }
    assert ("--cache-dir" in text) <= (text.count("BOXDOCGEN_CACHE_DIR") == 2)


def test_the_commands_that_find_something_say_what_exit_status_1_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    finding = {one for one in COMMANDS if " 1 " in help_of(one, capsys).partition("Exit status")[2]}
    names = ("archive", "audit", "compare", "verify", "watch")
    assert finding == {"boxdocgen", *(f"boxdocgen {name}" for name in names)}


def test_every_option_of_an_audit_says_what_it_declares(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inputs, _, policy = help_of("boxdocgen audit", capsys).partition("Policy:")
    assert "a manifest, as CSV: column external_id, a row per document; or batch_id and" in inputs
    text = " ".join(policy.split())
    for name, about in ABOUT.items():
        assert re.search(rf"{flag(name)}( [A-Z0-9]+)* {re.escape(about)}", text)
    assert "--max-failed-share N share of final jobs that may fail, 0 to 1; by default 0" in text


@pytest.mark.thorough
@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"boxdocgen lab"}))  # a server
def test_the_example_of_every_help_runs(
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOXDOCGEN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")]), "01_explore.ipynb")
    before = ["boxdocgen audit"] if command == "boxdocgen verify" else []
    for one in [*before, command]:
        (example,) = re.findall(r"^Example: (.*)$", help_of(one, capsys), flags=re.M)
        assert example.startswith(one)
        status = cli.main(shlex.split(example)[1:])
        assert status == (1 if one.split()[1:2] in (["archive"], ["audit"], ["watch"]) else 0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("variables", "terminal", "coloured"),
    [
        pytest.param({}, False, False, marks=pytest.mark.thorough),
        ({}, True, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        pytest.param(
            {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False, marks=pytest.mark.thorough
        ),
    ],
)
def test_status_words_are_coloured_on_terminals_alone(
    variables: dict[str, str], terminal: bool, coloured: bool
) -> None:
    command = [sys.executable, "-m", "boxdocgen_explore", "fetch", "--demo", STORY]
    others = {name: value for name, value in os.environ.items() if "COLOR" not in name}
    reader, writer = pty.openpty() if terminal else os.pipe()
    with subprocess.Popen(command, stdout=writer, env={**others, **variables}):
        os.close(writer)
        text = b""
        try:
            while part := os.read(reader, 10_000):
                text += part
        except OSError:  # a terminal whose other end was closed
            pass
    os.close(reader)
    assert (b"1,487  \x1b[31mfailed\x1b[0m" in text) == coloured
    assert (b"\x1b" in text) == coloured


def test_bash_completes_commands_options_values_and_files(tmp_path: Path) -> None:
    (tmp_path / "audit.zip").touch()
    shtab = [sys.executable, "-m", "shtab", "--shell", "bash", "boxdocgen_explore.cli.parser"]
    script = subprocess.run(shtab, capture_output=True, text=True, check=True).stdout
    for line, expected in (
        ("boxdocgen ar", "archive"),
        ("boxdocgen fetch --ou", "--output"),
        ("boxdocgen audit --fail-on w", "warning"),
        ("boxdocgen verify au", "audit.zip"),
        ("boxdocgen cache cl", "clear"),
    ):
        words = shlex.split(line)
        ask = f"""
read -ra parts <<< "$(complete -p boxdocgen)"
COMP_WORDS=({line}) COMP_CWORD={len(words) - 1} COMP_LINE="{line}" COMP_POINT={len(line)}
for at in "${{!parts[@]}}"; do [ "${{parts[at]}}" = -F ] && function="${{parts[at+1]}}"; done
"$function" boxdocgen "{words[-1]}" "{words[-2]}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        run = subprocess.run(
            ["bash", "-c", script + ask], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert run.stdout.split() == [expected]
