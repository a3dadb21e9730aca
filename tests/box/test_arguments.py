"""Arguments that are invalid are refused before anything is sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.emulator import Emulator


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
    "url",
    [
        "",
        "api.box.com",
        "ftp://api.box.com",
        "http://",
        "http://[",
        "https://me:secret@api.box.com/2.0",
        "https://api.box.com/2.0?x=1",
        "http://host:99999",
        None,
        5,
    ],
)
def test_invalid_addresses_are_refused(url: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="base_url"):
        connect("t", base_url=url)


@pytest.mark.parametrize("calls", [0, -1, "x", True, 1.5])
def test_invalid_call_rates_are_refused(calls: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="calls_per_minute"):
        connect("t", calls_per_minute=calls)


@pytest.mark.parametrize("as_user", ["", "1\n2", "ü\n", True, 1.5, ".."])
def test_invalid_users_are_refused(as_user: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="user id"):
        connect("t", as_user=as_user)


@pytest.mark.parametrize("template_id", ["", "..", None, 1.5])
def test_invalid_template_ids_are_refused(box: Box, template_id: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="template id"):
        box.tags(template_id)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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
