"""Findings and verdicts agree, rules can be added, invalid input is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
from frames import NOON, failed, frame, job, read
from hypothesis import given, settings
from hypothesis import strategies as st

import boxdocgen_explore as bx
from boxdocgen_explore.auditing import AuditInput, AuditOptions, Thresholds
from boxdocgen_explore.auditing.compare import COMPARED
from boxdocgen_explore.errors import InvalidRequest, Reading, Unreachable
from boxdocgen_explore.schema import (
    BATCH_VERDICTS,
    DETAILS,
    FINDINGS,
    JOBS,
    PAGES,
    STATUSES,
    TAGS,
    VERDICTS,
)


def no_slides(inputs: AuditInput) -> pl.DataFrame:
    slides = inputs.jobs.filter(pl.col("output_type") == "pptx")
    return slides.select("job_id", detail=pl.lit("Slides are not expected."))


NO_SLIDES = bx.Rule("no-slides", "error", "no slides", "Slides cannot be signed.", no_slides)


def test_findings_and_verdicts_have_their_columns_and_agree() -> None:
    reading = read(failed("1"), job("2", warnings=["Unused tag."]), job("3", status="archived"))
    findings, verdicts = bx.audit(reading, now=NOON), bx.verdicts(reading, now=NOON)
    assert (findings.schema, verdicts.schema) == (FINDINGS, VERDICTS)
    counts = dict(findings["rule"].value_counts().iter_rows())
    assert {rule: n for rule, n in verdicts.select("rule", "findings").iter_rows() if n} == counts


def test_errors_come_first_then_warnings_then_information() -> None:
    reading = read(failed("1"), job("2", warnings=["x"]))
    severities = bx.audit(reading, now=NOON)["severity"].to_list()
    assert severities == ["error", "warning", "info", "info"]


def test_a_batch_that_could_not_be_read_hides_nothing_about_the_others() -> None:
    reading = read(job("1"), failed("2", batch_id="11"), failures={"12": Unreachable("No.")})
    rows = bx.verdicts(reading, now=NOON, by_batch=True)
    share = rows.filter(rule="failed-share").select("batch_id", "verdict", "lacks")
    assert share.sort("batch_id").rows() == [
        ("10", "passed", None),
        ("11", "found", None),
        ("12", "not evaluated", "jobs; complete batches (not read to their end: 12)"),
    ]
    assert bx.audit(reading, now=NOON).height == rows["findings"].sum()
    assert bx.verdicts(reading, now=NOON).height == len(bx.RULES)


def test_what_two_batches_share_is_found_in_both_and_what_names_none_has_its_own_row() -> None:
    reading = read(job("1"), job("2", batch_id="11", output_file_id="f1"), job("3", batch_id="12"))
    rows = bx.verdicts(
        reading, now=NOON, by_batch=True, expected=pl.DataFrame({"external_id": ["e"]})
    )
    shared = rows.filter(rule="shared-output-file").sort("batch_id")["verdict"].to_list()
    assert shared == ["found", "found", "passed"]
    assert rows.filter(rule="manifest-missing").rows() == [
        (None, "manifest-missing", "found", 1, None)
    ]
    assert set(rows["batch_id"]) == {"10", "11", "12", None}
    assert bx.verdicts(read(), by_batch=True)["batch_id"].unique().to_list() == [None]


def test_a_custom_rule_can_be_added_or_checked_alone() -> None:
    reading = read(job(output_type="pptx"))
    findings = bx.audit(reading, rules=[NO_SLIDES])
    assert findings.rows() == [("no-slides", "error", None, "1", "Slides are not expected.", None)]
    assert bx.verdicts(reading, rules=[NO_SLIDES]).rows() == [("no-slides", "found", 1, None)]
    assert bx.verdicts(reading, rules=[*bx.RULES, NO_SLIDES]).height == len(bx.RULES) + 1
    assert bx.verdicts(read(job()), rules=[NO_SLIDES])["verdict"].to_list() == ["passed"]


def test_a_rule_runs_once_and_only_if_it_has_what_it_needs() -> None:
    runs = []

    def count(inputs: AuditInput) -> pl.DataFrame:
        runs.append(inputs.thresholds.running_hours)
        return no_slides(inputs)

    rule = bx.Rule("count", "info", "", "", count)
    bx.audit(read(job()), rules=[rule], running_hours=7)
    bx.audit(read(), rules=[rule])
    assert runs == [7]


def test_a_redacted_column_stops_the_rules_that_it_would_mislead() -> None:
    columns = {column for rule in bx.RULES for column in rule.columns}
    readers = {name: {r.name for r in bx.RULES if name in r.columns} for name in columns}
    outputs = "missing-output output-of-failed shared-output-file shared-output-version"
    documents = "missing-document empty-document identical-documents slow-document"
    versions = "several-templates version-rollback failure-tags"
    ids = "manifest-missing manifest-not-made manifest-unexpected control-total"
    creation = "running-too-long version-rollback cut-off duplicate-run"
    assert readers == {
        name: {*rules.split(), *(["changed-final-job"] if name in COMPARED else [])}
        for name, rules in {
            "output_file_id": f"{outputs} {documents}",
            "output_file_version_id": outputs,
            "output_type": "mixed-output-types unexpected-output-type",
            "status": "",
            "warnings": "",
            "template_file_id": f"{versions} doubled-external-id duplicate-run",
            "template_file_version_id": f"{versions} unapproved-version",
            "external_id": f"{ids} doubled-external-id duplicate-run",
            "errors": "errors-though-completed failure-groups failure-tags",
            "created_at": creation,
            "created_by_id": "mixed-creator unexpected-creator",
            "created_by_login": "mixed-creator unexpected-creator",
            "source": "mixed-source unexpected-source",
            "enterprise_id": "mixed-enterprise unexpected-enterprise",
            "output_file_found": documents,
            "output_file_size_bytes": "empty-document identical-documents",
            "output_file_sha1": "identical-documents",
            "duration_s": "slow-document",
        }.items()
    }


def test_every_option_is_explained_by_audit_and_every_threshold_is_one() -> None:
    names = list(AuditOptions.__annotations__)
    assert set(Thresholds.__dataclass_fields__) <= set(names)
    assert [name for name in names if f"{name}" not in (bx.audit.__doc__ or "")] == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"hosts": None}, "hosts must be a text or several texts, not None."),
        (
            {"period": (NOON, NOON)},
            "period must start before it ends, not 2026-11-03 12:00:00+",
        ),
        ({"period": [dt.datetime(2026, 11, 3)] * 2}, "period needs times with time zones; 2026-"),
        ({"period": NOON}, "period must be a start and an end with time zones, not "),
        ({"control_total": (1, "ab")}, "control_total must be a count and a SHA-256 (64 digits)"),
        ({"earlier": 7}, "An audit needs a reading or a frame of jobs, not int."),
        ({"max_failed": 0.1}, "There is no threshold 'max_failed'; known: max_failed_share, "),
        ({"max_failed_share": 5}, "max_failed_share must be a number from 0 to 1, not 5."),
        ({"max_error_share": True}, "max_error_share must be a number from 0 to 1, not True."),
        ({"running_hours": -1}, "running_hours must be a number from 0 to 1,000,000, not -1."),
        ({"running_hours": float("nan")}, "running_hours must be a number from 0 to 1,000,000"),
        ({"unique_external_ids": "yes"}, "unique_external_ids must be True or False, not 'yes'."),
        ({"creators": 7}, "creators must be a text or several texts, not 7."),
        ({"output_type": 7}, "output_type must be a text or several texts, not 7."),
        ({"now": dt.datetime(2026, 11, 3)}, "now must be a time with a time zone"),
        ({"rules": ["no-slides"]}, "rules must be a list of Rule"),
        ({"rules": [NO_SLIDES, NO_SLIDES]}, "Two rules are called 'no-slides'"),
        (
            {"rules": [bx.Rule("r", "fatal", "", "", no_slides)]},
            "The rule r has the severity 'fatal'; it must be one of error, warning, info.",
        ),
        (
            {"rules": [bx.Rule("r", "error", "", "", no_slides, ("moon",))]},
            "The rule r needs 'moon'; known needs: jobs, ",
        ),
        (
            {"rules": [bx.Rule("r", "error", "", "", lambda inputs: inputs.jobs)]},
            "The rule r must return a frame with a column detail.",
        ),
        ({"tags": pl.DataFrame({"tag": ["x"]})}, "The frame of tags lacks the columns "),
    ],
)
def test_invalid_options_are_refused_in_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bx.audit(read(job()), **options)
    assert str(refused.value).startswith(sentence)


def test_a_frame_with_categories_is_audited_like_one_with_texts() -> None:
    jobs = frame(job(), failed())
    columns = ("batch_id", "job_id", "status", "template_file_id")
    categories = jobs.with_columns(pl.col(columns).cast(pl.Categorical))
    assert bx.audit(categories, now=NOON).equals(bx.audit(jobs, now=NOON))
    assert bx.audit(jobs, now=NOON).height > 0


@pytest.mark.parametrize(
    ("jobs", "sentence"),
    [
        (["1"], "An audit needs a reading or a frame of jobs, not list."),
        (pl.DataFrame({"batch_id": ["1"]}), "The frame of jobs lacks the columns job_id, "),
        (
            frame(job()).with_columns(pl.lit("[]").alias("errors")),
            "The frame of jobs has columns of another dtype: errors (String, not List(String)).",
        ),
        (
            Reading(frame(job()), pl.DataFrame({"page": [1]})),
            "The frame of pages lacks the columns batch_id, marker_sha256, ",
        ),
    ],
)
def test_frames_without_jobs_are_refused_in_a_sentence(jobs: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bx.audit(jobs)
    assert str(refused.value).startswith(sentence)


# --- any jobs at all ---------------------------------------------------------------------------

NO_BONUS = "The tag 'pay.bonus' was not provided in the input data."
TEXTS = st.sampled_from([None, "", "1", "10", "{{pay.bonus}}", "t", 'a "name"', "\0{}"])
LISTS = st.none() | st.lists(TEXTS | st.just(NO_BONUS), max_size=2)
TIMES = st.none() | st.datetimes(timezones=st.just(dt.UTC))
VALUES = {pl.String: TEXTS, pl.List: LISTS, pl.Datetime: TIMES, pl.Boolean: st.booleans()}


def rows_of(schema: dict[str, pl.DataType], **fields: Any) -> Any:
    columns = {
        name: fields.get(name, VALUES.get(type(dtype), st.none() | st.integers(-1, 3)))
        for name, dtype in schema.items()
    }
    rows = st.lists(st.fixed_dictionaries(columns), max_size=6)
    return rows.map(lambda values: pl.DataFrame(values, schema=schema))


STATUS = st.sampled_from([None, "archived", *STATUSES])
ANY_JOBS = rows_of(JOBS, status=STATUS) | rows_of({**JOBS, **DETAILS}, status=STATUS)
ANY_READING = ANY_JOBS | st.builds(Reading, ANY_JOBS, rows_of(PAGES))
TAG = {"template_file_id": "t", "tag": "{{name}}", "json_paths": ["name"]}
MANIFESTS = (
    {"external_id": ["1", "t"]},
    {"external_id": ["1", "1"], "batch_id": ["1", "10"]},
    {"batch_id": ["1", "7"], "jobs": [1, 2]},
)
ANY_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.just(pl.DataFrame([TAG], schema=TAGS)) | rows_of(TAGS),
        "expected": st.sampled_from([pl.DataFrame(manifest) for manifest in MANIFESTS]),
        "approved_versions": st.just(["1"]),
        "output_type": st.just("PDF"),
        "creators": st.just(["1"]),
        "sources": st.just(["1"]),
        "max_failed_share": st.just(0.5),
        "earlier": ANY_JOBS,
        "period": st.just((NOON - dt.timedelta(days=9), NOON)),
        "control_total": st.just((1, "0" * 64)),
    },
)


@settings(max_examples=settings.default.max_examples // 2)
@given(reading=ANY_READING, options=ANY_OPTIONS)
def test_no_jobs_make_a_rule_crash_and_no_finding_names_a_job_that_is_not_there(
    reading: Any, options: dict[str, Any]
) -> None:
    jobs = reading if isinstance(reading, pl.DataFrame) else reading.jobs
    findings, verdicts = bx.audit(reading, **options), bx.verdicts(reading, **options)
    assert set(findings["job_id"].drop_nulls()) <= set(jobs["job_id"])
    assert findings["detail"].null_count() == 0
    assert verdicts["findings"].sum() == findings.height
    assert verdicts["rule"].to_list() == [rule.name for rule in bx.RULES]
    by_batch = bx.verdicts(reading, by_batch=True, **options)
    assert by_batch.schema == BATCH_VERDICTS
    assert not by_batch.select("batch_id", "rule").is_duplicated().any()
    judged = by_batch.group_by("rule").agg(pl.col("verdict").eq("found").any())
    assert set(judged.filter("verdict")["rule"]) == set(verdicts.filter(verdict="found")["rule"])
