"""``boxdocgen emulator``: the local Box Doc Gen API."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boxdocgen_explore.cli.options import add_command
from boxdocgen_explore.cli.results import show
from boxdocgen_explore.cli.terminal import DONE
from boxdocgen_explore.errors import InvalidRequest

if TYPE_CHECKING:
    from boxdocgen_explore.emulator import Emulator


def add_commands(commands: Any) -> None:
    command = add_command(commands, "emulator", emulator, "boxdocgen emulator --fault list")
    command.add_argument("--port", type=int, default=0, help="0 chooses a free port")
    about = "date the batches up to today; by default up to 3 Nov 2026, the same every day"
    command.add_argument("--now", action="store_true", help=about)
    command.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:OPTION=VALUE,...]",
        help="simulate a fault on every call, or as often as times= allows; --fault list shows all",
    )


def emulator(options: argparse.Namespace) -> int:
    """Serve a local Box Doc Gen API with synthetic batches, until Ctrl-C."""
    from boxdocgen_explore.emulator import DEMO_TOKEN, FAULTS, STORY_NOW, serve

    def started(listening: Emulator) -> None:
        lines = [
            f"{listening.url} (token: {DEMO_TOKEN})",
            f"export BOX_ACCESS_TOKEN={DEMO_TOKEN}",
            f"boxdocgen batches --base-url {listening.url}",
        ]
        show(options, lines, {"url": listening.url, "token": DEMO_TOKEN})

    if "list" in options.fault:
        lines = [f"{name:20} {about}" for name, about in FAULTS.items()]
        show(options, lines, {"faults": FAULTS})
        return DONE
    now = datetime.now(UTC).replace(microsecond=0) if options.now else STORY_NOW
    try:
        serve(port=options.port, now=now, faults=options.fault, started=started)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    except OSError as error:
        raise InvalidRequest(f"Port {options.port} is not available: {error}.") from None
    return DONE
