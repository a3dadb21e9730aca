"""``boxdocgen emulator``: the local Box Doc Gen API."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from boxdocgen_explore.cli.options import add_command
from boxdocgen_explore.cli.terminal import DONE, say
from boxdocgen_explore.errors import InvalidRequest

if TYPE_CHECKING:
    from boxdocgen_explore.emulator import Emulator


def add_commands(commands: Any) -> None:
    command = add_command(commands, "emulator", emulator, "boxdocgen emulator --fault list")
    command.add_argument("--port", type=int, default=0, help="0 takes a free one")
    command.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:OPTION=VALUE,...]",
        help="misbehave, again and again unless times= limits it; --fault list names all faults",
    )


def emulator(options: argparse.Namespace) -> int:
    """Serve a local Box Doc Gen API with synthetic batches, until Ctrl-C."""
    from boxdocgen_explore.emulator import DEMO_TOKEN, FAULTS, serve

    def started(listening: Emulator) -> None:
        say(f"{listening.url} (token: {DEMO_TOKEN})", flush=True)

    if "list" in options.fault:
        for name, about in FAULTS.items():
            say(f"{name:20} {about}")
        return DONE
    try:
        serve(port=options.port, faults=options.fault, started=started)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    except OSError as error:
        raise InvalidRequest(f"Port {options.port} is not available: {error}.") from None
    return DONE
