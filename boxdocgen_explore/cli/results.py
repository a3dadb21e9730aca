"""How a command gives its result: as lines for people, or with ``--json`` as one JSON object."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from boxdocgen_explore.cli.terminal import DONE, FINDINGS, note, painted, plain, say
from boxdocgen_explore.errors import BoxDocGenError

SCHEMA_VERSION: Final = 1
"""Of the JSON; it changes if a key is removed or means something else."""


def show(options: argparse.Namespace, lines: Iterable[str], values: Mapping[str, Any]) -> None:
    """Print a result: its lines, or with ``--json`` these values; with ``--quiet`` no lines."""
    if options.json:
        show_json(options, values)
    elif not options.quiet:
        for line in lines:
            say(painted(plain(line)))


def status_of(options: argparse.Namespace, line: str, *, wrong: bool) -> int:
    """Give the exit status; with ``--quiet`` say why it is not 0: cron mails what is printed."""
    if wrong and options.quiet:
        note(plain(line))
    return FINDINGS if wrong else DONE


def show_json(options: argparse.Namespace, values: Mapping[str, Any]) -> None:
    """Print one JSON object; a failure after it is not printed as a second one."""
    head = {"schema_version": SCHEMA_VERSION, "command": options.command}
    indent = None if options.command == "watch" else 1  # each look is a line, and so is an error
    say(json.dumps({**head, **values}, indent=indent, default=str))
    options.json = False


def error_values(error: BoxDocGenError) -> dict[str, Any]:
    """Give an error as JSON: its text, and Box's words, status, code and request id."""
    fields = ("message", "status", "code", "request_id")
    return {"text": str(error), **{name: getattr(error, name, None) for name in fields}}


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
