"""Runs the rules: what each found, and which could not be evaluated.

A rule never passes without the data that it needs. Without pages nothing is known about the
chain; nothing passes for an incomplete batch, because the jobs that were not read may differ.
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
    """List what is wrong, or worth knowing, with these jobs: errors first.

    Returns one row per finding (`schema.FINDINGS`): ``rule``, ``severity`` ("error", "warning",
    "info"; "waived" if the policy accepts it), ``batch_id`` and ``job_id`` (null if it is not about
    one), ``detail``, ``about`` (what tells it from others of its rule on the same batch). No
    findings do not mean that all is well: `verdicts` says which rules could be evaluated.

    Parameters:
        reading: a reading, or a jobs frame (rules that need the pages are then not evaluated).
        rules: replaces the table `RULES`; to add one, pass ``[*RULES, mine]``.
        policy: a TOML file with options by template and batch, and waivers (its format is in
            `boxdocgen_explore.auditing.policy.read_policy`); the options given here win.
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
    return combined(evaluations(reading, rules=rules, policy=policy, **options))[0]


def verdicts(
    reading: Reading | pl.DataFrame,
    *,
    rules: Sequence[Rule] | None = None,
    by_batch: bool = False,
    policy: str | os.PathLike[str] | Policy | None = None,
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
    >>> for row in verdicts(pl.DataFrame([job], schema=JOBS))[7:10].iter_rows():
    ...     print(row)
    ('failed-share', 'found', 1, None)
    ('error-share', 'passed', 0, None)
    ('missing-output', 'passed', 0, None)
    """
    parts = evaluations(reading, rules=rules, policy=policy, **options)
    return batch_verdicts(parts) if by_batch else combined(parts)[1]
