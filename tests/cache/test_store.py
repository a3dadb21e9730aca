"""Pages on disk: cached completely or not at all, shared between processes, safe to read."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from batch import calls_to
from hypothesis import settings
from requests import Response

from boxdocgen_explore import cache
from boxdocgen_explore.box import Box
from boxdocgen_explore.cache import PageStore, StoreWarning, store
from boxdocgen_explore.cache.serializer import zstd
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust

IDS = ["1001", "1003", "1004"]
Execute = Callable[..., list[Any]]


def the_file(folder: Path) -> Path:
    (path,) = folder.rglob("pages.sqlite")
    return path


def quarantined(path: Path) -> list[Path]:
    return [one for one in path.parent.iterdir() if one.name.startswith(path.name + ".")]


# --- shared stores -------------------------------------------------------------------------------


def test_two_boxes_of_one_user_share_the_cache(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    first, second = connected(), connected()
    first.read("1001")
    assert second.read("1001").pages["from_cache"].all()
    assert calls_to(emulator) == 1


def test_a_store_in_memory_is_shared_with_no_other() -> None:
    first, second = PageStore(None), PageStore(None)
    response = Response()
    response.status_code, response.raw = 200, io.BytesIO(b"{}")
    first.save("key", response, datetime.now(UTC), None)
    assert (first.keys(), second.keys()) == (["key"], [])
    first.close()
    second.close()


def test_a_file_that_is_open_is_still_locked_after_it_was_opened_and_closed_again(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    """Otherwise another process would act as the last one and delete the write-ahead log."""
    box = connected()
    box.read("1001")
    log = the_file(tmp_path).with_name("pages.sqlite-wal")
    before = log.stat().st_ino
    connected().read("1003")
    list(cache.cache_info(tmp_path / "cache"))
    cache.clear(tmp_path / "cache", older_than=timedelta(days=1))
    program = f"import sqlite3; sqlite3.connect({str(the_file(tmp_path))!r}).execute('VACUUM')"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert log.stat().st_ino == before
    assert box.read("1001").pages["from_cache"].all()


# --- unusable disks and folders ------------------------------------------------------------------


def make_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)


def assert_read_with_one_warning(
    box: Box, match: str = r"cannot be used.*--cache-dir", limit: int = 1
) -> None:
    with pytest.warns(StoreWarning, match=match) as caught:
        assert box.read("1001", limit=limit).jobs.height == 25
    assert len(caught) == 1


def test_a_disk_that_fills_up_costs_the_caching_and_not_the_reading(
    fill: Callable[[Path], None], connected: Callable[..., Box], small_disk: Path
) -> None:
    box = connected(cache_dir=small_disk)
    assert box.read("1003").jobs.height == 10
    fill(small_disk)
    assert_read_with_one_warning(box, r"full.*still complete")
    assert box.read("1003").pages["from_cache"].all()
    (small_disk / "filler").unlink()
    assert box.read("1001").jobs.height == 25
    assert box.read("1001").pages["from_cache"].all()


def test_a_disk_that_is_full_from_the_start_costs_the_caching_and_not_the_reading(
    fill: Callable[[Path], None], connected: Callable[..., Box], small_disk: Path
) -> None:
    fill(small_disk)
    assert_read_with_one_warning(connected(cache_dir=small_disk))


@pytest.mark.parametrize("room", range(80_000, 160_000, 8_000))
def test_a_disk_that_fills_up_while_the_file_is_created_leaves_no_part_of_it(
    connected: Callable[..., Box], small_disk: Path, room: int
) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes((256 << 10) - room))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StoreWarning)
        assert connected(cache_dir=small_disk / "cache").read("1001").jobs.height == 25
    filler.unlink()
    assert connected(cache_dir=small_disk / "cache").read("1001").jobs.height == 25
    assert quarantined(the_file(small_disk)) == []


def test_a_store_on_a_read_only_disk_is_used_for_reading(
    emulator: Emulator, connected: Callable[..., Box], small_disk: Path
) -> None:
    with connected(cache_dir=small_disk) as box:
        box.read("1001", limit=25)
    make_read_only(small_disk)
    before = calls_to(emulator)
    box = connected(cache_dir=small_disk)
    assert_read_with_one_warning(box, "no new page is cached", limit=25)
    assert calls_to(emulator) == before
    assert box.read("1003").jobs.height == 10
    assert connected(cache_dir=small_disk, offline=True).read("1001").jobs.height == 25


def test_a_folder_on_a_read_only_disk_costs_the_caching_and_not_the_reading(
    connected: Callable[..., Box], small_disk: Path
) -> None:
    make_read_only(small_disk)
    assert_read_with_one_warning(connected(cache_dir=small_disk / "new"))


def test_what_a_killed_process_left_is_deleted_after_a_day(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    connected().read("1001")
    folder = the_file(tmp_path).parent
    left = [
        folder / ".new-abc.sqlite",
        folder / ".new-abc.sqlite-wal",
        folder / ".0123456789ab.part",
    ]
    for path in left:
        path.write_bytes(b"half")
    connected().read("1003")
    assert all(path.exists() for path in left)  # their process may be running
    for path in left:
        os.utime(path, (0, 0))
    connected().read("1004")
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize("name", ["file", "file/inner"])
def test_an_invalid_cache_folder_costs_the_caching_and_not_the_reading(
    connected: Callable[..., Box], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("")
    assert_read_with_one_warning(connected(cache_dir=f"{tmp_path}/{name}"))


def test_a_page_that_cannot_be_written_costs_the_caching_and_not_the_reading(
    execute: Execute, box: Box, tmp_path: Path
) -> None:
    box.read("1003")
    execute(
        "CREATE TRIGGER t BEFORE INSERT ON responses BEGIN SELECT RAISE(FAIL, 'write failed'); END",
    )
    assert_read_with_one_warning(box, "could not be cached on disk .write failed")
    assert box.read("1003").pages["from_cache"].all()


def test_a_file_that_stays_locked_is_waited_for_once_and_not_page_by_page(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BUSY_MS", 1_000)
    box.read("1003")
    with closing(sqlite3.connect(the_file(tmp_path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert_read_with_one_warning(box, "could not be cached on disk .database is locked")
        assert time.monotonic() - began < 15  # 25 pages


def test_pages_are_deleted_all_together_or_not_at_all(
    execute: Execute, box: Box, tmp_path: Path
) -> None:
    box.read("1001", limit=1)
    execute(
        "CREATE TRIGGER t BEFORE DELETE ON responses WHEN (SELECT count(*) FROM responses) < 15 "
        "BEGIN SELECT RAISE(FAIL, 'delete failed'); END",
    )
    with pytest.warns(StoreWarning, match="could not be deleted"):
        assert cache.clear(tmp_path / "cache") == 0
    (info,) = cache.cache_info(tmp_path / "cache")
    assert info.pages == 25


# --- corrupt files, and files of other programs --------------------------------------------------


def as_another_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 1")


def as_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE responses (mine TEXT)")
        connection.execute("INSERT INTO responses VALUES ('precious')")


def cut_at(size: int) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(path.read_bytes()[:size])


CORRUPTED: dict[str, Callable[[Path], Any]] = {
    **{f"cut at {size}": cut_at(size) for size in (0, 50, 4096, 20_000)},
    "not a database": lambda path: path.write_bytes(b"garbage" * 1000),
    "another version": as_another_version,
    "another program": as_another_program,
}


@pytest.fixture
def closed(connected: Callable[..., Box], tmp_path: Path) -> Path:
    """The file of a closed store with a batch of 25 pages."""
    with connected() as box:
        box.read("1001", limit=1)
    return the_file(tmp_path)


@pytest.mark.parametrize("how", CORRUPTED)
def test_a_corrupt_or_foreign_file_is_quarantined_with_one_warning_and_box_read_again(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, closed: Path, how: str
) -> None:
    CORRUPTED[how](closed)
    content = closed.read_bytes()
    box = connected()
    before = calls_to(emulator)
    assert_read_with_one_warning(box, r"is corrupt or of another kind; it was renamed to")
    assert calls_to(emulator) - before == 25
    assert box.read("1001", limit=1).pages["from_cache"].all()
    (moved,) = quarantined(closed)
    assert moved.read_bytes() == content
    cache.clear(tmp_path / "cache")
    foreign = how in ("cut at 50", "not a database", "another program")
    assert len(quarantined(closed)) == foreign  # files of other programs are not deleted


def test_cache_info_changes_nothing_in_a_file_of_another_program(
    tmp_path: Path, closed: Path
) -> None:
    as_another_program(closed)
    before = closed.read_bytes()
    (info,) = cache.cache_info(tmp_path / "cache")
    assert "not a page store of this version" in str(info.trouble)
    assert closed.read_bytes() == before
    assert quarantined(closed) == []


def test_a_flipped_bit_anywhere_in_the_file_never_changes_what_is_read(
    emulator: Emulator, connected: Callable[..., Box], closed: Path
) -> None:
    """The damage may be in any structure of SQLite and any part of a page."""
    content = closed.read_bytes()
    truth = [job["id"] for job in emulator.enterprise.jobs("1001")]
    chance = random.Random(7)
    for _ in range(settings.default.max_examples):
        place = chance.choice([chance.randrange(len(content)), chance.randrange(300)])
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.randrange(8)
        for path in [closed, *quarantined(closed)]:
            path.unlink()
        closed.write_bytes(flipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StoreWarning)
            with connected() as box:
                assert box.read("1001", limit=1).jobs["job_id"].to_list() == truth


@pytest.mark.parametrize(
    "change",
    ["DROP TABLE responses", "ALTER TABLE responses RENAME COLUMN value TO other"],
)
def test_a_table_that_is_changed_while_it_is_used_is_quarantined(
    execute: Execute, connected: Callable[..., Box], tmp_path: Path, change: str
) -> None:
    box = connected()
    box.read("1001")
    execute(change)
    assert_read_with_one_warning(box, "renamed to")
    assert box.read("1001", limit=1).jobs.height == 25  # the page that could not be saved
    assert box.read("1001", limit=1).pages["from_cache"].all()


def test_a_corrupt_file_is_replaced_once_even_if_two_boxes_have_it_open(
    emulator: Emulator, connected: Callable[..., Box], execute: Execute, tmp_path: Path
) -> None:
    first, second = connected(), connected()
    for box in (first, second):
        box.read("1001")
    execute("DROP TABLE responses")
    assert_read_with_one_warning(first, "renamed to")
    assert first.read("1003").jobs.height == 10
    for _ in range(2):  # the first time, it still has the old file
        assert second.read("1003").jobs.height == 10
    assert (
        len([path for path in quarantined(the_file(tmp_path)) if path.suffix[-1:].isdigit()]) == 1
    )
    assert connected().read("1003").pages["from_cache"].all()


# --- corrupt and malicious pages -----------------------------------------------------------------


class Trap:
    """Code that a pickle runs when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def signed(plain: bytes) -> bytes:
    packed = zstd.compress(plain)
    return b"boxdocgen2" + sha256(packed).digest() + packed


def with_head(**head: Any) -> bytes:
    text = json.dumps(head).encode()
    return signed(len(text).to_bytes(4, "big") + text)


COMPLETE = {"key": "k", "created_at": "2026-01-01T00:00:00Z", "headers": {}, "status_code": 200}


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "text",
        b"",
        b"boxdocgen2",
        b"boxdocgen2" + bytes(32),
        b"boxdocgen2" + sha256(b"no zstd").digest() + b"no zstd",
        signed(b""),
        signed(b"\xff\xff\xff\xff{}"),
        signed(b"\0\0\0\2[]"),
        with_head(),
        with_head(**COMPLETE),  # the page of another key
        with_head(**COMPLETE | {"headers": [1, 2]}),
        with_head(**COMPLETE | {"created_at": "x"}),
        with_head(**COMPLETE | {"created_at": "2026-01-01T00:00:00"}),
    ],
)
def test_anything_in_the_place_of_a_page_is_read_again_with_one_warning(
    execute: Execute, box: Box, tmp_path: Path, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    box.read("1001", limit=25)
    execute("UPDATE responses SET value = ?", value)
    with pytest.warns(StoreWarning, match="corrupt and counts as not cached") as caught:
        assert box.read("1001", limit=25).pages["from_cache"].to_list() == [False]
    assert len(caught) == 1
    assert box.read("1001", limit=25).pages["from_cache"].to_list() == [True]
    assert caplog.records == []


@pytest.mark.parametrize(
    "value",
    [
        "CAST(substr(value, 1, 10) || zeroblob(32) || substr(value, 43) AS BLOB)",
        "(SELECT value FROM responses WHERE key LIKE '%first')",
    ],
    ids=["a page with a wrong checksum", "a page in another page's place"],
)
def test_a_page_that_is_not_what_was_cached_there_is_read_again(
    execute: Execute, box: Box, tmp_path: Path, value: str
) -> None:
    box.read("1001", limit=10)
    execute(f"UPDATE responses SET value = {value} WHERE key NOT LIKE '%first'")
    with pytest.warns(StoreWarning, match="corrupt"):
        reading = box.read("1001", limit=10)
    assert reading.jobs.height == 25
    assert reading.pages["from_cache"].to_list() == [True, False, False]


def test_a_pickle_or_another_trap_in_the_place_of_a_page_is_not_run(
    execute: Execute, box: Box, tmp_path: Path
) -> None:
    file = tmp_path / "sprung"
    box.read("1001")
    yaml = f"!!python/object/apply:pathlib.Path.touch [!!python/object:pathlib.Path {{{file}}}]"
    trapped = {"__class__": "os.system", "py/reduce": [{"py/type": "os.system"}, [f"touch {file}"]]}
    for trap in (pickle.dumps(Trap(file)), yaml.encode(), json.dumps(trapped).encode()):
        for value in (trap, signed(trap), signed(len(trap).to_bytes(4, "big") + trap)):
            execute("UPDATE responses SET value = ?", value)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StoreWarning)  # only the first one warns
                assert box.read("1001").jobs.height == 25
    assert not file.exists()


def test_odd_keys_in_the_file_do_no_harm(execute: Execute, box: Box, tmp_path: Path) -> None:
    box.read("1001")
    ((key,),) = execute("SELECT key FROM responses")
    for odd in ("", "x", key.replace("000000", "abc"), key + "'--", key.replace("1001", "%")):
        execute("INSERT INTO responses VALUES (?, ?, NULL)", odd, b"x")
    assert box.read("1001", refresh=True).jobs.height == 25
    assert "1001" in box.cached()
    (info,) = cache.cache_info(tmp_path / "cache")
    assert info.login == "svc-hr@example.com"
