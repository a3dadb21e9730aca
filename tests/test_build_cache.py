"""Slow builds happen once; a broken cache costs only time."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from full_disk import full_disk

from boxdocgen_explore.build_cache import built, default_cache_dir

TEXT = "const vega = 'ä\n\r\n';\n" * 100


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert default_cache_dir() == tmp_path / "cache" / "boxdocgen_explore"
    return default_cache_dir() / "built" / "one.js"


def builds(key: str = "version 1") -> int:
    """How often the text was built for one request."""
    calls: list[str] = []
    assert built("one.js", key, lambda: calls.append(TEXT) or TEXT) == TEXT
    return len(calls)


def test_it_is_built_once_and_only_its_user_can_read_it(file):
    assert [builds(), builds()] == [1, 0]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_another_version_is_built_again(file):
    assert [builds(), builds("version 2"), builds("version 2"), builds()] == [1, 1, 0, 1]


def _linked(file: Path) -> None:
    file.rename(file.with_name("other.js"))
    file.symlink_to("other.js")


def _piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _of_another_user(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(file, 12345, -1)


WRONG: dict[str, Callable[[Path], object]] = {
    "another text": lambda file: file.write_bytes(file.read_bytes().replace(b"vega", b"evil")),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "empty": lambda file: file.write_bytes(b""),
    "link": _linked,
    "no digest": lambda file: file.write_text(TEXT),
    "no text": lambda file: file.write_bytes(b"\xff" * 1000),
    "of another user": _of_another_user,
    "pipe": _piped,
    "writable by its group": lambda file: file.chmod(0o620),
    "writable by others": lambda file: file.chmod(0o602),
}


@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_a_file_that_is_not_right_is_replaced(file, wrong):
    builds()
    WRONG[wrong](file)
    assert [builds(), builds()] == [1, 0]
    assert file.is_file()
    assert not file.is_symlink()


@pytest.mark.parametrize("place", ["the file", "the folder"])
def test_without_a_cache_the_text_is_built_every_time(file, place):
    if place == "the file":
        file.mkdir(parents=True)
    else:
        file.parents[1].mkdir(parents=True)
        file.parent.write_text("no folder")
    assert [builds(), builds()] == [1, 1]


def test_a_full_disk_leaves_nothing(file):
    with full_disk(at_bytes=100):
        assert builds() == 1
    assert [*file.parent.iterdir()] == []
    assert [builds(), builds()] == [1, 0]


def test_several_at_once_all_get_the_text(file):
    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(lambda _: builds() <= 1, range(64))} == {True}
    assert builds() == 0
