"""Rules about statuses: consistent messages and times, and known values."""

from __future__ import annotations

import datetime as dt

import polars as pl

from boxdocgen_explore.auditing.rule import AuditInput, per_group, rule
from boxdocgen_explore.messages import NO_REASON, tag
from boxdocgen_explore.schema import RUNNING, STATUSES
from boxdocgen_explore.text import counted, listed

_STATUS = pl.col("status")
_IS_RUNNING = _STATUS.is_in(sorted(RUNNING)).fill_null(False)


@rule("no-message", "warning")
def no_message(inputs: AuditInput) -> pl.DataFrame:
    """Jobs that failed or completed with errors carry a message.

    Without a reason, the failure cannot be fixed.
    """
    silent = inputs.reasons.filter(pl.col("reason") == NO_REASON)
    return per_group(
        silent.group_by("batch_id", "status", maintain_order=True).agg(pl.col("job_id")),
        lambda status, job_id: (
            f"{counted(len(job_id), 'job')} {status} without an error message of Box: "
            f"{listed(job_id)}."
        ),
        about="status",
    )


@rule("errors-though-completed", "warning", columns=("errors",))
def errors_though_completed(inputs: AuditInput) -> pl.DataFrame:
    """Completed jobs carry no errors.

    Status and messages contradict each other. An error if a tag is named, which may be unfilled.
    """
    errors = pl.col("errors").list.drop_nulls().list.join("; ")
    severity = pl.when(tag(errors).is_not_null()).then(pl.lit("error")).otherwise(pl.lit("warning"))
    contradictory = inputs.jobs.filter(_STATUS == "completed", pl.col("errors").list.len() > 0)
    detail = pl.format("The job is completed, but Box gave errors: {}", errors)
    return contradictory.select("batch_id", "job_id", detail=detail, severity=severity)


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
    # Later changes are unknown; a page with running jobs is as new as the newest page.
    read_at = pl.min_horizontal(pl.lit(inputs.now), pl.col("last_read"))
    late = (
        inputs.jobs.filter(_IS_RUNNING)
        .join(inputs.last_read, on="batch_id", how="left", nulls_equal=True)
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


@rule("unknown-status", "warning")
def unknown_status(inputs: AuditInput) -> pl.DataFrame:
    """Every status is one that Box documents.

    It is unknown whether such a job is final or has a document.
    """
    unknown = inputs.jobs.filter(~_STATUS.is_in(STATUSES).fill_null(False))
    return per_group(
        unknown.group_by("batch_id", "status", maintain_order=True).agg(jobs=pl.len()),
        lambda status, jobs: (
            f"{counted(jobs, 'job')} with "
            + ("no status" if status is None else f'the unknown status "{status}"')
            + "; it may or may not be final."
        ),
        about="status",
    )


@rule("unknown-field", "warning", needs=("pages", "complete batches"))
def unknown_field(inputs: AuditInput) -> pl.DataFrame:
    """Box sent no field that this package does not know.

    The content of such a field was not audited.
    """
    fields = (
        inputs.pages.explode("unknown_fields")
        .drop_nulls("unknown_fields")
        .group_by("batch_id", maintain_order=True)
        .agg(names=pl.col("unknown_fields").unique().sort())
    )
    return per_group(
        fields,
        lambda names: f"Box sent fields that this version does not know: {listed(names, most=20)}.",
    )
