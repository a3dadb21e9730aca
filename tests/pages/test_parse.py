"""The bytes of a page become a complete typed frame, or an error that names the problem."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from bodies import JOB, body, job
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_reader import Refused, reference

from boxdocgen_explore.emulator import plain_job
from boxdocgen_explore.emulator.enterprise import FULL_ONLY
from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.pages import frames
from boxdocgen_explore.schema import DETAILS, JOBS


def standard(number: int) -> dict[str, Any]:
    """A job, as in ``/docgen_batch_jobs/:batch_id``."""
    return {k: v for k, v in plain_job("1001", number).items() if k not in FULL_ONLY}


FIELDS = (
    '"id":"9"', '"status":"failed"', r'"st\u0061tus":"failed"', '"name":":"', '"limit":5',
    '"priority":1.5', '"priority":{"a":1,"a":2}', '"priority":[{"a":":"},null]', '"type":"x"',
    r'"a\u003ab":"\u003A\\u003a"', r'"\ud800":1', r'"we\"ird\n":1e5', '"entries":[]',
    '"failures":{"errors":["\\"a\\":b"],"warnings":null,"more":1}', '"__init__":1', '"":0',
)  # fmt: skip
VALUES = (
    "null", '""', '"x"', "5", "-0", "1.5", "1e5", "true", "[]", "{}", '["a",null,5,"\\u0000"]',
    "[[]]", r'"\u0000"', r'"a\ud800"', r'"\ud83d\ude00\udc00"', r'"\\ud800"', '{"id":"7","a":":"}',
    "123456789012345678901234567890", "NaN", '"]}"', '"\u00fc: "',
)  # fmt: skip


@st.composite
def nearly_documented(draw: st.DrawFn) -> bytes:
    """A documented page with a few fields added, and a few values replaced."""
    entries = [standard(n) for n in range(draw(st.integers(0, 3)))]
    page = {"entries": entries, "limit": 1000, "next_marker": "m:"}
    text = json.dumps(page, indent=draw(st.sampled_from([None, 1])))
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            places = [match.end() for match in re.finditer(r"\{(?=\s*\")", text)]
            inserted = draw(st.sampled_from(FIELDS)) + ","
            start = end = draw(st.sampled_from(places))
        else:
            values = re.finditer(r'(?<=: )("[^"\\]*"|\d+|null|\[\]|\{[^{}]*\})', text)
            start, end = draw(st.sampled_from([match.span() for match in values]))
            inserted = draw(st.sampled_from(VALUES))
        text = text[:start] + inserted + text[end:]
    return text.encode()


@settings(max_examples=4 * settings.default.max_examples)
@given(nearly_documented())
def test_the_parser_agrees_with_a_slow_reader_on_every_page_or_both_refuse_it(page: bytes) -> None:
    try:
        expected = reference(page)
    except (Refused, ValueError):
        with pytest.raises(BrokenPage):
            frames.page(page)
    else:
        parsed = frames.page(page)
        got = (parsed.rows.to_dicts(), parsed.next_marker, parsed.limit, parsed.unknown_fields)
        assert got == expected


# --- accepted pages ------------------------------------------------------------------------------


def test_every_documented_field_of_a_job_becomes_a_column() -> None:
    given_job = plain_job("1001", 3) | {
        "status": "failed",
        "external_id": "HR-1",
        "failures": {"errors": ["no {{tag}}"], "warnings": []},
    }
    page = frames.full_page(body(given_job, limit=1000, next_marker="m"))
    assert (page.next_marker, page.limit, page.unknown_fields) == ("m", 1000, [])
    assert page.rows.columns == [name for name in [*JOBS, *DETAILS] if name != "origin"]
    row = page.rows.row(0, named=True)
    assert row["job_id"] == "1001000003"
    assert row["errors"] == ["no {{tag}}"]
    assert row["warnings"] == []
    assert row["external_id"] == "HR-1"
    assert row["created_at"].isoformat() == "2026-11-03T02:14:03+00:00"
    assert None not in row.values()


def test_failures_that_are_null_stay_null_and_empty_ones_stay_empty() -> None:
    some = [{"errors": [], "warnings": None}, None, {"errors": ["a", None], "warnings": []}]
    page = frames.page(body(*({**JOB, "failures": one} for one in some), JOB))
    assert page.rows["errors"].to_list() == [[], None, ["a", None], None]
    assert page.rows["warnings"].to_list() == [None, None, [], None]


def test_an_unknown_status_comes_through_unharmed() -> None:
    assert frames.page(job(status="archived")).rows["status"].to_list() == ["archived"]


def test_numbers_become_the_text_of_an_id() -> None:
    rows = frames.page(body({**JOB, "id": 7}, {**JOB, "id": 10**30}, JOB)).rows
    assert rows["job_id"].to_list() == ["7", str(10**30), "7"]


def test_an_empty_id_counts_as_missing() -> None:
    ids = ("output_file", "output_file_version", "template_file", "template_file_version")
    rows = frames.page(body({**JOB, **{name: {"id": ""} for name in ids}}, JOB)).rows
    assert rows.select(f"{name}_id" for name in ids).null_count().row(0) == (2, 2, 2, 2)
    created_by = {"id": "", "name": "", "login": ""}
    full = frames.full_page(job(created_by=created_by, external_id="", output_type="")).rows
    given_texts = full.select("created_by_name", "external_id", "output_type").row(0)
    assert (full["created_by_id"].item(), given_texts) == (None, ("", "", ""))


@pytest.mark.parametrize(
    ("previous", "named"), [(None, False), ("", False), ("0", True), ("m\0", True)]
)
def test_a_page_says_if_box_names_one_before_it(previous: str | None, named: bool) -> None:
    assert frames.page(body(prev_marker=previous)).names_previous is named


@pytest.mark.parametrize("end", [{"next_marker": None}, {"next_marker": ""}, {}])
def test_each_of_the_three_end_markers_is_an_end(end: dict[str, Any]) -> None:
    assert frames.page(body(**end)).next_marker is None


def test_half_a_surrogate_pair_in_a_message_becomes_a_replacement_character() -> None:
    page = frames.page(job(failures={"errors": ["a\ud800b"], "warnings": []}, external_id="\ud800"))
    assert page.rows.select("errors", "external_id").row(0) == (["a\ufffdb"], "\ufffd")


def test_parsing_imports_nothing() -> None:
    """polars would import numpy to convert other types, slowly and in a worker thread."""
    code = f"""
import sys
from boxdocgen_explore.pages import frames
before = set(sys.modules)
frames.full_page({body(JOB, {**JOB, "id": 8, "failures": {"errors": ["a", 5]}})!r})
print(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- fields that Box may add ---------------------------------------------------------------------


@pytest.mark.parametrize("entry", range(3))
def test_unknown_fields_are_named_wherever_they_are(entry: int) -> None:
    entries: list[dict[str, Any]] = [standard(n) for n in range(3)]
    entries[entry]["priority"] = {"a": 1}
    entries[entry]["output_file"]["name"] = "n"
    page = frames.page(body(*entries, next=1))
    assert page.unknown_fields == ["next", "output_file.name", "priority"]
    assert page.rows.equals(frames.page(body(*map(standard, range(3)))).rows)


# --- refused pages -------------------------------------------------------------------------------

ENTRY = '{"id":"7","batch":{"id":"1001"},"status":"failed"}'
DUPLICATES = {
    "a field of an entry": '{"entries":[{"id":"7","id":"8","batch":{"id":"1"},"status":"x"}]}',
    "with the same value": '{"entries":[{"id":"7","id":"7","batch":{"id":"1"},"status":"x"}]}',
    "hidden by an escape": ENTRY.replace('"status"', r'"st\u0061tus":"failed","status"'),
    "inside an entry": ENTRY.replace('"1001"', '"1001","id":"1001"'),
    "an unknown field": ENTRY.replace('"id"', '"new":1,"new":1,"id"', 1),
    "inside an unknown field": ENTRY.replace('"id"', '"new":[{"a":1,"a":1}],"id"', 1),
    "in the last entry": ENTRY + "," + ENTRY.replace('"id"', '"id":"8","id"', 1),
    "after a hidden colon": ENTRY.replace('"id"', r'"new":"\u003a","id":"8","id"', 1),
    "after a hidden quote": ENTRY.replace('"id"', r'"new":"\u0022:","id":"8","id"', 1),
    # When it is encoded again, the number is longer by as much as is lost.
    "beside a long number": ENTRY.replace('"id"', '"new":1e15,"id":"876543","id"', 1),
    "the entries": '{"entries":[],"entries":[' + ENTRY + "]}",
    "the marker": '{"entries":[],"next_marker":"m","next_marker":null}',
    "the limit, with blanks": '{ "entries" : [ ] , "limit" : 1 , "limit" : 1 }',
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_a_duplicate_key_is_refused_wherever_it_is(name: str) -> None:
    page = DUPLICATES[name]
    page = page if page.startswith(("{ ", '{"entries')) else '{"entries":[' + page + "]}"
    with pytest.raises(BrokenPage, match=r"'\w+' appears twice"):
        frames.page(page.encode())


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (b"<html>Sign in</html>", "not JSON; it begins '<html>Sign in</html>'"),
        (b"", "not JSON"),
        (b"{}", "^entries is missing"),
        (b"[]", "^the body should be an object, not a list"),
        (body() + b"{}", "not JSON"),
        (b'{"entries": null}', "^entries should be a list, not null"),
        (body(None), "^entry 1 should be an object, not null"),
        (body(JOB, {"id": "8", "batch": {"id": "1"}}), "^status of entry 2 is missing"),
        (body(JOB, {"id": "8", "batch": {}, "status": "x"}), "^batch.id of entry 2 is missing"),
        (job(id=True), "^id of entry 1 should be a text, not true or false"),
        (body(JOB, {**JOB, "id": ""}), "^id of entry 2 should be a text, not ''"),
        (body(JOB, {**JOB, "id": "a\0"}), "^id of entry 2 should be a text, not 'a"),
        (job(status="\ud800"), "^status of entry 1"),
        (job(batch={"id": None}), "^batch.id of entry 1 should be a text, not null"),
        (job(output_file={"id": 1.5}), "^output_file.id of entry 1 should be a text, not a number"),
        (job(output_file="7"), "^output_file of entry 1 should be an object, not a text"),
        (job(output_type={"a": 1}), "^output_type of entry 1 should be a text, not an object"),
        (job(failures={"errors": "a"}), "^failures.errors of entry 1 should be a list"),
        (job(failures={"errors": [{}]}), "^failures.errors of entry 1 should be a text, not an"),
        (body(JOB, {**JOB, "type": "docgen_batch"}), "^type of entry 2 is 'docgen_batch', another"),
        (job(batch={"id": "1", "type": "file"}), "^batch.type of entry 1 is 'file', another type"),
        (
            job(output_file={"id": "7", "type": "folder"}),
            "^output_file.type of entry 1 is 'folder'",
        ),
        (job(output_file={"id": "7", "type": 5}), "^output_file.type of entry 1 should be a text"),
        (body(next_marker=5), "^next_marker should be a text, not a number"),
        (body(next_marker="\ud800"), "^next_marker is a text, but not a valid one"),
        (body(limit=10**30), "^limit is a number, but not a valid one"),
        (body(limit=-1), "^limit is a number, but not"),
        (body(limit=True), "^limit should be a number, not true or false"),
    ],
)
def test_an_error_names_the_field_and_the_entry(broken: bytes, named: str) -> None:
    with pytest.raises(BrokenPage, match=named):
        frames.page(broken)


def test_objects_of_every_list_must_have_the_type_that_box_documents() -> None:
    for parse, page in (
        (frames.full_page, job(created_by={"id": "1", "type": "group"})),
        (frames.full_page, job(enterprise={"id": "1", "type": "user"})),
        (frames.template_page, body({"file": {"id": "1", "type": "folder"}, "file_name": "a"})),
        (
            frames.item_page,
            body({"id": "1", "type": "file", "parent": {"id": "2", "type": "file"}}),
        ),
    ):
        with pytest.raises(BrokenPage, match="another type than Box documents"):
            parse(page)


@pytest.mark.parametrize("text", [r'"status"\u003a "failed"', r'"status":"\ud80"', r'"a\u003a'])
def test_an_escape_that_turns_invalid_text_into_json_is_refused(text: str) -> None:
    page = '{"entries":[{"id":"7","batch":{"id":"1"},"status":"failed",' + text + "}]}"
    with pytest.raises(BrokenPage, match="not JSON"):
        frames.page(page.replace('"status":"failed",', "", 1).encode())


@pytest.mark.parametrize("time", ["yesterday", "2026-01-01", "+12345-01-01T00:00:00Z"])
def test_an_invalid_time_is_refused_with_its_entry(time: str) -> None:
    entries = [{**JOB, "created_at": one} for one in (None, "2026-01-01T00:00:00Z", time)]
    with pytest.raises(BrokenPage, match=r"^created_at of entry 3 should be a time"):
        frames.full_page(body(*entries))


def test_a_page_in_another_encoding_is_broken_and_not_empty() -> None:
    with pytest.raises(BrokenPage):
        frames.page(job().decode().encode("utf-16"))
