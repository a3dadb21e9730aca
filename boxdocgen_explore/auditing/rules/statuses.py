"""Rules about statuses: do messages and times agree with them, and are all of them known?"""

from __future__ import annotations

import datetime as dt

import polars as pl

from boxdocgen_explore.analysis import NO_REASON
from boxdocgen_explore.auditing.rule import AuditInput, per_group, per_job, rule
from boxdocgen_explore.schema import RUNNING, STATUSES
from boxdocgen_explore.text import counted, listed

_STATUS = pl.col("status")
_IS_RUNNING = _STATUS.is_in(sorted(RUNNING)).fill_null(False)


@rule("no-message", "warning")
def no_message(inputs: AuditInput) -> pl.DataFrame:
    """Jobs that failed or completed with errors carry a message.

    Without a reason the failure cannot be fixed.
    """
    silent = inputs.reasons.filter(pl.col("reason") == NO_REASON)
    return per_job(silent, pl.format("The status is {}, but Box gave no error message.", _STATUS))


@rule("errors-though-completed", "warning")
def errors_though_completed(inputs: AuditInput) -> pl.DataFrame:
    """Completed jobs carry no errors.

    Status and messages contradict each other.
    """
    errors = pl.col("errors").list.drop_nulls().list.join("; ")
    contradictory = inputs.jobs.filter(_STATUS == "completed", pl.col("errors").list.len() > 0)
    return per_job(
        contradictory, pl.format("The job is completed, but Box gave errors: {}", errors)
    )


@rule("not-final", "warning")
def not_final(inputs: AuditInput) -> pl.DataFrame:
    """Every job was final when it was read.

    The result of a batch that is still running is provisional.
    """
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
    also=("created_at",),
    columns=("created_at",),
    option="running_hours",
)
def running_too_long(inputs: AuditInput) -> pl.DataFrame:
    """No job was still running running_hours after its creation.

    Jobs that run for so long usually need somebody to act.
    """
    hours = inputs.thresholds.running_hours
    # A status is as old as the page it was read from; what happened since is not known.
    read_at = pl.min_horizontal(pl.lit(inputs.now), pl.col("fetched_at"))
    late = (
        _running_with_page_time(inputs)
        .filter(read_at - pl.col("created_at") > dt.timedelta(hours=hours))
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


def _running_with_page_time(inputs: AuditInput) -> pl.DataFrame:
    """Give the running jobs with ``fetched_at``: when the job's own page was read.

    Jobs are in the order of their pages. If the pages of a batch do not hold as many jobs as
    are here, the newest page of the batch counts; without evidence it is null.
    """
    place = pl.int_range(pl.len()).over("batch_id").alias("place")
    counted_jobs = inputs.jobs.with_columns(place, rows=pl.len().over("batch_id"))
    running = counted_jobs.filter(_IS_RUNNING)
    pages = inputs.evidence.select("batch_id", "fetched_at", held="jobs").join(
        running.select("batch_id", "rows").unique(),
        on="batch_id",
        nulls_equal=True,
        maintain_order="left",
    )
    fits = (pl.col("held").min() >= 0) & (pl.col("held").sum() == pl.col("rows").first())
    own = (
        pages.filter(fits.over("batch_id"))
        .select("batch_id", pl.col("fetched_at").repeat_by("held"))
        .explode("fetched_at", empty_as_null=False)
        .with_columns(place)
    )
    newest = pages.group_by("batch_id").agg(newest=pl.col("fetched_at").max())
    return (
        running.join(own, on=["batch_id", "place"], how="left", nulls_equal=True)
        .join(newest, on="batch_id", how="left", nulls_equal=True)
        .with_columns(pl.coalesce("fetched_at", "newest"))
    )


@rule("unknown-status", "warning")
def unknown_status(inputs: AuditInput) -> pl.DataFrame:
    """Every status is one that Box documents.

    It is not known whether such a job is final, or has a document.
    """
    unknown = inputs.jobs.filter(~_STATUS.is_in(STATUSES).fill_null(False))
    return per_group(
        unknown.group_by("batch_id", "status", maintain_order=True).agg(jobs=pl.len()),
        lambda status, jobs: (
            f"{counted(jobs, 'job')} with "
            + ("no status" if status is None else f'the unknown status "{status}"')
            + "; it may or may not be final."
        ),
    )


@rule("unknown-field", "warning", needs=("pages", "complete batches"))
def unknown_field(inputs: AuditInput) -> pl.DataFrame:
    """Box sent no field that this package does not know.

    The content of such a field was not audited.
    """
    fields = (
        inputs.evidence.explode("unknown_fields")
        .drop_nulls("unknown_fields")
        .group_by("batch_id", maintain_order=True)
        .agg(names=pl.col("unknown_fields").unique().sort())
    )
    return per_group(
        fields,
        lambda names: f"Box sent fields that this version does not know: {listed(names, most=20)}.",
    )
