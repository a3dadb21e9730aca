"""Two sets of jobs side by side."""

from __future__ import annotations

from typing import Any

import polars as pl
from frames import chain, failed, frame, job, read, running

import boxdocgen_explore as bx
from boxdocgen_explore.schema import COMPARISON


def counts(before: Any, after: Any, aspect: str) -> list[tuple[Any, ...]]:
    rows = bx.compare(before, after).filter(pl.col("aspect") == aspect)
    return rows.select("item", "before", "after", "change").rows()


def of_jobs(before: Any, after: Any) -> list[tuple[Any, ...]]:
    rows = bx.compare(before, after).filter(pl.col("job_id").is_not_null())
    return rows.select("aspect", "item", "before", "after", "job_id", "detail").rows()


LAST_WEEK = read(job("1"), job("2"), failed("3", "Row 3 is empty."))
NEW = {"batch_id": "11", "template_file_version_id": "t2"}
THIS_WEEK = read(
    *(failed(one, "Row 9 is empty.", **NEW) for one in "45"),
    job("6", output_type="docx", **NEW),
)


def test_two_batches_are_compared_by_their_counts() -> None:
    both = (LAST_WEEK, THIS_WEEK)
    assert bx.compare(*both).schema == COMPARISON
    assert counts(*both, "jobs") == [("all", 3, 3, 0)]
    assert counts(*both, "outcome") == [("failed", 1, 2, 1), ("completed", 2, 1, -1)]
    assert counts(*both, "output type") == [("pdf", 3, 2, -1), ("docx", 0, 1, 1)]
    assert counts(*both, "reason") == [("Row # is empty.", 1, 2, 1)]
    assert counts(*both, "template version") == [("t1", 3, 0, -3), ("t2", 0, 3, 3)]


def test_jobs_of_two_different_batches_neither_appear_nor_vanish() -> None:
    assert of_jobs(LAST_WEEK, THIS_WEEK) == []


def test_two_readings_of_one_batch_name_the_jobs_that_appeared_or_vanished() -> None:
    assert of_jobs(frame(job("1"), job("2")), frame(job("2"), running("3"))) == [
        ("job appeared", "pending", 0, 1, "3", None),
        ("job vanished", "completed", 1, 0, "1", None),
    ]


def test_a_batch_that_is_empty_in_the_second_reading_has_lost_its_jobs() -> None:
    empty = read(pages=chain("10", 0))
    assert [row[0] for row in of_jobs(frame(job("1")), empty)] == ["job vanished"]


def test_a_job_missing_from_an_incomplete_reading_may_have_been_there() -> None:
    cut = read(job("1"), pages=chain("10", 1, complete=False))
    doubt = "The other reading of this batch is incomplete; the job may have been there."
    both = (read(job("1"), job("2")), cut)
    assert of_jobs(*both) == [("job vanished", "completed", 1, 0, "2", doubt)]
    assert of_jobs(*reversed(both)) == [("job appeared", "completed", 0, 1, "2", doubt)]


def test_only_a_job_that_was_final_is_named_if_it_changes() -> None:
    before = frame(job("1", output_file_id="f1"), running("2"), job("3", errors=None))
    after = frame(
        failed("1", "Gone.", output_file_version_id="v1"), failed("2"), job("3", origin="elsewhere")
    )
    changes = "status: completed -> failed; output_file_id: f1 -> none; errors differ"
    assert of_jobs(before, after)[:1] == [("job changed", "failed", 1, 1, "1", changes)]
    assert [row[4] for row in of_jobs(before, after)] == ["1", "3"]
