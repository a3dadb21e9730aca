"""``boxdocgen``: the same from a terminal.

Exit status: 0 done, 1 findings of severity error, 2 usage, 3 Box refused or failed.
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import polars as pl

from boxdocgen_explore import __version__, errors
from boxdocgen_explore.cli import audit
from boxdocgen_explore.cli.options import box_options, connected, duration, plain

if TYPE_CHECKING:
    from boxdocgen_explore.emulator import Emulator
    from boxdocgen_explore.errors import Reading

DONE, FINDINGS, USAGE, REFUSED = 0, 1, 2, 3
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; every error is one line on standard error."""
    warnings.showwarning = _warning
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal or pipe that does not know a name
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if others and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    options.others = others
    try:
        status: int = options.run(options)
        return status
    except errors.InvalidRequest as error:
        return _say(error, USAGE)
    except errors.BoxDocGenError as error:
        return _say(error, REFUSED)
    except KeyboardInterrupt:
        print("boxdocgen: stopped; what had arrived is kept", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # | head
        sys.stderr.close()
        return DONE


def _say(error: errors.BoxDocGenError, status: int) -> int:
    failures = getattr(error, "failures", None) or {None: error}
    for batch_id, failure in failures.items():
        which = f"batch {batch_id}: " if batch_id else ""
        print(f"boxdocgen: {plain(which + str(failure))}", file=sys.stderr)
    return status


def _warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"boxdocgen: warning: {plain(str(message))}", file=sys.stderr)


def lab(options: argparse.Namespace) -> int:
    """JupyterLab on the notebooks."""
    from boxdocgen_explore.box import auth
    from boxdocgen_explore.cli.lab import run

    if auth.in_environment():
        print("Credentials found. In the notebook, put bx.connect() in the place of bx.demo().")
    else:
        print("No Box credentials are set: the notebook shows the demo, synthetic data.")
    run(options.others)
    return DONE


def batches(options: argparse.Namespace) -> int:
    """The batches this user can see, the newest first."""
    from boxdocgen_explore.verdict import batch_label

    box = connected(options)
    frame = box.batches(refresh=options.refresh)
    names = dict(box.templates().drop_nulls().iter_rows())
    for row in frame.iter_rows(named=True):
        print(plain(batch_label(row, names)))
    if not frame.height:
        print("No batches: they belong to whoever started them, often a service account.")
    return DONE


def fetch(options: argparse.Namespace) -> int:
    """Jobs to a file, or a summary on the terminal."""
    from boxdocgen_explore.cli.export import check_ending, write

    if options.output:
        check_ending(options.output)
    reading, error = _read(options, details=options.details)
    if reading is not None and options.output:
        write(reading.jobs, options.output)
        print(f"{options.output}: {plain(reading.verdict)}")
    elif reading is not None:
        _summary(reading)
    return _say(error, REFUSED) if error else DONE


def _read(
    options: argparse.Namespace, **asked: Any
) -> tuple[Reading | None, errors.BoxDocGenError | None]:
    """The batches that could be read whole, and the error of those that could not."""
    box = connected(options)
    try:
        return box.read(options.ids, refresh=options.refresh, **asked), None
    except errors.BatchesFailed as error:
        return _whole(error), error


def _whole(error: errors.BatchesFailed) -> Reading | None:
    """What could be read whole, beside the batches that failed; None where nothing could."""
    from boxdocgen_explore.errors import Reading

    if error.reading is None:
        return None
    good = ~pl.col("batch_id").is_in(list(error.failures))
    whole = Reading(error.reading.jobs.filter(good), error.reading.pages.filter(good))
    return whole if whole.pages.height else None


def _summary(reading: Reading) -> None:
    from boxdocgen_explore import analysis

    print(plain(reading.verdict))
    for status, jobs in analysis.outcomes(reading.jobs).iter_rows():
        print(f"{jobs:>9,}  {plain(status)}")
    reasons = analysis.reasons(reading.jobs)
    if reasons.height:
        print("Reasons:")
    for row in reasons.head(10).iter_rows(named=True):
        print(f"{row['jobs']:>9,}  {plain(row['reason'])}")
    if reasons.height > 10:
        print(f"           and {reasons.height - 10} more")


def open_view(options: argparse.Namespace) -> int:
    """The view in the ordinary browser."""
    from boxdocgen_explore.explorer.explorer import open_page
    from boxdocgen_explore.verdict import verdict
    from boxdocgen_explore.view import page

    reading, error = _read(options)
    if reading is not None:
        names = dict(connected(options).templates().drop_nulls().iter_rows())
        print(open_page(page(reading.jobs, verdict(reading.jobs, reading.pages), templates=names)))
    return _say(error, REFUSED) if error else DONE


def archive(options: argparse.Namespace) -> int:
    """The settled batches that are kept, as a Parquet dataset."""
    from boxdocgen_explore.text import counted

    written = connected(options).archive(options.url)
    for outcome in ("written", "unchanged", "not settled", "not whole"):
        rows = written.filter(outcome=outcome)
        jobs = counted(int(rows["jobs"].sum()), "job")
        if rows.height:
            print(f"{counted(rows.height, 'batch')} {outcome}, {jobs}")
    if not written.height:
        print("No batch is kept: fetch some, and archive them then.")
    return DONE


def emulator(options: argparse.Namespace) -> int:
    """The local Box Doc Gen API, until it is stopped."""
    from boxdocgen_explore.emulator import DEMO_TOKEN, serve

    def started(listening: Emulator) -> None:
        print(f"{listening.url} (token: {DEMO_TOKEN})", flush=True)

    try:
        serve(port=options.port, faults=options.fault, started=started)
    except ValueError as error:
        raise errors.InvalidRequest(str(error)) from None
    except (OSError, OverflowError) as error:
        raise errors.InvalidRequest(f"Port {options.port} cannot be used: {error}.") from None
    return DONE


def cache_info(options: argparse.Namespace) -> int:
    """What is kept on disk."""
    from boxdocgen_explore.cache import users
    from boxdocgen_explore.text import counted

    folder = options.cache_dir or users.default_cache_dir()
    print(folder)
    for kept in users.cache_info(folder):
        sizes = f"{counted(kept.batches, 'batch')}  {counted(kept.pages, 'page')}"
        said = kept.trouble or f"{sizes}  {kept.size_bytes / 1e6:,.1f} MB"
        print(plain(f"  {kept.host}  {kept.login}  {said}"))
    return DONE


def cache_clear(options: argparse.Namespace) -> int:
    """Delete what is kept on disk, all of it or what is older."""
    from boxdocgen_explore.cache import users
    from boxdocgen_explore.text import counted

    folder = options.cache_dir or users.default_cache_dir()
    pages = users.clear(folder, older_than=options.older_than)
    print(f"{counted(pages, 'page')} deleted from {folder}")
    return DONE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {plain(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="boxdocgen", description="See what became of Box Doc Gen batches.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], **more: Any) -> _Parser:
        about = (run.__doc__ or "").rstrip(".")
        command: _Parser = commands.add_parser(name, help=about, description=about, **more)
        command.set_defaults(run=run)
        return command

    add("lab", lab, epilog="Further options are JupyterLab's, such as --no-browser.")
    box_options(add("batches", batches))
    fetching = add("fetch", fetch)
    fetching.add_argument("ids", nargs="+", metavar="ID")
    fetching.add_argument("-o", "--output", type=Path, help="a .parquet, .csv or .ndjson file")
    fetching.add_argument("--details", action="store_true", help="with times, creators and source")
    box_options(fetching)
    audit.audit_options(add("audit", audit.audit))
    audit.render_options(add("render", audit.render))
    opening = add("open", open_view)
    opening.add_argument("ids", nargs="+", metavar="ID")
    box_options(opening)
    archiving = add("archive", archive)
    archiving.add_argument("url", metavar="URL", help="a folder, or object storage: s3://...")
    box_options(archiving)
    serving = add("emulator", emulator)
    serving.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    serving.add_argument(
        "--fault",
        action=_Fault,
        default=[],
        metavar="NAME[:OPTION=VALUE,...]",
        help="misbehave, for ever unless times= says otherwise; --fault list names them all",
    )
    caching = commands.add_parser("cache", help="what is kept on disk")
    what = caching.add_subparsers(dest="what", required=True, metavar="COMMAND")
    info = what.add_parser("info", help=cache_info.__doc__)
    clear = what.add_parser("clear", help=cache_clear.__doc__)
    clear.add_argument("--older-than", type=duration, metavar="AGE", help="such as 90d")
    for command, run in ((info, cache_info), (clear, cache_clear)):
        command.add_argument("--cache-dir", type=Path, metavar="DIR")
        command.set_defaults(run=run)
    return parser


class _Fault(argparse._AppendAction):
    """Collects faults; ``list`` prints them instead."""

    def __call__(self, parser: argparse.ArgumentParser, *given: Any, **more: Any) -> None:
        if given[1] == "list":
            from boxdocgen_explore.emulator import FAULTS

            parser.exit(DONE, "".join(f"{name:20} {about}\n" for name, about in FAULTS.items()))
        super().__call__(parser, *given, **more)
