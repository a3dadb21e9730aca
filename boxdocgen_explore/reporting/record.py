"""The record of an audit: everything that the report states, as JSON.

The report is made from it and contains it. An evidence bag has it as ``audit.json``. Repeating the
audit on the original pages must give the same record.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import polars as pl
import polars.selectors as cs

from boxdocgen_explore import build_cache
from boxdocgen_explore.arguments import checked_text, checked_texts
from boxdocgen_explore.auditing import Policy, Rule
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.reporting import evidence
from boxdocgen_explore.reporting.batches import batch_rows
from boxdocgen_explore.reporting.canonical_json import canonical
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.text import counted, listed
from boxdocgen_explore.view import main_cause

_TITLE: Final = "Audit of Box Doc Gen batches"


def audit_record(
    result: AuditResult, title: str | None, notes: str | Sequence[str]
) -> dict[str, Any]:
    """Return the record of an audit; times are ISO 8601 in UTC.

    Raises:
        InvalidRequest: title or notes are not texts.
    """
    notes, code, settings = checked_texts("notes", notes), stated_code(), _settings(result.settings)
    noun = "Batch" if len(result.batches) == 1 else "Batches"
    named = f"{noun} {listed(result.batches, most=20)}" if result.batches else "No batch"
    covered = result.scope.sentence.removesuffix(".") or named
    jobs = counted(result.jobs.height, "job")
    if result.incomplete:
        jobs = f"At least {jobs}" if result.jobs.height else "No job was read"
    facts = evidence.facts(result, notes, settings, code)
    return {
        "code": code,
        "title": checked_text("title", _TITLE if title is None else title) or _TITLE,
        "notes": notes,
        "audited_at": result.audited_at.isoformat(),
        "prepared_by": result.prepared_by,
        "reviewed_by": result.reviewed_by,
        "scope": _plain(asdict(replace(result.scope, list_pages=None, listed=None))),
        "scope_statement": f"{covered}. {jobs}.",
        "reader": _reader(result),
        "settings": settings,
        "thresholds": _plain(result.thresholds),
        "templates": dict(result.names),
        "rules": [stated_rule(rule) for rule in result.rules],
        "columns": [*result.columns],
        "removed": [*result.removed],
        "calls": result.reading.calls,
        "demo": result.demo,
        "cause": ["".join(line) for line in main_cause(result.jobs.select(result.columns))],
        "conclusion": result.conclusion,
        "statements": result.statements,
        "complete": result.complete,
        "incomplete_batches": result.incomplete,
        "failures": {batch_id: str(error) for batch_id, error in result.reading.failures.items()},
        "outcome": _outcome(result),
        "batch_table": batch_rows(result),
        "findings": result.findings.to_dicts(),
        "verdicts": result.verdicts.to_dicts(),
        "history": result.history,
        "sample": result.sample,
        "unused": [*result.unused],
        "facts": [[term, [*sentences]] for term, sentences in facts],
    }


def stated_rule(rule: Rule) -> dict[str, str]:
    """A rule, as in the record."""
    return {name: getattr(rule, name) for name in ("name", "severity", "checks", "why")}


def manifest_file(expected: str | os.PathLike[str] | pl.DataFrame) -> tuple[str, bytes]:
    """Return a manifest's file name and content; a frame is converted to CSV."""
    if isinstance(expected, pl.DataFrame):
        return "manifest.csv", expected.select(~cs.nested()).write_csv().encode()
    path = Path(expected).expanduser()
    return path.name, path.read_bytes()


def stated_code() -> dict[str, str]:
    """Return the version of this package and the SHA-256 of its code (`build_cache.sources`)."""
    return {"package": version("boxdocgen-explore"), "sha256": build_cache.sources()}


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an audit, sorted; a manifest as name and SHA-256, a frame as its rows."""
    stated = dict(settings)
    if "expected" in stated:
        name, content = manifest_file(stated["expected"])
        stated["expected"] = {"name": name, "sha256": hashlib.sha256(content).hexdigest()}
    return {name: _plain(stated[name]) for name in sorted(stated)}


def _reader(result: AuditResult) -> dict[str, Any]:
    columns, user = ["host", "user_id", "user_login"], result.reading.user
    users = result.pages.select(columns).unique(maintain_order=True).to_dicts()
    if not users and user:  # no page arrived
        users = [dict(zip(columns, (None, user.id, user.login), strict=True))]
    return {
        "users": users,
        "enterprise_id": result.enterprise_id,
        "as_user": result.reading.as_user,
    }


def _outcome(result: AuditResult) -> dict[str, dict[str, int]]:
    """The number of jobs by batch and status."""
    counts: dict[str, dict[str, int]] = {batch_id: {} for batch_id in result.batches}
    groups = result.jobs.drop_nulls("batch_id").group_by("batch_id", "status").len()
    for batch_id, status, jobs in groups.iter_rows():
        counts[batch_id][status or "(none)"] = jobs
    return counts


def _plain(value: Any) -> Any:
    """A value for JSON."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, Policy):
        return str(value)
    if isinstance(value, Reading):
        value = value.jobs
    if isinstance(value, pl.DataFrame):
        content = canonical(value.select(~cs.temporal()).to_dicts())
        return {"rows": value.height, "sha256": hashlib.sha256(content.encode()).hexdigest()}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [
            _plain(item)
            for item in (sorted(value) if isinstance(value, set | frozenset) else value)
        ]
    return value
