"""Samples of jobs that anybody can draw again."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from frames import failed, frame, job
from hypothesis import given, settings
from hypothesis import strategies as st

import boxdocgen_explore as bx
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import PAGES

MANY = frame(*(failed(str(at)) if at % 10 == 0 else job(str(at)) for at in range(200)))


def test_the_same_sample_is_drawn_by_everybody_at_any_time() -> None:
    drawn = bx.sample(MANY, 5, seed=2026)
    assert drawn["job_id"].to_list() == ["187", "52", "24", "116", "163"]
    assert bx.sample(Reading(MANY, pl.DataFrame(schema=PAGES)), 5, seed=2026).equals(drawn)


def test_another_seed_draws_another_sample() -> None:
    assert not bx.sample(MANY, 5, seed=1).equals(bx.sample(MANY, 5, seed=2))


def test_a_sample_by_status_draws_of_each() -> None:
    drawn = bx.sample(MANY, 3, seed=7, by="status")
    assert sorted(drawn["status"]) == ["completed"] * 3 + ["failed"] * 3
    assert drawn.columns == MANY.columns


@settings(deadline=None)
@given(order=st.permutations(range(20)), n=st.integers(1, 30))
def test_a_sample_does_not_depend_on_the_order_of_rows_and_grows_from_smaller_ones(
    order: list[int], n: int
) -> None:
    jobs = MANY.head(20)
    drawn = bx.sample(jobs[order], n, seed="audit")
    assert drawn.equals(bx.sample(jobs, 20, seed="audit").head(n))


def test_a_recipe_says_how_a_sample_was_drawn() -> None:
    assert bx.sample_recipe(3, 7, by="status") == (
        'Sample: 3 jobs per status, in ascending order of SHA-256("7:" + job id), as hexadecimal.'
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, 1), "n must be a whole number from 1 to 1000000000, not 0."),
        ((True, 1), "n must be a whole number from 1 to 1000000000, not True."),
        ((1, 1, "colour"), "These jobs have no column colour."),
    ],
)
def test_an_invalid_sample_is_refused_in_a_sentence(
    arguments: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bx.sample(MANY, *arguments)
    assert str(refused.value) == sentence
