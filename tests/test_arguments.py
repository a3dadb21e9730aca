"""Invalid arguments are refused before any request."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pytest
from frames import documented, jobs_frame
from hypothesis import given, settings
from hypothesis import strategies as st

import boxdocgen_explore as bx
from boxdocgen_explore import cache, errors
from boxdocgen_explore.box import Box, RetryPolicy, connect
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator


@pytest.mark.parametrize(
    "ids",
    [
        *("", "10 01", " 1001", "..", ".", "1\n2", "1\0", "\ud800", "9" * 10_000),
        *(None, 1.5, True, b"1001"),
        *(["1001", ""], ["1001", None], [["1001"]], {"1001": 1}.items()),
    ],
)
def test_invalid_ids_are_refused_before_anything_is_sent(
    emulator: Emulator, box: Box, ids: Any
) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        box.read(ids)
    assert len(str(caught.value)) < 200
    assert emulator.calls == []


@pytest.mark.parametrize(
    "batch_id", ["1/../1001", "1001?x=1", "1001#", "%2e%2e", "ü", "'--", "1001/"]
)
def test_odd_ids_are_sent_as_they_are_and_not_found(
    emulator: Emulator, box: Box, batch_id: str
) -> None:
    with pytest.raises(errors.NotFound, match="service account"):
        box.read(batch_id)
    assert box.cached() == []
    assert emulator.calls[-1].path.startswith("/docgen_batch_jobs/")
    assert emulator.calls[-1].query == {"limit": "1000"}


@pytest.mark.parametrize("limit", [0, -1, 1001, "x", None, 1.0, True])
def test_invalid_limits_are_refused(emulator: Emulator, box: Box, limit: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="1 to 1000"):
        box.read("1001", limit=limit)
    assert emulator.calls == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("base_url", ["", "api.box.com", "ftp://api.box.com", "http://", "http://[", None, 5]),
        ("base_url", ["https://me:secret@api.box.com/2.0", "https://api.box.com/2.0?x=1"]),
        ("base_url", ["http://host:99999"]),
        ("calls_per_minute", [0, -1, "x", True, 1.5]),
        ("as_user", ["", "1\n2", "ü\n", True, 1.5, ".."]),
    ],
)
def test_invalid_arguments_of_a_connection_are_refused(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(errors.InvalidRequest, match=name.removeprefix("as_")) as caught:
            connect("t", **{name: value})
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("template_id", ["", "..", None, 1.5])
def test_invalid_template_ids_are_refused(box: Box, template_id: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="template id"):
        box.tags(template_id)


@given(st.text(st.characters(exclude_categories=()), max_size=12))
def test_any_text_as_id_stays_one_segment_of_the_path_or_is_refused(
    emulator: Emulator, box: Box, text: str
) -> None:
    before = len(emulator.calls)
    try:
        box.read(text)
    except errors.InvalidRequest:
        assert len(emulator.calls) == before
    except errors.NotFound:
        *_, ids = emulator.calls[-1].path.split("/docgen_batch_jobs/")
        assert unquote(ids) == text
        assert not {*ids} & {*"/?#'\\ "}


# --- every argument of every public function -----------------------------------------------------

WEST = dt.timezone(dt.timedelta(hours=-9))
MOST = int(os.environ.get("BOXDOCGEN_ODD_CALLS", 3 * settings.default.max_examples))
"""More of them take minutes."""
NOW = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
STATE = {"text": "", "status": []}
ODD = [
    *(math.nan, math.inf, -math.inf, 1e300, -1, 0, 1.5, 10**30, 10**5000, -(10**5000)),
    *(True, b"1001", object(), int, [[]], {}, (), "", "\0", "a\0b", "\ud800", "~nosuchuser/x"),
    *("x" * 300, "漢", "http://", dt.timedelta.min, dt.timedelta.max),
    *(dt.datetime.min, dt.datetime.max, dt.datetime.max.replace(tzinfo=WEST)),
    *(dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)),
]
odd_values = st.one_of(
    *(st.sampled_from(ODD), st.floats(), st.integers(), st.binary(max_size=3)),
    st.text(st.characters(exclude_categories=()), max_size=5),
    st.lists(st.sampled_from(ODD), max_size=2),
)


def calls(box: Box, folder: Path) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Public functions, each with arguments of which one at a time is replaced."""
    path, jobs = folder / "audit.html", box.read([]).jobs
    connecting = ("base_url", "cache_dir", "as_user", "user", "calls_per_minute", "ttl_s", "retry")
    thresholds = ("max_failed_share", "running_hours", "slow_document_s", "unique_external_ids")
    rules = ("rules", "expected", "templates", "tags", "approved_versions", "now", "creators")
    paging: dict[str, Any] = dict.fromkeys(["cancelled", "progress"])
    given = {"url": folder / "archive", "storage_options": None}
    auditing: dict[str, Any] = dict.fromkeys([*rules, *thresholds])
    report = {name: auditing[name] for name in ("expected", "now", "rules")}
    report |= dict.fromkeys(["title", "scope", "templates", "state", "columns"])
    made = {"n": 1, "seed": 1, "by": None}
    return {
        "connect": (connect, dict.fromkeys(["token", *connecting])),
        "RetryPolicy": (RetryPolicy, asdict(RetryPolicy())),
        "renew": (box.renew, {"token": DEMO_TOKEN}),
        "read": (box.read, {"ids": [], "limit": 9, "max_age": None, **paging}),
        "watch": (lambda **o: next(box.watch(**o)), {"ids": [], "every": 1, "until": None}),
        "batches": (box.batches, {"since": NOW, "on_partial": None, **paging}),
        "tags": (box.tags, {"template_id": "1", "version_id": None}),
        "archive": (box.archive, given),
        "transitions": (box.transitions, {"ids": []}),
        "clear": (cache.clear, {"folder": folder / "none", "older_than": None}),
        "report": (lambda **o: bx.report(jobs, **o), {"path": path, "notes": (), **report}),
        "read_report": (bx.read_report, {"path": path}),
        "explore": (bx.explore, {"what": jobs, "templates": None, "state": STATE}),
        "audit": (lambda **o: bx.audit(jobs, **o), auditing),
        "sample": (lambda **o: bx.sample(jobs, **o), made),
        "sample_recipe": (bx.sample_recipe, made),
        "resubmission": (bx.resubmission, {"reading": jobs, "expected": None}),
        "compare": (bx.compare, {"before": jobs, "after": jobs}),
    }


def odd_call(name: str, argument: str, value: Any, box: Box, folder: Path) -> str:
    """Call with one odd argument and return the outcome."""
    function, arguments = calls(box, folder)[name]
    arguments = {key: one for key, one in arguments.items() if one is not None}
    try:
        function(**{**arguments, argument: value})
    except errors.InvalidRequest as error:
        str(error).encode()
        return "refused"
    except (errors.NoCredentials, errors.NotFound, errors.NotCached, StopIteration):
        pass  # a valid argument, for which there is nothing
    return "works"


@pytest.mark.trust
@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=MOST)
@given(st.data())
def test_an_odd_argument_works_or_is_refused_before_anything_is_sent(
    emulator: Emulator,
    connected: Callable[..., Box],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: st.DataObject,
) -> None:
    monkeypatch.chdir(tmp_path)  # an odd text may be the name of a folder
    with connected() as box:
        public = calls(box, tmp_path)
        name = data.draw(st.sampled_from(sorted(public)))
        argument = data.draw(st.sampled_from(sorted(public[name][1])))
        before = len(emulator.calls)
        if odd_call(name, argument, data.draw(odd_values), box, tmp_path) == "refused":
            assert emulator.calls[before:] == []


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        *[("RetryPolicy", "attempts"), ("archive", "url"), ("audit", "now")],
        *[("clear", "older_than"), ("connect", "cache_dir"), ("connect", "ttl_s")],
        ("explore", "templates"),
        *[("read", "ids"), ("read", "max_age"), ("report", "path"), ("report", "title")],
        *[("sample", "n"), ("sample", "seed"), ("watch", "every"), ("watch", "until")],
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_each_odd_value_works_or_is_refused(
    box: Box, tmp_path: Path, name: str, argument: str, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in ODD:
        odd_call(name, argument, value, box, tmp_path)


@pytest.mark.parametrize(
    "convert",
    [pl.DataFrame.lazy, pl.DataFrame.to_arrow, lambda frame: frame.to_arrow().to_pandas()],
    ids=["lazy", "pyarrow", "pandas"],
)
def test_frames_of_other_libraries_are_accepted_as_those_of_polars(convert, tmp_path):
    jobs = jobs_frame([{"status": "failed", "errors": ["Row 3 is empty."]}, {"errors": []}])
    other = convert(jobs)
    assert bx.analysis.reasons(other).equals(bx.analysis.reasons(jobs))
    assert bx.audit(other).equals(bx.audit(jobs))
    assert bx.explore(other).jobs.equals(jobs)
    assert bx.charts.outcomes(other).to_dict() == bx.charts.outcomes(jobs).to_dict()
    assert bx.read_report(bx.report(other, tmp_path / "audit.html").path).equals(jobs)


def test_whole_numbers_with_nulls_may_be_floats_as_in_pandas():
    jobs = documented(jobs_frame([{"output_file_id": None}, {"output_file_id": "5"}]))
    other = jobs.to_arrow().to_pandas()
    assert str(other["output_file_size_bytes"].dtype) == "float64"
    assert bx.audit(other).equals(bx.audit(jobs))
    other["output_file_size_bytes"] += 0.5
    with pytest.raises(errors.InvalidRequest, match="output_file_size_bytes"):
        bx.audit(other)
