"""What to send again: Box has no call to retry a job, so the list goes back to who sent it."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from boxdocgen_explore.auditing.inputs import problem_reasons, split_reading
from boxdocgen_explore.auditing.manifest import Manifest, read_manifest
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import RESUBMISSION

MATCHED: Final = "matched"
NO_JOB: Final = "no job"
NOT_IN_MANIFEST: Final = "not in the manifest"
CANNOT_BE_MATCHED: Final = "cannot be matched"


def resubmission(reading: Reading | pl.DataFrame, expected: Any = None) -> pl.DataFrame:
    """List what to send again: jobs that failed or completed with errors, and what never came.

    Gives one row per such job (`schema.RESUBMISSION`): ``external_id``, ``batch_id``,
    ``job_id``, ``status``, ``reason`` (its distinct reasons, joined by "; "), ``match``, then
    the manifest's further columns (named ``manifest_...`` where a name is taken). ``match`` is
    "matched" (the manifest has this document), "no job" (it has, and no job here carries the
    external id), "not in the manifest", "cannot be matched" (the job has no external id), or
    null where no manifest was given.

    Left out are jobs that still run, and documents of the manifest of which another job here is
    completed. "no job" means among the jobs that were read: see that the reading is whole.

    Raises:
        InvalidRequest: the manifest cannot be read, or has no external ids.

    Source: ``external_id``, ``status`` and ``failures.errors`` of each job.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "external_id": "007"}
    >>> meant = pl.DataFrame({"external_id": ["007", "008"], "name": ["Bond", "Bill"]})
    >>> again = resubmission(pl.DataFrame([job], schema=JOBS), meant)
    >>> again.select("external_id", "match", "name").rows()
    [('007', 'matched', 'Bond'), ('008', 'no job', 'Bill')]
    """
    jobs, _, _ = split_reading(reading)
    again = _problems(jobs)
    if expected is None:
        blank = pl.col("external_id").is_null()
        unknown = pl.when(blank).then(pl.lit(CANNOT_BE_MATCHED)).alias("match")
        return again.with_columns(unknown).select(*RESUBMISSION)
    meant = read_manifest(expected)
    if meant.counts:
        raise InvalidRequest(
            "This manifest counts jobs; what to send again needs one with external_id."
        )
    return _against(meant, jobs, again)


def _problems(jobs: pl.DataFrame) -> pl.DataFrame:
    return (
        problem_reasons(jobs)
        .group_by("row", maintain_order=True)
        .agg(
            pl.col("external_id", "batch_id", "job_id", "status").first(),
            pl.col("reason").str.join("; "),
        )
        .drop("row")
    )


def _against(meant: Manifest, jobs: pl.DataFrame, again: pl.DataFrame) -> pl.DataFrame:
    key = list(meant.key)
    rows = meant.rows.rename(
        {name: f"manifest_{name}" for name in meant.rows.columns if name in _taken(meant)}
    ).with_columns(_meant=True)
    made = jobs.filter(pl.col("status") == "completed").select(key).unique()
    in_manifest = pl.col("_meant").fill_null(False)
    listed = (
        again.join(rows, on=key, how="left", maintain_order="left")
        .join(made.with_columns(_made=True), on=key, how="left", maintain_order="left")
        .filter(~(in_manifest & pl.col("_made").fill_null(False)))
        .with_columns(
            match=pl.when(pl.col("external_id").is_null())
            .then(pl.lit(CANNOT_BE_MATCHED))
            .when(in_manifest)
            .then(pl.lit(MATCHED))
            .otherwise(pl.lit(NOT_IN_MANIFEST))
        )
    )
    absent = rows.join(jobs, on=key, how="anti", maintain_order="left").with_columns(
        reason=pl.lit("No job carries this external id."), match=pl.lit(NO_JOB)
    )
    columns = [*RESUBMISSION, *(name for name in rows.columns if name not in (*key, "_meant"))]
    return pl.concat([listed, absent], how="diagonal").select(columns)


def _taken(meant: Manifest) -> set[str]:
    return {*RESUBMISSION, "_meant", "_made"} - set(meant.key)
