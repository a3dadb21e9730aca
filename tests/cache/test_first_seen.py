"""When a status was first seen; implausible stored entries are ignored."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import polars as pl
import pytest
import requests

from boxdocgen_explore.cache import PageStore, remember, transitions
from boxdocgen_explore.schema import TRANSITIONS

AT = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)
JOBS = pl.DataFrame(
    [("1", "7", "pending"), ("1", "8", "completed")],
    schema=["batch_id", "job_id", "status"],
    orient="row",
)


def stored(content: bytes) -> PageStore:
    """A store whose entry for batch 1 was replaced with these bytes."""
    store = PageStore(None)
    remember(store, "box", "1", JOBS, AT)
    (key,) = store.keys()
    entry = requests.Response()
    entry.status_code, entry._content = 200, content
    store.save(key, entry, AT, None)
    return store


def parquet(*rows: tuple[object, ...]) -> bytes:
    content = io.BytesIO()
    pl.DataFrame([*rows], schema=TRANSITIONS, orient="row").write_parquet(content)
    return content.getvalue()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 9, b"\0" * 100])
def test_bytes_that_are_not_a_frame_are_ignored(content: bytes) -> None:
    assert transitions(stored(content), "box", "1") is None


def test_rows_without_a_time_or_twice_are_ignored() -> None:
    row = ("1", "7", "pending", AT)
    store = stored(parquet(row, row, ("1", "8", "completed", None)))
    found = transitions(store, "box", "1")
    assert found is not None
    assert found.rows() == [row]
    later = AT.replace(hour=3)
    remember(store, "box", "1", JOBS, later)
    again = transitions(store, "box", "1")
    assert again is not None
    assert again["first_seen_at"].to_list() == [AT, later]
