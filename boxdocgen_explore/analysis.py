"""Jobs to counts: outcomes, failure reasons, comparisons by batch, template and day.

Every function that counts takes a `Reading` or a jobs frame (`schema.JOBS`, one row per job) and
gives a new frame. Nothing is fetched and nothing is cached.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

import polars as pl

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.pace import Pace, measure
from boxdocgen_explore.schema import OBSERVATIONS, PROBLEMS, RUNNING, STATUSES, TERMINAL
from boxdocgen_explore.verdict import Verdict
from boxdocgen_explore.verdict import verdict as _verdict

__all__ = [
    "NO_REASON",
    "Pace",
    "Verdict",
    "by_batch",
    "by_day",
    "by_template",
    "day",
    "job_reasons",
    "jobs_of",
    "observations",
    "outcomes",
    "output_types",
    "pace",
    "reason",
    "reasons",
    "tag",
    "verdict",
]

NO_REASON: Final = "Box gave no reason"
"""The group of problem jobs for which Box sent no message."""

_NUMBER: Final = r"\d+(?:[.,:]\d+)*"
# Eight or more hexadecimal digits with a letter among them; without one it is a number.
_HEX: Final = "|".join(
    [rf"\d{{{n}}}[a-fA-F][0-9a-fA-F]{{{7 - n},}}" for n in range(7)]
    + [r"\d{7,}[a-fA-F][0-9a-fA-F]*"]
)

# What varies between messages of one cause, and what replaces it. The order matters because dates
# and ids contain numbers. Quoted text that contains a tag stays: the tag may be the cause.
_VARYING: Final = (
    (r'()"[^"{}]*"|“[^”{}]*”|`[^`{}]*`', "“…”"),
    (r"(^|[\s(\[=:,])'[^'{}]*'", "“…”"),
    (r"()\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "…"),
    (r"()\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "…"),
    (rf"()\b(?:{_HEX})\b", "…"),
    # A word with a number, however long, before the ids in which letters and digits mix.
    (rf"(\b[A-Za-z_]+-?){_NUMBER}\b", "#"),
    (r"()\b(?:[A-Za-z_]+-?\d|\d+[A-Za-z_])[A-Za-z0-9_-]{4,}\b", "…"),
    (f"(){_NUMBER}", "#"),
)
# A tag as it is typed in a template, or as Box's documented messages name it: The tag 'name' ...
_TAG: Final = r"(\{\{[^{}]*\}\}|\b[Tt]ag (?:'[^']*'|\"[^\"]*\"|“[^”]*”|`[^`]*`))"
_LONGEST: Final = 1000
"""Characters of a message that are compared: a chart of a message of megabytes takes hours."""
_MARK: Final = "\x01"


def reason(message: pl.Expr) -> pl.Expr:
    """Name the cause of a message: numbers, ids, dates and quoted text are removed.

    A tag stays, in double braces or as Box's documented messages name it (``The tag 'name' ...``),
    because it is often all that distinguishes two causes. A blank message becomes null. Only the
    first 1,000 characters of a message are used.

    >>> message = 'Tag {{pay.bonus_2}} is missing at line 14 of "offer.docx"'
    >>> pl.select(reason(pl.lit(message))).item()
    'Tag {{pay.bonus_2}} is missing at line # of “…”'
    >>> message = "The tag 'customer_name' was not provided in the input data."
    >>> pl.select(reason(pl.lit(message))).item()
    "The tag 'customer_name' was not provided in the input data."
    """
    long = message.str.len_chars() > _LONGEST
    text = pl.when(long).then(message.str.slice(0, _LONGEST) + "…").otherwise(message)
    text = text.str.replace_all(r"[\s\x01]+", " ").str.strip_chars()
    for pattern, placeholder in _VARYING:
        # The regex engine has no look-around. So a tag is matched first and written back, and the
        # mark that then follows it is removed; every other mark becomes the placeholder.
        text = text.str.replace_all(f"{_TAG}|{pattern}", f"${{1}}${{2}}{_MARK}")
        text = text.str.replace_all(_TAG + _MARK, "${1}")
        text = text.str.replace_all(_MARK, placeholder, literal=True)
    return pl.when(text != "").then(text)


def tag(message: pl.Expr) -> pl.Expr:
    """Name the template tag that a message is about; null if it names none.

    >>> messages = pl.Series(["The tag 'a.b' was not provided.", "{{ c :: optional }}?", "No tag"])
    >>> pl.select(tag(pl.lit(messages))).to_series().to_list()
    ['a.b', 'c', None]
    """
    typed = message.str.extract(r"\{\{\s*([^{}:\s][^{}:]*?)\s*(?:::[^{}]*)?\}\}")
    return pl.coalesce(typed, message.str.extract(r"""\b[Tt]ag ['"“`]([^'"”`]+)['"”`]"""))


def jobs_of(given: Reading | pl.DataFrame) -> pl.DataFrame:
    """Give the jobs frame of a reading; a frame is returned as it is.

    Raises:
        InvalidRequest: neither of the two.
    """
    jobs = given.jobs if isinstance(given, Reading) else given
    if not isinstance(jobs, pl.DataFrame):
        raise InvalidRequest(f"A reading or a jobs frame is needed, not {type(given).__name__}.")
    return jobs


def verdict(
    jobs: Reading | pl.DataFrame,
    pages: pl.DataFrame | None = None,
    *,
    now: datetime | None = None,
    failures: Collection[str] = (),
) -> Verdict:
    """Say in one line what became of the jobs, and how far that can be trusted.

    A reading brings its own pages and failures. With a jobs frame, ``pages`` has one row per page
    read (`schema.PAGES`); without it the verdict says "no evidence". ``failures`` are the ids of
    batches that could not be read completely. The age is counted up to ``now`` (UTC).

    >>> print(verdict(pl.DataFrame({"status": ["failed", "completed"]})))
    1 of 2 failed · no evidence
    """
    if isinstance(jobs, Reading):
        return _verdict(jobs.jobs, jobs.pages, now=now, failures=jobs.failures)
    return _verdict(jobs_of(jobs), pages, now=now, failures=failures)


def job_reasons() -> pl.Expr:
    """List the distinct reasons of each job, as an expression over a jobs frame.

    A job that failed or completed with errors and has no message has the one reason `NO_REASON`.
    A job without errors has an empty list; there are no nulls.

    >>> jobs = pl.DataFrame({"status": ["failed", "failed"], "errors": [["Row 1", "Row 2"], []]})
    >>> jobs.select(job_reasons()).to_series().to_list()
    [['Row #'], ['Box gave no reason']]
    """
    named = pl.col("errors").list.eval(
        reason(pl.element()).drop_nulls().unique(maintain_order=True),
    )
    return (
        pl.when(named.list.len() > 0)
        .then(named)
        .when(pl.col("status").is_in(PROBLEMS))
        .then(pl.lit([NO_REASON]))
        .otherwise(pl.lit([], dtype=pl.List(pl.String)))
        .alias("reasons")
    )


def outcomes(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by status.

    Gives one row per status that occurs: ``status`` (str), ``jobs`` (int), in the order of
    `schema.STATUSES`, problems first; statuses that Box added later follow by name.

    Source: ``status`` of each job.

    >>> outcomes(pl.DataFrame({"status": ["completed", "failed", "completed"]})).rows()
    [('failed', 1), ('completed', 2)]
    """
    return _count(jobs, "status")


def output_types(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by output type and status.

    Gives ``output_type`` (str), ``status`` (str), ``jobs`` (int), one row per pair that occurs,
    the most frequent output type first.

    Source: ``output_type`` and ``status`` of each job.
    """
    return _largest_first(_count(jobs, "output_type", "status"), "output_type")


def by_batch(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by batch and status: ``batch_id``, ``status``, ``jobs``, in order of appearance.

    Source: ``batch.id`` and ``status`` of each job.
    """
    return _count(jobs, "batch_id", "status")


def by_template(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by template version and status, the most used version first.

    Gives ``template_file_id``, ``template_file_version_id``, ``status`` (str), ``jobs`` (int).

    Source: ``template_file.id``, ``template_file_version.id`` and ``status`` of each job.
    """
    version = ("template_file_id", "template_file_version_id")
    return _largest_first(_count(jobs, *version, "status"), *version)


def by_day(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count jobs by the UTC day of their creation and status, oldest day first.

    Gives ``day`` (date, UTC; null if Box gives no time), ``status`` (str), ``jobs`` (int).

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

    Gives one row per reason: ``reason`` (str, see `reason`), ``jobs`` (int; a job counts once for
    each of its distinct reasons, so the sum may exceed the number of jobs), ``messages`` (int,
    the number of different messages in this group), ``example`` (str, the first of them; null
    for `NO_REASON`), ``example_job_id`` (str). Jobs without errors and warnings do not count.

    Source: ``failures.errors`` of each job.
    """
    numbered = (
        jobs_of(jobs).with_row_index("job").select("job", "job_id", "status", message="errors")
    )
    sent = numbered.select("job", "job_id", "message").explode("message")
    causes = sent.select(pl.col("message").unique()).with_columns(reason=reason(pl.col("message")))
    named = sent.join(causes, on="message", maintain_order="left").drop_nulls("reason")
    silent = (
        numbered.filter(pl.col("status").is_in(PROBLEMS))
        .join(named, on="job", how="anti")
        .select("job", "job_id", message=pl.lit(None, pl.String), reason=pl.lit(NO_REASON))
    )
    return (
        pl.concat([named, silent])
        .group_by("reason", maintain_order=True)
        .agg(
            jobs=pl.col("job").n_unique().cast(pl.Int64),
            messages=pl.col("message").drop_nulls().n_unique().cast(pl.Int64),
            example=pl.col("message").first(),
            example_job_id=pl.col("job_id").first(),
        )
        .sort(["jobs", "reason"], descending=[True, False])
    )


def day() -> pl.Expr:
    """Give the UTC day of a job's creation as ISO text, as an expression over a jobs frame."""
    return pl.col("created_at").dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d")


def observations(given: Reading | Sequence[Reading] | pl.DataFrame) -> pl.DataFrame:
    """List the looks at some jobs: when, how many jobs there were, how many of them were final.

    Takes readings, or what `Box.transitions` remembers of earlier looks. Gives one row per look
    (schema.OBSERVATIONS), times in UTC, oldest first.

    Source: ``status`` of each job, and the time at which its page was read.
    """
    if isinstance(given, pl.DataFrame):
        return _remembered(given)
    readings = [given] if isinstance(given, Reading) else given
    rows = [
        {
            "observed_at": reading.pages["fetched_at"].max() or datetime.now(UTC),
            "jobs": reading.jobs.height,
            "final": int(reading.jobs["status"].is_in(list(TERMINAL)).sum()),
        }
        for reading in readings
    ]
    return pl.DataFrame(rows, schema=OBSERVATIONS).sort("observed_at", maintain_order=True)


def _remembered(transitions: pl.DataFrame) -> pl.DataFrame:
    """One look per time at which a status was first seen; the number of jobs is the latest one."""
    if not transitions.height:
        return pl.DataFrame(schema=OBSERVATIONS)
    final = pl.col("status").is_in(list(TERMINAL))
    changes = transitions.group_by("first_seen_at").agg(final=final.sum().cast(pl.Int64))
    return changes.sort("first_seen_at").select(
        observed_at="first_seen_at",
        jobs=pl.lit(transitions.height, pl.Int64),
        final=pl.col("final").cum_sum(),
    )


def pace(
    given: Reading | Sequence[Reading] | pl.DataFrame, jobs: pl.DataFrame | None = None
) -> Pace:
    """Say how far some batches are, how fast they move, and when they will be done (`Pace`).

    ``given`` is a reading, several readings of the same batches, or their `observations`. If the
    latest reading has the times of its documents (``documents=True``), or ``jobs`` has, these
    count; else the pace follows from successive looks. One look alone is too early to tell.

    Raises:
        InvalidRequest: there is no look.

    Source: ``status`` of each job, ``created_at`` of its output file, and the times of the looks.

    >>> from datetime import timedelta
    >>> at = datetime(2026, 11, 3, 2, 30, tzinfo=UTC)
    >>> rows = [(at, 3000, 500), (at + timedelta(minutes=5), 3000, 760)]
    >>> looks = pl.DataFrame(rows, schema=OBSERVATIONS, orient="row")
    >>> found = pace(looks)
    >>> found.per_minute, found.remaining
    (52.0, 2240)
    """
    if isinstance(given, pl.DataFrame):
        looks = given
    else:
        readings = [given] if isinstance(given, Reading) else [*given]
        looks = observations(readings)
        jobs = readings[-1].jobs if readings and jobs is None else jobs
    if not looks.height:
        raise InvalidRequest("There is no look at these jobs, so nothing is known of their pace.")
    times = [] if jobs is None else _document_times(jobs)
    return measure([*looks.select("observed_at", "jobs", "final").iter_rows()], times)


def _document_times(jobs: pl.DataFrame) -> list[datetime]:
    """When the documents of the batches that still run were made."""
    if "output_file_created_at" not in jobs.columns:
        return []
    still_runs = pl.col("status").is_in(list(RUNNING)).any().over("batch_id")
    return jobs.filter(still_runs)["output_file_created_at"].drop_nulls().to_list()


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
