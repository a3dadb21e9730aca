"""Documents to request again, with and without a manifest."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import boxdocgen_explore as bx
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import JOBS, RESUBMISSION


def frame(*jobs: tuple[Any, ...]) -> pl.DataFrame:
    columns = ("job_id", "status", "external_id", "errors", "batch_id")
    rows = [dict(zip(columns, (*job, *("10",)[: 5 - len(job)]), strict=False)) for job in jobs]
    return pl.DataFrame(rows, schema=JOBS)


JOBS_OF_A_BATCH = frame(
    ("1", "failed", "007", ["Row 3 is empty.", "Row 4 is empty.", "No photo."]),
    ("2", "completed", "008", []),
    ("3", "completed_with_error", "009", []),
    ("4", "failed", None, ["No photo."]),
    ("5", "pending", "010", None),
    ("6", "failed", "666", ["No photo."]),
)


def test_without_a_manifest_the_problem_jobs_are_listed_with_their_reasons() -> None:
    again = bx.resubmission(JOBS_OF_A_BATCH)
    assert again.schema == RESUBMISSION
    assert again.rows() == [
        ("007", "10", "1", "failed", "Row # is empty.; No photo.", None),
        ("009", "10", "3", "completed_with_error", "Box gave no reason", None),
        (None, "10", "4", "failed", "No photo.", "cannot be matched"),
        ("666", "10", "6", "failed", "No photo.", None),
    ]


def test_a_manifest_adds_its_columns_and_documents_without_a_job() -> None:
    expected = pl.DataFrame(
        {
            "name": ["Bond", "Bill", "Ruth", "Olga", "Q"],
            "external_id": ["007", "008", "009", "010", "011"],
            "status": ["new", "old", "new", "new", "new"],
        }
    )
    again = bx.resubmission(JOBS_OF_A_BATCH, expected)
    assert again.columns == [*RESUBMISSION, "name", "manifest_status"]
    shown = again.select("external_id", "job_id", "match", "name", "manifest_status")
    assert shown.rows() == [
        ("007", "1", "matched", "Bond", "new"),
        ("009", "3", "matched", "Ruth", "new"),
        (None, "4", "cannot be matched", None, None),
        ("666", "6", "not in the manifest", None, None),
        ("011", None, "no job", "Q", "new"),
    ]


@pytest.mark.parametrize("status", ["completed", "pending", "submitted"])
def test_a_document_that_another_job_made_or_may_make_is_not_sent_again(status: str) -> None:
    jobs = frame(("1", "failed", "007", ["No photo."], "10"), ("2", status, "007", [], "11"))
    once = pl.DataFrame({"external_id": ["007"]})
    assert bx.resubmission(jobs, once).is_empty()
    in_both = pl.DataFrame({"external_id": ["007", "007"], "batch_id": ["10", "11"]})
    assert bx.resubmission(jobs, in_both)["job_id"].to_list() == ["1"]
    assert bx.resubmission(jobs)["job_id"].to_list() == ["1"]
    other = bx.resubmission(jobs, pl.DataFrame({"external_id": ["008"]}))
    assert other["match"].to_list() == ["not in the manifest", "no job"]


def test_a_manifest_of_counts_cannot_say_what_to_send_again() -> None:
    with pytest.raises(InvalidRequest, match="it needs external_id"):
        bx.resubmission(JOBS_OF_A_BATCH, pl.DataFrame({"batch_id": ["10"], "jobs": [5]}))


def test_no_jobs_give_an_empty_list_with_its_columns() -> None:
    nothing = bx.resubmission(pl.DataFrame(schema=JOBS))
    assert nothing.is_empty()
    assert nothing.schema == RESUBMISSION


def test_a_document_that_is_lost_is_listed_although_its_job_completed() -> None:
    jobs = JOBS_OF_A_BATCH.with_columns(
        output_file_found=pl.col("external_id") != "008", output_file_size_bytes=1
    )
    expected = pl.DataFrame({"external_id": ["007", "008", "009"]})
    for again in (bx.resubmission(jobs), bx.resubmission(jobs, expected)):
        lost = again.filter(status="completed").select("external_id", "reason")
        assert lost.rows() == [("008", "The document does not exist.")]
    made_again = jobs.with_columns(job_id="1" + pl.col("job_id"), output_file_found=True)
    again = bx.resubmission(pl.concat([jobs, made_again]), expected)
    assert "008" not in again["external_id"]
