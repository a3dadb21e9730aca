"""Jobs are counted once each, problems first; messages of one cause have one reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from frames import MISSING, READ_AT, jobs_frame, pages_frame, story
from hypothesis import example, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from boxdocgen_explore import analysis
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import TAGS

COUNTS = (
    analysis.outcomes,
    analysis.output_types,
    analysis.reasons,
    analysis.causes,
    analysis.by_batch,
    analysis.by_template,
    analysis.by_day,
)
BY_REASON = (analysis.reasons, analysis.causes)
DOCUMENTED = (
    "The tag 'customer_name' was not provided in the input data.",
    "The tag 'optional_field' was provided but not used in the template.",
)
"""Box's own examples of an error and of a warning."""
BESIDE = Path(__file__).parents[2].glob("*/box-openapi-v2025.0.json")
OPENAPI = os.environ.get("BOX_OPENAPI") or next(BESIDE, "")


def reasons_of(messages: Iterable[str]) -> list[str | None]:
    return pl.DataFrame({"m": list(messages)}).select(analysis.reason(pl.col("m")))["m"].to_list()


def reason_of(message: str) -> str | None:
    return reasons_of([message])[0]


def tag_of(message: str) -> str | None:
    return pl.select(analysis.tag(pl.lit(message))).item()


# --- reasons -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Row 12 is too long", "Row 7 is too long"),
        ("Row  1\n is long ", "Row 2 is long"),
        ('File "a.docx" is locked', 'File "b c.docx" is locked'),
        ("It can't read 'a.png'", "It can't read 'b.png'"),
        ("Took 3.5 s", "Took 12 s"),
        ("Error in row12", "Error in row1234567"),
        ("Internal error, reference fb18c6ff", "Internal error, reference 123456c7"),
        ("Internal error, reference abcdef12", "Internal error, reference 1234567f"),
    ],
)
def test_messages_that_differ_in_numbers_quotes_and_ids_have_one_reason(one, other):
    assert reason_of(one) == reason_of(other)


numbers = st.integers(0, 10**20).map(str) | st.decimals(0, 10**6, places=2).map("{:,}".format)
# With a digit and a letter: digits alone are a number, letters alone a word.
VARYING = {
    "numbers": numbers,
    "uuids": st.uuids().map(str),
    "ids": st.from_regex(r"req_[0-9][g-z][0-9a-z]{3,12}", fullmatch=True),
    "hexadecimal ids": st.from_regex(r"[0-9][a-f][0-9a-f]{6,30}", fullmatch=True),
    "dates": st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    "file names": st.from_regex(r'"[a-z 0-9.-]{1,20}\.docx"', fullmatch=True),
}
SENTENCES = ("Value {} is invalid.", "Could not read {} (0x).", "Tag {{{{a.b_2}}}} near {}: full")


@pytest.mark.parametrize("kind", VARYING)
@given(data=st.data())
def test_one_message_with_whatever_varies_has_one_reason(kind, data):
    values = data.draw(st.lists(VARYING[kind], min_size=20, max_size=20))
    for sentence in SENTENCES:
        assert len(set(reasons_of(sentence.format(value) for value in values))) == 1


tags = st.text(st.characters(categories=["L", "N"], include_characters="._-[]"), min_size=1)
TAGGED = {
    "missing": DOCUMENTED[0].replace("customer_name", "{}"),
    "unused": DOCUMENTED[1].replace("optional_field", "{}"),
    "in double quotes": 'Tag "{}" of row 3 is missing',
    "typed": "Tag {{{{{}}}}} at line 14 of 'offer.docx' is missing",
    "beside numbers": "4{{{{{}}}}}5 of 6",
}


@pytest.mark.parametrize("sentence", TAGGED.values(), ids=TAGGED)
@given(names=st.lists(tags, unique=True, min_size=2))
@example(["items_1", "items_2", "2026-11-03", "2026-11-04", "a" * 40, "a" * 41])
def test_two_tags_never_have_one_reason(sentence, names):
    messages = [sentence.format(name) for name in names]
    assert len(set(reasons_of(messages))) == len(names)
    assert [tag_of(message) for message in messages] == names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The facade is missing", "The decade is missing"),
        ("It can't be read and won't be", "It can't be written and won't be"),
    ],
)
def test_messages_that_differ_in_a_word_have_two_reasons(one, other):
    assert reason_of(one) != reason_of(other)


def test_box_s_documented_messages_are_their_own_reasons():
    assert [reason_of(message) for message in DOCUMENTED] == list(DOCUMENTED)
    assert [tag_of(message) for message in DOCUMENTED] == ["customer_name", "optional_field"]


@pytest.mark.skipif(not OPENAPI, reason="Box's OpenAPI file is not here; see BOX_OPENAPI")
def test_the_documented_messages_are_those_of_box_s_description():
    description = json.dumps(json.loads(Path(OPENAPI).read_text("utf-8")))
    assert all(message in description for message in DOCUMENTED)


def test_only_the_start_of_a_very_long_message_is_compared():
    assert reason_of("word " * 10_000) == reason_of("word " * 20_000) != reason_of("word " * 99)


# --- counts --------------------------------------------------------------------------------------


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
def test_problems_without_a_message_are_their_own_group(status, errors):
    jobs = jobs_frame([{"status": status, "errors": errors}, {"status": "completed"}])
    assert analysis.reasons(jobs).rows() == [(analysis.NO_REASON, 1, 0, None, "98000000000")]


def test_reasons_agree_with_the_reasons_of_each_job():
    jobs = story()
    each = jobs.select(analysis.job_reasons()).explode("reasons").drop_nulls()
    counts = each.group_by(reason="reasons").agg(jobs=pl.len().cast(pl.Int64))
    assert_frame_equal(
        analysis.reasons(jobs).select("reason", "jobs"), counts, check_row_order=False
    )


# --- causes --------------------------------------------------------------------------------------

FIX = (
    "Give the value in the input data, or mark the tag in the template: "
    '{{customer_name :: optional}} or {{customer_name :: default("…")}}.'
)


def of_version(version: str | None, *errors: str, template: str = "1", status: str = "") -> dict:
    status = status or ("failed" if errors else "completed")
    ids = {"template_file_id": template, "template_file_version_id": version}
    return {"status": status, "errors": list(errors), **ids}


def tags_of(versions: dict[str, list[str]], template: str = "1") -> pl.DataFrame:
    rows = [
        [template, one, name, "text", [name]] for one, names in versions.items() for name in names
    ]
    return pl.DataFrame(rows, schema=TAGS, orient="row")


def cause_of(*rows: dict, tags: pl.DataFrame | None = None) -> dict:
    return analysis.causes(jobs_frame(list(rows)), tags).row(0, named=True)


def test_causes_are_the_reasons_with_tag_versions_and_fix():
    rows = [of_version("5", *DOCUMENTED[:1], "Row 1")] * 2 + [of_version("5", "Tag {{a}} of row 2")]
    causes = analysis.causes(jobs_frame([*rows, of_version("5"), of_version("6", status="failed")]))
    assert dict(causes.schema) == {
        "reason": pl.String,
        "jobs": pl.Int64,
        "tag": pl.String,
        "template_file_version_ids": pl.List(pl.String),
        "only_these_versions": pl.Boolean,
        "fix": pl.String,
    }
    assert causes.rows() == [
        ("Row #", 2, None, ["5"], True, None),
        (DOCUMENTED[0], 2, "customer_name", ["5"], True, FIX),
        (analysis.NO_REASON, 1, None, ["6"], True, None),
        ("Tag {{a}} of row #", 1, "a", ["5"], True, None),
    ]


def test_causes_and_reasons_count_alike():
    jobs = story()
    same = analysis.reasons(jobs).select("reason", "jobs")
    assert_frame_equal(analysis.causes(jobs).select("reason", "jobs"), same)
    assert analysis.causes(jobs.clear()).height == 0
    assert analysis.causes(jobs.clear(), tags_of({})).columns[-1] == "introduced_in"


@pytest.mark.parametrize(
    ("others", "only"),
    [
        ([], None),
        ([of_version("5")], None),
        ([of_version("4")], True),
        ([of_version("4", "Another error")], True),
        ([of_version("4", status="pending")], None),
        ([of_version("4", template="2")], None),
        ([of_version(None)], None),
        ([of_version("4"), of_version(None, *DOCUMENTED[:1])], False),
    ],
    ids=["alone", "same", "other", "other error", "running", "template", "unknown", "not known"],
)
def test_versions_are_compared_with_final_jobs_of_the_same_template_alone(others, only):
    cause = cause_of(of_version("5", *DOCUMENTED[:1]), of_version("5", *DOCUMENTED[:1]), *others)
    assert cause["template_file_version_ids"] == ["5"]
    assert cause["only_these_versions"] is only


def test_a_cause_of_all_versions_is_not_that_of_one():
    cause = cause_of(of_version("5", *DOCUMENTED[:1]), of_version("4", *DOCUMENTED[:1]))
    assert cause["template_file_version_ids"] == ["4", "5"]
    assert cause["only_these_versions"] is None


@pytest.mark.parametrize(
    ("contents", "version"),
    [
        ({"4": ["date"], "5": ["date", "{{customer_name}}"]}, "5"),
        ({"4": ["date"], "5": ["{{ customer_name :: optional }}"]}, "5"),
        ({"4": ["date"], "5": ["customer_name"]}, "5"),
        ({"3": ["date"], "4": ["{{customer_name}}"], "5": ["{{customer_name}}"]}, None),
        ({"5": ["{{customer_name}}"]}, None),
        ({"4": ["date"], "5": ["date"]}, None),
        ({}, None),
    ],
)
def test_the_tags_of_two_versions_name_the_one_that_introduced_the_tag(contents, version):
    cause = cause_of(of_version("5", *DOCUMENTED[:1]), tags=tags_of(contents))
    assert cause["introduced_in"] == version
    other = cause_of(of_version("5", *DOCUMENTED[:1]), tags=tags_of(contents, template="2"))
    assert other["introduced_in"] is None


@pytest.mark.parametrize(
    "message",
    [
        DOCUMENTED[1],
        DOCUMENTED[0] + " Try again.",
        DOCUMENTED[0].replace("The tag", "The tags"),
        "Tag {{customer_name}} is missing",
        DOCUMENTED[0].replace("customer_name", "a' or 'b"),
        DOCUMENTED[0].replace("customer_name", "{{a}}"),
        DOCUMENTED[0].replace("customer_name", "a :: optional"),
        DOCUMENTED[0].replace("customer_name", "x" * 10_000),
        DOCUMENTED[0].replace("customer_name", ""),
        "",
    ],
)
def test_no_fix_is_suggested_for_any_other_text(message):
    assert cause_of(of_version("5", message, status="failed"))["fix"] is None


@pytest.mark.parametrize(
    "tag", ["a.b", "items[0].name", "first name", "</script>", "a|b", "a\u202eb"]
)
def test_the_fix_has_the_tag_as_it_is(tag):
    fix = cause_of(of_version("5", DOCUMENTED[0].replace("customer_name", tag)))["fix"]
    assert fix == FIX.replace("customer_name", tag)


def test_outcomes_put_problems_first_and_unknown_statuses_last():
    statuses = ["zzz", "completed", "pending", "aaa", "failed", "completed"]
    jobs = jobs_frame([{"status": status} for status in statuses])
    expected = [("failed", 1), ("pending", 1), ("completed", 2), ("aaa", 1), ("zzz", 1)]
    assert analysis.outcomes(jobs).rows() == expected


def test_output_types_and_templates_put_the_most_frequent_first_and_batches_keep_their_order():
    jobs = jobs_frame(
        [
            {"output_type": kind, "template_file_id": kind, "batch_id": kind}
            for kind in ("docx", "pdf", "pdf")
        ]
    )
    assert analysis.output_types(jobs)["output_type"].to_list() == ["pdf", "docx"]
    assert analysis.by_template(jobs)["template_file_id"].to_list() == ["pdf", "docx"]
    assert analysis.by_batch(jobs)["batch_id"].to_list() == ["docx", "pdf"]


@pytest.mark.parametrize("count", [count for count in COUNTS if count not in BY_REASON])
def test_every_comparison_counts_every_job_once(count):
    counts = count(story())
    assert counts["jobs"].sum() == story().height
    assert counts.height == counts.select(pl.exclude("jobs")).unique().height


@pytest.mark.parametrize("count", COUNTS)
def test_a_reading_is_counted_by_its_jobs_and_anything_else_is_refused(
    count: Callable[[object], pl.DataFrame],
):
    jobs = story()
    assert_frame_equal(count(Reading(jobs, pages_frame())), count(jobs))
    assert count(jobs.clear()).rows() == []
    assert count(jobs.clear()).schema == count(jobs).schema
    with pytest.raises(InvalidRequest, match="not str"):
        count("12345600319")


def test_days_are_utc_days_and_need_times():
    late = READ_AT.replace(hour=23, minute=59)
    jobs = jobs_frame([{"created_at": late}, {"created_at": late + timedelta(minutes=2)}, {}])
    days = analysis.by_day(jobs)
    assert [str(day) for day in days["day"]] == ["2026-11-03", "2026-11-04", "None"]
    with pytest.raises(InvalidRequest, match="details=True"):
        analysis.by_day(jobs.drop("created_at"))
