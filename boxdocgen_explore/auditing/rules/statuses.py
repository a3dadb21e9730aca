"""Rules about statuses: do messages and times agree with them?"""

from __future__ import annotations

import datetime as dt

import polars as pl

from boxdocgen_explore.analysis import NO_REASON
from boxdocgen_explore.auditing.findings import per_group, per_job
from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.rule import COMPLETE_JOBS, rule
from boxdocgen_explore.schema import RUNNING
from boxdocgen_explore.text import counted

_STATUS = pl.col("status")
_IS_RUNNING = _STATUS.is_in(sorted(RUNNING)).fill_null(False)


@rule(
    "no-message",
    "warning",
    checks="jobs that failed or completed with errors carry a message",
    why="Without a reason the failure cannot be fixed.",
)
def no_message(inputs: AuditInput) -> pl.DataFrame:
    silent = inputs.reasons.filter(pl.col("reason") == NO_REASON)
    return per_job(silent, pl.format("The job is {}, and Box gave no error message.", _STATUS))


@rule(
    "errors-though-completed",
    "warning",
    checks="completed jobs carry no errors",
    why="Status and messages contradict each other.",
)
def errors_though_completed(inputs: AuditInput) -> pl.DataFrame:
    errors = pl.col("errors").list.drop_nulls().list.join("; ")
    contradictory = inputs.jobs.filter(_STATUS == "completed", pl.col("errors").list.len() > 0)
    return per_job(
        contradictory, pl.format("The job is completed, but Box gave errors: {}", errors)
    )


@rule(
    "not-final",
    "warning",
    checks="every job was final when it was read",
    why="The result of a batch that is still running is provisional.",
)
def not_final(inputs: AuditInput) -> pl.DataFrame:
    counts = inputs.jobs.group_by("batch_id", maintain_order=True).agg(
        jobs=pl.len(), running=_IS_RUNNING.sum()
    )
    return per_group(
        counts.filter(pl.col("running") > 0),
        lambda jobs, running: f"{running:,} of {counted(jobs, 'job')} still running when read.",
    )


@rule(
    "running-too-long",
    "warning",
    checks="no job was still running running_hours after its creation",
    why="A job that runs for so long may never finish.",
    needs=(*COMPLETE_JOBS, "created_at"),
    columns=("created_at",),
    option="running_hours",
)
def running_too_long(inputs: AuditInput) -> pl.DataFrame:
    hours = inputs.thresholds.running_hours
    # A status is as old as the page it was read from; what happened since is not known.
    read_at = pl.min_horizontal(pl.lit(inputs.now), pl.col("fetched_at"))
    late = (
        _with_page_time(inputs)
        .filter(_IS_RUNNING, read_at - pl.col("created_at") > dt.timedelta(hours=hours))
        .sort("created_at")
        .group_by("batch_id", maintain_order=True)
        .agg(jobs=pl.len(), job=pl.col("job_id").first(), since=pl.col("created_at").first())
    )
    return per_group(
        late,
        lambda jobs, job, since: (
            f"{counted(jobs, 'job')} still running {hours:g} h after creation when read; the "
            f"oldest, {job}, was created {since:%Y-%m-%d %H:%M} UTC."
        ),
    )


def _with_page_time(inputs: AuditInput) -> pl.DataFrame:
    """Add ``fetched_at``: when the job's own page was read; null without evidence.

    Jobs are in the order of their pages. If the pages of a batch do not hold as many jobs as
    are here, its newest page counts.
    """
    if inputs.pages is None:
        return inputs.jobs.with_columns(fetched_at=pl.lit(None, pl.Datetime("us", "UTC")))
    place = pl.int_range(pl.len()).over("batch_id").alias("place")
    jobs = inputs.jobs.with_columns(place, rows=pl.len().over("batch_id"))
    rows = jobs.select("batch_id", "rows").unique()
    pages = inputs.pages.select("batch_id", "jobs", "fetched_at").with_columns(
        total=pl.col("jobs").sum().over("batch_id"),
        countable=(pl.col("jobs") >= 0).fill_null(False).all().over("batch_id"),
    )
    newest = pages.group_by("batch_id").agg(newest=pl.col("fetched_at").max())
    own = (
        pages.join(rows, on="batch_id", nulls_equal=True, maintain_order="left")
        .filter("countable", pl.col("total") == pl.col("rows"))
        .select("batch_id", pl.col("fetched_at").repeat_by("jobs"))
        .explode("fetched_at", empty_as_null=False)
        .with_columns(place)
    )
    return (
        jobs.join(own, on=["batch_id", "place"], how="left", nulls_equal=True)
        .join(newest, on="batch_id", how="left", nulls_equal=True)
        .with_columns(pl.coalesce("fetched_at", "newest"))
    )
