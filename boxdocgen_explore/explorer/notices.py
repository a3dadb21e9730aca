"""What the explorer says under the verdict: errors in full, and what a reading could not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from boxdocgen_explore.errors import BatchesFailed, BoxDocGenError, Reading
from boxdocgen_explore.text import counted, listed, visible


def reading_notice(reading: Reading, labels: Mapping[str, str]) -> str:
    """Write the first error of a reading in full, how many more there are, and what is unknown.

    ``labels`` are the names of batches by id.
    """
    errors = [*reading.failures.values()]
    if not errors:
        return _documents(reading)
    others = f"{counted(len(errors) - 1, 'other batch')} failed." if len(errors) > 1 else ""
    return error_notice(errors[0], others, labels)


def error_notice(error: BoxDocGenError, remark: str, labels: Mapping[str, str]) -> str:
    """Write an error with a remark; status, code and request id stay last, on their own line.

    A batch that it is about is named by its label.
    """
    text = str(error)
    failed = error.failures if isinstance(error, BatchesFailed) else ()
    for batch_id in set(failed) & set(labels):
        text = text.replace(f"\n  {batch_id}: ", f"\n  {labels[batch_id]} · {batch_id}: ")
    if error.batch_id and error.batch_id in labels:
        text = f"{labels[error.batch_id]} · {error.batch_id}: {text}"
    happened, *details = text.split("\n")
    if isinstance(error, BatchesFailed):  # a list, of which each entry has its own details
        return "\n".join([happened, *details, remark]).rstrip()
    return "\n".join([f"{happened} {remark}".rstrip(), *details])


def _documents(reading: Reading) -> str:
    """Write what is wrong with documents: missing ones, empty ones, and those not looked at."""
    jobs = reading.jobs
    if "output_file_found" not in jobs.columns:
        return ""
    found = pl.col("output_file_found")
    named = pl.col("output_file_id").is_not_null()
    missing = jobs.filter(named & ~found)
    empty = jobs.filter(pl.col("output_file_size_bytes") == 0)
    unknown = jobs.filter(named & found.is_null()).height
    parts = []
    if missing.height:
        parts.append(f"{_they(missing, 'does not exist', 'do not exist')}: {_names(missing)}.")
    if empty.height:
        parts.append(f"{_they(empty, 'is empty', 'are empty')}: {_names(empty)}.")
    if unknown:
        parts.append(
            f"Nothing is known of {counted(unknown, 'document')}: this user may not read them, or "
            "too many were moved out of the folder of their batch."
        )
    return " ".join(parts)


def _they(jobs: pl.DataFrame, one: str, several: str) -> str:
    return f"{counted(jobs.height, 'document')} {one if jobs.height == 1 else several}"


def _names(jobs: pl.DataFrame) -> str:
    return listed(visible(name) for name in jobs.select(_NAME).to_series())


_NAME: Final = pl.coalesce("external_id", pl.format("job {}", "job_id"))
