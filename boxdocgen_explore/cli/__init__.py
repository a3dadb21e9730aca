"""``boxdocgen``, the command line: arguments go in, printed lines and an exit status come out.

Exit status: 0 done, 1 findings (``audit --fail-on`` says which) or evidence that does not match, 2
usage or a file that cannot be read or written, 3 Box refused or failed, or an unexpected error, 130
Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

from boxdocgen_explore import __version__
from boxdocgen_explore.cli import terminal
from boxdocgen_explore.cli.terminal import note, plain, say
from boxdocgen_explore.text import shortened

_MODULES: Final = {
    "lab": ("lab",),
    "fetch": ("batches", "fetch", "open", "archive"),
    "watch": ("watch",),
    "audit": ("audit",),
    "verify": ("verify",),
    "compare": ("compare", "resubmit"),
    "render": ("render",),
    "emulator": ("emulator",),
    "caches": ("cache",),
}
"""Modules, and the commands in each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; every error is one line on standard error.

    Raises:
        SystemExit: the arguments are wrong, or ask for help.
    """
    given = sys.argv[1:] if arguments is None else [*arguments]
    ended: SystemExit | None = None
    with terminal.standard_streams():
        warnings.showwarning = _show_warning
        try:
            status = _run(given)
        except SystemExit as end:  # of argparse, or of JupyterLab, whose status may be 1 or a text
            known = end.code in (None, terminal.DONE, terminal.USAGE)
            status, ended = int(end.code or terminal.DONE) if known else terminal.REFUSED, end
            if isinstance(end.code, str):
                _print_error(end.code)
        except KeyboardInterrupt:
            _print_error("Stopped. What has arrived is cached.")
            status = terminal.INTERRUPTED
        except terminal.OutputFailed as error:
            _print_error(str(error))
            status = terminal.USAGE
        except BaseException as error:  # polars' panics are no Exception
            _print_unexpected(error, verbose=not {"-v", "--verbose"}.isdisjoint(given))
            status = terminal.REFUSED
        try:
            terminal.flush()
        except terminal.OutputFailed as error:
            _print_error(str(error))
            status = max(status, terminal.USAGE)
    if ended:
        raise SystemExit(status) from None
    return status


def _run(arguments: list[str]) -> int:
    """Parse the arguments and run the command; the errors that are foreseen become its status."""
    from boxdocgen_explore.cli.log import logging_to
    from boxdocgen_explore.cli.results import error_values, show_json
    from boxdocgen_explore.errors import BoxDocGenError, BrokenBag, InvalidRequest, StoreError

    parser = _parser(*arguments[:1])
    if not arguments:
        parser.print_help()
        return terminal.DONE
    options, others = parser.parse_known_args(arguments)
    if others and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    options.others = others
    try:
        with logging_to(options.log):
            status: int = options.run(options)
        return status
    except BoxDocGenError as error:
        if options.json:
            show_json(options, {"error": error_values(error)})
        failures = getattr(error, "failures", None) or {None: error}
        for batch_id, failure in failures.items():
            batch = f"batch {batch_id}: " if batch_id else ""
            _print_error(f"{batch}{failure}")
        not_box = isinstance(error, InvalidRequest | BrokenBag | StoreError)
        return terminal.USAGE if not_box else terminal.REFUSED
    except ModuleNotFoundError as error:
        _print_error(f"{error.name} is not installed: pip install 'boxdocgen-explore[lab]'.")
        return terminal.USAGE


def _print_error(text: str) -> None:
    note(f"boxdocgen: {plain(text)}")


def _print_unexpected(error: BaseException, *, verbose: bool) -> None:
    what = shortened("".join(traceback.format_exception_only(error)).strip(), 500)
    _print_error(
        f"unexpected error, {what}. Please report it under Issues on this project's page; "
        "-v shows the traceback."
    )
    if verbose:
        lines = "".join(traceback.format_exception(error)).splitlines()
        note("\n".join(map(plain, lines)))


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _print_error(f"warning: {message}")


class _Parser(argparse.ArgumentParser):
    """Reports wrong arguments in one line, without the usage; no option can be abbreviated."""

    def __init__(self, **options: Any) -> None:
        from boxdocgen_explore.cli.options import HelpFormatter

        super().__init__(formatter_class=HelpFormatter, **options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        self.exit(terminal.USAGE, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse's own hides that standard output is full.
        if file is sys.stdout:
            say(message, end="")
        else:
            note(message.removesuffix("\n"))


def _parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of this command alone, which starts sooner; of all of them if there is none."""
    from boxdocgen_explore.cli.options import epilog

    about = "Read, explore and audit Box Doc Gen batches."
    example = epilog("boxdocgen fetch --demo 12345600319", "findings")
    parser = _Parser(prog="boxdocgen", description=about, epilog=example)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = [name for name, its in _MODULES.items() if command in its]
    for name in wanted or _MODULES:
        # Imported here, so that an error in it is reported like any other.
        import_module(f"{__name__}.{name}").add_commands(commands)
    return parser


def parser() -> argparse.ArgumentParser:
    """All commands as shtab wants them, which writes completions for a shell."""
    import shtab

    from boxdocgen_explore.cli.options import parse_path

    everything = _parser()
    parsers: list[argparse.ArgumentParser] = [everything]
    for one in parsers:
        for action in one._actions:
            if action.type is parse_path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    return everything
