"""Cached pages are read as long as they are fresh, and again when they are not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from batch import PATH, cache_keys, calls_to, ids, made, page
from clock import age

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator, plain_job


def test_final_pages_are_fresh_for_ever_and_the_end_page_for_an_hour(
    emulator: Emulator, box: Box
) -> None:
    box.read("1001", limit=10)
    assert calls_to(emulator) == 3
    box.read("1001", limit=10)
    assert calls_to(emulator) == 3
    age(box, minutes=59)
    box.read("1001", limit=10)
    assert calls_to(emulator) == 3
    age(box, minutes=2)
    reading = box.read("1001", limit=10)
    assert calls_to(emulator) == 4
    assert reading.pages["from_cache"].to_list() == [True, True, False]
    age(box, days=400)
    reading = box.read("1001", limit=10)
    assert reading.pages["from_cache"].to_list() == [True, True, False]


def test_a_page_with_a_running_job_is_fresh_for_seconds(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1001", made(["completed"] * 10 + ["pending"] * 10 + ["failed"] * 3))
    box.read("1001", limit=10)
    age(box, seconds=5)
    assert box.read("1001", limit=10).pages["from_cache"].all()
    age(box, seconds=6)
    assert box.read("1001", limit=10).pages["from_cache"].to_list() == [True, False, False]


def test_an_empty_batch_is_fresh_for_seconds(emulator: Emulator, box: Box) -> None:
    assert box.read("1002").jobs.height == 0
    emulator.enterprise.put("1002", 3)
    age(box, seconds=11)
    assert box.read("1002").jobs.height == 3


def test_the_list_of_jobs_is_fresh_for_five_minutes(emulator: Emulator, box: Box) -> None:
    box.batches()
    age(box, minutes=4)
    box.batches()
    assert calls_to(emulator, "/docgen_jobs") == 1
    age(box, minutes=2)
    box.batches()
    assert calls_to(emulator, "/docgen_jobs") == 2


def test_a_refresh_reads_running_pages_and_the_end_page_only(emulator: Emulator, box: Box) -> None:
    jobs = made(["completed"] * 10 + ["pending"] * 10 + ["failed"] * 13)
    emulator.enterprise.put("1001", jobs)
    box.read("1001", limit=10)
    emulator.enterprise.put("1001", [job | {"status": "failed"} for job in jobs])
    before = calls_to(emulator)
    reading = box.read("1001", limit=10, refresh=True)
    assert reading.pages["from_cache"].to_list() == [True, False, True, False]
    assert calls_to(emulator) - before == 2
    assert reading.jobs["status"].to_list() == ["completed"] * 10 + ["failed"] * 23


def test_max_age_reads_older_pages_again(emulator: Emulator, box: Box) -> None:
    box.read("1001", limit=10)
    age(box, minutes=30)
    ten = dt.timedelta(minutes=10)
    assert not box.read("1001", limit=10, max_age=ten).pages["from_cache"].any()
    assert box.read("1001", limit=10, max_age=ten).pages["from_cache"].all()


def test_pages_from_the_future_are_read_again_and_believed_offline_only(
    emulator: Emulator, box: Box, connected: Callable[..., Box]
) -> None:
    assert box.read("1001", limit=10).pages.height == 3
    age(box, days=-400)
    offline = connected(offline=True).read("1001", limit=10)
    assert offline.pages["from_cache"].all()
    assert "a clock is wrong" in offline.verdict
    emulator.enterprise.put("1001", made(["failed"] * 25))
    reading = box.read("1001", limit=10)
    assert reading.jobs["status"].to_list() == ["failed"] * 25
    assert not reading.pages["from_cache"].any()
    assert box.read("1001", limit=10).pages["from_cache"].all()


def test_a_clock_that_was_wrong_leaves_no_first_sight_from_the_future(
    emulator: Emulator, box: Box
) -> None:
    emulator.enterprise.put("1001", made(["pending"] * 3))
    box.read("1001")
    age(box, days=-400)
    assert box.transitions("1001").height == 0
    box.read("1001")
    assert (box.transitions("1001")["first_seen_at"] < dt.datetime.now(dt.UTC)).all()
    assert box.transitions("1001").height == 3


def test_a_chain_that_no_longer_matches_is_read_beside_the_old_one_which_is_then_deleted(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    box = connected()
    emulator.enterprise.put("1001", made(["pending"] * 25))
    box.read("1001", limit=10)
    emulator.enterprise.put("1001", [plain_job("1001", 99), *made(["completed"] * 25)])
    emulator.fault("500", path=PATH, page=2, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10, refresh=True)
    old = connected(offline=True).read("1001", limit=10)
    assert old.jobs["status"].to_list() == ["pending"] * 25
    emulator.clear_faults()
    assert box.read("1001", limit=10).jobs.height == 26
    assert connected(offline=True).read("1001", limit=10).jobs.height == 26
    assert {key.split("/")[-2] for key in cache_keys(tmp_path)} == {"000001"}


def test_a_page_with_the_same_jobs_and_another_next_marker_restarts_the_chain(
    emulator: Emulator, box: Box
) -> None:
    jobs = made(["pending"] * 10 + ["failed"] * 35)
    emulator.enterprise.put("1001", jobs)
    box.read("1001", limit=10)
    third = emulator.calls[-3].query["marker"]
    emulator.fault("other-body", path=PATH, page=1, times=2, body=page(jobs[:10], third))
    reading = box.read("1001", limit=10, refresh=True)
    assert reading.jobs["job_id"].to_list() == ids(jobs[:10] + jobs[20:])
    assert not reading.pages["from_cache"].any()


def test_a_cached_marker_that_box_refuses_costs_only_a_restart(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path=PATH, page=3, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10)
    emulator.fault("expired-marker", path=PATH)
    reading = box.read("1001", limit=10)
    assert reading.jobs["job_id"].to_list() == ids(emulator.enterprise.jobs("1001"))
    assert not reading.pages["from_cache"].any()


def test_a_marker_older_than_a_day_is_not_followed_to_a_new_page(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path=PATH, page=3, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10)
    age(box, hours=25)
    reading = box.read("1001", limit=10)
    assert reading.jobs.height == 25
    assert not reading.pages["from_cache"].any()


def test_keys_name_host_batch_and_limit_and_hide_the_marker(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    box.read("1001", limit=10)
    keys = cache_keys(tmp_path)
    markers = [call.query["marker"] for call in emulator.calls if "marker" in call.query]
    assert len(markers) == 2
    assert not any(marker in key for marker in markers for key in keys)
    first = f"127.0.0.1%3A{emulator.port}/docgen_batch_jobs/1001/limit=10/000000/first"
    assert first in keys
    assert len(keys) == 3


def test_two_limits_are_two_chains(emulator: Emulator, box: Box) -> None:
    assert box.read("1001", limit=10).pages.height == 3
    assert box.read("1001", limit=5).pages.height == 5
    assert box.read("1001", limit=10).pages["from_cache"].all()
