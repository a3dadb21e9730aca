"""Readings -> how far batches are, how fast they move, and how long their documents took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.pace import Pace, measure
from boxdocgen_explore.schema import OBSERVATIONS, RUNNING, TERMINAL


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
