"""Readings -> progress and pace of batches, and durations of their documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from boxdocgen_explore.arguments import as_frame
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.pace import Pace, measure
from boxdocgen_explore.schema import OBSERVATIONS, RUNNING, TERMINAL
from boxdocgen_explore.text import duration

_LIMITS_S: Final = (15, 60, 300, 900, 1800, 3600, 7200)
DURATION_RANGES: Final = (
    "up to 15 s",
    "15 s to 1 min",
    "1 to 5 min",
    "5 to 15 min",
    "15 to 30 min",
    "30 min to 1 h",
    "1 to 2 h",
    "over 2 h",
)
"""The ranges of `by_duration`."""

_INTERVALS_MIN: Final = (1, 5, 15, 60, 360, 1440, 10_080)
_MOST_INTERVALS: Final = 40

_MOST_TEMPLATES: Final = 4
_INFERRED: Final = "Inferred from the creation of job and file."


def jobs_of(given: Reading | pl.DataFrame) -> pl.DataFrame:
    """Return the jobs frame of a reading, or a frame (`arguments.as_frame`) as one of polars.

    Raises:
        InvalidRequest: neither of the two.
    """
    jobs = given.jobs if isinstance(given, Reading) else as_frame(given)
    if not isinstance(jobs, pl.DataFrame):
        raise InvalidRequest(f"A reading or a jobs frame is needed, not {type(given).__name__}.")
    return jobs


def observations(given: Reading | Sequence[Reading] | pl.DataFrame) -> pl.DataFrame:
    """List the looks at jobs: time, number of jobs, and number of final jobs.

    Takes readings, or the earlier looks that `Box.transitions` returns. Returns one row per look
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
    """One look per time at which a status was first seen, with the latest number of jobs.

    What was final at the first look at a batch counts from the first look at any batch, because it
    did not become final between the two.
    """
    if not transitions.height:
        return pl.DataFrame(schema=OBSERVATIONS)
    seen = pl.col("first_seen_at")
    at_first = seen == seen.min().over("batch_id")
    final = pl.col("status").is_in(list(TERMINAL))
    changes = transitions.group_by(observed_at=pl.when(at_first).then(seen.min()).otherwise(seen))
    return (
        changes.agg(final=final.sum().cast(pl.Int64))
        .sort("observed_at")
        .select(
            "observed_at",
            jobs=pl.lit(transitions.height, pl.Int64),
            final=pl.col("final").cum_sum(),
        )
    )


def pace(
    given: Reading | Sequence[Reading] | pl.DataFrame, jobs: pl.DataFrame | None = None
) -> Pace:
    """Measure the progress, pace and expected end of batches (`Pace`).

    ``given`` is a reading, several readings of the same batches, or their `observations`. If the
    latest reading or ``jobs`` has the times of its documents (``documents=True``), these are used;
    otherwise the pace follows from successive looks, and one look is not enough.

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
        raise InvalidRequest("These jobs were never watched, so their pace is not known.")
    times = [] if jobs is None else _document_times(jobs)
    return measure([*looks.select("observed_at", "jobs", "final").iter_rows()], times)


def _document_times(jobs: pl.DataFrame) -> list[datetime]:
    """Creation times of the documents of batches that still run."""
    if "output_file_created_at" not in jobs.columns:
        return []
    still_runs = pl.col("status").is_in(list(RUNNING)).any().over("batch_id")
    return jobs.filter(still_runs)["output_file_created_at"].drop_nulls().to_list()


def duration_range() -> pl.Expr:
    """The range of a document's duration, as an expression over a jobs frame."""
    took = pl.col("duration_s")
    name = pl.lit(DURATION_RANGES[-1])
    for limit_s, shorter in reversed([*zip(_LIMITS_S, DURATION_RANGES, strict=False)]):
        name = pl.when(took <= limit_s).then(pl.lit(shorter)).otherwise(name)
    return pl.when(took.is_not_null()).then(name).alias("duration")


def by_duration(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count documents by duration: ``duration`` (one of `DURATION_RANGES`), ``jobs``.

    Raises:
        InvalidRequest: no column ``duration_s``; read with ``details=True, documents=True``.

    Source: ``created_at`` of the job and of its output file, an inference.
    """
    jobs = _with_column(jobs, "duration_s", "details=True, documents=True")
    counts = jobs.select(duration_range()).drop_nulls().group_by("duration").len("jobs")
    order = pl.col("duration").replace_strict(DURATION_RANGES, range(len(DURATION_RANGES)))
    return counts.sort(order).cast({"jobs": pl.Int64})


def durations(jobs: Reading | pl.DataFrame, by: str | None = None) -> pl.DataFrame:
    """Summarise durations: ``documents``, ``median_s``, ``p95_s`` and ``longest_s``.

    Returns one row, or one per value of the column ``by``, such as "template_file_id", slowest
    first. Times are in seconds, null if no duration is known.

    Raises, Source: as `by_duration`.
    """
    jobs = _with_column(jobs, "duration_s", "details=True, documents=True")
    took = pl.col("duration_s")
    columns = {
        "documents": took.count().cast(pl.Int64),
        "median_s": took.median(),
        "p95_s": took.quantile(0.95, "linear"),
        "longest_s": took.max(),
    }
    if by is None:
        return jobs.select(**columns)
    return jobs.group_by(by).agg(**columns).sort("p95_s", by, descending=[True, False])


def duration_note(jobs: pl.DataFrame, templates: Mapping[str, str] | None = None) -> str:
    """Describe durations in words, by template if there are only a few, marked as inferred; empty
    if no duration is known. ``templates`` has names by file id."""
    jobs = _with_column(jobs, "duration_s", "details=True, documents=True")
    known = jobs.filter(pl.col("duration_s").is_not_null())
    if known.is_empty():
        return ""
    by = "template_file_id" if "template_file_id" in jobs.columns else None
    rows = [*durations(known, by).iter_rows(named=True)]
    if not 1 < len(rows) <= _MOST_TEMPLATES:
        return f"Half within {_in_words(durations(known).row(0, named=True))}. {_INFERRED}"
    ids = [row["template_file_id"] for row in rows]
    names = [(templates or {}).get(template_id, template_id or "(none)") for template_id in ids]
    parts = sorted(
        f"{name}: half within {_in_words(row)}" for name, row in zip(names, rows, strict=True)
    )
    return f"{'; '.join(parts)}. {_INFERRED}"


def _in_words(row: Mapping[str, float]) -> str:
    half, most = (duration(timedelta(seconds=row[name])) for name in ("median_s", "p95_s"))
    return f"{half}, 95 % within {most}"


def interval(jobs: pl.DataFrame) -> pl.Expr:
    """The interval in which a document was made, such as 2026-11-03T02:15Z/PT5M.

    An expression over these jobs; intervals are between 1 minute and a week long, so that there are
    at most 40 within 40 weeks.
    """
    made = jobs["output_file_created_at"].drop_nulls()
    ends = made.sort().gather([0, -1]).to_list() if made.len() else [datetime.min] * 2
    span_min = (ends[1] - ends[0]).total_seconds() / 60
    fits = (minutes for minutes in _INTERVALS_MIN if span_min / minutes <= _MOST_INTERVALS - 1)
    minutes = next(fits, _INTERVALS_MIN[-1])
    start = pl.col("output_file_created_at").dt.truncate(f"{minutes}m")
    return (start.dt.strftime("%Y-%m-%dT%H:%MZ") + f"/PT{minutes}M").alias("made")


def documents_over_time(jobs: Reading | pl.DataFrame) -> pl.DataFrame:
    """Count documents by the interval of their creation: ``made`` (see `interval`), ``jobs``.

    Raises:
        InvalidRequest: no column ``output_file_created_at``; read with ``documents=True``.

    Source: ``created_at`` of each output file.
    """
    jobs = _with_column(jobs, "output_file_created_at", "documents=True")
    counts = jobs.select(interval(jobs)).drop_nulls().group_by("made").len("jobs")
    return counts.sort("made").cast({"jobs": pl.Int64})


def _with_column(jobs: Reading | pl.DataFrame, column: str, options: str) -> pl.DataFrame:
    frame = jobs_of(jobs)
    if column not in frame.columns:
        raise InvalidRequest(f"These jobs have no column {column}. Read them with {options}.")
    return frame
