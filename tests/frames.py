"""Synthetic jobs frames for the tests of what is counted, drawn and shown."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from boxdocgen_explore.schema import DETAILS, JOBS, PAGES

HOSTILE = '</script><img src=x onerror="alert(1)">\u202egnp.\x07{{tag}}\t"\'`$&'
MISSING = "Tag {{candidate.start_bonus}} is missing from the input data"
READ_AT = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)


def jobs_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Make a whole jobs frame from rows that name only what matters to a test."""
    whole = {
        "batch_id": "12345600319",
        "status": "completed",
        "output_type": "pdf",
        "template_file_id": "1700000000001",
        "template_file_version_id": "1880000000005",
        "origin": "api.box.com",
    }
    ids = ({"job_id": str(98000000000 + number)} for number in range(len(rows)))
    return pl.DataFrame(
        [{**whole, **first, **row} for first, row in zip(ids, rows, strict=True)],
        schema={**JOBS, **DETAILS},
    )


def story(jobs: int = 300) -> pl.DataFrame:
    """Jobs of two batches over three days: several errors, none, null, unknown words."""
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
    """Make the evidence of one chain."""
    page = {
        "batch_id": "12345600319",
        "jobs": 1000,
        "fetched_at": READ_AT,
        "user_login": "svc-hr",
        "complete": True,
    }
    rows = [{**page, "page": number + 1, **values} for number in range(pages)]
    return pl.DataFrame(rows, schema=PAGES)
