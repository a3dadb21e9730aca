"""Stored frames: the same result as from the pages, and no loss without them."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from batch import calls_to, damage_pages
from clock import age
from conftest import QUICK
from hypothesis import given, settings
from hypothesis import strategies as st
from requests import Response

from boxdocgen_explore import cache, errors
from boxdocgen_explore.box import Box, IncompleteListWarning, connect
from boxdocgen_explore.cache import PageStore
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise, plain_job
from boxdocgen_explore.errors import Reading

pytestmark = pytest.mark.trust

Connected = Callable[..., Box]
Execute = Callable[..., list[Any]]
Files = Callable[[], dict[str, bytes]]


@pytest.fixture
def frame_files(execute: Execute) -> Files:
    """Every file, by name."""
    return lambda: dict(execute("SELECT name, content FROM frame_files"))


def same(one: Reading, other: Reading) -> bool:
    """The same jobs, with the same evidence."""
    pages = [reading.pages.drop("from_cache") for reading in (one, other)]
    return one.jobs.equals(other.jobs) and pages[0].equals(pages[1])


def put(emulator: Emulator, statuses: list[str]) -> None:
    jobs = [plain_job("1001", n) | {"status": status} for n, status in enumerate(statuses)]
    emulator.enterprise.put("1001", jobs)


def test_the_frame_gives_what_the_pages_gave_and_the_pages_are_not_read(
    emulator: Emulator, connected: Connected, tmp_path: Path, frame_files: Files
) -> None:
    from_box = connected().read("1001", limit=2)
    assert len(frame_files()) == 1
    before = calls_to(emulator)
    # Reading one of these pages would be a warning, and an error here.
    half = "CAST(substr(value, 1, 42) || zeroblob(length(value) - 42) AS BLOB)"
    damage_pages(tmp_path, half)
    from_frame = connected().read("1001", limit=2)
    assert same(from_box, from_frame)
    assert from_frame.pages["from_cache"].all()
    assert calls_to(emulator) == before


def test_one_page_is_stored_and_read_again_once_it_has_expired(
    emulator: Emulator, box: Box, frame_files: Files
) -> None:
    box.read("1001")
    assert len(frame_files()) == 1
    before = calls_to(emulator)
    assert box.read("1001").pages["from_cache"].all()
    age(box, hours=2)
    assert not box.read("1001").pages["from_cache"].any()
    assert calls_to(emulator) == before + 1
    assert len(frame_files()) == 1  # the same rows are not written again
    assert box.read("1001").pages["from_cache"].all()


def test_many_batches_are_in_one_file(emulator: Emulator, box: Box, frame_files: Files) -> None:
    ids = [str(number) for number in range(2000, 2050)]
    for one in ids:
        emulator.enterprise.put(one, 3)
    reading = box.read(ids)
    assert len(frame_files()) == 1
    calls = len(emulator.calls)
    assert box.read(ids).jobs.equals(reading.jobs)
    assert box.read(ids).jobs.n_chunks() < 5  # otherwise all work on the jobs is slower
    again = box.read([*reversed(ids)])
    assert again.jobs.sort("job_id").equals(reading.jobs.sort("job_id"))
    assert again.jobs["batch_id"].unique(maintain_order=True).to_list() == [*reversed(ids)]
    assert len(emulator.calls) == calls


def test_batches_are_stored_although_the_list_of_all_jobs_was_read_with_them(
    box: Box, execute: Execute
) -> None:
    box.read(["1001", "1003"], details=True)
    assert execute("SELECT jobs FROM frames ORDER BY jobs DESC") == [(25,), (10,)]


def test_small_files_are_merged_and_nothing_is_lost(
    emulator: Emulator, connected: Connected, frame_files: Files
) -> None:
    ids = [str(number) for number in range(2000, 2040)]
    for one in ids:
        emulator.enterprise.put(one, 3)
        connected().read(one)
        assert len(frame_files()) <= 10
    calls = len(emulator.calls)
    jobs = connected().read(ids).jobs
    assert jobs["job_id"].to_list() == [
        job["id"] for one in ids for job in emulator.enterprise.jobs(one)
    ]
    assert sum("docgen" in call.path for call in emulator.calls[calls:]) == 0


def test_a_large_file_is_not_written_again_for_a_few_rows(
    emulator: Emulator, box: Box, frame_files: Files
) -> None:
    emulator.enterprise.put("2000", 300)
    box.read("2000")
    (large,) = frame_files()
    for number in range(2001, 2018):
        emulator.enterprise.put(str(number), 3)
        box.read(str(number))
    assert large in frame_files()
    assert len(frame_files()) < 10


def test_files_without_an_entry_are_deleted(
    connected: Connected, execute: Execute, frame_files: Files
) -> None:
    connected().read("1001")
    (name,) = frame_files()
    execute("INSERT INTO frame_files SELECT ?, content FROM frame_files", f"{name[:-1]}x")
    execute("DELETE FROM responses WHERE key LIKE '%first'")
    connected().read("1003")
    assert len(frame_files()) == 1


@settings(max_examples=10)
@given(
    statuses=st.lists(st.sampled_from(["completed"] * 9 + ["failed", "pending"]), max_size=40),
    added=st.lists(st.sampled_from(["completed", "pending"]), max_size=30),
)
def test_any_batch_is_read_alike_with_and_without_it_before_and_after_the_batch_grew(
    statuses: list[str], added: list[str]
) -> None:
    with (
        Emulator(enterprise=Enterprise.of({})) as emulator,
        tempfile.TemporaryDirectory() as folder,
        connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=folder, retry=QUICK) as box,
    ):
        for jobs in (statuses, statuses + added):
            put(emulator, jobs)
            box.read("1001", limit=2, refresh=True)
            with_it = box.read("1001", limit=2)
            (path,) = Path(folder).rglob("pages.sqlite")
            with closing(sqlite3.connect(path)) as database, database:
                database.execute("DELETE FROM frame_files")
            assert same(with_it, box.read("1001", limit=2))
            assert with_it.jobs.height == len(jobs)


def test_a_batch_that_becomes_final_page_by_page_is_stored_whenever_it_has_doubled(
    emulator: Emulator, box: Box, frame_files: Files
) -> None:
    heights = []
    for final in (9, 10, 19, 20, 39, 60):
        put(emulator, ["completed"] * final + ["pending"] * (60 - final))
        box.read("1001", limit=1, refresh=True)
        heights.append(
            max((pl.read_parquet(file).height for file in frame_files().values()), default=0)
        )
    assert heights == [0, 10, 10, 20, 20, 60]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def other_jobs(content: bytes, jobs: int) -> bytes:
    """Other jobs with the same metadata."""
    buffer = io.BytesIO()
    frame = pl.read_parquet(content).with_columns(status=pl.lit("failed")).head(jobs)
    frame.write_parquet(buffer, metadata=pl.read_parquet_metadata(content))
    return buffer.getvalue()


def without_types(content: bytes) -> bytes:
    buffer = io.BytesIO()
    pl.read_parquet(content).drop("output_type").write_parquet(buffer)
    return buffer.getvalue()


CORRUPTED: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-9],
    "flipped": flipped,
    "empty": lambda content: b"",
    "garbage": lambda content: b"x" * 99,
    "other jobs": lambda content: other_jobs(content, 24),
    "fewer jobs": lambda content: other_jobs(content, 5),
    "other columns": lambda content: without_types(content),
}


@pytest.mark.parametrize("how", CORRUPTED)
def test_a_corrupt_file_is_ignored_and_the_pages_are_read(
    emulator: Emulator, connected: Connected, frame_files: Files, execute: Execute, how: str
) -> None:
    from_box = connected().read("1001", limit=2)
    ((name, content),) = frame_files().items()
    content = CORRUPTED[how](content)
    execute("UPDATE frame_files SET content = ?", content)
    before = calls_to(emulator)
    assert same(connected().read("1001", limit=2), from_box)
    if how not in ("flipped", "other jobs"):  # distinguishable only by the name
        digest = hashlib.sha256(content).hexdigest()[:32]
        renamed = f"{name[:8]}-25-{digest}"
        execute("UPDATE frame_files SET name = ?, content = ?", renamed, content)
        execute("UPDATE frames SET file = ?", renamed)
        assert same(connected().read("1001", limit=2), from_box)
    assert calls_to(emulator) == before


def test_a_page_that_was_changed_is_read_and_not_the_frame(
    connected: Connected, tmp_path: Path
) -> None:
    with connected() as box:
        box.read("1001", limit=2)
    store = PageStore(next(tmp_path.rglob("pages.sqlite")))
    key = store.keys()[1]
    page = store.page(key)
    assert page is not None
    changed = Response()
    changed.status_code, changed.raw = 200, io.BytesIO(page.content.replace(b'"pdf"', b'"docx"'))
    store.save(key, changed, datetime.now(UTC), page.expires)
    store.close()
    jobs = connected().read("1001", limit=2).jobs
    assert jobs.filter(output_type="docx").height == 2
    assert jobs.height == 25


def test_a_page_that_is_gone_is_read_again_and_the_frame_not_used(
    emulator: Emulator, connected: Connected, execute: Execute
) -> None:
    connected().read("1001", limit=2)
    execute("DELETE FROM responses WHERE key LIKE '%first'")
    before = calls_to(emulator)
    assert connected().read("1001", limit=2).pages["from_cache"].to_list() == [False] + [True] * 12
    assert calls_to(emulator) == before + 1


def test_pages_older_than_allowed_are_read_again_although_they_are_in_a_frame(box: Box) -> None:
    box.read("1001", limit=2)
    age(box, hours=1)
    again = box.read("1001", limit=2, max_age=timedelta(minutes=30))
    assert not again.pages["from_cache"].any()


def test_a_chain_that_is_restarted_replaces_its_frame(
    emulator: Emulator, box: Box, execute: Execute
) -> None:
    box.read("1001", limit=2)
    emulator.enterprise.put("1001", [plain_job("1001", 99), *emulator.enterprise.jobs("1001")])
    from_box = box.read("1001", limit=2, refresh=True)
    assert from_box.jobs.height == 26
    assert same(box.read("1001", limit=2), from_box)
    assert execute("SELECT jobs FROM frames") == [(26,)]


def test_an_id_in_the_frame_that_appears_again_behind_it_is_a_duplicate(
    emulator: Emulator, box: Box, execute: Execute
) -> None:
    box.read("1001", limit=2)
    execute("DELETE FROM responses WHERE expires IS NOT NULL")  # as if interrupted
    jobs = emulator.enterprise.jobs("1001")
    emulator.enterprise.put("1001", [*jobs, jobs[0]])
    with pytest.raises(errors.BrokenChain, match="appears twice"):
        box.read("1001", limit=2)


def test_rows_are_cleared_with_the_cache(
    box: Box, tmp_path: Path, execute: Execute, frame_files: Files
) -> None:
    box.read("1001", limit=2)
    cache.clear(tmp_path / "cache", older_than=timedelta(days=1))
    assert len(frame_files()) == 1
    execute("UPDATE responses SET value = x'00' WHERE key LIKE '%first'")  # of unknown age
    with pytest.warns(cache.StoreWarning, match="a cached page is corrupt"):
        cache.clear(tmp_path / "cache", older_than=timedelta(days=1))
    assert not frame_files()


def test_without_triggers_nothing_that_was_stored_is_used(
    emulator: Emulator, connected: Connected, execute: Execute
) -> None:
    """Another program may have recreated the table of pages."""
    connected().read("1001", limit=2)
    execute("DROP TRIGGER frames_UPDATE")
    execute("UPDATE responses SET value = x'00' WHERE key LIKE '%first'")
    with pytest.warns(cache.StoreWarning, match="a cached page is corrupt"):
        reading = connected().read("1001", limit=2)
    assert reading.pages["from_cache"].to_list() == [False] + [True] * 12
    assert execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == [(3,)]


def test_a_page_that_another_process_replaced_meanwhile_is_not_stored_under_its_name(
    emulator: Emulator, box: Box, execute: Execute, connected: Connected
) -> None:
    """No entry may combine rows of this process with pages of another one."""

    def replace_first(_pages: int, jobs: int, _waiting: str | None) -> None:
        if jobs == 25:
            execute("UPDATE responses SET value = x'00' || value WHERE key LIKE '%first'")

    box.read("1001", limit=2, progress=replace_first)
    assert execute("SELECT count(*) FROM frames") == [(0,)]


@pytest.mark.parametrize(
    "change",
    [
        "start = start + 1",
        "start = 0",
        "jobs = jobs - 1",
        "complete = 0",
        "places = ' first '",
        "pages = replace(pages, 'true', 'null')",
        "pages = x''",
        "pages = CAST('[]' AS BLOB)",
        "file = 'x'",
        "file = x'00'",
        "start = 'x'",
        "jobs = x'00'",
        "complete = x''",
    ],
)
def test_a_corrupt_entry_is_ignored_and_the_pages_are_read(
    emulator: Emulator, connected: Connected, execute: Execute, change: str
) -> None:
    ids = ["1001", "1003", "1004"]
    from_box = connected().read(ids, limit=2)
    execute(f"UPDATE frames SET {change} WHERE list LIKE '%/1003'")
    calls = len(emulator.calls)
    assert same(connected().read(ids, limit=2), from_box)
    assert not [call for call in emulator.calls[calls:] if "batch_jobs" in call.path]


def test_a_refresh_that_fails_has_the_rows_of_the_pages_that_it_has(
    emulator: Emulator, box: Box
) -> None:
    box.read("1001", limit=10)
    path = "/docgen_batch_jobs/1001"
    emulator.fault("other-body", path=path, page=3, body="{}", times=None)
    with pytest.raises(errors.BrokenPage) as failed:
        box.read("1001", limit=10, refresh=True)
    reading = failed.value.reading
    assert reading is not None
    assert reading.jobs.height == reading.pages["jobs"].sum() == 20


def test_a_file_whose_name_is_not_text_is_ignored(
    emulator: Emulator, box: Box, execute: Execute
) -> None:
    from_box = box.read("1001")
    execute("UPDATE frame_files SET name = x'00'")
    assert same(box.read("1001"), from_box)
    assert box.scan().collect().height == 25
    assert calls_to(emulator) == 1


def test_a_corrupt_entry_takes_no_rows_of_others_into_a_merged_file(
    emulator: Emulator, box: Box, execute: Execute
) -> None:
    ids = ["1001", "1003", "1004", *map(str, range(2000, 2009))]
    jobs = box.read(ids[:3]).jobs
    execute("UPDATE frames SET start = 0 WHERE list LIKE '%/1003'")
    for one in ids[3:]:
        emulator.enterprise.put(one, 3)
        jobs = pl.concat([jobs, box.read(one).jobs])
    assert box.scan().collect().sort("job_id").equals(jobs.sort("job_id"))
    assert box.read(ids).jobs.equals(jobs)


def test_a_first_page_that_names_one_before_it_is_a_warning_each_time(
    emulator: Emulator, box: Box
) -> None:
    body = json.dumps({"entries": emulator.enterprise.jobs("1001"), "prev_marker": "m"})
    emulator.fault("other-body", path="/docgen_batch_jobs/1001", body=body)
    for _ in range(3):
        with pytest.warns(IncompleteListWarning, match="names a page before it"):
            box.read("1001")
    assert calls_to(emulator) == 1
