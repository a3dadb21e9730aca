"""``boxdocgen audit``: batches go in; a verdict, findings and a report come out."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from boxdocgen_explore.arguments import output_file, output_path
from boxdocgen_explore.auditing import ABOUT, DEFAULTS, Policy, flag, read_manifest, read_policy
from boxdocgen_explore.auditing.policy import checked_settings
from boxdocgen_explore.cli.options import (
    add_command,
    box_options,
    column_options,
    connected,
    parse_age,
    parse_time,
    path_option,
    progress_of,
    recent,
    since_option,
)
from boxdocgen_explore.cli.results import status_of
from boxdocgen_explore.cli.terminal import STDOUT, painted, say
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.schema import JOBS, PAGES
from boxdocgen_explore.text import counted

if TYPE_CHECKING:
    from boxdocgen_explore.box import Box
    from boxdocgen_explore.reporting import AuditResult, Report, Scope

_MOST_VERSIONS: Final = 20
"""The most template versions whose tags are looked up: each costs a call."""


def add_commands(commands: Any) -> None:
    example = "boxdocgen audit --demo 12345600319 -o audit.html --evidence audit.zip"
    command = add_command(commands, "audit", audit, example, "findings (--fail-on)")
    command.add_argument("ids", nargs="*", metavar="ID", help="batch ids; none with --since")
    path_option(command, "-o", "--output", about="an .html file")
    path_option(command, "--evidence", about="an evidence bag, a .zip file")
    command.add_argument(
        "--embed-evidence", action="store_true", help="put the evidence bag into the .html file"
    )
    since_option(command)
    path_option(
        command,
        "--expected",
        about="a manifest, as CSV: column external_id, a row per document; or batch_id and jobs",
    )
    path_option(command, "--markdown", about="a summary as .md; - prints it")
    path_option(command, "--junit", about="test results as JUnit .xml")
    command.add_argument(
        "--fail-on",
        choices=("error", "running", "warning"),
        default="running",
        help="causes of exit status 1: errors; also running jobs; also warnings",
    )
    command.add_argument(
        "--max-age",
        type=parse_age,
        metavar="AGE",
        help="read pages again that are older; by default when they expire",
    )
    path_option(
        command, "--history", about="compare with earlier audits in this folder", metavar="FOLDER"
    )
    column_options(command)
    command.add_argument("--title", metavar="TEXT", help="the report's title")
    command.add_argument("--prepared-by", metavar="NAME", help="who prepared the audit")
    command.add_argument("--reviewed-by", metavar="NAME", help="who reviewed it")
    command.add_argument("--sample", type=int, metavar="N", help="list N jobs for manual review")
    command.add_argument("--seed", metavar="S", help="the seed of the sample; random by default")
    command.add_argument(
        "--redact",
        action="append",
        default=[],
        choices=("creators", "errors", "warnings", "external_id", "documents"),
        help="leave this out; may be given several times; the reader's login and user id stay, "
        "even if the reader is one of the creators",
    )
    _policy_options(command)
    box_options(command)


def _policy_options(command: argparse.ArgumentParser) -> None:
    keys = command.add_argument_group("Policy", "The keys of a policy file; options override it.")
    path_option(keys, "--policy", about="a policy file, as TOML")
    for name, default in DEFAULTS.items():
        about = ABOUT[name]
        if default is False:
            keys.add_argument(flag(name), action="store_true", default=None, help=about)
        elif isinstance(default, float):
            about = f"{about}; by default {default:g}"
            keys.add_argument(flag(name), type=float, metavar="N", help=about)
        elif name == "period":
            times = ("START", "END")
            keys.add_argument(flag(name), nargs=2, type=parse_time, metavar=times, help=about)
        elif name == "control_total":
            keys.add_argument(flag(name), nargs=2, metavar=("IDS", "SHA256"), help=about)
        else:
            about = f"{about}; can be repeated"
            keys.add_argument(flag(name), dest=name, action="append", metavar="VALUE", help=about)


def audit(options: argparse.Namespace) -> int:
    """Findings and evidence, in one HTML file."""
    from boxdocgen_explore import reporting

    given, policy = _checked(options)
    box = connected(options)
    reading, scope, failure = _read(box, options)
    result = reporting.run_audit(
        reading,
        scope=scope,
        templates=box.template_names() if reading.jobs.height else None,
        tags=_tags(box, reading.jobs),
        redact=options.redact,
        prepared_by=options.prepared_by,
        reviewed_by=options.reviewed_by,
        sample=options.sample,
        seed=options.seed,
        policy=policy,
        expected=options.expected,
        now=box.now,
        **given,
    )
    if options.history:
        result = reporting.with_history(result, options.history)
    report, bag = _write_files(result, options)
    _print(result, report, bag, sum(box.calls.values()), failure, options)
    if failure is not None:
        raise failure
    return status_of(options, result.verdict, wrong=result.fails(options.fail_on))


def _write_files(
    result: AuditResult, options: argparse.Namespace
) -> tuple[Report | None, Report | None]:
    """Write the files named by the options; return the report and the evidence bag."""
    from boxdocgen_explore import reporting
    from boxdocgen_explore.cli import audit_outputs as outputs
    from boxdocgen_explore.sealing import write_evidence

    report = bag = None
    if options.output:
        write = write_evidence if options.embed_evidence else reporting.write_report
        report = write(result, options.output, title=options.title)
    if options.evidence:
        bag = write_evidence(result, options.evidence, title=options.title)
    if options.history:
        record = reporting.audit_record(result, options.title, ())
        reporting.append_record(options.history, record)
    if options.junit:
        with output_file(options.junit) as part:
            part.write_bytes(outputs.as_junit(result, options.fail_on))
    if options.markdown and options.markdown != STDOUT:
        with output_file(options.markdown) as part:
            part.write_text(outputs.as_markdown(result) + "\n", "utf-8")
    return report, bag


def _print(
    result: AuditResult,
    report: Report | None,
    bag: Report | None,
    calls: int,
    failure: BoxDocGenError | None,
    options: argparse.Namespace,
) -> None:
    from boxdocgen_explore.cli import audit_outputs as outputs

    if options.json:
        say(outputs.as_json(result, report, bag, calls, failure))
        options.json = False  # it includes the failure
    elif options.markdown == STDOUT:
        say(outputs.as_markdown(result))
    elif not options.quiet:
        text = outputs.as_text(result, report, bag, calls if options.verbose else None)
        say(painted(text))


def _checked(options: argparse.Namespace) -> tuple[dict[str, Any], Policy]:
    """The options declared by the policy and the arguments: a mistake must not cost a call."""
    from boxdocgen_explore import reporting
    from boxdocgen_explore.sealing import NOT_EMBEDDED, policy_files

    if bool(options.ids) == bool(options.since):
        raise InvalidRequest("audit needs either batch ids or --since.")
    if options.output:
        output_path("the report", options.output, *reporting.HTML_ENDINGS)
    if options.embed_evidence and not options.output:
        raise InvalidRequest(
            "--embed-evidence embeds the evidence in the report: name the report with -o."
        )
    if options.embed_evidence and options.redact:
        raise InvalidRequest(NOT_EMBEDDED)
    if options.history:
        reporting.check_history(options.history)
    printed = options.markdown == STDOUT
    if printed and options.json:
        raise InvalidRequest("--json and --markdown - both print the result: choose one.")
    files = {".zip": options.evidence, ".xml": options.junit}
    files |= {} if printed else {".md": options.markdown}
    for ending, path in files.items():
        if path:
            output_path("the file", path, ending)
    if options.expected is not None:
        read_manifest(options.expected)
    reporting.drawn(pl.DataFrame(schema=JOBS), options.sample, options.seed)
    given, policy = checked_settings(_declared(options)), read_policy(options.policy)
    if options.evidence or options.embed_evidence:
        policy_files(policy)  # a bag has every name
    return given, policy


def _declared(options: argparse.Namespace) -> dict[str, Any]:
    """The keys of a policy that the options declare."""
    given = {name: value for name in DEFAULTS if (value := getattr(options, name)) is not None}
    if "control_total" in given and given["control_total"][0].isdecimal():
        given["control_total"][0] = int(given["control_total"][0])
    return given


def _read(
    box: Box, options: argparse.Namespace
) -> tuple[Reading, Scope | None, BoxDocGenError | None]:
    """The reading, its batch ids, and the error if something failed; that is a result, too."""
    from boxdocgen_explore.reporting import Scope

    ids, scope, listing = options.ids, None, bool(options.since)
    wanted = ("refresh", "details", "documents", "max_age")
    try:
        if options.since:
            ids, scope = _recent(box, options)
            listing = False
        given = {name: getattr(options, name) for name in wanted}
        return box.read(ids, **given, progress=progress_of(options)), scope, None
    except InvalidRequest:
        raise
    except BoxDocGenError as error:
        failures = getattr(error, "failures", None) or dict.fromkeys(ids, error)
        if listing:
            why, *_ = str(error).splitlines()
            why = f"The list of batches could not be read: {why.removesuffix('.')}"
            scope = Scope(why, since=True, list_complete=False)
        nothing = Reading(pl.DataFrame(schema=JOBS), pl.DataFrame(schema=PAGES), failures)
        return error.reading or nothing, scope, error


def _recent(box: Box, options: argparse.Namespace) -> tuple[list[str], Scope]:
    """The ids of batches with jobs created since then, or without creation times."""
    from boxdocgen_explore.reporting import Scope
    from boxdocgen_explore.text import long_ago, moment

    listed = recent(box, options)
    too_old = options.max_age and dt.datetime.now(dt.UTC) - listed.read_at > options.max_age
    if too_old and not options.offline:
        options.refresh = True
        listed = recent(box, options)
    login = box.user.login if box.user else None
    start, found = moment(long_ago(box.now, options.since)), listed.batches
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
        listed=listed.listed.select("batch_id", "job_id") if listed.complete else None,
    )
    return found["batch_id"].to_list(), scope


def _tags(box: Box, jobs: pl.DataFrame) -> pl.DataFrame | None:
    """The tags of the template versions whose jobs have errors, if Box returns them."""
    version = ["template_file_id", "template_file_version_id"]
    failing = jobs.filter(pl.col("errors").list.len() > 0)
    used = failing.select(version).drop_nulls().unique(maintain_order=True)
    if not 0 < used.height <= _MOST_VERSIONS:
        return None
    try:
        return pl.concat([box.tags(*version) for version in used.iter_rows()])
    except BoxDocGenError:
        return None
