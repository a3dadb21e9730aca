"""Each user reads their own cache, with any of their tokens, online and offline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from batch import PATH
from clock import age
from conftest import QUICK

import boxdocgen_explore as bx
from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, connect, demo
from boxdocgen_explore.emulator import DEMO_TOKEN, DEMO_USER, Emulator, Enterprise, User

ADA = User("7", "Ada", "ada@example.com", token="ada-token")
ADMIN = User("8", "Admin", "admin@example.com", token="admin-token", may_act_as=True)


@pytest.fixture
def office() -> Iterator[Emulator]:
    """Three users; one batch is Ada's."""
    enterprise = Enterprise.of({"1001": 25})
    enterprise.put("2001", 4, owner=ADA)
    with Emulator(enterprise=enterprise, users=[DEMO_USER, ADA, ADMIN]) as emulator:
        yield emulator


@pytest.fixture
def at_office(office: Emulator, connected: Callable[..., Box]) -> Callable[..., Box]:
    return partial(connected, base_url=office.url)


def test_a_second_user_never_sees_the_first_ones_pages(at_office: Callable[..., Box]) -> None:
    assert at_office().read("1001").jobs.height == 25
    ada = at_office("ada-token")
    with pytest.raises(errors.NotFound, match=r"ada@example\.com") as caught:
        ada.read("1001")
    assert caught.value.reading is not None
    assert caught.value.reading.jobs.height == 0
    assert ada.cached() == []
    assert ada.batches()["batch_id"].to_list() == ["2001"]


def test_as_user_reads_and_caches_as_that_user(at_office: Callable[..., Box]) -> None:
    admin = at_office("admin-token", as_user=ADA.id)
    reading = admin.read("2001")
    assert set(reading.pages["user_login"]) == {"ada@example.com"}
    assert at_office("ada-token").read("2001").pages["from_cache"].all()
    with pytest.raises(errors.NotFound, match="as user 7"):
        admin.read("1001")


def test_without_the_right_to_act_for_others_the_error_says_so(
    at_office: Callable[..., Box],
) -> None:
    with (
        pytest.warns(UserWarning, match="nothing is cached"),
        pytest.raises(errors.Forbidden, match="as-user"),
    ):
        at_office("ada-token", as_user=DEMO_USER.id).read("1001")


def test_a_new_token_continues_where_the_old_one_was_refused(
    office: Emulator, at_office: Callable[..., Box]
) -> None:
    box = at_office()
    office.fault("expired-token", path=PATH, page=3)
    with pytest.raises(errors.Unauthorized, match="renew") as caught:
        box.read("1001", limit=10)
    assert caught.value.reading is not None
    assert caught.value.reading.jobs.height == 20
    box.renew(DEMO_TOKEN)
    before = len(office.calls)
    assert box.read("1001", limit=10).jobs.height == 25
    assert [call.path for call in office.calls[before:]] == [PATH]


def test_another_users_token_is_no_renewal(office: Emulator, at_office: Callable[..., Box]) -> None:
    box = at_office()
    box.read("1001")
    with pytest.raises(errors.InvalidRequest, match=r"ada@example.com.*svc-hr@example.com"):
        box.renew("ada-token")
    with pytest.raises(errors.Unauthorized):
        box.renew("nobodys-token")
    assert box.read("1001", refresh=True).jobs.height == 25
    assert office.calls[-1].user_id == DEMO_USER.id


def test_nothing_is_cached_on_disk_for_a_user_whom_box_does_not_name(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.fault("forbidden", path="/users/me", times=None)
    with pytest.warns(UserWarning, match="nothing is cached on disk"):
        assert box.read("1001").jobs.height == 25
    assert box.user is None
    assert list(tmp_path.rglob("*.sqlite")) == []


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        '{"id": ".."}',
        '{"id": 7}',
        '{"id": ""}',
        '{"id": "7", "type": "group"}',
        "<html>",
        "[" * 90_000,
    ],
)
def test_a_response_that_names_no_user_is_an_error(emulator: Emulator, box: Box, body: str) -> None:
    emulator.fault("other-body", path="/users/me", body=body)
    with pytest.raises(errors.BrokenPage, match="/users/me"):
        box.read("1001")


def test_offline_reads_the_cache_and_says_how_old_it_is(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    box = connected()
    jobs = box.read("1001", limit=10).jobs
    box.batches()
    age(box, days=3)
    calls = len(emulator.calls)
    offline = connected(offline=True)
    assert offline.cached() == ["1001"]
    reading = offline.read("1001", limit=10)
    assert reading.jobs.equals(jobs)
    assert "as svc-hr@example.com · 3 days ago" in reading.verdict
    assert offline.batches().height == 3
    assert len(emulator.calls) == calls
    with pytest.raises(errors.NotCached, match="docgen_batch_jobs/1003"):
        offline.read("1003")


@pytest.mark.parametrize("limits", [[10], [10, 7], [7, 10], [3, 1000]])
def test_what_is_cached_can_be_read_offline_whatever_limit_it_was_read_with(
    connected: Callable[..., Box], limits: list[int]
) -> None:
    jobs = [connected().read("1001", limit=limit).jobs for limit in limits]
    offline = connected(offline=True)
    assert offline.cached() == ["1001"]
    reading = offline.read("1001")
    assert reading.jobs.equals(jobs[0])
    assert set(reading.pages["limit_requested"]) == {max(limits)}
    assert offline.read("1001", limit=500).pages["complete"].all()
    assert offline.scan().collect().equals(jobs[0])


def test_offline_prefers_a_complete_chain_of_another_limit(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    connected().read("1001", limit=10)
    emulator.fault("500", path=PATH, page=2, times=None)
    with pytest.raises(errors.ServerError):
        connected().read("1001", limit=20)
    reading = connected(offline=True).read("1001", limit=20)
    assert reading.pages["limit_requested"].to_list() == [10, 10, 10]


def test_offline_refresh_changes_nothing(connected: Callable[..., Box]) -> None:
    connected().read("1001")
    reading = connected(offline=True).read("1001", refresh=True, max_age=timedelta(0))
    assert reading.pages["from_cache"].all()


def test_an_offline_error_carries_the_part_that_is_cached(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    emulator.fault("500", path=PATH, page=3, times=None)
    with pytest.raises(errors.ServerError):
        connected().read("1001", limit=10)
    with pytest.raises(errors.NotCached) as caught:
        connected(offline=True).read("1001", limit=10)
    assert caught.value.reading is not None
    assert caught.value.reading.jobs.height == 20


def test_offline_reads_as_the_last_of_several_users_and_names_them(
    at_office: Callable[..., Box],
) -> None:
    users = {DEMO_USER.login: (DEMO_TOKEN, "1001"), ADA.login: ("ada-token", "2001")}
    at_office().read("1001")
    for login in (ADA.login, DEMO_USER.login, ADA.login):
        token, batch_id = users[login]
        at_office(token).read(batch_id)
        with pytest.warns(bx.StoreWarning, match=login):
            assert login in at_office(offline=True).read(batch_id).verdict
    for name in (ADA.login, ADA.id):
        assert at_office(offline=True, user=name).read("2001").jobs.height == 4
    with pytest.raises(errors.NotCached):
        at_office(offline=True, user=ADA.login).read("1001")
    with pytest.raises(errors.NotCached, match="eve"):
        at_office(offline=True, user="eve@example.com").cached()


def test_offline_with_an_empty_cache_says_what_to_do(connected: Callable[..., Box]) -> None:
    with pytest.raises(errors.NotCached, match="read it once online"):
        connected(offline=True).read("1001")


def test_offline_needs_no_token(connected: Callable[..., Box], emulator: Emulator) -> None:
    connected().read("1001")
    assert connected(token=None, offline=True).read("1001").jobs.height == 25


def test_without_a_network_the_error_names_offline(tmp_path: Path) -> None:
    box = connect("t", base_url="http://127.0.0.1:9/2.0", cache_dir=tmp_path, retry=QUICK)
    with box, pytest.raises(errors.Unreachable, match="offline=True"):
        box.read("1001")


def test_the_demo_caches_nothing_on_disk_and_says_that_it_is_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with demo() as box:
        assert box.story_batch_id is not None
        reading = box.read(box.story_batch_id)
        assert set(reading.jobs["origin"]) == {"demo"}
        assert reading.verdict.endswith("demo data")
        assert repr(box) == "<Box: demo as svc-hr@example.com>"
        assert box.read(box.story_batch_id).pages["from_cache"].all()
    assert list(tmp_path.rglob("*")) == []
