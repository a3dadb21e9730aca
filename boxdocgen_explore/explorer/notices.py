"""Notices under the verdict: errors in full, and gaps in a reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.errors import BatchesFailed, BoxDocGenError, Reading
from boxdocgen_explore.text import counted, listed, visible

_MOST_MESSAGES: Final = 3
_MOST_DETAILS: Final = 20
_NAME: Final = pl.coalesce("external_id", pl.format("job {}", "job_id"))


def reading_notice(reading: Reading, labels: Mapping[str, str]) -> str:
    """Explain why batches are incomplete, or else problems with documents.

    ``labels`` has the names of batches by id.
    """
    if reading.failures:
        return _failures(reading.failures, labels)
    return _documents(reading)


def error_notice(error: BoxDocGenError, remark: str, labels: Mapping[str, str]) -> str:
    """What happened, what to do, and a remark on the first line; details follow.

    The view folds all lines but the first. Batches are named.
    """
    failures = {error.batch_id: error} if error.batch_id else {}
    failures = error.failures if isinstance(error, BatchesFailed) else failures
    happened, *details = (_failures(failures, labels) if failures else str(error)).split("\n")
    return "\n".join([f"{happened} {remark}".rstrip(), *details])


def can_retry(error: BoxDocGenError) -> bool:
    """Whether the same request may succeed when repeated."""
    if isinstance(error, BatchesFailed):
        return any(map(can_retry, error.failures.values()))
    return not isinstance(error, errors.NotFound | errors.Forbidden | errors.InvalidRequest)


def _failures(failures: Mapping[str, BoxDocGenError], labels: Mapping[str, str]) -> str:
    """Each distinct message once, with its batches; the details of each batch follow."""
    batches: dict[str, list[str]] = {}
    details = []
    for batch_id, error in failures.items():
        happened, *lines = str(error).split("\n")
        label = f"{labels[batch_id]} · " if batch_id in labels else ""
        name = f"{label}{visible(batch_id)}"
        batches.setdefault(happened, []).append(name)
        details += [f"Batch {name}: {line}" for line in lines]
    messages = [
        f"{'Batch' if len(names) == 1 else 'Batches'} {listed(names)}: {happened}"
        for happened, names in batches.items()
    ]
    return "\n".join([" ".join(messages[:_MOST_MESSAGES]), *details[:_MOST_DETAILS]])


def _documents(reading: Reading) -> str:
    """Problems with documents: missing, empty and unchecked ones."""
    jobs = reading.jobs
    if "output_file_found" not in jobs.columns:
        return ""
    found = pl.col("output_file_found")
    named = pl.col("output_file_id").is_not_null()
    unknown = jobs.filter(named & found.is_null()).height
    parts = []
    for problem, one, several in (
        (named & ~found, "does not exist", "do not exist"),
        (pl.col("output_file_size_bytes") == 0, "is empty", "are empty"),
    ):
        if names := jobs.filter(problem).select(_NAME).to_series().to_list():
            documents = counted(len(names), "document")
            verb = one if len(names) == 1 else several
            parts.append(f"{documents} {verb}: {listed(map(visible, names))}.")
    if unknown:
        parts.append(
            f"{counted(unknown, 'document')} not checked: this user may not read them, or too many "
            "were moved out of the folder of their batch."
        )
    return " ".join(parts)
