"""Whatever the server does: every job once, or an error that names the cause.

The demo's server misbehaves by a schedule, and `box.read` and `box.jobs` are asked meanwhile.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.box.reading import Reading
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.emulator import DEMO_TOKEN, FAULTS, Emulator, Enterprise, plain_job

pytestmark = pytest.mark.trust

WAITS = RetryPolicy(
    calls_per_minute=1_000_000, read_timeout_s=1, deadline_s=9, attempts=3, backoff_s=0.001
)
"""Every wait that a schedule asks for is shorter than 10 ms, or longer than this patience."""

CAUSES: dict[str, type[errors.BoxDocGenError] | None] = {
    "rate-limit": errors.RateLimited,
    "503-html": errors.ServerError,
    "500": errors.ServerError,
    "server-error": errors.ServerError,
    "slow": None,
    "silent": errors.Unreachable,
    "cut": errors.Unreachable,
    "drop": errors.Unreachable,
    "expired-marker": errors.MarkerRefused,
    "repeating-marker": errors.BrokenChain,
    "empty-end-marker": None,
    "null-end-marker": None,
    "absent-end-marker": None,
    "html-200": errors.BrokenPage,
    "other-body": errors.BrokenPage,
    "garbage": errors.BrokenPage,
    "expired-token": errors.Unauthorized,
    "forbidden": errors.Forbidden,
    "overlap": errors.BrokenChain,
    "shrink": None,
    "grow": None,
    "other-batch": errors.BrokenPage,
    "changing-status": None,
    "unknown-status": None,
    "unknown-field": None,
}
"""What each fault may be told as; None where the answer has to come whole all the same."""

SAID = {
    errors.RateLimited: ({429}, {"rate_limit_exceeded"}),
    errors.MarkerRefused: ({400}, {"bad_request"}),
    errors.Unauthorized: ({401}, {None}),
    errors.Forbidden: ({403}, {"insufficient_scope"}),
    errors.ServerError: (
        {500, 502, 503, 504},
        {None, "internal_server_error", "bad_gateway", "service_unavailable", "gateway_timeout"},
    ),
    errors.BrokenPage: ({200}, {None}),
    errors.BrokenChain: ({200}, {None}),
    errors.Unreachable: ({None}, {None}),
}
"""Status and code that an error has from Box's answer."""

OTHER_STATUS = {"changing-status", "unknown-status"}
NOW = dt.datetime.now(dt.UTC)
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)
RETRY_AFTER = [
    *(None, 0, 0.004, "0.001", "-3", 3600, "99999999.5", 10**15, "9" * 400, "1e999", "nan"),
    *("", "soon", "7 s", "1,5", "0x10", "Tue, 99 Foo 2026 25:61:00 GMT", "Tue, 03 Nov 2026"),
    *(NOW - dt.timedelta(days=9), NOW + dt.timedelta(days=900), NEVER),
]  # fmt: skip
OPTIONS: dict[str, dict[str, list[Any]]] = {
    "rate-limit": {"retry_after": RETRY_AFTER},
    "503-html": {"retry_after": RETRY_AFTER},
    "server-error": {
        "status": [500, 502, 503, 504],
        "body": ["json", "html", "nothing"],
        "retry_after": RETRY_AFTER,
    },
    "slow": {"seconds": [0.002]},
    "cut": {"gzip": [False, True]},
    "drop": {"headers": [False, True]},
    "other-body": {
        "body": ["{}", "", "null", "[]", '{"entries": null}', '{"entries": [{}]}', '{"entries": [']
    },
    "garbage": {"seed": [1, 2, 3]},
    "overlap": {"jobs": [1, 3, 99]},
    "shrink": {"jobs": [1, 3, 99]},
    "grow": {"jobs": [1, 7, 99]},
    "other-batch": {"batch": ["1002", "900900"]},
    "changing-status": {"jobs": [1, 4]},
    "unknown-status": {"jobs": [1, 4]},
    "unknown-field": {"value": ["high", None, {"a": [1]}, True]},
}


NAMES = [*sorted(FAULTS.keys() - {"silent"}) * 3, "silent"]
"""What to draw from: silence costs a second each time, so it comes less often."""


class Planned(NamedTuple):
    """A fault as it is to be armed."""

    name: str
    options: dict[str, Any]
    page: int | None
    times: int


@st.composite
def faults(draw: st.DrawFn, pages: int = 6) -> Planned:
    name = draw(st.sampled_from(NAMES))
    options = {key: draw(st.sampled_from(values)) for key, values in OPTIONS.get(name, {}).items()}
    page = draw(st.none() | st.integers(1, pages))
    return Planned(name, options, page, draw(st.integers(1, 3)))


@st.composite
def statuses(draw: st.DrawFn) -> list[str]:
    """Of 0 to 60 jobs, all settled or some still running."""
    running = draw(st.sampled_from([0, 0, 1, 7]))
    jobs = draw(st.integers(0, 60))
    return ["pending" if running and n % running == 0 else "completed" for n in range(jobs)]


_numbers = itertools.count(1001)


def put(server: Emulator, wanted: list[str]) -> str:
    """A batch that nobody has read yet, with jobs in these statuses."""
    batch_id = str(next(_numbers))
    jobs = [plain_job(batch_id, n) | {"status": status} for n, status in enumerate(wanted)]
    server.enterprise.put(batch_id, jobs)
    return batch_id


def path(batch_id: str) -> str:
    return f"/docgen_batch_jobs/{batch_id}"


def arm(server: Emulator, batch_id: str, schedule: list[Planned]) -> None:
    for fault in schedule:
        where = {"path": path(batch_id), "page": fault.page, "times": fault.times}
        server.fault(fault.name, **where, **fault.options)


def rows(jobs: list[dict[str, Any]], *, status: bool = True) -> list[tuple[str, ...]]:
    """The truth, as `told` has it."""
    return [
        (job["batch"]["id"], job["id"], job["output_file"]["id"], *([job["status"]] * status))
        for job in jobs
    ]


def told(jobs: pl.DataFrame, *, status: bool = True) -> list[tuple[str, ...]]:
    return jobs.select("batch_id", "job_id", "output_file_id", *(["status"] * status)).rows()


def check_error(error: errors.BoxDocGenError, struck: set[str]) -> None:
    """It names a cause that there was, and what Box said of it."""
    assert type(error) in {CAUSES[name] for name in struck}, (error, struck)
    statuses, codes = SAID[type(error)]
    assert error.status in statuses
    assert error.code in codes


def check_reading(reading: Reading | None, truth: list[dict[str, Any]], struck: set[str]) -> None:
    """What had arrived is true, and does not call itself whole."""
    assert reading is not None
    status = not struck & OTHER_STATUS
    assert set(told(reading.jobs, status=status)) <= set(rows(truth, status=status))
    assert not reading.pages["complete"].any()


def check_whole(reading: Reading, truth: list[dict[str, Any]], struck: set[str]) -> None:
    status = not struck & OTHER_STATUS
    assert told(reading.jobs, status=status) == rows(truth, status=status)
    assert reading.pages["complete"].all()
    assert reading.pages["jobs"].sum() == len(truth)


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator(enterprise=Enterprise.of({})) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def box(server: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("cache")
    with connect(DEMO_TOKEN, base_url=server.url, cache_dir=folder, ttl_s=0, retry=WAITS) as box:
        assert box.user is not None  # asked before any fault is armed
        yield box


def survive(box: Box, server: Emulator, batch_id: str, schedule: list[Planned], limit: int) -> int:
    """Read a batch under these faults, then without; how many have struck."""
    truth = server.enterprise.jobs(batch_id)
    before = len(server.strikes)
    arm(server, batch_id, schedule)
    try:
        reading, error = box.read(batch_id, limit=limit), None
    except errors.BoxDocGenError as caught:
        reading, error = caught.reading, caught
    server.clear_faults()
    struck = [strike.fault for strike in server.strikes[before:]]
    if error is None:
        check_whole(reading, truth, set(struck))
    else:
        check_error(error, set(struck))
        assert error.batch_id == batch_id
        check_reading(reading, truth, set(struck))
    check_whole(box.read(batch_id, limit=limit), truth, set())
    return len(struck)


def variants() -> list[Any]:
    """Each fault, with each value of each of its options."""
    found = []
    for name in FAULTS:
        options = OPTIONS.get(name, {})
        first = {key: values[0] for key, values in options.items()}
        each = [first | {key: value} for key, values in options.items() for value in values]
        for number, chosen in enumerate(each or [first]):
            found.append(pytest.param(name, chosen, None, id=f"{name}-{number}"))
        found += [pytest.param(name, first, page, id=f"{name}-page-{page}") for page in (1, 2, 3)]
    return found


def test_every_fault_has_a_cause_to_be_told_as() -> None:
    assert CAUSES.keys() == FAULTS.keys()


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize(("name", "options", "page"), variants())
def test_each_fault_alone_costs_no_job_or_is_named(
    server: Emulator,
    box: Box,
    name: str,
    options: dict[str, Any],
    page: int | None,
    times: int,
) -> None:
    batch_id = put(server, ["completed"] * 25)
    struck = survive(box, server, batch_id, [Planned(name, options, page, times)], limit=10)
    assert struck or page  # some faults need a first page, a last one, or one between


some = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(some, max_examples=150)
@given(wanted=statuses(), limit=st.integers(4, 64), schedule=st.lists(faults(), max_size=6))
def test_under_any_schedule_of_faults_every_job_comes_once_or_an_error_names_the_cause(
    server: Emulator, box: Box, wanted: list[str], limit: int, schedule: list[Planned]
) -> None:
    survive(box, server, put(server, wanted), schedule, limit)


def read_all(box: Box, batch_ids: list[str]) -> tuple[Reading, Mapping[str, errors.BoxDocGenError]]:
    try:
        return box.read(batch_ids), {}
    except errors.BatchesFailed as error:
        return error.reading, error.failures


@settings(some, max_examples=40)
@given(
    plan=st.lists(
        st.tuples(statuses(), st.lists(faults(pages=1), max_size=2)), min_size=2, max_size=4
    )
)
def test_of_several_batches_the_good_ones_are_whole_and_the_bad_ones_are_named(
    server: Emulator, box: Box, plan: list[tuple[list[str], list[Planned]]]
) -> None:
    before = len(server.strikes)
    batch_ids = [put(server, wanted) for wanted, _ in plan]
    truths = {batch_id: server.enterprise.jobs(batch_id) for batch_id in batch_ids}
    for batch_id, (_, schedule) in zip(batch_ids, plan, strict=True):
        arm(server, batch_id, schedule)

    reading, failures = read_all(box, batch_ids)
    server.clear_faults()

    strikes = server.strikes[before:]
    # The token that one batch found to be expired is not tried on the others.
    expired = {strike.fault for strike in strikes} & {"expired-token"}
    for batch_id, truth in truths.items():
        struck = {strike.fault for strike in strikes if strike.path == path(batch_id)}
        mine = of_batch(reading, batch_id)
        if batch_id in failures:
            check_error(failures[batch_id], struck | expired)
            check_reading(mine, truth, struck)
        else:
            check_whole(mine, truth, struck)
    assert told(box.jobs(batch_ids)) == [row for truth in truths.values() for row in rows(truth)]


def of_batch(reading: Reading, batch_id: str) -> Reading:
    mine = pl.col("batch_id") == batch_id
    return replace(reading, jobs=reading.jobs.filter(mine), pages=reading.pages.filter(mine))
