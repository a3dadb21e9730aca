"""The call rate is one per user and host; attempts and waits are bounded."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

import boxdocgen_explore as bx
from boxdocgen_explore.box.retry import RequestContext, RetryPolicy
from boxdocgen_explore.box.session import BoxSession, Token
from boxdocgen_explore.emulator import DEMO_TOKEN, DEMO_USER, Emulator, Enterprise, User
from boxdocgen_explore.schema import BOX_VERSION

PATH = ("docgen_batch_jobs", "1001")


def first_wait(box: bx.Box, batch_id: str) -> str | None:
    """What is waited for before the batch has been read; None if nothing is."""
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


def test_connections_of_one_user_share_the_call_rate(emulator: Emulator, tmp_path: Path) -> None:
    boxes = [
        bx.connect(
            DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path / str(n), calls_per_minute=4
        )
        for n in range(3)
    ]
    waits = [first_wait(box, "1001") for box in boxes]
    # Two calls each (/users/me and one page): the third connection has to wait about a minute.
    assert waits[:2] == [None, None]
    assert str(waits[2]) in {f"Waiting {s} s: at most 4 calls a minute" for s in range(50, 61)}
    for box in boxes:
        box.close()


def test_another_user_has_another_call_rate(tmp_path: Path) -> None:
    ada = User("7", "Ada", "ada@example.com", token="ada-token")
    with Emulator(users=[DEMO_USER, ada], enterprise=Enterprise.of({"1001": 1})) as emulator:
        for token in (DEMO_TOKEN, "ada-token"):
            options = {"base_url": emulator.url, "calls_per_minute": 2}
            with bx.connect(token, cache_dir=tmp_path, **options) as box:
                assert box.user is not None
                with contextlib.suppress(bx.errors.NotFound):
                    assert first_wait(box, "1001") is None


@pytest.mark.parametrize("policy", [None, RetryPolicy(calls_per_minute=1_000_000)])
def test_calls_per_minute_is_obeyed_whatever_the_policy_says(
    emulator: Emulator, tmp_path: Path, policy: RetryPolicy | None
) -> None:
    with bx.connect(
        DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path, calls_per_minute=2, retry=policy
    ) as box:
        assert first_wait(box, "1001") is None
        assert str(first_wait(box, "1003")).endswith("at most 2 calls a minute")
    assert len(emulator.calls) == 2


def test_a_lasting_fault_costs_as_many_calls_as_there_are_attempts(emulator: Emulator) -> None:
    emulator.fault("500", times=None)
    policy = RetryPolicy(attempts=3, backoff_s=0.001)
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=policy)
    with pytest.raises(bx.errors.ServerError):
        session.get(PATH, version=BOX_VERSION)
    assert len(emulator.calls) == 3
    session.close()


def test_many_threads_share_one_limit_exactly(emulator: Emulator) -> None:
    policy = RetryPolicy(calls_per_minute=50)
    session = BoxSession(emulator.url, Token(DEMO_TOKEN), retry=policy)
    cancelled = threading.Event()
    context = RequestContext(cancelled, lambda why: cancelled.set() if why else None)

    def call() -> None:
        try:
            while True:
                session.get(PATH, version=BOX_VERSION, context=context)
        except bx.errors.Cancelled:
            pass

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(emulator.calls) <= 50
    assert len(emulator.calls) >= 43
    session.close()
