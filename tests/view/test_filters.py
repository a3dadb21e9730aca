"""A state of the view, as a query and as Python source, chooses the same jobs; text is data."""

import polars as pl
import pytest
from frames import MISSING, jobs_frame, story
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import boxdocgen_explore as bx
from boxdocgen_explore import analysis
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.view import filters

STATES = [
    {},
    {"status": []},
    {"status": ["failed", "on_hold_by_box"]},
    {"output_type": ["pptx (new)"], "batch_id": ["12345600320"]},
    {"template_file_id": ["1700000000001"], "template_file_version_id": [None]},
    {"reason": [MISSING, analysis.NO_REASON]},
    {"day": ["2026-11-02", None]},
    {"created": ["2026-11-02", "2026-11-02"], "columns": ["status"]},
    {"text": "TIMEOUT"},
    {"text": "{{candidate", "status": ["completed_with_error"], "sort": None},
]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize("state", STATES)
def test_the_query_and_its_source_text_choose_the_same_jobs(state):
    jobs = story()
    shown = jobs.filter(filters.query(state))
    written = eval(filters.query_code(state), {"jobs": jobs, "pl": pl, "bx": bx})
    assert_frame_equal(shown, written)
    assert shown.height == jobs.height or 0 < shown.height < jobs.height


def test_a_filter_shows_the_jobs_that_have_the_value():
    jobs = story()
    shown = jobs.filter(filters.query({"status": ["failed"], "text": "row", "day": [None]}))
    expected = [
        job["job_id"]
        for job in jobs.iter_rows(named=True)
        if job["status"] == "failed"
        and any("row" in (error or "").lower() for error in job["errors"] or [])
        and job["created_at"] is None
    ]
    assert shown["job_id"].to_list() == expected
    assert expected


@given(texts, texts)
def test_any_text_in_a_state_is_data_and_never_code(value, text):
    state = {"status": [value], "text": text}
    code = filters.query_code(state)
    jobs = jobs_frame([{"status": "failed", "errors": ["x"]}])
    assert_frame_equal(
        eval(code, {"jobs": jobs, "pl": pl, "bx": bx}), jobs.filter(filters.query(state))
    )


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"colour": ["red"]}, "no key 'colour'"),
        ({"status": "failed"}, "'status' in the state must be a list of texts"),
        ({"status": [1]}, "list of texts"),
        ({"text": ["x"]}, "must be a text"),
        ({"compare_by": "moon"}, '"batch", "template" or "day"'),
        ({"sort": ["status", "up"]}, "ascending"),
        ({"widths": ["errors:wide"]}, "errors:320"),
        ({"created": ["2026-11-03", "2026-11-02"]}, "two ISO dates"),
        ({"created": ["20261102", "20261103"]}, "two ISO dates"),
        ({"columns": ["status", None]}, "names of columns"),
        (["status"], "A state is a dict"),
    ],
)
def test_an_invalid_state_is_refused_in_a_sentence(state, sentence):
    for use in (filters.check_state, filters.query, filters.query_code):
        with pytest.raises(InvalidRequest, match=sentence):
            use(state)
