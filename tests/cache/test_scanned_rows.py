"""Scans of changing or damaged caches: no row is missing silently."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, IncompleteListWarning
from boxdocgen_explore.cache import PageStore, StoreWarning, frame_cache, frame_index

pytestmark = pytest.mark.trust

BATCHES = ["1001", "1003", "1004"]
Execute = Callable[..., list[Any]]


def rows_and_others(store: PageStore) -> tuple[int, list[str]]:
    """The number of stored rows, and the batches whose pages must be read."""
    root = store.keys()[0].rsplit("/", 4)[0] + "/"
    others: list[str] = []
    frames = frame_cache.rows(store, root, others)
    return sum(frame.collect().height for frame in frames), others


def test_rows_that_another_process_merges_before_they_are_read_are_not_missed(
    box: Box, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = box.read(BATCHES).jobs
    content = frame_index.content

    def late(*about: Any) -> bytes:
        execute("UPDATE frames SET file = 'merged'")
        execute("DELETE FROM frame_files")
        return content(*about)

    monkeypatch.setattr(frame_index, "content", late)
    assert box.scan().collect().sort("job_id").equals(jobs.sort("job_id"))


def test_a_batch_that_another_process_stores_while_files_are_counted_hides_no_other(
    connected: Callable[..., Box], execute: Execute, tmp_path: Path
) -> None:
    other = connected()
    for one in ("1001", "1003"):
        other.read(one)
    execute("DELETE FROM frames WHERE list LIKE '%/1003'")
    store = PageStore(next(tmp_path.rglob("pages.sqlite")))

    def meanwhile(statement: str) -> None:
        if "WITH chains" in statement and "1004" not in other.cached():
            other.read("1004")

    with closing(store):
        with store.database("") as database:
            database.set_trace_callback(meanwhile)
        assert rows_and_others(store) == (32, ["1003"])


def test_pages_are_scanned_if_the_tables_of_rows_are_missing_and_cannot_be_created(
    box: Box, execute: Execute, tmp_path: Path
) -> None:
    """Written by a version that stored no rows, and now on a read-only disk."""
    box.read(BATCHES)
    box.close()
    for table in ("frames", "frame_files"):
        execute(f"DROP TABLE {table}")
    path = next(tmp_path.rglob("pages.sqlite"))
    with (
        closing(PageStore(path, read_only=True)) as store,
        pytest.warns(StoreWarning, match="frames could not be listed"),
    ):
        assert rows_and_others(store) == (0, BATCHES)


def test_a_cache_that_cannot_be_listed_is_an_error_and_no_empty_scan(
    box: Box, execute: Execute, tmp_path: Path
) -> None:
    box.read(BATCHES)
    with closing(PageStore(next(tmp_path.rglob("pages.sqlite")), read_only=True)) as store:
        root = store.keys()[0].rsplit("/", 4)[0] + "/"
        box.close()
        execute("DROP TABLE responses")
        with (
            pytest.warns(StoreWarning, match="could not be listed"),
            pytest.raises(errors.StoreError, match="its pages cannot be listed"),
        ):
            next(frame_cache.rows(store, root, []))


def test_a_damaged_key_hides_no_other_batch(box: Box, execute: Execute) -> None:
    box.read(BATCHES)
    execute("UPDATE responses SET key = replace(key, '1003', CAST(x'31ff' AS TEXT))")
    execute("DELETE FROM frames")
    with pytest.warns(IncompleteListWarning, match="1 batch left out"):
        assert box.scan().collect().height == 32


def test_batches_that_an_index_no_longer_finds_are_scanned_from_their_rows(
    connected: Callable[..., Box], execute: Execute, tmp_path: Path
) -> None:
    """A flipped bit in a key hides later keys from range queries."""
    with connected() as box:
        jobs = box.read(BATCHES).jobs
    path = next(tmp_path.rglob("pages.sqlite"))
    ((page,),) = execute(
        "SELECT rootpage FROM sqlite_master WHERE name LIKE '%autoindex_responses%'"
    )
    ((size,),) = execute("PRAGMA page_size")
    content = bytearray(path.read_bytes())
    place = content.index(b"/1003/", (page - 1) * size, page * size)
    content[place + 1] = 0xFF
    path.write_bytes(content)
    assert connected().scan().collect().sort("job_id").equals(jobs.sort("job_id"))
