"""Processes and threads share a cache folder without errors and lost or partial pages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import let_read, next_line, start_command, start_reader

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust

IDS = [str(3000 + n) for n in range(8)]
JOBS = sum(10 + number for number in range(len(IDS)))


@pytest.fixture
def busy(emulator: Emulator) -> Emulator:
    for number, batch_id in enumerate(IDS):
        emulator.enterprise.put(batch_id, 10 + number)
    return emulator


@pytest.mark.thorough
def test_two_kernels_and_a_cron_job_that_create_the_folder_together_all_read_completely(
    busy: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    with (
        start_reader(busy, folder, IDS, limit=2) as one,
        start_reader(busy, folder, IDS, limit=2) as other,
    ):
        assert [next_line(kernel) for kernel in (one, other)] == ["ready", "ready"]
        with start_command(busy, folder, "fetch", *IDS) as cron:
            let_read(one)
            let_read(other)
            printed, messages = cron.communicate()
        assert "8 batches, all 8 pages read" in printed
        assert messages == ""
        for kernel in (one, other):
            assert kernel.communicate() == (f"{JOBS} {JOBS}\n", "")
    cached = connected(offline=True).read(IDS, limit=2)
    assert cached.jobs.height == JOBS
    assert cached.pages["complete"].all()
    assert list(folder.rglob(".new-*")) == []


def test_many_threads_of_one_kernel_share_one_store(
    busy: Emulator, connected: Callable[..., Box]
) -> None:
    boxes = [connected(retry=bx.RetryPolicy(calls_per_minute=1_000_000)) for _ in range(2)]
    results: list[int | BaseException] = []

    def read(box: Box, limit: int) -> None:
        try:
            results.append(box.read(IDS, limit=limit).jobs.height)
        except BaseException as error:
            results.append(error)

    threads = [
        threading.Thread(target=read, args=(box, limit)) for box in boxes for limit in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [JOBS] * len(threads)


def test_a_widget_and_a_cell_read_at_once(busy: Emulator, box: Box) -> None:
    explorer = bx.explore(box)
    explorer.load(IDS)
    assert box.read(IDS, limit=1).jobs.height == JOBS
    assert explorer.wait().jobs.height == JOBS
