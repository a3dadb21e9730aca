"""Several processes and threads on one cache folder: no error, no lost page, no half page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from children import asked, command, go, reader, said
from tally import Tally

from boxdocgen_explore import explore
from boxdocgen_explore.box import Box
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust

IDS = [str(3000 + n) for n in range(8)]


@pytest.fixture
def busy(emulator: Emulator) -> Emulator:
    for number, batch_id in enumerate(IDS):
        emulator.enterprise.put(batch_id, 10 + number)
    return emulator


JOBS = sum(10 + number for number in range(len(IDS)))


def test_two_kernels_and_a_cron_job_that_make_the_folder_together_all_read_whole(
    busy: Emulator, connected: Callable[..., Box], tmp_path: Path, tally: Tally
) -> None:
    folder = tmp_path / "cache"
    kernels = [reader(busy, folder, IDS, limit=2) for _ in range(2)]
    for kernel in kernels:
        assert said(kernel) == "ready"
    with command(busy, folder, "fetch", *IDS) as cron:
        for kernel in kernels:
            go(kernel)
        told = cron.communicate()
    assert "8 batches, whole chains" in told[0]
    assert told[1] == ""
    for kernel in kernels:
        with kernel:
            assert kernel.communicate() == (f"{JOBS} {JOBS}\n", "")
    kept = connected(offline=True).read(IDS, limit=2)
    assert kept.jobs.height == JOBS
    assert kept.pages["complete"].all()
    tally("loads held", 3)


def test_many_threads_of_one_kernel_share_one_store(
    busy: Emulator, connected: Callable[..., Box], tally: Tally
) -> None:
    boxes = [connected(retry=RetryPolicy(calls_per_minute=1_000_000)) for _ in range(2)]
    heights: list[int] = []
    errors: list[BaseException] = []

    def read(box: Box, limit: int) -> None:
        try:
            heights.append(box.read(IDS, limit=limit).jobs.height)
        except BaseException as error:
            errors.append(error)

    limits = (1, 2, 3)
    threads = [
        threading.Thread(target=read, args=(box, limit)) for box in boxes for limit in limits
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert heights == [JOBS] * len(threads)
    tally("loads held", len(threads))


def test_a_widget_and_a_cell_read_at_once(busy: Emulator, box: Box, tally: Tally) -> None:
    explorer = explore(box)
    explorer.load(IDS)
    assert box.read(IDS, limit=1).jobs.height == JOBS
    assert explorer.wait().jobs.height == JOBS
    tally("loads held", 2)


def test_what_one_process_has_kept_the_other_does_not_ask_for(
    busy: Emulator, connected: Callable[..., Box], tmp_path: Path, tally: Tally
) -> None:
    with reader(busy, tmp_path / "cache", IDS, limit=1) as child:
        go(child)
        child.communicate()
    before = asked(busy, f"/docgen_batch_jobs/{IDS[0]}")
    assert connected().read(IDS, limit=1).pages["from_cache"].all()
    assert asked(busy, f"/docgen_batch_jobs/{IDS[0]}") == before
    tally("loads held", 2)
