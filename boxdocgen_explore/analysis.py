"""Jobs to counts: outcomes, failure reasons, comparisons by batch, template and day.

Every function that counts takes a `Reading` or a jobs frame (`schema.JOBS`, one row per job) and
returns a new frame. Nothing is fetched or cached.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import polars as pl

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.messages import (
    NO_REASON,
    fix,
    job_messages,
    job_reasons,
    reason,
    tag,
    tag_names,
)
from boxdocgen_explore.progress import (
    DURATION_RANGES,
    Pace,
    by_duration,
    documents_over_time,
    duration_note,
    duration_range,
    durations,
    interval,
    jobs_of,
    observations,
    pace,
)
from boxdocgen_explore.schema import STATUSES, TERMINAL
from boxdocgen_explore.search import search
from boxdocgen_explore.verdict import Verdict
from boxdocgen_explore.verdict import verdict as _verdict

__all__ = [
    "DURATION_RANGES",
    "NO_REASON",
    "Pace",
    "Verdict",
    "by_batch",
    "by_day",
    "by_duration",
    "by_template",
    "causes",
    "day",
    "documents_over_time",
    "duration_note",
    "duration_range",
    "durations",
    "interval",
    "job_reasons",
    "jobs_of",
    "observations",
    "outcomes",
    "output_types",
    "pace",
    "reason",
    "reasons",
    "search",
    "tag",
    "verdict",
]

_VERSION: Final = ("template_file_id", "template_file_version_id")


def verdict(
    jobs: Reading | pl.DataFrame,
    pages: pl.DataFrame | None = None,
    *,
    now: datetime | None = None,
    failures: Collection[str] = (),
) -> Verdict:
    """Summarise in one line what happened to the jobs, and whether they are complete.

    A reading has its own pages and failures. For a jobs frame, ``pages`` has one row per page
    read (`schema.PAGES`); without it the verdict is "no evidence". ``failures`` are the ids of
    incomplete batches. The age is that at ``now`` (UTC).

    Source: `schema.PAGES`, and ``failures.errors`` of the failed jobs; Box publishes no number
    of jobs to compare with.

    >>> errors = [["The tag 'city' was not provided in the input data."], []]
    >>> print(verdict(pl.DataFrame({"status": ["failed", "completed"], "errors": errors})))
    1 of 2 failed, because the tag city was not provided · no evidence
    """
    if isinstance(jobs, Reading):
        return _verdict(jobs.jobs, jobs.pages, now=now, failures=jobs.failures)
    return _verdict(jobs_of(jobs), pages, now=now, failures=failures)


def outcomes(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by status.

    Returns one row per status that occurs: ``status`` (str), ``jobs`` (int), in the order of
    `schema.STATUSES`, problems first; unknown statuses follow by name.

    Source: ``status`` of each job.

    >>> outcomes(pl.DataFrame({"status": ["completed", "failed", "completed"]})).rows()
    [('failed', 1), ('completed', 2)]
    """
    return _count(jobs, "status")


def output_types(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by output type and status.

    Returns ``output_type`` (str), ``status`` (str), ``jobs`` (int), one row per pair that
    occurs, most frequent output type first.

    Source: ``output_type`` and ``status`` of each job.
    """
    return _largest_first(_count(jobs, "output_type", "status"), "output_type")


def by_batch(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by batch and status: ``batch_id``, ``status``, ``jobs``, in order of appearance.

    Source: ``batch.id`` and ``status`` of each job.
    """
    return _count(jobs, "batch_id", "status")


def by_template(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by template version and status, most used version first.

    Returns ``template_file_id``, ``template_file_version_id``, ``status`` (str), ``jobs`` (int).

    Source: ``template_file.id``, ``template_file_version.id`` and ``status`` of each job.
    """
    return _largest_first(_count(jobs, *_VERSION, "status"), *_VERSION)


def by_day(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by the UTC day of their creation and status, oldest day first.

    Returns ``day`` (date, UTC; null if Box returns no time), ``status`` (str), ``jobs`` (int).

    Raises:
        InvalidRequest: no column ``created_at``; read with ``details=True``.

    Source: ``created_at`` and ``status`` of ``/docgen_jobs``.
    """
    jobs = jobs_of(jobs)
    if "created_at" not in jobs.columns:
        raise InvalidRequest("These jobs have no times. Read them with details=True.")
    dated = jobs.with_columns(day=day().str.to_date())
    return _count(dated, "day", "status").sort("day", nulls_last=True, maintain_order=True)


def reasons(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by failure reason, largest first.

    Returns one row per reason: ``reason`` (str, see `reason`), ``jobs`` (int; a job counts once for
    each of its distinct reasons, so the sum may exceed the number of jobs), ``messages`` (int,
    the number of different messages in this group), ``example`` (str, the first of them; null
    for `NO_REASON`), ``example_job_id`` (str). Jobs without errors and warnings do not count.

    Source: ``failures.errors`` of each job.
    """
    return (
        job_messages(jobs_of(jobs))
        .group_by("reason", maintain_order=True)
        .agg(
            jobs=pl.col("job").n_unique().cast(pl.Int64),
            messages=pl.col("message").drop_nulls().n_unique().cast(pl.Int64),
            example=pl.col("message").first(),
            example_job_id=pl.col("job_id").first(),
        )
        .sort(["jobs", "reason"], descending=[True, False])
    )


def causes(jobs: Reading | pl.DataFrame, tags: pl.DataFrame | None = None) -> pl.DataFrame:
    """List the tag, the template versions and the fix for each failure reason.

    Parameters:
        jobs: jobs of several template versions, to compare these.
        tags: the tags of several versions of the templates (`schema.TAGS`).

    Returns one row per reason, as `reasons` does: ``reason`` (str), ``jobs`` (int), ``tag`` (str,
    null if the reason names none), ``template_file_version_ids`` (list of str, those that the
    affected jobs use), ``only_these_versions`` (bool: true if other versions of these templates
    have final jobs here, and none with this reason; null if there are no other versions; false if
    the version of an affected job is unknown), ``fix`` (str, what Box documents for a missing tag;
    null for every other reason). With ``tags`` also ``introduced_in`` (str: the one version that
    has the tag, while another version in ``tags`` has not; else null).

    Source: ``failures.errors``, ``template_file.id`` and ``template_file_version.id`` of each job;
    ``GET /docgen_templates/:id/tags``.

    >>> from boxdocgen_explore.schema import JOBS
    >>> error = "The tag 'city' was not provided in the input data."
    >>> rows = [{"status": "failed", "template_file_version_id": "5", "errors": [error]},
    ...         {"status": "completed", "template_file_version_id": "4"}]
    >>> jobs = pl.DataFrame([{"template_file_id": "1", **row} for row in rows], schema=JOBS)
    >>> causes(jobs).row(0, named=True)["only_these_versions"]
    True
    """
    jobs = jobs_of(jobs)
    template, version = _VERSION
    reasons = job_messages(jobs).select("job", "reason").unique()
    used = jobs.with_row_index("job").select("job", *_VERSION)
    counts = reasons.join(used, on="job").group_by("reason", *_VERSION).agg(jobs=pl.len())
    final = jobs.filter(pl.col("status").is_in(TERMINAL)).select(_VERSION).unique().drop_nulls()
    others = (
        counts.select("reason", template)
        .unique()
        .join(final, on=template)
        .join(counts, on=["reason", version], how="anti")
        .select(pl.col("reason").unique(), other=pl.lit(True))
    )
    known = pl.col(version).is_not_null().all()
    found = (
        counts.group_by("reason")
        .agg(
            pl.col("jobs").sum().cast(pl.Int64),
            pl.col(version).unique().drop_nulls().sort(),
            known=known,
        )
        .join(others, on="reason", how="left")
        .sort(["jobs", "reason"], descending=[True, False])
        .select(
            "reason",
            "jobs",
            tag=tag(pl.col("reason")),
            template_file_version_ids=version,
            only_these_versions=pl.when(~pl.col("known")).then(False).when("other").then(True),
            fix=fix(pl.col("reason")),
        )
    )
    return found if tags is None else _with_origin(found, counts, tags)


def _with_origin(found: pl.DataFrame, counts: pl.DataFrame, tags: pl.DataFrame) -> pl.DataFrame:
    """Add the version that introduced the tag of each reason to the affected templates."""
    template, version = _VERSION
    names = tag_names(tags).drop_nulls()
    read = names.group_by(template).agg(read=pl.col(version).n_unique())
    origins = (
        counts.select("reason", template, tag=tag(pl.col("reason")))
        .unique()
        .join(names, on=[template, "tag"])
        .join(read, on=template)
        .group_by("reason")
        .agg(pl.col(version).unique(), pl.col("read").max())
        .filter(pl.col(version).list.len() == 1, pl.col("read") > 1)
        .select("reason", introduced_in=pl.col(version).list.first())
    )
    return found.join(origins, on="reason", how="left", maintain_order="left")


def day() -> pl.Expr:
    """The UTC day of a job's creation as ISO text, as an expression over a jobs frame."""
    return pl.col("created_at").dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d")


def _count(jobs: Reading | pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Count jobs; groups in order of appearance, statuses within a group problems first."""
    counts = (
        jobs_of(jobs)
        .select(columns)
        .with_row_index("_row")
        .group_by(columns, maintain_order=True)
        .agg(jobs=pl.len().cast(pl.Int64), _row=pl.col("_row").first())
    )
    appearance = [] if columns == ("status",) else [pl.col("_row").min().over(columns[:-1])]
    rank = pl.col("status").replace_strict(
        {status: number for number, status in enumerate(STATUSES)}, default=len(STATUSES)
    )
    return counts.sort([*appearance, rank, "status"]).drop("_row")


def _largest_first(counts: pl.DataFrame, *columns: str) -> pl.DataFrame:
    return counts.sort(pl.col("jobs").sum().over(columns), descending=True, maintain_order=True)
