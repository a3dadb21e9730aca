"""The rules about documents: their findings, and when they are not evaluated."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from frames import HOSTILE, document, failed, read, without_document

import boxdocgen_explore as bx
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import DURATION_IS_INFERRED

ABOUT = ("missing-document", "empty-document", "identical-documents")
RULES = [rule for rule in bx.RULES if rule.name in (*ABOUT, "slow-document")]
EMPTY_SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def findings(*jobs: dict[str, Any], **options: Any) -> list[tuple[Any, ...]]:
    found = bx.audit(read(*jobs), rules=RULES, **options)
    return found.select("rule", "batch_id", "job_id", "detail").rows()


def lacks(reading: Reading | pl.DataFrame) -> dict[str, tuple[str, str | None]]:
    rows = bx.verdicts(reading, rules=RULES)
    return {rule: (verdict, lacks) for rule, verdict, _, lacks in rows.iter_rows()}


def twins(*job_ids: str, **fields: Any) -> list[dict[str, Any]]:
    return [document(one, output_file_sha1="same", **fields) for one in job_ids]


# --- what is found -----------------------------------------------------------------------------


def test_a_document_that_is_gone_is_found_once_and_by_one_rule():
    assert findings(document("1"), without_document("2"), failed("3")) == [
        (
            "missing-document",
            "10",
            "2",
            "Box has no output file f2 for this user: it was deleted, is in the trash, or was "
            "moved to where this user has no access.",
        )
    ]


def test_an_empty_document_is_named_and_not_called_identical_to_another_empty_one():
    empty = {"output_file_size_bytes": 0, "output_file_sha1": EMPTY_SHA1}
    found = findings(
        document("1", **empty),
        document("2", **empty, output_file_name=None),
        document("3", **empty, output_file_name=HOSTILE),
    )
    assert found == [
        ("empty-document", "10", "1", 'Output file f1 "Letter 1.pdf" is empty: 0 bytes.'),
        ("empty-document", "10", "2", "Output file f2 is empty: 0 bytes."),
        ("empty-document", "10", "3", f'Output file f3 "{HOSTILE}" is empty: 0 bytes.'),
    ]


def test_each_group_of_identical_documents_is_one_finding():
    others = [document(one, output_file_sha1="other") for one in "34"]
    assert findings(*twins("1", "2"), *others, *twins("5")) == [
        (
            "identical-documents",
            "10",
            None,
            "Output files f1, f2, f5 have the same content: jobs 1, 2, 5; two people may have got "
            "the same document.",
        ),
        (
            "identical-documents",
            "10",
            None,
            "Output files f3, f4 have the same content: jobs 3, 4; two people may have got the "
            "same document.",
        ),
    ]


def test_one_file_of_several_jobs_is_not_identical_to_itself():
    shared = twins("1", "2", output_file_id="f", output_file_version_id="v")
    assert [rule for rule, *_ in findings(*shared)] == []
    assert len(findings(*shared, *twins("3"))) == 1


def test_two_files_of_one_job_that_appears_twice_are_not_two_documents():
    assert findings(*twins("1"), *twins("1", output_file_id="other")) == []


def test_slow_documents_are_one_finding_for_each_batch():
    found = findings(
        document("1", duration_s=4000.0),
        document("2", duration_s=10_981.4),
        document("3", duration_s=3600.0),
        document("4", duration_s=3600.5, batch_id="11"),
        document("5", duration_s=-20.0, batch_id="12"),
    )
    slow = "took longer than 3,600 s; the slowest, of job"
    assert found == [
        (
            "slow-document",
            "10",
            None,
            f"2 documents {slow} 2, took 10,981.4 s (3 h). {DURATION_IS_INFERRED}",
        ),
        (
            "slow-document",
            "11",
            None,
            f"1 document {slow} 4, took 3,600.5 s (60 min). {DURATION_IS_INFERRED}",
        ),
    ]


# --- what is not known -------------------------------------------------------------------------


def test_no_rule_passes_for_documents_that_were_not_checked():
    unknown = [without_document(one, found=None) for one in "234"]
    none_found = lacks(read(document("1"), *unknown, failed("5")))
    assert set(none_found.values()) == {("not evaluated", "documents (3 not checked)")}
    found = lacks(read(without_document("1"), *unknown))
    assert found["missing-document"] == ("found", "documents (3 not checked)")


@pytest.mark.parametrize(
    ("column", "rules"),
    [
        ("output_file_size_bytes", {"empty-document", "identical-documents"}),
        ("output_file_sha1", {"identical-documents"}),
        ("duration_s", {"slow-document"}),
        ("output_file_name", set()),
    ],
)
def test_a_rule_needs_its_value_of_every_document_that_exists(column, rules):
    reading = read(document("1"), document("2", **{column: None}), without_document("3"))
    gaps = {rule: gap for rule, (_, gap) in lacks(reading).items() if gap}
    assert gaps == dict.fromkeys(rules, f"{column} of 1 document")
    absent = lacks(reading.jobs.drop(column))
    gaps = {rule: gap for rule, (_, gap) in absent.items() if gap}
    assert gaps == dict.fromkeys(rules, f"documents ({column})")


def test_a_column_of_documents_in_another_dtype_is_refused():
    with pytest.raises(InvalidRequest, match="another dtype: output_file_found"):
        bx.audit(read(document()).jobs.with_columns(output_file_found=pl.lit("yes")))
