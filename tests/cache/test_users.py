"""Folders of users: privacy, untrusted owner files, counting, clearing."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clock import age

from boxdocgen_explore import cache, cli, errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.cache import StoreWarning
from boxdocgen_explore.emulator import DEMO_TOKEN, DEMO_USER, Emulator

pytestmark = pytest.mark.trust

on_unix = pytest.mark.skipif(os.name == "nt", reason="Windows keeps folders private otherwise")


def user_folder(tmp_path: Path) -> Path:
    (path,) = tmp_path.rglob("pages.sqlite")
    return path.parent


# --- privacy -------------------------------------------------------------------------------------


@on_unix
def test_files_and_folders_can_be_read_by_their_owner_alone(box: Box, tmp_path: Path) -> None:
    box.read("1001")
    folder = user_folder(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes) >= {"pages.sqlite", "pages.sqlite-wal", "owner.json"}
    assert set(modes.values()) == {0o600}


@on_unix
def test_a_folder_that_others_could_read_is_closed_to_them(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    with connected() as box:
        box.read("1001")
    user_folder(tmp_path).chmod(0o755)
    connected().read("1001")
    assert stat.S_IMODE(user_folder(tmp_path).stat().st_mode) == 0o700


# --- damaged owner files -------------------------------------------------------------------------

OWNER = {"id": DEMO_USER.id, "login": "x@example.com", "name": None, "enterprise_id": None}
DEEP = "[" * 100_000
CORRUPT_OWNERS: dict[str, bytes] = {
    "nothing": b"",
    "random bytes": b"\xff\xfe\0{}\x93",
    "a list": b"[]",
    "no fields": b"{}",
    "only an id": json.dumps({"id": DEMO_USER.id}).encode(),
    "deep nesting": DEEP.encode(),
    "a deep field": json.dumps({**OWNER, "more": 0}).replace(": 0", f": {DEEP}").encode(),
    "megabytes": json.dumps({**OWNER, "name": "x" * 10_000_000}).encode(),
    "half a surrogate pair": json.dumps({**OWNER, "login": "\ud800"}).encode(),
    **{
        f"{name} {value!r}": json.dumps({**OWNER, name: value}).encode()
        for name, value in [
            ("id", 1), ("id", None), ("id", ["7"]), ("id", ""), ("id", "8"), ("id", "../../x"),
            ("id", "a\0b"), ("login", 5), ("login", {}), ("name", [1]), ("enterprise_id", True),
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("content", CORRUPT_OWNERS.values(), ids=CORRUPT_OWNERS)
def test_a_corrupt_owner_file_is_an_unknown_owner_until_the_next_online_reading(
    emulator: Emulator,
    connected: Callable[..., Box],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
) -> None:
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    where = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
    with connected() as box:
        box.read("1001")
    (user_folder(tmp_path) / "owner.json").write_bytes(content)

    assert cli.main(["cache", "info", "--cache-dir", str(tmp_path / "cache")]) == 0
    assert "1 batch  1 page" in capsys.readouterr().out
    assert cli.main(["fetch", "1001", "--offline", *where]) == 3
    assert "Nothing is cached" in capsys.readouterr().err

    calls = len(emulator.calls)
    assert cli.main(["fetch", "1001", *where]) == 0
    assert [call.path for call in emulator.calls[calls:]] == ["/users/me"]
    assert cli.main(["fetch", "1001", "--offline", *where]) == 0
    assert "25 of 25" in capsys.readouterr().out


@pytest.mark.parametrize("content", CORRUPT_OWNERS.values(), ids=CORRUPT_OWNERS)
def test_the_corrupt_owner_file_of_another_user_is_ignored(
    connected: Callable[..., Box], tmp_path: Path, content: bytes
) -> None:
    with connected() as box:
        box.read("1001")
    other = user_folder(tmp_path).with_name("other")
    other.mkdir()
    (other / "owner.json").write_bytes(content)
    assert connected(offline=True).read("1001").jobs.height == 25


def test_a_folder_in_the_place_of_the_owner_file_is_a_warning(
    connected: Callable[..., Box], tmp_path: Path
) -> None:
    with connected() as box:
        box.read("1001")
    owner = user_folder(tmp_path) / "owner.json"
    owner.unlink()
    owner.mkdir()
    with pytest.warns(StoreWarning, match="offline reading will not find this user"):
        assert connected().read("1001").jobs.height == 25
    with pytest.raises(errors.NotCached):
        connected(offline=True).read("1001")


# --- counting and clearing -----------------------------------------------------------------------


def test_cached_pages_are_counted_by_host_and_user(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    box.read(["1001", "1003"], limit=10)
    box.batches()
    (info,) = cache.cache_info(tmp_path / "cache")
    assert (info.host, info.login) == (f"127.0.0.1:{emulator.port}", "svc-hr@example.com")
    assert (info.batches, info.pages) == (2, 5)
    assert info.size_bytes >= info.path.stat().st_size


def test_clearing_by_age_deletes_pages_from_the_future(box: Box, tmp_path: Path) -> None:
    box.read("1001", limit=10)
    age(box, days=-2)
    assert cache.clear(tmp_path / "cache", older_than=timedelta(days=90)) == 3


def test_clearing_deletes_all_pages_or_those_that_are_older(box: Box, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    box.read("1001", limit=10)
    age(box, days=10)
    box.read("1003")
    assert cache.clear(folder, older_than=timedelta(days=11)) == 0
    assert cache.clear(folder, older_than=timedelta(days=9)) == 3
    assert box.cached() == ["1003"]
    assert cache.clear(folder) == 1
    assert box.cached() == []
    assert cache.clear(tmp_path / "nothing") == 0


def test_files_that_vanish_while_they_are_listed_are_not_counted(box: Box, tmp_path: Path) -> None:
    box.read("1001")
    folder = user_folder(tmp_path)
    (folder / "gone").symlink_to("nowhere")  # like a file that vanishes before it is checked
    shutil.copytree(folder, folder.with_name("other"), symlinks=True)
    listed = cache.cache_info(tmp_path / "cache")
    first = next(listed)
    shutil.rmtree(folder.with_name("other"))
    assert (first.pages, first.trouble) == (1, None)
    (second,) = listed
    assert "No such file" in str(second.trouble)


@pytest.mark.parametrize("older_than", [None, timedelta(0)])
def test_clearing_deletes_our_files_and_nobody_else_s(
    box: Box, tmp_path: Path, older_than: timedelta | None
) -> None:
    box.read("1001", limit=1)
    folder = user_folder(tmp_path)
    strangers = [
        folder / "notes.txt",
        folder / "other.sqlite",
        folder.parent / "pages.sqlite",
        tmp_path / "cache" / "owner.json",
    ]
    for path in strangers:
        path.write_text("precious")
    cache.clear(tmp_path / "cache", older_than=older_than)
    assert [path.read_text() for path in strangers] == ["precious"] * len(strangers)
    assert not (folder / "owner.json").exists()
    assert box.cached() == []


@pytest.mark.parametrize("older_than", [None, timedelta(days=90)])
def test_a_cache_that_is_empty_goes_with_its_folders_once_nobody_uses_it(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, older_than: timedelta | None
) -> None:
    """The port of the emulator, and so the folder, changes every time."""
    folder, box = tmp_path / "cache", connected()
    box.read("1001")
    age(box, days=91)
    host = user_folder(tmp_path).parent
    assert cache.clear(folder, older_than=older_than) == 1
    assert len([*host.rglob("pages.sqlite")]) == 1  # it is open
    box.read("1003")
    assert box.cached() == ["1003"]
    box.close()
    (host / "notes").write_text("precious")
    assert cache.clear(folder) == 1
    assert [path.name for path in host.iterdir()] == ["notes"]
    (host / "notes").unlink()
    with connected() as again:
        again.read("1001")
    assert cache.clear(folder) == 1
    assert [*folder.iterdir()] == []


def test_deleted_pages_are_not_left_in_the_file(box: Box, tmp_path: Path) -> None:
    """Pages have personal data."""
    box.read("1001", limit=1)
    file = user_folder(tmp_path) / "pages.sqlite"
    size = file.stat().st_size
    cache.clear(tmp_path / "cache")
    box.close()
    assert file.stat().st_size < max(size, 40_000)
    assert not {mark for mark in (b"boxdocgen2", b"PAR1") if mark in file.read_bytes()}
    (info,) = cache.cache_info(tmp_path / "cache")
    assert (info.batches, info.pages) == (0, 0)


def owners(folder: Path) -> Any:
    return [json.loads(path.read_bytes()) for path in folder.rglob("owner.json")]


def test_the_owner_file_says_who_read(box: Box, tmp_path: Path) -> None:
    box.read("1001")
    (owner,) = owners(tmp_path)
    assert (owner["id"], owner["login"]) == (DEMO_USER.id, DEMO_USER.login)
    assert owner.keys() == {"id", "login", "name", "enterprise_id"}
