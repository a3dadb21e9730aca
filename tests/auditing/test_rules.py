"""What each rule finds, what it accepts, and when it is not evaluated."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import polars as pl
import pytest
from clock import age
from frames import NOON, chain, document, failed, frame, job, read, running, without_document

import boxdocgen_explore as bx
from boxdocgen_explore.emulator import Emulator, plain_job
from boxdocgen_explore.errors import Reading, Unreachable
from boxdocgen_explore.schema import JOBS, TAGS

SEVERITIES = {
    "error": "chain-incomplete chain-inconsistent foreign-job duplicate-job failed-share "
    "error-share missing-output shared-output-version missing-document empty-document "
    "unapproved-version unexpected-output-type manifest-missing manifest-unexpected",
    "warning": "output-of-failed shared-output-file identical-documents no-message "
    "errors-though-completed not-final running-too-long unknown-status unknown-field "
    "several-templates version-unlike-others mixed-output-types unexpected-creator "
    "unexpected-source unexpected-enterprise doubled-external-id",
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


def ids(*external_ids: str) -> pl.DataFrame:
    return pl.DataFrame({"external_id": external_ids})


# Each rule with a reading in which it finds one thing, one that passes, and the audit's options.
CASES: dict[str, tuple[Reading, Reading, dict[str, Any]]] = {
    "chain-incomplete": (read(job(), pages=chain("10", 1, complete=False)), read(job()), {}),
    "chain-inconsistent": (read(job(), pages=chain("10", 2)), read(job()), {}),
    "foreign-job": (read(job(), pages=chain("11", 1)), read(job()), {}),
    "duplicate-job": (read(job("1"), job("1")), read(job("1"), job("2")), {}),
    "failed-share": (
        read(failed("1"), job("2")),
        read(failed("1"), *map(job, "234")),
        {"max_failed_share": 0.25},
    ),
    "error-share": (
        read(job("1", status="completed_with_error"), job("2")),
        read(job("1", status="completed_with_error"), *map(job, "234")),
        {"max_error_share": 0.25},
    ),
    "missing-output": (read(job(output_file_version_id=None)), read(job(), failed("2")), {}),
    "output-of-failed": (read(failed(output_file_id="f1")), read(job(), failed("2")), {}),
    "shared-output-version": (
        read(*(job(one, output_file_id="f", output_file_version_id="v") for one in "12")),
        read(*(job(one, output_file_id="f") for one in "12")),
        {},
    ),
    "shared-output-file": (
        read(*(job(one, output_file_id="f") for one in "12")),
        read(*(job(one, output_file_id="f", output_file_version_id="v") for one in "12")),
        {},
    ),
    "missing-document": (read(without_document("1"), document("2")), read(document()), {}),
    "empty-document": (
        read(document(output_file_size_bytes=0)),
        read(document(output_file_size_bytes=1), failed("2")),
        {},
    ),
    "identical-documents": (
        read(*(document(one, output_file_sha1="same") for one in "12")),
        read(document("1"), document("2", output_file_sha1="sha1 of 1", batch_id="11")),
        {},
    ),
    "slow-document": (
        read(document(duration_s=90.5)),
        read(document(duration_s=90.0)),
        {"slow_document_s": 90},
    ),
    "no-message": (read(failed("1", " ")), read(failed("1", "Row 3 is empty."), job("2")), {}),
    "errors-though-completed": (read(job(errors=["Row 3 is empty."])), read(job()), {}),
    "not-final": (read(running()), read(job()), {}),
    "running-too-long": (
        read(running(created_at=NOON - dt.timedelta(hours=3, seconds=1))),
        read(running(created_at=NOON - dt.timedelta(hours=3))),
        {"running_hours": 3},
    ),
    "unknown-status": (read(job(status="archived")), read(job()), {}),
    "unknown-field": (read(job(), pages=chain("10", 1, unknown_fields=["tint"])), read(job()), {}),
    "several-templates": (
        read(job("1"), job("2", template_file_version_id="t2")),
        read(*TWO_BATCHES),
        {},
    ),
    "version-unlike-others": (
        read(*TWO_BATCHES, job("3", batch_id="12", template_file_version_id="t2")),
        read(*TWO_BATCHES),
        {},
    ),
    "unapproved-version": (
        read(job(template_file_version_id="t2")),
        read(job()),
        {"approved_versions": "t1"},
    ),
    "mixed-output-types": (
        read(job("1"), job("2", output_type="docx")),
        read(job("1"), job("2", batch_id="11", output_type="docx")),
        {},
    ),
    "unexpected-output-type": (read(job(output_type="docx")), read(job()), {"output_type": "pdf"}),
    "unexpected-creator": (
        read(job(created_by_login="eve@example.com", created_by_id="u2")),
        read(job()),
        {"creators": ["u1"]},
    ),
    "unexpected-source": (read(job("1"), job("2", source="webapp")), read(*TWO_BATCHES), {}),
    "unexpected-enterprise": (read(job(enterprise_id="7")), read(job()), {"enterprises": "99"}),
    "manifest-missing": (read(job()), read(*map(job, "123")), {"expected": ids("e1", "e2")}),
    "manifest-unexpected": (read(job("1"), job("2")), read(job()), {"expected": ids("e1", "e3")}),
    "doubled-external-id": (
        read(job("1"), job("2", external_id="e1")),
        read(job("1"), job("2", external_id="e1", batch_id="11")),
        {},
    ),
    "warnings-only": (
        read(job(warnings=["Unused tag."])),
        read(job(errors=["Row 3."], warnings=["Unused tag."])),
        {},
    ),
    "failure-groups": (read(failed("1", NO_BONUS)), read(job()), {}),
    "failure-tags": (
        read(failed("1", NO_BONUS)),
        read(failed("1", "Row 3.")),
        {"tags": OFFER_TAGS},
    ),
}


def found(rule: str, reading: Reading | pl.DataFrame, **options: Any) -> list[str]:
    """The details of a rule's findings."""
    return bx.audit(reading, now=NOON, **options).filter(rule=rule)["detail"].to_list()


def verdict(rule: str, reading: Reading | pl.DataFrame, **options: Any) -> tuple[Any, ...]:
    rows = bx.verdicts(reading, now=NOON, **options).filter(rule=rule)
    return rows.select("verdict", "findings", "lacks").row(0)


def test_every_rule_has_its_place_its_severity_and_its_texts() -> None:
    assert [rule.name for rule in bx.RULES] == list(CASES)
    for severity, names in SEVERITIES.items():
        assert " ".join(rule.name for rule in bx.RULES if rule.severity == severity) == names
    for rule in bx.RULES:
        assert re.fullmatch(r"[A-Z].+[^.]", rule.checks), rule.name
        assert re.fullmatch(r"[A-Z].+\.", rule.why), rule.name


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_it_is_for(rule: str) -> None:
    reading, _, options = CASES[rule]
    assert len(found(rule, reading, **options)) == 1
    assert verdict(rule, reading, **options)[:2] == ("found", 1)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_passes_if_all_is_well(rule: str) -> None:
    _, reading, options = CASES[rule]
    assert found(rule, reading, **options) == []
    assert verdict(rule, reading, **options) == ("passed", 0, None)


@pytest.mark.parametrize("rule", CASES)
def test_no_rule_passes_without_evidence_for_it(rule: str) -> None:
    _, reading, options = CASES[rule]
    about_pages = rule in ("chain-incomplete", "chain-inconsistent", "foreign-job")
    cut = Reading(reading.jobs, reading.pages.with_columns(complete=False))
    assert verdict(rule, reading.jobs if about_pages else cut, **options)[0] == "not evaluated"


def test_a_batch_without_faults_has_no_findings_at_all() -> None:
    assert bx.audit(read(*TWO_BATCHES), now=NOON).is_empty()


# --- never a pass without the data -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "lacks"),
    [
        ("chain-incomplete", "evidence (pages)"),
        ("chain-inconsistent", "evidence (pages)"),
        ("foreign-job", "evidence (pages)"),
        ("unknown-field", "evidence (pages)"),
        ("missing-document", "documents (output_file_found)"),
        ("empty-document", "documents (output_file_found)"),
        ("identical-documents", "documents (output_file_found)"),
        ("slow-document", "documents (output_file_found); details (created_at)"),
        ("running-too-long", "details (created_at)"),
        ("unexpected-creator", "details (created_by_id)"),
        ("unexpected-source", "details (source)"),
        ("unexpected-enterprise", "details (enterprise_id)"),
        ("version-unlike-others", "another batch of template t"),
        ("unapproved-version", "approved_versions"),
        ("unexpected-output-type", "output_type"),
        ("manifest-missing", "a manifest (expected)"),
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
    empty = bx.verdicts(read(pages=chain("10", 0)))
    passed = empty.filter(verdict="passed")["rule"].to_list()
    assert passed == ["chain-incomplete", "chain-inconsistent", "unknown-field"]


def test_a_finding_in_an_incomplete_batch_counts_and_says_what_is_missing() -> None:
    lacks = "complete batches (not read to their end: 10)"
    pages = chain("10", 1, complete=False)
    assert verdict("failed-share", read(job(), pages=pages)) == ("not evaluated", 0, lacks)
    assert verdict("failed-share", read(failed("1", "Row 3."), pages=pages)) == ("found", 1, lacks)


@pytest.mark.parametrize(
    ("rule", "field", "options"),
    [
        ("unexpected-creator", "created_by_id", {}),
        ("unexpected-source", "source", {}),
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


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_page_removed_or_repeated_is_found(at: int) -> None:
    pages = chain("10", 1, 1, 1)
    removed = read(*map(job, "12"), pages=[*pages[:at], *pages[at + 1 :]])
    assert found("chain-incomplete", removed) + found("chain-inconsistent", removed)
    repeated = read(*map(job, "1234"), pages=[*pages[: at + 1], *pages[at:]])
    assert found("chain-inconsistent", repeated)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 2), (0, 2)])
def test_pages_swapped_are_found(one: int, other: int) -> None:
    pages = chain("10", 1, 1, 1)
    pages[one], pages[other] = pages[other], pages[one]
    assert found("chain-inconsistent", read(*map(job, "123"), pages=pages))


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


def test_a_job_ran_until_its_page_was_read_and_not_until_now() -> None:
    reading = read(running(created_at=NOON - dt.timedelta(hours=2)))
    rule = [rule for rule in bx.RULES if rule.name == "running-too-long"]
    later = NOON + dt.timedelta(days=30)
    assert bx.audit(reading, rules=rule, now=later).is_empty()
    assert bx.audit(reading.jobs, rules=rule, now=later).height == 1


@pytest.mark.parametrize(
    ("sizes", "created", "stuck"),
    [
        ((1, 1), {"days": 3, "hours": 1}, 0),
        ((1, 2), {"days": 3, "hours": 1}, 1),
        ((1, 2), {"days": 1, "hours": 1}, 0),
    ],
)
def test_the_newest_page_counts_if_pages_and_jobs_do_not_match(
    sizes: tuple[int, int], created: dict[str, int], stuck: int
) -> None:
    pages = chain("10", *sizes)
    for page, days in zip(pages, (3, 1), strict=True):
        page["fetched_at"] = NOON - dt.timedelta(days=days)
    jobs = [running("1", created_at=NOON - dt.timedelta(**created)), job("2")]
    assert len(found("running-too-long", read(*jobs, pages=pages))) == stuck


def test_a_job_that_hangs_behind_a_page_cached_long_ago_is_found(
    emulator: Emulator, box: bx.Box
) -> None:
    now = dt.datetime.now(dt.UTC)
    hanging = plain_job("1001", 3) | {
        "status": "pending",
        "output_file": None,
        "output_file_version": None,
        "created_at": (now - dt.timedelta(hours=5)).isoformat(),
    }
    emulator.enterprise.put("1001", [*(plain_job("1001", number) for number in range(3)), hanging])
    box.read("1001", limit=2)
    age(box, hours=20)
    reading = box.read("1001", limit=2, details=True)
    assert reading.pages["from_cache"].to_list() == [True, False]
    findings = bx.audit(reading, running_hours=20).filter(rule="running-too-long")
    assert findings["batch_id"].to_list() == ["1001"]
    assert bx.audit(reading, running_hours=26).filter(rule="running-too-long").is_empty()


def test_one_batch_has_one_creator_unless_others_are_named() -> None:
    two = read(job("1"), job("2", created_by_id="u2", created_by_login="eve@example.com"))
    assert found("unexpected-creator", two) == [
        "2 creators within one batch: svc@example.com, eve@example.com."
    ]
    assert found("unexpected-creator", two, creators=["u1", "eve@example.com"]) == []


def test_two_batches_that_differ_are_each_unlike_the_other() -> None:
    two = read(job("1"), job("2", batch_id="11", template_file_version_id="t2"))
    names = pl.DataFrame({"template_file_id": ["t"], "template_name": ["Offer letter"]})
    assert found("version-unlike-others", two, templates=names) == [
        "Version t1 of Offer letter (t) is used by no other batch here; the others (1) use t2.",
        "Version t2 of Offer letter (t) is used by no other batch here; the others (1) use t1.",
    ]


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
        "The batch is not in the manifest; it has 1 job."
    ]
    fewer = pl.DataFrame({"batch_id": ["10", "11"], "jobs": [1, 1]})
    assert found("manifest-unexpected", reading, expected=fewer) == [
        "2 jobs here, 1 more than expected."
    ]


def test_a_manifest_with_batches_expects_each_document_in_its_own() -> None:
    expected = pl.DataFrame({"external_id": ["e1", "e1"], "batch_id": ["10", "11"]})
    reading = read(job("1"), job("2", external_id="e1", batch_id="12"))
    findings = bx.audit(reading, expected=expected)
    assert findings.filter(rule="manifest-missing")["batch_id"].to_list() == ["11"]
    assert findings.filter(rule="manifest-unexpected")["job_id"].to_list() == ["2"]


def test_a_manifest_without_batches_expects_each_external_id_once_in_all() -> None:
    reading = read(job("1"), job("2", external_id="e1", batch_id="11"))
    assert len(found("doubled-external-id", reading, expected=ids("e1"))) == 1


def test_a_doubled_external_id_is_an_error_if_ids_must_be_unique() -> None:
    reading = read(failed("1", "Row 3."), job("2", external_id="e1"))
    rule = [rule for rule in bx.RULES if rule.name == "doubled-external-id"]
    assert bx.audit(reading, rules=rule)["severity"].to_list() == ["warning"]
    strict = bx.audit(reading, rules=rule, unique_external_ids=True)
    assert strict.select("severity", "detail").row(0) == (
        "error",
        "The external id e1 belongs to 2 jobs (1 failed, 1 completed): 1, 2.",
    )
