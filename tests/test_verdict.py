"""One line with result, cause, completeness and user; names of batches."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from frames import HOSTILE, READ_AT, jobs_frame, pages_frame

from boxdocgen_explore import analysis
from boxdocgen_explore.errors import BoxDocGenError, Reading
from boxdocgen_explore.schema import RUNNING, STATUSES
from boxdocgen_explore.text import moment
from boxdocgen_explore.verdict import Verdict, batch_label, verdict

NOW = READ_AT + timedelta(minutes=2)
WHO = "as svc-hr · 2 min ago · demo data"


def of_statuses(**counts: int) -> pl.DataFrame:
    return jobs_frame(
        [{"status": s, "origin": "demo"} for s, n in counts.items() for _ in range(n)]
    )


def two_batches(**values: Any) -> pl.DataFrame:
    return pl.concat([pages_frame(2), pages_frame(4, batch_id="7", **values)])


@pytest.mark.parametrize(
    ("jobs", "pages", "text"),
    [
        (
            of_statuses(failed=2, completed_with_error=1, completed=1),
            pages_frame(),
            f"2 of 4 failed · all 3 pages read · {WHO}",
        ),
        (
            of_statuses(completed_with_error=1, completed=1),
            pages_frame(1),
            f"1 of 2 completed with errors · its only page read · {WHO}",
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
            "2 still running, 1 with an unknown status: these numbers may change · demo data",
        ),
        (
            of_statuses(completed=1).with_columns(status=pl.lit(None, pl.String)),
            None,
            "0 of 1 completed · no evidence · "
            "1 with an unknown status: these numbers may change · demo data",
        ),
        (of_statuses(), None, "no jobs · no evidence"),
        (of_statuses(), pages_frame(1, host="demo"), f"no jobs · its only page read · {WHO}"),
        (
            of_statuses(failed=1),
            pages_frame(2, complete=False),
            "INCOMPLETE, at least 1 job: pages missing in batch 12345600319 (from page 3 on) · "
            f"1 of 1 failed · 2 pages read · {WHO}",
        ),
        (
            of_statuses(failed=1),
            two_batches(),
            f"1 of 1 failed · 2 batches, all 6 pages read · {WHO}",
        ),
        (
            of_statuses(failed=1),
            two_batches(complete=False),
            "INCOMPLETE, at least 1 job: pages missing in batch 7 (from page 5 on) · "
            f"1 of 1 failed · 2 batches, 6 pages read · {WHO}",
        ),
    ],
)
def test_the_verdict_says_the_result_complete_or_not_as_whom_and_how_old(
    jobs: pl.DataFrame, pages: pl.DataFrame | None, text: str
) -> None:
    assert verdict(jobs, pages, now=NOW).text == text


def test_a_batch_that_could_not_be_read_makes_the_verdict_incomplete() -> None:
    failures = ["8", "9", "12345600319", "10", "11"]
    incomplete = verdict(of_statuses(completed=1), pages_frame(), now=NOW, failures=failures)
    assert incomplete.complete is False
    named = "batch 8 (all pages), batch 9 (all pages), batch 12345600319 (inconsistent) and 2 more"
    assert incomplete.text.startswith(f"INCOMPLETE, at least 1 job: pages missing in {named} · ")


def test_an_incomplete_reading_says_why_in_the_first_sentence_of_its_error() -> None:
    error = BoxDocGenError("Box has a problem. Try again later.\napi.box.com: status 500")
    failures = {"8": BoxDocGenError(""), "9": error}
    nothing = verdict(of_statuses(), None, now=NOW, failures=failures)
    assert nothing.why == "Box has a problem (batch 9)"
    both = verdict(of_statuses(), None, now=NOW, failures={"8": error, "9": error})
    assert both.why == "Box has a problem"
    other = {"8": BoxDocGenError("Box does not have this. Check the id."), "9": error}
    differing = verdict(of_statuses(), None, now=NOW, failures=other).why
    assert differing == "Box does not have this (batch 8); Box has a problem (batch 9)"
    assert nothing.text == (
        "INCOMPLETE: pages missing in batch 8 (all pages), batch 9 (all pages) · "
        "Box has a problem (batch 9)"
    )
    assert HOSTILE not in verdict(of_statuses(), failures={HOSTILE: HOSTILE}).text


def test_the_result_and_the_small_print_are_separate() -> None:
    parts = verdict(failed([TAG_A], pending=1), pages_frame(), now=NOW)
    assert parts.result == f"1 of 2 failed, {BECAUSE}"
    running = "1 still running: these numbers may change"
    assert parts.details == ["all 3 pages read", running, "as svc-hr", "2 min ago"]
    assert parts.warning == parts.why == ""


# --- the main cause ------------------------------------------------------------------------------

TAG_A = "The tag 'a.b' was not provided in the input data."
TAG_C = "The tag 'c' was not provided in the input data."
IMAGE = "The image 'photo-7.png' could not be read."
BECAUSE = "because the tag a.b was not provided"
NOT_PROVIDED = f"of them {BECAUSE}"


def failed(*errors: list[str] | None, **others: int) -> pl.DataFrame:
    rows: list[dict[str, Any]] = [{"status": "failed", "errors": one} for one in errors]
    others_of = [{"status": s, "errors": [TAG_C]} for s, n in others.items() for _ in range(n)]
    return jobs_frame(rows + others_of)


@pytest.mark.parametrize(
    ("jobs", "cause"),
    [
        (failed([TAG_A], [TAG_A], [TAG_C]), f"2 {NOT_PROVIDED}"),
        (failed([TAG_A], [TAG_A], [TAG_C], None), f"2 {NOT_PROVIDED}"),
        (failed([TAG_A], [TAG_C], []), ""),
        (failed([TAG_A], completed_with_error=5), BECAUSE),
        (failed([TAG_A, IMAGE], [IMAGE, TAG_A], [TAG_A, TAG_A]), f"all {NOT_PROVIDED}"),
        (failed([IMAGE, TAG_A], [TAG_A, IMAGE]), f"all {NOT_PROVIDED}"),
        (
            failed([IMAGE], [IMAGE.replace("7", "8")], [TAG_A]),
            "2 of them with the message “The image “…” could not be read.”",
        ),
        (failed([f" {TAG_A}\n"]), BECAUSE),
        (failed([TAG_A + " Row 1"]), f"with the message “{TAG_A} Row #”"),
        (failed(None, [], ["  "], [TAG_A]), ""),
        (failed(completed_with_error=2, completed=1), ""),
        (failed(), ""),
        (failed().drop("errors"), ""),
    ],
    ids=[
        "most",
        "exactly half",
        "less than half",
        "errors of jobs with a document",
        "two reasons per job",
        "a missing tag before others as frequent",
        "another message",
        "blanks around it",
        "Box's text and more",
        "no message",
        "no failures",
        "no jobs",
        "no errors read",
    ],
)
def test_the_verdict_names_what_at_least_half_of_the_failed_jobs_have_in_common(
    jobs: pl.DataFrame, cause: str
) -> None:
    found = verdict(jobs, pages_frame(), now=NOW)
    assert found.cause == cause
    assert found.text.startswith(found.headline + (f", {cause}" if cause else "") + " · all 3")
    assert "them" not in found.headline


def test_the_cause_stays_with_the_result_if_the_reading_is_incomplete() -> None:
    cut = verdict(failed([TAG_A]), pages_frame(2, complete=False), now=NOW)
    assert cut.text.startswith(
        "INCOMPLETE, at least 1 job: pages missing in batch 12345600319 (from page 3 on) · "
        f"1 of 1 failed, {BECAUSE} · 2 pages read · as svc-hr"
    )


@pytest.mark.parametrize(
    "tag", [HOSTILE, "a|b\u202e", "x" * 10_000, "</script>", "{{a}}", "a'b", " "]
)
def test_a_hostile_tag_is_short_visible_text_in_the_verdict(tag: str) -> None:
    cause = verdict(failed([TAG_A.replace("a.b", tag)])).cause
    assert cause.startswith(("because the tag ", "with the message “"))
    assert len(cause) < 300
    assert cause.isprintable()


def test_the_cause_of_many_different_messages_is_named_only_if_it_is_counted_exactly() -> None:
    different = [[f"Row {number} is long"] for number in range(12_000)]
    assert verdict(failed(*different)).cause == ""
    tagged = failed(*different, *[[TAG_A]] * 12_000)
    assert verdict(tagged).cause == f"12,000 {NOT_PROVIDED}"


def test_the_age_is_that_of_the_oldest_page_and_never_negative() -> None:
    pages = pl.concat([pages_frame(1), pages_frame(1, fetched_at=READ_AT - timedelta(hours=5))])
    assert verdict(of_statuses(), pages, now=NOW).age == "5 h ago"
    assert (
        verdict(of_statuses(), pages_frame(1), now=READ_AT - timedelta(minutes=4)).age == "just now"
    )


def test_later_readers_see_the_time_of_reading_instead_of_the_age() -> None:
    errors = ["x · just now · y"]  # a message that looks like the age
    jobs = jobs_frame([{"status": "failed", "errors": errors}])
    line = verdict(jobs, pages_frame(1), now=READ_AT)
    before, age, after = line.text.rpartition("just now")
    assert line.age == age
    assert line.dated().text == f"{before}as of {moment(READ_AT)}{after}"
    assert verdict(jobs).dated().text == verdict(jobs).text
    wrong_clock = verdict(jobs, pages_frame(1), now=READ_AT - timedelta(days=1))
    assert wrong_clock.dated().text == wrong_clock.text


def test_an_unknown_age_is_not_called_just_now() -> None:
    age = verdict(of_statuses(), pages_frame(1), now=READ_AT - timedelta(days=1)).age
    assert age == f"as of {moment(READ_AT)}, in the future: a clock is wrong"


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_that_may_change_makes_the_verdict_provisional(status: str) -> None:
    assert bool(verdict(of_statuses(**{status: 1})).provisional) == (status in RUNNING)


def test_a_login_is_text_of_a_length_that_a_line_has_room_for() -> None:
    who = verdict(of_statuses(), pages_frame(1, user_login=HOSTILE * 99)).who
    assert who is not None
    assert len(who) < 300
    assert not set(who) & {"\u202e", "\x07"}


def test_jobs_of_box_are_not_called_a_demo() -> None:
    line = verdict(jobs_frame([{"status": "failed"}]))
    assert not line.demo
    assert "demo data" not in line.text


def test_a_verdict_of_a_reading_uses_its_pages_and_failures() -> None:
    jobs, pages = of_statuses(failed=1), pages_frame()
    reading = Reading(jobs, pages)
    assert analysis.verdict(reading, now=NOW) == verdict(jobs, pages, now=NOW)
    partial = Reading(jobs, pages, failures={"8": BoxDocGenError("Cut off.")})
    assert analysis.verdict(partial, now=NOW).why == "Cut off"
    assert analysis.verdict(jobs, pages, now=NOW) == verdict(jobs, pages, now=NOW)


def test_the_parts_of_a_verdict_are_json() -> None:
    parts = json.loads(json.dumps(verdict(of_statuses(failed=1), pages_frame(), now=NOW).as_dict()))
    assert set(parts) == {*Verdict.__dataclass_fields__, "text"}
    assert parts["read_at"] == "2026-11-03T02:14:00+00:00"


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "Offer letter · 3 Nov 02:14"),
        ({"template_file_ids": ["8", "9"]}, "template 8 and 1 more · 3 Nov 02:14"),
        ({"template_file_ids": [], "first_created_at": None}, "no template · no date"),
    ],
)
def test_a_batch_is_named_by_its_template_and_time(changes: dict[str, Any], label: str) -> None:
    batch = {"batch_id": "7", "template_file_ids": ["9"]}
    batch["first_created_at"] = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)
    assert batch_label(batch | changes, {"9": "Offer letter"}, now=NOW) == label


def test_a_batch_of_another_year_is_named_with_its_year() -> None:
    batch = {
        "template_file_ids": ["9"],
        "first_created_at": datetime(2025, 11, 3, 2, 4, tzinfo=UTC),
    }
    assert batch_label(batch, {}, now=NOW) == "template 9 · 3 Nov 2025 02:04"
