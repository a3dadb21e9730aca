"""The table of what an audit checks, what each rule needs, and why it matters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from boxdocgen_explore.auditing import chain_rules, manifest_rules, rules, template_rules
from boxdocgen_explore.auditing.inputs import Subject

_JOBS: Final = ("jobs", "complete batches")


@dataclass(frozen=True)
class Rule:
    """One thing that an audit checks.

    ``check`` is given the `Subject` and gives one row per finding: ``detail`` (str, one
    sentence), ``batch_id`` and ``job_id`` (str, both optional), ``severity`` (str, where it is
    not the rule's own). ``needs`` are keys of `auditing.needs.NEEDS`: without them the rule is
    not evaluated.

    >>> def no_pptx(subject):
    ...     odd = subject.jobs.filter(pl.col("output_type") == "pptx")
    ...     return odd.select("batch_id", "job_id", detail=pl.lit("Slides were not asked for."))
    >>> Rule("no-pptx", "warning", "no slides", "Slides cannot be signed.", no_pptx).needs
    ('jobs', 'complete batches')
    """

    name: str
    severity: str
    checks: str
    why: str
    check: Callable[[Subject], pl.DataFrame]
    needs: tuple[str, ...] = _JOBS


_LIST: Final = ("manifest", "complete batches")

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "chain-incomplete",
        "error",
        "every batch was read from its first page to an end marker",
        "Jobs on pages that were not read may have failed.",
        chain_rules.chain_incomplete,
        ("evidence",),
    ),
    Rule(
        "chain-inconsistent",
        "error",
        "the pages of a batch follow one another and hold exactly the jobs that are here",
        "Pages that moved, came twice or were taken out make every count wrong.",
        chain_rules.chain_inconsistent,
        ("pages",),
    ),
    Rule(
        "foreign-job",
        "error",
        "every job belongs to a batch that was read",
        "A job of another batch does not belong in this audit.",
        chain_rules.foreign_job,
        ("jobs", "pages"),
    ),
    Rule(
        "duplicate-job",
        "error",
        "every job has an id and comes once",
        "A job that comes twice is counted twice.",
        rules.duplicate_job,
    ),
    Rule(
        "failed-share",
        "error",
        "no more of a batch failed than max_failed_share",
        "For a failed job there is no document.",
        rules.failed_share,
    ),
    Rule(
        "error-share",
        "error",
        "no more of a batch completed with errors than max_error_share",
        "Such a document may be incomplete: an unfilled tag fingerprints literally in it.",
        rules.error_share,
    ),
    Rule(
        "missing-output",
        "error",
        "completed jobs name an output file and its version",
        "Without them there is no document to point to.",
        rules.missing_output,
    ),
    Rule(
        "output-of-failed",
        "warning",
        "failed jobs name no output file",
        "A file may lie there that nobody should use.",
        rules.output_of_failed,
    ),
    Rule(
        "shared-output-version",
        "error",
        "no version of an output file is named by several jobs",
        "One document cannot be the result of two requests.",
        rules.shared_output_version,
    ),
    Rule(
        "shared-output-file",
        "warning",
        "no output file is named by several jobs with different versions",
        "The latest version hides the others' documents.",
        rules.shared_output_file,
    ),
    Rule(
        "no-message",
        "warning",
        "jobs that failed or completed with errors carry a message",
        "Without a reason nobody knows what to mend.",
        rules.no_message,
    ),
    Rule(
        "errors-though-completed",
        "warning",
        "completed jobs carry no errors",
        "Status and messages contradict one another.",
        rules.errors_though_completed,
    ),
    Rule(
        "not-final",
        "warning",
        "every job had ended when it was read",
        "What is said of a running batch is provisional.",
        rules.not_final,
    ),
    Rule(
        "running-too-long",
        "warning",
        "no job still ran running_hours after its creation",
        "A job that does not end may never do.",
        rules.running_too_long,
        (*_JOBS, "created_at"),
    ),
    Rule(
        "unknown-status",
        "warning",
        "every status is one that Box documents",
        "Whether such a job is final, and has a document, is not known.",
        rules.unknown_status,
    ),
    Rule(
        "unknown-field",
        "warning",
        "Box sent no field that this package does not know",
        "What it says was not looked at.",
        chain_rules.unknown_field,
        ("pages", "complete batches"),
    ),
    Rule(
        "several-templates",
        "warning",
        "a batch uses one template in one version",
        "A request names one; several mean that the jobs are not of one request.",
        template_rules.several_templates,
    ),
    Rule(
        "version-unlike-others",
        "warning",
        "a batch's template version is used by another batch of the template too",
        "A version that only one batch uses may be a draft, or outdated.",
        template_rules.version_unlike_others,
        (*_JOBS, "other batches"),
    ),
    Rule(
        "unapproved-version",
        "error",
        "every template version is on the list approved_versions",
        "Nobody has approved the wording of these documents.",
        template_rules.unapproved_version,
        (*_JOBS, "approved_versions"),
    ),
    Rule(
        "mixed-output-types",
        "warning",
        "a batch has one output type",
        "A request names one.",
        rules.mixed_output_types,
    ),
    Rule(
        "unexpected-output-type",
        "error",
        "every output type is output_type",
        "The documents cannot be used as they were meant to.",
        rules.unexpected_output_type,
        (*_JOBS, "output_type"),
    ),
    Rule(
        "unexpected-creator",
        "warning",
        "jobs were created by one of creators; if none are named, by one user in each batch",
        "Somebody else may have sent these documents.",
        rules.unexpected_creator,
        (*_JOBS, "creator"),
    ),
    Rule(
        "unexpected-source",
        "warning",
        "jobs came from one of sources; if none are named, from one source in each batch",
        "A batch from elsewhere may not have gone the agreed way.",
        rules.unexpected_source,
        (*_JOBS, "source"),
    ),
    Rule(
        "unexpected-enterprise",
        "warning",
        "jobs belong to one of enterprises; if none are named, to one in each batch",
        "Documents of another enterprise are not this one's to judge.",
        rules.unexpected_enterprise,
        (*_JOBS, "enterprise"),
    ),
    Rule(
        "manifest-missing",
        "error",
        "everything in the manifest is here",
        "Somebody waits for a document that was never asked for.",
        manifest_rules.missing,
        _LIST,
    ),
    Rule(
        "manifest-unexpected",
        "error",
        "everything here is in the manifest",
        "A document was made that nobody meant to be made.",
        manifest_rules.unexpected,
        (*_LIST, "external_id of a manifest"),
    ),
    Rule(
        "doubled-external-id",
        "warning",
        "no external id comes twice in its batch (or at all, if the manifest names no batches)",
        "Somebody may receive a document twice. An error where unique_external_ids is set.",
        manifest_rules.doubled,
        (*_JOBS, "external_id"),
    ),
    Rule(
        "warnings-only",
        "info",
        "completed jobs carry no warnings",
        "The document was made; Box remarked on it.",
        rules.warnings_only,
    ),
    Rule(
        "failure-groups",
        "info",
        "why jobs failed or completed with errors, largest group first",
        "One cause often explains most failures.",
        template_rules.failure_groups,
    ),
    Rule(
        "failure-tags",
        "info",
        "which tags the messages name, and which template versions contain them",
        "A tag that a new version brought in may be missing in the data.",
        template_rules.failure_tags,
        (*_JOBS, "tags"),
    ),
)
"""Every rule, in the order of a report."""
