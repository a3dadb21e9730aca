"""The commands that read batches: batches, fetch, open, archive."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from boxdocgen_explore.arguments import output_file, output_path
from boxdocgen_explore.cli.options import (
    add_command,
    box_options,
    column_options,
    connected,
    documents_option,
    path_option,
    progress_of,
    read,
    recent,
    since_option,
    verdict_line,
)
from boxdocgen_explore.cli.results import failure_values, show, table
from boxdocgen_explore.cli.terminal import DONE, FINDINGS, STDOUT, note, plain, say_bytes
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import RUNNING
from boxdocgen_explore.text import counted, listed, long_ago, moment, percent, shortened

if TYPE_CHECKING:
    from boxdocgen_explore.errors import Reading


_LONGEST_NAME: Final = 40
_LONGEST_RUN: Final = timedelta(days=14)
"""In this time, Box generates a million documents."""
_NO_BATCHES: Final = "No batches{}. Box shows them only to their creator, often a service account."


def add_commands(commands: Any) -> None:
    command = add_command(commands, "batches", batches, "boxdocgen batches --demo --since 7d")
    since_option(command)
    box_options(command)
    command = add_command(
        commands, "fetch", fetch, "boxdocgen fetch --demo 12345600319 -o jobs.parquet"
    )
    command.add_argument("ids", nargs="*", metavar="ID", help="batch ids; none with --since")
    since_option(command)
    about = "a .parquet, .csv, .xlsx or .ndjson file; - for standard output"
    path_option(command, "-o", "--output", about=about)
    command.add_argument(
        "--format",
        choices=("csv", "ndjson", "parquet", "xlsx"),
        help="format of -o -, by default csv",
    )
    column_options(command)
    box_options(command)
    command = add_command(commands, "open", open_view, "boxdocgen open --demo 12345600319")
    command.add_argument("ids", nargs="+", metavar="ID")
    column_options(command)
    box_options(command)
    findings = "a batch could not be read completely, or still runs after two weeks"
    example = "boxdocgen archive letters --demo --since 7d"
    command = add_command(commands, "archive", archive, example, findings)
    command.add_argument("url", metavar="URL", help="a folder, or object storage: s3://...")
    since_option(command)
    command.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="ID",
        help="leave out a batch that cannot be read; can be repeated",
    )
    documents_option(command)
    box_options(command)


def batches(options: argparse.Namespace) -> int:
    """List the batches that this user can see, newest first."""
    from boxdocgen_explore.verdict import batch_label_parts

    box = connected(options)
    since = options.since
    frame = recent(box, options).batches if since else box.batches(refresh=options.refresh)
    names = box.template_names()
    rows = []
    for row in frame.iter_rows(named=True):
        template, created = batch_label_parts(row, names)
        failed = f"{row['failed']:,} ({percent(row['failed'] / max(row['jobs'], 1))})"
        name = shortened(template, _LONGEST_NAME)
        running = sum(row[status] for status in RUNNING)
        numbers = [f"{row['jobs']:,}", failed, f"{running:,}"]
        rows.append([row["batch_id"], created, name, *numbers])
    heads = ["Batch", "Created (UTC)", "Template", "Jobs", "Failed", "Running"]
    lines = table(heads, rows, numbers=3)
    if not rows:
        start = f" with jobs created since {moment(long_ago(box.now, since))}" if since else ""
        lines = [_NO_BATCHES.format(start)]
    show(options, lines, {"batches": frame.to_dicts()})
    options.result = counted(len(rows), "batch")
    return DONE


def fetch(options: argparse.Namespace) -> int:
    """Fetch jobs into a file, or print a summary."""
    from boxdocgen_explore.export import WRITERS, about, as_bytes

    ending = f".{options.format}" if options.format else ".csv"
    to_stdout = options.output == STDOUT
    if options.format and not to_stdout:
        raise InvalidRequest(
            "--format only works with -o -; otherwise the ending of the file name is the format."
        )
    if to_stdout and options.json:
        raise InvalidRequest("--json and -o - both print the result: choose one.")
    if options.output and not to_stdout:
        output_path("the file", options.output, *WRITERS)
        ending = options.output.suffix.lower()
    if bool(options.ids) == bool(options.since):
        raise InvalidRequest("fetch needs either batch ids or --since.")
    box = connected(options)
    ids = recent(box, options).batches["batch_id"].to_list() if options.since else options.ids
    reading, failed = read(box, ids, options)
    known = about(reading.jobs, reading, failed.failures if failed else None)
    line = verdict_line(reading, box, options)
    if failed:
        line += f" · left out: {plain(listed(failed.failures))}"
    options.result = line
    values = _values(reading, options.output) if options.json else {}
    values |= failure_values(failed)
    if to_stdout:
        say_bytes(as_bytes(reading.jobs, ending, known))
        if not options.quiet:
            note(line)
    elif options.output:
        with output_file(options.output) as part:
            WRITERS[ending](reading.jobs, part, known)
        show(options, [f"{options.output}: {line}"], values)
    else:
        show(options, [line, *_summary(reading)], values)
    if failed:
        raise failed
    return DONE


def _values(reading: Reading, output: Path | None) -> dict[str, Any]:
    from boxdocgen_explore import analysis

    return {
        "output": output and str(output),
        "verdict": reading.verdict,
        "jobs": reading.jobs.height,
        "batches": analysis.by_batch(reading).to_dicts(),
        "causes": analysis.causes(reading).to_dicts(),
    }


def _summary(reading: Reading) -> Iterator[str]:
    from boxdocgen_explore import analysis

    for status, jobs in analysis.outcomes(reading).iter_rows():
        yield f"{jobs:>9,}  {status}"
    causes = analysis.causes(reading)
    if causes.height:
        yield "Reasons:"
    for row in causes.head(10).iter_rows(named=True):
        yield f"{row['jobs']:>9,}  {row['reason']}"
        if row["fix"]:
            yield f"           fix: {row['fix']}"
    if causes.height > 10:
        yield f"           and {causes.height - 10} more"


def open_view(options: argparse.Namespace) -> int:
    """Show batches in the browser, with filters and charts."""
    from boxdocgen_explore.analysis import verdict
    from boxdocgen_explore.view import open_page, page

    box = connected(options)
    reading, failed = read(box, options.ids, options)
    shown = open_page(page(reading.jobs, verdict(reading), templates=box.template_names()))
    show(options, [str(shown)], {"page": str(shown), **failure_values(failed)})
    if failed:
        raise failed
    return DONE


def archive(options: argparse.Namespace) -> int:
    """Write final batches as a Parquet dataset, fetching those that it does not have.

    Batches left out are listed with the reason; with ``--quiet`` only those that cause status 1.
    """
    box = connected(options)
    given = {name: getattr(options, name) for name in ("since", "skip", "documents")}
    written = box.archive(options.url, **given, progress=progress_of(options))
    groups = written.group_by("outcome", maintain_order=True).agg(pl.len(), pl.col("jobs").sum())
    lines = [
        f"{counted(batches, 'batch')} {outcome}, {counted(jobs, 'job')}"
        for outcome, batches, jobs in groups.iter_rows()
    ]
    outcome, long_ago = pl.col("outcome"), pl.col("batch_created_at") < box.now - _LONGEST_RUN
    wrong = (outcome == "incomplete") | (outcome == "still running") & long_ago.fill_null(False)
    left_out = written.filter(outcome.is_in(("incomplete", "still running")))
    findings = left_out.filter(wrong).height
    for row in left_out.filter(wrong if options.quiet else True).iter_rows(named=True):
        lines.append(_left_out(row))
        if options.quiet:  # cron mails output, not a status
            note(plain(lines[-1]))
    show(options, lines or [_NO_BATCHES.format("")], {"batches": written.to_dicts()})
    options.result = "; ".join(lines) or options.result
    return FINDINGS if findings else DONE


def _left_out(row: Mapping[str, Any]) -> str:
    """Describe why a batch was left out (schema.ARCHIVED), since when, and what to do."""
    batch_id, outcome, since = row["batch_id"], row["outcome"], row["left_out_since"]
    what_happened, *_ = row["reason"].splitlines()
    again = since < datetime.now(UTC) - timedelta(days=1)
    if outcome == "still running":
        since = row["batch_created_at"] or since
    elif again:
        what_happened += f" To leave it out, add --skip {batch_id}."
    return f"batch {batch_id} was left out: {outcome} since {moment(since)}. {what_happened}"
