"""Documents in a report: the checked ones, Box's answers, and redaction."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from frames import HOSTILE, chain, document, failed, read, without_document
from polars.testing import assert_frame_equal
from report_text import contents, plain

import boxdocgen_explore as bx
from boxdocgen_explore import reporting
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator
from boxdocgen_explore.errors import InvalidRequest, Reading, Unreachable
from boxdocgen_explore.schema import DOCUMENT_PAGES, DURATION_IS_INFERRED

ANSWER = {
    "endpoint": "/files/:id",
    "id": "f1",
    "page": 1,
    "status": 200,
    "entries": 1,
    "from_cache": False,
    "box_request_id": "request-1",
    "body_sha256": "digest-1",
}


def answers(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([ANSWER | row for row in rows], schema=DOCUMENT_PAGES)


def with_answers(*jobs: dict[str, Any], pages: pl.DataFrame | None = None) -> Reading:
    return replace(read(*jobs), document_pages=answers({}) if pages is None else pages)


@pytest.fixture
def looked_at(box: Box) -> Reading:
    return box.read(["1001", "1003"], documents=True, details=True)


# --- the evidence ------------------------------------------------------------------------------


def test_every_answer_about_documents_is_listed_with_its_evidence(looked_at, written):
    text = plain(written(looked_at))
    assert looked_at.document_pages.height > 2
    for page in looked_at.document_pages.iter_rows(named=True):
        assert page["box_request_id"] in text
        assert page["body_sha256"] in text
        assert f"{page['endpoint']} {page['id']} {page['page']} 200" in text
    assert "35 documents: 35 found, 0 not found, 0 not checked." in text
    assert f"{looked_at.document_pages.height} answers from Box, 0 cached." in text
    assert f"Durations {DURATION_IS_INFERRED}" in text
    assert f"Calls {looked_at.calls} calls to Box for these batches, including retries." in text


def test_many_answers_are_folded_and_a_few_are_open(written):
    few, many = (with_answers(document(), pages=answers(*[{}] * n)) for n in (12, 13))
    assert "<details open>\n<summary>12 answers about documents" in written(few)
    assert "<details>\n<summary>13 answers about documents" in written(many)


def test_documents_that_were_not_found_or_not_checked_are_counted(written):
    jobs = [document("1"), without_document("2"), without_document("3", found=None), failed("4")]
    refused = {"id": "f3", "status": 403, "entries": 0, "fetched_at": None, "body_sha256": None}
    text = plain(written(with_answers(*jobs, pages=answers({}, refused))))
    assert "3 documents: 1 found, 1 not found, 1 not checked." in text
    assert "/files/:id f3 1 403 0" in text


def test_without_documents_the_file_says_nothing_of_them(reading, written):
    text = written(reading)
    assert not {"Documents", "Durations"} & set(re.findall(r"<dt>(\w+)</dt>", text))
    assert "answers about documents" not in text
    assert '"document_pages":null' in text


def test_a_plain_frame_with_documents_has_no_evidence_of_them(written):
    text = plain(written(read(document()).jobs))
    assert "1 document: 1 found, 0 not found, 0 not checked." in text
    assert "No evidence: it is not known how they were read." in text


# --- the verdict -------------------------------------------------------------------------------


def test_requested_documents_that_were_not_checked_leave_the_audit_incomplete():
    jobs = [document("1"), without_document("2", found=None)]
    result = reporting.run_audit(with_answers(*jobs))
    rules = "missing-document, empty-document, identical-documents"
    assert f"(requested: {rules})" in result.verdict
    assert result.conclusion == "Checks not performed"
    assert not result.complete


def test_documents_without_details_do_not_ask_for_durations():
    reading = with_answers(document())
    jobs = reading.jobs.drop("created_at", "duration_s")
    assert reporting.run_audit(replace(reading, jobs=jobs)).complete
    asked = reporting.run_audit(replace(reading, jobs=jobs), slow_document_s=60)
    assert asked.unevaluated == ["slow-document"]


# --- read back ---------------------------------------------------------------------------------


def test_the_answers_are_in_the_file_and_can_be_read_back(tmp_path, looked_at):
    path = bx.report(looked_at, tmp_path / "audit.html").path
    back = bx.read_report(path, evidence=True)
    assert_frame_equal(back.pages, looked_at.pages)
    assert_frame_equal(back.document_pages, looked_at.document_pages)
    assert_frame_equal(back.jobs, bx.read_report(path))
    assert "all" in back.verdict
    assert "pages read" in back.verdict


def test_a_batch_that_could_not_be_read_is_not_complete_when_read_back(tmp_path):
    failures = {"11": Unreachable(f"No answer: {HOSTILE}")}
    broken = read(document(), pages=chain("10", 1), failures=failures)
    back = bx.read_report(bx.report(broken, tmp_path / "audit.html").path, evidence=True)
    assert list(back.failures) == ["11"]
    assert str(back.failures["11"]) == str(failures["11"])
    assert "INCOMPLETE" in back.verdict


@pytest.mark.parametrize("evidence", ["[5]", "{}", '[{"page":1}]', "null", "no JSON"])
def test_forged_evidence_is_our_own_error(tmp_path: Path, evidence: str) -> None:
    path = bx.report(read(document()), tmp_path / "audit.html").path
    text = path.read_text("utf-8")
    unsealed = re.sub(r'( id="boxdocgen-(?:text|digest)">)[^<]*<', r"\1<", text)
    forged = re.sub(r'( id="boxdocgen-pages">)[^<]*<', rf"\1{evidence}<", unsealed)
    path.write_text(reporting.embedded.sealed(forged)[0], "utf-8")
    with pytest.raises(InvalidRequest, match="its evidence cannot be unpacked"):
        bx.read_report(path, evidence=True)


# --- redaction ---------------------------------------------------------------------------------


def secret_reading() -> Reading:
    secret = {"output_file_name": "Dismissal Jane Roe.pdf", "output_file_id": "474747"}
    jobs = [document("1", output_file_size_bytes=0, **secret), document("2")]
    folder = {"endpoint": "/folders/:id/items", "id": "484848"}
    return with_answers(*jobs, pages=answers({"id": "474747"}, folder))


def test_names_of_documents_are_in_a_finding_unless_they_are_left_out(written):
    assert "Dismissal Jane Roe.pdf" in plain(written(secret_reading()))
    text = written(secret_reading(), redact="documents")
    assert "Jane Roe" not in contents(text)
    assert "Left out output_file_name: not in this file" in plain(text)
    assert "Output file 474747 is empty: 0 bytes." in plain(text)


def test_ids_that_are_left_out_are_not_among_the_answers(written):
    columns = ["batch_id", "job_id", "status"]
    text = contents(written(secret_reading(), columns=columns))
    assert not [secret for secret in ("474747", "484848", "Jane Roe") if secret in text]
    assert "/files/:id (left out)" in plain(text)
    only_folder = written(secret_reading(), columns=[*columns, "output_file_id"])
    assert ("474747" in only_folder, "484848" in only_folder) == (True, False)


def test_hostile_names_are_text_in_the_file(emulator: Emulator, box: Box, written) -> None:
    made = emulator.enterprise.documents("1003")[3].emptied()
    emulator.enterprise.changed = {made.id: replace(made, name=HOSTILE)}
    reading = box.read("1003", documents=True)
    assert HOSTILE in reading.jobs["output_file_name"].to_list()
    text = written(reading)
    assert "<img src=x" not in text
    cells = html.unescape(" ".join(re.findall(r"<td[^>]*>([^<]*)</td>", text)))
    assert '<img src=x onerror="alert(1)">\\u202egnp.' in cells
