"""Documents to request again: Box has no call to retry a job."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from boxdocgen_explore.auditing.inputs import checked_reading, problem_reasons
from boxdocgen_explore.auditing.manifest import Manifest, read_manifest
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import RESUBMISSION, RUNNING

_ABSENT: Final = "The document does not exist."
_EMPTY: Final = "The document is empty."


def resubmission(reading: Reading | pl.DataFrame, expected: Any = None) -> pl.DataFrame:
    """List documents to request again: jobs that failed or completed with errors, documents
    without a job and, if documents were read, missing and empty ones.

    Returns one row per such job (`schema.RESUBMISSION`): ``external_id``, ``batch_id``,
    ``job_id``, ``status``, ``reason`` (its distinct reasons, joined by "; "), ``match``, then
    the other columns of the manifest (named ``manifest_...`` if a name is taken). ``match`` is
    "matched" (the manifest has this document), "no job" (it has, and no job here carries the
    external id), "not in the manifest", "cannot be matched" (the job has no external id), or
    null if no manifest was given.

    Jobs that are still running are not listed, nor documents of the manifest with another job here
    that completed or still runs. "no job" refers to the jobs that were read: check that the reading
    is complete.

    Raises:
        InvalidRequest: the manifest cannot be read, or has no external ids.

    Source: ``external_id``, ``status`` and ``failures.errors`` of each job; its file's ``size``.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "external_id": "007"}
    >>> expected = pl.DataFrame({"external_id": ["007", "008"], "name": ["Bond", "Bill"]})
    >>> again = resubmission(pl.DataFrame([job], schema=JOBS), expected)
    >>> again.select("external_id", "match", "name").rows()
    [('007', 'matched', 'Bond'), ('008', 'no job', 'Bill')]
    """
    jobs = checked_reading(reading).jobs
    problems = _problems(jobs)
    if expected is None:
        blank = pl.col("external_id").is_null()
        unmatched = pl.when(blank).then(pl.lit("cannot be matched")).alias("match")
        return problems.with_columns(unmatched).select(*RESUBMISSION)
    checked = read_manifest(expected)
    if checked.counts:
        raise InvalidRequest(
            "This manifest only counts jobs: to know what to send again, it needs external_id."
        )
    return _match(checked, jobs, problems)


def _problems(jobs: pl.DataFrame) -> pl.DataFrame:
    reasons = problem_reasons(jobs)
    if {"output_file_found", "output_file_size_bytes"} <= {*jobs.columns}:
        absent, empty = ~pl.col("output_file_found"), pl.col("output_file_size_bytes") == 0
        why = pl.when(absent).then(pl.lit(_ABSENT)).when(empty).then(pl.lit(_EMPTY))
        lost = jobs.filter(pl.col("status") == "completed").with_columns(reason=why)
        lost = lost.drop_nulls("reason").with_row_index("row", reasons.height)
        lost = lost.select(name for name in reasons.columns if name in lost.columns)
        reasons = pl.concat([reasons, lost], how="diagonal")
    return (
        reasons.group_by("row", maintain_order=True)
        .agg(
            pl.col("external_id", "batch_id", "job_id", "status").first(),
            pl.col("reason").str.join("; "),
        )
        .drop("row")
    )


def _match(manifest: Manifest, jobs: pl.DataFrame, problems: pl.DataFrame) -> pl.DataFrame:
    key = list(manifest.key)
    taken = {*RESUBMISSION, "_expected"} - set(key)
    rows = manifest.rows.rename(
        {name: f"manifest_{name}" for name in manifest.rows.columns if name in taken}
    ).with_columns(_expected=True)
    hopeful = pl.col("status").is_in(["completed", *sorted(RUNNING)])
    good = jobs.filter(hopeful).join(problems, on=["batch_id", "job_id"], how="anti")
    made = rows.join(good, on=key, how="semi")
    again = (
        problems.join(made, on=key, how="anti", maintain_order="left")
        .join(rows, on=key, how="left", maintain_order="left")
        .with_columns(
            match=pl.when(pl.col("external_id").is_null())
            .then(pl.lit("cannot be matched"))
            .when("_expected")
            .then(pl.lit("matched"))
            .otherwise(pl.lit("not in the manifest"))
        )
    )
    absent = rows.join(jobs, on=key, how="anti", maintain_order="left").with_columns(
        reason=pl.lit("No job carries this external id."), match=pl.lit("no job")
    )
    further = [name for name in rows.columns if name not in (*key, "_expected")]
    return pl.concat([again, absent], how="diagonal").select(*RESUBMISSION, *further)
