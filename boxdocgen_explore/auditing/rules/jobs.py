"""Rules about identity and outcome: unique jobs, changed jobs, shares of failures."""

from __future__ import annotations

import polars as pl

from boxdocgen_explore.auditing.compare import COMPARED, changes
from boxdocgen_explore.auditing.rule import BATCHES, AuditInput, per_group, per_job, rule
from boxdocgen_explore.schema import TERMINAL
from boxdocgen_explore.text import counted, percent


@rule("duplicate-job", "error")
def duplicate_job(inputs: AuditInput) -> pl.DataFrame:
    """Every job has an id and appears once.

    A job that appears twice is counted twice.
    """
    groups = inputs.jobs.group_by("job_id", maintain_order=True).agg(*BATCHES, rows=pl.len())
    twice = pl.format("Job {} appears {} times.", "job_id", "rows")
    without_id = pl.format("Rows without a job id: {}.", "rows")
    wrong = groups.filter((pl.col("rows") > 1) | pl.col("job_id").is_null())
    return per_job(wrong, pl.coalesce(twice, without_id))


@rule("changed-final-job", "error", also=("earlier",), columns=COMPARED, option="earlier")
def changed_final_job(inputs: AuditInput) -> pl.DataFrame:
    """No job that was final in the earlier reading has changed or vanished since.

    Final jobs do not change; if one does, its record was changed.
    """
    assert inputs.earlier is not None  # noqa: S101 - the rule needs it
    _, vanished, changed = changes(inputs.earlier, inputs)
    # A job that may be on an unread page has not vanished.
    gone = vanished.filter(pl.col("item").is_in(sorted(TERMINAL)), pl.col("detail").is_null())
    rows = pl.concat([changed, gone.with_columns(detail=pl.lit("it is not here"))])
    return rows.select(
        "batch_id",
        job_id=pl.when(aspect="job changed").then("job_id"),
        about="job_id",
        detail=pl.format("Job {} was final in the earlier reading; now {}.", "job_id", "detail"),
    )


@rule("failed-share", "error", also=("final jobs",), option="max_failed_share")
def failed_share(inputs: AuditInput) -> pl.DataFrame:
    """The share of final jobs that failed in a batch is at most max_failed_share.

    A failed job has no document.
    """
    return _share(inputs, "failed", "failed", inputs.thresholds.max_failed_share)


@rule("error-share", "error", also=("final jobs",), option="max_error_share")
def error_share(inputs: AuditInput) -> pl.DataFrame:
    """The share of final jobs completed with errors in a batch is at most max_error_share.

    The document may be incomplete: tags without data stay in it unreplaced.
    """
    most = inputs.thresholds.max_error_share
    return _share(inputs, "completed_with_error", "completed with errors", most)


def _share(inputs: AuditInput, status: str, words: str, most: float) -> pl.DataFrame:
    """Batches with too many jobs of a status, the largest share first: reports show the first."""
    final = pl.col("status").is_in(sorted(TERMINAL)).sum()
    counts = inputs.jobs.group_by("batch_id", maintain_order=True).agg(
        jobs=final,
        matching=pl.col("status").eq(status).sum(),
        others=pl.len() - final,
        cut=pl.col("batch_id").first().is_in(inputs.incomplete_batches),
    )
    return per_group(
        counts.filter(pl.col("matching") > pl.col("jobs") * most).sort(
            pl.col("matching") / pl.col("jobs"), descending=True, maintain_order=True
        ),
        lambda jobs, matching, others, cut: (
            f"{matching:,} of {counted(jobs, 'final job' if others else 'job')} {words} "
            f"({percent(matching / jobs)}; tolerance: {percent(most)}"
            + (f"; {others:,} not final" if others else "")
            + ("; the batch is incomplete" if cut else "")
            + ")."
        ),
    )
