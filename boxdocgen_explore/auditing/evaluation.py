"""Runs the rules: what each found, and which could not be evaluated.

A rule never passes without the data that it needs. Without pages nothing is known about the
chain; nothing passes for an incomplete batch, because the jobs that were not read may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Unpack

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput, audit_input
from boxdocgen_explore.auditing.needs import NEEDS
from boxdocgen_explore.auditing.options import AuditOptions
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.auditing.rules import RULES
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import FINDINGS, SEVERITIES, VERDICTS


def evaluate(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    **options: Unpack[AuditOptions],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Run every rule once; return the findings (see `audit`) and the verdicts (see `verdicts`).

    Takes what `audit` takes.

    Raises, Source: as `audit`.
    """
    inputs = audit_input(reading, options)
    findings = [pl.DataFrame(schema=FINDINGS)]
    rows: list[tuple[str, str, int, str | None]] = []
    for rule in checked_rules(rules):
        missing = [gap for need in rule.needs if (gap := NEEDS[need](inputs))]
        entirely = [gap.text for gap in missing if gap.entirely]
        if entirely:
            rows.append((rule.name, "not evaluated", 0, "; ".join(entirely)))
            continue
        found = _findings(rule, inputs)
        findings.append(found)
        verdict = "found" if found.height else "not evaluated" if missing else "passed"
        lacks = "; ".join(gap.text for gap in missing) or None
        rows.append((rule.name, verdict, found.height, lacks))
    order = pl.col("severity").replace_strict(SEVERITIES, range(len(SEVERITIES)))
    return (
        pl.concat(findings).sort(order, maintain_order=True),
        pl.DataFrame(rows, schema=VERDICTS, orient="row"),
    )


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
    return evaluate(reading, rules=rules, **options)[0]


def verdicts(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
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
