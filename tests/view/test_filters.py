"""A state of the view chooses the jobs that have its values; an invalid one is refused."""

from datetime import date

import pytest
from frames import story

from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.view import filters


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
        ({"created": ["2026-02-31", "2026-03-01"]}, "two ISO dates"),
        ({"created": [date(2026, 11, 2), date(2026, 11, 3)]}, "two ISO dates"),
        ({"status": {"failed"}}, "list of texts"),
        ({"text": "a\0"}, "must be a text"),
        ({"columns": ["\ud800"]}, "names of columns"),
        ({"columns": ["status", None]}, "names of columns"),
        (["status"], "A state is a dict"),
    ],
)
def test_an_invalid_state_is_refused_in_a_sentence(state, sentence):
    for use in (filters.check_state, filters.query):
        with pytest.raises(InvalidRequest, match=sentence):
            use(state)
