"""Reading, explorer or frame -> `AuditResult`: redacts the jobs, then evaluates each rule once."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from boxdocgen_explore.arguments import checked_text, template_names
from boxdocgen_explore.auditing import (
    RULES,
    Evaluation,
    InputOptions,
    Policy,
    Rule,
    audit,
    audit_input,
    checked_reading,
    checked_rules,
    combined,
    evaluations,
    read_policy,
)
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.reporting.drawn import drawn
from boxdocgen_explore.reporting.redaction import (
    PLACEHOLDER,
    redact_document_pages,
    redact_jobs,
    skipped_rules,
)
from boxdocgen_explore.reporting.result import CHAIN_RULES, AuditResult
from boxdocgen_explore.reporting.scope import Scope
from boxdocgen_explore.schema import TEMPLATES
from boxdocgen_explore.search import SEARCHED
from boxdocgen_explore.view.filters import check_state


class ReportOptions(InputOptions, total=False):
    """The options of `report` for the audit and its record."""

    rules: Sequence[Rule] | None
    policy: str | os.PathLike[str] | Policy | None
    prepared_by: str | None
    reviewed_by: str | None
    sample: int | None
    seed: int | str | None


class EvidenceOptions(ReportOptions, total=False):
    """The options of `evidence` for the report."""

    scope: Scope | str | None
    templates: Mapping[str, str] | pl.DataFrame | None
    state: Mapping[str, Any] | None
    columns: Collection[str] | None
    redact: str | Collection[str]


def run_audit(
    what: Any,
    *,
    scope: Scope | str | None = None,
    templates: Mapping[str, str] | pl.DataFrame | None = None,
    state: Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    redact: str | Collection[str] = (),
    rules: Sequence[Rule] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    audited_at: dt.datetime | None = None,
    prepared_by: str | None = None,
    reviewed_by: str | None = None,
    sample: int | None = None,
    seed: int | str | None = None,
    **options: Any,
) -> AuditResult:
    """Audit a reading, an explorer or a jobs frame; ``options`` are those of `audit`.

    ``audited_at`` (UTC) is the time of the audit that is repeated; the default is now. The other
    arguments are those of `report`.

    1. Redact the jobs.
    2. Evaluate the rules that do not need the removed columns.
    3. Evaluate those of `CHAIN_RULES` that ``rules`` lacks, which decide on completeness.

    Raises:
        InvalidRequest: an option, the state, or a column to leave out is invalid.
    """
    if not isinstance(scope, Scope):
        scope = Scope("" if scope is None else checked_text("scope", scope))
    reading, names, state = _read(what, state, scope)
    jobs, columns, removed = redact_jobs(reading.jobs, columns, redact)
    document_pages = redact_document_pages(reading.document_pages, removed)
    sampled = drawn(jobs, sample, seed)
    rules, policy = checked_rules(rules), read_policy(policy)
    if "template_file_id" in removed and policy.by_template:
        raise InvalidRequest(
            "The policy is about templates, so template_file_id cannot be left out."
        )
    options = {name: value for name, value in options.items() if value is not None}
    audited_at = audited_at or dt.datetime.now(dt.UTC)
    if templates is None and reading.template_names:
        templates = reading.template_names()
    named = _template_frame(templates, names)
    named = named.clear() if "template_file_id" in removed else named

    reading = replace(reading, jobs=jobs, document_pages=document_pages)
    skipped = skipped_rules(rules, removed, _manifests(options, policy))
    given: Any = {"now": audited_at, **options, "templates": named}
    parts = evaluations(reading, rules=rules, policy=policy, skipped=skipped, **given)
    findings, verdicts = combined(parts)
    return AuditResult(
        reading=reading,
        columns=columns,
        removed=removed,
        findings=findings,
        verdicts=verdicts,
        parts=parts,
        chain_findings=_chain_findings(reading, rules, findings),
        unevaluated=_unevaluated(rules, parts, documents=document_pages is not None),
        rules=rules,
        settings=_settings(options, policy, removed),
        scope=scope,
        state=_without_filters(state or {}, removed),
        names=dict(named.drop_nulls().iter_rows()),
        audited_at=audited_at,
        prepared_by=None if prepared_by is None else checked_text("prepared_by", prepared_by),
        reviewed_by=None if reviewed_by is None else checked_text("reviewed_by", reviewed_by),
        sample=sampled,
        unused=policy.unused(findings, audit_input(reading, {}).used_templates),
    )


def _read(
    what: Any, state: Mapping[str, Any] | None, scope: Scope
) -> tuple[Reading, Mapping[str, str], Mapping[str, Any] | None]:
    """The reading; for an explorer also its template names and state (all its rows count)."""
    names: Mapping[str, str] = {}
    if isinstance(getattr(what, "loaded", None), pl.DataFrame):
        names, state = what.view.templates, what.state if state is None else state
        what = what.loaded if what.reading is None else what.reading
    reading = checked_reading(what)
    if reading.list_pages is None:
        reading = replace(reading, list_pages=scope.list_pages, listed=scope.listed)
    return reading, names, state


def _manifests(options: Mapping[str, Any], policy: Policy) -> list[Any]:
    """The manifests: the given one, otherwise those of the policy."""
    if "expected" in options:
        return [options["expected"]]
    return [own["expected"] for own in policy.settings.values() if "expected" in own]


def _settings(
    options: Mapping[str, Any], policy: Policy, removed: Collection[str]
) -> dict[str, Any]:
    """The declarations as written to the file, without redacted names."""
    settings = dict(options) | ({"policy": policy} if policy.name else {})
    if "creators" in settings and "created_by_login" in removed:
        settings["creators"] = PLACEHOLDER
    return settings


def _unevaluated(
    rules: Sequence[Rule], parts: Sequence[Evaluation], *, documents: bool
) -> list[str]:
    """The requested rules that could not be evaluated in some part."""
    in_vain = set[str]()
    for part in parts:
        asked = _requested(rules, part.options, documents=documents)
        in_vain |= asked & {*part.verdicts.filter(verdict="not evaluated")["rule"]}
    return [rule.name for rule in rules if rule.name in in_vain]


def _requested(
    rules: Sequence[Rule], options: Mapping[str, Any], *, documents: bool
) -> frozenset[str]:
    """The rules that options, a manifest or reading documents request.

    If one of them is not evaluated, the auditor's request was not fulfilled.
    """
    asked = {name for name, value in options.items() if value is not None and value is not False}
    return frozenset(
        rule.name
        for rule in rules
        if rule.option in asked or (documents and not rule.option and "documents" in rule.needs)
    )


def _chain_findings(
    reading: Reading, rules: Sequence[Rule], findings: pl.DataFrame
) -> pl.DataFrame:
    """The findings of the package's own rules on chains, also of those that ``rules`` lacks."""
    ours = [rule for rule in RULES if rule.name in CHAIN_RULES]
    evaluated = [rule.name for rule in ours if rule in rules]
    absent = [rule for rule in ours if rule not in rules]
    found = findings.filter(pl.col("rule").is_in(evaluated))
    return pl.concat([found, audit(reading, rules=absent)]) if absent else found


def _without_filters(state: Mapping[str, Any], removed: Sequence[str]) -> dict[str, Any]:
    """Drop filters by removed columns, which would reveal values and match no job."""
    columns = {"reason": ["errors"], "text": SEARCHED, "day": ["created_at"]}
    state = check_state(state)
    return {key: state[key] for key in state if not {*columns.get(key, [key])} & {*removed}}


def _template_frame(
    templates: Mapping[str, str] | pl.DataFrame | None, known: Mapping[str, str]
) -> pl.DataFrame:
    """Names of templates in any form, as a frame (`schema.TEMPLATES`)."""
    if not isinstance(templates, pl.DataFrame):
        names = {**known, **template_names(templates)}
        return pl.DataFrame(list(names.items()), schema=TEMPLATES, orient="row")
    if missing := [name for name in TEMPLATES if name not in templates.columns]:
        raise InvalidRequest(
            f"The frame of templates has no column {missing[0]}; pass what box.templates() "
            "returns, or a dict of names by file id."
        )
    return templates.select(list(TEMPLATES))
