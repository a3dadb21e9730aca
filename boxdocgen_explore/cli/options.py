"""Shared parts of commands: options, the connection, reading and files."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from boxdocgen_explore.arguments import BOX_URL, checked_path
from boxdocgen_explore.cli.terminal import note, plain
from boxdocgen_explore.errors import BatchesFailed, InvalidRequest
from boxdocgen_explore.text import counted, moment

if TYPE_CHECKING:
    from boxdocgen_explore.box import Box
    from boxdocgen_explore.errors import Reading
    from boxdocgen_explore.schema import BatchList

Command = Callable[[argparse.Namespace], int]
_CREDENTIALS: Final = (
    ", BOX_ACCESS_TOKEN, or BOX_JWT_CONFIG_FILE, or BOX_CLIENT_ID with BOX_CLIENT_SECRET, "
    "BOX_SUBJECT_TYPE and BOX_SUBJECT_ID"
)
_NETWORK: Final = ", HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, SSL_CERT_FILE"
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class HelpFormatter(argparse.HelpFormatter):
    """Shows every default, and keeps the lines of an epilog."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n".join(fill(line, width, indent) for line in text.splitlines())

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        known = action.default in (None, False, [], argparse.SUPPRESS) or "default" in text
        return text if known else f"{text} (default: %(default)s)"


def epilog(example: str, findings: str = "") -> str:
    """The text below the options; ``findings`` explains exit status 1, if there is one."""
    one = f"1 {findings}, " if findings else ""
    return (
        f"Example: {example}\n"
        f"Exit status: 0 done, {one}2 wrong usage or a file that cannot be read or written, "
        "3 Box refused or failed, or no credentials, 130 Ctrl-C, 143 SIGTERM; what has arrived is "
        "cached\n"
        "Environment: NO_COLOR, FORCE_COLOR"
    )


def add_command(
    commands: Any, name: str, run: Command, example: str, findings: str = ""
) -> argparse.ArgumentParser:
    """Add a command; the first line of ``run``'s docstring is its help."""
    about = (run.__doc__ or "").partition("\n")[0].rstrip(".")
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=about, epilog=epilog(example, findings)
    )
    command.add_argument("--json", action="store_true", help="the result as JSON, including errors")
    command.add_argument("-q", "--quiet", action="store_true", help="print errors alone")
    command.add_argument(
        "-v", "--verbose", action="store_true", help="more output: calls, the traceback of an error"
    )
    path_option(command, "--log", about="append calls, waits and the result to a file")
    command.set_defaults(run=run)
    return command


def path_option(command: Any, *names: str, about: str, metavar: str = "FILE") -> None:
    """Add an option or argument that is a path."""
    command.add_argument(*names, type=parse_path, metavar=metavar, help=about)


def box_options(command: argparse.ArgumentParser) -> None:
    """Add the options of commands that read Box."""
    group = command.add_argument_group("Box")
    group.add_argument("--demo", action="store_true", help="read the built-in synthetic batches")
    group.add_argument("--base-url", metavar="URL", help=f"another server; by default {BOX_URL}")
    cache_option(command, group)
    group.add_argument("--as-user", metavar="ID", help="read as this user, if the token allows it")
    group.add_argument(
        "--refresh", action="store_true", help="read pages again that may have changed"
    )
    group.add_argument("--offline", action="store_true", help="read only the cache")
    group.add_argument(
        "--user",
        metavar="LOGIN",
        help="with --offline, the user whose pages to read; by default the last one",
    )
    credential_variables(command)
    command.epilog = f"{command.epilog}{_NETWORK}"


def credential_variables(command: argparse.ArgumentParser) -> None:
    """Add the variables that hold credentials."""
    command.epilog = f"{command.epilog}{_CREDENTIALS}"


def cache_option(command: argparse.ArgumentParser, group: Any = None) -> None:
    about = "the cache folder; by default $BOXDOCGEN_CACHE_DIR, or the user's cache folder"
    path_option(group or command, "--cache-dir", about=about, metavar="DIR")
    command.epilog = f"{command.epilog}, BOXDOCGEN_CACHE_DIR"


def since_option(command: argparse.ArgumentParser) -> None:
    about = "only recent batches, for example of the last 7d"
    command.add_argument("--since", type=_parse_since, metavar="AGE", help=about)


def column_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--details", action="store_true", help="add times, creators and source")
    documents_option(command)


def documents_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--documents",
        action="store_true",
        help="add name, size and time of the documents, and whether they exist",
    )


def connected(options: argparse.Namespace) -> Box:
    """Connect as the options specify."""
    from boxdocgen_explore.box import connect, demo

    if options.demo:
        return demo()
    names = ("cache_dir", "as_user", "offline", "user", "base_url")
    given = {name: getattr(options, name) for name in names}
    return connect(**{name: value for name, value in given.items() if value is not None})


def read(
    box: Box, ids: Sequence[str], options: argparse.Namespace
) -> tuple[Reading, BatchesFailed | None]:
    """Read batches; return the reading, and the error of incomplete ones.

    Raises:
        BoxDocGenError: no batch could be read completely.
    """
    try:
        wanted = {name: getattr(options, name) for name in ("refresh", "details", "documents")}
        return box.read(ids, **wanted, progress=progress_of(options)), None
    except BatchesFailed as error:
        if error.reading is None or len(error.failures) == error.batches:
            raise
        from boxdocgen_explore.auditing import without

        return without(error.reading, error.failures), error


def progress_of(options: argparse.Namespace) -> Callable[[int, int, str | None], None] | None:
    """Show no progress with ``--quiet``."""
    return (lambda _pages, _jobs, _waiting: None) if options.quiet else None


def verdict_line(reading: Reading, box: Box, options: argparse.Namespace) -> str:
    """Print the verdict; with ``-v`` also the number of calls so far."""
    calls = f" · {counted(sum(box.calls.values()), 'call')}" if options.verbose else ""
    return plain(f"{reading.verdict}{calls}")


def recent(box: Box, options: argparse.Namespace) -> BatchList:
    """List the batches since ``--since``; with ``-v``, report how far the list of jobs was read."""
    progress = progress_of(options)
    listed = box.batch_list(options.since, refresh=options.refresh, progress=progress)
    if options.verbose:
        down_to = listed.read_down_to
        end = f"down to jobs created {moment(down_to)}" if down_to else "to its end"
        note(f"{counted(listed.jobs, 'job')} of the list of all jobs read, {end}")
    return listed


def parse_path(text: str) -> Path:
    """Parse a path."""
    try:
        return checked_path("the file or folder", text)
    except InvalidRequest as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parse_since(text: str) -> timedelta:
    age = parse_age(text)
    if not age:
        raise argparse.ArgumentTypeError("nothing is newer than that")
    return age


def parse_time(text: str) -> datetime:
    """Parse a time in ISO 8601.

    >>> parse_time("2026-11-03T02:14Z")
    datetime.datetime(2026, 11, 3, 2, 14, tzinfo=datetime.timezone.utc)
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time such as 2026-11-03T02:14Z"
        ) from None


def parse_age(text: str) -> timedelta:
    """Parse an age such as 90d, 12h or 30m.

    >>> parse_age("90d").days
    90
    """
    match = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age such as 90d, 12h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
