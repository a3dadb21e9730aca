"""Watching until every job is final, with few calls, despite temporary errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from batch import PATH, calls_to
from clock import age

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator, plain_job
from boxdocgen_explore.errors import Reading

AT_ONCE = 0.001


def put(emulator: Emulator, final: int, jobs: int = 900) -> None:
    """A batch with this number of final jobs."""
    waiting = {"status": "pending", "output_file": None}
    emulator.enterprise.put(
        "1001", [plain_job("1001", n) | (waiting if n >= final else {}) for n in range(jobs)]
    )


def watched(emulator: Emulator, box: Box, per_minute: int, looks: int) -> list[Reading]:
    """Looks, one minute apart, at a batch with this number of new final jobs a minute."""
    put(emulator, 0)
    readings = []
    for reading in islice(box.watch("1001", every=AT_ONCE), looks):
        readings.append(reading)
        put(emulator, min(900, per_minute * len(readings)))
        age(box, minutes=1)
    return readings


def test_a_watch_ends_when_all_is_final_as_it_expected_from_one_third_on(
    emulator: Emulator, box: Box
) -> None:
    before = datetime.now(UTC)
    paces = [reading.pace for reading in watched(emulator, box, per_minute=60, looks=99)]

    assert [pace.final for pace in paces if pace] == [*range(0, 901, 60)]
    assert paces[-1] is not None
    assert paces[-1].done
    assert str(paces[-1]) == "900 of 900 final"
    for pace in paces[5:-1]:
        assert pace is not None
        assert pace.per_minute == pytest.approx(60, rel=0.02)
        assert pace.expected_end is not None
        assert pace.expected_end - before == pytest.approx(
            timedelta(minutes=15), abs=timedelta(minutes=3)
        )


def test_a_stalled_batch_is_reported_as_stalled(emulator: Emulator, box: Box) -> None:
    readings = watched(emulator, box, per_minute=0, looks=8)

    assert not any(reading.pace.stalled for reading in readings[:5] if reading.pace)
    assert readings[-1].pace is not None
    assert readings[-1].pace.stalled
    assert "unchanged for 7 min" in str(readings[-1].pace)


def test_final_pages_are_not_requested_again_and_calls_are_counted(
    emulator: Emulator, box: Box
) -> None:
    put(emulator, 2500, jobs=3000)
    readings = []
    for reading in islice(box.watch("1001", every=AT_ONCE), 3):
        readings.append(reading)
        age(box, minutes=1)

    assert calls_to(emulator) == 3 + 1 + 1
    assert [reading.calls for reading in readings] == [4, 5, 6]  # with /users/me


def test_a_watch_that_is_started_again_knows_the_pace(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    watched(emulator, connected(), per_minute=60, looks=5)
    (reading,) = islice(connected().watch("1001"), 1)

    assert reading.pace is not None
    assert reading.pace.per_minute == pytest.approx(60, rel=0.1)


def test_a_batch_that_is_watched_with_a_final_one_has_the_same_pace(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    watched(emulator, connected(), per_minute=60, looks=5)
    emulator.enterprise.put("1003", [plain_job("1003", n) for n in range(3000)])
    (reading,) = islice(connected().watch(["1001", "1003"]), 1)

    assert reading.pace is not None
    assert (reading.pace.jobs, reading.pace.final) == (3900, 3300)
    assert reading.pace.per_minute == pytest.approx(60, rel=0.1)


def test_when_a_job_was_first_seen_in_its_status_survives_a_restart(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    put(emulator, 5, jobs=20)
    first = connected().read("1001").pages["fetched_at"][0]
    put(emulator, 12, jobs=20)
    age(connected(), minutes=10)
    second = connected().read("1001", refresh=True).pages["fetched_at"][0]

    seen = connected(offline=True).transitions("1001")
    assert seen["first_seen_at"].to_list() == [first] * 5 + [second] * 7 + [first] * 8
    assert seen["status"].to_list() == ["completed"] * 12 + ["pending"] * 8


def test_nothing_is_stored_about_a_batch_that_was_final_at_once(
    emulator: Emulator, box: Box
) -> None:
    box.read("1001")
    assert box.transitions(["1001", "1003"]).is_empty()


def test_every_outage_is_waited_for(emulator: Emulator, box: Box) -> None:
    put(emulator, 10, jobs=20)
    looks = box.watch("1001", every=AT_ONCE)
    next(looks)
    for final in (15, 20):
        emulator.fault("500", path=PATH, times=3 * 4)  # each look tries three times
        put(emulator, final, jobs=20)
        last = next(looks)
        assert last.pace is not None
        assert last.pace.final == final


def test_an_outage_that_does_not_pass_ends_the_watch(emulator: Emulator, box: Box) -> None:
    emulator.fault("500", path=PATH, times=None)
    with pytest.raises(errors.ServerError):
        next(box.watch("1001", every=AT_ONCE))


@pytest.mark.parametrize(
    ("fault", "kind"), [("expired-token", errors.Unauthorized), ("forbidden", errors.Forbidden)]
)
def test_a_refusal_ends_the_watch_at_once(
    emulator: Emulator, box: Box, fault: str, kind: type[errors.BoxDocGenError]
) -> None:
    emulator.fault(fault, path=PATH, times=None)
    with pytest.raises(kind):
        next(box.watch("1001"))
    assert calls_to(emulator) == 1


def test_a_watch_gives_up_after_its_time(emulator: Emulator, box: Box) -> None:
    put(emulator, 10, jobs=20)
    looks = list(box.watch("1001", every=60, until=timedelta(seconds=0.01)))

    assert len(looks) == 1


def test_a_cancelled_watch_ends(emulator: Emulator, box: Box) -> None:
    put(emulator, 10, jobs=20)
    cancelled = threading.Event()
    looks = box.watch("1001", every=600, cancelled=cancelled)
    next(looks)
    threading.Timer(0.05, cancelled.set).start()

    assert list(looks) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"every": 0},
        {"every": float("nan")},
        {"every": -3},
        {"until": datetime(2026, 11, 3)},
        {"until": "tomorrow"},
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_sent(
    emulator: Emulator, box: Box, arguments: dict[str, object]
) -> None:
    with pytest.raises(errors.InvalidRequest):
        box.watch("1001", **arguments)  # type: ignore[arg-type]
    assert emulator.calls == []
