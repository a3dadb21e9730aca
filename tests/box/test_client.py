"""What a person asks of Box: whole or an error that carries what arrived, at every door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import QUICK, age

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, IncompleteListWarning, connect, demo, progress
from boxdocgen_explore.box.reading import Reading
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.cache.store import StoreWarning
from boxdocgen_explore.emulator import (
    DEMO_TOKEN,
    DEMO_USER,
    FAULTS,
    Emulator,
    Enterprise,
    User,
)
from boxdocgen_explore.schema import BATCHES, DETAILS, JOBS, PAGES

PATH = "/docgen_batch_jobs/1001"


def truth(emulator: Emulator, batch_id: str = "1001") -> list[str]:
    return [job["id"] for job in emulator.enterprise.jobs(batch_id)]


def asked(emulator: Emulator, path: str = PATH) -> int:
    return sum(call.path == path for call in emulator.calls)


def carried(error: errors.BoxDocGenError) -> Reading:
    assert isinstance(error.reading, Reading)
    return error.reading


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_under_any_lasting_fault_a_reading_is_whole_or_an_error_with_what_arrived(
    emulator: Emulator, box: Box, name: str, page: int
) -> None:
    options = {"retry_after": 0} if name == "rate-limit" else {}
    options |= {"seconds": 0.01} if name == "slow" else {}
    emulator.fault(name, path=PATH, page=page, times=None, **options)
    error: errors.BoxDocGenError | None = None
    try:
        reading = box.read("1001", limit=10)
    except errors.BoxDocGenError as raised:
        error, reading = raised, carried(raised)
    arrived = reading.jobs["job_id"].unique(maintain_order=True).to_list()
    if error is None:
        assert reading.jobs["job_id"].to_list() == truth(emulator)
        assert reading.pages["complete"].all()
    else:
        assert error.batch_id == "1001"
        assert arrived == truth(emulator)[: len(arrived)]
        assert not reading.pages["complete"].any()
        assert reading.verdict.startswith("INCOMPLETE")


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_after_any_fault_that_passed_the_batch_is_read_whole(
    emulator: Emulator, box: Box, name: str, page: int
) -> None:
    options = {"retry_after": 0} if name == "rate-limit" else {}
    options |= {"seconds": 0.01} if name == "slow" else {}
    emulator.fault(name, path=PATH, page=page, **options)
    try:
        reading = box.read("1001", limit=10)
    except errors.BoxDocGenError:
        reading = box.read("1001", limit=10)
    assert reading.jobs["job_id"].to_list() == truth(emulator)
    assert reading.pages["complete"].all()
    assert reading.pages["duplicates"].sum() == 0


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [
        ("rate-limit", errors.RateLimited, 429),
        ("500", errors.ServerError, 500),
        ("503-html", errors.ServerError, 503),
        ("expired-token", errors.Unauthorized, 401),
        ("forbidden", errors.Forbidden, 403),
        ("html-200", errors.BrokenPage, 200),
        ("other-body", errors.BrokenPage, 200),
        ("drop", errors.Unreachable, None),
        ("cut", errors.Unreachable, None),
        ("silent", errors.Unreachable, None),
    ],
)
def test_the_last_answer_becomes_the_error_and_nothing_of_it_is_kept(
    emulator: Emulator,
    box: Box,
    name: str,
    kind: type[errors.BoxDocGenError],
    status: int | None,
) -> None:
    options = {"retry_after": 0} if name == "rate-limit" else {}
    emulator.fault(name, path=PATH, times=None, **options)
    with pytest.raises(kind) as caught:
        box.read("1001")
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert (caught.value.request_id is not None) == (status is not None)
    assert box.cached() == []


def test_a_status_that_box_adds_later_comes_through(emulator: Emulator, box: Box) -> None:
    emulator.fault("unknown-status", path=PATH, times=None)
    reading = box.read("1001")
    assert reading.jobs["status"].to_list() == ["archived"] + ["completed"] * 24
    assert "1 with a status unknown here" in reading.verdict


def test_a_field_that_box_adds_later_is_named_in_the_evidence(emulator: Emulator, box: Box) -> None:
    emulator.fault("unknown-field", path=PATH)
    assert box.read("1001").pages["unknown_fields"].to_list() == [["priority"]]


# --- what is read --------------------------------------------------------------------------------


def test_jobs_and_pages_have_their_columns(emulator: Emulator, box: Box) -> None:
    reading = box.read(["1001", "1002"], limit=10)
    assert dict(reading.jobs.schema) == JOBS
    assert dict(reading.pages.schema) == PAGES
    pages = reading.pages.filter(pl.col("batch_id") == "1001")
    assert pages["page"].to_list() == [1, 2, 3]
    assert pages["marker_sha256"].to_list()[1:] == pages["next_marker_sha256"].to_list()[:-1]
    assert pages["marker_sha256"][0] is None
    assert pages["next_marker_sha256"][-1] is None
    assert pages["limit_used"].unique().to_list() == [10]
    assert pages["user_login"].unique().to_list() == [DEMO_USER.login]
    assert pages["host"].unique().to_list() == [f"127.0.0.1:{emulator.port}"]
    assert set(reading.jobs["origin"]) == {f"127.0.0.1:{emulator.port}"}


def test_pages_from_the_store_prove_the_same_as_when_they_were_fetched(box: Box) -> None:
    fetched, kept = (box.read("1001", limit=10).pages for _ in range(2))
    same = ["marker_sha256", "body_sha256", "box_request_id", "jobs", "limit_used"]
    assert fetched.select(same).equals(kept.select(same))
    assert kept["from_cache"].all()
    assert not fetched["from_cache"].any()
    late = (kept["fetched_at"] - fetched["fetched_at"]).abs().max()
    assert isinstance(late, timedelta)
    assert late < timedelta(seconds=2)


def test_several_batches_are_asked_for_side_by_side(emulator: Emulator, tmp_path: Path) -> None:
    """No answer ever ends, and yet all are asked for: one by one, only the first would be."""
    batches = [str(2001 + n) for n in range(8)]
    for batch_id in batches:
        emulator.enterprise.put(batch_id, 3)
        emulator.fault("silent", path=f"/docgen_batch_jobs/{batch_id}", times=None)
    cancelled = threading.Event()

    def all_asked(_pages: int, _jobs: int, _waiting: str | None) -> None:
        paths = {call.path for call in emulator.calls}
        if all(f"/docgen_batch_jobs/{batch_id}" in paths for batch_id in batches):
            cancelled.set()

    waits = RetryPolicy(read_timeout_s=5, attempts=1)
    patient = connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path, retry=waits)
    with patient, pytest.raises(errors.Cancelled) as caught:
        patient.read(batches, cancelled=cancelled, progress=all_asked)
    assert {type(error) for error in carried(caught.value).failures.values()} == {errors.Cancelled}


def test_one_failing_batch_does_not_lose_the_others(emulator: Emulator, box: Box) -> None:
    emulator.fault("500", path=PATH, page=2, times=None)
    with pytest.raises(errors.BatchesFailed) as caught:
        box.read(["1003", "1001", "404", "1004"], limit=10)
    assert {name: type(error) for name, error in caught.value.failures.items()} == {
        "1001": errors.ServerError,
        "404": errors.NotFound,
    }
    assert "1001" in str(caught.value)
    assert "404" in str(caught.value)
    reading = carried(caught.value)
    counts = dict(reading.jobs["batch_id"].value_counts().iter_rows())
    assert counts == {"1003": 10, "1001": 10, "1004": 7}
    whole = reading.pages.group_by("batch_id").agg(pl.col("complete").all())
    assert dict(whole.iter_rows()) == {"1001": False, "1003": True, "1004": True}


def test_a_refused_token_is_not_tried_on_every_other_batch(emulator: Emulator, box: Box) -> None:
    box.read("1003")
    emulator.fault("expired-token", times=None)
    with pytest.raises(errors.BatchesFailed) as caught:
        box.read([str(5000 + n) for n in range(60)])
    assert len(caught.value.failures) == 60
    for batch_id, error in caught.value.failures.items():
        assert error.batch_id == batch_id
        assert batch_id in str(error) or "Not requested" in str(error)
    assert sum(call.path.startswith("/docgen_batch_jobs/5") for call in emulator.calls) <= 16


@pytest.mark.parametrize(
    "ids",
    [
        ["1001", "1003"],
        [1001, 1003],
        (one for one in ("1001", 1003)),
        ["1001", "1003", "1001", 1003],
        pl.Series(["1001", "1003"]),
    ],
)
def test_ids_may_be_texts_numbers_repeated_or_come_from_a_generator(box: Box, ids: Any) -> None:
    reading = box.read(ids)
    assert reading.jobs["batch_id"].unique(maintain_order=True).to_list() == ["1001", "1003"]


@pytest.mark.parametrize("ids", [[], (), pl.Series([], dtype=pl.String)])
@pytest.mark.parametrize("details", [False, True])
def test_no_ids_give_an_empty_frame_with_all_columns(
    emulator: Emulator, box: Box, ids: Any, details: bool
) -> None:
    jobs = box.jobs(ids, details=details)
    assert dict(jobs.schema) == {**JOBS, **(DETAILS if details else {})}
    assert jobs.height == 0
    assert not emulator.calls


def test_details_are_joined_on_the_job(emulator: Emulator, box: Box) -> None:
    reading = box.read(["1001", "1003"], details=True)
    assert dict(reading.jobs.schema) == {**JOBS, **DETAILS}
    assert reading.jobs.height == 35
    assert set(reading.jobs["created_at"]) == {datetime(2026, 11, 3, 2, 14, 3, tzinfo=UTC)}
    assert set(reading.jobs["created_by_login"]) == {DEMO_USER.login}
    assert reading.pages.height == 2


def test_details_that_cannot_be_read_are_an_error_that_carries_the_jobs(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path="/docgen_jobs", times=None)
    with pytest.raises(errors.ServerError) as caught:
        box.read("1001", details=True)
    reading = carried(caught.value)
    assert reading.jobs.height == 25
    assert reading.pages["complete"].all()
    assert reading.jobs["created_at"].null_count() == 25


def test_batches_count_statuses(emulator: Emulator, box: Box) -> None:
    jobs = emulator.enterprise.jobs("1003")
    jobs[0]["status"], jobs[1]["status"], jobs[2]["status"] = "failed", "pending", "archived"
    emulator.enterprise.put("1003", jobs)
    batches = box.batches()
    assert dict(batches.schema) == BATCHES
    row = batches.row(by_predicate=pl.col("batch_id") == "1003", named=True)
    counts = [row[name] for name in ("jobs", "failed", "pending", "completed", "other")]
    assert counts == [10, 1, 1, 7, 1]
    assert "1002" not in set(batches["batch_id"])  # a batch without jobs is in no list


def test_batches_tell_what_is_known_so_far(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1005", 2500)
    seen: list[tuple[int, int]] = []
    box.batches(on_partial=lambda batches, jobs: seen.append((batches["jobs"].sum(), jobs)))
    assert seen[0] == (1000, 1000)


def test_batches_that_may_have_gaps_come_with_a_warning(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1005", 2000)
    emulator.fault("overlap", path="/docgen_jobs", page=2, times=None)
    with pytest.warns(IncompleteListWarning, match="may be missing"):
        assert box.batches().height == 4


def test_templates_and_tags(box: Box) -> None:
    templates = box.templates()
    assert templates["template_name"].to_list() == ["Letter"]
    assert box.tags(templates["template_file_id"][0])["tag"].to_list() == ["{{name}}"]


def test_tags_that_box_still_reads_are_an_error_that_says_so() -> None:
    with demo() as box:
        unread = [
            (template.id, version)
            for template in box._emulator.enterprise.templates.values()  # type: ignore[union-attr]
            for version, tags in template.versions.items()
            if tags is None
        ]
        assert unread
        with pytest.raises(errors.BoxError, match="still preparing") as caught:
            box.tags(*unread[0])
    assert caught.value.status == 202


def test_tags_of_two_versions_are_kept_apart() -> None:
    with demo() as box:
        template = next(
            template
            for template in box._emulator.enterprise.templates.values()  # type: ignore[union-attr]
            if len([tags for tags in template.versions.values() if tags]) > 1
        )
        versions = [version for version, tags in template.versions.items() if tags]
        for _ in range(2):
            for version in versions:
                tags = box.tags(template.id, version)["tag"].to_list()
                assert tags == [tag.content for tag in template.versions[version] or ()]


# --- cancelling and progress ---------------------------------------------------------------------


@pytest.mark.parametrize("path", [PATH, "/users/me"])
@pytest.mark.parametrize("fault", ["silent", "rate-limit"])
def test_a_cancel_ends_any_wait_and_keeps_what_arrived(
    emulator: Emulator, tmp_path: Path, fault: str, path: str
) -> None:
    """Any of these waits would end by itself, but as another error."""
    options = {"retry_after": 30} if fault == "rate-limit" else {}
    emulator.fault(fault, path=path, page=2 if path == PATH else None, times=None, **options)
    cancelled = threading.Event()
    waits = RetryPolicy(read_timeout_s=30, deadline_s=60, attempts=1 if fault == "silent" else 2)
    box = connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path, retry=waits)

    def stop(_pages: int, _jobs: int, waiting: str | None) -> None:
        asked_for = asked(emulator, path) >= (2 if path == PATH else 1)
        if asked_for and (waiting or fault == "silent"):
            cancelled.set()

    with box, pytest.raises(errors.Cancelled) as caught:
        box.read("1001", limit=10, cancelled=cancelled, progress=stop)
    reading = carried(caught.value)
    assert reading.jobs.height == (10 if path == PATH else 0)
    assert set(reading.failures) == {"1001"}
    assert "INCOMPLETE" in reading.verdict


def test_a_cancelled_batch_is_incomplete_and_goes_on_later(emulator: Emulator, box: Box) -> None:
    cancelled = threading.Event()
    with pytest.raises(errors.Cancelled) as caught:
        box.read("1001", limit=1, cancelled=cancelled, progress=lambda *_: cancelled.set())
    assert not carried(caught.value).pages["complete"].any()
    assert box.read("1001", limit=1).jobs["job_id"].to_list() == truth(emulator)


def test_progress_ends_with_all_pages_and_jobs_and_tells_waits(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("rate-limit", path=PATH, page=2, retry_after=0)
    told: list[tuple[int, int, str | None]] = []
    box.read("1001", limit=10, progress=lambda *now: told.append(now))
    assert told[-1] == (3, 25, None)
    assert "Box asks to wait 0 s" in {waiting for _, _, waiting in told}


def test_progress_starts_over_with_a_chain_that_is_begun_anew(emulator: Emulator, box: Box) -> None:
    emulator.fault("overlap", path=PATH, page=3)
    told: list[tuple[int, int]] = []
    box.read("1001", limit=10, progress=lambda pages, jobs, _: told.append((pages, jobs)))
    assert told[-1] == (3, 25)


# --- users, tokens, offline ----------------------------------------------------------------------

ADA = User("7", "Ada", "ada@example.com", token="ada-token")
ADMIN = User("8", "Admin", "admin@example.com", token="admin-token", may_act_as=True)


@pytest.fixture
def office() -> Iterator[Emulator]:
    """Three users; Ada has a batch of her own."""
    enterprise = Enterprise.of({"1001": 25})
    enterprise.put("2001", 4, owner=ADA)
    with Emulator(enterprise=enterprise, users=[DEMO_USER, ADA, ADMIN]) as emulator:
        yield emulator


@pytest.fixture
def at_office(office: Emulator, tmp_path: Path) -> Iterator[Callable[..., Box]]:
    boxes: list[Box] = []

    def make(token: str = DEMO_TOKEN, **options: Any) -> Box:
        given = {"base_url": office.url, "cache_dir": tmp_path, "retry": QUICK, **options}
        boxes.append(connect(token, **given))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


def test_a_second_user_never_sees_the_first_ones_pages(at_office: Callable[..., Box]) -> None:
    assert at_office().read("1001").jobs.height == 25
    ada = at_office("ada-token")
    with pytest.raises(errors.NotFound, match=r"ada@example\.com") as caught:
        ada.read("1001")
    assert carried(caught.value).jobs.height == 0
    assert ada.cached() == []
    assert ada.batches()["batch_id"].to_list() == ["2001"]


def test_as_user_reads_and_keeps_as_that_user(at_office: Callable[..., Box]) -> None:
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


def test_a_new_token_goes_on_where_the_old_one_was_refused(
    office: Emulator, at_office: Callable[..., Box]
) -> None:
    box = at_office()
    office.fault("expired-token", path=PATH, page=3)
    with pytest.raises(errors.Unauthorized, match="renew") as caught:
        box.read("1001", limit=10)
    assert carried(caught.value).jobs.height == 20
    box.renew(DEMO_TOKEN)
    before = asked(office)
    assert box.read("1001", limit=10).jobs.height == 25
    assert asked(office) - before == 1


def test_another_users_token_is_no_renewal(office: Emulator, at_office: Callable[..., Box]) -> None:
    box = at_office()
    box.read("1001")
    with pytest.raises(errors.InvalidRequest, match=r"ada@example.com.*svc-hr@example.com"):
        box.renew("ada-token")
    with pytest.raises(errors.Unauthorized):
        box.renew("nobodys-token")
    assert box.read("1001", refresh=True).jobs.height == 25
    assert office.calls[-1].user_id == DEMO_USER.id


def test_a_user_whom_box_does_not_name_reads_and_keeps_nothing_on_disk(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.fault("forbidden", path="/users/me", times=None)
    with pytest.warns(UserWarning, match="nothing is cached on disk"):
        assert box.read("1001").jobs.height == 25
    assert box.user is None
    assert list(tmp_path.rglob("*.sqlite")) == []


@pytest.mark.parametrize(
    "body", ["[]", "null", '{"id": ".."}', '{"id": 7}', '{"id": ""}', "<html>", "[" * 90_000]
)
def test_a_user_that_is_none_is_an_error(emulator: Emulator, box: Box, body: str) -> None:
    emulator.fault("other-body", path="/users/me", body=body)
    with pytest.raises(errors.BrokenPage, match="/users/me"):
        box.read("1001")


def test_offline_reads_what_is_kept_and_says_how_old_it_is(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    box = connected()
    box.read("1001", limit=10)
    box.batches()
    age(box, days=3)
    calls = len(emulator.calls)
    offline = connected(offline=True)
    assert offline.cached() == ["1001"]
    reading = offline.read("1001", limit=10)
    assert reading.jobs["job_id"].to_list() == truth(emulator)
    assert "as svc-hr@example.com · 3 days ago" in reading.verdict
    assert offline.batches().height == 3
    assert len(emulator.calls) == calls
    with pytest.raises(errors.NotCached, match="docgen_batch_jobs/1003"):
        offline.read("1003")


def test_offline_refresh_changes_nothing(connected: Callable[..., Box]) -> None:
    connected().read("1001")
    reading = connected(offline=True).read("1001", refresh=True, max_age=timedelta(0))
    assert reading.pages["from_cache"].all()


def test_offline_carries_the_part_that_is_kept(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    emulator.fault("500", path=PATH, page=3, times=None)
    with pytest.raises(errors.ServerError):
        connected().read("1001", limit=10)
    with pytest.raises(errors.NotCached) as caught:
        connected(offline=True).read("1001", limit=10)
    assert carried(caught.value).jobs.height == 20


def test_offline_with_several_users_is_the_last_one_who_read_and_says_who(
    at_office: Callable[..., Box],
) -> None:
    users = {DEMO_USER.login: (DEMO_TOKEN, "1001"), ADA.login: ("ada-token", "2001")}
    at_office().read("1001")
    for login in (ADA.login, DEMO_USER.login, ADA.login):
        token, batch_id = users[login]
        at_office(token).read(batch_id)
        with pytest.warns(StoreWarning, match=f"these are of {login}"):
            assert login in at_office(offline=True).read(batch_id).verdict
    for name in (ADA.login, ADA.id):
        assert at_office(offline=True, user=name).read("2001").jobs.height == 4
    with pytest.raises(errors.NotCached):
        at_office(offline=True, user=ADA.login).read("1001")
    with pytest.raises(errors.NotCached, match="eve"):
        at_office(offline=True, user="eve@example.com").cached()


def test_offline_with_nothing_kept_says_what_to_do(connected: Callable[..., Box]) -> None:
    with pytest.raises(errors.NotCached, match="read it once online"):
        connected(offline=True).read("1001")


def test_offline_needs_no_token(connected: Callable[..., Box], emulator: Emulator) -> None:
    connected().read("1001")
    assert connected(token=None, offline=True).read("1001").jobs.height == 25


def test_no_network_names_offline(tmp_path: Path) -> None:
    box = connect("t", base_url="http://127.0.0.1:9/2.0", cache_dir=tmp_path, retry=QUICK)
    with box, pytest.raises(errors.Unreachable, match="offline=True"):
        box.read("1001")


def test_the_demo_keeps_nothing_on_disk_and_says_that_it_is_the_demo(tmp_path: Path) -> None:
    with demo() as box:
        assert box.story_batch_id is not None
        reading = box.read(box.story_batch_id)
        assert set(reading.jobs["origin"]) == {"demo"}
        assert reading.verdict.endswith("demo data")
        assert repr(box) == "<Box: demo as svc-hr@example.com>"
        assert box._cache.store is not None
        assert box._cache.store.path is None
        assert box.read(box.story_batch_id).pages["from_cache"].all()


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ids",
    [
        "",
        ["1001", ""],
        "10 01",
        " 1001",
        "..",
        ".",
        "1\n2",
        "1\0",
        "\ud800",
        "9" * 10_000,
        None,
        1.5,
        True,
        b"1001",
        ["1001", None],
        [["1001"]],
        {"1001": 1}.items(),
    ],
)
def test_ids_that_cannot_be_are_refused_before_anything_is_sent(
    emulator: Emulator, box: Box, ids: Any
) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        box.read(ids)
    assert len(str(caught.value)) < 200
    assert emulator.calls == []


@pytest.mark.parametrize(
    "batch_id", ["1/../1001", "1001?x=1", "1001#", "%2e%2e", "ü", "'--", "1001/"]
)
def test_odd_ids_are_asked_for_as_they_are_and_not_found(
    emulator: Emulator, box: Box, batch_id: str
) -> None:
    with pytest.raises(errors.NotFound, match="service account"):
        box.read(batch_id)
    assert box.cached() == []
    assert emulator.calls[-1].path.startswith("/docgen_batch_jobs/")
    assert emulator.calls[-1].query == {"limit": "1000"}


@pytest.mark.parametrize("limit", [0, -1, 1001, "x", None, 1.0, True])
def test_limits_that_cannot_be_are_refused(emulator: Emulator, box: Box, limit: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="1 to 1000"):
        box.read("1001", limit=limit)
    assert emulator.calls == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.box.com",
        "ftp://api.box.com",
        "http://",
        "http://[",
        "https://me:secret@api.box.com/2.0",
        "https://api.box.com/2.0?x=1",
        "http://host:99999",
        None,
        5,
    ],
)
def test_addresses_that_cannot_be_are_refused(url: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="base_url"):
        connect("t", base_url=url)


@pytest.mark.parametrize("calls", [0, -1, "x", True, 1.5])
def test_call_rates_that_cannot_be_are_refused(calls: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="calls_per_minute"):
        connect("t", calls_per_minute=calls)


@pytest.mark.parametrize("as_user", ["", "1\n2", "ü\n", True, 1.5, ".."])
def test_users_that_cannot_be_are_refused(as_user: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="user id"):
        connect("t", as_user=as_user)


@pytest.mark.parametrize("template_id", ["", "..", None, 1.5])
def test_template_ids_that_cannot_be_are_refused(box: Box, template_id: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="template id"):
        box.tags(template_id)


# --- what a person sees meanwhile ----------------------------------------------------------------


def test_a_wait_is_shown_at_once_and_a_plain_line_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "interactive", lambda: True)
    with progress.ProgressBar() as bar:
        bar(1, 1000, None)
        assert capsys.readouterr().err == ""
        bar(1, 1000, "Box asks to wait 30 s")
        assert "Box asks to wait 30 s" in capsys.readouterr().err
        bar(2, 1500, None)
    assert "1,500 jobs, 2 pages in 0 s" in capsys.readouterr().err.splitlines()[-1]


def test_programs_see_no_progress(capsys: pytest.CaptureFixture[str], box: Box) -> None:
    with progress.ProgressBar() as bar:
        bar(1, 1000, "Box asks to wait 30 s")
    box.read("1001")
    assert capsys.readouterr() == ("", "")


def test_a_closed_box_says_that_it_is_closed(emulator: Emulator, box: Box) -> None:
    box.read("1001")
    box.close()
    calls = len(emulator.calls)
    for ask in (lambda: box.read("1001"), box.batches, box.templates, box.cached):
        with pytest.raises(errors.InvalidRequest, match="closed"):
            ask()
    assert len(emulator.calls) == calls
