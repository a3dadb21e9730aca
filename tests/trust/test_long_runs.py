"""Watching a batch for a long time makes nothing grow."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from boxdocgen_explore.box import Box
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust

REFRESHES = int(os.environ.get("BOXDOCGEN_REFRESHES", 2 * settings.default.max_examples))
"""Ten thousand take some minutes: set the variable for them."""

_PAGE_BYTES = 4096
_MOST_GROWTH_BYTES = 4_000_000
_MOST_STORE_BYTES = 6_000_000
"""Two pages, and SQLite's write-ahead log, which is reused after four megabytes."""


def in_use() -> dict[str, int]:
    """Memory, open files and threads of this process."""
    resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    return {
        "memory": resident,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts by Linux's /proc")
def test_a_batch_watched_for_long_grows_neither_memory_nor_open_files_nor_the_store(
    emulator: Emulator,
    connected: Callable[..., Box],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    jobs = emulator.enterprise.jobs("1001")
    box = connected()

    def watch(times: int) -> None:
        for number in range(times):
            jobs[0]["status"] = ("pending", "submitted")[number % 2]
            emulator.enterprise.put("1001", jobs)
            assert box.read("1001", limit=20, refresh=True).jobs["status"][0] == jobs[0]["status"]

    watch(REFRESHES // 5)
    before = in_use()
    watch(REFRESHES - REFRESHES // 5)
    after = in_use()
    assert after["files"] <= before["files"]
    assert after["threads"] <= before["threads"]
    assert after["memory"] - before["memory"] < _MOST_GROWTH_BYTES
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < _MOST_STORE_BYTES
    assert main(["cache", "info", "--cache-dir", str(tmp_path / "cache")]) == 0
    assert "1 batch  2 pages" in capsys.readouterr().out
