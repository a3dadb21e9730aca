"""``boxdocgen audit`` and ``boxdocgen render``: what is handed to others."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.cli.options import box_options, connected, duration, plain

if TYPE_CHECKING:
    from boxdocgen_explore.box import Box
    from boxdocgen_explore.errors import Reading
    from boxdocgen_explore.reporting import Audited, Report, Scope

_DONE, _FINDINGS = 0, 1
_MOST_VERSIONS: Final = 20


def audit_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `audit`."""
    command.add_argument("ids", nargs="*", metavar="ID", help="batches; none with --since")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="an .html file")
    command.add_argument(
        "--since", type=duration, metavar="AGE", help="all batches of the last 7d, say"
    )
    command.add_argument("--expected", type=Path, metavar="FILE", help="a manifest, as CSV")
    command.add_argument("--json", action="store_true", help="verdict and findings as JSON")
    command.add_argument(
        "--max-age", type=duration, metavar="AGE", help="read again what is kept for longer"
    )
    command.add_argument("--details", action="store_true", help="with times, creators and source")
    command.add_argument("--title", metavar="TEXT", help="the report's title")
    command.add_argument(
        "--redact",
        action="append",
        default=[],
        choices=("creators", "errors", "warnings", "external_id"),
        help="leave this out; may be given several times",
    )
    box_options(command)


def render_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `render`."""
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    where = command.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", type=Path, metavar="FILE", help="an .html file")
    where.add_argument(
        "--in-place", action="store_true", help="the outputs into the notebook, for committing it"
    )


def audit(options: argparse.Namespace) -> int:
    """Findings and evidence, in one HTML file."""
    from boxdocgen_explore.auditing import read_manifest
    from boxdocgen_explore.reporting import hold, write

    if bool(options.ids) == bool(options.since):
        raise errors.InvalidRequest("audit needs batch ids, or --since in their place.")
    if options.output:
        _check_output(options.output)
    expected = None if options.expected is None else read_manifest(options.expected).rows
    box = connected(options)
    ids, scope = _recent(box, options) if options.since else (options.ids, None)
    reading, failure = _read(box, ids, options)
    held = hold(
        reading,
        scope=scope,
        templates=_templates(box),
        tags=_tags(box, reading.jobs),
        redact=options.redact,
        expected=expected,
        now=_now(options),
    )
    written = None
    if options.output:
        written = write(held, options.output, title=options.title)
    _print(_as_json(held, written) if options.json else _summary(held, written))
    if failure is not None:
        raise failure
    return _DONE if held.complete else _FINDINGS


def render(options: argparse.Namespace) -> int:
    """A notebook, run from top to bottom, as one page for people without Python."""
    from boxdocgen_explore.cli import render

    if options.in_place:
        render.refresh(options.notebook)
    else:
        _check_output(options.output)
        render.render(options.notebook, options.output)
    _print(str(options.notebook if options.in_place else options.output))
    return _DONE


def _print(text: str) -> None:
    print(text)


def _check_output(path: Path) -> None:
    """Refuse a file that could not be written, so that a typing error costs no fetch."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise errors.InvalidRequest(f"{path.name!r}: a report's name ends in .html.")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise errors.InvalidRequest(f"{path} cannot be written.")


def _now(options: argparse.Namespace) -> dt.datetime:
    """The demo has its own calendar, in which its batches are of last night."""
    if options.demo:
        from boxdocgen_explore.emulator import STORY_NOW

        return STORY_NOW
    return dt.datetime.now(dt.UTC)


def _recent(box: Box, options: argparse.Namespace) -> tuple[list[str], Scope]:
    """The ids of the batches with jobs created since then; one without times may be of them."""
    from boxdocgen_explore.reporting import Scope
    from boxdocgen_explore.text import moment

    listed = box.batch_list(refresh=options.refresh)
    too_old = options.max_age and dt.datetime.now(dt.UTC) - listed.read_at > options.max_age
    if too_old and not options.offline:
        listed = box.batch_list(refresh=True)
    start = _now(options) - options.since
    created = pl.col("last_created_at")
    recent = listed.batches.filter(created.is_null() | (created >= start))
    login = box.user.login if box.user else None
    seen = f"of the {listed.batches.height:,} that {login or 'this user'} sees"
    scope = Scope(
        sentence=f"Every batch with jobs created since {moment(start)}: {recent.height:,} {seen}",
        since=True,
        list_complete=listed.complete,
        listed_at=listed.read_at,
        reader=login,
    )
    return recent["batch_id"].to_list(), scope


def _read(
    box: Box, ids: Sequence[str], options: argparse.Namespace
) -> tuple[Reading, errors.BoxDocGenError | None]:
    """What could be read, and the error of what could not; with no batch whole, only the error."""
    from boxdocgen_explore.errors import Reading
    from boxdocgen_explore.schema import JOBS, PAGES

    if not ids:
        return Reading(pl.DataFrame(schema=dict(JOBS)), pl.DataFrame(schema=dict(PAGES))), None
    try:
        asked = {"refresh": options.refresh, "details": options.details}
        return box.read(ids, max_age=options.max_age, **asked), None
    except errors.BatchesFailed as error:
        if not isinstance(error.reading, Reading) or len(error.failures) == len(set(ids)):
            raise
        return error.reading, error


def _templates(box: Box) -> pl.DataFrame | None:
    """Names are a convenience: an audit does not fail for want of them."""
    try:
        return box.templates()
    except errors.BoxDocGenError:
        return None


def _tags(box: Box, jobs: pl.DataFrame) -> pl.DataFrame | None:
    """The tags of the template versions whose jobs have errors, where Box gives them."""
    version = ["template_file_id", "template_file_version_id"]
    failing = jobs.filter(pl.col("errors").list.len() > 0)
    used = failing.select(version).drop_nulls().unique(maintain_order=True)
    if not 0 < used.height <= _MOST_VERSIONS:
        return None
    try:
        return pl.concat([box.tags(*one) for one in used.iter_rows()])
    except errors.BoxDocGenError:
        return None


def _summary(held: Audited, written: Report | None) -> str:
    """The verdict first; then each rule that found something, with its first finding."""
    lines = [held.verdict]
    groups = held.findings.group_by("rule", maintain_order=True)
    for row in groups.agg(pl.len(), pl.col("severity", "detail").first()).iter_rows(named=True):
        more = f" (and {row['len'] - 1:,} more)" if row["len"] > 1 else ""
        lines.append(f"{row['severity']:8} {row['rule']}: {row['detail']}{more}")
    if written:
        lines += [f"{written.path}", f"SHA-256 of its data: {written.digest}"]
    return "\n".join(map(plain, lines))


def _as_json(held: Audited, written: Report | None) -> str:
    said: dict[str, Any] = {
        "verdict": held.verdict,
        "complete": held.complete,
        "as_of": held.as_of and held.as_of.isoformat(),
        "jobs": held.jobs.height,
        "batches": held.batches,
        "not_read_whole": held.broken,
        "findings": held.findings.to_dicts(),
        "rules": held.verdicts.to_dicts(),
        "report": written and str(written.path),
        "digest": written and written.digest,
    }
    return json.dumps(said, indent=1)
