"""The output of ``boxdocgen audit``: lines, Markdown, JSON and JUnit XML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import polars as pl

from boxdocgen_explore.analysis import outcomes
from boxdocgen_explore.auditing import DEFAULTS
from boxdocgen_explore.cli.results import SCHEMA_VERSION, error_values, json_value
from boxdocgen_explore.cli.terminal import plain
from boxdocgen_explore.reporting.batches import batch_checks
from boxdocgen_explore.schema import SEVERITIES, WAIVED
from boxdocgen_explore.text import counted, shortened, visible

if TYPE_CHECKING:
    from boxdocgen_explore.errors import BoxDocGenError
    from boxdocgen_explore.reporting import AuditResult, Report

_MARKUP: Final = re.compile(r"[\\`*_\[\]<>|#~&@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_RANK: Final = {name: rank for rank, name in enumerate((*SEVERITIES, WAIVED))}
_MOST_CHANGES: Final = 5
_COUNTS: Final = {"tests": "testcase", "failures": "*/failure", "skipped": "*/skipped"}


def as_text(
    result: AuditResult,
    report: Report | None = None,
    bag: Report | None = None,
    calls: int | None = None,
) -> str:
    """The conclusion (with the number of calls, if given), the statements, and each rule that found
    something, with its first finding."""
    lines = [result.conclusion + ("" if calls is None else f"; {counted(calls, 'call')}")]
    lines += [f"{name:11}{statement}" for name, statement in result.statements.items()]
    history = result.history or {}
    lines += [f"History    {history['statement']}"] if history else []
    for name in ("new", "reopened", "resolved", "accepted"):
        rows = (history.get(name) or ())[:_MOST_CHANGES]
        lines += [f"{name:8} {row['rule']}: {row['detail']}" for row in rows]
    groups = result.findings.group_by("rule", maintain_order=True)
    first = pl.col("severity", "batch_id", "detail").first()
    batches = pl.col("batch_id").drop_nulls().n_unique().alias("batches")
    found = groups.agg(first, pl.len(), batches).iter_rows(named=True)
    lines += [_line(group, several=len(result.batches) > 1) for group in found]
    lines += [f"policy   {sentence}" for sentence in result.unused]
    lacks = dict(result.verdicts.select("rule", "lacks").iter_rows())
    lines += [f"not performed: {rule} needs {lacks[rule]}" for rule in result.unevaluated]
    lines += [line for file in (report, bag) if file for line in str(file).splitlines()[-2:]]
    return "\n".join(map(plain, lines))


def _line(group: dict[str, Any], *, several: bool) -> str:
    """The first finding of a rule, its batch if there are ``several``, and how many there are."""
    about = [f"batch {group['batch_id']}"] if several and group["batch_id"] else []
    within = f" in {counted(group['batches'], 'batch')}" if group["batches"] > 1 else ""
    about += [f"{counted(group['len'], 'finding')}{within}"] if group["len"] > 1 else []
    more = f" ({'; '.join(about)})" if about else ""
    return f"{group['severity']:8} {group['rule']}: {group['detail']}{more}"


def as_markdown(result: AuditResult) -> str:
    """A summary for mail or chat; no text in it becomes markup, a link or a mention."""
    from boxdocgen_explore.reporting import trend

    first, *lines = map(_escaped, as_text(result).splitlines())
    table = ["| Batch | Jobs | Failed | All pages read |", "| --- | --: | --: | --- |"]
    for row in _batches(result):
        failed, complete = row["outcomes"].get("failed", 0), "yes" if row["complete"] else "no"
        table.append(f"| {_escaped(row['batch_id'])} | {row['jobs']:,} | {failed:,} | {complete} |")
    shares = trend(result.history)
    if shares["rows"]:
        heads = ["Failed, by template", *shares["heads"]]
        lists = [[row["template"], *row["cells"]] for row in shares["rows"]]
        rows = [heads, ["---"] * len(heads), *lists]
        table += ["", *(f"| {' | '.join(map(_escaped, row))} |" for row in rows)]
    return "\n".join([f"**{first}**", "", *(f"- {line}" for line in lines), "", *table])


def as_json(
    result: AuditResult,
    report: Report | None,
    bag: Report | None,
    calls: int,
    failure: BoxDocGenError | None,
) -> str:
    """Everything as JSON; ``schema_version`` changes if a key is removed or changes its meaning."""
    from boxdocgen_explore.reporting.evidence import setting_text

    users = result.pages.select("user_id", "user_login").unique(maintain_order=True)
    failures = result.reading.failures.items()
    statements, by_status = result.statements, dict(outcomes(result.jobs).iter_rows())
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "command": "audit",
        "verdict": result.verdict,
        "conclusion": result.conclusion,
        "population": {"conclusion": result.population, "statement": statements["Population"]},
        "outcome": {"statement": statements["Outcome"], "jobs": by_status},
        "checks": {"statement": statements["Checks"], **result.check_counts()},
        "complete": result.complete,
        "as_of": result.as_of and result.as_of.isoformat(),
        "audited_at": result.audited_at.isoformat(),
        "reader": {
            "users": users.to_dicts(),
            "enterprise_id": result.enterprise_id,
            "as_user": result.reading.as_user,
        },
        "hosts": result.pages["host"].unique(maintain_order=True).to_list(),
        "settings": result.settings,
        "defaults": DEFAULTS,
        "thresholds": result.thresholds,
        "jobs": result.jobs.height,
        "calls": calls,
        "batches": [*_batches(result)],
        "incomplete_batches": result.incomplete,
        "findings": result.findings.to_dicts(),
        "rules": result.verdicts.to_dicts(),
        "history": result.history,
        "prepared_by": result.prepared_by,
        "reviewed_by": result.reviewed_by,
        "sample": result.sample,
        "unused": result.unused,
        "error": failure and error_values(failure),
        "failures": {batch_id: error_values(error) for batch_id, error in failures},
        "report": report and str(report.path),
        "digest": report and report.digest,
        "evidence": bag and str(bag.path),
        "seal": (file := bag or report) and file.seal,
    }
    return json.dumps(values, indent=1, default=partial(json_value, otherwise=setting_text))


def as_junit(result: AuditResult, fail_on: str) -> bytes:
    """One test case per batch and rule: an error is a failure, not evaluated is skipped.

    Warnings are failures if ``fail_on`` is "warning", otherwise text beside the test case. The
    first test case is the conclusion, which fails exactly if the exit status is 1.
    """
    bad = ("error", "warning") if fail_on == "warning" else ("error",)
    root = ElementTree.Element("testsuites", name="boxdocgen audit")
    suite = ElementTree.SubElement(root, "testsuite", name="audit", errors="0")
    case = ElementTree.SubElement(suite, "testcase", classname="audit", name="conclusion")
    if result.fails(fail_on):
        ElementTree.SubElement(case, "failure", message=_xml(result.verdict), type="conclusion")
    _count(suite)
    found = result.findings.partition_by("batch_id", "rule", as_dict=True)
    for (batch_id,), rows in result.batch_verdicts.partition_by("batch_id", as_dict=True).items():
        name = _xml(f"batch {batch_id}" if batch_id else "several batches")
        suite = ElementTree.SubElement(root, "testsuite", name=name, errors="0")
        for rule, verdict, number, lacks in rows.drop("batch_id").iter_rows():
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=_xml(rule))
            if verdict == "not evaluated":
                ElementTree.SubElement(case, "skipped", message=_xml(lacks))
            elif verdict == "found":
                own = found.get((batch_id, rule), result.findings.clear())
                # Findings on several batches name none of them.
                shared = found.get((None, rule)) if own.height < number else None
                all_of_it = own if shared is None else pl.concat([own, shared])
                ordered = all_of_it.sort(
                    pl.col("severity").replace_strict(_RANK), maintain_order=True
                )
                details, severity = ordered.select("detail", "severity")
                first = {"message": _xml(details[0]), "type": severity[0]}  # errors come first
                failure = ("failure", first) if severity[0] in bad else ("system-out", {})
                ElementTree.SubElement(case, *failure).text = _xml("\n".join(details))
        _count(suite)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _count(suite: ElementTree.Element) -> None:
    for count, path in _COUNTS.items():
        suite.set(count, str(len(suite.findall(path))))


def _batches(result: AuditResult) -> Iterator[dict[str, Any]]:
    jobs, checks = result.jobs.partition_by("batch_id", as_dict=True), batch_checks(result)
    for batch_id in result.batches:
        own = jobs.get((batch_id,), result.jobs.clear())
        yield {
            "batch_id": batch_id,
            "template_file_ids": own["template_file_id"].drop_nulls().unique().sort().to_list(),
            "jobs": own.height,
            "outcomes": dict(outcomes(own).iter_rows()),
            "checks": checks[batch_id],
            "complete": batch_id not in result.incomplete,
        }


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", plain(text))


def _xml(text: str) -> str:
    """Text for XML: characters that XML forbids are shown as their codes."""
    return shortened(visible(text))
