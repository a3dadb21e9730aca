"""Evaluates the rules once for each set of options that a policy gives to batches."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Unpack, cast

import polars as pl

from boxdocgen_explore.auditing.inputs import audit_input, without
from boxdocgen_explore.auditing.options import AuditOptions
from boxdocgen_explore.auditing.policy import Policy, read_policy
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.running import (
    checked_rules,
    in_order,
    judge_batches,
    run,
    verdicts_of,
)
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.schema import BATCH_VERDICTS, FINDINGS
from boxdocgen_explore.text import listed


class Evaluation(NamedTuple):
    """What the rules found in the batches that share one set of options.

    ``concerned`` counts the findings of a rule by batch, those included that several batches share
    and that name none. ``judge`` gives the verdicts per batch (`schema.BATCH_VERDICTS`), which
    costs more.
    """

    batches: Collection[str]
    options: Mapping[str, Any]
    findings: pl.DataFrame
    verdicts: pl.DataFrame
    concerned: Mapping[str, Mapping[str, int]]
    judge: Callable[[], pl.DataFrame]


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
    policy, rules = read_policy(policy), checked_rules(rules)
    inputs = audit_input(reading, options)
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for batch_id, used in (inputs.used_templates or {"": []}).items():
        own = policy.options(batch_id, used)
        settings = {**own, **options, "now": inputs.now}
        groups.setdefault(repr(own), (settings, []))[1].append(batch_id)
    everything = Reading(inputs.jobs, inputs.evidence, inputs.failures)
    parts = []
    for settings, batches in groups.values():
        manifest = settings.get("expected")
        strangers = [
            ids for one, ids in groups.values() if not _same(one.get("expected"), manifest)
        ]
        sharing = without(everything, [batch_id for ids in strangers for batch_id in ids])
        group = _Group(everything, sharing, rules, policy, skipped or {}, settings, batches)
        parts.append(group.evaluate())
    return parts


def _same(one: object, other: object) -> bool:
    """Whether two groups share their manifest: one frame, or one path."""
    frames = isinstance(one, pl.DataFrame) or isinstance(other, pl.DataFrame)
    return one is other or (not frames and one == other)


@dataclass(frozen=True)
class _Group:
    """Batches that share their options, and what the rules look at.

    The rules see all jobs, because a document may appear in two batches; but those about a
    manifest see the jobs of the batches that share it.
    """

    everything: Reading
    sharing: Reading
    rules: Sequence[Rule]
    policy: Policy
    skipped: Mapping[str, str]
    settings: Mapping[str, Any]
    batches: Sequence[str]

    def evaluate(self) -> Evaluation:
        options = cast(AuditOptions, self.settings)
        inputs = audit_input(self.everything, options)
        about_manifest = audit_input(self.sharing, options)
        wanted = [rule for rule in self.rules if rule.name not in self.skipped]
        runs = [
            (one, chosen, run(one, chosen))
            for one, chosen in (
                (inputs, [rule for rule in wanted if rule.option != "expected"]),
                (about_manifest, [rule for rule in wanted if rule.option == "expected"]),
            )
        ]
        missing: dict[str, str | None] = {**self.skipped}
        for _, _, (_, lacks, _) in runs:
            missing |= lacks
        lacks = {rule.name: missing[rule.name] for rule in self.rules}
        templates = inputs.used_templates
        elsewhere = templates.keys() - {*self.batches}
        found = pl.concat(findings for _, _, (findings, _, _) in runs)
        found = found.filter(~pl.col("batch_id").is_in(elsewhere).fill_null(False))
        found = in_order(self.policy.waive(found, templates, inputs.now.date()), lacks)
        batches = [batch_id for batch_id in self.batches if batch_id in templates]

        concerned = {
            rule.name: Counter(named)
            for _, chosen, (_, _, each) in runs
            for rule, (_, named) in zip(chosen, each, strict=True)
            if named is not None
        }

        def judge() -> pl.DataFrame:
            judged = [judge_batches(one, chosen, each) for one, chosen, (_, _, each) in runs]
            return _of_batches(pl.concat(judged), batches, elsewhere, lacks, self.skipped)

        verdicts = verdicts_of(lacks, found)
        return Evaluation(batches, self.settings, found, verdicts, concerned, judge)


def _of_batches(
    judged: pl.DataFrame,
    batches: Sequence[str],
    elsewhere: Collection[str],
    rules: Iterable[str],
    skipped: Mapping[str, str],
) -> pl.DataFrame:
    """Keep what is not about a batch of another group, in order, and add the skipped rules."""
    absent = [
        (batch_id, rule, "not evaluated", 0, lack)
        for batch_id in batches
        for rule, lack in skipped.items()
    ]
    rows = pl.concat([judged, pl.DataFrame(absent, schema=BATCH_VERDICTS, orient="row")])
    ours = rows.filter(~pl.col("batch_id").is_in([*elsewhere]).fill_null(False))
    named = dict.fromkeys([*batches, *ours["batch_id"].drop_nulls(), None])
    orders: dict[str, list[str | None]] = {"batch_id": [*named], "rule": [*rules]}
    places = [pl.col(name).replace_strict(one, range(len(one))) for name, one in orders.items()]
    return ours.sort(places, maintain_order=True)


def combined(parts: Sequence[Evaluation]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Combine evaluations to all findings, and one verdict per rule on all batches."""
    if len(parts) == 1:
        return parts[0].findings, parts[0].verdicts
    lacks: dict[str, str | None] = dict.fromkeys(parts[0].verdicts["rule"])
    for part in parts:
        for rule, missing in part.verdicts.select("rule", "lacks").drop_nulls().iter_rows():
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
    frames = [pl.DataFrame(schema=BATCH_VERDICTS), *(part.judge() for part in parts)]
    return pl.concat(frames).unique(maintain_order=True)
