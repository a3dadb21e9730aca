"""The command line ``boxdocgen``: arguments go in, printed lines and an exit status come out.

Exit status: 0 done; 1 findings (see ``audit --fail-on``) or evidence that does not match; 2 wrong
usage, or a file that cannot be read or written; 3 Box refused or failed, no credentials, or an
unexpected error; 130 Ctrl-C; 143 SIGTERM.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
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
"""The commands in each module."""

_LOG: Final = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; every error is one line on standard error.

    Raises:
        SystemExit: the arguments ask for help, or JupyterLab ended.
    """
    given = sys.argv[1:] if arguments is None else [*arguments]
    verbose = not {"-v", "--verbose"}.isdisjoint(given)
    # Used as it is if the arguments are wrong; otherwise they are parsed into it.
    options = argparse.Namespace(command=None, json="--json" in given, verbose=verbose, result="")
    ended: SystemExit | None = None
    with terminal.standard_streams(), _sigterm_stops(), ExitStack() as log:
        warnings.showwarning = _show_warning
        try:
            status = _run(given, options, log)
        except SystemExit as end:  # from --help, or JupyterLab, whose status may be 1 or a text
            known = end.code in (None, terminal.DONE, terminal.USAGE)
            status, ended = int(end.code or terminal.DONE) if known else terminal.REFUSED, end
            if isinstance(end.code, str):
                _report(options, end)
        except KeyboardInterrupt as error:
            _report(options, type(error)("Stopped. What has arrived is cached."))
            terminated = isinstance(error, Terminated)
            status = terminal.TERMINATED if terminated else terminal.INTERRUPTED
        except terminal.OutputFailed as error:
            _report(options, error)
            status = terminal.USAGE
        except BaseException as error:  # panics of polars are not an Exception
            _report_unexpected(options, error)
            status = terminal.REFUSED
        try:
            terminal.flush()
        except terminal.OutputFailed as error:
            _report(options, error)
            status = max(status, terminal.USAGE)
        level = logging.ERROR if status >= terminal.USAGE else logging.INFO
        _LOG.log(level, "End with exit status %d: %s", status, options.result)
    if ended:
        raise SystemExit(status) from None
    return status


class Terminated(KeyboardInterrupt):
    """SIGTERM, as from ``docker stop`` or a scheduler: the command stops as on Ctrl-C."""


@contextmanager
def _sigterm_stops() -> Iterator[None]:
    def stop(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second SIGTERM kills the process
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: list[str], options: argparse.Namespace, log: ExitStack) -> int:
    """Parse the arguments, open the log and run; expected errors become the status."""
    from boxdocgen_explore.cli.log import logging_to
    from boxdocgen_explore.errors import BoxDocGenError, BrokenBag, InvalidRequest, StoreError

    try:
        parser = _parser(*arguments[:1])
        if not arguments:
            parser.print_help()
            return terminal.DONE
        _, others = parser.parse_known_args(arguments, options)
        if others and options.command != "lab":
            parser.error(f"unrecognized arguments: {' '.join(others)}")
        options.others = others  # JupyterLab's options, which may have a password
        logged = (argument for argument in arguments if argument not in others)
        log.enter_context(logging_to(options.log, logged))
        to_stdout = options.json or terminal.STDOUT in vars(options).values()
        if to_stdout and terminal.stdout_is_closed():
            raise terminal.OutputFailed("Could not write to standard output: it is closed.")
        status: int = options.run(options)
        return status
    except BoxDocGenError as error:
        failures = getattr(error, "failures", None) or {None: error}
        names = (f"batch {batch_id}: " if batch_id else "" for batch_id in failures)
        _report(options, error, *map("{}{}".format, names, failures.values()))
        not_box = isinstance(error, InvalidRequest | BrokenBag | StoreError)
        return terminal.USAGE if not_box else terminal.REFUSED
    except ModuleNotFoundError as error:
        fix = "pip install 'boxdocgen-explore[lab]'"
        _report(options, ModuleNotFoundError(f"{error.name} is not installed: {fix}."))
        return terminal.USAGE


def _report(options: argparse.Namespace, error: BaseException, *texts: str) -> None:
    """Report why a command fails, on standard error, with ``--json`` as JSON, and for the log."""
    from boxdocgen_explore.cli.results import failure_values, show_json

    texts = texts or (str(error),)
    for text in texts:
        _print_error(text)
    options.result = "; ".join(texts)
    if options.json:
        with suppress(terminal.OutputFailed):
            show_json(options, failure_values(error))


def _report_unexpected(options: argparse.Namespace, error: BaseException) -> None:
    what = shortened("".join(traceback.format_exception_only(error)).strip(), 500)
    please = "Please report it in this project's issues; -v shows the traceback."
    _report(options, error, f"unexpected error, {what}. {please}")
    _LOG.debug("Traceback", exc_info=error)
    if options.verbose:
        lines = "".join(traceback.format_exception(error)).splitlines()
        note("\n".join(map(plain, lines)))


def _print_error(text: str) -> None:
    note(f"boxdocgen: {plain(text)}")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _print_error(f"warning: {message}")
    _LOG.warning("%s", message)


class _Parser(argparse.ArgumentParser):
    """Raises InvalidRequest for wrong arguments; options cannot be abbreviated."""

    def __init__(self, **options: Any) -> None:
        from boxdocgen_explore.cli.options import HelpFormatter

        super().__init__(formatter_class=HelpFormatter, **options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        from boxdocgen_explore.errors import InvalidRequest

        raise InvalidRequest(f"{message} (see {self.prog} --help)") from None

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse's own method hides that standard output is full.
        if file is sys.stdout:
            say(message, end="")
        else:
            note(message.removesuffix("\n"))


def _parser(command: str = "") -> argparse.ArgumentParser:
    """The parser of this command only, which starts faster, or of all commands."""
    from boxdocgen_explore.cli.options import epilog

    about = "Read, explore and audit Box Doc Gen batches."
    example = epilog("boxdocgen fetch --demo 12345600319", "findings")
    parser = _Parser(prog="boxdocgen", description=about, epilog=example)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = [name for name, its in _MODULES.items() if command in its]
    for name in wanted or _MODULES:
        # Imported here, so that its errors are reported like any other.
        import_module(f"{__name__}.{name}").add_commands(commands)
    return parser


def parser() -> argparse.ArgumentParser:
    """All commands, for shtab, which writes shell completions."""
    import shtab

    from boxdocgen_explore.cli.options import parse_path

    everything = _parser()
    parsers: list[argparse.ArgumentParser] = [everything]
    for command in parsers:
        for action in command._actions:
            if action.type is parse_path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    return everything
