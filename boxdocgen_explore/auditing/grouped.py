"""Evaluates the rules once for each set of options that a policy gives to batches."""

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
    """What the rules see: all jobs, because a document may appear in two batches; but those about a
    manifest see only the jobs of the batches that share it."""

    every_batch: AuditInput
    same_manifest: AuditInput

    def seen_by(self, rule: Rule) -> AuditInput:
        return self.same_manifest if rule.option == "expected" else self.every_batch

    def of(self, batch_id: str) -> Inputs:
        """What there is of one batch."""
        return Inputs(*(one.of(batch_id) for one in self))


@dataclass(frozen=True)
class Evaluation:
    """What the rules found in the batches that share one set of options; ``elsewhere`` are the
    batches with other options."""

    batches: Collection[str]
    options: Mapping[str, Any]
    elsewhere: Collection[str]
    inputs: Inputs
    outcomes: Sequence[Outcome]
    skipped: Mapping[str, str]
    findings: pl.DataFrame

    @property
    def lacks(self) -> dict[str, str | None]:
        """What each rule lacks."""
        return {one.rule.name: one.lacks for one in self.outcomes}

    @property
    def verdicts(self) -> pl.DataFrame:
        """What the rules say of all these batches (`schema.VERDICTS`)."""
        return verdicts_of(self.lacks, self.findings)

    @cached_property
    def counts(self) -> dict[str, dict[str | None, int]]:
        """The number of findings by rule and batch; those that batches share count in each.

        A rule that judges all batches together has a count of None alone.
        """
        none_found: dict[str | None, int] = dict.fromkeys(self.batches or (None,), 0)
        counts: dict[str, dict[str | None, int]] = {}
        for rule, _, findings, batches in self.outcomes:
            counts[rule.name] = {None: findings.height}
            if batches is not None:
                named = Counter(one for one in batches if one not in self.elsewhere)
                counts[rule.name] = none_found | named
        return counts

    def judge_batches(self) -> pl.DataFrame:
        """Judge each batch by its own findings, and by what is missing of it alone.

        Gives `schema.BATCH_VERDICTS`, batch by batch; those without a batch come last.
        """
        batch_ids = dict.fromkeys(one for counts in self.counts.values() for one in counts)
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

    ``skipped`` says of rules that must not be evaluated what they lack. Takes what `audit` takes,
    and raises the same.
    """
    policy, rules, skipped = read_policy(policy), checked_rules(rules), skipped or {}
    inputs = audit_input(reading, options)
    templates = inputs.used_templates
    groups = _groups(policy, templates, {**options, "now": inputs.now})
    everything = Reading(inputs.jobs, inputs.pages, inputs.failures, listed=inputs.listed)
    parts = []
    for settings, batches in groups:
        given = cast(AuditOptions, settings)
        others = _with_other_manifests(groups, settings)
        seen = Inputs(
            audit_input(everything, given), audit_input(without(everything, others), given)
        )
        outcomes = [
            not_run(rule, skipped[rule.name])
            if rule.name in skipped
            else run(rule, seen.seen_by(rule))
            for rule in rules
        ]
        elsewhere = templates.keys() - {*batches}
        found = pl.concat([pl.DataFrame(schema=FINDINGS), *(one.findings for one in outcomes)])
        found = found.filter(~pl.col("batch_id").is_in(elsewhere).fill_null(False))
        found = policy.waive(found, templates, inputs.now.date())
        found = in_order(found, [rule.name for rule in rules])
        named = [batch_id for batch_id in batches if batch_id in templates]
        parts.append(Evaluation(named, settings, elsewhere, seen, outcomes, skipped, found))
    return parts


_Groups = Sequence[tuple[dict[str, Any], list[str]]]
"""Sets of options, and the ids of the batches that have each."""


def _groups(
    policy: Policy, templates: Mapping[str, Sequence[str]], options: Mapping[str, Any]
) -> _Groups:
    """Group the batches by what the policy asks of them; options that were given win over it."""
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for batch_id, used in (templates or {"": []}).items():
        own = policy.options(batch_id, used)
        groups.setdefault(repr(own), ({**own, **options}, []))[1].append(batch_id)
    return [*groups.values()]


def _with_other_manifests(groups: _Groups, settings: Mapping[str, Any]) -> list[str]:
    """The batches that do not share the manifest of these settings."""
    manifest = settings.get("expected")
    return [
        batch_id
        for others, ids in groups
        # A frame can only be compared with itself; one that was given is in all groups.
        if others.get("expected") is not manifest and others.get("expected") != manifest
        for batch_id in ids
    ]


def combined(parts: Sequence[Evaluation]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Combine evaluations to all findings, and one verdict per rule on all batches."""
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
    """Say of each batch and rule what `verdicts` says of the rule (`schema.BATCH_VERDICTS`).

    A verdict on all batches together has a null ``batch_id``, as findings on several have.
    """
    frames = [pl.DataFrame(schema=BATCH_VERDICTS), *(part.judge_batches() for part in parts)]
    return pl.concat(frames).unique(maintain_order=True)
