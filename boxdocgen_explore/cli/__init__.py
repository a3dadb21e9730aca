"""``boxdocgen``, the command line: arguments go in, printed lines and an exit status come out.

Exit status: 0 done, 1 findings of severity error, 2 usage, 3 Box refused or failed, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from boxdocgen_explore import __version__
from boxdocgen_explore.cli import audit, caches, emulator, fetch, lab, render, watch
from boxdocgen_explore.cli.options import DONE, INTERRUPTED, REFUSED, USAGE, plain
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; every error is one line on standard error."""
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, io.TextIOWrapper):  # its encoding may lack a character of a name
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if others and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    options.others = others
    try:
        status: int = options.run(options)
        return status
    except BoxDocGenError as error:
        failures = getattr(error, "failures", None) or {None: error}
        for batch_id, failure in failures.items():
            batch = f"batch {batch_id}: " if batch_id else ""
            _print_error(f"{batch}{failure}")
        return USAGE if isinstance(error, InvalidRequest) else REFUSED
    except ModuleNotFoundError as error:
        _print_error(f"{error.name} is not installed: pip install 'boxdocgen-explore[lab]'.")
        return USAGE
    except KeyboardInterrupt:
        _print_error("Stopped. What has arrived is cached.")
        return INTERRUPTED
    except BrokenPipeError:  # | head
        sys.stderr.close()
        return DONE


def _print_error(text: str) -> None:
    print(f"boxdocgen: {plain(text)}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _print_error(f"warning: {message}")


class _Parser(argparse.ArgumentParser):
    """Reports wrong arguments in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="boxdocgen", description="Read, explore and audit Box Doc Gen batches.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lab.add_commands(commands)
    fetch.add_commands(commands)
    watch.add_commands(commands)
    audit.add_commands(commands)
    render.add_commands(commands)
    emulator.add_commands(commands)
    caches.add_commands(commands)
    return parser
