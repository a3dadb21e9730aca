"""``boxdocgen verify``: check an evidence bag, and report what does not match."""

from __future__ import annotations

import argparse
from typing import Any

from boxdocgen_explore.cli.options import add_command, box_options, connected, path_option
from boxdocgen_explore.cli.results import show, status_of
from boxdocgen_explore.cli.terminal import DONE, REFUSED
from boxdocgen_explore.errors import InvalidRequest


def add_commands(commands: Any) -> None:
    findings = "the bag does not match"
    command = add_command(commands, "verify", verify, "boxdocgen verify audit.zip", findings)
    path_option(command, "file", about="a bag, or a report with an embedded bag")
    command.add_argument("--seal", metavar="HEX", help="the seal that you stored elsewhere")
    command.add_argument(
        "--against-box", action="store_true", help="read its batches from Box again, and compare"
    )
    box_options(command)


def verify(options: argparse.Namespace) -> int:
    """Verify an evidence bag, and repeat its audit."""
    from boxdocgen_explore import sealing

    if options.against_box and options.offline:
        raise InvalidRequest("--against-box reads from Box and cannot be combined with --offline.")
    box = connected(options) if options.against_box else None
    found = sealing.verify(options.file, options.seal, box=box)
    about = {"ok": found.ok, "level": found.level, "seal": found.seal}
    values = {**about, "statements": found.statements.to_dicts()}
    lines = str(found).splitlines()
    show(options, lines, values)
    status = status_of(options, lines[0], wrong=not (found.ok and found.box_read))
    return status if not found.ok else DONE if found.box_read else REFUSED
