"""All cached batches as one lazy frame."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from batch import damage_pages
from clock import age

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, IncompleteListWarning
from boxdocgen_explore.emulator import Emulator, plain_job
from boxdocgen_explore.schema import JOBS

BATCHES = ["1001", "1003", "1004"]


def test_a_scan_has_every_cached_job_and_asks_box_for_nothing(emulator: Emulator, box: Box) -> None:
    jobs = box.read(BATCHES).jobs
    calls = len(emulator.calls)
    age(box, days=3)
    scanned = box.scan()
    assert dict(scanned.collect_schema()) == JOBS
    assert scanned.collect().sort("job_id").equals(jobs.sort("job_id"))
    assert scanned.collect(engine="streaming").height == 42
    assert len(emulator.calls) == calls


def test_a_scan_answers_what_a_frame_would(box: Box) -> None:
    jobs = box.read(BATCHES).jobs
    scanned = box.scan()
    for ask in (
        lambda frame: frame.group_by("batch_id").len().sort("batch_id"),
        lambda frame: frame.filter(batch_id="1003").select("job_id"),
        lambda frame: frame.filter(pl.col("batch_id") == "1004", pl.col("status") == "failed"),
        lambda frame: frame.select(pl.col("errors").list.len().sum()),
    ):
        assert ask(scanned).collect().equals(ask(jobs))
    assert scanned.head(13).collect().height == 13
    assert scanned.select("status").head(30).collect().width == 1


@pytest.mark.parametrize("limit", [1, 10, 25, 1000])
def test_whatever_the_limit_of_its_pages_a_cached_batch_is_scanned(box: Box, limit: int) -> None:
    box.read("1001", limit=limit)
    assert box.cached() == ["1001"]
    assert box.scan().collect().height == 25


def test_a_batch_that_was_read_with_two_limits_is_scanned_once(box: Box) -> None:
    for limit in (10, 1000):
        box.read(BATCHES, limit=limit)
    assert box.scan().collect().height == 42
    assert box.scan().filter(batch_id="1001").collect().height == 25


def test_a_scan_sees_what_became_of_a_batch_since(emulator: Emulator, box: Box) -> None:
    box.read("1001")
    scanned = box.scan()
    assert scanned.select(pl.len()).collect().item() == 25
    box.read(BATCHES)
    assert scanned.select(pl.len()).collect().item() == 42
    emulator.enterprise.put("1003", [*emulator.enterprise.jobs("1003"), plain_job("1003", 77)])
    box.read("1003", refresh=True)
    assert scanned.select(pl.len()).collect().item() == 43
    assert scanned.filter(batch_id="1003").collect()["job_id"].is_unique().all()


def test_a_scan_of_what_is_stored_parses_no_page(box: Box, tmp_path: Path) -> None:
    box.read(BATCHES)
    damage_pages(tmp_path, "x'00'")
    assert box.scan().select(pl.len()).collect().item() == 42


@pytest.mark.parametrize("damaged", [b"", b"PAR1 cut"])
def test_what_is_stored_and_damaged_is_scanned_in_the_pages(
    box: Box, tmp_path: Path, damaged: bytes
) -> None:
    jobs = box.read(BATCHES).jobs
    (path,) = tmp_path.rglob("pages.sqlite")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE frame_files SET content = ?", [damaged])
    assert box.scan().collect().sort("job_id").equals(jobs.sort("job_id"))


def test_a_batch_of_which_pages_are_missing_is_left_out_of_a_scan_with_a_warning(
    emulator: Emulator, box: Box
) -> None:
    box.read("1003")
    emulator.fault("500", path="/docgen_batch_jobs/1001", page=2, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10)
    with pytest.warns(IncompleteListWarning, match="1 batch left out"):
        assert set(box.scan().collect()["batch_id"]) == {"1003"}


def test_an_empty_cache_is_an_empty_frame(box: Box) -> None:
    assert box.scan().collect().height == 0
