"""What an audit looks for in the jobs themselves: small functions, each given the whole subject.

Every function gives a frame of ``batch_id``, ``job_id`` and ``detail``, one row per finding;
``job_id`` is null where the finding is about a batch, ``batch_id`` too where it is about several.
What each is for, and what it needs, stands in the table of `boxdocgen_explore.auditing`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import polars as pl

from boxdocgen_explore.analysis import NO_REASON
from boxdocgen_explore.auditing.findings import Row, found, per_job
from boxdocgen_explore.auditing.inputs import Subject
from boxdocgen_explore.schema import RUNNING, STATUSES
from boxdocgen_explore.text import counted, listed, percent

_STATUS = pl.col("status")
_KNOWN = _STATUS.is_in(STATUSES).fill_null(False)
_RUNNING = _STATUS.is_in(sorted(RUNNING)).fill_null(False)
_MADE = _STATUS.is_in(["completed", "completed_with_error"]).fill_null(False)
_HAS_ERRORS = pl.col("errors").list.len().fill_null(0) > 0
_HAS_WARNINGS = pl.col("warnings").list.len().fill_null(0) > 0


def _text(column: str) -> pl.Expr:
    return pl.col(column).fill_null("none")


# --- identity ----------------------------------------------------------------------------------


def duplicate_job(subject: Subject) -> pl.DataFrame:
    jobs = subject.jobs
    nameless = jobs["job_id"].null_count()
    rows: list[Row] = []
    if nameless:
        rows.append((None, None, f"{counted(nameless, 'row')} without a job id."))
    twice = (
        jobs.drop_nulls("job_id")
        .group_by("job_id", maintain_order=True)
        .agg(pl.len().alias("rows"), pl.col("batch_id").unique(maintain_order=True))
        .filter(pl.col("rows") > 1)
    )
    for job_id, count, batches in twice.iter_rows():
        batch = batches[0] if len(batches) == 1 else None
        rows.append((batch, job_id, f"Job {job_id} comes {count:,} times."))
    return found(rows)


# --- outputs -----------------------------------------------------------------------------------


def missing_output(subject: Subject) -> pl.DataFrame:
    file, version = pl.col("output_file_id"), pl.col("output_file_version_id")
    lacking = subject.jobs.filter(_MADE, file.is_null() | version.is_null())
    what = (
        pl.when(file.is_null() & version.is_null())
        .then(pl.lit("no output file"))
        .when(file.is_null())
        .then(pl.lit("an output file version, but no output file"))
        .otherwise(pl.lit("an output file, but no version of it"))
    )
    return per_job(lacking, pl.format("The job is {} and names {}.", _STATUS, what))


def output_of_failed(subject: Subject) -> pl.DataFrame:
    file, version = pl.col("output_file_id"), pl.col("output_file_version_id")
    named = file.is_not_null() | version.is_not_null()
    odd = subject.jobs.filter(_STATUS == "failed", named)
    detail = pl.format(
        "The job failed, yet it names output file {}, version {}.",
        _text("output_file_id"),
        _text("output_file_version_id"),
    )
    return per_job(odd, detail)


def _shared(jobs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Outputs that several jobs name: the jobs (an id twice counts once), batches, versions."""
    return (
        jobs.drop_nulls([*by, "job_id"])
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("job_id", "batch_id").unique(maintain_order=True),
            versions=pl.col("output_file_version_id").n_unique(),
            unversioned=pl.col("output_file_version_id").is_null().any(),
        )
        .filter(pl.col("job_id").list.len() > 1)
    )


def shared_output_file(subject: Subject) -> pl.DataFrame:
    shared = _shared(subject.jobs, "output_file_id")
    # One and the same version of all is what the stricter rule is about.
    shared = shared.filter((pl.col("versions") > 1) | pl.col("unversioned"))
    return found(
        (
            row["batch_id"][0] if len(row["batch_id"]) == 1 else None,
            None,
            f"Output file {row['output_file_id']} is named by "
            f"{counted(len(row['job_id']), 'job')}: {listed(row['job_id'])}.",
        )
        for row in shared.iter_rows(named=True)
    )


def shared_output_version(subject: Subject) -> pl.DataFrame:
    shared = _shared(subject.jobs, "output_file_id", "output_file_version_id")
    return found(
        (
            row["batch_id"][0] if len(row["batch_id"]) == 1 else None,
            None,
            f"Version {row['output_file_version_id']} of output file {row['output_file_id']} is "
            f"named by {counted(len(row['job_id']), 'job')}: {listed(row['job_id'])}.",
        )
        for row in shared.iter_rows(named=True)
    )


# --- messages ----------------------------------------------------------------------------------


def no_message(subject: Subject) -> pl.DataFrame:
    silent = subject.reasons.filter(pl.col("reason") == NO_REASON)
    return per_job(silent, pl.format("The job is {}, and Box gave no error message.", _STATUS))


def errors_though_completed(subject: Subject) -> pl.DataFrame:
    odd = subject.jobs.filter(_STATUS == "completed", _HAS_ERRORS)
    return per_job(
        odd, pl.format("The job is completed, yet Box gave errors: {}", _text_of("errors"))
    )


def warnings_only(subject: Subject) -> pl.DataFrame:
    warned = (
        subject.jobs.filter(_STATUS == "completed", ~_HAS_ERRORS, _HAS_WARNINGS)
        .group_by("batch_id", maintain_order=True)
        .agg(jobs=pl.len(), job=pl.col("job_id").first(), message=_text_of("warnings").first())
    )
    return found(
        (
            batch,
            None,
            f"{counted(jobs, 'job')} completed with warnings only, for example {job}: {message}",
        )
        for batch, jobs, job, message in warned.iter_rows()
    )


def _text_of(messages: str) -> pl.Expr:
    return pl.col(messages).list.drop_nulls().list.join("; ")


# --- shares ------------------------------------------------------------------------------------


def failed_share(subject: Subject) -> pl.DataFrame:
    return _share(subject, "failed", "failed", subject.thresholds.max_failed_share)


def error_share(subject: Subject) -> pl.DataFrame:
    most = subject.thresholds.max_error_share
    return _share(subject, "completed_with_error", "completed with errors", most)


def _share(subject: Subject, status: str, words: str, most: float) -> pl.DataFrame:
    counts = subject.jobs.group_by("batch_id", maintain_order=True).agg(
        jobs=pl.len(), such=_STATUS.eq(status).sum()
    )
    above = counts.filter(pl.col("such") > pl.col("jobs") * most)
    return found(
        (
            batch,
            None,
            f"{such:,} of {counted(jobs, 'job')} {words} ({percent(such / jobs)}; "
            f"{percent(most)} is accepted).",
        )
        for batch, jobs, such in above.iter_rows()
    )


# --- statuses ----------------------------------------------------------------------------------


def unknown_status(subject: Subject) -> pl.DataFrame:
    odd = (
        subject.jobs.filter(~_KNOWN)
        .group_by("batch_id", "status", maintain_order=True)
        .agg(jobs=pl.len())
    )
    return found(
        (
            batch,
            None,
            f"{counted(jobs, 'job')} with "
            + ("no status" if status is None else f'the status "{status}", which is unknown here')
            + "; whether it is final cannot be said.",
        )
        for batch, status, jobs in odd.iter_rows()
    )


def not_final(subject: Subject) -> pl.DataFrame:
    counts = subject.jobs.group_by("batch_id", maintain_order=True).agg(
        jobs=pl.len(), running=_RUNNING.sum()
    )
    return found(
        (batch, None, f"{running:,} of {counted(jobs, 'job')} had not ended when they were read.")
        for batch, jobs, running in counts.filter(pl.col("running") > 0).iter_rows()
    )


def running_too_long(subject: Subject) -> pl.DataFrame:
    hours = subject.thresholds.running_hours
    read_at = pl.lit(subject.now)
    running = subject.jobs.filter(_RUNNING)
    if subject.pages is not None:
        # A status is as old as the page it came on: what happened since is not known.
        fetched = subject.pages.group_by("batch_id").agg(fetched_at=pl.col("fetched_at").min())
        running = running.join(fetched, on="batch_id", how="left", nulls_equal=True)
        read_at = pl.min_horizontal(read_at, pl.col("fetched_at"))
    late = (
        running.filter(read_at - pl.col("created_at") > dt.timedelta(hours=hours))
        .sort("created_at")
        .group_by("batch_id", maintain_order=True)
        .agg(jobs=pl.len(), job=pl.col("job_id").first(), since=pl.col("created_at").first())
    )
    return found(
        (
            batch,
            None,
            f"{counted(jobs, 'job')} had not ended {hours:g} h after creation when read; the "
            f"oldest, {job}, was created {since:%Y-%m-%d %H:%M} UTC.",
        )
        for batch, jobs, job, since in late.iter_rows()
    )


# --- who and whence ----------------------------------------------------------------------------


def unexpected_creator(subject: Subject) -> pl.DataFrame:
    wanted, creator = subject.thresholds.creators, pl.coalesce("created_by_login", "created_by_id")
    if wanted is not None:
        known = [pl.col(column).is_in(wanted) for column in ("created_by_id", "created_by_login")]
        others = subject.jobs.filter(~pl.any_horizontal(known).fill_null(False))
        return _unexpected(others.filter(creator.is_not_null()), creator, "creator")
    return _several(subject.jobs, creator, "creators")


def unexpected_source(subject: Subject) -> pl.DataFrame:
    return _origin(subject, "source", "source", subject.thresholds.sources)


def unexpected_enterprise(subject: Subject) -> pl.DataFrame:
    return _origin(subject, "enterprise_id", "enterprise", subject.thresholds.enterprises)


def _origin(
    subject: Subject, column: str, noun: str, wanted: Collection[str] | None
) -> pl.DataFrame:
    if wanted is None:
        return _several(subject.jobs, pl.col(column), noun + "s")
    return _unexpected(subject.jobs.filter(~pl.col(column).is_in(wanted)), pl.col(column), noun)


def unexpected_output_type(subject: Subject) -> pl.DataFrame:
    column, wanted = pl.col("output_type"), subject.output_types or ()
    jobs = subject.jobs.filter(~column.is_in(wanted).fill_null(False))
    return _unexpected(jobs, column, "output type")


def mixed_output_types(subject: Subject) -> pl.DataFrame:
    return _several(subject.jobs, pl.col("output_type"), "output types")


def _unexpected(jobs: pl.DataFrame, value: pl.Expr, noun: str) -> pl.DataFrame:
    counts = jobs.group_by("batch_id", value.alias("value"), maintain_order=True).agg(jobs=pl.len())
    return found(
        (batch, None, f"{counted(jobs, 'job')} with the unexpected {noun} {value}.")
        if value is not None
        else (batch, None, f"{counted(jobs, 'job')} without {noun}.")
        for batch, value, jobs in counts.iter_rows()
    )


def _several(jobs: pl.DataFrame, value: pl.Expr, nouns: str) -> pl.DataFrame:
    mixed = (
        jobs.group_by("batch_id", maintain_order=True)
        .agg(values=value.drop_nulls().unique(maintain_order=True))
        .filter(pl.col("values").list.len() > 1)
    )
    return found(
        (batch, None, f"{len(values)} {nouns} within one batch: {listed(values)}.")
        for batch, values in mixed.iter_rows()
    )
