"""There is one call rate per user and host, for any number of connections and threads."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import boxdocgen_explore as bx
from boxdocgen_explore.box.rate_limit import RateLimiter
from boxdocgen_explore.emulator import Emulator, Enterprise, User

Connect = Callable[..., bx.Box]
NUMBERS = itertools.count(1)


def new_user() -> User:
    """A user whose calls no other test counted: its emulator may have had the same port."""
    number = next(NUMBERS)
    return User(f"{number}", "Ada", "ada@example.com", token=f"token-{number}")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    user = new_user()
    enterprise = Enterprise.of({"1001": 25, "1003": 10}, owner=user)
    with Emulator(users=[user], enterprise=enterprise) as emulator:
        yield emulator


@pytest.fixture
def limited(emulator: Emulator, tmp_path: Path) -> Iterator[Connect]:
    """Connects with a call rate; every connection has an empty cache."""
    (user,) = emulator.users
    with contextlib.ExitStack() as boxes:

        def make(calls_per_minute: int | None, **options: object) -> bx.Box:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            given = {"token": user.token, "base_url": emulator.url, "cache_dir": folder, **options}
            box: bx.Box = bx.connect(**given, calls_per_minute=calls_per_minute)
            return boxes.enter_context(box)

        yield make


def first_wait(box: bx.Box, batch_id: str = "1001") -> str | None:
    """The reason for a wait before the batch is read; None without a wait."""
    cancelled, waits = threading.Event(), []

    def progress(_pages: int, _jobs: int, waiting: str | None) -> None:
        if waiting:
            waits.append(waiting)
            cancelled.set()

    try:
        box.read(batch_id, cancelled=cancelled, progress=progress)
    except bx.errors.Cancelled:
        return str(waits[0])
    return None


def a_minute(limit: int) -> set[str]:
    return {f"Waiting {s} s: at most {limit} calls a minute" for s in range(50, 61)}


def test_connections_of_one_user_share_the_call_rate(emulator: Emulator, limited: Connect) -> None:
    waits = [first_wait(limited(4)) for _ in range(3)]
    # Two calls each (/users/me and one page): the third connection waits for the first minute.
    assert waits[:2] == [None, None]
    assert waits[2] in a_minute(4)
    assert len(emulator.calls) == 4


def test_the_lowest_limit_of_open_connections_applies_to_all(
    emulator: Emulator, limited: Connect
) -> None:
    low, high = limited(3), limited(900)
    assert first_wait(low) is None
    assert first_wait(high) in a_minute(3)
    assert len(emulator.calls) == 3
    low.close()
    assert first_wait(high) is None


def test_another_token_of_the_same_user_has_no_call_rate_of_its_own(tmp_path: Path) -> None:
    user = new_user()
    users = [user, replace(user, token=f"another-{user.token}")]
    enterprise = Enterprise.of({"1001": 1, "1003": 1}, owner=user)
    with Emulator(users=users, enterprise=enterprise) as emulator:
        options = {"base_url": emulator.url, "calls_per_minute": 3}
        with (
            bx.connect(users[0].token, cache_dir=tmp_path / "1", **options) as first,
            bx.connect(users[1].token, cache_dir=tmp_path / "2", **options) as second,
        ):
            assert first_wait(first) is None
            assert first_wait(second) in a_minute(3)
        assert len(emulator.calls) == 3


def test_another_user_has_another_call_rate(tmp_path: Path) -> None:
    users = [new_user(), new_user()]
    with Emulator(users=users, enterprise=Enterprise.of({"1001": 1})) as emulator:
        for user in users:
            options = {"base_url": emulator.url, "calls_per_minute": 2}
            with (
                bx.connect(user.token, cache_dir=tmp_path, **options) as box,
                contextlib.suppress(bx.errors.NotFound),
            ):
                assert first_wait(box) is None


@pytest.mark.parametrize("policy", [None, bx.RetryPolicy(calls_per_minute=1_000_000)])
def test_calls_per_minute_is_obeyed_whatever_the_policy_says(
    emulator: Emulator, limited: Connect, policy: bx.RetryPolicy | None
) -> None:
    box = limited(2, retry=policy)
    assert first_wait(box) is None
    assert first_wait(box, "1003") in a_minute(2)
    assert len(emulator.calls) == 2


def test_the_policy_s_call_rate_is_obeyed(limited: Connect) -> None:
    assert first_wait(limited(None, retry=bx.RetryPolicy(calls_per_minute=1))) in a_minute(1)


def test_a_call_counts_for_a_minute() -> None:
    now = [0.0]
    limiter, connection = RateLimiter(clock=lambda: now[0]), threading.Event()
    waits = []
    for now[0] in (0.0, 10.0, 20.0, 59.9, 60.0, 61.0, 70.0):
        waits.append(limiter.wait_s(connection, 2))
    assert waits == pytest.approx([0, 0, 40, 0.1, 0, 9, 0])


def test_a_limit_that_becomes_lower_counts_the_latest_calls() -> None:
    now = [0.0]
    limiter, connection = RateLimiter(clock=lambda: now[0]), threading.Event()
    for now[0] in (0.0, 10.0, 20.0):
        assert limiter.wait_s(connection, 900) == 0
    now[0] = 30.0
    assert limiter.wait_s(connection, 2) == 40  # until only the call at 20 s is left


def test_many_threads_share_one_limit_exactly() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    limiter, connection = RateLimiter(clock=lambda: 0.0), threading.Event()
    passed: list[float] = []

    def call() -> None:
        while not limiter.wait_s(connection, 20_000):
            passed.append(0.0)

    threads = [threading.Thread(target=call) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(passed) == 20_000


@pytest.mark.thorough
def test_the_limit_can_be_read_while_connections_come_and_go() -> None:
    limiter, done, failures = RateLimiter(), threading.Event(), []

    def come_and_go() -> None:
        for _ in range(300):
            connections = [threading.Event() for _ in range(20)]
            for connection in connections:
                limiter.wait_s(connection, calls_per_minute=10**9)
            for connection in connections:
                limiter.leave(connection)

    def read() -> None:
        try:
            while not done.is_set():
                assert limiter.limit in (0, 10**9)
        except Exception as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=come_and_go) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # switch threads as often as possible
    try:
        for thread in (*readers, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        for thread in readers:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []
