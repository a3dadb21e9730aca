"""Parsed pages become frames: jobs, details, batches."""

from __future__ import annotations

import polars as pl
from bodies import JOB, body, job

from boxdocgen_explore.pages import frames
from boxdocgen_explore.schema import BATCHES, DETAILS, JOBS


def test_no_pages_make_an_empty_frame_with_all_columns() -> None:
    assert dict(frames.jobs([], "demo").schema) == JOBS


def test_details_are_joined_by_job_and_null_where_box_does_not_tell() -> None:
    jobs = frames.jobs([frames.page(body(JOB, {**JOB, "id": "8"})).rows], "demo")
    full = frames.full_jobs([frames.full_page(job(source="api")).rows])
    joined = frames.with_details(jobs, full)
    assert dict(joined.schema) == {**JOBS, **DETAILS}
    assert joined.select("job_id", "source").rows() == [("7", "api"), ("8", None)]


def test_a_job_that_moved_between_pages_counts_once_in_its_batch() -> None:
    one = frames.full_page(body(JOB, {**JOB, "id": "8", "status": "archived"})).rows
    batches = frames.batches(frames.full_jobs([one, one]))
    assert dict(batches.schema) == BATCHES
    assert batches.select("batch_id", "jobs", "failed", "other").rows() == [("1001", 2, 1, 1)]


def test_batches_are_sorted_by_their_newest_job_and_undated_ones_come_last() -> None:
    dated = [
        {**JOB, "id": number, "batch": {"id": batch}, "created_at": created}
        for number, (batch, created) in enumerate(
            [
                ("1", "2026-01-01T00:00:00Z"),
                ("1", "2026-01-05T00:00:00Z"),
                ("2", None),
                ("3", "2026-01-02T01:00:00+01:00"),
                ("4", "2026-01-03T00:00:00Z"),
            ]
        )
    ]
    batches = frames.batches(frames.full_jobs([frames.full_page(body(*dated)).rows]))
    assert batches["batch_id"].to_list() == ["1", "4", "3", "2"]
    assert batches["first_created_at"].dtype == pl.Datetime("us", "UTC")
