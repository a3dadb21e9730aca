"""Runs the rules once, on all batches together; judges all of them, or each by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.needs import NEEDS, missing
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import BATCH_VERDICTS, FINDINGS, SEVERITIES, VERDICTS, WAIVED

Found = tuple[pl.DataFrame, pl.Series | None]
"""Findings, and the batches that they name; None if the rule judges all batches together."""


def run(
    inputs: AuditInput, rules: Sequence[Rule]
) -> tuple[pl.DataFrame, dict[str, str | None], list[Found]]:
    """Run every rule; give all findings, what each rule lacks, and what each rule found."""
    found = [_findings(rule, inputs) for rule in rules]
    lacks = {rule.name: _lacks(rule, inputs) for rule in rules}
    findings = pl.concat([pl.DataFrame(schema=FINDINGS), *(one for one, _ in found)])
    return in_order(findings, lacks), lacks, found


def verdicts_of(lacks: Mapping[str, str | None], findings: pl.DataFrame) -> pl.DataFrame:
    """Give one row per rule (`schema.VERDICTS`); none passes if some of its input was missing."""
    counts = dict(findings["rule"].value_counts().iter_rows())
    rows = [_verdict(rule, counts.get(rule, 0), lack) for rule, lack in lacks.items()]
    return pl.DataFrame(rows, schema=VERDICTS, orient="row")


def in_order(findings: pl.DataFrame, rules: Iterable[str]) -> pl.DataFrame:
    """Sort by severity, then as the rules."""
    orders = {"severity": (*SEVERITIES, WAIVED), "rule": [*rules]}
    places = [pl.col(name).replace_strict(one, range(len(one))) for name, one in orders.items()]
    return findings.sort(places, maintain_order=True)


def judge_batches(
    inputs: AuditInput, rules: Sequence[Rule], found: Sequence[Found]
) -> pl.DataFrame:
    """Judge every batch by its own findings, and by what is missing of it alone.

    The rules have run once, on all batches: what two batches share is found in both of them.
    """
    read: list[str | None] = [*inputs.failures, *inputs.batches] or [None]
    judged = [
        {None: one.height} if batches is None else dict.fromkeys(read, 0) | Counter(batches)
        for one, batches in found
    ]
    batch_ids = dict.fromkeys(one for counts in judged for one in counts)
    rows: list[tuple[Any, ...]] = []
    for batch_id in sorted(batch_ids, key=lambda one: one is None):
        part = inputs if batch_id is None else inputs.of(batch_id)
        for rule, counts in zip(rules, judged, strict=True):
            if batch_id in counts:
                row = _verdict(rule.name, counts[batch_id], _lacks(rule, part))
                rows.append((batch_id, *row))
    return pl.DataFrame(rows, schema=BATCH_VERDICTS, orient="row")


def _verdict(rule: str, findings: int, lacks: str | None) -> tuple[str, str, int, str | None]:
    verdict = "found" if findings else "not evaluated" if lacks else "passed"
    return rule, verdict, findings, lacks


def _lacks(rule: Rule, inputs: AuditInput) -> str | None:
    return "; ".join(gap.text for gap in missing(rule, inputs)) or None


def _findings(rule: Rule, inputs: AuditInput) -> Found:
    """Run a rule; it finds nothing if it cannot be evaluated at all."""
    if any(gap.entirely for gap in missing(rule, inputs)):
        return pl.DataFrame(schema=FINDINGS), pl.Series(dtype=pl.String)
    found = rule.check(inputs)
    if not isinstance(found, pl.DataFrame) or "detail" not in found.columns:
        raise InvalidRequest(f"The rule {rule.name} must return a frame with a column detail.")
    columns: dict[str, pl.Expr] = dict.fromkeys(FINDINGS, pl.lit(None))
    columns |= {"rule": pl.lit(rule.name), "severity": pl.lit(rule.severity)}
    columns |= {name: pl.col(name) for name in found.columns if name in FINDINGS and name != "rule"}
    rows = found.select(columns[name].cast(dtype).alias(name) for name, dtype in FINDINGS.items())
    if odd := {*rows["severity"]} - {*SEVERITIES}:
        raise InvalidRequest(
            f"The rule {rule.name} gave the severity {odd.pop()!r}; it must be one of "
            f"{', '.join(SEVERITIES)}."
        )
    if "of_batches" in found.columns:
        return rows, found["of_batches"].explode(empty_as_null=False)
    return rows, rows["batch_id"] if "batch_id" in found.columns else None


def checked_rules(rules: Iterable[Rule] | None) -> Sequence[Rule]:
    """All rules, or those that are given, if each is one and has its own name."""
    chosen = RULES if rules is None else tuple(rules) if isinstance(rules, Iterable) else (None,)
    if not all(isinstance(rule, Rule) for rule in chosen):
        raise InvalidRequest("rules must be a list of Rule; to add one, pass [*RULES, mine].")
    names: set[str] = set()
    for rule in chosen:
        if rule.name in names:
            raise InvalidRequest(f"Two rules are called {rule.name!r}; a name must be unique.")
        names.add(rule.name)
        if unknown := [need for need in rule.needs if need not in NEEDS]:
            raise InvalidRequest(
                f"The rule {rule.name} needs {unknown[0]!r}; known needs: {', '.join(NEEDS)}."
            )
        if rule.severity not in SEVERITIES:
            raise InvalidRequest(
                f"The rule {rule.name} has the severity {rule.severity!r}; "
                f"it must be one of {', '.join(SEVERITIES)}."
            )
    return chosen
