"""``boxdocgen audit``: batches go in; a verdict, findings and a report come out."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from boxdocgen_explore.arguments import output_path
from boxdocgen_explore.cli.options import (
    add_command,
    box_options,
    connected,
    now,
    parse_age,
    parse_path,
    read,
    recent,
)
from boxdocgen_explore.cli.terminal import DONE, FINDINGS, plain, say
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest
from boxdocgen_explore.text import counted

if TYPE_CHECKING:
    from boxdocgen_explore.box import Box
    from boxdocgen_explore.reporting import AuditResult, Report, Scope

_MOST_VERSIONS: Final = 20
"""Template versions of which the tags are looked up: each costs a call."""


def add_commands(commands: Any) -> None:
    command = add_command(commands, "audit", audit)
    command.add_argument("ids", nargs="*", metavar="ID", help="batches; none with --since")
    command.add_argument("-o", "--output", type=parse_path, metavar="FILE", help="an .html file")
    command.add_argument(
        "--evidence", type=parse_path, metavar="FILE", help="an evidence bag, a .zip file"
    )
    command.add_argument(
        "--since", type=parse_age, metavar="AGE", help="all batches of the last 7d, for example"
    )
    command.add_argument("--expected", type=parse_path, metavar="FILE", help="a manifest, as CSV")
    command.add_argument("--json", action="store_true", help="verdict and findings as JSON")
    command.add_argument(
        "--max-age", type=parse_age, metavar="AGE", help="read pages again that are older"
    )
    command.add_argument("--details", action="store_true", help="with times, creators and source")
    command.add_argument(
        "--documents",
        action="store_true",
        help="with the output files: do they exist, with content?",
    )
    command.add_argument("--title", metavar="TEXT", help="the report's title")
    command.add_argument(
        "--redact",
        action="append",
        default=[],
        choices=("creators", "errors", "warnings", "external_id", "documents"),
        help="leave this out; may be given several times",
    )
    box_options(command)


def audit(options: argparse.Namespace) -> int:
    """Findings and evidence, in one HTML file."""
    from boxdocgen_explore.auditing import read_manifest
    from boxdocgen_explore.reporting import HTML_ENDINGS, run_audit, write_report
    from boxdocgen_explore.sealing import write_evidence

    if bool(options.ids) == bool(options.since):
        raise InvalidRequest("audit needs either batch ids or --since.")
    if options.output:
        output_path("the report", options.output, *HTML_ENDINGS)
    if options.evidence:
        output_path("the evidence", options.evidence, ".zip")
    if options.expected is not None:
        read_manifest(options.expected)  # a typing error must cost no call
    box = connected(options)
    ids, scope = _recent(box, options) if options.since else (options.ids, None)
    wanted = {name: getattr(options, name) for name in ("details", "documents", "max_age")}
    reading, failure = read(box, ids, options, **wanted)
    result = run_audit(
        reading,
        scope=scope,
        templates=box.template_names(),
        tags=_tags(box, reading.jobs),
        redact=options.redact,
        expected=options.expected,
        now=now(options),
    )
    report = bag = None
    if options.output:
        report = write_report(result, options.output, title=options.title)
    if options.evidence:
        bag = write_evidence(result, reading, options.evidence, title=options.title)
    calls = sum(box.calls.values())
    if options.json:
        say(_as_json(result, report, bag, calls))
    else:
        say(_summary(result, [report, bag], calls if options.verbose else None))
    if failure is not None:
        raise failure
    return DONE if result.complete else FINDINGS


def _recent(box: Box, options: argparse.Namespace) -> tuple[list[str], Scope]:
    """The ids of the batches with jobs created since then, or without creation times."""
    from boxdocgen_explore.reporting import Scope
    from boxdocgen_explore.text import long_ago, moment

    listed = recent(box, options)
    too_old = options.max_age and dt.datetime.now(dt.UTC) - listed.read_at > options.max_age
    if too_old and not options.offline:
        options.refresh = True
        listed = recent(box, options)
    login = box.user.login if box.user else None
    start, found = moment(long_ago(now(options), options.since)), listed.batches
    how_far = f"its end ({counted(listed.jobs, 'job')})"
    if listed.read_down_to:
        how_far = (
            f"those created {moment(listed.read_down_to)}; all that were read are in the order of "
            "their creation, which Box does not document"
        )
    scope = Scope(
        sentence=f"Every batch with jobs created since {start} that {login or 'this user'} can "
        f"see: {found.height:,}. The list of all jobs was read to {how_far}.",
        since=True,
        list_complete=listed.complete,
        listed_at=listed.read_at,
        login=login,
        list_pages=listed.pages,
    )
    return found["batch_id"].to_list(), scope


def _tags(box: Box, jobs: pl.DataFrame) -> pl.DataFrame | None:
    """The tags of the template versions whose jobs have errors, if Box gives them."""
    version = ["template_file_id", "template_file_version_id"]
    failing = jobs.filter(pl.col("errors").list.len() > 0)
    used = failing.select(version).drop_nulls().unique(maintain_order=True)
    if not 0 < used.height <= _MOST_VERSIONS:
        return None
    try:
        return pl.concat([box.tags(*one) for one in used.iter_rows()])
    except BoxDocGenError:
        return None


def _summary(result: AuditResult, files: list[Report | None], calls: int | None) -> str:
    """The conclusion, with the calls if they are given, and the three statements; then each rule
    that found something, with its first finding."""
    lines = [result.conclusion + ("" if calls is None else f"; {counted(calls, 'call')}")]
    lines += [f"{name:11}{statement}" for name, statement in result.statements.items()]
    groups = result.findings.group_by("rule", maintain_order=True)
    for row in groups.agg(pl.len(), pl.col("severity", "detail").first()).iter_rows(named=True):
        more = f" (and {row['len'] - 1:,} more)" if row["len"] > 1 else ""
        lines.append(f"{row['severity']:8} {row['rule']}: {row['detail']}{more}")
    lines += [line for file in files if file for line in str(file).splitlines()[-2:]]
    return "\n".join(map(plain, lines))


def _as_json(result: AuditResult, report: Report | None, bag: Report | None, calls: int) -> str:
    from boxdocgen_explore.analysis import outcomes

    statements, by_status = result.statements, dict(outcomes(result.jobs).iter_rows())
    values: dict[str, Any] = {
        "verdict": result.verdict,
        "conclusion": result.conclusion,
        "population": {"conclusion": result.population, "statement": statements["Population"]},
        "outcome": {"statement": statements["Outcome"], "jobs": by_status},
        "checks": {"statement": statements["Checks"], **result.check_counts()},
        "complete": result.complete,
        "as_of": result.as_of and result.as_of.isoformat(),
        "jobs": result.jobs.height,
        "calls": calls,
        "batches": result.batches,
        "incomplete_batches": result.incomplete,
        "findings": result.findings.to_dicts(),
        "rules": result.verdicts.to_dicts(),
        "report": report and str(report.path),
        "digest": report and report.digest,
        "evidence": bag and str(bag.path),
        "seal": bag and bag.seal,
    }
    return json.dumps(values, indent=1)
