"""How a command gives its result: as lines for people, or with ``--json`` as one JSON object."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from boxdocgen_explore.cli.terminal import DONE, FINDINGS, note, painted, plain, say

SCHEMA_VERSION: Final = 1
"""Of the JSON; it changes if a key is removed or means something else."""

_GO_ON: Final = ("watch", "emulator", "lab")
"""Commands that go on after a result: each JSON object is a line, and an error is one more."""


def show(options: argparse.Namespace, lines: Iterable[str], values: Mapping[str, Any]) -> None:
    """Print a result: its lines, or with ``--json`` its values; the first line is for the log."""
    lines = [*lines]
    options.result = "".join(lines[:1])
    if options.json:
        show_json(options, values)
    elif not options.quiet:
        for line in lines:
            say(painted(plain(line)), flush=options.command in _GO_ON)


def status_of(options: argparse.Namespace, line: str, *, wrong: bool) -> int:
    """Give the exit status, and log the line; with ``--quiet`` print why it is not 0, for cron."""
    options.result = line
    if wrong and options.quiet:
        note(plain(line))
    return FINDINGS if wrong else DONE


def show_json(options: argparse.Namespace, values: Mapping[str, Any]) -> bool:
    """Print one JSON object, and later no second one for a failure; False if nobody reads it."""
    head = {"schema_version": SCHEMA_VERSION, "command": options.command}
    options.json = options.command in _GO_ON
    text = json.dumps({**head, **values}, indent=None if options.json else 1, default=json_value)
    return say(text, flush=options.json)


def json_value(value: object, otherwise: Callable[[Any], str] = str) -> str:
    """Give what JSON has no form for: times in ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else otherwise(value)


def error_values(error: BaseException) -> dict[str, Any]:
    """Give an error as JSON: its class and text, and Box's words, status, code and request id."""
    fields = ("message", "status", "code", "request_id")
    about = {"type": type(error).__name__, "text": str(error)}
    return {**about, **{name: getattr(error, name, None) for name in fields}}


def failure_values(error: BaseException | None) -> dict[str, Any]:
    """Give an error, or that there is none, and those of the batches that failed, by their id."""
    failures = getattr(error, "failures", {})
    by_batch = {batch_id: error_values(one) for batch_id, one in failures.items()}
    return {"error": error and error_values(error), "failures": by_batch}


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> list[str]:
    """Align columns; the last ``numbers`` ones to the right.

    >>> table(["Batch", "Jobs"], [["12345", "3,000"], ["7", "1"]], numbers=1)
    ['Batch   Jobs', '12345  3,000', '7          1']
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    first_number = len(header) - numbers
    return [
        "  ".join(
            text.rjust(width) if place >= first_number else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]
