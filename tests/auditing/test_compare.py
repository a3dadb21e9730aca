"""Two sets of jobs side by side, and samples of one."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxdocgen_explore.auditing.compare import compare
from boxdocgen_explore.auditing.sampling import sample, sample_recipe
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import COMPARISON, JOBS, PAGES


class Look(NamedTuple):
    jobs: pl.DataFrame
    pages: pl.DataFrame


def job(job_id: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {
        "batch_id": "10",
        "job_id": job_id,
        "status": status,
        "output_type": "pdf",
        "template_file_version_id": "t1",
    } | fields


def frame(*jobs: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(jobs), schema=JOBS)


def counts(before: Any, after: Any, aspect: str) -> list[tuple[Any, ...]]:
    rows = compare(before, after).filter(pl.col("aspect") == aspect)
    return rows.select("item", "before", "after", "change").rows()


def of_jobs(before: Any, after: Any) -> list[tuple[Any, ...]]:
    rows = compare(before, after).filter(pl.col("job_id").is_not_null())
    return rows.select("aspect", "item", "before", "after", "job_id", "detail").rows()


LAST_WEEK = frame(job("1"), job("2"), job("3", "failed", errors=["Row 3 is empty."]))
THIS_WEEK = frame(
    *(
        job(one, "failed", batch_id="11", template_file_version_id="t2", errors=["Row 9 is empty."])
        for one in "45"
    ),
    job("6", batch_id="11", output_type="docx", template_file_version_id="t2"),
)


def test_two_batches_are_compared_by_their_counts() -> None:
    both = (LAST_WEEK, THIS_WEEK)
    assert compare(*both).schema == COMPARISON
    assert counts(*both, "jobs") == [("all", 3, 3, 0)]
    assert counts(*both, "outcome") == [("failed", 1, 2, 1), ("completed", 2, 1, -1)]
    assert counts(*both, "output type") == [("pdf", 3, 2, -1), ("docx", 0, 1, 1)]
    assert counts(*both, "reason") == [("Row # is empty.", 1, 2, 1)]
    assert counts(*both, "template version") == [("t1", 3, 0, -3), ("t2", 0, 3, 3)]


def test_jobs_of_two_different_batches_neither_appear_nor_vanish() -> None:
    assert of_jobs(LAST_WEEK, THIS_WEEK) == []


def test_two_looks_at_one_batch_name_the_jobs_that_appeared_or_vanished() -> None:
    assert of_jobs(frame(job("1"), job("2")), frame(job("2"), job("3", "pending"))) == [
        ("job appeared", "pending", 0, 1, "3", None),
        ("job vanished", "completed", 1, 0, "1", None),
    ]


def test_a_batch_found_empty_at_the_second_look_has_lost_its_jobs() -> None:
    page = {"batch_id": "10", "page": 1, "jobs": 0, "complete": True}
    empty = Look(frame(), pl.DataFrame([page], schema=PAGES))
    assert [row[0] for row in of_jobs(frame(job("1")), empty)] == ["job vanished"]


def test_a_job_missing_from_a_cut_reading_is_said_to_have_perhaps_been_there() -> None:
    page = {"batch_id": "10", "page": 1, "jobs": 1, "complete": False}
    cut = Look(frame(job("1")), pl.DataFrame([page], schema=PAGES))
    ((aspect, *_, detail),) = of_jobs(frame(job("1"), job("2")), cut)
    assert aspect == "job vanished"
    assert detail == ("The other look did not reach this batch's end; the job may have been there.")


def test_only_a_job_that_was_final_is_named_when_it_changes() -> None:
    before = frame(job("1", output_file_id="f1"), job("2", "pending"), job("3", errors=None))
    after = frame(
        job("1", "failed", errors=["Gone."]), job("2", "failed"), job("3", origin="elsewhere")
    )
    assert of_jobs(before, after) == [
        (
            "job changed",
            "failed",
            1,
            1,
            "1",
            "status: completed -> failed; output_file_id: f1 -> none; errors differ",
        )
    ]


# --- samples -----------------------------------------------------------------------------------

MANY = frame(*(job(str(at), "failed" if at % 10 == 0 else "completed") for at in range(200)))


def test_the_same_sample_is_drawn_by_everybody_at_any_time() -> None:
    assert sample(MANY, 5, seed=2026)["job_id"].to_list() == ["187", "52", "24", "116", "163"]


def test_another_seed_draws_another_sample() -> None:
    assert not sample(MANY, 5, seed=1).equals(sample(MANY, 5, seed=2))


def test_a_sample_by_status_draws_of_each() -> None:
    drawn = sample(MANY, 3, seed=7, by="status")
    assert sorted(drawn["status"]) == ["completed"] * 3 + ["failed"] * 3
    assert drawn.columns == MANY.columns


@settings(deadline=None)
@given(order=st.permutations(range(20)), n=st.integers(1, 30))
def test_a_sample_does_not_depend_on_the_order_of_rows_and_grows_from_smaller_ones(
    order: list[int], n: int
) -> None:
    jobs = MANY.head(20)
    drawn = sample(jobs[order], n, seed="audit")
    assert drawn.equals(sample(jobs, 20, seed="audit").head(n))


def test_a_recipe_says_how_a_sample_was_drawn() -> None:
    assert sample_recipe(3, 7, by="status") == (
        'Sample: the 3 jobs of each status whose SHA-256 of "7:" and job id, in hexadecimal, '
        "comes first."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, 1), "A sample has a whole number of jobs from 1, not 0."),
        ((True, 1), "A sample has a whole number of jobs from 1, not True."),
        ((1, 1, "colour"), "These jobs have no column colour."),
    ],
)
def test_a_sample_that_cannot_be_is_refused_in_a_sentence(
    arguments: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        sample(MANY, *arguments)
    assert str(refused.value) == sentence
