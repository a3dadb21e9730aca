"""Evaluate the rules: their findings, and which could not be evaluated.

A rule never passes without its input. Without pages, nothing is known about the chain. For an
incomplete batch no rule passes, because the jobs that were not read may differ.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Unpack

import polars as pl

from boxdocgen_explore.auditing.grouped import batch_verdicts, combined, evaluations
from boxdocgen_explore.auditing.options import AuditOptions
from boxdocgen_explore.auditing.policy import Policy
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.errors import Reading


def audit(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    policy: str | os.PathLike[str] | Policy | None = None,
    **options: Unpack[AuditOptions],
) -> pl.DataFrame:
    """List problems and notable facts about these jobs, errors first.

    Returns one row per finding (`schema.FINDINGS`): ``rule``, ``severity`` ("error", "warning",
    "info"; "waived" if the policy accepts it), ``batch_id`` and ``job_id`` (null if it is not about
    one), ``detail``, ``about`` (which distinguishes findings of one rule on the same batch).
    Without findings, something may still be wrong: `verdicts` lists the rules that were evaluated.

    Parameters:
        reading: a reading, or a jobs frame (rules that need the pages are then not evaluated).
        rules: replaces the table `RULES`; to add one, pass ``[*RULES, mine]``.
        policy: a TOML file with options by template and batch, and waivers (its format is in
            `boxdocgen_explore.auditing.policy.read_policy`); options given here override it.
        expected: the manifest, a CSV file or a frame (`boxdocgen_explore.auditing.manifest`).
        templates, tags: names and tags of templates, frames of `Box.templates` and `Box.tags`.
        earlier: an earlier reading of these batches, or its jobs.
        approved_versions: ids of the allowed template versions.
        output_type: the allowed output types.
        now: the time of the audit, with a time zone.
        max_failed_share, max_error_share: accepted shares of the final jobs, 0 to 1; default 0.
        running_hours: the most hours that a job may run after its creation; default 24.
        slow_document_s: the most seconds that a document may take; default 3600 (see `Thresholds`).
        stale_days: the most days since a batch was read; default 7.
        duplicate_run_days: within these days, the same ids count as a second run; default 7.
        unique_external_ids: if True, a duplicate external id is an error, not a warning.
        hosts: the allowed hosts; if not given, hosts other than api.box.com are information, not
            a warning.
        creators, sources, enterprises: the allowed creators (ids or logins), sources and
            enterprises (ids) of the jobs.
        period: start (included) and end (excluded) of the jobs' creation, with time zones.
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
    return combined(evaluations(reading, rules=rules, policy=policy, **options))[0]


def verdicts(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    by_batch: bool = False,
    policy: str | os.PathLike[str] | Policy | None = None,
    **options: Unpack[AuditOptions],
) -> pl.DataFrame:
    """Return for every rule whether it passed, found something, or could not be evaluated.

    Takes the arguments of `audit`. Returns one row per rule (`schema.VERDICTS`): ``rule``,
    ``verdict`` ("passed", "found", "not evaluated"), ``findings`` (int), ``lacks`` (str: the
    missing input, for all jobs or for some; null if none). If part of its input was missing, a rule
    with findings is "found" and lists the missing input, and a rule without findings is "not
    evaluated". Without jobs, every rule about jobs is "not evaluated".

    With ``by_batch``, returns one row per batch and rule (`schema.BATCH_VERDICTS`), so that an
    incomplete batch does not affect the others. ``batch_id`` is null for rules that evaluate all
    batches together, and for findings that name no batch.

    Raises, Source: as `audit`.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "errors": ["Row 3 is empty."]}
    >>> for row in verdicts(pl.DataFrame([job], schema=JOBS))[7:10].iter_rows():
    ...     print(row)
    ('failed-share', 'found', 1, None)
    ('error-share', 'passed', 0, None)
    ('missing-output', 'passed', 0, None)
    """
    parts = evaluations(reading, rules=rules, policy=policy, **options)
    return batch_verdicts(parts) if by_batch else combined(parts)[1]
