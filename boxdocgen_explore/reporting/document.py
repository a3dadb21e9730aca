"""Fills in the template of a report: its sections can be read without any script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore.reporting import evidence
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.schema import SEVERITIES
from boxdocgen_explore.text import counted, duration, listed, timestamp
from boxdocgen_explore.view import tables
from boxdocgen_explore.view.html import front_end
from boxdocgen_explore.view.page import document

MOST_OF_A_RULE: Final = 10
_OUTCOMES: Final = {
    "found": "found something",
    "passed": "passed",
    "not evaluated": "could not be evaluated",
}


def html(
    result: AuditResult, payload: bytes, pages: str, digest: str, title: str, notes: Sequence[str]
) -> str:
    """Write the report; ``digest`` is that of ``payload`` (packed jobs) and ``pages`` (JSON)."""
    jobs, columns = result.jobs, result.redaction.columns
    counts = [tables.statuses(jobs, by_output_type="output_type" in columns)]
    if "errors" in columns and (reasons := tables.reasons(jobs)):
        counts.append(reasons)
    return document(
        payload,
        result.view_verdict,
        templates=result.names,
        state=result.state,
        template="reporting/templates/report.html",
        style=front_end("report.css"),
        script=front_end("report.js"),
        title=title,
        result=result,
        scope=_scope(result),
        facts=evidence.facts(result, notes),
        digest=digest,
        pages_json=pages,
        pages=_pages(result),
        tables=[*counts, tables.first_rows(jobs, columns, result.names)],
        **_findings(result),
        **_rules(result),
    )


def _scope(result: AuditResult) -> str:
    batches = result.batches
    which = f"{'Batch' if len(batches) == 1 else 'Batches'} {listed(batches, most=20)}"
    covered = result.scope.sentence or (which if batches else "No batch")
    return f"{covered.removesuffix('.')}. {counted(result.jobs.height, 'job')}."


def _findings(result: AuditResult) -> dict[str, Any]:
    """The first findings of each rule, how many more there are, and how many in all."""
    counts = dict.fromkeys(SEVERITIES, 0) | dict(result.findings["severity"].value_counts().rows())
    listed_ = result.findings.filter(pl.int_range(pl.len()).over("rule") < MOST_OF_A_RULE)
    return {
        "summary": f"{counted(counts['error'], 'error')}, {counted(counts['warning'], 'warning')}, "
        f"{counts['info']:,} for information.",
        "findings": listed_.to_dicts(),
        "most": MOST_OF_A_RULE,
        "more": result.findings.height - listed_.height,
    }


def _rules(result: AuditResult) -> dict[str, Any]:
    counts = dict(result.verdicts["verdict"].value_counts().iter_rows())
    outcomes = ", ".join(f"{counts.get(word, 0)} {words}" for word, words in _OUTCOMES.items())
    about = {rule.name: rule for rule in result.rules}
    return {
        "rules_summary": f"{counted(len(result.rules), 'rule')}: {outcomes}",
        "rules": [
            {**row, "checks": about[row["rule"]].checks, "why": about[row["rule"]].why}
            for row in result.verdicts.iter_rows(named=True)
        ],
    }


def _pages(result: AuditResult) -> list[dict[str, Any]]:
    pages = [] if result.pages is None else result.pages.to_dicts()
    for page in pages:
        read_at = page["fetched_at"]
        page["read_at"] = read_at and timestamp(read_at)
        age = f", {duration(result.audited_at - read_at)} old" if read_at else ""
        page["source"] = f"cache{age}" if page["from_cache"] else "Box"
    return pages
