"""The commands that read batches and pass them on: batches, fetch, open, archive."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import polars as pl

from boxdocgen_explore.arguments import output_path
from boxdocgen_explore.cli.options import (
    add_command,
    box_options,
    column_options,
    connected,
    parse_path,
    read,
    recent,
    since_option,
    verdict_line,
)
from boxdocgen_explore.cli.terminal import DONE, plain, say
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.text import counted

if TYPE_CHECKING:
    from boxdocgen_explore.errors import Reading


def add_commands(commands: Any) -> None:
    command = add_command(commands, "batches", batches)
    since_option(command)
    box_options(command)
    command = add_command(commands, "fetch", fetch)
    command.add_argument("ids", nargs="*", metavar="ID", help="batches; none with --since")
    since_option(command)
    command.add_argument(
        "-o", "--output", type=parse_path, metavar="FILE", help="a .parquet, .csv or .ndjson file"
    )
    column_options(command)
    box_options(command)
    command = add_command(commands, "open", open_view)
    command.add_argument("ids", nargs="+", metavar="ID")
    column_options(command)
    box_options(command)
    command = add_command(commands, "archive", archive)
    command.add_argument("url", metavar="URL", help="a folder, or object storage: s3://...")
    box_options(command)


def batches(options: argparse.Namespace) -> int:
    """List the batches that this user can see, the newest first."""
    from boxdocgen_explore.verdict import batch_line

    box = connected(options)
    since = options.since
    frame = recent(box, options).batches if since else box.batches(refresh=options.refresh)
    names = box.template_names()
    for row in frame.iter_rows(named=True):
        say(plain(batch_line(row, names)))
    if not frame.height:
        say("No batches. Box shows them only to their creator, often a service account.")
    return DONE


def fetch(options: argparse.Namespace) -> int:
    """Fetch jobs into a file, or print a summary."""
    from boxdocgen_explore.cli.export import WRITERS, write

    if options.output:
        output_path("the file", options.output, *WRITERS)
    if bool(options.ids) == bool(options.since):
        raise InvalidRequest("fetch needs either batch ids or --since.")
    box = connected(options)
    ids = recent(box, options).batches["batch_id"].to_list() if options.since else options.ids
    reading, failed = read(box, ids, options)
    if options.output:
        write(reading.jobs, options.output)
        say(f"{options.output}: {verdict_line(reading, box, options)}")
    else:
        say(verdict_line(reading, box, options))
        _print_summary(reading)
    if failed:
        raise failed
    return DONE


def _print_summary(reading: Reading) -> None:
    from boxdocgen_explore import analysis

    for status, jobs in analysis.outcomes(reading).iter_rows():
        say(f"{jobs:>9,}  {plain(status)}")
    causes = analysis.causes(reading)
    if causes.height:
        say("Reasons:")
    for row in causes.head(10).iter_rows(named=True):
        say(f"{row['jobs']:>9,}  {plain(row['reason'])}")
        if row["fix"]:
            say(f"           fix: {plain(row['fix'])}")
    if causes.height > 10:
        say(f"           and {causes.height - 10} more")


def open_view(options: argparse.Namespace) -> int:
    """Show batches in the browser, with filters and charts."""
    from boxdocgen_explore.analysis import verdict
    from boxdocgen_explore.view import open_page, page

    box = connected(options)
    reading, failed = read(box, options.ids, options)
    shown = open_page(page(reading.jobs, verdict(reading), templates=box.template_names()))
    say(str(shown))
    if failed:
        raise failed
    return DONE


def archive(options: argparse.Namespace) -> int:
    """Write the cached batches whose jobs are all final as a Parquet dataset."""
    written = connected(options).archive(options.url)
    groups = written.group_by("outcome", maintain_order=True).agg(pl.len(), pl.col("jobs").sum())
    for outcome, batches, jobs in groups.iter_rows():
        say(f"{counted(batches, 'batch')} {outcome}, {counted(jobs, 'job')}")
    if not written.height:
        say("No batch is cached. Fetch some first.")
    return DONE
