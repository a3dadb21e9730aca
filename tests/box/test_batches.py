"""The batch list since a time: read early to its end only if the order allows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator, plain_job

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


def put(emulator: Emulator, *hours_ago: float | None, jobs: int = 250) -> None:
    """Batches of these ages, in the order of Box's list, four per page."""
    for batch_id in ("1001", "1002", "1003", "1004"):
        emulator.enterprise.put(batch_id, 0)
    for number, hours in reversed([*enumerate(hours_ago)]):
        at = None if hours is None else (NOW - timedelta(hours=hours)).isoformat()
        batch_id = str(2000 + number)
        made: list[dict[str, Any]] = [
            plain_job(batch_id, n) | {"created_at": at} for n in range(jobs)
        ]
        emulator.enterprise.put(batch_id, made)


def listed(box: Box, hours: float) -> tuple[list[str], int]:
    found = box.batch_list(NOW - timedelta(hours=hours))
    assert found.complete
    return sorted(found.batches["batch_id"]), box.calls["/docgen_jobs"]


def test_the_list_is_read_as_far_as_necessary(emulator: Emulator, box: Box) -> None:
    put(emulator, *range(1, 200, 10))
    assert listed(box, hours=25) == (["2000", "2001", "2002"], 2)
    found = box.batch_list(NOW - timedelta(hours=25))
    assert found.read_down_to == NOW - timedelta(hours=71)
    assert found.jobs == 2000


@pytest.mark.parametrize(
    "hours_ago",
    [
        (*range(100, 30, -10), *range(200, 100, -10), 1, 2, 3),  # the oldest first
        (1, 50, 60, 70, 80, 90, 10, 100, 110, 120, 130, 140),  # no order
        (1, 10, 20, 30, 40, 50, 60, None, 70, 80, 90, 100),  # a job without a time
    ],
)
def test_a_list_in_another_order_is_read_to_its_end(
    emulator: Emulator, box: Box, hours_ago: tuple[float | None, ...]
) -> None:
    put(emulator, *hours_ago)
    recent = {str(2000 + n) for n, hours in enumerate(hours_ago) if hours is None or hours < 25}
    pages = -(-len(hours_ago) // 4)
    found, calls = listed(box, hours=25)
    assert (set(found), calls) == (recent, pages)
    assert box.batch_list(NOW - timedelta(hours=25)).read_down_to is None


def test_few_batches_show_no_order(emulator: Emulator, box: Box) -> None:
    put(emulator, 1, 50, 10, 40, 20, jobs=1000)
    assert listed(box, hours=25) == (["2000", "2002", "2004"], 5)


def test_a_batch_at_the_border_is_complete(emulator: Emulator, box: Box) -> None:
    put(emulator, 1, 2, 3, 4, 5, 24.9, 25.1, *range(30, 60))
    found = box.batches(NOW - timedelta(hours=25))
    assert found.height == 6
    assert found["jobs"].to_list() == [250] * 6
    assert box.calls["/docgen_jobs"] == 3


def test_a_page_that_is_only_partly_older_is_not_the_last(emulator: Emulator, box: Box) -> None:
    put(emulator, *range(1, 9), 20, 21, 22, 23, 24, *range(30, 50))
    assert box.batches(NOW - timedelta(hours=25)).height == 13


def test_a_list_that_was_cut_short_is_read_to_its_end_later(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    put(emulator, *range(1, 200, 10))
    assert connected().batch_list(NOW - timedelta(hours=5)).batches.height == 1
    later = connected().batch_list()
    assert (later.batches.height, later.complete, later.read_down_to) == (20, True, None)
    offline = connected(offline=True).batch_list(NOW - timedelta(hours=5))
    assert offline.batches.height == 1


@pytest.mark.parametrize("since", ["yesterday", datetime(2026, 11, 3), 7])
def test_an_invalid_time_is_refused_before_anything_is_sent(
    emulator: Emulator, box: Box, since: Any
) -> None:
    with pytest.raises(errors.InvalidRequest, match="since"):
        box.batches(since)
    assert emulator.calls == []
