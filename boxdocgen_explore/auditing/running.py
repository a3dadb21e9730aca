"""Run a rule on all batches together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.needs import NEEDS, lacks_of
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import FINDINGS, SEVERITIES, VERDICTS, WAIVED


class Outcome(NamedTuple):
    """The findings of a rule (`schema.FINDINGS`), and its missing input.

    ``batches`` has the batches of each finding; None if the rule evaluates all together.
    """

    rule: Rule
    lacks: str | None
    findings: pl.DataFrame
    batches: pl.Series | None


def not_run(rule: Rule, lacks: str | None) -> Outcome:
    """The outcome of a rule that cannot be evaluated at all."""
    return Outcome(rule, lacks, pl.DataFrame(schema=FINDINGS), pl.Series(dtype=pl.String))


def run(rule: Rule, inputs: AuditInput) -> Outcome:
    """Run a rule, unless it cannot be evaluated at all."""
    lacks, entirely = lacks_of(rule, inputs)
    if entirely:
        return not_run(rule, lacks)
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
    batches = rows["batch_id"] if "batch_id" in found.columns else None
    if "of_batches" in found.columns:
        batches = found["of_batches"].explode(empty_as_null=False)
    return Outcome(rule, lacks, rows, batches)


def verdict(findings: int, lacks: str | None) -> tuple[str, int, str | None]:
    """The verdict; a rule does not pass if part of its input was missing."""
    return "found" if findings else "not evaluated" if lacks else "passed", findings, lacks


def verdicts_of(lacks: Mapping[str, str | None], findings: pl.DataFrame) -> pl.DataFrame:
    """Return one row per rule (`schema.VERDICTS`)."""
    counts = dict(findings["rule"].value_counts().iter_rows())
    rows = [(rule, *verdict(counts.get(rule, 0), lack)) for rule, lack in lacks.items()]
    return pl.DataFrame(rows, schema=VERDICTS, orient="row")


def in_order(findings: pl.DataFrame, rules: Iterable[str]) -> pl.DataFrame:
    """Sort by severity, then in the order of the rules."""
    orders = {"severity": (*SEVERITIES, WAIVED), "rule": [*rules]}
    places = [pl.col(name).replace_strict(one, range(len(one))) for name, one in orders.items()]
    return findings.sort(places, maintain_order=True)


def checked_rules(rules: Iterable[Rule] | None) -> Sequence[Rule]:
    """The given rules, or all; each must be a Rule with a unique name."""
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
