"""The commands compare and resubmit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from boxdocgen_explore.arguments import HTML_ENDINGS, output_file, output_path
from boxdocgen_explore.cli.options import (
    add_command,
    box_options,
    connected,
    path_option,
)
from boxdocgen_explore.cli.results import show, status_of, table
from boxdocgen_explore.cli.terminal import DONE, plain
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import JOBS, RUNNING, TERMINAL
from boxdocgen_explore.text import counted

if TYPE_CHECKING:
    from boxdocgen_explore.box import Box
    from boxdocgen_explore.errors import Reading

_MOST_SHOWN: Final = 20
_OF_JOBS: Final = pl.col("job_id").is_not_null()


def add_commands(commands: Any) -> None:
    example = "boxdocgen compare --demo 12345600319 12345600312"
    findings = "a final job changed or vanished, or pages are missing"
    command = add_command(commands, "compare", compare, example, findings)
    command.add_argument("before", metavar="BEFORE", help="a batch id, or a report's .html file")
    command.add_argument("after", metavar="AFTER", help="another one, or the same one read later")
    box_options(command)
    example = "boxdocgen resubmit --demo 12345600319 -o again.csv"
    command = add_command(commands, "resubmit", resubmit, example)
    command.add_argument("ids", nargs="+", metavar="ID")
    path_option(command, "--expected", about="a manifest, as CSV")
    path_option(command, "-o", "--output", about="a .csv file")
    box_options(command)


def compare(options: argparse.Namespace) -> int:
    """Compare two batches or reports, and list jobs that should not have changed."""
    from boxdocgen_explore.auditing.compare import compare as compared

    named = (options.before, options.after)
    box = None if all(map(_is_report, named)) else connected(options)
    readings = [_jobs(name, box, options) for name in named]
    found = compared(*readings)
    counts = found.filter(~_OF_JOBS)
    rows = [
        [aspect, item or "(none)", f"{before:,}", f"{after:,}", f"{change:+,}"]
        for aspect, item, before, after, change in counts.select(
            "aspect", "item", "before", "after", "change"
        ).iter_rows()
    ]
    sides = dict(zip(("before", "after"), (reading.verdict for reading in readings), strict=True))
    lines = [f"{side.capitalize()}: {plain(verdict)}" for side, verdict in sides.items()]
    lines += table(["Aspect", "Item", "Before", "After", "Change"], rows, numbers=3)
    jobs = found.filter(_OF_JOBS)
    for row in jobs.head(_MOST_SHOWN).iter_rows(named=True):
        text = f"{row['aspect']} ({row['item']}). {row['detail'] or ''}".rstrip()
        lines.append(f"batch {row['batch_id']}, job {row['job_id']}: {text}")
    if jobs.height > _MOST_SHOWN:
        lines.append(f"and {counted(jobs.height - _MOST_SHOWN, 'job')} more, in --json")
    show(options, lines, {**sides, "comparison": found.to_dicts()})
    was_final, certain = pl.col("item").is_in(sorted(TERMINAL)), pl.col("detail").is_null()
    vanished = pl.col("aspect").eq("job vanished") & was_final & certain
    wrong = found.filter(vanished | pl.col("aspect").eq("job changed")).height
    incomplete = any(
        reading.failures or not reading.pages["complete"].fill_null(False).all()
        for reading in readings
    )
    what = f"{counted(wrong, 'final job')} changed or vanished" if wrong else "Pages are missing"
    return status_of(options, f"{what}.", wrong=bool(wrong or incomplete))


def _is_report(named: str) -> bool:
    return Path(named).suffix.lower() in HTML_ENDINGS


def _jobs(named: str, box: Box | None, options: argparse.Namespace) -> Reading:
    """The jobs and pages of a report, or of a batch at Box."""
    from boxdocgen_explore.reporting import read_report

    if box is None or _is_report(named):
        reading = read_report(named, evidence=True)
        if absent := [name for name in JOBS if name not in reading.jobs.columns]:
            raise InvalidRequest(
                f"{named} leaves out {', '.join(absent)}, so that it cannot be compared: write the "
                "report again without --redact, or compare the batches."
            )
        return reading
    return box.read(named, refresh=options.refresh)


_KINDS = {
    "failed": "failed",
    "completed_with_error": "completed with errors",
    "completed": "without their document",
    None: "without a job",
}


def _kinds(wanted: pl.DataFrame) -> str:
    """Count the documents to request again by reason."""
    counts = {kind: wanted.filter(pl.col("status").eq_missing(kind)).height for kind in _KINDS}
    return ", ".join(f"{count:,} {_KINDS[kind]}" for kind, count in counts.items() if count)


def resubmit(options: argparse.Namespace) -> int:
    """List the documents to request again: failed, completed with errors, or without a job."""
    from boxdocgen_explore.auditing import read_manifest
    from boxdocgen_explore.auditing.resubmissions import resubmission
    from boxdocgen_explore.export import WRITERS

    if options.output:
        output_path("the file", options.output, ".csv")
    if options.expected:
        read_manifest(options.expected)  # a typing error must not cost a call
    box = connected(options)
    reading = box.read(options.ids, refresh=options.refresh)
    wanted = resubmission(reading, expected=options.expected)
    lines = [": ".join(filter(None, [counted(wanted.height, "document"), _kinds(wanted)]))]
    if options.output:
        with output_file(options.output) as part:
            WRITERS[".csv"](wanted, part, None)
        lines = [f"{options.output}: {lines[0]}"]
    else:
        lines += [external_id or "(no external id)" for external_id in wanted["external_id"]]
    running = reading.jobs.filter(pl.col("status").is_in(sorted(RUNNING))).height
    if running:
        lines.append(f"{counted(running, 'job')} still running, not in the list: they may yet fail")
    values = {"documents": wanted.to_dicts(), "output": options.output, "running": running}
    show(options, lines, values)
    return DONE
