from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from frames import MISSING, READ_AT, jobs_frame, pages_frame, story
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import boxdocgen_explore as bx
from boxdocgen_explore import analysis
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.view import filters


def named(message: str) -> str | None:
    return pl.select(analysis.reason(pl.lit(message))).item()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Row 12 is too long", "Row 7 is too long"),
        ('File "a.docx" is locked', 'File "b c.docx" is locked'),
        ("It can't read 'a.png'", "It can't read 'b.png'"),
        ("Expired at 2026-11-03T02:14:00Z", "Expired at 2026-11-04T09:00:01Z"),
        ("Lost 0f8fad5b-d9cb-469f-a165-70867728950e", "Lost 7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        ("Took 3.5 s", "Took 12 s"),
        ("Request req_8f3ab12cd failed", "Request req_77aa01b2c failed"),
        ("Internal error, reference fb18c6ff", "Internal error, reference 123456c7"),
        ("Internal error, reference abcdef12", "Internal error, reference 1234567f"),
        ("Row  1\n is long ", "Row 2 is long"),
    ],
)  # fmt: skip
def test_messages_that_differ_in_numbers_quotes_and_ids_have_one_reason(one, other):
    assert named(one) == named(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tag {{pay.bonus}} is missing", "Tag {{pay.salary}} is missing"),
        ("Tag {{items_1}} is missing", "Tag {{items_2}} is missing"),
        ('Tag "{{a}}" is missing', 'Tag "{{b}}" is missing'),
        ("The facade is missing", "The decade is missing"),
        ("It can't be read and won't be", "It can't be written and won't be"),
    ],
)
def test_messages_that_differ_in_a_tag_or_a_word_have_two_reasons(one, other):
    assert named(one) != named(other)


def test_a_tag_is_named_whole_beside_what_is_taken_out():
    assert named('Tag {{a.b_2}} of row 3 in "x.docx": 4{{c}}5') == (
        "Tag {{a.b_2}} of row # in “…”: #{{c}}#"
    )


def test_a_job_counts_once_for_each_of_its_distinct_reasons():
    jobs = jobs_frame(
        [
            {"status": "failed", "errors": ["Row 1 is bad", "Row 2 is bad", MISSING]},
            {"status": "failed", "errors": [MISSING]},
        ]
    )
    assert analysis.reasons(jobs).select("reason", "jobs", "messages").rows() == [
        (MISSING, 2, 1),
        ("Row # is bad", 1, 2),
    ]


@pytest.mark.parametrize("errors", [None, [], [None], ["", "  "]])
@pytest.mark.parametrize("status", ["failed", "completed_with_error"])
def test_a_problem_without_a_message_is_in_a_group_of_its_own(status, errors):
    jobs = jobs_frame([{"status": status, "errors": errors}, {"status": "completed"}])
    assert analysis.reasons(jobs).rows() == [(analysis.NO_REASON, 1, 0, None, "98000000000")]


def test_reasons_agree_with_the_reasons_of_each_job():
    jobs = story()
    each = jobs.select(analysis.job_reasons()).explode("reasons").drop_nulls()
    counts = each.group_by(reason="reasons").agg(jobs=pl.len().cast(pl.Int64))
    assert_frame_equal(
        analysis.reasons(jobs).select("reason", "jobs"), counts, check_row_order=False
    )


def test_outcomes_put_problems_first_and_unknown_statuses_last():
    statuses = ["zzz", "completed", "pending", "aaa", "failed", "completed"]
    jobs = jobs_frame([{"status": status} for status in statuses])
    assert analysis.outcomes(jobs).rows() == [
        ("failed", 1),
        ("pending", 1),
        ("completed", 2),
        ("aaa", 1),
        ("zzz", 1),
    ]


@pytest.mark.parametrize(
    "count", [analysis.output_types, analysis.by_batch, analysis.by_template, analysis.by_day]
)
def test_every_comparison_counts_every_job_once(count):
    jobs = story()
    counts = count(jobs)
    assert counts["jobs"].sum() == jobs.height
    assert counts.height == counts.select(pl.exclude("jobs")).unique().height


def test_counts_of_no_jobs_are_empty_frames_with_the_same_columns():
    none = story().clear()
    for count in (analysis.outcomes, analysis.reasons, analysis.by_batch, analysis.by_day):
        assert count(none).rows() == []
        assert count(none).columns == count(story()).columns


def test_days_are_utc_days_and_need_times():
    late = READ_AT.replace(hour=23, minute=59)
    jobs = jobs_frame([{"created_at": late}, {"created_at": late + timedelta(minutes=2)}, {}])
    days = analysis.by_day(jobs)
    assert [str(day) for day in days["day"]] == ["2026-11-03", "2026-11-04", "None"]
    with pytest.raises(InvalidRequest, match="details=True"):
        analysis.by_day(jobs.drop("created_at"))


STATES = [
    {},
    {"status": []},
    {"status": ["failed", "on_hold_by_box"]},
    {"output_type": ["pptx (new)"], "batch_id": ["12345600320"]},
    {"template_file_id": ["1700000000001"], "template_file_version_id": [None]},
    {"reason": [MISSING, analysis.NO_REASON]},
    {"day": ["2026-11-02", None]},
    {"text": "TIMEOUT"},
    {"text": "{{candidate", "status": ["completed_with_error"], "sort": None},
]


@pytest.mark.parametrize("state", STATES)
def test_the_query_and_its_source_text_choose_the_same_jobs(state):
    jobs = story()
    shown = jobs.filter(filters.query(state))
    written = eval(filters.query_code(state), {"jobs": jobs, "pl": pl, "bx": bx})
    assert_frame_equal(shown, written)
    assert shown.height == jobs.height or 0 < shown.height < jobs.height


def test_a_filter_keeps_the_jobs_that_have_the_value():
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


@given(st.text(), st.text())
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
        (["status"], "A state is a dict"),
    ],
)
def test_a_state_that_cannot_be_is_refused_in_a_sentence(state, sentence):
    for use in (filters.check_state, filters.query, filters.query_code):
        with pytest.raises(InvalidRequest, match=sentence):
            use(state)


def of_statuses(**counts: int) -> pl.DataFrame:
    return jobs_frame(
        [{"status": s, "origin": "demo"} for s, n in counts.items() for _ in range(n)]
    )


NOW = READ_AT + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("jobs", "pages", "text"),
    [
        (
            of_statuses(failed=2, completed_with_error=1, completed=1),
            pages_frame(),
            "2 of 4 failed · all 3 pages read · as svc-hr · 2 min ago · demo data",
        ),
        (
            of_statuses(completed_with_error=1, completed=1),
            pages_frame(1),
            "1 of 2 completed with errors · its only page read · "
            "as svc-hr · 2 min ago · demo data",
        ),
        (
            of_statuses(completed=2),
            pages_frame(1, user_login=None),
            "2 of 2 completed · its only page read · 2 min ago · demo data",
        ),
        (
            of_statuses(completed=1, pending=2, odd=1),
            None,
            "1 of 4 completed · no evidence · "
            "provisional: 2 still running, 1 with a status unknown here · demo data",
        ),
        (of_statuses(), None, "no jobs · no evidence"),
        (
            of_statuses(failed=1),
            pages_frame(2, complete=False),
            "INCOMPLETE, at least 1 job, 2 pages · 1 of 1 failed · "
            "as svc-hr · 2 min ago · demo data",
        ),
        (
            of_statuses(failed=1),
            pl.concat([pages_frame(2), pages_frame(4, batch_id="7")]),
            "1 of 1 failed · 2 batches, all 6 pages read · as svc-hr · 2 min ago · demo data",
        ),
        (
            of_statuses(failed=1),
            pl.concat([pages_frame(2), pages_frame(4, batch_id="7", complete=False)]),
            "INCOMPLETE, at least 1 job, 2 batches, 6 pages · 1 of 1 failed · "
            "as svc-hr · 2 min ago · demo data",
        ),
    ],
)  # fmt: skip
def test_the_verdict_says_how_many_how_whole_as_whom_and_how_old(jobs, pages, text):
    assert analysis.verdict(jobs, pages, now=NOW).text == text


def test_a_batch_that_could_not_be_read_makes_the_verdict_incomplete():
    verdict = analysis.verdict(
        of_statuses(completed=1), pages_frame(), now=NOW, failures=["8", "9"]
    )
    assert verdict.complete is False
    assert verdict.text.startswith("INCOMPLETE, at least 1 job")
    assert "2 batches incomplete" in verdict.text


def test_jobs_of_box_are_not_called_a_demo():
    verdict = analysis.verdict(jobs_frame([{"status": "failed"}]))
    assert not verdict.demo
    assert "demo data" not in verdict.text


def test_two_missing_tags_are_two_reasons_in_box_s_documented_words() -> None:
    texts = [f"The tag '{tag}' was not provided in the input data." for tag in ("a.b", "pay_2")]
    jobs = pl.DataFrame(
        {"job_id": ["1", "2"], "status": ["failed"] * 2, "errors": [[t] for t in texts]}
    )
    assert sorted(analysis.reasons(jobs)["reason"]) == texts
    assert jobs.select(analysis.tag(pl.col("errors").list.first())).to_series().to_list() == [
        "a.b",
        "pay_2",
    ]
