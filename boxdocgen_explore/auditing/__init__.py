"""The audit: which rules are checked, what each found, and which could not be checked.

A rule never passes without the data that it needs. Without pages nothing is said of the chain;
of a batch that was not read whole nothing passes, for the jobs that were not read may differ.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import polars as pl

from boxdocgen_explore.auditing.inputs import Subject, Thresholds, subject
from boxdocgen_explore.auditing.needs import NEEDS
from boxdocgen_explore.auditing.rulebook import RULES, Rule
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import FINDINGS, SEVERITIES, VERDICTS

__all__ = ["RULES", "Rule", "Subject", "Thresholds", "audit", "verdicts"]


def audit(
    reading: Reading | pl.DataFrame,
    *,
    expected: Any = None,
    rules: Sequence[Rule] | None = None,
    templates: pl.DataFrame | None = None,
    tags: pl.DataFrame | None = None,
    approved_versions: str | Collection[str] | None = None,
    output_type: str | Collection[str] | None = None,
    now: dt.datetime | None = None,
    **thresholds: Any,
) -> pl.DataFrame:
    """List what is wrong, or worth knowing, with these jobs: errors first.

    Gives one row per finding (`schema.FINDINGS`): ``rule``, ``severity`` ("error", "warning",
    "info"), ``batch_id`` and ``job_id`` (null where it is not about one), ``detail``.

    ``expected`` is a manifest, as CSV file or frame (`boxdocgen_explore.auditing.manifest`);
    ``templates`` (names for the sentences) and ``tags`` are frames as Box's connection gives
    them; ``approved_versions`` are ids of template versions; ``now`` is when the audit is held,
    with a time zone. Thresholds are those of `Thresholds`. ``rules`` replaces the table
    `RULES`; to add one, pass ``[*RULES, mine]``.

    No findings do not mean that all is well: `verdicts` says which rules could be evaluated.

    Raises:
        InvalidRequest: the jobs or the manifest lack columns, a threshold or rule cannot be.

    Source: every field of ``GET /docgen_batch_jobs/:batch_id``; details of ``/docgen_jobs``.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "errors": ["Row 3 is empty."]}
    >>> findings = audit(pl.DataFrame([job], schema=JOBS))
    >>> findings["rule"].to_list()
    ['failed-share', 'failure-groups']
    >>> findings["detail"][0]
    '1 of 1 job failed (100 %; 0 % is accepted).'
    """
    about = subject(
        reading,
        expected=expected,
        templates=templates,
        tags=tags,
        approved_versions=approved_versions,
        output_type=output_type,
        now=now,
        thresholds=thresholds,
    )
    found = [_findings(rule, about) for rule in _checked(rules) if not _absent(rule, about)]
    order = pl.col("severity").replace_strict(SEVERITIES, range(len(SEVERITIES)))
    return pl.concat([pl.DataFrame(schema=FINDINGS), *found]).sort(order, maintain_order=True)


def verdicts(
    reading: Reading | pl.DataFrame,
    *,
    expected: Any = None,
    rules: Sequence[Rule] | None = None,
    templates: pl.DataFrame | None = None,
    tags: pl.DataFrame | None = None,
    approved_versions: str | Collection[str] | None = None,
    output_type: str | Collection[str] | None = None,
    now: dt.datetime | None = None,
    **thresholds: Any,
) -> pl.DataFrame:
    """Say of every rule whether it passed, found something, or could not be evaluated.

    Takes what `audit` takes. Gives one row per rule (`schema.VERDICTS`): ``rule``, ``verdict``
    ("passed", "found", "not evaluated"), ``findings`` (int), ``lacks`` (str: which data was
    missing, wholly or for some jobs; null if none). A rule that found something where only some
    of its data was there is "found", and says what it lacked; one that found nothing then is
    "not evaluated", and so is every rule about jobs where there are none.

    Raises, Source: as `audit`.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "errors": ["Row 3 is empty."]}
    >>> for row in verdicts(pl.DataFrame([job], schema=JOBS))[3:6].iter_rows():
    ...     print(row)
    ('duplicate-job', 'passed', 0, None)
    ('failed-share', 'found', 1, None)
    ('error-share', 'passed', 0, None)
    """
    about = subject(
        reading,
        expected=expected,
        templates=templates,
        tags=tags,
        approved_versions=approved_versions,
        output_type=output_type,
        now=now,
        thresholds=thresholds,
    )
    return pl.DataFrame(
        [_verdict(rule, about) for rule in _checked(rules)], schema=VERDICTS, orient="row"
    )


def _verdict(rule: Rule, about: Subject) -> tuple[str, str, int, str | None]:
    absent = _absent(rule, about)
    if absent:
        return rule.name, "not evaluated", 0, "; ".join(absent)
    findings = _findings(rule, about).height
    lacks = [lack.text for need in rule.needs if (lack := NEEDS[need](about))]
    verdict = "found" if findings else "not evaluated" if lacks else "passed"
    return rule.name, verdict, findings, "; ".join(lacks) or None


def _absent(rule: Rule, about: Subject) -> list[str]:
    lacks = [NEEDS[need](about) for need in rule.needs]
    return [lack.text for lack in lacks if lack and lack.wholly]


def _findings(rule: Rule, about: Subject) -> pl.DataFrame:
    given = rule.check(about)
    if not isinstance(given, pl.DataFrame) or "detail" not in given.columns:
        raise InvalidRequest(f"The rule {rule.name} must give a frame with a column detail.")
    columns = {"rule": pl.lit(rule.name), "severity": pl.lit(rule.severity)} | {
        name: pl.col(name) if name in given.columns else pl.lit(None)
        for name in ("batch_id", "job_id", "detail")
    }
    if "severity" in given.columns:
        columns["severity"] = pl.col("severity")
    return given.select(columns[name].cast(dtype).alias(name) for name, dtype in FINDINGS.items())


def _checked(given: Iterable[Rule] | None) -> Sequence[Rule]:
    chosen = RULES if given is None else tuple(given)
    names = [rule.name for rule in chosen if isinstance(rule, Rule)]
    if len(names) < len(chosen):
        raise InvalidRequest("rules is a list of Rule; to add one, pass [*RULES, mine].")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRequest(f"Two rules are called {twice!r}; every rule needs its own name.")
    for rule in chosen:
        if unknown := [need for need in rule.needs if need not in NEEDS]:
            raise InvalidRequest(
                f"The rule {rule.name} needs {unknown[0]!r}; known needs: {', '.join(NEEDS)}."
            )
        if rule.severity not in SEVERITIES:
            raise InvalidRequest(
                f"The rule {rule.name} has the severity {rule.severity!r}; "
                f"it is one of {', '.join(SEVERITIES)}."
            )
    return chosen
