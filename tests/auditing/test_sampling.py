"""Reproducible samples of jobs."""

from __future__ import annotations

import math
import sys
from typing import Any

import polars as pl
import pytest
from frames import failed, frame, job
from hypothesis import given
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


# --- sizes and bounds ----------------------------------------------------------------------------

# From the tables of the AICPA's guide on audit sampling: sample sizes by tolerable and expected
# share (per cent), and upper limits (per cent, one decimal) by sample and what was found.
SIZES = {
    0.95: {(2, 0): 149, (5, 0): 59, (10, 0): 29, (20, 0): 14, (5, 0.75): 93, (5, 1): 93,
           (5, 1.25): 124, (5, 2): 181, (5, 2.25): 208, (10, 1): 46, (10, 4): 89, (10, 5): 116},
    0.90: {(2, 0): 114, (5, 0): 45, (10, 0): 22, (20, 0): 11},
}  # fmt: skip
LIMITS = {(0, 25): 11.3, (0, 60): 4.9, (0, 80): 3.7, (1, 80): 5.8, (2, 80): 7.7, (4, 80): 11.1}


@pytest.mark.parametrize("confidence", SIZES)
def test_sample_sizes_are_those_of_the_published_tables(confidence: float) -> None:
    sizes = {
        (tolerable, expected): bx.sample_size(confidence, tolerable / 100, expected / 100)
        for tolerable, expected in SIZES[confidence]
    }
    assert sizes == SIZES[confidence]


@pytest.mark.thorough
def test_upper_bounds_are_those_of_the_published_tables() -> None:
    bounds = {one: math.ceil(1000 * bx.upper_bound(*one)) / 10 for one in LIMITS}
    assert bounds == LIMITS
    assert bx.upper_bound(3, 3) == 1
    assert bx.upper_bound(0, 59, 0.9) < bx.upper_bound(0, 59)


@given(st.floats(0.5, 0.999), st.floats(0.01, 0.5), st.floats(0, 0.5))
def test_a_sample_with_what_was_expected_shows_that_the_share_is_tolerable(
    confidence: float, tolerable: float, part: float
) -> None:
    n = bx.sample_size(confidence, tolerable, tolerable * part)
    wrong = math.ceil(n * tolerable * part - 1e-9)
    assert bx.upper_bound(wrong, n, confidence) <= tolerable + 1e-9


def test_without_scipy_an_upper_bound_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(InvalidRequest, match=r"pip install 'boxdocgen-explore\[stats\]'"):
        bx.upper_bound(0, 59)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: bx.sample_size(1, 0.05), "confidence must be more than 0 and less than 1, not 1."),
        (lambda: bx.sample_size(0.95, 5), "tolerable must be a number from 0 to 1, not 5."),
        (lambda: bx.sample_size(0.95, 0.05, 0.06), "expected must be a number from 0 to 0.05"),
        (lambda: bx.sample_size(0.95, 0.05, 0.049), "The sample would be too large: "),
        (lambda: bx.sample_size(0.95, 1e-9), "The sample would be too large: "),
        (lambda: bx.upper_bound(3, 2), "found must be a whole number from 1 to 2, not 3."),
        (lambda: bx.upper_bound(0, 0), "sample must be a whole number from 1 to "),
    ],
)
def test_a_sample_that_cannot_be_drawn_is_refused_in_a_sentence(ask: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        ask()
    assert str(refused.value).startswith(sentence)
