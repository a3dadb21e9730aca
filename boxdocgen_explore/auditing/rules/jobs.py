"""Rules about identity and outcome: is each job counted once, and how many failed?"""

from __future__ import annotations

import polars as pl

from boxdocgen_explore.auditing.findings import ONLY_BATCH, Row, findings_frame, per_group
from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.rule import rule
from boxdocgen_explore.text import counted, percent


@rule(
    "duplicate-job",
    "error",
    checks="every job has an id and appears once",
    why="A job that appears twice is counted twice.",
)
def duplicate_job(inputs: AuditInput) -> pl.DataFrame:
    without_id = inputs.jobs["job_id"].null_count()
    rows: list[Row] = []
    if without_id:
        rows.append((None, None, f"{counted(without_id, 'row')} without a job id."))
    twice = (
        inputs.jobs.drop_nulls("job_id")
        .group_by("job_id", maintain_order=True)
        .agg(ONLY_BATCH, rows=pl.len())
        .filter(pl.col("rows") > 1)
    )
    for job_id, batch_id, count in twice.iter_rows():
        rows.append((batch_id, job_id, f"Job {job_id} appears {count:,} times."))
    return findings_frame(rows)


@rule(
    "failed-share",
    "error",
    checks="the share of failed jobs in a batch is at most max_failed_share",
    why="A failed job has no document.",
    option="max_failed_share",
)
def failed_share(inputs: AuditInput) -> pl.DataFrame:
    return _share(inputs, "failed", "failed", inputs.thresholds.max_failed_share)


@rule(
    "error-share",
    "error",
    checks="the share of jobs completed with errors in a batch is at most max_error_share",
    why="The document may be incomplete: a tag without data stays in it as it was typed.",
    option="max_error_share",
)
def error_share(inputs: AuditInput) -> pl.DataFrame:
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
            f"{percent(most)} is accepted)."
        ),
    )
