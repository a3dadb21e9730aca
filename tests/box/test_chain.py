"""Pages make one chain, read whole and once, resumed after a cut and refreshed after a change."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import age, store_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.cache.store import StoreWarning
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise, plain_job
from boxdocgen_explore.pages import records

PATH = "/docgen_batch_jobs/1001"
BRIEF = RetryPolicy(calls_per_minute=1_000_000, deadline_s=2, attempts=1)
Jobs = list[dict[str, Any]]


def asked(emulator: Emulator, path: str = PATH) -> int:
    return sum(call.path == path for call in emulator.calls)


def ids(jobs: Jobs) -> list[str]:
    return [job["id"] for job in jobs]


def made(statuses: list[str]) -> Jobs:
    return [plain_job("1001", n) | {"status": status} for n, status in enumerate(statuses)]


@pytest.fixture(scope="module")
def shared() -> Any:
    """One server for the property tests: every example puts its own batch."""
    with Emulator(enterprise=Enterprise.of({})) as emulator:
        yield emulator


def fresh(emulator: Emulator, folder: str) -> Box:
    return connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=folder, retry=BRIEF)


some = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@some
@given(jobs=st.integers(0, 45), limit=st.integers(1, 50))
def test_any_number_of_jobs_at_any_limit_comes_whole_once_and_in_order(
    shared: Emulator, jobs: int, limit: int
) -> None:
    shared.enterprise.put("1001", jobs)
    with tempfile.TemporaryDirectory() as folder, fresh(shared, folder) as box:
        reading = box.read("1001", limit=limit)
    assert reading.jobs["job_id"].to_list() == ids(shared.enterprise.jobs("1001"))
    assert reading.pages.height == max(1, -(-jobs // limit))
    assert reading.pages["complete"].all()
    assert reading.pages["jobs"].sum() == jobs


@some
@given(jobs=st.integers(2, 30), limit=st.integers(1, 9), cut=st.integers(1, 30))
def test_a_chain_cut_at_any_page_keeps_what_came_and_goes_on_from_there(
    shared: Emulator, jobs: int, limit: int, cut: int
) -> None:
    pages = -(-jobs // limit)
    cut = 1 + cut % pages
    shared.enterprise.put("1001", jobs)
    truth = ids(shared.enterprise.jobs("1001"))
    with tempfile.TemporaryDirectory() as folder, fresh(shared, folder) as box:
        shared.fault("500", path=PATH, page=cut)
        with pytest.raises(errors.ServerError) as caught:
            box.read("1001", limit=limit)
        arrived = caught.value.reading
        assert arrived is not None
        assert arrived.jobs["job_id"].to_list() == truth[: (cut - 1) * limit]
        assert not arrived.pages["complete"].any()
        before = asked(shared)
        assert box.read("1001", limit=limit).jobs["job_id"].to_list() == truth
        assert asked(shared) - before == pages - cut + 1


statuses = st.lists(st.sampled_from(["completed", "failed", "pending"]), max_size=14)


@some
@given(before=statuses, after=statuses, moved=st.integers(0, 3), limit=st.integers(1, 5))
def test_a_refresh_after_any_change_of_what_may_change_gives_what_box_has_now(
    shared: Emulator, before: list[str], after: list[str], moved: int, limit: int
) -> None:
    """Terminal jobs stay; running ones end or vanish, others join at either end."""
    old = made(before)
    new = [job if job["status"] != "pending" else job | {"status": "failed"} for job in old]
    front = [plain_job("1001", 900 + n) for n in range(moved)]
    back = [plain_job("1001", 500 + n) | {"status": status} for n, status in enumerate(after)]
    with tempfile.TemporaryDirectory() as folder, fresh(shared, folder) as box:
        shared.enterprise.put("1001", old)
        box.read("1001", limit=limit)
        settled = bool(old[:limit]) and all(job["status"] != "pending" for job in old[:limit])
        # Box never changes a settled page with pages behind it: put jobs before live ones only.
        new = new + back if settled else front + new + back
        shared.enterprise.put("1001", new)
        jobs = box.read("1001", limit=limit, refresh=True).jobs
    assert jobs.select("job_id", "status").rows() == [(job["id"], job["status"]) for job in new]


def test_settled_pages_are_kept_for_ever_and_the_end_page_for_an_hour(
    emulator: Emulator, box: Box
) -> None:
    box.read("1001", limit=10)
    assert asked(emulator) == 3
    box.read("1001", limit=10)
    assert asked(emulator) == 3
    age(box, minutes=59)
    box.read("1001", limit=10)
    assert asked(emulator) == 3
    age(box, minutes=2)
    reading = box.read("1001", limit=10)
    assert asked(emulator) == 4
    assert reading.pages["from_cache"].to_list() == [True, True, False]
    age(box, days=400)
    reading = box.read("1001", limit=10)
    assert reading.pages["from_cache"].to_list() == [True, True, False]


def test_a_page_with_a_running_job_is_good_for_seconds(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1001", made(["completed"] * 10 + ["pending"] * 10 + ["failed"] * 3))
    box.read("1001", limit=10)
    age(box, seconds=5)
    assert box.read("1001", limit=10).pages["from_cache"].all()
    age(box, seconds=6)
    assert box.read("1001", limit=10).pages["from_cache"].to_list() == [True, False, False]


def test_an_empty_batch_is_live(emulator: Emulator, box: Box) -> None:
    assert box.read("1002").jobs.height == 0
    emulator.enterprise.put("1002", 3)
    age(box, seconds=11)
    assert box.read("1002").jobs.height == 3


def test_the_list_of_jobs_is_good_for_five_minutes(emulator: Emulator, box: Box) -> None:
    box.batches()
    age(box, minutes=4)
    box.batches()
    assert asked(emulator, "/docgen_jobs") == 1
    age(box, minutes=2)
    box.batches()
    assert asked(emulator, "/docgen_jobs") == 2


def test_a_refresh_reads_live_pages_and_the_end_page_only(emulator: Emulator, box: Box) -> None:
    jobs = made(["completed"] * 10 + ["pending"] * 10 + ["failed"] * 13)
    emulator.enterprise.put("1001", jobs)
    box.read("1001", limit=10)
    emulator.enterprise.put("1001", [job | {"status": "failed"} for job in jobs])
    before = asked(emulator)
    reading = box.read("1001", limit=10, refresh=True)
    assert reading.pages["from_cache"].to_list() == [True, False, True, False]
    assert asked(emulator) - before == 2
    assert reading.jobs["status"].to_list() == ["completed"] * 10 + ["failed"] * 23


def test_max_age_reads_older_pages_again(emulator: Emulator, box: Box) -> None:
    box.read("1001", limit=10)
    age(box, minutes=30)
    ten = dt.timedelta(minutes=10)
    assert not box.read("1001", limit=10, max_age=ten).pages["from_cache"].any()
    assert box.read("1001", limit=10, max_age=ten).pages["from_cache"].all()


def test_a_chain_that_no_longer_fits_is_read_beside_the_old_one_which_then_goes(
    emulator: Emulator, connected: Callable[..., Box]
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
    keys = store_of(box).keys()
    assert {key.split("/")[-2] for key in keys} == {"000001"}


@pytest.mark.parametrize("times", [1, 3])
def test_a_refused_marker_starts_the_chain_again(emulator: Emulator, box: Box, times: int) -> None:
    emulator.fault("expired-marker", path=PATH, times=times)
    reading = box.read("1001", limit=10)
    assert reading.jobs.height == 25
    assert reading.pages["complete"].all()


def test_markers_that_are_always_refused_are_an_error_after_a_few_times(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("expired-marker", path=PATH, times=None)
    with pytest.raises(errors.MarkerRefused) as caught:
        box.read("1001", limit=10)
    assert caught.value.status == 400
    assert asked(emulator) == 8


def test_a_kept_marker_that_box_refuses_costs_nothing_but_a_new_start(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path=PATH, page=3, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10)
    emulator.fault("expired-marker", path=PATH)
    reading = box.read("1001", limit=10)
    assert reading.jobs["job_id"].to_list() == ids(emulator.enterprise.jobs("1001"))
    assert not reading.pages["from_cache"].any()


def test_a_marker_older_than_a_day_does_not_lead_to_a_page_never_seen(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path=PATH, page=3, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10)
    age(box, hours=25)
    reading = box.read("1001", limit=10)
    assert reading.jobs.height == 25
    assert not reading.pages["from_cache"].any()


# Many ids are compared in another way than few.
@pytest.mark.parametrize(("jobs", "limit"), [(25, 10), (1_025, 500)])
def test_pages_that_overlap_once_are_read_again(
    emulator: Emulator, box: Box, jobs: int, limit: int
) -> None:
    emulator.enterprise.put("1001", jobs)
    emulator.fault("overlap", path=PATH, page=2)
    reading = box.read("1001", limit=limit)
    assert reading.jobs["job_id"].to_list() == ids(emulator.enterprise.jobs("1001"))
    assert reading.pages["duplicates"].sum() == 0
    assert asked(emulator) > reading.pages.height


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
    assert asked(emulator) == 12


def test_a_marker_that_repeats_is_an_error_and_is_not_believed_again(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("repeating-marker", path=PATH, page=2)
    with pytest.raises(errors.BrokenChain, match="used before"):
        box.read("1001", limit=10)
    assert box.read("1001", limit=10).jobs.height == 25


def test_pages_that_go_round_under_ever_new_markers_come_to_an_end(
    emulator: Emulator, box: Box
) -> None:
    page = b'{"entries": [{"id": "1", "batch": {"id": "1001"}, "status": "failed"}], '
    for number in range(100):
        emulator.fault(
            "other-body", path=PATH, body=f'{page.decode()} "next_marker": "0{number}"}}'
        )
    emulator.fault("expired-marker", path=PATH, times=None)
    with pytest.raises(errors.BrokenChain, match="appears twice"):
        box.read("1001", limit=10)


def test_empty_pages_that_never_end_come_to_an_end(emulator: Emulator, box: Box) -> None:
    for number in range(80):
        emulator.fault(
            "other-body", path=PATH, body=f'{{"entries": [], "next_marker": "{number}x"}}'
        )
    with pytest.raises(errors.BrokenChain, match="empty pages"):
        box.read("1001", limit=10)


def test_an_empty_page_in_the_middle_is_no_end(emulator: Emulator, box: Box) -> None:
    marker = '{"entries": [], "next_marker": "0"}'  # "0" is the first page, to Box as to us
    emulator.fault("other-body", path=PATH, body=marker)
    assert box.read("1001", limit=10).jobs.height == 25


def test_a_job_of_another_batch_is_a_broken_page(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1001", [plain_job("1001", 0), plain_job("1003", 1)])
    with pytest.raises(errors.BrokenPage, match=r"Page 1 of batch 1001 .* batch.id is 1003"):
        box.read("1001")


def test_keys_name_host_batch_and_limit_and_hide_the_marker(emulator: Emulator, box: Box) -> None:
    box.read("1001", limit=10)
    keys = store_of(box).keys()
    first = f"127.0.0.1%3A{emulator.port}/docgen_batch_jobs/1001/limit=10/000000/first"
    assert first in keys
    assert len(keys) == 3


def test_two_limits_are_two_chains(emulator: Emulator, box: Box) -> None:
    assert box.read("1001", limit=10).pages.height == 3
    assert box.read("1001", limit=5).pages.height == 5
    assert box.read("1001", limit=10).pages["from_cache"].all()


def test_usemarker_goes_along_with_a_marker_and_only_then(emulator: Emulator, box: Box) -> None:
    box.read("1001", limit=10)
    queries = [call.query for call in emulator.calls if call.path == PATH]
    assert [query.get("usemarker") for query in queries] == [None, "true", "true"]
    assert "marker" not in queries[0]


def test_each_endpoint_is_called_with_its_own_version(emulator: Emulator, box: Box) -> None:
    reading = box.read("1001")
    box.batches()
    box.templates()
    box.tags("1755000000001")
    sent = {call.path: call.headers.get("box-version") for call in emulator.calls}
    assert sent.pop("/users/me") is None
    assert len(sent) == 4
    assert set(sent.values()) == {"2025.0"}
    assert reading.pages["box_version"].to_list() == ["2025.0"]


def test_the_shifting_list_of_jobs_is_given_with_a_word_of_warning(
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


def test_a_list_that_shifts_once_is_read_again_and_whole(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1005", 2000)
    emulator.fault("overlap", path="/docgen_jobs", page=2)
    assert box.batch_list().complete


def test_evidence_hashes_markers_and_never_names_them() -> None:
    assert records.marker_sha256(None) is None
    assert records.marker_sha256("m") != "m"


def test_a_damaged_page_on_disk_is_fetched_again(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    box.read("1001", limit=10)
    with store_of(box)._pages.connection(commit=True) as connection:
        connection.execute("UPDATE responses SET value = substr(value, 1, 200)")
    before = asked(emulator)
    with pytest.warns(StoreWarning, match="damaged") as told:
        assert box.read("1001", limit=10).jobs.height == 25
    assert len(told) == 1
    assert asked(emulator) - before == 3
