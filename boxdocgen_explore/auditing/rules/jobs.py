"""Rules about identity and outcome: is each job counted once, and how many failed?"""

from __future__ import annotations

import polars as pl

from boxdocgen_explore.auditing.rule import ONLY_BATCH, AuditInput, per_group, per_job, rule
from boxdocgen_explore.text import counted, percent


@rule("duplicate-job", "error")
def duplicate_job(inputs: AuditInput) -> pl.DataFrame:
    """Every job has an id and appears once.

    A job that appears twice is counted twice.
    """
    groups = inputs.jobs.group_by("job_id", maintain_order=True).agg(ONLY_BATCH, rows=pl.len())
    twice = pl.format("Job {} appears {} times.", "job_id", "rows")
    without_id = pl.format("Rows without a job id: {}.", "rows")
    wrong = groups.filter((pl.col("rows") > 1) | pl.col("job_id").is_null())
    return per_job(wrong, pl.coalesce(twice, without_id))


@rule("failed-share", "error", option="max_failed_share")
def failed_share(inputs: AuditInput) -> pl.DataFrame:
    """The share of failed jobs in a batch is at most max_failed_share.

    A failed job has no document.
    """
    return _share(inputs, "failed", "failed", inputs.thresholds.max_failed_share)


@rule("error-share", "error", option="max_error_share")
def error_share(inputs: AuditInput) -> pl.DataFrame:
    """The share of jobs completed with errors in a batch is at most max_error_share.

    The document may be incomplete: a tag without data stays in it as it was typed.
    """
    most = inputs.thresholds.max_error_share
    return _share(inputs, "completed_with_error", "completed with errors", most)


def _share(inputs: AuditInput, status: str, words: str, most: float) -> pl.DataFrame:
    counts = inputs.jobs.group_by("batch_id", maintain_order=True).agg(
        jobs=pl.len(), matching=pl.col("status").eq(status).sum()
    )
    return per_group(
        counts.filter(pl.col("matching") > pl.col("jobs") * most),
        lambda jobs, matching: (
            f"{matching:,} of {counted(jobs, 'job')} {words} ({percent(matching / jobs)}; "
            f"tolerance: {percent(most)})."
        ),
    )
