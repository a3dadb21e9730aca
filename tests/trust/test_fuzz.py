"""Any bytes from a server give all values, or one of our own errors."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bodies
import polars as pl
import pytest
from bodies import EXTREMES
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from slow_reader import Refused, reference

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator, plain_job
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest
from boxdocgen_explore.pages import frames
from boxdocgen_explore.reporting import embedded
from boxdocgen_explore.verdict import verdict

pytestmark = pytest.mark.trust

PARSERS = (frames.full_page, frames.template_page, frames.tag_page)
PLACES = {
    "batch_id": ("batch", "id"),
    "job_id": ("id",),
    "status": ("status",),
    "output_type": ("output_type",),
    "output_file_id": ("output_file", "id"),
    "template_file_id": ("template_file", "id"),
    "template_file_version_id": ("template_file_version", "id"),
    "errors": ("failures", "errors"),
    "warnings": ("failures", "warnings"),
    "external_id": ("external_id",),
}


MUTATIONS = int(os.environ.get("BOXDOCGEN_MUTATIONS", 50 * settings.default.max_examples))
"""Two hundred thousand take some minutes: set the variable for them."""

TOKENS = (
    *"{}[],:\"\\ 0-.eE\0\n\t\x7f\ufeff\ud7ff", "null", "true", '""', '"id":"9",', '"a":{',
    '"type":', "\\u0022", "\\u003a", "\\ud800", "\\udc00", "\\u0000", "1e999", "9" * 20, "NaN",
    '"next_marker":null,', '"prev_marker":"p",', '"limit":', '"failures":', "/**/", "'", "\\/",
)  # fmt: skip


def real_page(jobs: int) -> bytes:
    """A page as the emulator sends it, with messages, a failure and an escape."""
    entries = [plain_job("1001", number) for number in range(jobs)]
    entries[0] |= {
        "status": "failed",
        "output_file": None,
        "failures": {"errors": ["The tag 'a: \u2028' was not provided.", '"x":'], "warnings": []},
    }
    return json.dumps(
        {"entries": entries, "limit": 1000, "next_marker": "m:", "prev_marker": ""}
    ).encode()


def mutated(page: bytes, chance: random.Random) -> bytes:
    """The page after one to four changes of any kind: to bytes, tokens, or whole parts."""
    for _ in range(chance.choice([1, 1, 2, 4])):
        start = chance.randrange(len(page))
        end = min(len(page), start + chance.choice([0, 1, 1, 3, 20, 200]))
        other = chance.randrange(len(page))
        piece = {
            "delete": b"",
            "byte": bytes([chance.randrange(256)]),
            "token": chance.choice(TOKENS).encode("utf-8", "surrogatepass"),
            "again": page[start:end] * 2,
            "copy": page[other : other + chance.choice([1, 4, 40])],
        }[chance.choice(["delete", "byte", "token", "token", "again", "copy"])]
        page = page[:start] + piece + page[end:] or b" "
    return page


def answered(work: Callable[..., Any], *about: Any) -> Any:
    """The result; None if it is one of our own errors. Any other error fails the test."""
    try:
        return work(*about)
    except BoxDocGenError:
        return None


def assert_all_values(body: bytes, rows: pl.DataFrame) -> None:
    """Every value of the body is in the frame, and the frame has no other."""
    entries = json.loads(body)["entries"]
    assert rows.height == len(entries)
    for column in PLACES.keys() & set(rows.columns):
        values = [_at(entry, PLACES[column]) for entry in entries]
        for value, cell in zip(values, rows[column].to_list(), strict=True):
            _assert_same(value, cell)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _assert_same(value: Any, cell: Any) -> None:
    if isinstance(value, list):
        assert isinstance(cell, list)
        for one, its in zip(value, cell, strict=True):
            _assert_same(one, its)
    elif isinstance(value, str):
        assert cell == re.sub("[\0\ud800-\udfff]", "\ufffd", value)
    elif type(value) is int:
        assert cell == str(value)
    else:
        assert (cell is None) == (value is None)


def count(jobs: pl.DataFrame) -> None:
    """Everything that is counted from jobs."""
    assert bx.verdicts(jobs).height == len(bx.RULES)
    bx.audit(jobs)
    bx.analysis.reasons(jobs)
    assert bx.analysis.outcomes(jobs)["jobs"].sum() == jobs.height
    verdict(jobs)


def draw_and_report(jobs: pl.DataFrame, folder: Path) -> None:
    """Everything that is drawn of jobs, laid out by Vega itself, and a report of them."""
    for chart in ("outcomes", "output_types", "reasons", "by_batch", "by_template"):
        getattr(bx.charts, chart)(jobs).to_dict()
    bx.explore(jobs).snapshot()
    path = folder / "audit.html"
    bx.report(jobs, path)
    assert_frame_equal(bx.read_report(path), jobs)


def parse_all(body: bytes) -> pl.DataFrame | None:
    """The jobs of a body, all of its values among them; None if it is refused."""
    for parse in PARSERS:
        answered(parse, body)
    parsed = answered(frames.page, body)
    if parsed is None:
        return None
    assert_all_values(body, parsed.rows)
    assert not any(parsed.rows.select("job_id", "batch_id", "status").null_count().row(0))
    return frames.jobs([parsed.rows], "box")


@given(
    st.one_of(
        bodies.pages.map(json.dumps).map(str.encode),
        bodies.job_pages.map(json.dumps).map(str.encode),
        st.binary(),
        st.text().map(str.encode),
    )
)
@settings(max_examples=4 * settings.default.max_examples)
def test_any_body_comes_through_with_every_value_or_is_our_own_error(body: bytes) -> None:
    parse_all(body)


def test_the_parser_agrees_with_a_slow_reader_on_mutated_pages_or_both_refuse_them() -> None:
    chance = random.Random(MUTATIONS)
    pages = [real_page(jobs) for jobs in (1, 2, 5)]
    taken = 0
    for _ in range(MUTATIONS):
        page = mutated(chance.choice(pages), chance)
        try:
            expected = reference(page)
        except (Refused, ValueError, RecursionError):
            assert answered(frames.page, page) is None, page
        else:
            parsed = frames.page(page)
            got = (parsed.rows.to_dicts(), parsed.next_marker, parsed.limit, parsed.unknown_fields)
            assert got == expected, page
            taken += 1
    assert MUTATIONS / 20 < taken < MUTATIONS / 2


@pytest.mark.parametrize("name", EXTREMES)
def test_an_extreme_comes_through_with_every_value_or_is_our_own_error(name: str) -> None:
    jobs = parse_all(EXTREMES[name])
    if jobs is not None:
        count(jobs)


@pytest.mark.parametrize(
    ("year", "zone"), [("+12345", "Z"), ("0000", "Z"), ("-0001", "Z"), ("0001", "+10:00")]
)
def test_a_time_beyond_the_range_of_python_is_our_own_error(year: str, zone: str) -> None:
    assert answered(frames.full_page, bodies.job(created_at=f"{year}-01-01T00:00:00{zone}")) is None


@given(bodies.job_pages)
def test_what_can_be_parsed_can_be_audited_and_counted(page: dict[str, Any]) -> None:
    jobs = parse_all(json.dumps(page).encode())
    if jobs is not None:
        count(jobs)


@pytest.mark.thorough
@given(bodies.job_pages)
@settings(max_examples=3)
def test_what_can_be_parsed_can_be_drawn_and_reported(tmp_path: Path, page: dict[str, Any]) -> None:
    jobs = parse_all(json.dumps(page).encode())
    if jobs is not None:
        draw_and_report(jobs, tmp_path)


@pytest.mark.thorough
def test_texts_of_megabytes_are_drawn_cut_and_reported_in_full(tmp_path: Path) -> None:
    long = "word " * (bodies.MANY // 5)
    jobs = parse_all(bodies.job(output_type=long, failures={"errors": [long], "warnings": []}))
    assert jobs is not None
    draw_and_report(jobs, tmp_path)


@given(st.one_of(bodies.job_pages, bodies.pages).map(json.dumps))
def test_a_server_that_sends_any_body_gives_a_complete_reading_or_our_own_error(
    emulator: Emulator, box: Box, text: str
) -> None:
    emulator.clear_faults()
    emulator.fault("other-body", path="/docgen_batch_jobs/1001", times=None, body=text)
    reading = answered(lambda: box.read("1001", refresh=True))
    if reading is not None:
        assert_all_values(text.encode(), reading.jobs)
        incomplete = bx.verdicts(reading).filter(rule="chain-incomplete")
        assert incomplete["verdict"].to_list() == ["passed"]
        count(reading.jobs)


def forged(payload: bytes) -> str:
    page = (
        '<script type="text/plain" id="boxdocgen-payload">'
        f"{base64.b64encode(payload).decode()}</script>"
        f'<script type="text/plain" id="boxdocgen-record">{embedded.packed_record({})}</script>'
        '<script type="application/json" id="boxdocgen-pages">[]</script>'
        '<script type="application/json" id="boxdocgen-text"></script>'
        '<code id="boxdocgen-digest"></code>'
    )
    return embedded.sealed(page)[0]


def heads() -> Iterator[Any]:
    column = {"name": "status", "values": ["a"], "width": 1, "derived": False}
    yield {"jobs": 2, "columns": [column]}
    yield {"jobs": -1, "columns": [column]}
    yield {"jobs": 1, "columns": [{**column, "name": "no such"}]}
    yield {"jobs": 1, "columns": [{**column, "values": [[{}], 5]}]}
    yield {"jobs": 1, "columns": [{**column, "width": 3}]}
    yield {"jobs": 1, "columns": [{**column, "values": []}]}
    yield {"columns": 5}
    yield []


@given(st.binary() | st.sampled_from([*heads()]) | bodies.anything)
def test_a_forged_report_is_read_or_is_our_own_error(tmp_path: Path, given_data: Any) -> None:
    payload = given_data
    if not isinstance(given_data, bytes):
        head = json.dumps(given_data).encode()
        payload = gzip.compress(len(head).to_bytes(4, "little") + head + b"\1")
    path = tmp_path / "forged.html"
    path.write_text(forged(payload), "utf-8")
    answered(bx.read_report, path)


def test_other_bytes_are_not_a_report(tmp_path: Path) -> None:
    for content in (b"", b"\xff" * 100, b"<html>", forged(b"").encode()[:-20]):
        path = tmp_path / "none.html"
        path.write_bytes(content)
        with pytest.raises(InvalidRequest, match="not a report"):
            bx.read_report(path)
