"""Watching a batch for long grows nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import store_of
from tally import Tally

from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust

REFRESHES = int(os.environ.get("BOXDOCGEN_REFRESHES", "500"))
"""Ten thousand take some minutes: set the variable for them."""

_PAGE_BYTES = 4096
_CEILING_BYTES = 6_000_000
"""Two pages, and SQLite's write-ahead log, which goes round at four megabytes."""


def held() -> dict[str, int]:
    """Memory, open files and threads of this process."""
    resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    return {
        "memory": resident,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }


def kept_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts by Linux's /proc")
def test_a_batch_watched_for_long_grows_neither_memory_nor_open_files_nor_the_store(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, tally: Tally
) -> None:
    emulator._calls = emulator._calls.__class__(maxlen=10)  # this process serves as well
    jobs = emulator.enterprise.jobs("1001")
    box = connected()

    def watch(times: int) -> None:
        for number in range(times):
            jobs[0]["status"] = ("pending", "submitted")[number % 2]
            emulator.enterprise.put("1001", jobs)
            assert box.read("1001", limit=20, refresh=True).jobs["status"][0] == jobs[0]["status"]

    watch(REFRESHES // 5)
    before = held()
    watch(REFRESHES - REFRESHES // 5)
    after = held()
    assert after["files"] <= before["files"]
    assert after["threads"] <= before["threads"]
    assert after["memory"] - before["memory"] < 8_000_000
    assert kept_bytes(tmp_path) < _CEILING_BYTES
    assert len(store_of(box).keys()) == 2
    tally("loads held", REFRESHES)
