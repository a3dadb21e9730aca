"""Processes forked or spawned beside a reading one: results are right, or refused."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from batch import truth

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator

pytestmark = [
    pytest.mark.trust,
    # Python warns of forks beside threads: that is what is tested here.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def connect_and_count(url: str, folder: str, batch_id: str) -> int:
    """The work of a pool's worker, for any start method."""
    from boxdocgen_explore.box import connect
    from boxdocgen_explore.emulator import DEMO_TOKEN

    with connect(DEMO_TOKEN, base_url=url, cache_dir=folder) as box:
        return box.jobs(batch_id).height


def in_a_fork(act: Callable[[], Any]) -> Any:
    """Do something in a forked process; give its result, or the error that it raised."""
    context: Any = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    def child() -> None:
        try:
            there.send(act())
        except errors.BoxDocGenError as error:
            there.send(error)

    process = context.Process(target=child, daemon=True)
    process.start()
    assert here.poll(60), "the child neither ended nor failed"
    return here.recv()


@pytest.fixture
def used(box: Box) -> Box:
    """A box whose connections and cache file are open."""
    box.read("1001", limit=3)
    return box


@needs_fork
@pytest.mark.parametrize(
    "act",
    [
        lambda box: box.read("1001", limit=10),
        lambda box: box.batches(),
        lambda box: box.user,
        lambda box: box.cached(),
        lambda box: [*box.watch("1001")],
        lambda box: box.scan().collect(),
    ],
)
def test_a_used_box_refuses_to_read_in_a_fork_and_continues_in_its_parent(
    emulator: Emulator, used: Box, act: Callable[[Box], Any]
) -> None:
    before = len(emulator.calls)
    refused = in_a_fork(lambda: act(used))
    assert isinstance(refused, errors.InvalidRequest)
    assert "'spawn' method" in str(refused)
    assert len(emulator.calls) == before
    assert used.jobs("1003")["job_id"].to_list() == truth(emulator, "1003")


@needs_fork
def test_a_new_connection_refuses_in_such_a_fork_too(
    emulator: Emulator, used: Box, tmp_path: Path
) -> None:
    refused = in_a_fork(lambda: connect_and_count(emulator.url, str(tmp_path), "1001"))
    assert isinstance(refused, errors.InvalidRequest)


@pytest.mark.parametrize(
    "method",
    [
        "spawn",
        pytest.param("forkserver", marks=[pytest.mark.thorough, needs_fork]),
    ],
)
def test_a_pool_of_started_workers_reads(
    emulator: Emulator, used: Box, tmp_path: Path, method: str
) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        given = emulator.url, str(tmp_path)
        asked = [pool.submit(connect_and_count, *given, one) for one in ("1001", "1003", "1004")]
        assert [one.result(60) for one in asked] == [25, 10, 7]


PREFORKING = """
import os, sys
from boxdocgen_explore.box import connect
url, folder, token = sys.argv[1:]
box = connect(token, base_url=url, cache_dir=folder)  # as a server does before it forks its workers
for batch_id in ("1001", "1003", "1004"):
    if not os.fork():
        sys.stdout.write(f"{batch_id} {box.jobs(batch_id).height}\\n")
        sys.stdout.flush()
        os._exit(0)
for _ in range(3):
    os.wait()
"""


@needs_fork
def test_the_workers_of_a_preforking_server_read_with_a_box_that_had_not(
    emulator: Emulator, tmp_path: Path
) -> None:
    program = [sys.executable, "-W", "error", "-c", PREFORKING]
    given = [emulator.url, str(tmp_path), DEMO_TOKEN]
    done = subprocess.run([*program, *given], capture_output=True, text=True, timeout=120)
    assert sorted(done.stdout.split("\n")) == ["", "1001 25", "1003 10", "1004 7"]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_box_that_is_sent_to_another_process_says_what_to_do(used: Box) -> None:
    with pytest.raises(errors.InvalidRequest, match=r"Call connect\(\) in the worker"):
        pickle.dumps(used)
    assert used.jobs("1004").height == 7
