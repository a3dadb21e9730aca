"""One page's bytes become a typed frame, whole, or an error that says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from bodies import JOB, body, job, pages
from hypothesis import given
from hypothesis import strategies as st

from boxdocgen_explore.emulator import plain_job
from boxdocgen_explore.emulator.enterprise import FULL_ONLY
from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.pages import fields, frames, parse
from boxdocgen_explore.schema import BATCHES, DETAILS, JOBS


@given(pages)
def test_any_json_gives_a_row_for_each_entry_or_a_broken_page(page: Any) -> None:
    for read in (frames.page, frames.full_page, frames.template_page, frames.tag_page):
        try:
            parsed = read(json.dumps(page).encode())
        except BrokenPage:
            continue
        assert parsed.rows.height == len(page["entries"])
        said = [*parsed.rows.rows(), parsed.next_marker, parsed.limit, parsed.unknown_fields]
        json.dumps(said, ensure_ascii=False, default=str).encode()
        if parse is frames.page:
            assert parsed.rows["job_id"].to_list() == [str(job["id"]) for job in page["entries"]]
            assert (
                parsed.rows.null_count().select("job_id", "batch_id", "status").row(0) == (0,) * 3
            )


def as_json(page: Any, indent: int | None, ascii_only: bool) -> bytes:
    text = json.dumps(page, indent=indent, ensure_ascii=ascii_only)
    return text.encode("utf-8", "surrogatepass")


documented = st.lists(
    st.builds(
        lambda number, more: {**plain_job("1001", number), **more},
        st.integers(0, 9),
        st.dictionaries(
            st.sampled_from(["status", "output_file", "failures", "external_id", "created_at"]),
            st.sampled_from([None, "", "x\0", "ü\ud800", {"id": "7"}, {"errors": ["a"]}, True, 5]),
            max_size=1,
        ),
    ),
    max_size=4,
)


@given(documented, st.sampled_from([None, 1]), st.booleans(), st.booleans(), st.booleans())
def test_a_page_read_quickly_is_the_page_read_carefully(
    entries: list[Any], indent: int | None, ascii_only: bool, standard: bool, twice: bool
) -> None:
    """And what is refused carefully is never taken quickly."""
    if standard:
        entries = [{name: job[name] for name in job if name not in FULL_ONLY} for job in entries]
    page = as_json({"entries": entries, "limit": 9, "next_marker": "]["}, indent, ascii_only)
    if twice:
        page = page.replace(b'"status"', b'"status": "completed", "status"', 1)
    for form in (fields.JOB, fields.FULL_JOB):
        quick = parse._quickly(page, form)
        if quick is not None:
            careful = parse._carefully(page, form)
            assert quick.rows.equals(careful.rows)
            assert quick.rows.schema == careful.rows.schema
            for name in ("next_marker", "limit", "unknown_fields", "height", "texts"):
                assert getattr(quick, name) == getattr(careful, name)


def test_what_box_documents_is_read_quickly() -> None:
    job = plain_job("1001", 3)
    standard = {name: job[name] for name in job if name not in FULL_ONLY}
    for entries, form in (([standard], fields.JOB), ([job], fields.FULL_JOB), ([], fields.JOB)):
        for indent in (None, 2):
            page = as_json({"entries": entries, "next_marker": None}, indent, ascii_only=False)
            assert parse._quickly(page, form) is not None


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_give_a_page_or_a_broken_page(given_body: bytes) -> None:
    try:
        frames.page(given_body)
    except BrokenPage:
        return
    assert isinstance(json.loads(given_body)["entries"], list)


def test_a_job_of_box_comes_through_field_by_field() -> None:
    given_job = plain_job("1001", 3) | {
        "status": "failed",
        "external_id": "HR-1",
        "failures": {"errors": ["no {{tag}}"], "warnings": []},
    }
    page = frames.full_page(body(given_job, limit=1000, next_marker="m"))
    assert page.next_marker == "m"
    assert page.limit == 1000
    assert page.unknown_fields == []
    assert page.rows.columns == [name for name in [*JOBS, *DETAILS] if name != "origin"]
    row = page.rows.row(0, named=True)
    assert row["job_id"] == "1001000003"
    assert row["errors"] == ["no {{tag}}"]
    assert row["warnings"] == []
    assert row["external_id"] == "HR-1"
    assert row["created_at"].isoformat() == "2026-11-03T02:14:03+00:00"
    assert None not in row.values()


def test_failures_that_are_null_stay_null_and_empty_ones_stay_empty() -> None:
    page = frames.page(
        body(
            {**JOB, "failures": None},
            {**JOB, "failures": {"errors": [], "warnings": None}},
        )
    )
    assert page.rows.select("errors", "warnings").rows() == [(None, None), ([], None)]


def test_an_unknown_status_comes_through_unharmed() -> None:
    assert frames.page(job(status="archived")).rows["status"].to_list() == ["archived"]


def test_unknown_fields_are_named_inner_ones_too() -> None:
    page = frames.page(
        body({**JOB, "priority": 1, "output_file": {"id": "1", "name": "n"}}, next=1)
    )
    assert page.unknown_fields == ["next", "output_file.name", "priority"]


@pytest.mark.parametrize("end", [{"next_marker": None}, {"next_marker": ""}, {}])
def test_each_of_the_three_end_markers_is_an_end(end: dict[str, Any]) -> None:
    assert frames.page(body(**end)).next_marker is None


def test_an_empty_page_has_no_rows() -> None:
    assert frames.page(body()).rows.height == 0


def test_numbers_are_taken_as_ids() -> None:
    assert frames.page(job(id=7)).rows["job_id"].to_list() == ["7"]


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (b"<html>Sign in</html>", "<html>Sign in</html>"),
        (b"", "not JSON"),
        (b"{}", "entries"),
        (b"[]", "entries"),
        (body() + b"{}", "not JSON"),
        (b'{"entries": null}', "entries"),
        (body(None), "entry 1"),
        (body(JOB, {"id": "8"}), "status of entry 2|batch.id of entry 2"),
        (job(id=True), "^id of entry 1"),
        (job(id=""), "^id of entry 1"),
        (job(id="a\0"), "^id"),
        (job(status="\ud800"), "^status"),
        (job(batch={"id": None}), "^batch.id of entry 1"),
        (job(output_file={"id": True}), "output_file of entry 1"),
        (job(output_type={"a": 1}), "unexpected type"),
        (job(failures={"errors": [{}]}), "unexpected type"),
        (body(next_marker=5), "next_marker"),
        (body(next_marker="\ud800"), "next_marker"),
        (body(limit=10**30), "limit"),
        (body(limit=True), "limit"),
        (b'{"entries": [{"id":"7","id":"8","batch":{"id":"1"},"status":"failed"}]}', "two ways"),
        (b'{"entries": [], "entries": [{"id":"7","batch":{"id":"1"},"status":"x"}]}', "two ways"),
    ],
)
def test_what_the_api_does_not_promise_is_a_broken_page_that_names_the_field(
    broken: bytes, named: str
) -> None:
    with pytest.raises(BrokenPage, match=named):
        frames.page(broken)


def test_a_page_in_another_encoding_is_broken_and_not_empty() -> None:
    with pytest.raises(BrokenPage):
        frames.page(job().decode().encode("utf-16"))


def test_half_a_surrogate_pair_in_a_message_becomes_a_replacement_character() -> None:
    page = frames.page(job(failures={"errors": ["a\ud800b"], "warnings": []}, external_id="\ud800"))
    assert page.rows.select("errors", "external_id").row(0) == (["a\ufffdb"], "\ufffd")


def test_no_pages_make_an_empty_frame_with_all_columns() -> None:
    assert dict(frames.jobs([], "demo").schema) == JOBS


def test_details_are_joined_by_job_and_null_where_box_does_not_tell() -> None:
    jobs = frames.jobs([frames.page(body(JOB, {**JOB, "id": "8"})).rows], "demo")
    full = frames.full_jobs([frames.full_page(job(source="api")).rows])
    joined = frames.with_details(jobs, full)
    assert dict(joined.schema) == {**JOBS, **DETAILS}
    assert joined.select("job_id", "source").rows() == [("7", "api"), ("8", None)]


def test_a_job_that_moved_between_pages_counts_once_in_its_batch() -> None:
    one = frames.full_page(body(JOB, {**JOB, "id": "8", "status": "archived"})).rows
    batches = frames.batches(frames.full_jobs([one, one]))
    assert dict(batches.schema) == BATCHES
    assert batches.select("batch_id", "jobs", "failed", "other").rows() == [("1001", 2, 1, 1)]


def test_batches_come_newest_first_and_undated_ones_last() -> None:
    dated = [
        {**JOB, "id": batch, "batch": {"id": batch}, "created_at": created}
        for batch, created in [
            ("1", "2026-01-01T00:00:00Z"),
            ("2", None),
            ("3", "2026-01-02T01:00:00+01:00"),
        ]
    ]
    batches = frames.batches(frames.full_jobs([frames.full_page(body(*dated)).rows]))
    assert batches["batch_id"].to_list() == ["3", "1", "2"]
    assert batches["first_created_at"].dtype == pl.Datetime("us", "UTC")
