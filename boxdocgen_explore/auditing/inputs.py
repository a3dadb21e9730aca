"""What an audit looks at: jobs, the pages that prove them, and what the auditor declares."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Final

import polars as pl

from boxdocgen_explore.analysis import NO_REASON, reason
from boxdocgen_explore.auditing.manifest import Manifest, manifest
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.schema import DETAILS, JOBS, PAGES, PROBLEMS, TAGS, TEMPLATES


@dataclass(frozen=True)
class Thresholds:
    """What the rules may be told, as keyword arguments of `audit` and `verdicts`.

    Shares run from 0 to 1: ``max_failed_share=0.01`` accepts one failed job in a hundred.
    ``creators`` are user ids or logins.
    """

    max_failed_share: float = 0.0
    """Most failed jobs of a batch, as a share of its jobs."""
    max_error_share: float = 0.0
    """Most jobs of a batch completed with errors, as a share of its jobs."""
    running_hours: float = 24.0
    """How long after its creation a job may still run."""
    unique_external_ids: bool = False
    """Whether an external id that comes twice is an error, and not a warning."""
    creators: Collection[str] | None = None
    """Who may have created the jobs; None: anybody, one for each batch."""
    sources: Collection[str] | None = None
    """Where jobs may come from (Box's ``source``); None: anywhere, one for each batch."""
    enterprises: Collection[str] | None = None
    """Enterprise ids the jobs may belong to; None: any, one for each batch."""


@dataclass(frozen=True)
class Subject:
    """What the rules are given; what nobody provided is None.

    ``jobs`` has the columns of `schema.JOBS` and, where they were read, of `schema.DETAILS`.
    ``pages`` is None for a plain frame; ``failures`` names the batches that could not be read.
    """

    jobs: pl.DataFrame
    pages: pl.DataFrame | None = None
    failures: Mapping[str, BoxDocGenError] = field(default_factory=dict)
    expected: Manifest | None = None
    templates: pl.DataFrame | None = None
    tags: pl.DataFrame | None = None
    approved_versions: Collection[str] | None = None
    output_types: Collection[str] | None = None
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    thresholds: Thresholds = Thresholds()

    @cached_property
    def reasons(self) -> pl.DataFrame:
        """`problem_reasons` of the jobs, which several rules need."""
        return problem_reasons(self.jobs)

    @property
    def incomplete_batches(self) -> list[str]:
        """Batches whose chain is known to be cut; empty where there is no evidence."""
        cut = set(self.failures)
        if self.pages is not None:
            broken = self.pages.filter(~pl.col("complete").fill_null(False))
            cut |= set(broken["batch_id"].drop_nulls())
        return sorted(cut)

    def template(self, template_id: str | None) -> str:
        """Name a template for a sentence: 'Offer letter (1755012340011)' or its id alone."""
        if self.templates is None or template_id is None:
            return f"template {template_id}" if template_id else "no template"
        named = self.templates.filter(pl.col("template_file_id") == template_id)
        name: str | None = next(iter(named["template_name"].drop_nulls()), None)
        return f"{name} ({template_id})" if name else f"template {template_id}"


def subject(
    reading: Reading | pl.DataFrame,
    *,
    expected: Any = None,
    templates: pl.DataFrame | None = None,
    tags: pl.DataFrame | None = None,
    approved_versions: str | Collection[str] | None = None,
    output_type: str | Collection[str] | None = None,
    now: dt.datetime | None = None,
    thresholds: Mapping[str, Any] | None = None,
) -> Subject:
    """Check what was given and put it together.

    Raises:
        InvalidRequest: a frame lacks columns, a threshold is unknown or cannot be.
    """
    jobs, pages, failures = parts(reading)
    if now is not None and now.tzinfo is None:
        raise InvalidRequest("now needs a time zone, for example datetime.now(UTC).")
    return Subject(
        jobs=jobs,
        pages=pages,
        failures=failures,
        expected=None if expected is None else manifest(expected),
        templates=None if templates is None else typed(templates, TEMPLATES, "templates"),
        tags=None if tags is None else typed(tags, TAGS, "tags"),
        approved_versions=_texts(approved_versions, "approved_versions"),
        output_types=_texts(output_type, "output_type"),
        now=now or dt.datetime.now(dt.UTC),
        thresholds=_thresholds(thresholds or {}),
    )


def parts(
    reading: Reading | pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame | None, Mapping[str, BoxDocGenError]]:
    """Take a reading or a plain frame apart: jobs, pages (None without evidence), failures."""
    if isinstance(reading, pl.DataFrame):
        return _jobs(reading), None, {}
    jobs, pages = getattr(reading, "jobs", None), getattr(reading, "pages", None)
    if not isinstance(jobs, pl.DataFrame):
        raise InvalidRequest(
            f"An audit needs a reading or a frame of jobs, not {type(reading).__name__}."
        )
    failures: Mapping[str, BoxDocGenError] = getattr(reading, "failures", None) or {}
    if pages is None or not pages.height:
        return _jobs(jobs), None, failures
    return _jobs(jobs), typed(pages, PAGES, "pages"), failures


def _jobs(jobs: pl.DataFrame) -> pl.DataFrame:
    details = {name: dtype for name, dtype in DETAILS.items() if name in jobs.columns}
    return typed(jobs, {**JOBS, **details}, "jobs")


def problem_reasons(jobs: pl.DataFrame) -> pl.DataFrame:
    """Give one row per problem job and distinct reason, in the order of the jobs.

    Columns ``row`` (which problem job), ``batch_id``, ``job_id``, ``external_id``, ``status``,
    ``template_file_id``, ``template_file_version_id``, ``message`` (the first with this reason;
    null for `analysis.NO_REASON`) and ``reason``. Each message is looked at once, however many
    jobs carry it.
    """
    problems = jobs.filter(pl.col("status").is_in(PROBLEMS).fill_null(False)).with_row_index("row")
    sent = problems.select("row", message="errors").explode("message").drop_nulls()
    causes = sent.select(pl.col("message").unique()).with_columns(reason=reason(pl.col("message")))
    named = (
        sent.join(causes, on="message", maintain_order="left")
        .drop_nulls("reason")
        .unique(["row", "reason"], keep="first", maintain_order=True)
    )
    about = ("row", "batch_id", "job_id", "external_id", "status")
    version = ("template_file_id", "template_file_version_id")
    return (
        problems.select(*about, *version)
        .join(named, on="row", how="left", maintain_order="left_right")
        .with_columns(pl.col("reason").fill_null(NO_REASON))
    )


def typed(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], name: str) -> pl.DataFrame:
    """Give the schema's columns of a frame, in their dtypes.

    Raises:
        InvalidRequest: a column is missing, or holds something else.
    """
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise InvalidRequest(f"The frame of {name} lacks the columns {', '.join(missing)}.")
    wrong = [
        f"{column} ({frame.schema[column]}, not {dtype})"
        for column, dtype in schema.items()
        if not _fits(frame.schema[column], dtype)
    ]
    if wrong:
        raise InvalidRequest(
            f"The frame of {name} has columns of another kind: {', '.join(wrong)}."
        )
    return frame.select(pl.col(column).cast(dtype) for column, dtype in schema.items())


def _fits(given: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether a cast keeps the meaning; polars would also make a list of one text, say."""
    if isinstance(given, pl.List) and isinstance(wanted, pl.List):
        return given.inner in (pl.String, pl.Null)
    if isinstance(wanted, pl.String):
        return isinstance(given, pl.String | pl.Categorical | pl.Enum | pl.Null)
    if isinstance(wanted, pl.Int64):
        return given.is_integer() or isinstance(given, pl.Null)
    return isinstance(given, type(wanted) | pl.Null)


def _texts(given: object, name: str) -> frozenset[str] | None:
    if given is None:
        return None
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, Collection) or not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"{name} is a text or several, not {given!r:.60}.")
    return frozenset(values)


_SHARES: Final = ("max_failed_share", "max_error_share")
_LONGEST_HOURS: Final = 1_000_000
_NAMES: Final = ("creators", "sources", "enterprises")


def _thresholds(given: Mapping[str, Any]) -> Thresholds:
    known = [one.name for one in fields(Thresholds)]
    for name in given:
        if name not in known:
            raise InvalidRequest(f"There is no threshold {name!r:.60}; known: {', '.join(known)}.")
    checked: dict[str, Any] = {
        name: _texts(value, name) if name in _NAMES else value for name, value in given.items()
    }
    for name in _SHARES:
        if name in given and not (_number(given[name]) and 0 <= given[name] <= 1):
            raise InvalidRequest(f"{name} is a share from 0 to 1, not {given[name]!r:.60}.")
    hours = given.get("running_hours", 0)
    if not (_number(hours) and 0 <= hours <= _LONGEST_HOURS):
        raise InvalidRequest(
            f"running_hours is a number from 0 to {_LONGEST_HOURS:,}, not {hours!r:.60}."
        )
    if not isinstance(given.get("unique_external_ids", False), bool):
        raise InvalidRequest("unique_external_ids is True or False.")
    return Thresholds(**checked)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
