"""The result of a command: lines for people, or one JSON object with ``--json``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from boxdocgen_explore.cli.terminal import DONE, FINDINGS, note, painted, plain, say

SCHEMA_VERSION: Final = 1
"""The version of the JSON; it changes if a key is removed or changes its meaning."""

_GO_ON: Final = ("watch", "emulator", "lab")
"""Commands that continue after a result: each JSON object, also of an error, is a line."""


def show(options: argparse.Namespace, lines: Iterable[str], values: Mapping[str, Any]) -> None:
    """Print a result: its lines, or with ``--json`` its values. The first line is logged."""
    lines = [*lines]
    options.result = "".join(lines[:1])
    if options.json:
        show_json(options, values)
    elif not options.quiet:
        for line in lines:
            say(painted(plain(line)), flush=options.command in _GO_ON)


def status_of(options: argparse.Namespace, line: str, *, wrong: bool) -> int:
    """Return the exit status and log the line; with ``--quiet``, print why it is not 0."""
    options.result = line
    if wrong and options.quiet:
        note(plain(line))
    return FINDINGS if wrong else DONE


def show_json(options: argparse.Namespace, values: Mapping[str, Any]) -> bool:
    """Print one JSON object, and no second one for a later failure; False if nobody reads it."""
    head = {"schema_version": SCHEMA_VERSION, "command": options.command}
    options.json = options.command in _GO_ON
    text = json.dumps({**head, **values}, indent=None if options.json else 1, default=json_value)
    return say(text, flush=options.json)


def json_value(value: object, otherwise: Callable[[Any], str] = str) -> str:
    """Convert values that JSON lacks: times to ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else otherwise(value)


def error_values(error: BaseException) -> dict[str, Any]:
    """An error as JSON: its class and text, and Box's message, status, code and request id."""
    fields = ("message", "status", "code", "request_id")
    about = {"type": type(error).__name__, "text": str(error)}
    return {**about, **{name: getattr(error, name, None) for name in fields}}


def failure_values(error: BaseException | None) -> dict[str, Any]:
    """The error (null if there is none), and the errors of failed batches by id."""
    failures = getattr(error, "failures", {})
    by_batch = {batch_id: error_values(one) for batch_id, one in failures.items()}
    return {"error": error and error_values(error), "failures": by_batch}


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> list[str]:
    """Align columns, the last ``numbers`` ones to the right.

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
