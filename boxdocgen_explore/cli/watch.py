"""``boxdocgen watch``: show progress, pace and expected end of batches."""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import timedelta
from typing import Any, Final

from boxdocgen_explore.cli.options import add_command, box_options, connected, parse_age
from boxdocgen_explore.cli.results import show, show_json, status_of
from boxdocgen_explore.cli.terminal import FINDINGS, plain, say
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.text import counted, shortened

_GIVE_UP: Final = timedelta(hours=1)
"""A watch ends after this time without change, unless --until-done is given."""


def add_commands(commands: Any) -> None:
    findings = "the audit finds an error, or jobs are still running at the end"
    example = "boxdocgen watch --demo 12345600319"
    command = add_command(commands, "watch", watch, example, findings)
    command.add_argument("ids", nargs="+", metavar="ID")
    command.add_argument(
        "--every",
        type=float,
        metavar="SECONDS",
        help="between checks; by default 10 s to 5 minutes, depending on the pace",
    )
    command.add_argument(
        "--timeout",
        type=parse_age,
        metavar="AGE",
        help="stop after this time, such as 3h; by default after an hour without change",
    )
    command.add_argument(
        "--until-done",
        action="store_true",
        help="continue even if nothing changes for an hour",
    )
    box_options(command)


def watch(options: argparse.Namespace) -> int:
    """Show progress, pace and expected end until every job is final."""
    from boxdocgen_explore.reporting import run_audit

    box = connected(options)
    reading: Reading | None = None
    on_one_line = sys.stdout.isatty() and not options.json and not options.quiet
    try:
        for reading in box.watch(options.ids, every=options.every, until=options.timeout):
            read = _show(reading, options, on_one_line=on_one_line)
            if not read or (_stands_still(reading) and not options.until_done):
                break
    finally:
        if on_one_line and reading is not None:
            say("")
    if reading is None:
        text = "The time ran out before Box returned these batches."
        show(options, [text], {"verdict": text, "calls": sum(box.calls.values())})
        return FINDINGS
    result = run_audit(reading, templates=box.template_names())
    if not (options.json or options.quiet):
        say(plain(result.verdict))
    return status_of(options, result.verdict, wrong=not result.complete)


def _stands_still(reading: Reading) -> bool:
    pace = reading.pace
    return pace is not None and pace.stalled and pace.unchanged > _GIVE_UP


def _show(reading: Reading, options: argparse.Namespace, *, on_one_line: bool) -> bool:
    """Show a reading on a new line, or overwrite the last one; False if nobody reads any more."""
    if options.json:
        pace = reading.pace.as_dict() if reading.pace else {}
        values = {**pace, "verdict": reading.verdict, "calls": reading.calls}
        return show_json(options, values)
    text = plain(f"{reading.pace} · {counted(reading.calls or 0, 'call')}")
    if on_one_line:
        width = shutil.get_terminal_size().columns - 1  # a line that wraps cannot be overwritten
        return say("\r" + shortened(text, width).ljust(width), end="", flush=True)
    return options.quiet or say(text, flush=True)
