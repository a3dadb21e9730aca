"""Pages on disk: whole or not at all, private, shared between processes, and no trap for anyone."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import zstandard
from conftest import age, store_of
from tally import Tally

from boxdocgen_explore.box import Box
from boxdocgen_explore.cache import users
from boxdocgen_explore.cache.store import PageStore, StoreWarning
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator

pytestmark = pytest.mark.trust

PATH = "/docgen_batch_jobs/1001"

READER = f"""
import sys, threading
from pathlib import Path
from boxdocgen_explore.box import connect
from boxdocgen_explore.box.retry import RetryPolicy

url, folder, *more = sys.argv[1:]
waits = RetryPolicy(calls_per_minute=1_000_000, read_timeout_s=3000)
with connect({DEMO_TOKEN!r}, base_url=url, cache_dir=folder, retry=waits) as box:
    print("ready", flush=True)
    sys.stdin.readline()
    jobs = box.read(["1001", "1003", "1004"], limit=1).jobs
    print(jobs.height, flush=True)
"""


def asked(emulator: Emulator, path: str = PATH) -> int:
    return sum(call.path == path for call in emulator.calls)


def reader(emulator: Emulator, folder: Path) -> subprocess.Popen[str]:
    """Another process that reads the same batches into the same folder once it is told to."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", READER, emulator.url, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a database and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk],
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> None:
    file = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(file, bytes(1024)):
            pass
    except OSError:
        pass
    finally:
        os.close(file)


def the_file(folder: Path) -> Path:
    (path,) = folder.rglob("pages.sqlite")
    return path


# --- other processes -----------------------------------------------------------------------------


def test_a_reader_killed_in_the_middle_loses_nothing_that_it_had(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    emulator.fault("silent", path=PATH, page=20, times=1)
    child = reader(emulator, tmp_path / "cache")
    with child:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
        while asked(emulator) < 20:
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    before = asked(emulator)
    reading = connected().read("1001", limit=1)
    assert reading.jobs.height == 25
    assert reading.pages["from_cache"].to_list() == [True] * 19 + [False] * 6
    assert asked(emulator) - before == 6


def test_processes_that_open_a_new_store_at_once_all_read_whole(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    children = [reader(emulator, folder) for _ in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    said = []
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        with child:
            said.append(child.communicate())
    assert said == [("42\n", "")] * 3
    calls = len(emulator.calls)
    assert connected(offline=True).read(["1001", "1003", "1004"], limit=1).jobs.height == 42
    assert len(emulator.calls) == calls
    assert list(folder.rglob(".new-*")) == []


def test_two_boxes_of_one_user_share_what_is_kept(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    first, second = connected(), connected()
    first.read("1001")
    assert second.read("1001").pages["from_cache"].all()
    assert asked(emulator) == 1


# --- who may read it -----------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps user folders private by other means")
def test_files_and_folders_can_be_read_by_their_owner_alone(box: Box, tmp_path: Path) -> None:
    box.read("1001")
    folder = the_file(tmp_path).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes) >= {"pages.sqlite", "pages.sqlite-wal", "owner.json"}
    assert set(modes.values()) == {0o600}


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps user folders private by other means")
def test_a_folder_that_others_could_read_is_closed_to_them(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    with connected() as box:
        box.read("1001")
    folder = the_file(tmp_path).parent
    folder.chmod(0o755)
    connected().read("1001")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_another_owner_s_file_that_is_no_json_is_passed_over(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    connected().read("1001")
    other = the_file(tmp_path).parent.with_name("other")
    other.mkdir()
    for text in (b"", b"[]", b"\xff", b'{"id": 1}', b'{"__class__": 1}'):
        (other / "owner.json").write_bytes(text)
        assert connected(offline=True).read("1001").jobs.height == 25


# --- disks and folders that do not serve ---------------------------------------------------------


def test_a_disk_that_fills_up_costs_the_keeping_and_not_the_reading(
    emulator: Emulator, connected: Callable[..., Box], small_disk: Path
) -> None:
    box = connected(cache_dir=small_disk)
    assert box.read("1003").jobs.height == 10
    fill(small_disk)
    with pytest.warns(StoreWarning, match=r"full.*complete all the same") as told:
        assert box.read("1001", limit=1).jobs.height == 25
    assert len(told) == 1
    assert box.read("1003").pages["from_cache"].all()
    (small_disk / "filler").unlink()
    assert box.read("1001").jobs.height == 25
    assert box.read("1001").pages["from_cache"].all()


def assert_read_with_one_warning(box: Box, match: str = r"cannot be used.*--cache-dir") -> None:
    with pytest.warns(StoreWarning, match=match) as told:
        assert box.read("1001").jobs.height == 25
    assert len(told) == 1


def test_a_disk_that_is_full_from_the_start_costs_the_keeping_and_not_the_reading(
    connected: Callable[..., Box], small_disk: Path
) -> None:
    fill(small_disk)
    assert_read_with_one_warning(connected(cache_dir=small_disk))


def test_a_store_that_can_only_be_read_is_used_for_reading(
    emulator: Emulator, connected: Callable[..., Box], small_disk: Path
) -> None:
    with connected(cache_dir=small_disk) as box:
        box.read("1001")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    before = asked(emulator)
    box = connected(cache_dir=small_disk)
    assert_read_with_one_warning(box, "nothing new is kept")
    assert asked(emulator) == before
    assert box.read("1003").jobs.height == 10
    assert connected(cache_dir=small_disk, offline=True).read("1001").jobs.height == 25


def test_a_folder_in_which_nothing_can_be_made_costs_the_keeping_and_not_the_reading(
    connected: Callable[..., Box], small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert_read_with_one_warning(connected(cache_dir=small_disk / "new"))


@pytest.mark.parametrize("name", ["file", "a\0b", "file/inner"])
def test_a_cache_folder_that_cannot_be_one_costs_the_keeping_and_not_the_reading(
    connected: Callable[..., Box], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("")
    assert_read_with_one_warning(connected(cache_dir=f"{tmp_path}/{name}"))


def test_a_folder_that_becomes_read_only_while_it_is_used_costs_the_keeping_only(
    emulator: Emulator, connected: Callable[..., Box], small_disk: Path
) -> None:
    box = connected(cache_dir=small_disk)
    box.read("1003")
    store_of(box)._pages._connection.execute("PRAGMA query_only = 1")  # type: ignore[union-attr]
    with pytest.warns(StoreWarning, match="could not be kept"):
        assert box.read("1001").jobs.height == 25


# --- files that somebody damaged or made ---------------------------------------------------------


def closed_store(connected: Callable[..., Box], tmp_path: Path) -> Path:
    """The file of a store that nobody has open, with a batch of 25 pages in it."""
    box = connected()
    box.read("1001", limit=1)
    box.close()
    return the_file(tmp_path)


def aside(path: Path) -> list[Path]:
    return [one for one in path.parent.iterdir() if one.name.startswith(path.name + ".")]


def as_another_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def as_another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE responses (mine TEXT)")
        connection.execute("INSERT INTO responses VALUES ('precious')")
    connection.close()


SPOILERS: dict[str, Callable[[Path], Any]] = {
    "damaged": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "empty": lambda path: path.write_bytes(b""),
    "not a database": lambda path: path.write_bytes(b"garbage" * 1000),
    "of another version": as_another_version,
    "another program's": as_another_program,
}


@pytest.mark.parametrize("trouble", sorted(SPOILERS))
def test_a_spoilt_file_is_set_aside_with_one_warning_and_everything_read_anew(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, trouble: str
) -> None:
    path = closed_store(connected, tmp_path)
    SPOILERS[trouble](path)
    spoilt = path.read_bytes()
    box = connected()
    before = asked(emulator)
    with pytest.warns(StoreWarning, match=f"{trouble}.*set aside as") as told:
        assert box.read("1001", limit=1).jobs.height == 25
    assert len(told) == 1
    assert asked(emulator) - before == 25
    assert box.read("1001", limit=1).pages["from_cache"].all()
    (moved,) = aside(path)
    assert moved.read_bytes() == spoilt


@pytest.mark.parametrize("trouble", sorted(SPOILERS))
def test_clearing_deletes_what_was_ours_and_leaves_another_program_its_file(
    connected: Callable[..., Box], tmp_path: Path, trouble: str
) -> None:
    path = closed_store(connected, tmp_path)
    SPOILERS[trouble](path)
    box = connected()
    with pytest.warns(StoreWarning, match="set aside"):
        box.read("1001", limit=1)
    users.clear(tmp_path / "cache")
    foreign = trouble in ("not a database", "another program's")
    assert len(aside(path)) == foreign
    assert not (path.parent / "owner.json").exists()


def test_looking_at_a_spoilt_store_changes_nothing(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    path = closed_store(connected, tmp_path)
    as_another_program(path)
    before = path.read_bytes()
    (kept,) = users.cache_info(tmp_path / "cache")
    assert "another program's" in str(kept.trouble)
    assert path.read_bytes() == before
    assert aside(path) == []


def test_a_flipped_byte_anywhere_in_the_file_never_changes_what_is_read(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, tally: Tally
) -> None:
    """Each of SQLite's own structures and each part of a page may be hit."""
    path = closed_store(connected, tmp_path)
    whole = path.read_bytes()
    truth = [job["id"] for job in emulator.enterprise.jobs("1001")]
    chance = random.Random(7)
    for _ in range(60):
        place = chance.choice([chance.randrange(len(whole)), chance.randrange(300)])
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        for one in [path, *aside(path)]:
            one.unlink()
        path.write_bytes(flipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StoreWarning)
            with connected() as box:
                assert box.read("1001", limit=1).jobs["job_id"].to_list() == truth
        tally("inputs tried")


@pytest.mark.parametrize("kept_bytes", [0, 50, 100, 4096, 5000, 8192, 20_000])
def test_a_truncated_file_is_set_aside_and_read_anew(
    connected: Callable[..., Box], tmp_path: Path, kept_bytes: int
) -> None:
    path = closed_store(connected, tmp_path)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    box = connected()
    with pytest.warns(StoreWarning, match="set aside"):
        assert box.read("1001", limit=1).jobs.height == 25


class Trap:
    """What a pickle can do to whoever loads it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def signed(plain: bytes) -> bytes:
    packed = zstandard.compress(plain)
    return b"boxdocgen2" + sha256(packed).digest() + packed


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "text",
        b"",
        b"boxdocgen2",
        b"boxdocgen2" + bytes(32),
        signed(b""),
        signed(b"\xff\xff\xff\xff{}"),
        signed(b"\0\0\0\2{}"),
        signed(b"\0\0\0\2[]"),
        signed(b'\0\0\0\x11{"headers":[1,2]}'),
        signed(b'\0\0\0\x12{"created_at":"x"}'),
        signed(b'\0\0\0\x24{"created_at":"2026-01-01T00:00:00"}'),
        b"boxdocgen2" + sha256(b"no zstd").digest() + b"no zstd",
    ],
)
def test_anything_in_the_place_of_a_page_is_read_anew_and_said_once(
    emulator: Emulator, box: Box, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    box.read("1001")
    with store_of(box)._pages.connection(commit=True) as connection:
        connection.execute("UPDATE responses SET value = ?", (value,))
    with pytest.warns(StoreWarning, match="damaged, and counts as not kept") as told:
        assert box.read("1001").pages["from_cache"].to_list() == [False]
    assert len(told) == 1
    assert box.read("1001").pages["from_cache"].to_list() == [True]
    assert caplog.records == []


def test_a_page_whose_checksum_is_wrong_is_not_believed(emulator: Emulator, box: Box) -> None:
    box.read("1001")
    with store_of(box)._pages.connection(commit=True) as connection:
        connection.execute(
            "UPDATE responses SET value ="
            " CAST(substr(value, 1, 10) || zeroblob(32) || substr(value, 43) AS BLOB)"
        )
    with pytest.warns(StoreWarning, match="damaged"):
        assert box.read("1001").pages["from_cache"].to_list() == [False]


def test_a_page_in_another_page_s_place_is_not_believed(emulator: Emulator, box: Box) -> None:
    box.read("1001", limit=10)
    with store_of(box)._pages.connection(commit=True) as connection:
        connection.execute(
            "UPDATE responses SET value = (SELECT value FROM responses WHERE key LIKE '%first')"
        )
    before = asked(emulator)
    with pytest.warns(StoreWarning, match="damaged"):
        assert box.read("1001", limit=10).jobs.height == 25
    assert asked(emulator) - before == 2


def test_a_pickle_or_another_trap_in_the_place_of_a_page_is_not_run(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    file = tmp_path / "sprung"
    box.read("1001")
    yaml = f"!!python/object/apply:pathlib.Path.touch [!!python/object:pathlib.Path {{{file}}}]"
    trapped = {"__class__": "os.system", "py/reduce": [{"py/type": "os.system"}, [f"touch {file}"]]}
    for trap in (pickle.dumps(Trap(file)), yaml.encode(), json.dumps(trapped).encode()):
        for value in (trap, signed(trap), signed(len(trap).to_bytes(4, "big") + trap)):
            with store_of(box)._pages.connection(commit=True) as connection:
                connection.execute("UPDATE responses SET value = ?", (value,))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StoreWarning)  # the first of them is told
                assert box.read("1001").jobs.height == 25
    assert not file.exists()


def test_odd_keys_in_the_file_do_no_harm(emulator: Emulator, box: Box, tmp_path: Path) -> None:
    box.read("1001")
    store = store_of(box)
    (key,) = store.keys()
    with store._pages.connection(commit=True) as connection:
        for odd in ("", "x", key.replace("000000", "abc"), key + "'--", key.replace("1001", "%")):
            connection.execute("INSERT INTO responses VALUES (?, ?, NULL)", (odd, b"x"))
    assert box.read("1001", refresh=True).jobs.height == 25
    assert "1001" in box.cached()
    assert [kept.login for kept in users.cache_info(tmp_path / "cache")] == ["svc-hr@example.com"]


def test_a_table_that_somebody_dropped_meanwhile_is_set_aside_and_begun_anew(box: Box) -> None:
    box.read("1001")
    with store_of(box)._pages.connection(commit=True) as connection:
        connection.execute("DROP TABLE responses")
    with pytest.warns(StoreWarning, match="set aside"):
        assert box.read("1001").jobs.height == 25
    assert box.read("1001").pages["from_cache"].all()


def test_a_database_with_triggers_of_another_kind_is_not_believed(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    """A table of the same name with other columns."""
    connected().read("1001")
    path = the_file(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE responses RENAME COLUMN value TO other")
    connection.close()
    with pytest.warns(StoreWarning):
        assert connected().read("1001").jobs.height == 25


# --- what is kept, as a person sees it -----------------------------------------------------------


def test_what_is_kept_is_counted_by_host_and_user(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    box.read(["1001", "1003"], limit=10)
    box.batches()
    (kept,) = users.cache_info(tmp_path / "cache")
    assert (kept.host, kept.login) == (f"127.0.0.1:{emulator.port}", "svc-hr@example.com")
    assert (kept.batches, kept.pages) == (2, 5)


def test_clearing_deletes_all_or_what_is_older(box: Box, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    box.read("1001", limit=10)
    age(box, days=10)
    box.read("1003")
    assert users.clear(folder, older_than=timedelta(days=11)) == 0
    assert users.clear(folder, older_than=timedelta(days=9)) == 3
    assert box.cached() == ["1003"]
    assert users.clear(folder) == 1
    assert box.cached() == []
    assert users.clear(tmp_path / "nothing") == 0


@pytest.mark.parametrize("older_than", [None, timedelta(0)])
def test_clearing_removes_our_files_and_nobody_else_s(
    box: Box, tmp_path: Path, older_than: timedelta | None
) -> None:
    box.read("1001", limit=1)
    folder = the_file(tmp_path).parent
    strangers = [
        folder / "notes.txt",
        folder / "other.sqlite",
        folder / "frames" / "mine.parquet",
        folder.parent / "pages.sqlite",
        tmp_path / "cache" / "owner.json",
    ]
    for path in strangers:
        path.write_text("precious")
    assert list((folder / "frames").glob("*-*-*.parquet"))
    users.clear(tmp_path / "cache", older_than=older_than)
    assert [path.read_text() for path in strangers] == ["precious"] * len(strangers)
    assert list((folder / "frames").glob("*-*-*.parquet")) == []
    assert store_of(box).keys() == []


def test_what_is_deleted_is_not_left_in_the_file(box: Box, tmp_path: Path) -> None:
    """Pages hold personal data."""
    box.read("1001", limit=1)
    size = the_file(tmp_path).stat().st_size
    users.clear(tmp_path / "cache")
    box.close()
    assert the_file(tmp_path).stat().st_size < max(size, 40_000)
    assert b"boxdocgen2" not in the_file(tmp_path).read_bytes()
    (kept,) = users.cache_info(tmp_path / "cache")
    assert (kept.batches, kept.pages) == (0, 0)


def test_a_store_in_memory_is_its_box_s_alone(emulator: Emulator) -> None:
    first, second = PageStore(None), PageStore(None)
    with first._pages.connection(commit=True) as connection:
        connection.execute("INSERT INTO responses VALUES ('k', 'v', NULL)")
    assert first.keys() == ["k"]
    assert second.keys() == []
    first.close()
    second.close()
