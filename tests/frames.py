"""Synthetic frames and readings for the tests of analysis, charts, view, audit and report."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl

from boxdocgen_explore.errors import BoxDocGenError, Reading
from boxdocgen_explore.schema import DETAILS, DOCUMENTS, DURATION, JOBS, PAGES

HOSTILE = '</script><img src=x onerror="alert(1)">\u202egnp.\x07{{tag}}\t"\'`$&'
MISSING = "Tag {{candidate.start_bonus}} is missing from the input data"
READ_AT = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)


def jobs_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make a jobs frame with all columns from rows that name only what matters to a test."""
    defaults = {
        "batch_id": "12345600319",
        "status": "completed",
        "output_type": "pdf",
        "template_file_id": "1700000000001",
        "template_file_version_id": "1880000000005",
        "origin": "api.box.com",
    }
    ids = ({"job_id": str(98000000000 + number)} for number in range(len(rows)))
    return pl.DataFrame(
        [{**defaults, **first, **row} for first, row in zip(ids, rows, strict=True)],
        schema={**JOBS, **DETAILS},
    )


@cache
def story(jobs: int = 300) -> pl.DataFrame:
    """Jobs of two batches over three days: several errors, none, null, unknown values."""
    chance = random.Random(11)
    statuses = ["failed"] * 9 + ["completed_with_error"] * 2 + ["completed"] * 8
    statuses += ["pending", "on_hold_by_box"]
    rows = []
    for number in range(jobs):
        status = chance.choice(statuses)
        problem = status in ("failed", "completed_with_error")
        rows.append(
            {
                "status": status,
                "batch_id": chance.choice(["12345600319", "12345600320"]),
                "output_type": chance.choice(["pdf", "pdf", "docx", "pptx (new)"]),
                "output_file_id": None if status == "failed" else str(1_900_000_000_000 + number),
                "template_file_id": chance.choice(["1700000000001", "1700000000002"]),
                "template_file_version_id": chance.choice(["1880000000005", None]),
                "errors": _errors(chance, number) if problem else chance.choice([None, []]),
                "warnings": chance.choice([None, [], ["Font replaced"]]),
                "external_id": chance.choice([f"EMP-{number:05d}", None]),
                "created_at": chance.choice(
                    [None, *(READ_AT - timedelta(days=d) for d in (0, 1, 4))]
                ),
            }
        )
    return jobs_frame(rows)


def documented(jobs: pl.DataFrame) -> pl.DataFrame:
    """Add documents to jobs that name an output file: made one after another, some missing."""
    place = pl.int_range(pl.len())
    found = pl.col("output_file_id").is_not_null() & (place % 17 > 0)
    made_at = pl.lit(READ_AT) + pl.duration(seconds=13 * place)
    columns = {
        "output_file_found": pl.when(pl.col("output_file_id").is_not_null()).then(found),
        "output_file_name": pl.when(found).then(pl.format("Letter {}.pdf", "job_id")),
        "output_file_size_bytes": pl.when(found).then(40_000 + place),
        "output_file_sha1": pl.when(found).then(pl.format("sha1 {}", "job_id")),
        "output_file_created_at": pl.when(found).then(made_at),
        "output_file_folder_id": pl.when(found).then(pl.lit("191001")),
        "duration_s": pl.when(found).then(13.0 * place),
    }
    return jobs.with_columns(
        columns[name].cast(dtype).alias(name) for name, dtype in {**DOCUMENTS, **DURATION}.items()
    )


def _errors(chance: random.Random, number: int) -> list[str | None] | None:
    return chance.choice(
        [
            [MISSING],
            [MISSING, f"Value at row {number} is not a number"],
            [f"Row {number} is too long", f"Row {number + 1} is too long", "Timeout after 30 s"],
            [f"Image 'logo {number}.png' could not be loaded from the place that the input data "
             "names, because the host did not answer before the time that Box allows was over"],
            [],
            [None, " "],
            None,
        ]
    )  # fmt: skip


def pages_frame(pages: int = 3, **values: Any) -> pl.DataFrame:
    """Make the evidence of one batch."""
    page = {
        "batch_id": "12345600319",
        "jobs": 1000,
        "fetched_at": READ_AT,
        "user_login": "svc-hr",
        "complete": True,
    }
    rows = [{**page, "page": number + 1, **values} for number in range(pages)]
    return pl.DataFrame(rows, schema=PAGES)


NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
"""When the pages of `read` were read, and when its tests audit them."""


def job(job_id: str = "1", **fields: Any) -> dict[str, Any]:
    """Make a job without findings, except for the given fields."""
    return {
        "batch_id": "10",
        "job_id": job_id,
        "status": "completed",
        "output_type": "pdf",
        "output_file_id": f"f{job_id}",
        "output_file_version_id": f"v{job_id}",
        "template_file_id": "t",
        "template_file_version_id": "t1",
        "errors": [],
        "warnings": [],
        "external_id": f"e{job_id}",
        "origin": "demo",
        "created_at": NOON - timedelta(days=3),
        "created_by_id": "u1",
        "created_by_name": "Service HR",
        "created_by_login": "svc@example.com",
        "enterprise_id": "99",
        "source": "api",
    } | fields


def failed(job_id: str = "1", *errors: str, **fields: Any) -> dict[str, Any]:
    no_file = {"output_file_id": None, "output_file_version_id": None}
    return job(job_id, **{"status": "failed", "errors": list(errors), **no_file, **fields})


def running(job_id: str = "1", **fields: Any) -> dict[str, Any]:
    return failed(job_id, **{"status": "pending", **fields})


def document(job_id: str = "1", **fields: Any) -> dict[str, Any]:
    """Make a job with a checked document, without findings."""
    made = {
        "output_file_found": True,
        "output_file_name": f"Letter {job_id}.pdf",
        "output_file_size_bytes": 40_000,
        "output_file_sha1": f"sha1 of {job_id}",
        "output_file_created_at": NOON - timedelta(days=3) + timedelta(seconds=15),
        "output_file_folder_id": "folder",
        "duration_s": 15.0,
    }
    return job(job_id, **{**made, **fields})


def without_document(job_id: str = "1", *, found: bool | None = False, **fields: Any) -> Any:
    """Make a job whose document does not exist, or (None) was not checked."""
    nothing = dict.fromkeys([*DOCUMENTS, *DURATION])
    return document(job_id, **{**nothing, "output_file_found": found, **fields})


def frame(*jobs: dict[str, Any]) -> pl.DataFrame:
    """Make a jobs frame; the columns of documents are in it if a job has them."""
    documents = any("output_file_found" in one for one in jobs)
    more = {**DOCUMENTS, **DURATION} if documents else {}
    return pl.DataFrame(list(jobs), schema={**JOBS, **DETAILS, **more})


def chain(batch_id: str, *sizes: int, **fields: Any) -> list[dict[str, Any]]:
    """Make the pages of a batch that was read completely, in pages of these sizes."""
    last = len(sizes) - 1
    return [
        {
            "batch_id": batch_id,
            "page": number + 1,
            "marker_sha256": f"{batch_id}m{number}" if number else None,
            "next_marker_sha256": f"{batch_id}m{number + 1}" if number < last else None,
            "limit_requested": 1000,
            "limit_used": 1000,
            "jobs": size,
            "duplicates": 0,
            "unknown_fields": [],
            "fetched_at": NOON,
            "from_cache": False,
            "body_sha256": f"{batch_id}b{number}",
            "host": "api.box.com",
            "user_id": "u1",
            "user_login": "svc@example.com",
            "complete": True,
        }
        | fields
        for number, size in enumerate(sizes)
    ]


def read(
    *jobs: dict[str, Any],
    pages: list[dict[str, Any]] | None = None,
    failures: dict[str, BoxDocGenError] | None = None,
) -> Reading:
    """Make a reading of these jobs, complete unless other pages are given."""
    rows = frame(*jobs)
    if pages is None:
        sizes = rows["batch_id"].drop_nulls().value_counts().iter_rows()
        pages = [page for batch_id, size in sizes for page in chain(batch_id, size)]
    return Reading(rows, pl.DataFrame(pages, schema=PAGES), failures or {})
