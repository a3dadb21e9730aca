"""A reading is complete, or an error with the jobs that arrived."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from batch import PATH, arrived, calls_to

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, RetryPolicy, connect
from boxdocgen_explore.emulator import DEMO_TOKEN, DEMO_USER, Emulator
from boxdocgen_explore.schema import BATCHES, DETAILS, JOBS, PAGES

# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [
        ("500", errors.ServerError, 500),
        ("expired-token", errors.Unauthorized, 401),
        ("html-200", errors.BrokenPage, 200),
        ("drop", errors.Unreachable, None),
    ],
)
def test_the_last_response_becomes_the_error_and_is_not_cached(
    emulator: Emulator,
    box: Box,
    name: str,
    kind: type[errors.BoxDocGenError],
    status: int | None,
) -> None:
    emulator.fault(name, path=PATH, times=None)
    with pytest.raises(kind) as caught:
        box.read("1001")
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert (caught.value.request_id is not None) == (status is not None)
    assert box.cached() == []


def test_errors_can_be_kept_instead_of_raised(emulator: Emulator, box: Box) -> None:
    emulator.fault("500", path=PATH, times=None)
    reading = box.read(["1001", "1003"], errors="keep")
    assert set(reading.jobs["batch_id"]) == {"1003"}
    assert {batch: error.status for batch, error in reading.failures.items()} == {"1001": 500}
    assert "INCOMPLETE" in reading.verdict
    emulator.fault("500", path="/docgen_jobs", times=None)
    with pytest.raises(errors.ServerError):  # the reading itself would not show it
        box.read(["1003"], details=True, errors="keep")
    with pytest.raises(errors.InvalidRequest, match="raise"):
        box.read("1003", errors="ignore")  # type: ignore[arg-type]


def test_the_jobs_of_all_batches_since_a_time(box: Box) -> None:
    everything = box.jobs(since=timedelta(days=100_000))
    assert set(everything["batch_id"]) == set(box.batches()["batch_id"])
    assert box.jobs(since=datetime(2100, 1, 1, tzinfo=UTC)).height == 0
    for given in ({}, {"ids": "1001", "since": timedelta(1)}):
        with pytest.raises(errors.InvalidRequest, match="either ids or since"):
            box.jobs(**given)


def test_a_reading_is_a_table_for_other_libraries(box: Box) -> None:
    reading = box.read("1001")
    empty = box.read([])
    assert (len(reading), bool(empty), len(empty)) == (25, True, 0)
    assert pa.table(reading).num_rows == 25
    assert pl.DataFrame(reading).equals(reading.jobs)
    ((count,),) = duckdb.sql("select count(*) from reading where status = 'completed'").fetchall()
    assert count == reading.jobs.filter(status="completed").height


def test_a_status_that_box_adds_later_is_read(emulator: Emulator, box: Box) -> None:
    emulator.fault("unknown-status", path=PATH, times=None)
    reading = box.read("1001")
    assert reading.jobs["status"].to_list() == ["archived"] + ["completed"] * 24
    assert "1 with an unknown status" in reading.verdict


def test_a_field_that_box_adds_later_is_named_in_the_evidence(emulator: Emulator, box: Box) -> None:
    emulator.fault("unknown-field", path=PATH)
    assert box.read("1001").pages["unknown_fields"].to_list() == [["priority"]]


# --- what is read --------------------------------------------------------------------------------


def test_jobs_and_pages_have_their_columns(emulator: Emulator, box: Box) -> None:
    reading = box.read(["1001", "1002"], limit=10)
    assert dict(reading.jobs.schema) == JOBS
    assert dict(reading.pages.schema) == PAGES
    assert calls_to(emulator, "/docgen_jobs") == 0  # only on request, because details cost calls
    pages = reading.pages.filter(pl.col("batch_id") == "1001")
    assert pages["page"].to_list() == [1, 2, 3]
    assert pages["marker_sha256"].to_list()[1:] == pages["next_marker_sha256"].to_list()[:-1]
    assert pages["marker_sha256"][0] is None
    assert pages["next_marker_sha256"][-1] is None
    assert pages["limit_used"].unique().to_list() == [10]
    assert pages["user_login"].unique().to_list() == [DEMO_USER.login]
    assert pages["host"].unique().to_list() == [f"127.0.0.1:{emulator.port}"]
    assert set(reading.jobs["origin"]) == {f"127.0.0.1:{emulator.port}"}


def test_evidence_has_the_digests_of_body_and_markers_as_they_were_sent(
    emulator: Emulator, box: Box
) -> None:
    entry = '{"id": "1", "batch": {"id": "1001"}, "status": "failed"}'
    bodies = [f' \n{{"entries": [{entry}], "next_marker": "m 1"}}\n ', '{"entries": []}  ']
    for body in bodies:
        emulator.fault("other-body", path=PATH, body=body)
    pages = box.read("1001").pages
    assert pages["body_sha256"].to_list() == [sha256(body.encode()).hexdigest() for body in bodies]
    assert pages["marker_sha256"].to_list() == [None, sha256(b"m 1").hexdigest()]
    assert pages["next_marker_sha256"].to_list() == [sha256(b"m 1").hexdigest(), None]
    assert emulator.calls[-1].query["marker"] == "m 1"


def test_cached_pages_have_the_evidence_of_when_they_were_fetched(box: Box) -> None:
    fetched, cached = (box.read("1001", limit=10).pages for _ in range(2))
    assert fetched.drop("from_cache", "fetched_at").equals(cached.drop("from_cache", "fetched_at"))
    assert cached["from_cache"].all()
    assert not fetched["from_cache"].any()
    late = (cached["fetched_at"] - fetched["fetched_at"]).abs().max()
    assert isinstance(late, timedelta)
    assert late < timedelta(seconds=2)


def test_several_batches_are_read_at_once(emulator: Emulator, tmp_path: Path) -> None:
    """Although no response ends, all are requested: sequentially, only the first would be."""
    batches = [str(2001 + n) for n in range(8)]
    for batch_id in batches:
        emulator.enterprise.put(batch_id, 3)
        emulator.fault("silent", path=f"/docgen_batch_jobs/{batch_id}", times=None)
    cancelled = threading.Event()

    def stop(_pages: int, _jobs: int, _waiting: str | None) -> None:
        paths = {call.path for call in emulator.calls}
        if all(f"/docgen_batch_jobs/{batch_id}" in paths for batch_id in batches):
            cancelled.set()

    policy = RetryPolicy(read_timeout_s=5, attempts=1)
    box = connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path, retry=policy)
    with box, pytest.raises(errors.Cancelled) as caught:
        box.read(batches, cancelled=cancelled, progress=stop)
    assert {type(error) for error in arrived(caught.value).failures.values()} == {errors.Cancelled}


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
    reading = arrived(caught.value)
    counts = dict(reading.jobs["batch_id"].value_counts().iter_rows())
    assert counts == {"1003": 10, "1001": 10, "1004": 7}
    complete = reading.pages.group_by("batch_id").agg(pl.col("complete").all())
    assert dict(complete.iter_rows()) == {"1001": False, "1003": True, "1004": True}


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
def test_ids_may_be_text_numbers_repeated_or_from_a_generator(box: Box, ids: Any) -> None:
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


def test_details_that_box_refuses_are_an_error_that_carries_the_jobs(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path="/docgen_jobs", times=None)
    with pytest.raises(errors.ServerError) as caught:
        box.read("1001", details=True)
    reading = arrived(caught.value)
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


def test_batches_report_what_is_known_so_far(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    box = connected(retry=RetryPolicy())
    emulator.enterprise.put("1005", 4500)
    emulator.fault("slow", path="/docgen_jobs", seconds=0.4, times=None)
    seen: list[tuple[int, int]] = []
    box.batches(on_partial=lambda batches, jobs: seen.append((batches["jobs"].sum(), jobs)))
    assert seen[0] == (1000, 1000)
    assert len(seen) > 1


def test_templates_and_tags(box: Box) -> None:
    templates = box.templates()
    assert templates["template_name"].to_list() == ["Letter"]
    assert box.tags(templates["template_file_id"][0])["tag"].to_list() == ["{{name}}"]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[tuple[Emulator, Box]]:
    """The demo's enterprise, whose templates have several versions."""
    with (
        Emulator() as emulator,
        connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path) as box,
    ):
        yield emulator, box


def test_tags_that_box_still_prepares_are_an_error_that_says_so(
    story: tuple[Emulator, Box],
) -> None:
    emulator, box = story
    template, version = next(
        (template.id, version)
        for template in emulator.enterprise.templates.values()
        for version, tags in template.versions.items()
        if tags is None
    )
    with pytest.raises(errors.BoxError, match="still preparing") as caught:
        box.tags(template, version)
    assert caught.value.status == 202


def test_tags_of_two_versions_are_cached_separately(story: tuple[Emulator, Box]) -> None:
    emulator, box = story
    template = next(
        template
        for template in emulator.enterprise.templates.values()
        if len([tags for tags in template.versions.values() if tags]) > 1
    )
    for version in [version for version, tags in template.versions.items() if tags] * 2:
        tags = box.tags(template.id, version)["tag"].to_list()
        assert tags == [tag.content for tag in template.versions[version] or ()]


def test_a_closed_box_says_that_it_is_closed(emulator: Emulator, box: Box) -> None:
    box.read("1001")
    box.close()
    before = len(emulator.calls)
    for call in (lambda: box.read("1001"), box.batches, box.templates, box.cached):
        with pytest.raises(errors.InvalidRequest, match="closed"):
            call()
    assert len(emulator.calls) == before
