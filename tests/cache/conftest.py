"""A small disk, and access to the database."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def execute(tmp_path: Path) -> Callable[..., list[Any]]:
    """Reads or changes the only database of a test, like another program."""

    def execute(statement: str, *values: Any) -> list[Any]:
        (path,) = tmp_path.rglob("pages.sqlite")
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    return execute


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with just enough room for a database."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if not mount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.fixture
def fill() -> Callable[[Path], None]:
    """Fills a disk."""

    def fill(disk: Path) -> None:
        with (disk / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(1024)):
                    pass
            except OSError:
                pass

    return fill
