"""Fill in the template of a report, whose sections are readable without scripts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl
from markupsafe import Markup

from boxdocgen_explore.auditing import ABOUT, flag
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.messages import NO_REASON
from boxdocgen_explore.reporting.embedded import evidence_as_json, packed_record
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.reporting.trend import trend
from boxdocgen_explore.schema import PROBLEMS, RUNNING, WAIVED
from boxdocgen_explore.text import shortened, visible
from boxdocgen_explore.view import batch_labels, fragment, main_cause, pack, tables
from boxdocgen_explore.view.html import fill, front_end
from boxdocgen_explore.view.page import document
from boxdocgen_explore.view.script import script

MOST_OF_A_RULE: Final = 10
MOST_BATCHES: Final = 100
_MOST_LINKED: Final = 50
_DESCRIPTION: Final = ("template", "created_at", "created_by")
_STATE_OF: Final[Mapping[str, Mapping[str, Any]]] = {
    "failed-share": {"status": ["failed"]},
    "error-share": {"status": ["completed_with_error"]},
    "not-final": {"status": sorted(RUNNING)},
    "no-message": {"reason": [NO_REASON]},
    "failure-groups": {"status": sorted(PROBLEMS)},
}
"""The status of the jobs that a rule counts."""
_HOW: Final = {
    "details": "read the batches with details=True (--details)",
    "the complete list": "read the batches with details=True (--details)",
    "documents": "read the batches with documents=True (--documents)",
    "a manifest": "give the manifest as expected (--expected FILE)",
    "evidence": "audit a reading; a plain frame says nothing of its pages",
    **{name: f"{about} ({flag(name)})" for name, about in ABOUT.items()},
}
"""How to provide a missing input, by the start of its name."""


def html(result: AuditResult, record: Mapping[str, Any]) -> str:
    """The report without its seals."""
    visible = result.jobs.select(result.columns)
    return document(
        pack(visible),
        result.view_verdict,
        main_cause(visible),
        templates=result.names,
        labels=batch_labels(visible, result.names),
        state=result.state,
        template="reporting/templates/report.html",
        style=front_end("report.css") + _print_header(record["title"]),
        script=script("re_perform.js", "report.js"),
        title=record["title"],
        statements=Markup(statements(record, result.pages, result.reading.document_pages)),  # noqa: S704
        evidence=evidence_as_json(result.reading),
        record=packed_record(record),
        tables=_tables(result),
    )


def statements(
    record: Mapping[str, Any], pages: pl.DataFrame, document_pages: pl.DataFrame | None
) -> str:
    """The statements of the report, above the view, from these arguments only."""
    groups = list(_grouped(record))
    batches, clock = record["batch_table"], record["settings"].get("now")
    return fill(
        "reporting/templates/statements.html",
        record=record,
        clock=clock and dt.datetime.fromisoformat(clock),
        audited_at=dt.datetime.fromisoformat(record["audited_at"]),
        other_hosts=_other_hosts(record),
        described={name: any(batch[name] for batch in batches) for name in _DESCRIPTION},
        links={batch["batch_id"]: _link({"batch_id": [batch["batch_id"]]}) for batch in batches},
        most_batches=MOST_BATCHES,
        most_changes=MOST_OF_A_RULE,
        trend=trend(record["history"]),
        not_performed=_not_performed(record),
        severities=Counter(finding["severity"] for finding in record["findings"]),
        exceptions=[group for group in groups if group["severity"] in ("error", "warning")],
        waived=[group for group in groups if group["severity"] == WAIVED],
        information=[group for group in groups if group["severity"] == "info"],
        outcomes=Counter(verdict["verdict"] for verdict in record["verdicts"]),
        rules={rule["name"]: rule for rule in record["rules"]},
        pages=pages.to_dicts(),
        document_pages=[] if document_pages is None else document_pages.to_dicts(),
        with_documents=document_pages is not None,
    )


def _other_hosts(record: Mapping[str, Any]) -> list[str]:
    hosts = {user["host"] for user in record["reader"]["users"]}
    return sorted(hosts - {"api.box.com", "demo", None})


def _grouped(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Group the findings by severity and rule, in their order."""
    checks = {rule["name"]: rule["checks"] for rule in record["rules"]}
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for finding in record["findings"]:
        groups.setdefault((finding["severity"], finding["rule"]), []).append(finding)
    for (severity, rule), found in groups.items():
        about = checks.get(rule, "")
        yield {
            "rule": rule,
            "severity": severity,
            "count": len(found),
            "batches": len({finding["batch_id"] for finding in found} - {None}),
            "detail": found[0]["detail"],
            "checks": f"Checks: {about}.",
            "rows": found[:MOST_OF_A_RULE],
            "link": _link(state := _state(rule, found)),
            "shown": "this batch" if state.keys() == {"batch_id"} else "these jobs",
        }


def _link(state: Mapping[str, Any]) -> str:
    """The address of these filters; empty if they do not fit in an address."""
    try:
        return fragment(state)
    except InvalidRequest:  # an id with NUL, in a frame that is not from Box
        return ""


def _state(rule: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The filters that show the jobs of these findings; none if there are too many."""
    jobs = [finding["job_id"] for finding in found if finding["job_id"]]
    batches = list(dict.fromkeys(finding["batch_id"] for finding in found if finding["batch_id"]))
    if jobs:
        return {"text": " ".join(jobs)} if len(jobs) == len(found) <= _MOST_LINKED else {}
    by_batch = {"batch_id": batches} if 0 < len(batches) <= _MOST_LINKED else {}
    return {**by_batch, **_STATE_OF.get(rule, {})}


def _not_performed(record: Mapping[str, Any]) -> dict[str, tuple[list[str], str]]:
    """The missing inputs, each with the rules that need it and how to provide it."""
    missing: dict[str, tuple[list[str], str]] = {}
    for verdict in record["verdicts"]:
        if verdict["verdict"] == "not evaluated":
            lacks = verdict["lacks"] or "jobs"
            parts = lacks.split("; ")
            how = [text for part in parts for need, text in _HOW.items() if part.startswith(need)]
            missing.setdefault(lacks, ([], "; ".join(how)))[0].append(verdict["rule"])
    return missing


def _print_header(title: str) -> str:
    """A style that prints the title, with any content, at the top of each page."""
    shown = shortened(visible(title), 80)
    text = "".join(
        character if character.isalnum() else f"\\{ord(character):x} " for character in shown
    )
    return f'@page {{ @top-left {{ content: "{text}" }} }}\n'


def _tables(result: AuditResult) -> list[tables.Table]:
    jobs, columns = result.jobs, result.columns
    drawn = [
        tables.statuses(jobs, by_output_type="output_type" in columns),
        tables.reasons(jobs) if "errors" in columns else None,
        tables.first_rows(jobs, columns, result.names),
    ]
    return [table for table in drawn if table]
