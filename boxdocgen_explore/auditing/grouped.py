"""Evaluate the rules for each group of batches to which a policy gives the same options."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Unpack, cast

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput, audit_input, without
from boxdocgen_explore.auditing.needs import lacks_of
from boxdocgen_explore.auditing.options import AuditOptions
from boxdocgen_explore.auditing.policy import Policy, read_policy
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.running import (
    Outcome,
    checked_rules,
    in_order,
    not_run,
    run,
    verdict,
    verdicts_of,
)
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.schema import BATCH_VERDICTS, FINDINGS
from boxdocgen_explore.text import listed


class Inputs(NamedTuple):
    """The inputs of rules: all jobs, because a document may appear in two batches; but rules
    about a manifest or a control total get only the jobs of the batches that share it."""

    every_batch: AuditInput
    same_manifest: AuditInput
    same_total: AuditInput

    def seen_by(self, rule: Rule) -> AuditInput:
        shared = {"expected": self.same_manifest, "control_total": self.same_total}
        return shared.get(rule.option or "", self.every_batch)

    def of(self, batch_id: str) -> Inputs:
        """The part about one batch."""
        return Inputs(*(part.of(batch_id) for part in self))


@dataclass(frozen=True)
class Evaluation:
    """The results for the batches that share a set of options; ``elsewhere`` has the batches with
    other options."""

    batches: Collection[str]
    options: Mapping[str, Any]
    elsewhere: Collection[str]
    inputs: Inputs
    outcomes: Sequence[Outcome]
    skipped: Mapping[str, str]
    findings: pl.DataFrame

    @property
    def lacks(self) -> dict[str, str | None]:
        """The missing input of each rule."""
        return {outcome.rule.name: outcome.lacks for outcome in self.outcomes}

    @property
    def verdicts(self) -> pl.DataFrame:
        """The verdicts on all these batches (`schema.VERDICTS`)."""
        return verdicts_of(self.lacks, self.findings)

    @cached_property
    def counts(self) -> dict[str, dict[str | None, int]]:
        """The number of findings by rule and batch; shared findings count in each batch.

        Rules that evaluate all batches together have only a count for None.
        """
        none_found: dict[str | None, int] = dict.fromkeys(self.batches or (None,), 0)
        counts: dict[str, dict[str | None, int]] = {}
        for rule, _, findings, batches in self.outcomes:
            counts[rule.name] = {None: findings.height}
            if batches is not None:
                named = Counter(batch_id for batch_id in batches if batch_id not in self.elsewhere)
                counts[rule.name] = none_found | named
        return counts

    def judge_batches(self) -> pl.DataFrame:
        """Evaluate each batch by its own findings and its own missing input.

        Returns `schema.BATCH_VERDICTS`, batch by batch; rows without a batch come last.
        """
        batch_ids = dict.fromkeys(
            batch_id for counts in self.counts.values() for batch_id in counts
        )
        rows: list[tuple[Any, ...]] = []
        for batch_id in sorted(batch_ids, key=lambda one: one is None):
            inputs = self.inputs if batch_id is None else self.inputs.of(batch_id)
            for rule, *_ in self.outcomes:
                if batch_id in self.counts[rule.name]:
                    lacks = self.skipped.get(rule.name) or lacks_of(rule, inputs.seen_by(rule))[0]
                    findings = self.counts[rule.name][batch_id]
                    rows.append((batch_id, rule.name, *verdict(findings, lacks)))
        return pl.DataFrame(rows, schema=BATCH_VERDICTS, orient="row")


def evaluations(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    skipped: Mapping[str, str] | None = None,
    **options: Unpack[AuditOptions],
) -> list[Evaluation]:
    """Evaluate the rules once for each set of options that the policy gives to batches.

    ``skipped`` has the missing input of rules that must not be evaluated. Takes the arguments of
    `audit`, and raises the same errors.
    """
    policy, rules, skipped = read_policy(policy), checked_rules(rules), skipped or {}
    inputs = audit_input(reading, options)
    templates = inputs.used_templates
    groups = _groups(policy, templates, {**options, "now": inputs.now})
    everything = Reading(inputs.jobs, inputs.pages, inputs.failures, listed=inputs.listed)
    parts = []
    for settings, batches in groups:
        given = cast(AuditOptions, settings)
        every = audit_input(everything, given)
        shared = [
            audit_input(without(everything, others), given) if others else every
            for option in ("expected", "control_total")
            for others in [_with_another(option, groups, settings)]
        ]
        seen = Inputs(every, *shared)
        outcomes = [
            not_run(rule, skipped[rule.name])
            if rule.name in skipped
            else run(rule, seen.seen_by(rule))
            for rule in rules
        ]
        elsewhere = templates.keys() - {*batches}
        found = pl.concat(
            [pl.DataFrame(schema=FINDINGS), *(outcome.findings for outcome in outcomes)]
        )
        found = found.filter(~pl.col("batch_id").is_in(elsewhere).fill_null(False))
        found = policy.waive(found, templates, inputs.now.date())
        found = in_order(found, [rule.name for rule in rules])
        named = [batch_id for batch_id in batches if batch_id in templates]
        parts.append(Evaluation(named, settings, elsewhere, seen, outcomes, skipped, found))
    return parts


_Groups = Sequence[tuple[dict[str, Any], list[str]]]
"""Sets of options, each with the ids of its batches."""


def _groups(
    policy: Policy, templates: Mapping[str, Sequence[str]], options: Mapping[str, Any]
) -> _Groups:
    """Group the batches by their options in the policy; given options override it."""
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for batch_id, used in (templates or {"": []}).items():
        own = policy.options(batch_id, used)
        groups.setdefault(repr(own), ({**own, **options}, []))[1].append(batch_id)
    return [*groups.values()]


def _with_another(option: str, groups: _Groups, settings: Mapping[str, Any]) -> list[str]:
    """The batches that do not share the value of this option with these settings."""
    value = settings.get(option)
    return [
        batch_id
        for others, ids in groups
        # Frames are compared by identity; a given frame is in all groups.
        if others.get(option) is not value and others.get(option) != value
        for batch_id in ids
    ]


def combined(parts: Sequence[Evaluation]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Combine evaluations: all findings, and one verdict per rule on all batches."""
    if len(parts) == 1:
        return parts[0].findings, parts[0].verdicts
    lacks: dict[str, str | None] = dict.fromkeys(parts[0].lacks)
    for part in parts:
        for rule, missing in part.lacks.items():
            if missing:
                texts = (lacks[rule], f"{missing} (batches {listed(part.batches)})")
                lacks[rule] = "; ".join(text for text in texts if text)
    identity = [name for name in FINDINGS if name != "severity"]
    findings = in_order(pl.concat(part.findings for part in parts), lacks)
    findings = findings.unique(identity, keep="first", maintain_order=True)
    return findings, verdicts_of(lacks, findings)


def batch_verdicts(parts: Iterable[Evaluation]) -> pl.DataFrame:
    """Return the verdict of each rule on each batch (`schema.BATCH_VERDICTS`).

    A verdict on all batches together has a null ``batch_id``, like findings on several batches.
    """
    frames = [pl.DataFrame(schema=BATCH_VERDICTS), *(part.judge_batches() for part in parts)]
    return pl.concat(frames).unique(maintain_order=True)
