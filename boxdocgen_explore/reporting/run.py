"""Reading, explorer or frame -> `AuditResult`: redacts the jobs, then evaluates each rule once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from boxdocgen_explore.auditing import RULES, Rule, evaluate, requested, split_reading
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.reporting.redaction import PLACEHOLDER, Redaction, redact_jobs
from boxdocgen_explore.reporting.result import CHAIN_RULES, AuditResult, Scope
from boxdocgen_explore.schema import PAGES, TEMPLATES, VERDICTS
from boxdocgen_explore.view.filters import check_state


@dataclass(frozen=True)
class _Unpacked:
    jobs: pl.DataFrame
    pages: pl.DataFrame
    failures: Mapping[str, BoxDocGenError]
    state: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    enterprise_id: str | None = None
    as_user: str | None = None


def run_audit(
    reading: Any,
    *,
    scope: Scope | str | None = None,
    templates: Mapping[str, str] | pl.DataFrame | None = None,
    state: Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    redact: str | Collection[str] = (),
    rules: Sequence[Rule] | None = None,
    **options: Any,
) -> AuditResult:
    """Audit a reading, an explorer or a jobs frame; ``options`` are those of `audit`.

    Raises:
        InvalidRequest: an option, the state, or a column to leave out is invalid.
    """
    what = _unpack(reading)
    redaction = redact_jobs(what.jobs, columns, redact)
    options = {name: value for name, value in options.items() if value is not None}
    audited_at = dt.datetime.now(dt.UTC)
    named = _template_frame(templates, what.names)
    if "template_file_id" in redaction.removed:
        named = named.clear()
    rules = RULES if rules is None else rules
    skipped = redaction.skipped_rules(rules, options.get("expected"))
    redacted = Reading(redaction.jobs, what.pages, what.failures)
    findings, verdicts = evaluate(
        redacted,
        rules=[rule for rule in rules if rule.name not in skipped],
        **{"now": audited_at, **options, "templates": named},
    )
    on_chain = findings.filter(pl.col("rule").is_in(CHAIN_RULES))
    if absent := [rule for rule in RULES if rule.name in CHAIN_RULES and rule not in rules]:
        ours = pl.col("rule").is_in([rule.name for rule in absent])
        on_chain = pl.concat([on_chain.filter(~ours), evaluate(redacted, rules=absent)[0]])
    return AuditResult(
        redaction=redaction,
        pages=what.pages if what.pages.height else None,
        failures=what.failures,
        findings=findings,
        verdicts=_with_skipped(verdicts, rules, skipped),
        chain_findings=on_chain,
        rules=rules,
        requested=requested(rules=rules, **options),
        settings=_without_creators(options, redaction),
        scope=scope if isinstance(scope, Scope) else Scope(scope or ""),
        state=_state(what.state if state is None else state, redaction),
        names=dict(named.drop_nulls().iter_rows()),
        audited_at=audited_at,
        enterprise_id=what.enterprise_id,
        as_user=what.as_user,
    )


def _unpack(what: Any) -> _Unpacked:
    if isinstance(getattr(what, "loaded", None), pl.DataFrame):  # an explorer: all its rows
        loaded = _unpack(what.loaded if what.reading is None else what.reading)
        return replace(loaded, state=what.state, names=what.view.templates)
    jobs, pages, failures = split_reading(what)
    return _Unpacked(
        jobs,
        pl.DataFrame(schema=PAGES) if pages is None else pages,
        failures,
        enterprise_id=getattr(getattr(what, "user", None), "enterprise_id", None),
        as_user=getattr(what, "as_user", None),
    )


def _with_skipped(
    verdicts: pl.DataFrame, rules: Sequence[Rule], skipped: Mapping[str, Sequence[str]]
) -> pl.DataFrame:
    """Add the rules that redaction skipped, in the order of ``rules``."""
    rows = {row[0]: row for row in verdicts.iter_rows()}
    for name, columns in skipped.items():
        rows[name] = (name, "not evaluated", 0, f"{', '.join(columns)} {PLACEHOLDER}")
    return pl.DataFrame([rows[rule.name] for rule in rules], schema=VERDICTS, orient="row")


def _without_creators(options: Mapping[str, Any], redaction: Redaction) -> dict[str, Any]:
    """Settings are written to the file: those that name creators go with the column."""
    gone = {"creators"} if "created_by_login" in redaction.removed else set()
    return {key: PLACEHOLDER if key in gone else value for key, value in options.items()}


def _state(state: Mapping[str, Any], redaction: Redaction) -> dict[str, Any]:
    """Drop the filters by redacted columns: they would name values, and show no job."""
    column = {"reason": "errors", "text": "errors", "day": "created_at"}
    state = check_state(state)
    return {key: state[key] for key in state if column.get(key, key) not in redaction.removed}


def _template_frame(
    templates: Mapping[str, str] | pl.DataFrame | None, known: Mapping[str, str]
) -> pl.DataFrame:
    """Names of templates as a frame (`schema.TEMPLATES`), however they were given."""
    if isinstance(templates, pl.DataFrame):
        if missing := [name for name in TEMPLATES if name not in templates.columns]:
            raise InvalidRequest(
                f"The frame of templates has no column {missing[0]}; pass what box.templates() "
                "returns, or a dict of names by file id."
            )
        return templates.select(list(TEMPLATES))
    names = {**known, **(templates or {})}
    return pl.DataFrame(list(names.items()), schema=TEMPLATES, orient="row")
