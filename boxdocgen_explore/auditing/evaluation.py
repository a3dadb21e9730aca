"""Runs the rules: what each found, and which could not be evaluated.

A rule never passes without the data that it needs. Without pages nothing is known about the
chain; nothing passes for an incomplete batch, because the jobs that were not read may differ.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Unpack, cast

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput, audit_input, without
from boxdocgen_explore.auditing.needs import NEEDS
from boxdocgen_explore.auditing.options import AuditOptions
from boxdocgen_explore.auditing.policy import Policy, read_policy
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import (
    BATCH_VERDICTS,
    FINDINGS,
    SEVERITIES,
    VERDICTS,
    WAIVED,
)
from boxdocgen_explore.text import listed


def evaluate(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    **options: Unpack[AuditOptions],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Run every rule once; return the findings (see `audit`) and the verdicts (see `verdicts`).

    Takes what `audit` takes; with a policy, a rule runs once for each set of options.

    Raises, Source: as `audit`.
    """
    if policy is not None:
        return combined(evaluations(reading, rules=rules, policy=policy, **options))
    inputs = audit_input(reading, options)
    findings, lacks = [pl.DataFrame(schema=FINDINGS)], {}
    for rule in checked_rules(rules):
        missing = [gap for need in rule.needs if (gap := NEEDS[need](inputs))]
        entirely = [gap.text for gap in missing if gap.entirely]
        lacks[rule.name] = "; ".join(entirely or [gap.text for gap in missing]) or None
        if not entirely:
            findings.append(_findings(rule, inputs))
    found = _sorted(pl.concat(findings), lacks)
    return found, _verdicts(lacks, found)


def audit(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    **options: Unpack[AuditOptions],
) -> pl.DataFrame:
    """List what is wrong, or worth knowing, with these jobs: errors first.

    Returns one row per finding (`schema.FINDINGS`): ``rule``, ``severity`` ("error", "warning",
    "info"; "waived" if the policy accepts it), ``batch_id`` and ``job_id`` (null if it is not about
    one), ``detail``. No findings do not mean that all is well: `verdicts` says which rules could be
    evaluated.

    Parameters:
        reading: a reading, or a jobs frame (rules that need the pages are then not evaluated).
        rules: replaces the table `RULES`; to add one, pass ``[*RULES, mine]``.
        policy: a TOML file with options by template and batch, and waivers (its format is in
            `boxdocgen_explore.auditing.policy.read_policy`); the options given here win.
        expected: the manifest, a CSV file or a frame (`boxdocgen_explore.auditing.manifest`).
        templates, tags: names and tags of templates, frames of `Box.templates` and `Box.tags`.
        approved_versions: ids of the template versions that may be used.
        output_type: the output types that the documents may have.
        now: when the audit takes place, with a time zone.
        max_failed_share, max_error_share: shares of a batch that are accepted, 0 to 1; default 0.
        running_hours: how many hours after its creation a job may still be running; default 24.
        slow_document_s: how many seconds a document may take; default 3600 (see `Thresholds`).
        unique_external_ids: if True, a duplicate external id is an error, not a warning.
        creators, sources, enterprises: who may have created the jobs (ids or logins), where they
            may come from, whose they may be (ids); by default one of each per batch.

    Raises:
        InvalidRequest: jobs or manifest lack columns; an option or a rule is invalid.

    Source: every field of ``GET /docgen_batch_jobs/:batch_id``; details of ``/docgen_jobs``;
    documents from ``/files/:id`` and ``/folders/:id/items``.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "errors": ["Row 3 is empty."]}
    >>> findings = audit(pl.DataFrame([job], schema=JOBS))
    >>> findings["rule"].to_list()
    ['failed-share', 'failure-groups']
    >>> findings["detail"][0]
    '1 of 1 job failed (100 %; tolerance: 0 %).'
    """
    return evaluate(reading, rules=rules, policy=policy, **options)[0]


def verdicts(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    **options: Unpack[AuditOptions],
) -> pl.DataFrame:
    """Say for every rule whether it passed, found something, or could not be evaluated.

    Takes what `audit` takes. Returns one row per rule (`schema.VERDICTS`): ``rule``, ``verdict``
    ("passed", "found", "not evaluated"), ``findings`` (int), ``lacks`` (str: the missing input,
    for all jobs or for some; null if none). A rule that found something although some of its
    input was missing is "found" and says what was missing; one that then found nothing is "not
    evaluated", and so is every rule about jobs if there are none.

    Raises, Source: as `audit`.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "errors": ["Row 3 is empty."]}
    >>> for row in verdicts(pl.DataFrame([job], schema=JOBS))[3:6].iter_rows():
    ...     print(row)
    ('duplicate-job', 'passed', 0, None)
    ('failed-share', 'found', 1, None)
    ('error-share', 'passed', 0, None)
    """
    return evaluate(reading, rules=rules, policy=policy, **options)[1]


def requested(
    *, rules: Sequence[Rule] | None = None, **options: Unpack[AuditOptions]
) -> frozenset[str]:
    """Name the rules that these options ask for: a manifest asks for the manifest rules.

    If one of them is "not evaluated", what the auditor asked for was not done, and the audit must
    not be called clean. Takes the options of `audit`.

    >>> sorted(requested(approved_versions="1880000000005", running_hours=2))
    ['running-too-long', 'unapproved-version']
    """
    asked = {name for name, value in options.items() if value is not None and value is not False}
    return frozenset(rule.name for rule in checked_rules(rules) if rule.option in asked)


class Evaluation(NamedTuple):
    """What the rules found in the batches that share one set of options."""

    batches: Collection[str]
    options: Mapping[str, Any]
    findings: pl.DataFrame
    verdicts: pl.DataFrame


def evaluations(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    skipped: Mapping[str, str] | None = None,
    **options: Unpack[AuditOptions],
) -> list[Evaluation]:
    """Evaluate the rules once for each set of options that the policy gives to batches.

    The rules see all jobs, because a document may appear in two batches; but those about a
    manifest see the jobs of the batches that share it. ``skipped`` says of rules that must not be
    evaluated what they lack. Takes what `audit` takes, and raises the same.
    """
    policy, rules = read_policy(policy), checked_rules(rules)
    inputs, skipped = audit_input(reading, options), skipped or {}
    whole = Reading(inputs.jobs, inputs.evidence, inputs.failures)
    templates = inputs.used_templates
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for batch_id, used in (templates or {"": []}).items():
        own = policy.options(batch_id, used)
        settings = {**own, **options, "now": inputs.now}
        groups.setdefault(repr(own), (settings, []))[1].append(batch_id)
    wanted = [rule for rule in rules if rule.name not in skipped]
    parts = []
    for settings, batches in groups.values():
        manifest = settings.get("expected")
        strangers = [ids for other, ids in groups.values() if other.get("expected") is not manifest]
        sharing = without(whole, [batch_id for ids in strangers for batch_id in ids])
        evaluated = [
            evaluate(
                sharing if about_manifest else whole,
                rules=[rule for rule in wanted if (rule.option == "expected") is about_manifest],
                **cast(AuditOptions, settings),
            )
            for about_manifest in (False, True)
        ]
        found, verdicts = map(pl.concat, zip(*evaluated, strict=True))
        elsewhere = templates.keys() - {*batches}
        found = found.filter(~pl.col("batch_id").is_in(elsewhere).fill_null(False))
        missing = {**dict(verdicts.select("rule", "lacks").iter_rows()), **skipped}
        lacks = {rule.name: missing[rule.name] for rule in rules}
        found = _sorted(policy.waive(found, templates, inputs.now.date()), lacks)
        batches = [batch_id for batch_id in batches if batch_id in templates]
        parts.append(Evaluation(batches, settings, found, _verdicts(lacks, found)))
    return parts


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
    findings = _sorted(pl.concat(part.findings for part in parts), lacks)
    findings = findings.unique(identity, keep="first", maintain_order=True)
    return findings, _verdicts(lacks, findings)


def batch_verdicts(parts: Iterable[Evaluation]) -> pl.DataFrame:
    """Say of each batch and rule what `verdicts` says of the rule (`schema.BATCH_VERDICTS`).

    A rule that found something on several batches (null) or on one that was not read has a row.
    """
    frames = [pl.DataFrame(schema=BATCH_VERDICTS)]
    for part in parts:
        lacks = dict(part.verdicts.select("rule", "lacks").iter_rows())
        for batch_id in dict.fromkeys([*part.batches, *part.findings["batch_id"]]):
            own = part.findings.filter(pl.col("batch_id").eq_missing(pl.lit(batch_id)))
            read = batch_id in part.batches
            some = lacks if read else {rule: lacks[rule] for rule in own["rule"]}
            rows = _verdicts(some, own).with_columns(batch_id=pl.lit(batch_id, pl.String))
            frames.append(rows.select(*BATCH_VERDICTS))
    return pl.concat(frames).unique(maintain_order=True)


def _verdicts(lacks: Mapping[str, str | None], findings: pl.DataFrame) -> pl.DataFrame:
    """One row per rule, with what it lacks; none passes if some of its input was missing."""
    counts = dict(findings["rule"].value_counts().iter_rows())
    rows = []
    for rule, missing in lacks.items():
        found = counts.get(rule, 0)
        verdict = "found" if found else "not evaluated" if missing else "passed"
        rows.append((rule, verdict, found, missing))
    return pl.DataFrame(rows, schema=VERDICTS, orient="row")


def _sorted(findings: pl.DataFrame, rules: Iterable[str]) -> pl.DataFrame:
    """Sort by severity, then as the rules."""
    orders = {"severity": (*SEVERITIES, WAIVED), "rule": [*rules]}
    places = [pl.col(name).replace_strict(one, range(len(one))) for name, one in orders.items()]
    return findings.sort(places, maintain_order=True)


def _findings(rule: Rule, inputs: AuditInput) -> pl.DataFrame:
    found = rule.check(inputs)
    if not isinstance(found, pl.DataFrame) or "detail" not in found.columns:
        raise InvalidRequest(f"The rule {rule.name} must return a frame with a column detail.")
    columns = {"rule": pl.lit(rule.name), "severity": pl.lit(rule.severity)}
    columns |= {"batch_id": pl.lit(None), "job_id": pl.lit(None)}
    columns |= {name: pl.col(name) for name in found.columns if name in FINDINGS and name != "rule"}
    return found.select(columns[name].cast(dtype).alias(name) for name, dtype in FINDINGS.items())


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
