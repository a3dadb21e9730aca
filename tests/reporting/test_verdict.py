"""The conclusion of an audit: without exceptions only if complete and correct."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from frames import chain, failed, job, jobs_frame, pages_frame, read, running

import boxdocgen_explore as bx
from boxdocgen_explore import reporting
from boxdocgen_explore.auditing.manifest import control_total
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.reporting.batches import batch_rows
from boxdocgen_explore.schema import JOBS

DONE = {"output_file_id": "1", "output_file_version_id": "2"}
FAILED = {"status": "failed", "errors": ["No"]}


def verdict(what: Any, **options: Any) -> str:
    return reporting.run_audit(what, **options).verdict


def one_batch(*rows: dict[str, Any]) -> Reading:
    """Jobs of one batch with its only page."""
    return Reading(jobs_frame(list(rows)), pages_frame(1, jobs=len(rows)))


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_a_completed_batch_is_complete_in_every_time_zone(zone, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        result = reporting.run_audit(one_batch(DONE))
        assert result.verdict == (
            "No exceptions noted. Complete: 1 job of batch 12345600319, read as svc-hr; as of "
            "3 Nov 2026 02:14 UTC. The only job completed. 0 exceptions, 21 passed, "
            "0 for information, 24 not performed."
        )
    time.tzset()
    assert result.complete


@pytest.mark.parametrize(
    ("rows", "conclusion", "outcome"),
    [
        ([DONE, {"status": "failed"}], "Exceptions noted", "1 of 2 jobs failed (50 %)."),
        (
            [{"status": "pending"}, {"status": "completed_with_error"}],
            "Exceptions noted",
            "1 of 2 jobs completed with errors (50 %); 1 still running (50 %).",
        ),
        ([DONE, {"status": "pending"}], "Still running", "1 of 2 jobs still running (50 %)."),
        ([{"status": "on_hold"}], "Exceptions noted", "1 of 1 job with an unknown status (100 %)."),
        ([DONE, {"output_file_id": None}], "Exceptions noted", "All 2 jobs completed."),
        ([], "No jobs", "There are no jobs."),
    ],
)
def test_every_problem_has_its_words(rows, conclusion, outcome):
    result = reporting.run_audit(one_batch(*rows))
    assert (result.conclusion, result.statements["Outcome"]) == (conclusion, outcome)
    assert result.population == "complete"
    assert not result.complete


def test_a_warning_is_an_exception_but_no_error():
    twice = {**DONE, "external_id": "EMP-1"}
    result = reporting.run_audit(one_batch(twice, {**twice, "output_file_id": "3"}))
    assert result.complete
    assert result.conclusion == "Exceptions noted"
    assert "1 exception (doubled-external-id)" in result.statements["Checks"]


def test_failures_within_the_thresholds_do_not_change_the_verdict():
    failed = one_batch(DONE, FAILED)
    assert verdict(failed, max_failed_share=0.5).startswith("No exceptions noted. ")
    assert verdict(failed, max_failed_share=0.4).startswith("Exceptions noted. ")


def test_without_the_rules_on_shares_no_failure_is_accepted():
    assert verdict(one_batch(DONE, FAILED), rules=[bx.RULES[0]]).startswith("Exceptions")


def test_a_batch_list_with_gaps_is_never_complete():
    listed_at = dt.datetime(2026, 11, 2, 23, 59, tzinfo=dt.UTC)
    scope = reporting.Scope("all", since=True, list_complete=False, listed_at=listed_at)
    sentence = verdict(one_batch(DONE), scope=scope)
    assert sentence.startswith("Scope limited. Limited: the list of batches may have gaps; 1 job ")
    assert "; as of 2 Nov 2026 23:59 UTC, only batches that svc-hr can see. " in sentence


def test_a_batch_is_not_concluded_by_what_another_one_lacks():
    two = read(job("1"), job("2", batch_id="20", external_id=None))
    expected = pl.DataFrame({"external_id": ["e1"]})
    rows = batch_rows(reporting.run_audit(two, expected=expected))
    conclusions = {row["batch_id"]: row["conclusion"] for row in rows}
    assert conclusions == {"10": "No exceptions noted", "20": "Checks not performed"}
    # A control total is evaluated on both together, and one job has no external id.
    rows = batch_rows(reporting.run_audit(two, control_total=control_total(["e1"])))
    assert {row["conclusion"] for row in rows} == {"Checks not performed"}


# --- evidence that is missing or inconsistent ------------------------------------------------


def variants(pages: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """All ways to remove or repeat a page, or swap it with the next one."""
    rows = range(pages.height)
    orders = [(f"without {row}", [one for one in rows if one != row]) for row in rows]
    orders += [(f"{row} twice", sorted([*rows, row])) for row in rows]
    batches = pages["batch_id"].to_list()
    for row in rows[:-1]:
        if batches[row] == batches[row + 1]:
            swapped = [*rows[:row], row + 1, row, *rows[row + 2 :]]
            orders.append((f"{row} swapped", swapped))
    return [(name, pages[order]) for name, order in orders]


def test_if_any_page_is_removed_repeated_or_swapped_the_report_is_incomplete(reading):
    assert reading.pages.height >= 4
    assert not verdict(reading).startswith("Scope limited")
    for name, pages in variants(reading.pages):
        result = reporting.run_audit(Reading(reading.jobs, pages))
        assert result.verdict.startswith("Scope limited"), name
        assert result.view_verdict.text.startswith("INCOMPLETE"), name
        assert not result.complete


def test_other_rules_cannot_hide_that_a_batch_is_incomplete(reading):
    cut = Reading(reading.jobs, reading.pages[1:])
    nothing = pl.DataFrame(schema={"detail": pl.String})
    blind = [replace(rule, check=lambda inputs: nothing) for rule in bx.RULES]
    start = "Scope limited. Limited: pages missing in batch 1001 (inconsistent). At least 35 jobs"
    for rules in ([], blind):
        assert verdict(cut, rules=rules).startswith(start)


def test_one_batch_that_is_incomplete_has_at_least_the_jobs_that_arrived():
    cut = Reading(jobs_frame([DONE]), pages_frame(1, jobs=1, complete=False))
    assert verdict(cut).startswith(
        "Scope limited. Limited: pages missing in batch 12345600319 (from page 2 on). At least 1 "
        "job of batch 12345600319, read as svc-hr; "
    )


def test_a_job_without_a_batch_casts_doubt_on_all_batches(reading):
    stray = reading.jobs[:1].with_columns(batch_id=pl.lit(None, pl.String), job_id=pl.lit("0"))
    both = "pages missing in batch 1001 (inconsistent), batch 1003 (inconsistent). "
    assert both in verdict(Reading(pl.concat([reading.jobs, stray]), reading.pages))


# --- rules that were asked for ---------------------------------------------------------------

IDS = pl.DataFrame({"external_id": ["EMP-1"]})
NAMED = {**DONE, "external_id": "EMP-1"}
WITHOUT = {"columns": [name for name in JOBS if not name.endswith(("version_id", "output_type"))]}


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"expected": IDS, "redact": "external_id"}, "manifest-missing"),
        ({"approved_versions": ["1880000000005"], **WITHOUT}, "unapproved-version"),
        ({"output_type": "pdf", **WITHOUT}, "unexpected-output-type"),
        ({"creators": ["svc-hr"]}, "unexpected-creator"),
        ({"running_hours": 0}, "running-too-long"),
        ({"unique_external_ids": True, "redact": "external_id"}, "doubled-external-id"),
    ],
)
def test_a_rule_that_was_asked_for_but_not_evaluated_is_named_and_not_complete(
    options, rule, tmp_path
):
    reading = one_batch(NAMED)
    reading = Reading(reading.jobs.select(list(JOBS)), reading.pages)
    report = bx.report(reading, tmp_path / "audit.html", **options)
    assert not report.complete
    assert report.verdict.startswith("Checks not performed. ")
    assert rule in report.verdict
    assert report.verdict.endswith(").")
    unasked = {"columns": options.get("columns"), "redact": options.get("redact", ())}
    unasked |= {"unique_external_ids": False}
    assert bx.report(reading, tmp_path / "audit.html", **unasked).complete


def test_a_manifest_is_not_met_by_a_job_without_an_external_id():
    result = reporting.run_audit(one_batch(NAMED, {**DONE, "output_file_id": "3"}), expected=IDS)
    assert "(requested: manifest-unexpected)" in result.verdict
    assert not result.complete


def test_a_manifest_of_counts_is_compared_even_without_external_ids():
    counts = pl.DataFrame({"batch_id": ["12345600319"], "jobs": [1]})
    options = {"expected": counts, "redact": "external_id"}
    assert verdict(one_batch(NAMED), **options).startswith("No exceptions noted. ")
    wrong = {**options, "expected": counts.with_columns(jobs=2)}
    assert "1 exception (manifest-missing)" in verdict(one_batch(NAMED), **wrong)


def test_each_rule_runs_once(tmp_path):
    runs: list[int] = []

    def check(inputs: Any) -> pl.DataFrame:
        runs.append(inputs.jobs.height)
        return inputs.jobs.select(detail=pl.lit("Seen."))

    counting = bx.Rule("counting", "info", "nothing", "To be sure.", check)
    bx.report(one_batch(DONE), tmp_path / "audit.html", rules=[*bx.RULES, counting])
    assert runs == [1]


def test_what_became_of_the_expected_documents_is_one_sum() -> None:
    jobs = [
        job("1", external_id="a"),
        failed("2", external_id="b"),
        job("3", external_id="b"),  # sent again
        failed("4", external_id="c"),
        running("5", external_id="d"),
        job("6", external_id="f"),
        job("7", external_id=" E "),
        failed("8", external_id="g", status="archived"),
    ]
    expected = pl.DataFrame({"external_id": ["a", "b", "c", "d", "e", "g"]})
    assert reporting.run_audit(read(*jobs), expected=expected).statements["Expected"] == (
        "6 expected documents: 2 made, 1 still running, 1 with an unknown status, 1 not made, "
        "1 without a job; "
        "2 jobs not expected; for 1 of them, only blanks or capitals differ."
    )


def test_only_checked_documents_with_content_count_as_made() -> None:
    columns = {"output_file_found": [True, False, True], "output_file_size_bytes": [9, None, 0]}
    reading = read(*(job(one, external_id=one) for one in "123"))
    reading = replace(reading, jobs=reading.jobs.with_columns(pl.DataFrame(columns)))
    expected = pl.DataFrame({"external_id": ["1", "2", "3"]})
    statements = reporting.run_audit(reading, expected=expected).statements
    assert statements["Expected"] == "3 expected documents: 1 made, 2 not made."


def test_nothing_is_known_of_a_batch_that_was_not_read() -> None:
    reading = bx.Reading(
        read().jobs, read().pages, {"9": bx.errors.NotFound("Box has no such batch.")}
    )
    result = reporting.run_audit(reading, expected=pl.DataFrame({"external_id": ["a"]}))
    assert result.statements["Outcome"] == "No job was read."
    assert "Expected" not in result.statements
    assert "manifest-missing" in result.unevaluated
    assert "manifest-missing" not in result.exceptions


def test_an_empty_batch_of_which_documents_are_expected_is_an_exception() -> None:
    empty = read(pages=chain("10", 0))
    result = reporting.run_audit(empty, expected=pl.DataFrame({"external_id": ["a"]}))
    assert result.conclusion == "Exceptions noted"
    assert result.exceptions == ["manifest-missing"]
