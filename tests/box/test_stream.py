"""Pages one at a time: a complete batch or an error, in constant memory."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from batch import PATH, calls_to, truth

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import FAULTS, Emulator
from boxdocgen_explore.schema import JOBS


def collect(pages: Iterator[pl.DataFrame], ids: list[str]) -> list[str]:
    for page in pages:
        ids.extend(page["job_id"])
    return ids


def rows_in_memory() -> int:
    gc.collect()
    found = (one for one in gc.get_objects() if isinstance(one, pl.DataFrame))
    return sum(frame.height for frame in found if "job_id" in frame.columns)


@pytest.mark.parametrize("cached", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_pages_are_those_of_a_reading_and_no_earlier_one_stays_in_memory(
    emulator: Emulator, box: Box, cached: bool
) -> None:
    if cached:
        box.read("1001", limit=5)
    before = rows_in_memory()
    pages, most = [], 0
    for page in box.iter_pages("1001", limit=5):
        most = max(most, rows_in_memory() - before - 5 * len(pages))
        pages.append(page)
    assert most <= 15
    assert [page.height for page in pages] == [5] * 5
    assert all(page.schema == pl.Schema(JOBS) for page in pages)
    assert pl.concat(pages).equals(box.jobs("1001"))


def test_batches_follow_one_another_and_an_empty_one_has_an_empty_page(box: Box) -> None:
    pages = list(box.iter_pages(["1004", "1002", "1003"], limit=6))
    assert [page.height for page in pages] == [6, 1, 0, 6, 4]


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_the_server_does_the_end_is_the_end_of_the_batch_or_an_error(
    emulator: Emulator, box: Box, fault: str
) -> None:
    lasting = ("500", "cut", "drop", "garbage", "html-200", "other-body")
    emulator.fault(fault, path=PATH, page=3, times=None if fault in lasting else 1)
    arrived: list[str] = []
    failure: errors.BoxDocGenError | None = None
    try:
        collect(box.iter_pages("1001", limit=5), arrived)
    except errors.BoxDocGenError as error:
        failure = error
    assert (arrived == truth(emulator)) if failure is None else (failure.batch_id == "1001")
    assert (fault in lasting) <= (failure is not None)


def test_a_batch_that_is_incomplete_is_an_error_after_the_others(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path=PATH, page=2, times=None)
    arrived: list[str] = []
    with pytest.raises(errors.BatchesFailed, match="1 of 2 batches") as caught:
        collect(box.iter_pages(["1001", "1003"], limit=10), arrived)
    assert isinstance(caught.value.failures["1001"], errors.ServerError)
    assert arrived == truth(emulator)[:10] + truth(emulator, "1003")


def test_a_chain_that_is_restarted_goes_on_where_it_was(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    emulator.fault("expired-marker", path=PATH, page=4)
    assert collect(connected().iter_pages("1001", limit=5), []) == truth(emulator)
    assert calls_to(emulator) == 9


def test_a_batch_that_changed_under_a_restart_is_an_error(emulator: Emulator, box: Box) -> None:
    emulator.fault("expired-marker", path=PATH, page=4)
    pages = box.iter_pages("1001", limit=5)
    next(pages)
    emulator.enterprise.put("1001", emulator.enterprise.jobs("1001")[1:])
    with pytest.raises(errors.BrokenChain, match="changed while they were read"):
        list(pages)
    assert collect(box.iter_pages("1001", limit=5), []) == truth(emulator)


def test_arguments_are_checked_at_once_and_a_cancel_ends_the_iteration(
    emulator: Emulator, box: Box
) -> None:
    with pytest.raises(errors.InvalidRequest):
        box.iter_pages("1001", limit=0)
    cancelled = threading.Event()
    pages = box.iter_pages("1001", limit=5, cancelled=cancelled)
    next(pages)
    cancelled.set()
    with pytest.raises(errors.Cancelled):
        next(pages)
    assert calls_to(emulator) == 1
