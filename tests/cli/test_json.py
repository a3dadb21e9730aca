"""``--json``: every command prints the form in .github/docs/json.md in every case."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from boxdocgen_explore.cli import fetch, main
from boxdocgen_explore.emulator import Emulator

PAGE = (Path(__file__).parents[2] / ".github" / "docs" / "json.md").read_text("utf-8")
KEYS = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)`", PAGE, flags=re.M))
STORY = "12345600319"
SERVERS = ("emulator", "lab")
NOT_HERE = {"render": pytest.mark.thorough, "lab": pytest.mark.thorough}  # they take seconds
COMMANDS = {
    "batches": "--demo --since 1d",
    "fetch": f"--demo {STORY}",
    "open": f"--demo {STORY}",
    "archive": "archive --demo --since 1d",
    "watch": f"--demo {STORY}",
    "audit": f"--demo {STORY}",
    "verify": "audit.zip",
    "compare": f"--demo {STORY} {STORY}",
    "resubmit": f"--demo {STORY}",
    "render": "notebook.ipynb -o page.html",
    "emulator --fault list": "",
    "emulator": "",
    "lab": "--no-browser",
    "cache info": "--cache-dir cache",
    "cache clear": "--cache-dir cache",
}


def keys(values: dict[str, Any], *, rows: bool = True) -> str:
    """The keys in their order, with those of the rows in a list."""
    texts = []
    for key, value in values.items():
        is_rows = rows and isinstance(value, list) and value and isinstance(value[0], dict)
        texts.append(f"{key}[{keys(value[0])}]" if is_rows else key)
    return ", ".join(texts)


def printed_json(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text)
    assert [*values][:2] == ["schema_version", "command"]
    assert values.pop("schema_version") == 1
    return values


def first_line_of_a_server(command: list[str]) -> str:
    """Its first line; then it is stopped."""
    run = [sys.executable, "-m", "boxdocgen_explore", *command]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            return process.stdout.readline()
        finally:
            process.terminate()


def test_the_page_has_every_command() -> None:
    assert list(KEYS) == [*COMMANDS, "error"]


@pytest.mark.parametrize(
    "command", [pytest.param(one, marks=NOT_HERE.get(one, ())) for one in COMMANDS]
)
def test_a_command_prints_the_keys_that_the_page_has(
    command: str,
    box: Emulator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda _: True)
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1")]), "notebook.ipynb")
    main(["fetch", "1001", *box.options])  # into the cache
    if command == "verify":
        main(["audit", "--demo", STORY, "--evidence", "audit.zip"])
    capsys.readouterr()
    words = [*command.split(), *COMMANDS[command].split(), "--json"]
    if command in SERVERS:
        text = first_line_of_a_server(words)
    else:
        main(words)
        text = capsys.readouterr().out
    values = printed_json(text)
    assert values.pop("command") == command.split()[0]
    assert keys(values, rows=command != "audit") == KEYS[command]
    assert not re.search(r'"\d{4}-\d\d-\d\d ', text)  # a time that is not ISO 8601


# --- failures ------------------------------------------------------------------------------------


def failure(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The output, which must be an error and nothing else."""
    values = printed_json(capsys.readouterr().out)
    assert [*values] == ["command", "error", "failures"]
    assert keys(values["error"]) == KEYS["error"]
    return values


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["fetch"], "fetch needs either batch ids or --since."),
        (["fetch", STORY, "--nosuch"], "unrecognized arguments: --nosuch"),
        (["fetch", "--since", "soon"], "is not an age"),
        (["audit", "--demo", STORY, "--policy", "none.toml"], "none.toml cannot be read"),
        (["audit", "--demo", STORY, "--fail-on", "info"], "invalid choice: 'info'"),
        (["cache"], "required: COMMAND"),
        (["nosuch"], "invalid choice: 'nosuch'"),
    ],
)
def test_wrong_usage_is_an_error_object(
    command: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--json"]) == 2
    values = failure(capsys)
    assert values["command"] == (None if command == ["nosuch"] else command[0])
    assert values["error"]["type"] == "InvalidRequest"
    assert says in values["error"]["text"]


def test_the_class_of_a_refusal_is_named_also_beside_the_batches_that_arrived(
    box: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fetch", "404", "--json", *box.options]) == 3
    assert failure(capsys)["error"]["type"] == "NotFound"
    assert main(["fetch", "404", "405", "--json", *box.options]) == 3
    assert {*failure(capsys)["failures"]} == {"404", "405"}
    assert main(["fetch", "404", "1002", "--json", *box.options]) == 3
    values = printed_json(capsys.readouterr().out)
    assert (values["jobs"], values["error"]["type"]) == (3, "BatchesFailed")
    assert values["failures"]["404"]["status"] == 404


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("first\nsecond"), 3), (KeyboardInterrupt(), 130)]
)
def test_unexpected_errors_and_ctrl_c_are_error_objects(
    error: BaseException,
    status: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(fetch, "connected", fail)
    assert main(["fetch", STORY, "--json"]) == status
    named = failure(capsys)["error"]
    assert named["type"] == type(error).__name__
    assert named["text"] == (str(error) or "Stopped. What has arrived is cached.")


def test_an_error_of_a_watch_is_one_more_line(
    box: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", "404", "--json", *box.options]) == 3
    values = printed_json(capsys.readouterr().out)
    assert (values["command"], values["error"]["type"]) == ("watch", "NotFound")


def test_a_policy_with_a_time_has_it_in_iso_8601(
    box: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    period = ["--period", "2026-11-01T00:00Z", "2026-11-30T00:00Z"]
    main(["audit", "1002", "--json", "--details", *period, *box.options])
    assert not re.search(r"\d{4}-\d\d-\d\d \d\d:", capsys.readouterr().out)
