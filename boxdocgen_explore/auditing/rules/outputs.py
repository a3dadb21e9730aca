"""Rules about output files: does each completed job have its own?"""

from __future__ import annotations

from typing import Final

import polars as pl

from boxdocgen_explore.auditing.findings import ONLY_BATCH, per_group, per_job
from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.rule import rule
from boxdocgen_explore.text import counted, listed

_OUTPUT: Final = ("output_file_id", "output_file_version_id")
_FILE, _FILE_VERSION = map(pl.col, _OUTPUT)
_STATUS = pl.col("status")


@rule(
    "missing-output",
    "error",
    checks="completed jobs name an output file and its version",
    why="Without them the document cannot be found.",
    columns=_OUTPUT,
)
def missing_output(inputs: AuditInput) -> pl.DataFrame:
    made = _STATUS.is_in(["completed", "completed_with_error"]).fill_null(False)
    incomplete = inputs.jobs.filter(made, _FILE.is_null() | _FILE_VERSION.is_null())
    named = (
        pl.when(_FILE.is_not_null())
        .then(pl.lit("an output file, but no version of it"))
        .when(_FILE_VERSION.is_not_null())
        .then(pl.lit("an output file version, but no output file"))
        .otherwise(pl.lit("no output file"))
    )
    return per_job(incomplete, pl.format("The job is {} and names {}.", _STATUS, named))


@rule(
    "output-of-failed",
    "warning",
    checks="failed jobs name no output file",
    why="If the file exists, nobody should use it.",
    columns=_OUTPUT,
)
def output_of_failed(inputs: AuditInput) -> pl.DataFrame:
    named = _FILE.is_not_null() | _FILE_VERSION.is_not_null()
    detail = pl.format(
        "The job failed, but it names output file {}, version {}.",
        _FILE.fill_null("none"),
        _FILE_VERSION.fill_null("none"),
    )
    return per_job(inputs.jobs.filter(_STATUS == "failed", named), detail)


def _shared(jobs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Outputs that several jobs name; a duplicate job counts once."""
    return (
        jobs.drop_nulls([*by, "job_id"])
        .group_by(by, maintain_order=True)
        .agg(
            ONLY_BATCH,
            pl.col("job_id").unique(maintain_order=True),
            versions=_FILE_VERSION.n_unique(),
            without_version=_FILE_VERSION.is_null().any(),
        )
        .filter(pl.col("job_id").list.len() > 1)
    )


@rule(
    "shared-output-version",
    "error",
    checks="no version of an output file is named by several jobs",
    why="One document cannot be the result of two jobs.",
    columns=_OUTPUT,
)
def shared_output_version(inputs: AuditInput) -> pl.DataFrame:
    shared = _shared(inputs.jobs, *_OUTPUT).select("batch_id", "job_id", *_OUTPUT)
    return per_group(
        shared,
        lambda job_id, output_file_id, output_file_version_id: (
            f"Version {output_file_version_id} of output file {output_file_id} is "
            f"named by {counted(len(job_id), 'job')}: {listed(job_id)}."
        ),
    )


@rule(
    "shared-output-file",
    "warning",
    checks="no output file is named by several jobs with different versions",
    why="The latest version hides the documents of the other jobs.",
    columns=_OUTPUT,
)
def shared_output_file(inputs: AuditInput) -> pl.DataFrame:
    shared = _shared(inputs.jobs, "output_file_id")
    # If all jobs name the same version, that is what shared-output-version finds.
    several = shared.filter((pl.col("versions") > 1) | pl.col("without_version"))
    return per_group(
        several.select("batch_id", "job_id", "output_file_id"),
        lambda job_id, output_file_id: (
            f"Output file {output_file_id} is named by {counted(len(job_id), 'job')}: "
            f"{listed(job_id)}."
        ),
    )
