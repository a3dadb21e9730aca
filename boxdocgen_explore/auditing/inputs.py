"""The input of an audit: jobs, pages as evidence, and the auditor's declarations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, cast

import polars as pl

from boxdocgen_explore.arguments import as_frame, checked, checked_time
from boxdocgen_explore.auditing.manifest import Manifest, read_manifest
from boxdocgen_explore.auditing.options import AuditOptions, Thresholds, thresholds
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.messages import job_messages
from boxdocgen_explore.schema import (
    DETAILS,
    DOCUMENTS,
    DURATION,
    JOBS,
    PAGES,
    PROBLEMS,
    TAGS,
    TEMPLATES,
)

_VERSION: Final = ("template_file_id", "template_file_version_id")


@dataclass(frozen=True)
class AuditInput:
    """The input of rules; values that were not given are None.

    ``earlier`` is an earlier reading; ``parent`` the audit of which this is a part (`of`).
    ``jobs`` has the columns of `schema.JOBS` and, if they were read, of `schema.DETAILS`,
    `schema.DOCUMENTS` and `schema.DURATION`.
    ``pages`` is empty for a plain frame; ``failures`` has the batches that could not be read.
    ``listed`` has ``batch_id`` and ``job_id`` of the jobs in the list of all jobs.
    """

    jobs: pl.DataFrame
    pages: pl.DataFrame
    failures: Mapping[str, BoxDocGenError] = field(default_factory=dict)
    listed: pl.DataFrame | None = None
    expected: Manifest | None = None
    templates: pl.DataFrame | None = None
    tags: pl.DataFrame | None = None
    earlier: AuditInput | None = None
    parent: AuditInput | None = None
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    thresholds: Thresholds = field(default_factory=Thresholds)

    @cached_property
    def reasons(self) -> pl.DataFrame:
        """`problem_reasons` of the jobs."""
        return problem_reasons(self.jobs)

    @cached_property
    def versions(self) -> pl.DataFrame:
        """The template versions of each batch, with ``created_at`` of the first job, if it was
        read, and ``batches``: how many use the template."""
        if self.parent:
            return self.parent.versions.join(self.jobs, on="batch_id", how="semi")
        key = ["batch_id", *_VERSION]
        created_at = pl.col("^created_at$").min()
        used = self.jobs.drop_nulls(key).group_by(key, maintain_order=True).agg(created_at)
        return used.with_columns(batches=pl.col("batch_id").n_unique().over("template_file_id"))

    @cached_property
    def batches(self) -> list[str]:
        """Batches of which something was read; a batch without jobs still has pages."""
        ids = pl.concat([self.pages["batch_id"], self.jobs["batch_id"]])
        return ids.drop_nulls().unique(maintain_order=True).to_list()

    @cached_property
    def missing(self) -> dict[str, Any]:
        """The missing parts of each need that was checked (`auditing.needs`)."""
        return {}

    @cached_property
    def _by_batch(self) -> list[dict[Any, pl.DataFrame]]:
        return [frame.partition_by("batch_id", as_dict=True) for frame in (self.jobs, self.pages)]

    def of(self, batch_id: str) -> AuditInput:
        """The part about one batch."""
        jobs, pages = (
            frames.get((batch_id,), frame.clear())
            for frames, frame in zip(self._by_batch, (self.jobs, self.pages), strict=True)
        )
        failures = {
            failed_id: error for failed_id, error in self.failures.items() if failed_id == batch_id
        }
        return replace(self, jobs=jobs, pages=pages, failures=failures, parent=self)

    @cached_property
    def last_read(self) -> pl.DataFrame:
        """When a page of each batch was last read (``last_read``); empty without evidence."""
        pages = self.pages.group_by("batch_id", maintain_order=True)
        return pages.agg(last_read=pl.col("fetched_at").max())

    @cached_property
    def incomplete_batches(self) -> list[str]:
        """Batches known to be incomplete; empty without evidence."""
        cut = self.pages.filter(~pl.col("complete").fill_null(False))
        return sorted({*self.failures, *cut["batch_id"].drop_nulls()})

    @cached_property
    def used_templates(self) -> dict[str, list[str]]:
        """The template ids of every batch, including batches without jobs and unread ones."""
        used = self.jobs.select("batch_id", "template_file_id").unique(maintain_order=True)
        ids = [*self.failures, *self.pages["batch_id"], *used["batch_id"]]
        templates: dict[str, list[str]] = {batch_id: [] for batch_id in ids if batch_id is not None}
        for batch_id, template_id in used.drop_nulls().iter_rows():
            templates[batch_id].append(template_id)
        return templates

    def template(self, template_id: str | None) -> str:
        """Name a template in a sentence: 'Offer letter (1755012340011)', or only its id."""
        if self.templates is None or template_id is None:
            return f"template {template_id}" if template_id else "no template"
        named = self.templates.filter(pl.col("template_file_id") == template_id)
        name: str | None = next(iter(named["template_name"].drop_nulls()), None)
        return f"{name} ({template_id})" if name else f"template {template_id}"


def audit_input(reading: Reading | pl.DataFrame, options: AuditOptions) -> AuditInput:
    """Check a reading and the options of an audit, and combine them.

    Raises:
        InvalidRequest: a frame lacks columns, an option is unknown or invalid.
    """
    read = checked_reading(reading)
    given = cast(dict[str, Any], dict(options))
    others = ("expected", "earlier", "now", "templates", "tags")
    expected, earlier, now, templates, tags = (given.pop(name, None) for name in others)
    return AuditInput(
        jobs=read.jobs,
        pages=read.pages,
        failures=read.failures,
        listed=read.listed,
        expected=None if expected is None else read_manifest(expected),
        templates=None if templates is None else conform(templates, TEMPLATES, "templates"),
        tags=None if tags is None else conform(tags, TAGS, "tags"),
        earlier=None if earlier is None else audit_input(earlier, {}),
        now=dt.datetime.now(dt.UTC) if now is None else checked_time("now", now),
        thresholds=thresholds(given),
    )


def checked_reading(reading: Reading | pl.DataFrame) -> Reading:
    """Return a reading with checked columns; one without pages for a plain frame.

    Raises:
        InvalidRequest: it is neither of the two, or a frame lacks columns.
    """
    given = as_frame(reading)
    if isinstance(given, pl.DataFrame):
        given = Reading(given, pl.DataFrame(schema=PAGES))
    if not isinstance(given, Reading):
        raise InvalidRequest(
            f"An audit needs a reading or a frame of jobs, not {type(reading).__name__}."
        )
    optional = {**DETAILS, **DOCUMENTS, **DURATION}
    read = {name: dtype for name, dtype in optional.items() if name in given.jobs.columns}
    jobs, pages = conform(given.jobs, {**JOBS, **read}, "jobs"), given.pages
    return replace(given, jobs=jobs, pages=conform(pages, PAGES, "pages") if len(pages) else pages)


def without(reading: Reading, batches: Collection[str]) -> Reading:
    """Remove batches from a reading."""
    others = ~pl.col("batch_id").is_in([*batches]).fill_null(False)
    failures = {
        batch_id: error for batch_id, error in reading.failures.items() if batch_id not in batches
    }
    jobs, pages = reading.jobs.filter(others), reading.pages.filter(others)
    return replace(reading, jobs=jobs, pages=pages, failures=failures)


def problem_reasons(jobs: pl.DataFrame) -> pl.DataFrame:
    """Return one row per problem job and distinct reason, in the order of the jobs.

    Columns ``row`` (which problem job), ``batch_id``, ``job_id``, ``external_id``, ``status``,
    ``template_file_id``, ``template_file_version_id``, ``message`` (the first one with this reason;
    null for `messages.NO_REASON`) and ``reason``.
    """
    problems = jobs.filter(pl.col("status").is_in(PROBLEMS)).with_row_index("row")
    named = job_messages(problems).select("message", "reason", row="job")
    named = named.unique(["row", "reason"], keep="first", maintain_order=True)
    jobs = problems.select("row", "batch_id", "job_id", "external_id", "status", *_VERSION)
    return jobs.join(named, on="row", how="left", maintain_order="left_right")


def conform(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], name: str) -> pl.DataFrame:
    """Select the columns of a schema, with its dtypes.

    Raises:
        InvalidRequest: not a frame, or a column is missing or has another dtype.
    """
    checked(name, frame, pl.DataFrame, "a frame")
    given = frame.schema
    missing = [column for column in schema if column not in given]
    if missing:
        raise InvalidRequest(f"The frame of {name} lacks the columns {', '.join(missing)}.")
    wrong = [
        f"{column} ({given[column]}, not {dtype})"
        for column, dtype in schema.items()
        if not _casts_to(given[column], dtype)
    ]
    if wrong:
        raise InvalidRequest(
            f"The frame of {name} has columns of another dtype: {', '.join(wrong)}."
        )
    others = {name: dtype for name, dtype in schema.items() if given[name] != dtype}
    return frame.select(*schema).cast(others)  # type: ignore[arg-type]


def _casts_to(dtype: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether a cast keeps the meaning; polars would, for example, turn a text into a list."""
    if isinstance(dtype, pl.List) and isinstance(wanted, pl.List):
        return dtype.inner in (pl.String, pl.Null)
    if isinstance(wanted, pl.String):
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum | pl.Null)
    if isinstance(wanted, pl.Int64):
        return dtype.is_integer() or isinstance(dtype, pl.Null)
    return isinstance(dtype, type(wanted) | pl.Null)
