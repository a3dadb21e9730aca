"""The frame beside the pages: as right as they are, and gone without loss."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from conftest import QUICK, age, store_of
from hypothesis import given, settings
from hypothesis import strategies as st

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.box.reading import Reading
from boxdocgen_explore.cache import Cache, frame_cache, users
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise, plain_job

pytestmark = pytest.mark.trust

PATH = "/docgen_batch_jobs/1001"


def asked(emulator: Emulator, path: str = PATH) -> int:
    return sum(call.path == path for call in emulator.calls)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("frames/*"))


def same(one: Reading, other: Reading) -> bool:
    """The same jobs, proved by the same pages."""
    pages = [reading.pages.drop("from_cache") for reading in (one, other)]
    return one.jobs.equals(other.jobs) and pages[0].equals(pages[1])


def put(emulator: Emulator, statuses: list[str]) -> None:
    jobs = [plain_job("1001", n) | {"status": status} for n, status in enumerate(statuses)]
    emulator.enterprise.put("1001", jobs)


def test_the_frame_gives_what_the_pages_gave_and_asks_for_no_more_than_the_end(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    from_pages = connected().read("1001", limit=2)
    assert len(files(tmp_path)) == 1
    before = asked(emulator)
    from_memo = connected().read("1001", limit=2)
    assert same(from_pages, from_memo)
    assert from_memo.pages["from_cache"].all()
    assert asked(emulator) == before


def test_it_is_what_is_read_and_not_the_pages(
    connected: Callable[..., Box], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all that is said of it here would hold without it."""
    connected().read("1001", limit=2)
    box = connected()
    box.cached()
    read: list[str] = []
    page = store_of(box).page
    monkeypatch.setattr(store_of(box), "page", lambda key: read.append(key) or page(key))
    assert box.read("1001", limit=2).jobs.height == 25
    assert len(read) == 1


def test_a_few_pages_are_not_worth_a_file(box: Box, tmp_path: Path) -> None:
    box.read("1001", limit=3)
    assert files(tmp_path) == []


def test_the_demo_keeps_no_file() -> None:
    from boxdocgen_explore import demo

    with demo() as box:
        box.cached()
        assert box._account.cache.frames is None


@settings(max_examples=20)
@given(
    statuses=st.lists(st.sampled_from(["completed"] * 9 + ["failed", "pending"]), max_size=40),
    added=st.lists(st.sampled_from(["completed", "pending"]), max_size=30),
)
def test_with_and_without_it_any_batch_is_read_alike_before_and_after_it_grew(
    statuses: list[str], added: list[str]
) -> None:
    with (
        Emulator(enterprise=Enterprise.of({})) as emulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        given_to = {"base_url": emulator.url, "cache_dir": folder, "retry": QUICK}
        with (
            connect(DEMO_TOKEN, **given_to) as with_it,
            connect(DEMO_TOKEN, **given_to) as without,
        ):
            without.cached()
            without._account.cache = Cache(without._account.cache.store)
            put(emulator, statuses)
            with_it.read("1001", limit=2)
            assert same(with_it.read("1001", limit=2), without.read("1001", limit=2))
            put(emulator, statuses + added)
            with_it.read("1001", limit=2, refresh=True)
            again = with_it.read("1001", limit=2)
            assert same(again, without.read("1001", limit=2))
            assert again.jobs.height == len(statuses + added)


def test_a_batch_that_settles_page_by_page_has_one_file_that_grows(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    for settled in (10, 24, 25, 26, 60):
        put(emulator, ["completed"] * settled + ["pending"] * (60 - settled))
        box.read("1001", limit=1, refresh=True)
        assert len(files(tmp_path)) == 1
    assert pl.read_parquet(files(tmp_path)[0]).height == 59


@pytest.mark.parametrize("spoil", ["cut", "flip", "empty", "garbage", "delete", "parquet"])
def test_a_spoilt_file_is_passed_over_and_the_pages_are_read(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, spoil: str
) -> None:
    whole = connected().read("1001", limit=2)
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if spoil == "delete":
        path.unlink()
    elif spoil == "parquet":  # another frame, rightly named by its own bytes
        pl.DataFrame({"job_id": ["1"]}).write_parquet(path)
        name = path.stem.rpartition("-")[0]
        path.rename(path.with_name(f"{name}-{frame_cache._digest(path.read_bytes())}.parquet"))
    else:
        spoilt = {"cut": content[:-9], "flip": content, "empty": b"", "garbage": b"x" * 99}[spoil]
        path.write_bytes(spoilt)
    before = asked(emulator)
    assert same(connected().read("1001", limit=2), whole)
    assert asked(emulator) == before


def test_a_page_that_has_changed_is_not_outvoted_by_the_frame(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    box = connected()
    box.read("1001", limit=2)
    store = store_of(box)
    second = next(key for key, _ in store.fingerprints("") if not key.endswith("first"))
    store.delete([second])
    before = asked(emulator)
    assert connected().read("1001", limit=2).jobs.height == 25
    assert asked(emulator) == before + 1


def test_what_is_older_than_asked_for_is_read_again_all_the_same(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    from datetime import timedelta

    box = connected()
    box.read("1001", limit=2)
    age(box, hours=1)
    again = box.read("1001", limit=2, max_age=timedelta(minutes=30))
    assert not again.pages["from_cache"].any()


def test_a_chain_read_anew_takes_its_frame_along(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    box.read("1001", limit=2)
    before = files(tmp_path)
    emulator.enterprise.put("1001", [plain_job("1001", 99), *emulator.enterprise.jobs("1001")])
    assert box.read("1001", limit=2, refresh=True).jobs.height == 26
    after = files(tmp_path)
    assert len(after) == 1
    assert after != before


def test_a_folder_that_does_not_serve_costs_the_frame_only(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    box = connected()
    box.cached()
    (store_of(box).path or tmp_path).with_name("frames").write_text("in the way")
    for _ in range(2):
        assert connected().read("1001", limit=2).jobs.height == 25


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="No device here is always full")
def test_a_full_disk_under_the_frame_costs_the_frame_only(
    connected: Callable[..., Box], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, mkstemp = tmp_path / "full.part", tempfile.mkstemp

    def no_room(dir: Path, **options: str) -> tuple[int, str]:  # noqa: A002 - its own name
        if dir.name != "frames":
            return mkstemp(dir=dir, **options)
        full.symlink_to("/dev/full")
        return os.open(full, os.O_WRONLY), str(full)

    monkeypatch.setattr(frame_cache.tempfile, "mkstemp", no_room)
    assert connected().read("1001", limit=2).jobs.height == 25
    assert files(tmp_path) == []
    assert not full.is_symlink()  # tried, and cleared away
    monkeypatch.undo()
    assert connected().read("1001", limit=2).jobs.height == 25


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps user folders private by other means")
def test_frames_are_private_counted_and_cleared_with_the_cache(box: Box, tmp_path: Path) -> None:
    box.read("1001", limit=2)
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o77 == path.parent.stat().st_mode & 0o77 == 0
    (kept,) = users.cache_info(tmp_path / "cache")
    assert kept.size_bytes > path.stat().st_size
    users.clear(tmp_path / "cache")
    assert not path.parent.exists()
    with pytest.raises(errors.NotCached):
        connect(offline=True, cache_dir=tmp_path / "cache").read("1001")
