"""The audit, through its face: what each rule finds, what it leaves alone, what it needs."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxdocgen_explore.auditing import RULES, Rule, audit, verdicts
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Unreachable
from boxdocgen_explore.schema import DETAILS, FINDINGS, JOBS, PAGES, STATUSES, TAGS, VERDICTS

NOON = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)


class Look(NamedTuple):
    """What a rule may know of a reading."""

    jobs: pl.DataFrame
    pages: pl.DataFrame
    failures: dict[str, BoxDocGenError] = {}  # noqa: RUF012 - never changed


def job(job_id: str = "1", **fields: Any) -> dict[str, Any]:
    """A completed job with nothing to be said against it, but for the fields given."""
    return {
        "batch_id": "10",
        "job_id": job_id,
        "status": "completed",
        "output_type": "pdf",
        "output_file_id": f"f{job_id}",
        "output_file_version_id": f"v{job_id}",
        "template_file_id": "t",
        "template_file_version_id": "t1",
        "errors": [],
        "warnings": [],
        "external_id": f"e{job_id}",
        "origin": "demo",
        "created_at": NOON - dt.timedelta(days=3),
        "created_by_id": "u1",
        "created_by_name": "Service HR",
        "created_by_login": "svc@example.com",
        "enterprise_id": "99",
        "source": "api",
    } | fields


def failed(job_id: str = "1", *errors: str, **fields: Any) -> dict[str, Any]:
    no_file = {"output_file_id": None, "output_file_version_id": None}
    return job(job_id, status="failed", errors=list(errors), **no_file | fields)


def frame(*jobs: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(jobs), schema={**JOBS, **DETAILS})


def chain(batch_id: str, *sizes: int, **fields: Any) -> list[dict[str, Any]]:
    """The evidence of a batch read whole, in pages of these sizes."""
    ends = len(sizes)
    return [
        {
            "batch_id": batch_id,
            "page": at + 1,
            "marker_sha256": f"{batch_id}m{at}" if at else None,
            "next_marker_sha256": f"{batch_id}m{at + 1}" if at + 1 < ends else None,
            "limit_requested": 1000,
            "limit_used": 1000,
            "jobs": size,
            "duplicates": 0,
            "unknown_fields": [],
            "fetched_at": NOON,
            "from_cache": False,
            "body_sha256": f"{batch_id}b{at}",
            "host": "api.box.com",
            "user_id": "u1",
            "user_login": "svc@example.com",
            "complete": True,
        }
        | fields
        for at, size in enumerate(sizes)
    ]


def read(*jobs: dict[str, Any], pages: list[dict[str, Any]] | None = None) -> Look:
    """A reading of these jobs, whole unless other pages are given."""
    rows = frame(*jobs)
    if pages is None:
        sizes = rows["batch_id"].drop_nulls().value_counts().iter_rows()
        pages = [page for batch_id, size in sizes for page in chain(batch_id, size)]
    return Look(rows, pl.DataFrame(pages, schema=PAGES))


def found(rule: str, reading: Any, **arguments: Any) -> list[str]:
    """The details of a rule's findings."""
    findings = audit(reading, now=NOON, **arguments)
    return findings.filter(pl.col("rule") == rule)["detail"].to_list()


def verdict(rule: str, reading: Any, **arguments: Any) -> tuple[str, int, str | None]:
    rows = verdicts(reading, now=NOON, **arguments)
    return rows.filter(pl.col("rule") == rule).select("verdict", "findings", "lacks").row(0)


OFFER_TAGS = pl.DataFrame(
    {
        "template_file_id": ["t", "t"],
        "template_file_version_id": ["t1", "t2"],
        "tag": ["{{name}}", "{{pay.bonus}}"],
        "tag_type": ["text", "text"],
        "json_paths": [["name"], ["pay", "pay.bonus"]],
    },
    schema=TAGS,
)
NO_BONUS = "The tag 'pay.bonus' was not provided."
RUNNING: dict[str, Any] = {
    "status": "pending",
    "output_file_id": None,
    "output_file_version_id": None,
}
TWO_BATCHES = (job("1"), job("2", batch_id="11"))

# Each rule with a reading that trips it, one that does not, and what the auditor declares.
CASES: dict[str, tuple[Look, Look, dict[str, Any]]] = {
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
        read(job("1"), job("2")),
        {},
    ),
    "no-message": (read(failed("1", " ")), read(failed("1", "Row 3 is empty."), job("2")), {}),
    "errors-though-completed": (read(job(errors=["Row 3 is empty."])), read(job()), {}),
    "not-final": (read(job(**RUNNING)), read(job()), {}),
    "running-too-long": (
        read(job(**RUNNING)),
        read(job(**RUNNING, created_at=NOON - dt.timedelta(hours=2))),
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
    "manifest-missing": (
        read(job("1")),
        read(job("1"), job("2"), job("3")),
        {"expected": pl.DataFrame({"external_id": ["e1", "e2"]})},
    ),
    "manifest-unexpected": (
        read(job("1"), job("2")),
        read(job("1")),
        {"expected": pl.DataFrame({"external_id": ["e1", "e3"]})},
    ),
    "doubled-external-id": (
        read(job("1"), job("2", external_id="e1")),
        read(job("1"), job("2", external_id="e1", batch_id="11")),
        {},
    ),
    "warnings-only": (read(job(warnings=["Unused tag."])), read(job()), {}),
    "failure-groups": (read(failed("1", NO_BONUS)), read(job()), {}),
    "failure-tags": (
        read(failed("1", NO_BONUS)),
        read(failed("1", "Row 3.")),
        {"tags": OFFER_TAGS},
    ),
}


def test_every_rule_has_a_case() -> None:
    assert list(CASES) == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_it_is_for(rule: str) -> None:
    reading, _, declared = CASES[rule]
    assert len(found(rule, reading, **declared)) == 1
    assert verdict(rule, reading, **declared)[:2] == ("found", 1)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_passes_where_all_is_well(rule: str) -> None:
    _, reading, declared = CASES[rule]
    assert found(rule, reading, **declared) == []
    assert verdict(rule, reading, **declared) == ("passed", 0, None)


def test_a_batch_as_it_should_be_has_no_findings_at_all() -> None:
    assert audit(read(*TWO_BATCHES), now=NOON).is_empty()


# --- never a pass without the data -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "lacks"),
    [
        ("chain-incomplete", "evidence (pages)"),
        ("chain-inconsistent", "evidence (pages)"),
        ("foreign-job", "evidence (pages)"),
        ("unknown-field", "evidence (pages)"),
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
    plain = frame(job()).select(list(JOBS))
    assert verdict(rule, plain) == ("not evaluated", 0, lacks)


def test_every_rule_is_not_evaluated_where_there_is_nothing_to_look_at() -> None:
    nothing = verdicts(pl.DataFrame(schema=JOBS))
    assert nothing["verdict"].unique().to_list() == ["not evaluated"]
    assert nothing["lacks"].null_count() == 0


def test_an_empty_batch_that_was_read_whole_passes_the_chain_rules_only() -> None:
    empty = verdicts(read(pages=chain("10", 0)))
    passed = empty.filter(pl.col("verdict") == "passed")["rule"].to_list()
    assert passed == ["chain-incomplete", "chain-inconsistent", "unknown-field"]


def test_nothing_passes_for_a_batch_that_was_not_read_to_its_end() -> None:
    cut = read(job(), pages=chain("10", 1, complete=False))
    outcome, _, lacks = verdict("failed-share", cut)
    assert outcome == "not evaluated"
    assert lacks == "complete batches (not read to their end: 10)"


def test_a_finding_in_a_cut_batch_stands_and_says_what_was_lacking() -> None:
    cut = read(failed("1", "Row 3."), pages=chain("10", 1, complete=False))
    assert verdict("failed-share", cut) == (
        "found",
        1,
        "complete batches (not read to their end: 10)",
    )


@pytest.mark.parametrize(
    ("rule", "field", "lacks"),
    [
        ("unexpected-creator", "created_by_id", "created_by_id of 1 job"),
        ("unexpected-source", "source", "source of 1 job"),
        ("doubled-external-id", "external_id", "external_id of 1 job"),
    ],
)
def test_a_rule_whose_data_is_there_for_some_jobs_only_does_not_pass(
    rule: str, field: str, lacks: str
) -> None:
    assert verdict(rule, read(job("1"), job("2", **{field: None}))) == ("not evaluated", 0, lacks)


def test_created_at_is_needed_of_running_jobs_only() -> None:
    assert verdict("running-too-long", read(job(created_at=None)))[0] == "passed"
    running = read(job(**RUNNING, created_at=None))
    assert verdict("running-too-long", running) == ("not evaluated", 0, "created_at of 1 job")


# --- the chain ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_page_taken_out_is_noticed(at: int) -> None:
    pages = chain("10", 1, 1, 1)
    del pages[at]
    reading = read(job("1"), job("2"), pages=pages)
    assert found("chain-incomplete", reading) + found("chain-inconsistent", reading)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_page_repeated_is_noticed(at: int) -> None:
    pages = chain("10", 1, 1, 1)
    reading = read(*map(job, "1234"), pages=[*pages[: at + 1], *pages[at:]])
    assert found("chain-inconsistent", reading)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 2), (0, 2)])
def test_pages_swapped_are_noticed(one: int, other: int) -> None:
    pages = chain("10", 1, 1, 1)
    pages[one], pages[other] = pages[other], pages[one]
    assert found("chain-inconsistent", read(*map(job, "123"), pages=pages))


def test_pages_without_jobs_may_be_alike() -> None:
    pages = chain("10", 0, 0, body_sha256="same")
    assert found("chain-inconsistent", read(pages=pages)) == []


def test_a_batch_that_could_not_be_read_is_named_with_the_reason() -> None:
    failures: dict[str, BoxDocGenError] = {"12": Unreachable("No answer\n  from api.box.com.")}
    reading = Look(frame(), pl.DataFrame(schema=PAGES), failures)
    findings = audit(reading)
    assert findings.rows() == [
        (
            "chain-incomplete",
            "error",
            "12",
            None,
            "The batch was not read whole: No answer from api.box.com.",
        )
    ]


# --- single rules ------------------------------------------------------------------------------


def test_an_id_that_comes_twice_counts_as_one_job_where_outputs_are_shared() -> None:
    assert found("shared-output-version", read(job("1"), job("1"))) == []


def test_a_small_share_is_never_rounded_to_nothing() -> None:
    jobs = [failed("0", "Row 3."), *(job(str(at)) for at in range(1, 2000))]
    assert found("failed-share", read(*jobs)) == [
        "1 of 2,000 jobs failed (less than 0.1 %; 0 % is accepted)."
    ]


def test_a_job_ran_as_long_as_is_known_from_its_page_and_no_longer() -> None:
    running = job(**RUNNING, created_at=NOON - dt.timedelta(hours=2))
    later = NOON + dt.timedelta(days=30)
    rule = [rule for rule in RULES if rule.name == "running-too-long"]
    assert audit(read(running), rules=rule, now=later).is_empty()
    assert audit(frame(running), rules=rule, now=later).height == 1


def test_one_batch_has_one_creator_unless_others_are_named() -> None:
    two = read(job("1"), job("2", created_by_id="u2", created_by_login="eve@example.com"))
    assert found("unexpected-creator", two) == [
        "2 creators within one batch: svc@example.com, eve@example.com."
    ]
    both = ["svc@example.com", "eve@example.com"]
    assert found("unexpected-creator", two, creators=both) == []


def test_two_batches_that_differ_are_each_unlike_the_other() -> None:
    two = read(job("1"), job("2", batch_id="11", template_file_version_id="t2"))
    names = pl.DataFrame({"template_file_id": ["t"], "template_name": ["Offer letter"]})
    assert found("version-unlike-others", two, templates=names) == [
        "Version t1 of Offer letter (t) is used by no other batch here; the others (1) use t2.",
        "Version t2 of Offer letter (t) is used by no other batch here; the others (1) use t1.",
    ]


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
        "(association, not cause)."
    ]


def test_a_tag_in_braces_that_no_version_contains_is_told_too() -> None:
    (detail,) = found("failure-tags", read(failed("1", "No {{bonus}}.")), tags=OFFER_TAGS)
    assert detail.endswith("The tag is in none of the versions whose tags were read: t1, t2.")


def test_failures_of_a_version_whose_tags_were_not_read_are_not_evaluated() -> None:
    reading = read(failed("1", "Row 3.", template_file_version_id="t3"))
    assert verdict("failure-tags", reading, tags=OFFER_TAGS) == (
        "not evaluated",
        0,
        "tags of template version t3",
    )


# --- against a manifest ------------------------------------------------------------------------


def test_a_manifest_of_counts_tells_missing_jobs_and_unexpected_batches() -> None:
    counts = pl.DataFrame({"batch_id": ["10", "12"], "jobs": [3, 1]})
    reading = read(job("1"), job("2"), job("3", batch_id="11"))
    assert found("manifest-missing", reading, expected=counts) == [
        "2 of 3 jobs asked for are here; 1 missing.",
        "0 of 1 job asked for are here; 1 missing.",
    ]
    assert found("manifest-unexpected", reading, expected=counts) == [
        "The batch is not in the manifest; it has 1 job."
    ]
    fewer = pl.DataFrame({"batch_id": ["10", "11"], "jobs": [1, 1]})
    assert found("manifest-unexpected", reading, expected=fewer) == [
        "2 jobs here, 1 more than asked for."
    ]


def test_a_manifest_with_batches_expects_each_document_in_its_own() -> None:
    expected = pl.DataFrame({"external_id": ["e1", "e1"], "batch_id": ["10", "11"]})
    reading = read(job("1"), job("2", external_id="e1", batch_id="12"))
    assert found("manifest-missing", reading, expected=expected) == [
        "No job here has the external id e1."
    ]
    findings = audit(reading, expected=expected).filter(rule="manifest-unexpected")
    assert findings["job_id"].to_list() == ["2"]


def test_jobs_without_an_external_id_keep_the_manifest_from_passing() -> None:
    expected = pl.DataFrame({"external_id": ["e1"]})
    reading = read(job("1"), job("2", external_id=None))
    assert verdict("manifest-unexpected", reading, expected=expected) == (
        "not evaluated",
        0,
        "external_id of 1 job",
    )


def test_a_doubled_external_id_is_an_error_once_ids_are_declared_unique() -> None:
    reading = read(failed("1", "Row 3."), job("2", external_id="e1"))
    rule = [rule for rule in RULES if rule.name == "doubled-external-id"]
    assert audit(reading, rules=rule)["severity"].to_list() == ["warning"]
    strict = audit(reading, rules=rule, unique_external_ids=True)
    assert strict.select("severity", "detail").row(0) == (
        "error",
        "The external id e1 belongs to 2 jobs (1 failed, 1 completed): 1, 2.",
    )


def test_a_manifest_without_batches_expects_each_external_id_once_in_all() -> None:
    reading = read(job("1"), job("2", external_id="e1", batch_id="11"))
    expected = pl.DataFrame({"external_id": ["e1"]})
    assert len(found("doubled-external-id", reading, expected=expected)) == 1


# --- the face ----------------------------------------------------------------------------------


def test_findings_and_verdicts_have_their_columns_and_agree() -> None:
    reading = read(failed("1"), job("2", warnings=["Unused tag."]), job("3", status="archived"))
    findings, ruled = audit(reading), verdicts(reading)
    assert findings.schema == FINDINGS
    assert ruled.schema == VERDICTS
    counts = dict(findings["rule"].value_counts().iter_rows())
    assert {rule: n for rule, n in ruled.select("rule", "findings").iter_rows() if n} == counts


def test_errors_come_first_then_warnings_then_information() -> None:
    severities = audit(read(failed("1"), job("2", warnings=["x"])))["severity"].to_list()
    assert severities == ["error", "warning", "info", "info"]


def no_slides(subject: Any) -> pl.DataFrame:
    slides: pl.DataFrame = subject.jobs.filter(pl.col("output_type") == "pptx")
    return slides.select("job_id", detail=pl.lit("Slides were not asked for."))


NO_SLIDES = Rule("no-slides", "error", "no slides", "Slides cannot be signed.", no_slides)


def test_people_can_add_a_rule_or_check_theirs_alone() -> None:
    reading = read(job(output_type="pptx"))
    alone = audit(reading, rules=[NO_SLIDES])
    assert alone.rows() == [("no-slides", "error", None, "1", "Slides were not asked for.")]
    assert verdicts(reading, rules=[*RULES, NO_SLIDES]).height == len(RULES) + 1
    assert verdict("no-slides", read(job()), rules=[NO_SLIDES])[0] == "passed"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"max_failed": 0.1}, "There is no threshold 'max_failed'; known: max_failed_share, "),
        ({"max_failed_share": 5}, "max_failed_share is a share from 0 to 1, not 5."),
        ({"max_error_share": True}, "max_error_share is a share from 0 to 1, not True."),
        ({"running_hours": -1}, "running_hours is a number from 0 to 1,000,000, not -1."),
        ({"unique_external_ids": "yes"}, "unique_external_ids is True or False."),
        ({"creators": 7}, "creators is a text or several, not 7."),
        ({"output_type": 7}, "output_type is a text or several, not 7."),
        ({"now": dt.datetime(2026, 11, 3)}, "now needs a time zone"),
        ({"rules": ["no-slides"]}, "rules is a list of Rule"),
        ({"rules": [NO_SLIDES, NO_SLIDES]}, "Two rules are called 'no-slides'"),
        (
            {"rules": [Rule("r", "fatal", "", "", no_slides)]},
            "The rule r has the severity 'fatal'; it is one of error, warning, info.",
        ),
        (
            {"rules": [Rule("r", "error", "", "", no_slides, ("moon",))]},
            "The rule r needs 'moon'; known needs: jobs, ",
        ),
        (
            {"rules": [Rule("r", "error", "", "", lambda about: about.jobs)]},
            "The rule r must give a frame with a column detail.",
        ),
        ({"tags": pl.DataFrame({"tag": ["x"]})}, "The frame of tags lacks the columns "),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        audit(read(job()), **arguments)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("jobs", "sentence"),
    [
        (["1"], "An audit needs a reading or a frame of jobs, not list."),
        (pl.DataFrame({"batch_id": ["1"]}), "The frame of jobs lacks the columns job_id, "),
        (
            frame(job()).with_columns(pl.lit("[]").alias("errors")),
            "The frame of jobs has columns of another kind: errors (String, not List(String)).",
        ),
    ],
)
def test_frames_that_are_no_jobs_are_refused_in_a_sentence(jobs: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        audit(jobs)
    assert str(refused.value).startswith(sentence)


# --- any jobs at all ---------------------------------------------------------------------------

TEXTS = st.sampled_from([None, "", "1", "10", "{{pay.bonus}}", "t", 'a "name"', "\0{}"])
LISTS = st.none() | st.lists(TEXTS | st.just(NO_BONUS), max_size=2)
TIMES = st.none() | st.datetimes(timezones=st.just(dt.UTC))
KINDS = {pl.String: TEXTS, pl.List: LISTS, pl.Datetime: TIMES, pl.Boolean: st.booleans()}


def rows_of(schema: dict[str, pl.DataType], **fields: Any) -> Any:
    columns = {
        name: fields.get(name, KINDS.get(type(dtype), st.none() | st.integers(-1, 3)))
        for name, dtype in schema.items()
    }
    rows = st.lists(st.fixed_dictionaries(columns), max_size=6)
    return rows.map(lambda given: pl.DataFrame(given, schema=schema))


STATUS = st.sampled_from([None, "archived", *STATUSES])
ANY_JOBS = rows_of(JOBS, status=STATUS) | rows_of({**JOBS, **DETAILS}, status=STATUS)
ANY_READING = ANY_JOBS | st.builds(Look, ANY_JOBS, rows_of(PAGES))
ANY_ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.just(OFFER_TAGS) | rows_of(TAGS),
        "expected": st.sampled_from(
            [
                pl.DataFrame({"external_id": ["1", "t"]}),
                pl.DataFrame({"external_id": ["1", "1"], "batch_id": ["1", "10"]}),
                pl.DataFrame({"batch_id": ["1", "7"], "jobs": [1, 2]}),
            ]
        ),
        "approved_versions": st.just(["1"]),
        "output_type": st.just("1"),
        "creators": st.just(["1"]),
        "sources": st.just(["1"]),
        "max_failed_share": st.just(0.5),
    },
)


@settings(deadline=None)
@given(reading=ANY_READING, arguments=ANY_ARGUMENTS)
def test_no_jobs_make_a_rule_crash_and_no_finding_names_a_job_that_is_not_there(
    reading: Any, arguments: dict[str, Any]
) -> None:
    jobs = reading if isinstance(reading, pl.DataFrame) else reading.jobs
    findings, ruled = audit(reading, **arguments), verdicts(reading, **arguments)
    assert set(findings["job_id"].drop_nulls()) <= set(jobs["job_id"])
    assert findings["detail"].null_count() == 0
    assert ruled["findings"].sum() == findings.height
    assert ruled["rule"].to_list() == [rule.name for rule in RULES]
