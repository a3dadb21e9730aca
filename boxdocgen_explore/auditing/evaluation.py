"""Runs the rules: what each found, and which could not be evaluated.

A rule never passes without the data that it needs. Without pages nothing is known about the
chain; nothing passes for an incomplete batch, because the jobs that were not read may differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput, audit_input
from boxdocgen_explore.auditing.needs import NEEDS, missing
from boxdocgen_explore.auditing.options import AuditOptions
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import BATCH_VERDICTS, FINDINGS, SEVERITIES, VERDICTS

_Found = tuple[pl.DataFrame, pl.Series | None]
"""Findings, and the batches that they name; None if the rule judges all batches together."""


def evaluate(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    **options: Unpack[AuditOptions],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Run every rule once; return the findings (see `audit`) and the verdicts (see `verdicts`).

    Parameters, Raises, Source: as `audit`.
    """
    inputs, chosen = audit_input(reading, options), checked_rules(rules)
    return _run(inputs, chosen)[:2]


def evaluate_by_batch(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    **options: Unpack[AuditOptions],
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Run every rule once; return what `evaluate` does, and the verdicts per batch."""
    inputs, chosen = audit_input(reading, options), checked_rules(rules)
    findings, verdicts, found = _run(inputs, chosen)
    return findings, verdicts, _batch_verdicts(inputs, chosen, found)


def _run(
    inputs: AuditInput, rules: Sequence[Rule]
) -> tuple[pl.DataFrame, pl.DataFrame, list[_Found]]:
    found = [_findings(rule, inputs) for rule in rules]
    rows = [_verdict(rule, inputs, one.height) for rule, (one, _) in zip(rules, found, strict=True)]
    order = pl.col("severity").replace_strict(SEVERITIES, range(len(SEVERITIES)))
    findings = pl.concat([pl.DataFrame(schema=FINDINGS), *(one for one, _ in found)])
    verdicts = pl.DataFrame(rows, schema=VERDICTS, orient="row")
    return findings.sort(order, maintain_order=True), verdicts, found


def _verdict(rule: Rule, inputs: AuditInput, findings: int) -> tuple[str, str, int, str | None]:
    gaps = missing(rule, inputs)
    verdict = "found" if findings else "not evaluated" if gaps else "passed"
    return rule.name, verdict, findings, "; ".join(gap.text for gap in gaps) or None


def _batch_verdicts(
    inputs: AuditInput, rules: Sequence[Rule], found: Sequence[_Found]
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
                rows.append((batch_id, *_verdict(rule, part, counts[batch_id])))
    return pl.DataFrame(rows, schema=BATCH_VERDICTS, orient="row")


def audit(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    **options: Unpack[AuditOptions],
) -> pl.DataFrame:
    """List what is wrong, or worth knowing, with these jobs: errors first.

    Returns one row per finding (`schema.FINDINGS`): ``rule``, ``severity`` ("error", "warning",
    "info"), ``batch_id`` and ``job_id`` (null if it is not about one), ``detail``. No findings do
    not mean that all is well: `verdicts` says which rules could be evaluated.

    Parameters:
        reading: a reading, or a jobs frame (rules that need the pages are then not evaluated).
        rules: replaces the table `RULES`; to add one, pass ``[*RULES, mine]``.
        expected: the manifest, a CSV file or a frame (`boxdocgen_explore.auditing.manifest`).
        templates, tags: names and tags of templates, frames of `Box.templates` and `Box.tags`.
        earlier: an earlier reading of these batches, or its jobs.
        approved_versions: ids of the template versions that may be used.
        output_type: the output types that the documents may have.
        now: when the audit takes place, with a time zone.
        max_failed_share, max_error_share: accepted shares of the final jobs, 0 to 1; default 0.
        running_hours: how many hours after its creation a job may still be running; default 24.
        slow_document_s: how many seconds a document may take; default 3600 (see `Thresholds`).
        stale_days: how many days ago a batch may have been read; default 7.
        duplicate_run_days: how soon after a batch the same ids are a second run of it; default 7.
        unique_external_ids: if True, a duplicate external id is an error, not a warning.
        hosts: the hosts that may have been read; if it is not given, another than api.box.com is
            information, not a warning.
        creators, sources, enterprises: who may have created the jobs (ids or logins), where they
            may come from, whose they may be (ids).
        period: two times with a time zone; jobs are created from the first, before the second.
        control_total: the count and SHA-256 of the sender's ids (`manifest.control_total`).

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
    return evaluate(reading, rules=rules, **options)[0]


def verdicts(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    by_batch: bool = False,
    **options: Unpack[AuditOptions],
) -> pl.DataFrame:
    """Say for every rule whether it passed, found something, or could not be evaluated.

    Takes what `audit` takes. Returns one row per rule (`schema.VERDICTS`): ``rule``, ``verdict``
    ("passed", "found", "not evaluated"), ``findings`` (int), ``lacks`` (str: the missing input,
    for all jobs or for some; null if none). A rule that found something although some of its
    input was missing is "found" and says what was missing; one that then found nothing is "not
    evaluated", and so is every rule about jobs if there are none.

    With ``by_batch``, returns one row per batch and rule (`schema.BATCH_VERDICTS`), because one
    incomplete batch says nothing about the others. ``batch_id`` is null in the verdict of a rule
    that judges all batches together, and on findings that name no batch.

    Raises, Source: as `audit`.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "errors": ["Row 3 is empty."]}
    >>> for row in verdicts(pl.DataFrame([job], schema=JOBS))[6:9].iter_rows():
    ...     print(row)
    ('failed-share', 'found', 1, None)
    ('error-share', 'passed', 0, None)
    ('missing-output', 'passed', 0, None)
    """
    if by_batch:
        return evaluate_by_batch(reading, rules=rules, **options)[2]
    return evaluate(reading, rules=rules, **options)[1]


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


def _findings(rule: Rule, inputs: AuditInput) -> _Found:
    """Run a rule; it finds nothing if it cannot be evaluated at all."""
    if any(gap.entirely for gap in missing(rule, inputs)):
        return pl.DataFrame(schema=FINDINGS), pl.Series(dtype=pl.String)
    found = rule.check(inputs)
    if not isinstance(found, pl.DataFrame) or "detail" not in found.columns:
        raise InvalidRequest(f"The rule {rule.name} must return a frame with a column detail.")
    columns = {"rule": pl.lit(rule.name), "severity": pl.lit(rule.severity)}
    columns |= {"batch_id": pl.lit(None), "job_id": pl.lit(None)}
    columns |= {name: pl.col(name) for name in found.columns if name in FINDINGS and name != "rule"}
    rows = found.select(columns[name].cast(dtype).alias(name) for name, dtype in FINDINGS.items())
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
