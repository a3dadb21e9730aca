"""Whatever the server does: every job once, or an error that names the cause.

The server misbehaves according to a schedule while `box.read` and `box.jobs` read from it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.box.reading import Reading
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.emulator import DEMO_TOKEN, FAULTS, Emulator, plain_job

pytestmark = pytest.mark.trust

THOROUGH = pytest.mark.thorough

Jobs = list[dict[str, Any]]

# Every wait that a schedule asks for is shorter than 10 ms, or longer than this deadline.
RETRY = RetryPolicy(
    calls_per_minute=1_000_000, read_timeout_s=1, deadline_s=9, attempts=3, backoff_s=0.001
)
NOW = dt.datetime.now(dt.UTC)
RETRY_AFTER = [
    *(None, 0, 0.004, "0.001", "-3", 3600, "99999999.5", 10**15, "9" * 400, "1e999", "nan"),
    *("", "soon", "7 s", "1,5", "0x10", "Tue, 99 Foo 2026 25:61:00 GMT", "Tue, 03 Nov 2026"),
    *(NOW - dt.timedelta(days=9), NOW + dt.timedelta(days=900)),
    dt.datetime.max.replace(tzinfo=dt.UTC),
]  # fmt: skip


class Effect(NamedTuple):
    """The error that a fault may cause (None: never one), and the options to try it with."""

    error: type[errors.BoxDocGenError] | None
    options: Mapping[str, list[Any]]


def effect(error: type[errors.BoxDocGenError] | None = None, **options: list[Any]) -> Effect:
    return Effect(error, options)


EFFECTS = {
    "rate-limit": effect(errors.RateLimited, retry_after=RETRY_AFTER),
    "503-html": effect(errors.ServerError, retry_after=RETRY_AFTER),
    "500": effect(errors.ServerError),
    "server-error": effect(
        errors.ServerError,
        status=[500, 502, 503, 504],
        body=["json", "html", "nothing"],
        retry_after=RETRY_AFTER,
    ),
    "slow": effect(seconds=[0.002]),
    "silent": effect(errors.Unreachable),
    "cut": effect(errors.Unreachable, gzip=[False, True]),
    "drop": effect(errors.Unreachable, headers=[False, True]),
    "html-200": effect(errors.BrokenPage),
    "other-body": effect(
        errors.BrokenPage,
        body=["{}", "", "null", "[]", '{"entries": null}', '{"entries": [{}]}', '{"entries": ['],
    ),
    "garbage": effect(errors.BrokenPage, seed=[1, 2, 3]),
    "expired-token": effect(errors.Unauthorized),
    "forbidden": effect(errors.Forbidden),
    "expired-marker": effect(errors.MarkerRefused),
    "repeating-marker": effect(errors.BrokenChain),
    "empty-end-marker": effect(),
    "null-end-marker": effect(),
    "absent-end-marker": effect(),
    "overlap": effect(errors.BrokenChain, jobs=[1, 3, 99]),
    "shrink": effect(jobs=[1, 3, 99]),
    "grow": effect(jobs=[1, 7, 99]),
    "other-batch": effect(errors.BrokenPage, batch=["1002", "900900"]),
    "changing-status": effect(jobs=[1, 4]),
    "unknown-status": effect(jobs=[1, 4]),
    "unknown-field": effect(value=["high", None, {"a": [1]}, True]),
}

# The status and the code that an error takes from Box's answer.
SERVER_CODES = {"internal_server_error", "bad_gateway", "service_unavailable", "gateway_timeout"}
ANSWERS: dict[type[errors.BoxDocGenError], tuple[set[int | None], set[str | None]]] = {
    errors.RateLimited: ({429}, {"rate_limit_exceeded"}),
    errors.MarkerRefused: ({400}, {"bad_request"}),
    errors.Unauthorized: ({401}, {None}),
    errors.Forbidden: ({403}, {"insufficient_scope"}),
    errors.ServerError: ({500, 502, 503, 504}, {None, *SERVER_CODES}),
    errors.BrokenPage: ({200}, {None}),
    errors.BrokenChain: ({200}, {None}),
    errors.Unreachable: ({None}, {None}),
}


class Planned(NamedTuple):
    """A fault to arm."""

    name: str
    options: dict[str, Any]
    page: int | None
    times: int


@st.composite
def faults(draw: st.DrawFn, pages: int = 6) -> Planned:
    # Silence costs a second each time, so it is drawn less often.
    name = draw(st.sampled_from([*sorted(EFFECTS.keys() - {"silent"}) * 3, "silent"]))
    options = {key: draw(st.sampled_from(each)) for key, each in EFFECTS[name].options.items()}
    page = draw(st.none() | st.integers(1, pages))
    return Planned(name, options, page, draw(st.integers(1, 3)))


@st.composite
def statuses(draw: st.DrawFn) -> list[str]:
    """The statuses of 0 to 60 jobs: all final, or some still running."""
    running = draw(st.sampled_from([0, 0, 1, 7]))
    jobs = draw(st.integers(0, 60))
    return ["pending" if running and n % running == 0 else "completed" for n in range(jobs)]


@pytest.fixture(scope="module")
def box(server: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("cache")
    with connect(DEMO_TOKEN, base_url=server.url, cache_dir=folder, ttl_s=0, retry=RETRY) as box:
        assert box.user is not None  # asked before any fault is armed
        yield box


_numbers = itertools.count(1001)


def put(server: Emulator, wanted: list[str]) -> str:
    """Add a batch that nobody has read yet, with jobs in these statuses."""
    batch_id = str(next(_numbers))
    jobs = [plain_job(batch_id, n) | {"status": status} for n, status in enumerate(wanted)]
    server.enterprise.put(batch_id, jobs)
    return batch_id


def path(batch_id: str) -> str:
    return f"/docgen_batch_jobs/{batch_id}"


def arm(server: Emulator, batch_id: str, schedule: list[Planned]) -> None:
    for name, options, page, times in schedule:
        server.fault(name, path=path(batch_id), page=page, times=times, **options)


def columns(struck: set[str]) -> list[str]:
    """Everything must be right, except statuses changed by a fault."""
    changed = struck & {"changing-status", "unknown-status"}
    return ["batch_id", "job_id", "output_file_id", *([] if changed else ["status"])]


def expected_rows(jobs: Jobs, struck: set[str]) -> list[tuple[str, ...]]:
    rows = (
        (job["batch"]["id"], job["id"], job["output_file"]["id"], job["status"]) for job in jobs
    )
    return [row[: len(columns(struck))] for row in rows]


def assert_error(error: errors.BoxDocGenError, struck: set[str]) -> None:
    """The error names an actual cause, and the status and code of Box's answer."""
    assert type(error) in {EFFECTS[name].error for name in struck}, (error, struck)
    statuses, codes = ANSWERS[type(error)]
    assert error.status in statuses
    assert error.code in codes


def assert_incomplete(reading: Reading | None, jobs: Jobs, struck: set[str]) -> None:
    """What arrived is correct, and is not called complete."""
    assert reading is not None
    rows = reading.jobs.select(columns(struck)).rows()
    assert set(rows) <= set(expected_rows(jobs, struck))
    assert not reading.pages["complete"].any()


def assert_complete(reading: Reading, jobs: Jobs, struck: set[str]) -> None:
    assert reading.jobs.select(columns(struck)).rows() == expected_rows(jobs, struck)
    assert reading.pages["complete"].all()
    assert reading.pages["jobs"].sum() == len(jobs)


def survive(box: Box, server: Emulator, batch_id: str, schedule: list[Planned], limit: int) -> int:
    """Read a batch under these faults, then without; count the strikes."""
    jobs = server.enterprise.jobs(batch_id)
    before = len(server.strikes)
    arm(server, batch_id, schedule)
    try:
        reading, error = box.read(batch_id, limit=limit), None
    except errors.BoxDocGenError as caught:
        reading, error = caught.reading, caught
    server.clear_faults()
    strikes = server.strikes[before:]
    struck = {strike.fault for strike in strikes}
    if error is None:
        assert_complete(reading, jobs, struck)
    else:
        assert_error(error, struck)
        assert error.batch_id == batch_id
        assert_incomplete(reading, jobs, struck)
    assert_complete(box.read(batch_id, limit=limit), jobs, set())
    return len(strikes)


def variants() -> Iterator[Any]:
    """Each fault with each value of each of its options, and for each of three pages."""
    for name, (_, options) in EFFECTS.items():
        first = {key: values[0] for key, values in options.items()}
        each = [first | {key: value} for key, values in options.items() for value in values]
        yield pytest.param(name, first, None, id=name)
        for number, chosen in enumerate(each):
            yield pytest.param(name, chosen, None, id=f"{name}-{number}", marks=THOROUGH)
        for page in (1, 2, 3):
            marks = () if page == 2 and name != "silent" else THOROUGH  # silence takes seconds
            yield pytest.param(name, first, page, id=f"{name}-page-{page}", marks=marks)


def test_the_effect_of_every_fault_is_known() -> None:
    assert EFFECTS.keys() == FAULTS.keys()


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize(("name", "options", "page"), list(variants()))
def test_each_fault_alone_costs_no_job_or_is_named(
    server: Emulator, box: Box, name: str, options: dict[str, Any], page: int | None, times: int
) -> None:
    batch_id = put(server, ["completed"] * 25)
    strikes = survive(box, server, batch_id, [Planned(name, options, page, times)], limit=10)
    assert strikes or page  # some faults need a first page, a last one, or one between


@settings(max_examples=2 * settings.default.max_examples)
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


@given(
    plan=st.lists(
        st.tuples(statuses(), st.lists(faults(pages=1), max_size=2)), min_size=2, max_size=4
    )
)
def test_good_batches_are_complete_and_bad_ones_beside_them_are_named(
    server: Emulator, box: Box, plan: list[tuple[list[str], list[Planned]]]
) -> None:
    before = len(server.strikes)
    batches = {put(server, wanted): schedule for wanted, schedule in plan}
    jobs = {batch_id: server.enterprise.jobs(batch_id) for batch_id in batches}
    for batch_id, schedule in batches.items():
        arm(server, batch_id, schedule)

    reading, failures = read_all(box, list(batches))
    server.clear_faults()

    strikes = server.strikes[before:]
    # A token that expired for one batch is not tried for the others.
    expired = {strike.fault for strike in strikes} & {"expired-token"}
    for batch_id in batches:
        struck = {strike.fault for strike in strikes if strike.path == path(batch_id)}
        mine = of_batch(reading, batch_id)
        if batch_id in failures:
            assert_error(failures[batch_id], struck | expired)
            assert_incomplete(mine, jobs[batch_id], struck)
        else:
            assert_complete(mine, jobs[batch_id], struck)
    all_jobs = [job for of_one in jobs.values() for job in of_one]
    rows = box.jobs(list(batches)).select(columns(set())).rows()
    assert rows == expected_rows(all_jobs, set())


def of_batch(reading: Reading, batch_id: str) -> Reading:
    mine = pl.col("batch_id") == batch_id
    return replace(reading, jobs=reading.jobs.filter(mine), pages=reading.pages.filter(mine))
