"""The record of an audit: everything that the report states, as values that JSON can hold.

The report is drawn from it and contains it, an evidence bag has it as ``audit.json``, and whoever
repeats the audit on the original pages must arrive at the same one.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import polars as pl
import polars.selectors as cs

from boxdocgen_explore.auditing import Rule
from boxdocgen_explore.reporting import evidence
from boxdocgen_explore.reporting.canonical_json import canonical
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.text import counted, listed

FORMAT: Final = "boxdocgen-audit-1"
_PACKAGE: Final = Path(__file__).parents[1]


def audit_record(result: AuditResult, title: str, notes: Sequence[str]) -> dict[str, Any]:
    """Give the record of an audit; times are ISO 8601, in UTC."""
    settings, code = stated_settings(result.settings), code_sha256()
    noun = "Batch" if len(result.batches) == 1 else "Batches"
    named = f"{noun} {listed(result.batches, most=20)}" if result.batches else "No batch"
    covered = result.scope.sentence.removesuffix(".") or named
    return {
        "format": FORMAT,
        "code": {"package": version("boxdocgen-explore"), "sha256": code},
        "title": title,
        "notes": [*notes],
        "audited_at": result.audited_at.isoformat(),
        "scope": _plain(asdict(result.scope)),
        "scope_statement": f"{covered}. {counted(result.jobs.height, 'job')}.",
        "reader": _reader(result),
        "settings": settings,
        "templates": dict(result.names),
        "rules": stated_rules(result.rules),
        "rules_version": evidence.rules_version(result.rules),
        "columns": [*result.columns],
        "removed": [*result.removed],
        "calls": result.calls,
        "demo": result.view_verdict.demo,
        "conclusion": result.conclusion,
        "population": result.population,
        "statements": result.statements,
        "complete": result.complete,
        "incomplete_batches": result.incomplete,
        "failures": {one: str(error) for one, error in result.failures.items()},
        "outcome": _counts(result.jobs),
        "batches": _batches(result),
        "checks": result.check_counts(),
        "findings": result.findings.to_dicts(),
        "verdicts": result.verdicts.to_dicts(),
        "facts": [
            [term, [*sentences]]
            for term, sentences in evidence.facts(result, notes, settings, code)
        ],
    }


def stated_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Give an audit's options as JSON: a manifest or a frame by its rows and SHA-256."""
    given = {name: value for name, value in settings.items() if name != "expected"}
    stated: dict[str, Any] = _plain(given)
    if settings.get("expected") is not None:
        name, content = manifest_file(settings["expected"])
        stated["expected"] = {"name": name, "sha256": hashlib.sha256(content).hexdigest()}
    return dict(sorted(stated.items()))


def stated_rules(rules: Iterable[Rule]) -> list[dict[str, str]]:
    """Give the rules as JSON: what each is called, checks, and why."""
    return [{name: getattr(rule, name) for name in _STATED} for rule in rules]


_STATED: Final = ("name", "severity", "checks", "why")


def manifest_file(expected: str | os.PathLike[str] | pl.DataFrame) -> tuple[str, bytes]:
    """Give a manifest's file name and content; of a frame, the CSV file that it would be."""
    if isinstance(expected, pl.DataFrame):
        return "manifest.csv", expected.select(~cs.nested()).write_csv().encode()
    path = Path(expected).expanduser()
    return path.name, path.read_bytes()


@functools.cache
def code_sha256() -> str:
    """Give the SHA-256 of this package's code: the same code has the same digest anywhere."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _reader(result: AuditResult) -> dict[str, Any]:
    users = []
    if result.pages is not None:
        columns = result.pages.select("host", "user_id", "user_login")
        users = columns.unique(maintain_order=True).to_dicts()
    return {"users": users, "enterprise_id": result.enterprise_id, "as_user": result.as_user}


def _counts(jobs: pl.DataFrame) -> dict[str, Any]:
    statuses = jobs["status"].fill_null("(none)").value_counts()
    return {"jobs": jobs.height, "by_status": dict(statuses.iter_rows())}


def _batches(result: AuditResult) -> dict[str, dict[str, int]]:
    """The number of jobs by batch and status."""
    counts: dict[str, dict[str, int]] = {batch_id: {} for batch_id in result.batches}
    groups = result.jobs.drop_nulls("batch_id").group_by("batch_id", "status").len()
    for batch_id, status, jobs in groups.iter_rows():
        counts[batch_id][status or "(none)"] = jobs
    return counts


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, pl.DataFrame):
        content = canonical(value.to_dicts()).encode()
        return {"rows": value.height, "sha256": hashlib.sha256(content).hexdigest()}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
