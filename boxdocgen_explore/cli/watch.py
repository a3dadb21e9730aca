"""``boxdocgen watch``: batch ids go in; progress, pace and expected end come out."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from datetime import timedelta
from typing import Any, Final

from boxdocgen_explore.cli.options import add_command, box_options, connected, parse_age
from boxdocgen_explore.cli.terminal import DONE, FINDINGS, plain, say
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.text import counted, shortened

_GIVE_UP: Final = timedelta(hours=1)
"""A batch that stands still for so long is not waited for, unless that is asked for."""


def add_commands(commands: Any) -> None:
    findings = "the audit finds an error, or jobs are still running at the end"
    example = "boxdocgen watch --demo 12345600319"
    command = add_command(commands, "watch", watch, example, findings)
    command.add_argument("ids", nargs="+", metavar="ID")
    command.add_argument(
        "--every",
        type=float,
        metavar="SECONDS",
        help="between two looks; by default as the pace suggests, 10 s to 5 minutes",
    )
    command.add_argument(
        "--timeout",
        type=parse_age,
        metavar="AGE",
        help="give up after 3h, for example; by default after an hour without change",
    )
    command.add_argument(
        "--until-done",
        action="store_true",
        help="go on even if nothing changes for an hour, which otherwise ends the watch",
    )
    box_options(command)


def watch(options: argparse.Namespace) -> int:
    """Show progress, pace and expected end until every job is final."""
    from boxdocgen_explore.reporting import run_audit

    box = connected(options)
    line = _Line()
    reading: Reading | None = None
    try:
        for reading in box.watch(options.ids, every=options.every, until=options.timeout):
            text = _as_json(reading) if options.json else _progress(reading)
            read = line.show(text) if options.json or not options.quiet else True
            if not read or (_stands_still(reading) and not options.until_done):
                break
    finally:
        line.end()
    if reading is None:  # the time was over before Box could be asked
        return FINDINGS
    result = run_audit(reading, templates=box.template_names())
    if not (options.json or options.quiet):
        say(plain(result.verdict))
    return DONE if result.complete else FINDINGS


def _stands_still(reading: Reading) -> bool:
    pace = reading.pace
    return pace is not None and pace.stalled and pace.unchanged > _GIVE_UP


def _progress(reading: Reading) -> str:
    return f"{reading.pace} · {counted(reading.calls or 0, 'call')}"


def _as_json(reading: Reading) -> str:
    pace = reading.pace.as_dict() if reading.pace else {}
    return json.dumps({**pace, "verdict": reading.verdict, "calls": reading.calls})


class _Line:
    """One line that is written again on a terminal; elsewhere a line per change."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._shown = ""

    def show(self, text: str) -> bool:
        """Show it; False if nobody reads any more."""
        text = plain(text)
        if self._terminal:
            # A line that wraps could not be written again.
            text = shortened(text, shutil.get_terminal_size().columns - 1)
            padding = " " * (len(self._shown) - len(text))
            text = f"\r{text}{padding}"
        self._shown = text.strip()
        return say(text, end="" if self._terminal else "\n", flush=True)

    def end(self) -> None:
        if self._terminal and self._shown:
            say("")
