"""Pages make one chain, read completely and once, resumed after a cut, refreshed after a change."""

from __future__ import annotations

import json
import tempfile

import pytest
from batch import PATH, calls_to, ids, made, page
from hypothesis import given
from hypothesis import strategies as st

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, IncompleteListWarning, RetryPolicy, connect
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, plain_job

BRIEF = RetryPolicy(calls_per_minute=1_000_000, deadline_s=2, attempts=1)


def fresh(emulator: Emulator, folder: str) -> Box:
    return connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=folder, retry=BRIEF)


@given(jobs=st.integers(0, 45), limit=st.integers(1, 50))
def test_any_number_of_jobs_at_any_limit_is_read_once_and_in_order(
    server: Emulator, jobs: int, limit: int
) -> None:
    server.enterprise.put("1001", jobs)
    with tempfile.TemporaryDirectory() as folder, fresh(server, folder) as box:
        reading = box.read("1001", limit=limit)
    assert reading.jobs["job_id"].to_list() == ids(server.enterprise.jobs("1001"))
    assert reading.pages.height == max(1, -(-jobs // limit))
    assert reading.pages["complete"].all()
    assert reading.pages["jobs"].sum() == jobs


@given(jobs=st.integers(2, 30), limit=st.integers(1, 9), cut=st.integers(1, 30))
def test_a_chain_cut_at_any_page_continues_there(
    server: Emulator, jobs: int, limit: int, cut: int
) -> None:
    pages = -(-jobs // limit)
    cut = 1 + cut % pages
    server.enterprise.put("1001", jobs)
    truth = ids(server.enterprise.jobs("1001"))
    with tempfile.TemporaryDirectory() as folder, fresh(server, folder) as box:
        server.fault("500", path=PATH, page=cut)
        with pytest.raises(errors.ServerError) as caught:
            box.read("1001", limit=limit)
        arrived = caught.value.reading
        assert arrived is not None
        assert arrived.jobs["job_id"].to_list() == truth[: (cut - 1) * limit]
        assert not arrived.pages["complete"].any()
        before = calls_to(server)
        assert box.read("1001", limit=limit).jobs["job_id"].to_list() == truth
        assert calls_to(server) - before == pages - cut + 1


@pytest.mark.parametrize("times", [1, 3])
def test_a_refused_marker_starts_the_chain_again(emulator: Emulator, box: Box, times: int) -> None:
    emulator.fault("expired-marker", path=PATH, times=times)
    reading = box.read("1001", limit=10)
    assert reading.jobs.height == 25
    assert reading.pages["complete"].all()


def test_markers_that_are_always_refused_are_an_error_after_a_few_restarts(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("expired-marker", path=PATH, times=None)
    with pytest.raises(errors.MarkerRefused) as caught:
        box.read("1001", limit=10)
    assert caught.value.status == 400
    assert calls_to(emulator) == 8


# Many ids are compared differently from few.
@pytest.mark.parametrize(("jobs", "limit"), [(25, 10), (1_025, 500)])
def test_pages_that_overlap_once_are_read_again(
    emulator: Emulator, box: Box, jobs: int, limit: int
) -> None:
    emulator.enterprise.put("1001", jobs)
    emulator.fault("overlap", path=PATH, page=2)
    reading = box.read("1001", limit=limit)
    assert reading.jobs["job_id"].to_list() == ids(emulator.enterprise.jobs("1001"))
    assert reading.pages["duplicates"].sum() == 0
    assert calls_to(emulator) > reading.pages.height


def test_pages_that_always_overlap_are_an_error_that_carries_them(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("overlap", path=PATH, page=2, times=None)
    with pytest.raises(errors.BrokenChain, match="appears twice") as caught:
        box.read("1001", limit=10)
    assert type(caught.value) is errors.BrokenChain
    assert caught.value.reading is not None
    assert caught.value.reading.pages["duplicates"].sum() == 3
    assert not caught.value.reading.pages["complete"].any()
    assert calls_to(emulator) == 12


@pytest.mark.parametrize("previous", ["0", "m1"])
def test_a_first_page_that_names_one_before_it_is_a_warning(
    emulator: Emulator, box: Box, previous: str
) -> None:
    last = json.loads(page(emulator.enterprise.jobs("1001")[-3:], None))
    body = json.dumps({**last, "prev_marker": previous})
    emulator.fault("other-body", path=PATH, body=body, times=None)
    with pytest.warns(IncompleteListWarning, match="first page of batch 1001 names a page before"):
        assert box.read("1001").jobs.height == 3


def test_a_later_page_may_name_one_before_it(emulator: Emulator, box: Box) -> None:
    first, last = (emulator.enterprise.jobs("1001")[part] for part in (slice(3), slice(3, 6)))
    emulator.fault("other-body", path=PATH, body=page(first, "m"))
    body = json.dumps({**json.loads(page(last, None)), "prev_marker": "m0"})
    emulator.fault("other-body", path=PATH, body=body)
    assert box.read("1001").jobs.height == 6


def test_a_marker_that_repeats_is_an_error_and_is_not_believed_again(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("repeating-marker", path=PATH, page=2)
    with pytest.raises(errors.BrokenChain, match="used before"):
        box.read("1001", limit=10)
    assert box.read("1001", limit=10).jobs.height == 25


def test_pages_in_a_circle_under_ever_new_markers_are_an_error(
    emulator: Emulator, box: Box
) -> None:
    for number in range(100):
        body = page([plain_job("1001", 1)], f"0{number}")
        emulator.fault("other-body", path=PATH, body=body)
    emulator.fault("expired-marker", path=PATH, times=None)
    with pytest.raises(errors.BrokenChain, match="appears twice"):
        box.read("1001", limit=10)


def test_empty_pages_without_end_are_an_error(emulator: Emulator, box: Box) -> None:
    for number in range(80):
        emulator.fault("other-body", path=PATH, body=page([], f"{number}x"))
    with pytest.raises(errors.BrokenChain, match="empty pages"):
        box.read("1001", limit=10)
    assert calls_to(emulator) == 50


def test_empty_pages_between_others_are_no_error(emulator: Emulator, box: Box) -> None:
    jobs = made(["completed"] * 60)
    for number, job in enumerate(jobs):
        last = number == 59
        emulator.fault("other-body", path=PATH, body=page([], f"{number}x"))
        emulator.fault("other-body", path=PATH, body=page([job], None if last else f"{number}y"))
    assert box.read("1001", limit=10).jobs["job_id"].to_list() == ids(jobs)


def test_usemarker_goes_along_with_a_marker_and_only_then(emulator: Emulator, box: Box) -> None:
    box.read("1001", limit=10)
    queries = [call.query for call in emulator.calls if call.path == PATH]
    assert [query.get("usemarker") for query in queries] == [None, "true", "true"]
    assert "marker" not in queries[0]


def test_a_list_of_jobs_that_keeps_shifting_is_marked_incomplete(
    emulator: Emulator, box: Box
) -> None:
    emulator.enterprise.put("1005", 2000)
    emulator.fault("overlap", path="/docgen_jobs", page=2, times=None)
    listed = box.batch_list()
    assert not listed.complete
    assert set(listed.batches["batch_id"]) == {"1001", "1003", "1004", "1005"}
    emulator.clear_faults()
    again = box.batch_list()
    assert again.complete
    assert again.batches["jobs"].sum() == 2042


def test_a_list_that_shifts_once_is_read_again_and_complete(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1005", 2000)
    emulator.fault("overlap", path="/docgen_jobs", page=2)
    assert box.batch_list().complete
