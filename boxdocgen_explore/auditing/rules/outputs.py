"""Rules about output files: does each completed job have its own?"""

from __future__ import annotations

from typing import Final

import polars as pl

from boxdocgen_explore.auditing.rule import BATCHES, AuditInput, per_group, per_job, rule
from boxdocgen_explore.schema import MADE
from boxdocgen_explore.text import counted, listed

_OUTPUT: Final = ("output_file_id", "output_file_version_id")
_FILE, _FILE_VERSION = map(pl.col, _OUTPUT)
_STATUS = pl.col("status")


@rule("missing-output", "error", columns=_OUTPUT)
def missing_output(inputs: AuditInput) -> pl.DataFrame:
    """Completed jobs name an output file and its version.

    Without them the document cannot be found.
    """
    incomplete = inputs.jobs.filter(_STATUS.is_in(MADE), _FILE.is_null() | _FILE_VERSION.is_null())
    named = (
        pl.when(_FILE.is_not_null())
        .then(pl.lit("an output file, but no version of it"))
        .when(_FILE_VERSION.is_not_null())
        .then(pl.lit("an output file version, but no output file"))
        .otherwise(pl.lit("no output file"))
    )
    return per_job(incomplete, pl.format("The job is {} and names {}.", _STATUS, named))


@rule("output-of-failed", "warning", columns=_OUTPUT)
def output_of_failed(inputs: AuditInput) -> pl.DataFrame:
    """Failed jobs name no output file.

    If the file exists, nobody should use it.
    """
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
            *BATCHES,
            pl.col("job_id").unique(maintain_order=True),
            versions=_FILE_VERSION.n_unique(),
            without_version=_FILE_VERSION.is_null().any(),
        )
        .filter(pl.col("job_id").list.len() > 1)
    )


@rule("shared-output-version", "error", columns=_OUTPUT)
def shared_output_version(inputs: AuditInput) -> pl.DataFrame:
    """No version of an output file is named by several jobs.

    One document cannot be the result of two jobs.
    """
    shared = _shared(inputs.jobs, *_OUTPUT).select("batch_id", "of_batches", "job_id", *_OUTPUT)
    return per_group(
        shared,
        lambda job_id, output_file_id, output_file_version_id: (
            f"Version {output_file_version_id} of output file {output_file_id} is "
            f"named by {counted(len(job_id), 'job')}: {listed(job_id)}."
        ),
        about="output_file_version_id",
    )


@rule("shared-output-file", "warning", columns=_OUTPUT)
def shared_output_file(inputs: AuditInput) -> pl.DataFrame:
    """No output file is named by several jobs with different versions.

    The latest version hides the documents of the other jobs.
    """
    shared = _shared(inputs.jobs, "output_file_id")
    # If all jobs name the same version, that is what shared-output-version finds.
    several = shared.filter((pl.col("versions") > 1) | pl.col("without_version"))
    return per_group(
        several.select("batch_id", "of_batches", "job_id", "output_file_id"),
        lambda job_id, output_file_id: (
            f"Output file {output_file_id} is named by {counted(len(job_id), 'job')}: "
            f"{listed(job_id)}."
        ),
        about="output_file_id",
    )
