"""Fills in the template of a report: its sections can be read without any script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore.reporting import evidence
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.schema import SEVERITIES, WAIVED
from boxdocgen_explore.text import counted, listed
from boxdocgen_explore.view import batch_labels, main_cause, tables
from boxdocgen_explore.view.html import front_end
from boxdocgen_explore.view.page import document

MOST_OF_A_RULE: Final = 10


def html(
    result: AuditResult,
    payload: bytes,
    embedded_evidence: str,
    digest: str,
    title: str,
    notes: Sequence[str],
) -> str:
    """Write the report; ``digest`` is that of ``payload`` and ``embedded_evidence`` (JSON)."""
    visible = result.jobs.select(result.columns)
    first = pl.int_range(pl.len()).over("rule") < MOST_OF_A_RULE
    return document(
        payload,
        result.view_verdict,
        main_cause(visible),
        templates=result.names,
        labels=batch_labels(visible, result.names),
        state=result.state,
        template="reporting/templates/report.html",
        style=front_end("report.css"),
        script=front_end("report.js"),
        title=title,
        result=result,
        scope=_scope(result),
        severities=_counts(result.findings["severity"], (*SEVERITIES, WAIVED)),
        findings=result.findings.filter(first).to_dicts(),
        most_of_a_rule=MOST_OF_A_RULE,
        outcomes=_counts(result.verdicts["verdict"], ("found", "passed", "not evaluated")),
        rules={rule.name: rule for rule in result.rules},
        facts=evidence.facts(result, notes),
        digest=digest,
        embedded_evidence=embedded_evidence,
        pages=[] if result.pages is None else result.pages.to_dicts(),
        document_pages=[] if result.document_pages is None else result.document_pages.to_dicts(),
        tables=_tables(result),
    )


def _scope(result: AuditResult) -> str:
    noun = "Batch" if len(result.batches) == 1 else "Batches"
    named = f"{noun} {listed(result.batches, most=20)}" if result.batches else "No batch"
    sentence = result.scope.sentence.removesuffix(".") or named
    return f"{sentence}. {counted(result.jobs.height, 'job')}."


def _counts(values: pl.Series, keys: Sequence[str]) -> dict[str, Any]:
    return dict.fromkeys(keys, 0) | dict(values.value_counts().iter_rows())


def _tables(result: AuditResult) -> list[tables.Table]:
    jobs, columns = result.jobs, result.columns
    drawn = [
        tables.statuses(jobs, by_output_type="output_type" in columns),
        tables.reasons(jobs) if "errors" in columns else None,
        tables.first_rows(jobs, columns, result.names),
    ]
    return [table for table in drawn if table]
