"""Each rule: what it finds, what it accepts, and when it is not evaluated."""

from __future__ import annotations

import datetime as dt
import inspect
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from frames import NOON, chain, document, failed, frame, job, read, running, without_document

import boxdocgen_explore as bx
from boxdocgen_explore.auditing.manifest import control_total
from boxdocgen_explore.errors import Reading, Unreachable
from boxdocgen_explore.schema import JOBS, TAGS

SEVERITIES = {
    "error": "chain-incomplete chain-inconsistent foreign-job missing-job duplicate-job "
    "changed-final-job failed-share error-share missing-output shared-output-version "
    "missing-document empty-document unapproved-version unexpected-output-type cut-off "
    "manifest-missing manifest-not-made manifest-unexpected control-total",
    "warning": "stale-evidence output-of-failed shared-output-file identical-documents no-message "
    "errors-though-completed not-final running-too-long unknown-status unknown-field "
    "several-templates version-rollback mixed-output-types mixed-creator mixed-source "
    "mixed-enterprise source-host unexpected-creator unexpected-source unexpected-enterprise "
    "doubled-external-id duplicate-run",
    "info": "slow-document warnings-only failure-groups failure-tags",
}
OFFER_TAGS = pl.DataFrame(
    {
        "template_file_id": ["t", "t"],
        "template_file_version_id": ["t1", "t2"],
        "tag": ["{{name}}", "{{pay.bonus :: optional}}"],
        "tag_type": ["text", "text"],
        "json_paths": [["name"], ["pay"]],
    },
    schema=TAGS,
)
NO_BONUS = "The tag 'pay.bonus' was not provided in the input data."
TWO_BATCHES = (job("1"), job("2", batch_id="11"))
OCTOBER = (dt.datetime(2026, 10, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, tzinfo=dt.UTC))


def days_ago(days: float, **more: float) -> dt.datetime:
    return NOON - dt.timedelta(days=days, **more)


def ids(*external_ids: str) -> pl.DataFrame:
    return pl.DataFrame({"external_id": external_ids})


def moved(jobs: Sequence[dict[str, Any]], batch_id: str, suffix: str) -> list[dict[str, Any]]:
    """The same jobs in another batch, with other ids."""
    own = ("job_id", "external_id", "output_file_id", "output_file_version_id")
    return [
        one | {name: one[name] and one[name] + suffix for name in own} | {"batch_id": batch_id}
        for one in jobs
    ]


def manifest(*external_ids: str) -> pl.DataFrame:
    """A manifest of e1, e2 and so on in batch 10, and of one job each in batches 11 and 12."""
    return pl.DataFrame(
        {
            "batch_id": [*("10" for _ in external_ids), "11", "12"],
            "external_id": [*external_ids, "e1-right", "e1-third"],
        }
    )


class Case(NamedTuple):
    """Jobs of batch 10 in which a rule finds one thing, and of batch 11, in which it finds none.

    Batch 12 is like 11, but incomplete, or has no pages, or no jobs. The list of all jobs has
    these, and ``unread`` of batch 10; it was not read if there are none.
    """

    wrong: list[dict[str, Any]]
    right: list[dict[str, Any]] = [job()]  # noqa: RUF012 - nobody changes it
    options: dict[str, Any] = {}  # noqa: RUF012
    pages: list[dict[str, Any]] | None = None
    third: str = "incomplete"
    unread: Sequence[str] = ()

    def reading(self, *batch_ids: str) -> Reading:
        right, third = moved(self.right, "11", "-right"), moved(self.right, "12", "-third")
        third = [] if self.third == "no jobs" else third
        sizes = Counter(one["batch_id"] for one in self.wrong)
        pages = self.pages or [page for one, jobs in sizes.items() for page in chain(one, jobs)]
        pages = [*pages, *chain("11", len(right))]
        if self.third != "no pages":
            pages += chain("12", len(third), complete=self.third == "no jobs")
        jobs = [one for one in (*self.wrong, *right, *third) if one["batch_id"] in batch_ids]
        found = read(*jobs, pages=[page for page in pages if page["batch_id"] in batch_ids])
        if not self.unread:
            return found
        unread = pl.DataFrame({"batch_id": "10", "job_id": self.unread})
        return replace(found, listed=pl.concat([found.jobs.select(unread.columns), unread]))

    def given(self, *batch_ids: str) -> dict[str, Any]:
        """The options, with the manifest for these batches."""
        expected = self.options.get("expected")
        if expected is None or "batch_id" not in expected.columns:
            return self.options
        return self.options | {"expected": expected.filter(pl.col("batch_id").is_in(batch_ids))}


CASES: dict[str, Case] = {
    "chain-incomplete": Case([job()], pages=chain("10", 1, complete=False), third="no pages"),
    "chain-inconsistent": Case([job()], pages=chain("10", 2), third="no pages"),
    "foreign-job": Case([job()], pages=chain("9", 0), third="no jobs"),
    "missing-job": Case([job()], third="no pages", unread=["2", "3"]),
    "stale-evidence": Case(
        [job()],
        pages=chain("10", 1, fetched_at=days_ago(2.1)),
        options={"stale_days": 2},
        third="no pages",
    ),
    "duplicate-job": Case([job("1"), job("1")]),
    "changed-final-job": Case(
        [job()],
        options={
            "earlier": frame(
                failed(), *moved([job()], "11", "-right"), *moved([job()], "12", "-third")
            )
        },
    ),
    "failed-share": Case(
        [failed("1"), job("2")], [failed("1"), *map(job, "234")], {"max_failed_share": 0.25}
    ),
    "error-share": Case(
        [job("1", status="completed_with_error"), job("2")],
        [job("1", status="completed_with_error"), *map(job, "234")],
        {"max_error_share": 0.25},
    ),
    "missing-output": Case([job(output_file_version_id=None)], [job(), failed("2")]),
    "output-of-failed": Case([failed(output_file_id="f1")], [job(), failed("2")]),
    "shared-output-version": Case(
        [job(one, output_file_id="f", output_file_version_id="v") for one in "12"],
        [job(one, output_file_id="f") for one in "12"],
    ),
    "shared-output-file": Case(
        [job(one, output_file_id="f") for one in "12"],
        [job(one, output_file_id="f", output_file_version_id="v") for one in "12"],
    ),
    "missing-document": Case([without_document("1"), document("2")], [document()]),
    "empty-document": Case(
        [document(output_file_size_bytes=0)], [document(output_file_size_bytes=1), failed("2")]
    ),
    "identical-documents": Case(
        [document(one, output_file_sha1="same") for one in "12"], [document("1"), document("2")]
    ),
    "slow-document": Case(
        [document(duration_s=90.5)], [document(duration_s=90.0)], {"slow_document_s": 90}
    ),
    "no-message": Case([failed("1", " "), failed("2")], [failed("1", "Row 3 is empty.")]),
    "errors-though-completed": Case([job(errors=["Row 3 is empty."])]),
    "not-final": Case([running()]),
    "running-too-long": Case(
        [running(created_at=days_ago(0, hours=3, seconds=1))],
        [running(created_at=days_ago(0, hours=3))],
        {"running_hours": 3},
    ),
    "unknown-status": Case([job(status="archived")]),
    "unknown-field": Case([job()], pages=chain("10", 1, unknown_fields=["tint"])),
    "several-templates": Case([job("1"), job("2", template_file_version_id="t2")]),
    "version-rollback": Case(
        [job("0", batch_id="9", created_at=days_ago(9)), job()],
        [job(template_file_version_id="t2", created_at=days_ago(5))],
    ),
    "unapproved-version": Case(
        [job(template_file_version_id="t2")], options={"approved_versions": "t1"}
    ),
    "mixed-output-types": Case([job("1"), job("2", output_type="docx")]),
    "mixed-creator": Case([job("1"), job("2", created_by_login="eve@example.com")]),
    "mixed-source": Case([job("1"), job("2", source="webapp")]),
    "mixed-enterprise": Case([job("1"), job("2", enterprise_id="7")]),
    "source-host": Case([job()], pages=chain("10", 1, host="127.0.0.1:80")),
    "unexpected-output-type": Case([job(output_type="docx")], options={"output_type": "pdf"}),
    "unexpected-creator": Case(
        [job(created_by_login="eve@example.com", created_by_id="u2")], options={"creators": ["u1"]}
    ),
    "unexpected-source": Case([job(source="webapp")], options={"sources": "api"}),
    "unexpected-enterprise": Case([job(enterprise_id="7")], options={"enterprises": "99"}),
    "cut-off": Case(
        [job(created_at=OCTOBER[1])], [job(created_at=OCTOBER[0])], {"period": OCTOBER}
    ),
    "manifest-missing": Case([job()], options={"expected": manifest("e1", "e2")}),
    "manifest-not-made": Case([failed()], options={"expected": manifest("e1")}),
    "manifest-unexpected": Case([job("1"), job("2")], options={"expected": manifest("e1", "e3")}),
    "control-total": Case([job()], options={"control_total": control_total(["e1-right"])}),
    "doubled-external-id": Case(
        [job("1"), job("2", external_id="e1")], [job(), failed("2", external_id="e1")]
    ),
    "duplicate-run": Case(
        [job("0", external_id="e1", batch_id="9", created_at=days_ago(8)), job()],
        options={"duplicate_run_days": 5},
    ),
    "warnings-only": Case(
        [job(warnings=["Unused tag."])], [job(errors=["Row 3."], warnings=["Unused tag."])]
    ),
    "failure-groups": Case([failed("1", NO_BONUS)]),
    "failure-tags": Case([failed("1", NO_BONUS)], [failed("1", "Row 3.")], {"tags": OFFER_TAGS}),
}


ALONE = {rule.name: [rule] for rule in bx.RULES}
"""Each rule alone, because running all of them for each test is slow."""


def found(rule: str, reading: Reading | pl.DataFrame, **options: Any) -> list[str]:
    """The details of a rule's findings."""
    return bx.audit(reading, now=NOON, rules=ALONE[rule], **options)["detail"].to_list()


def verdict(rule: str, reading: Reading | pl.DataFrame, **options: Any) -> tuple[Any, ...]:
    rows = bx.verdicts(reading, now=NOON, rules=ALONE[rule], **options)
    return rows.select("verdict", "findings", "lacks").row(0)


def test_every_rule_has_its_place_its_severity_and_its_texts() -> None:
    assert [rule.name for rule in bx.RULES] == list(CASES)
    for severity, names in SEVERITIES.items():
        assert " ".join(rule.name for rule in bx.RULES if rule.severity == severity) == names
    for rule in bx.RULES:
        assert re.fullmatch(r"[A-Z].+[^.]", rule.checks), rule.name
        assert re.fullmatch(r"[A-Z].+\.", rule.why), rule.name


@pytest.mark.parametrize("rule", [rule.name for rule in bx.RULES])
def test_a_rule_judges_every_batch_by_itself(rule: str) -> None:
    case = CASES[rule]
    batch_ids = ("9", "10", "11", "12")
    reading, options = case.reading(*batch_ids), case.given(*batch_ids)
    rows = bx.verdicts(reading, now=NOON, by_batch=True, rules=ALONE[rule], **options)
    judged = {batch_id: (verdict, n) for batch_id, _, verdict, n, _ in rows.iter_rows()}
    one_by_one = {"10": ("found", 1), "11": ("passed", 0), "12": ("not evaluated", 0)}
    together = {None: ("found", 1)}
    assert {one: judged[one] for one in judged if one != "9"} == (
        together if rule == "control-total" else one_by_one
    )
    assert len(found(rule, reading, **options)) == 1
    assert verdict(rule, reading, **options)[:2] == ("found", 1)


@pytest.mark.parametrize("rule", [rule.name for rule in bx.RULES])
def test_a_rule_passes_if_all_is_well_and_not_beside_a_batch_that_it_cannot_judge(
    rule: str,
) -> None:
    case = CASES[rule]
    well = ("9", "11")
    assert found(rule, case.reading(*well), **case.given(*well)) == []
    assert verdict(rule, case.reading(*well), **case.given(*well)) == ("passed", 0, None)
    if rule not in ("control-total", "foreign-job"):  # the one has no batch, the other no job
        beside, given = case.reading(*well, "12"), case.given(*well, "12")
        assert verdict(rule, beside, **given)[:2] == ("not evaluated", 0)


def test_a_batch_without_faults_has_no_findings_at_all() -> None:
    assert bx.audit(read(*TWO_BATCHES), now=NOON).is_empty()


# --- never a pass without the data -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "lacks"),
    [
        ("chain-incomplete", "evidence (pages)"),
        ("chain-inconsistent", "evidence (pages)"),
        ("foreign-job", "evidence (pages)"),
        ("missing-job", "evidence (pages); the complete list of all jobs (details)"),
        ("unknown-field", "evidence (pages)"),
        ("missing-document", "documents (output_file_found)"),
        ("empty-document", "documents (output_file_found)"),
        ("identical-documents", "documents (output_file_found)"),
        ("slow-document", "documents (output_file_found); details (created_at)"),
        ("running-too-long", "details (created_at)"),
        ("mixed-creator", "details (created_by_id)"),
        ("mixed-source", "details (source)"),
        ("mixed-enterprise", "details (enterprise_id)"),
        ("unexpected-creator", "creators; details (created_by_id)"),
        ("unexpected-source", "sources; details (source)"),
        ("unexpected-enterprise", "enterprises; details (enterprise_id)"),
        ("source-host", "evidence (pages)"),
        ("stale-evidence", "evidence (pages)"),
        ("cut-off", "period; details (created_at)"),
        ("duplicate-run", "details (created_at)"),
        ("changed-final-job", "an earlier reading of these jobs (earlier)"),
        ("control-total", "control_total"),
        ("version-rollback", "another batch of template t; details (created_at)"),
        ("unapproved-version", "approved_versions"),
        ("unexpected-output-type", "output_type"),
        ("manifest-missing", "a manifest (expected)"),
        ("manifest-not-made", "a manifest (expected)"),
        ("manifest-unexpected", "a manifest (expected)"),
        ("failure-tags", "tags"),
    ],
)
def test_a_rule_without_its_data_is_not_evaluated(rule: str, lacks: str) -> None:
    assert verdict(rule, frame(job()).select(list(JOBS))) == ("not evaluated", 0, lacks)


def test_no_rule_is_evaluated_if_there_is_nothing_to_look_at() -> None:
    nothing = bx.verdicts(pl.DataFrame(schema=JOBS))
    assert nothing["verdict"].unique().to_list() == ["not evaluated"]
    assert nothing["lacks"].null_count() == 0


def test_an_empty_batch_that_was_read_completely_passes_the_page_rules_only() -> None:
    empty = bx.verdicts(read(pages=chain("10", 0)), now=NOON)
    passed = empty.filter(verdict="passed")["rule"].to_list()
    about_pages = ["chain-incomplete", "chain-inconsistent", "stale-evidence", "unknown-field"]
    assert passed == [*about_pages, "source-host"]


def test_jobs_that_only_the_list_of_all_jobs_has_are_missing() -> None:
    listed = pl.DataFrame({"batch_id": ["10", "10", "99"], "job_id": ["1", "2", "3"]})
    sentence = (
        "The list of all jobs has 2 jobs of this batch; not on its pages: {}, for example job {}."
    )
    some, none = read(job()), read(pages=chain("10", 0))
    assert found("missing-job", replace(some, listed=listed)) == [sentence.format(1, 2)]
    assert found("missing-job", replace(none, listed=listed)) == [sentence.format(2, 1)]
    # A running batch may have received them since.
    assert found("missing-job", replace(read(running()), listed=listed)) == []


def test_a_finding_in_an_incomplete_batch_counts_and_says_what_is_missing() -> None:
    lacks = "complete batches (not read to their end: 10)"
    pages = chain("10", 1, complete=False)
    assert verdict("failed-share", read(job(), pages=pages)) == ("not evaluated", 0, lacks)
    assert verdict("failed-share", read(failed("1", "Row 3."), pages=pages)) == ("found", 1, lacks)


@pytest.mark.parametrize(
    ("rule", "field", "options"),
    [
        ("mixed-enterprise", "enterprise_id", {}),
        ("unexpected-creator", "created_by_id", {"creators": "svc@example.com"}),
        ("unexpected-source", "source", {"sources": "api"}),
        ("duplicate-run", "external_id", {}),
        ("cut-off", "created_at", {"period": OCTOBER}),
        ("doubled-external-id", "external_id", {}),
        ("manifest-unexpected", "external_id", {"expected": ids("e1")}),
    ],
)
def test_a_rule_with_data_of_some_jobs_only_does_not_pass(
    rule: str, field: str, options: dict[str, Any]
) -> None:
    reading = read(job("1"), job("2", **{field: None}))
    assert verdict(rule, reading, **options) == ("not evaluated", 0, f"{field} of 1 job")


def test_created_at_is_needed_of_running_jobs_only() -> None:
    assert verdict("running-too-long", read(job(created_at=None)))[0] == "passed"
    without = read(running(created_at=None))
    assert verdict("running-too-long", without) == ("not evaluated", 0, "created_at of 1 job")


def test_tags_of_every_version_that_failed_are_needed() -> None:
    reading = read(failed("1", "Row 3.", template_file_version_id="t3"))
    lacks = "tags of template version t3"
    assert verdict("failure-tags", reading, tags=OFFER_TAGS) == ("not evaluated", 0, lacks)


# --- pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        ({"page": 3}, "its pages are not numbered consecutively"),
        ({"marker_sha256": "?"}, "a page does not begin where the one before it ends"),
        ({"body_sha256": "10b0"}, "a page appears twice"),
        ({"duplicates": 1}, "an id appears on two pages"),
        ({"user_id": "u2"}, "its pages were read by several users"),
        ({"host": "demo"}, "its pages were read from several hosts"),
        ({"jobs": 5}, "its pages hold 6 jobs, the frame 2"),
    ],
)
def test_each_inconsistency_is_named(second: dict[str, Any], fault: str) -> None:
    pages = chain("10", 1, 1)
    pages[1] |= second
    assert found("chain-inconsistent", read(*map(job, "12"), pages=pages)) == [
        f"The evidence is inconsistent: {fault}."
    ]


def test_pages_without_jobs_may_be_alike() -> None:
    pages = chain("10", 0, 0, body_sha256="same")
    assert found("chain-inconsistent", read(pages=pages)) == []


def test_an_incomplete_batch_is_named_with_the_reason() -> None:
    error = Unreachable("No answer\n  from api.box.com.")
    failures: dict[str, Any] = {"12": error, "10": error}
    reading = read(job(), pages=chain("10", 1, 1, complete=False)[1:], failures=failures)
    findings = bx.audit(reading, now=NOON).filter(rule="chain-incomplete")
    assert findings.select("severity", "batch_id", "job_id", "detail").rows() == [
        ("error", "12", None, "The batch is incomplete: No answer from api.box.com."),
        (
            "error",
            "10",
            None,
            "The batch is incomplete: No answer from api.box.com; its first page is missing.",
        ),
    ]
    unread = read(failures={"12": error})
    assert len(found("chain-incomplete", unread)) == 1
    assert verdict("failed-share", read(job(), failures={"12": error}))[0] == "not evaluated"
    lost_end = read(job(), pages=chain("10", 1, 1)[:1])
    assert found("chain-incomplete", lost_end) == [
        "The batch is incomplete: its pages do not reach an end marker."
    ]


def test_a_file_that_jobs_share_without_naming_its_version_is_found() -> None:
    shared = [job(one, output_file_id="f", output_file_version_id=None) for one in "12"]
    assert found("shared-output-file", read(*shared)) == ["Output file f is named by 2 jobs: 1, 2."]


# --- single rules ------------------------------------------------------------------------------


def test_a_duplicate_job_is_no_shared_output() -> None:
    twice = read(job("1"), job("1"), job(None))
    assert found("shared-output-version", twice) == []
    assert found("duplicate-job", twice) == [
        "Job 1 appears 2 times.",
        "Rows without a job id: 1.",
    ]


def test_a_small_share_is_never_rounded_to_nothing() -> None:
    jobs = [failed("0", "Row 3."), *(job(str(number)) for number in range(1, 2000))]
    assert found("failed-share", read(*jobs)) == [
        "1 of 2,000 jobs failed (less than 0.1 %; tolerance: 0 %)."
    ]


def test_the_batch_with_the_largest_share_of_failures_comes_first() -> None:
    jobs = [failed(str(number), "Row 3.", batch_id=str(number)) for number in (1, 2)]
    jobs += [job(str(number), batch_id="1") for number in (3, 4)]
    assert found("failed-share", read(*jobs)) == [
        "1 of 1 job failed (100 %; tolerance: 0 %).",
        "1 of 3 jobs failed (33.3 %; tolerance: 0 %).",
    ]


def test_a_job_ran_until_its_page_was_read_and_not_until_now() -> None:
    reading = read(running(created_at=NOON - dt.timedelta(hours=2)))
    rule = [rule for rule in bx.RULES if rule.name == "running-too-long"]
    later = NOON + dt.timedelta(days=30)
    assert bx.audit(reading, rules=rule, now=later).is_empty()
    assert bx.audit(reading.jobs, rules=rule, now=later).height == 1


def test_a_creator_is_declared_by_id_or_login_and_shown_by_login() -> None:
    two = read(job("1"), job("2", created_by_id="u2", created_by_login="eve@example.com"))
    assert found("mixed-creator", two) == [
        "2 creators within one batch: svc@example.com, eve@example.com."
    ]
    assert found("unexpected-creator", two, creators=["u1", "eve@example.com"]) == []
    assert found("unexpected-creator", two, creators="u1") == [
        "1 job with the unexpected creator eve@example.com; expected: u1."
    ]


def test_a_release_is_no_rollback_and_a_return_to_an_older_version_is() -> None:
    versions = ["t1", "t1", "t2", "t2", "t1", "t1"]
    batches = [
        job(
            f"{at}", batch_id=f"{at}", template_file_version_id=version, created_at=days_ago(9 - at)
        )
        for at, version in enumerate(versions)
    ]
    names = pl.DataFrame({"template_file_id": ["t"], "template_name": ["Offer letter"]})
    assert found("version-rollback", read(*batches[3::-1]), templates=names) == []
    assert found("version-rollback", read(*batches[::-1]), templates=names) == [
        "Version t1 of Offer letter (t) is used again, after batch 3 used version t2."
    ]


def test_jobs_that_may_still_change_are_no_part_of_a_share() -> None:
    jobs = [failed("1", "Row 3."), *(running(str(number)) for number in range(2, 101))]
    lacks = "the result of 99 jobs"
    assert found("failed-share", read(*jobs), max_failed_share=0.05) == [
        "1 of 1 final job failed (100 %; tolerance: 5 %; 99 not final)."
    ]
    assert verdict("failed-share", read(*jobs[1:])) == ("not evaluated", 0, lacks)
    cut = read(jobs[0], pages=chain("10", 1, complete=False))
    assert found("failed-share", cut) == [
        "1 of 1 job failed (100 %; tolerance: 0 %; the batch is incomplete)."
    ]


def test_the_newest_page_says_when_a_batch_was_last_read() -> None:
    pages = chain("10", 1, 1)
    for page, days in zip(pages, (200, 8), strict=True):
        page["fetched_at"] = days_ago(days)
    reading = read(job("1"), job("2"), pages=pages)
    assert found("stale-evidence", reading) == [
        "Last read on 26 Oct 2026 12:00 UTC, 8 days before the audit (tolerance: 7 days)."
    ]
    assert found("stale-evidence", reading, stale_days=8) == []


def test_another_host_than_box_is_found_unless_it_is_declared() -> None:
    reading = read(job(), pages=chain("10", 1, host="box.example:443"))
    assert found("source-host", reading) == [
        "1 page with the unexpected host box.example:443; expected: api.box.com, demo."
    ]
    assert found("source-host", reading, hosts=["api.box.com", "box.example:443"]) == []
    for hosts, severity in ({}, "info"), ({"hosts": "api.box.com"}, "warning"):
        findings = bx.audit(reading, now=NOON, **hosts).filter(rule="source-host")
        assert findings["severity"].to_list() == [severity]
    unknown = read(job(), pages=chain("10", 1, host=None))
    assert verdict("source-host", unknown) == ("not evaluated", 0, "host of 1 page")


def test_a_final_job_that_changed_or_vanished_is_found_and_one_that_ran_is_not() -> None:
    earlier = read(job("1"), job("2"), running("3"), running("4"))
    now = (failed("1", "Row 3."), job("3"))
    assert found("changed-final-job", read(*now), earlier=earlier) == [
        "Job 1 was final in the earlier reading; now status: completed -> failed; output_file_id: "
        "f1 -> none; output_file_version_id: v1 -> none; errors differ.",
        "Job 2 was final in the earlier reading; now it is not here.",
    ]
    # It may be on an unread page.
    cut = read(*now, pages=chain("10", 2, complete=False))
    assert len(found("changed-final-job", cut, earlier=earlier.jobs)) == 1


def test_a_job_without_an_output_type_has_none_that_was_declared() -> None:
    assert found("unexpected-output-type", read(job(output_type=None)), output_type="pdf") == [
        "1 job with the unexpected output type none; expected: pdf."
    ]


def test_an_output_type_is_compared_without_case_and_an_unknown_one_may_be_a_typing_error() -> None:
    reading = read(job("1"), job("2", output_type="PDF"))
    assert found("unexpected-output-type", reading, output_type=["Pdf", "DOCX"]) == []
    told = "output_type: Box documents docx and pdf, not pfd. A typing error?"
    with pytest.warns(UserWarning, match=re.escape(told)) as warned:
        details = found("unexpected-output-type", reading, output_type="pfd")
    assert len(warned) == 1
    assert details == ["2 jobs with the unexpected output type pdf; expected: pfd."]


@pytest.mark.parametrize(
    ("rule", "option", "end"),
    [
        ("unexpected-creator", "creators", "expected: a, b, c and 1 more."),
        ("unexpected-source", "sources", "expected: a, b, c and 1 more."),
        ("unexpected-enterprise", "enterprises", "expected: a, b, c and 1 more."),
        ("source-host", "hosts", "expected: a, b, c and 1 more."),
        ("unapproved-version", "approved_versions", "approved; approved: a, b, c and 1 more."),
    ],
)
def test_a_finding_ends_with_the_first_of_what_was_declared(
    rule: str, option: str, end: str
) -> None:
    (detail,) = found(rule, read(job()), **{option: [*"dcba"]})
    assert detail.endswith(f"; {end}" if rule != "unapproved-version" else f"not {end}")
    (nothing,) = found(rule, read(job()), **{option: []} if option != "hosts" else {option: "{}"})
    assert nothing.endswith((": none.", ": {}."))


def test_an_error_that_names_a_tag_of_a_completed_document_is_an_error() -> None:
    jobs = [job("1", errors=["Row 3."]), job("2", errors=["{{salary}} was left as is."])]
    findings = bx.audit(read(*jobs), now=NOON).filter(rule="errors-though-completed")
    assert dict(findings.select("job_id", "severity").iter_rows()) == {"1": "warning", "2": "error"}


# --- messages ----------------------------------------------------------------------------------


def test_failure_groups_come_largest_first_with_an_example_each() -> None:
    reading = read(failed("1"), failed("2", "Row 3 is empty."), failed("3", "Row 14 is empty."))
    assert found("failure-groups", reading) == [
        "2 of the 3 jobs that failed or completed with errors: Row # is empty. "
        "For example job 2: Row 3 is empty.",
        "1 of the 3 jobs that failed or completed with errors: Box gave no reason. "
        "For example job 1.",
    ]


def test_a_tag_in_the_messages_is_traced_to_the_versions_that_contain_it() -> None:
    reading = read(
        failed("1", NO_BONUS, template_file_version_id="t2"),
        failed("2", "Tag {{ pay.bonus }} isn't there.", template_file_version_id="t2"),
        failed("3", "The file 'name.png' isn't a picture."),
    )
    assert found("failure-tags", reading, tags=OFFER_TAGS) == [
        "2 of the 3 jobs of template t that failed or completed with errors name the tag "
        "pay.bonus; they were made from version t2. The tag is in version t2 and not in t1 "
        "(a correlation, not proof of the cause)."
    ]


@pytest.mark.parametrize("message", ["No {{bonus}}.", NO_BONUS.replace("pay.", "")])
def test_a_tag_that_no_version_contains_is_reported_too(message: str) -> None:
    (detail,) = found("failure-tags", read(failed("1", message)), tags=OFFER_TAGS)
    assert detail.endswith("The tag is in none of the versions whose tags were read: t1, t2.")


# --- manifest ----------------------------------------------------------------------------------


def test_a_manifest_of_counts_shows_missing_jobs_and_unexpected_batches() -> None:
    counts = pl.DataFrame({"batch_id": ["10", "12"], "jobs": [3, 1]})
    reading = read(job("1"), job("2"), job("3", batch_id="11"))
    assert found("manifest-missing", reading, expected=counts) == [
        "2 of 3 expected jobs are here; 1 missing.",
        "0 of 1 expected job are here; 1 missing.",
    ]
    assert found("manifest-unexpected", reading, expected=counts) == [
        "The batch, with 1 job, is not in the manifest, which has 10, 12."
    ]
    fewer = pl.DataFrame({"batch_id": ["10", "11"], "jobs": [1, 1]})
    assert found("manifest-unexpected", reading, expected=fewer) == [
        "2 jobs here, 1 more than the 1 expected."
    ]


def test_an_unexpected_job_is_compared_with_the_first_ids_of_the_manifest() -> None:
    details = found("manifest-unexpected", read(job()), expected=ids("{}", "e3", "e4", "e5"))
    assert details == [
        "The job's external id e1 is not in the manifest, which has {}, e3, e4 and 1 more."
    ]


def test_a_manifest_with_batches_expects_each_document_in_its_own() -> None:
    expected = pl.DataFrame({"external_id": ["e1", "e1"], "batch_id": ["10", "11"]})
    reading = read(job("1"), job("2", external_id="e1", batch_id="12"))
    findings = bx.audit(reading, expected=expected)
    assert findings.filter(rule="manifest-missing")["batch_id"].to_list() == ["11"]
    assert findings.filter(rule="manifest-unexpected")["job_id"].to_list() == ["2"]
    assert found("doubled-external-id", reading, expected=expected) == []


def test_nothing_is_missed_among_jobs_without_external_ids() -> None:
    blank = read(job("1", external_id=None), job("2", external_id=None))
    for rule in ("manifest-missing", "manifest-not-made", "manifest-unexpected"):
        lacks = "external_id of 2 jobs"
        assert verdict(rule, blank, expected=ids("e1", "e2")) == ("not evaluated", 0, lacks)
    some = read(job("1"), job("2", external_id=None))
    assert verdict("manifest-missing", some, expected=ids("e1"))[0] == "passed"


def test_an_expected_document_counts_as_not_made_if_its_jobs_failed_whatever_the_tolerance() -> (
    None
):
    options = {"expected": ids("e1", "e2", "e3"), "max_failed_share": 1.0}
    again = job("3", external_id="e2", batch_id="11")
    reading = read(failed("1"), failed("2"), again, running("4", external_id="e3"))
    assert found("manifest-not-made", reading, **options) == [
        "No document was made for the external id e1: 1 job failed (1)."
    ]
    counts = pl.DataFrame({"batch_id": ["10", "11"], "jobs": [4, 1]})
    assert found("manifest-not-made", reading, expected=counts) == [
        "2 of 4 expected documents not made: the jobs failed."
    ]
    unknown = read(running("1"), again)
    assert verdict("manifest-not-made", unknown, expected=ids("e1")) == (
        "not evaluated",
        0,
        "the result of 1 job",
    )


def test_a_batch_run_twice_is_one_finding_of_both_batches_and_of_one_cause() -> None:
    once = [job(str(at)) for at in range(100)]
    twice = moved(once, "11", "-again")
    twice = [
        one | {"external_id": two["external_id"]} for one, two in zip(twice, once, strict=True)
    ]
    reading = read(
        *once, *(one | {"created_at": days_ago(2)} for one in twice), job("x", batch_id="12")
    )
    (detail,) = found("doubled-external-id", reading)
    assert detail.startswith("100 external ids with several documents of template t: e0, e1, e2, ")
    assert found("duplicate-run", reading) == [
        "The same 100 external ids and template as batch 10, created 24 h later; batches "
        "within 7 days are compared."
    ]
    rows = bx.verdicts(reading, now=NOON, by_batch=True).filter(verdict="found")
    assert rows.filter(rule="doubled-external-id")["batch_id"].sort().to_list() == ["10", "11"]
    assert rows.filter(rule="duplicate-run")["batch_id"].to_list() == ["11"]
    assert found("duplicate-run", reading, duplicate_run_days=0.9) == []


def test_a_document_that_failed_and_was_sent_again_is_no_duplicate() -> None:
    again = read(failed("1", "Row 3."), job("2", external_id="e1", batch_id="11"))
    assert found("doubled-external-id", again) == found("duplicate-run", again) == []


def test_a_doubled_external_id_is_an_error_if_ids_must_be_unique() -> None:
    reading = read(job("1"), job("2", external_id="e1", status="completed_with_error"))
    rule = [rule for rule in bx.RULES if rule.name == "doubled-external-id"]
    assert bx.audit(reading, rules=rule)["severity"].to_list() == ["warning"]
    strict = bx.audit(reading, rules=rule, unique_external_ids=True)
    assert strict["severity"].to_list() == ["error"]


def test_the_sender_gets_the_control_total_from_sort_and_sha256sum(tmp_path: Path) -> None:
    external_ids = ["EMP-10", "EMP-9", "Zoë", "emp-1", "\U0001f600", "\uffee", "EMP-9"]
    (tmp_path / "ids.txt").write_text("".join(f"{one}\n" for one in external_ids), "utf-8")
    commands = re.findall(r"^ +(LC_ALL=.+)$", inspect.getdoc(control_total) or "", flags=re.M)
    ids, digest = (
        subprocess.run(
            one, shell=True, cwd=tmp_path, capture_output=True, text=True
        ).stdout.split()[0]
        for one in commands
    )
    reading = read(*(job(str(at), external_id=one) for at, one in enumerate(external_ids)))
    total = (int(ids), digest)
    assert verdict("control-total", reading, control_total=total) == ("passed", 0, None)
    for wrong in ((5, digest), (int(ids), digest[::-1])):
        (detail,) = found("control-total", reading, control_total=wrong)
        assert detail.startswith(
            f"6 external ids here, SHA-256 {digest}; the sender has {wrong[0]}, "
        )
