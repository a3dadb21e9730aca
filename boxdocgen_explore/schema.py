"""Box's terms: statuses, limits, and the columns of every frame.

Box may add a status, a field or an output type at any time. Therefore statuses are text, not an
enumeration: an Enum column would turn an unknown status into null.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

BOX_VERSION: Final = "2025.0"
"""The version of the Doc Gen endpoints, for the header ``box-version``."""

FILES_VERSION: Final = "2024.0"
"""The version of the endpoints of files and folders."""

MAX_LIMIT: Final = 1000
"""The most jobs in a page."""

STATUSES: Final = ("failed", "completed_with_error", "pending", "submitted", "completed")
"""The statuses that Box documents, problems first; unknown ones sort after them."""

TERMINAL: Final = frozenset({"completed", "completed_with_error", "failed"})
"""A job in one of these no longer changes."""

RUNNING: Final = frozenset(STATUSES) - TERMINAL
"""A job in one of these may still change."""

MADE: Final = ("completed", "completed_with_error")
"""A job in one of these has a document."""

PROBLEMS: Final = ("failed", "completed_with_error")
"""Statuses for which Box may give errors."""

STATUS_MEANINGS: Final = {
    "failed": "No document was made.",
    "completed_with_error": "A document was made, but it might be incomplete.",
    "pending": "Validated, and not started yet.",
    "submitted": "Acknowledged for validation and processing.",
    "completed": "The document was made.",
}
"""The meaning of each status according to Box, for tooltips."""

JOBS: Final[dict[str, pl.DataType]] = {
    "batch_id": pl.String(),
    "job_id": pl.String(),
    "status": pl.String(),
    "output_type": pl.String(),
    "output_file_id": pl.String(),
    "output_file_version_id": pl.String(),
    "template_file_id": pl.String(),
    "template_file_version_id": pl.String(),
    "errors": pl.List(pl.String()),
    "warnings": pl.List(pl.String()),
    "external_id": pl.String(),
    "origin": pl.String(),
}
"""One row per job. ``origin`` is "api.box.com", "demo", or the host that was read."""

DETAILS: Final[dict[str, pl.DataType]] = {
    "created_at": pl.Datetime("us", "UTC"),
    "created_by_id": pl.String(),
    "created_by_name": pl.String(),
    "created_by_login": pl.String(),
    "enterprise_id": pl.String(),
    "source": pl.String(),
}
"""Fields of a job that only ``/docgen_jobs`` has; null if unknown."""

DOCUMENTS: Final[dict[str, pl.DataType]] = {
    "output_file_found": pl.Boolean(),
    "output_file_name": pl.String(),
    "output_file_size_bytes": pl.Int64(),
    "output_file_sha1": pl.String(),
    "output_file_created_at": pl.Datetime("us", "UTC"),
    "output_file_folder_id": pl.String(),
}
"""A job's output file. ``output_file_found`` is false if the file was deleted or is in the trash,
and null if it was not checked or this user may not read it."""

DURATION: Final[dict[str, pl.DataType]] = {"duration_s": pl.Float64()}
"""How long a document took, in seconds: the creation of the output file minus that of the job. This
is inferred from Box's timestamps; Box itself publishes no duration."""

DURATION_IS_INFERRED: Final = (
    "Durations are inferred from Box's timestamps: the creation of the output file minus the "
    "creation of the job."
)
"""Must be shown beside every duration."""

BATCHES: Final[dict[str, pl.DataType]] = {
    "batch_id": pl.String(),
    "jobs": pl.Int64(),
    **{status: pl.Int64() for status in STATUSES},
    "other": pl.Int64(),
    "template_file_ids": pl.List(pl.String()),
    "output_types": pl.List(pl.String()),
    "first_created_at": pl.Datetime("us", "UTC"),
    "last_created_at": pl.Datetime("us", "UTC"),
}
"""One row per batch; one count per known status, ``other`` for the rest."""

_NAME: Final[dict[str, pl.DataType]] = {"template_name": pl.String()}
TEMPLATES: Final[dict[str, pl.DataType]] = {"template_file_id": pl.String(), **_NAME}
"""One row per template; the name is null if Box has none."""

TAGS: Final[dict[str, pl.DataType]] = {
    "template_file_id": pl.String(),
    "template_file_version_id": pl.String(),
    "tag": pl.String(),
    "tag_type": pl.String(),
    "json_paths": pl.List(pl.String()),
}
"""One row per tag of one template version."""

_ANSWER: Final[dict[str, pl.DataType]] = {
    "fetched_at": pl.Datetime("us", "UTC"),
    "from_cache": pl.Boolean(),
    "box_request_id": pl.String(),
    "body_sha256": pl.String(),
    "box_version": pl.String(),
    "host": pl.String(),
    "user_id": pl.String(),
    "user_login": pl.String(),
}
"""Recorded for every answer of Box, with its request id and the digest of its body."""

PAGES: Final[dict[str, pl.DataType]] = {
    "batch_id": pl.String(),
    "page": pl.Int64(),
    "marker_sha256": pl.String(),
    "next_marker_sha256": pl.String(),
    "limit_requested": pl.Int64(),
    "limit_used": pl.Int64(),
    "jobs": pl.Int64(),
    "duplicates": pl.Int64(),
    "unknown_fields": pl.List(pl.String()),
    **_ANSWER,
    "complete": pl.Boolean(),
}
"""One row per page read: the evidence. ``marker_sha256`` is null on the first page of a chain,
``next_marker_sha256`` at its end. ``complete`` is true if the chain started at the first page, used
every marker once, contains no duplicate id and ended with an end marker."""

TRANSITIONS: Final[dict[str, pl.DataType]] = {
    "batch_id": pl.String(),
    "job_id": pl.String(),
    "status": pl.String(),
    "first_seen_at": pl.Datetime("us", "UTC"),
}
"""One row per job of a batch that was seen running. ``first_seen_at`` is when this package first
saw the job in its status; Box does not publish when a status changed."""

OBSERVATIONS: Final[dict[str, pl.DataType]] = {
    "observed_at": pl.Datetime("us", "UTC"),
    "jobs": pl.Int64(),
    "final": pl.Int64(),
}
"""One row per look at jobs: its time, the number of jobs, and of final jobs."""

DOCUMENT_PAGES: Final[dict[str, pl.DataType]] = {
    "endpoint": pl.String(),
    "id": pl.String(),
    "page": pl.Int64(),
    "status": pl.Int64(),
    "entries": pl.Int64(),
    "marker_sha256": pl.String(),
    "next_marker_sha256": pl.String(),
    **_ANSWER,
}
"""One row per answer about documents: the evidence. ``endpoint`` is "/files/:id" or
"/folders/:id/items", ``status`` is Box's (404: the file does not exist)."""

_LABEL: Final[dict[str, pl.DataType]] = {"batch_label": pl.String()}

ARCHIVED_JOBS: Final = {**JOBS, **_LABEL, **DETAILS, **DOCUMENTS, **DURATION, **_NAME}
"""One row per job of an archive; ``batch_label`` is "Offer letter · 3 Nov 2026 02:14" (UTC),
``template_name`` is null if Box has none. Columns may be added, but are never removed or
changed; files of an older version lack the last ones."""

ARCHIVED: Final[dict[str, pl.DataType]] = {
    "batch_id": pl.String(),
    "outcome": pl.String(),
    "jobs": pl.Int64(),
    "file": pl.String(),
    "reason": pl.String(),
    "batch_created_at": pl.Datetime("us", "UTC"),
    "left_out_since": pl.Datetime("us", "UTC"),
}
"""One row per batch. ``outcome`` is "written", "unchanged" (already in the dataset), "still
running" (a job is not final), "incomplete" (could not be read completely; ``jobs`` is null), or
"skipped". ``reason`` is why a batch was left out; its first line is what happened."""

RUNS: Final[dict[str, pl.DataType]] = {
    "run_at": pl.Datetime("us", "UTC"),
    "user_id": pl.String(),
    "user_login": pl.String(),
    "host": pl.String(),
    "since": pl.Datetime("us", "UTC"),
    **ARCHIVED,
    "complete": pl.Boolean(),
    "body_sha256": pl.List(pl.String()),
    "box_request_id": pl.List(pl.String()),
}
"""The log of an archive: one row per run and batch that was written or left out. A row without a
batch means that there was none ("nothing new"), that the batch list may have gaps ("list
incomplete"), or that the run ended early ("failed"). The lists have one entry per page: the
evidence."""

SEVERITIES: Final = ("error", "warning", "info")
"""The severities of findings, most severe first."""

WAIVED: Final = "waived"
"""The severity of a finding that the policy accepts; no rule has it."""

FINDINGS: Final[dict[str, pl.DataType]] = {
    "rule": pl.String(),
    "severity": pl.String(),
    "batch_id": pl.String(),
    "job_id": pl.String(),
    "detail": pl.String(),
    "about": pl.String(),
}
"""One row per finding of the audit. ``job_id`` is null in a finding on a batch; ``batch_id`` is
also null in one on several batches. ``about`` distinguishes findings of one rule on the same batch,
for example by status or file; null if there is only one."""

VERDICTS: Final[dict[str, pl.DataType]] = {
    "rule": pl.String(),
    "verdict": pl.String(),
    "findings": pl.Int64(),
    "lacks": pl.String(),
}
"""One row per rule of the audit: "passed", "found" or "not evaluated", and the missing input."""

VERIFICATION: Final[dict[str, pl.DataType]] = {
    "statement": pl.String(),
    "result": pl.String(),
    "detail": pl.String(),
}
"""One row per statement of an evidence bag: "matches", "does not match" or "not performed"."""

BATCH_VERDICTS: Final[dict[str, pl.DataType]] = {"batch_id": pl.String(), **VERDICTS}
"""One row per batch and rule; ``batch_id`` is null in a verdict on all batches together."""

RESUBMISSION: Final[dict[str, pl.DataType]] = {
    "external_id": pl.String(),
    "batch_id": pl.String(),
    "job_id": pl.String(),
    "status": pl.String(),
    "reason": pl.String(),
    "match": pl.String(),
}
"""One row per document to request again; other columns of the manifest follow."""

COMPARISON: Final[dict[str, pl.DataType]] = {
    "aspect": pl.String(),
    "item": pl.String(),
    "before": pl.Int64(),
    "after": pl.Int64(),
    "change": pl.Int64(),
    "batch_id": pl.String(),
    "job_id": pl.String(),
    "detail": pl.String(),
}
"""One row per count in two sets of jobs. ``batch_id``, ``job_id`` and ``detail`` are null except in
rows on one job."""


@dataclass(frozen=True)
class User:
    """The user who reads: the answer to ``GET /users/me``; unknown values are None."""

    id: str
    login: str | None
    name: str | None
    enterprise_id: str | None


@dataclass(frozen=True)
class BatchList:
    """The batches (`BATCHES`) counted from ``jobs`` jobs; ``complete`` if none is missing.

    ``read_at`` (UTC) is when the oldest page of the list of jobs was read. If the list was not read
    to its end, ``read_down_to`` (UTC) is the creation of the oldest job read: only newer jobs were
    requested, and the list was sorted by creation (an order that Box does not document). Otherwise
    it is None. ``listed`` has these jobs (`JOBS` without ``origin``, `DETAILS`), ``pages`` `PAGES`.
    """

    batches: pl.DataFrame
    jobs: int
    complete: bool
    read_at: datetime
    listed: pl.DataFrame
    read_down_to: datetime | None = None
    pages: pl.DataFrame | None = None
