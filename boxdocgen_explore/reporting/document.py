"""Fills in the template of a report: its sections can be read without any script."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from markupsafe import Markup

from boxdocgen_explore.reporting.embedded import packed_record
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.view import batch_labels, main_cause, tables
from boxdocgen_explore.view.html import fill, front_end
from boxdocgen_explore.view.page import document

MOST_OF_A_RULE: Final = 10


def html(
    result: AuditResult, record: Mapping[str, Any], payload: bytes, embedded_evidence: str
) -> str:
    """Write the report without its seals; ``payload`` has the jobs, ``embedded_evidence`` JSON."""
    visible = result.jobs.select(result.columns)
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
        title=record["title"],
        statements=Markup(statements(record, result.pages, result.document_pages)),  # noqa: S704
        evidence=embedded_evidence,
        record=packed_record(record),
        tables=_tables(result),
    )


def statements(
    record: Mapping[str, Any], pages: pl.DataFrame | None, document_pages: pl.DataFrame | None
) -> str:
    """Write what the report states, above the view; nothing but these arguments is in it."""
    shown: Counter[str] = Counter()
    findings = []
    for one in record["findings"]:
        shown[one["rule"]] += 1
        if shown[one["rule"]] <= MOST_OF_A_RULE:
            findings.append(one)
    return fill(
        "reporting/templates/statements.html",
        record=record,
        audited_at=dt.datetime.fromisoformat(record["audited_at"]),
        severities=Counter(one["severity"] for one in record["findings"]),
        findings=findings,
        most_of_a_rule=MOST_OF_A_RULE,
        outcomes=Counter(one["verdict"] for one in record["verdicts"]),
        rules={rule["name"]: rule for rule in record["rules"]},
        pages=[] if pages is None else pages.to_dicts(),
        document_pages=[] if document_pages is None else document_pages.to_dicts(),
        with_documents=document_pages is not None,
    )


def _tables(result: AuditResult) -> list[tables.Table]:
    jobs, columns = result.jobs, result.columns
    drawn = [
        tables.statuses(jobs, by_output_type="output_type" in columns),
        tables.reasons(jobs) if "errors" in columns else None,
        tables.first_rows(jobs, columns, result.names),
    ]
    return [table for table in drawn if table]
