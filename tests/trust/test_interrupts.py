"""Ctrl-C ends any wait at once and what arrived is cached; SIGKILL loses at most one page."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from batch import PATH, calls_to
from processes import (
    let_read,
    next_line,
    start_command,
    start_reader,
    wait_for_calls,
)

from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust

INTERRUPTED = 130

# All of these waits are longer than a test may take, so a shorter one was interrupted.
LONG_S = 200
TIMEOUT_S = 60


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=TIMEOUT_S)


@pytest.mark.parametrize(
    ("fault", "path"), [("silent", PATH), ("rate-limit", PATH), ("server-error", "/users/me")]
)
def test_ctrl_c_ends_the_command_during_any_wait_and_what_arrived_is_cached(
    emulator: Emulator,
    connected: Callable[..., Box],
    tmp_path: Path,
    fault: str,
    path: str,
) -> None:
    emulator.enterprise.put("1001", 2500)
    wait = {} if fault == "silent" else {"retry_after": LONG_S}
    at = {"page": 2} if path == PATH else {}
    emulator.fault(fault, path=path, times=None, **at, **wait)
    with start_command(emulator, tmp_path, "fetch", "1001") as command:
        wait_for_calls(command, emulator, path, 2 if path == PATH else 1)
        _, messages = interrupt(command)
    assert command.returncode == INTERRUPTED
    assert messages.splitlines()[-1] == "boxdocgen: Stopped. What has arrived is cached."
    emulator.clear_faults()
    before = calls_to(emulator)
    assert connected(cache_dir=tmp_path).read("1001").pages["complete"].to_list() == [True] * 3
    assert calls_to(emulator) - before == (2 if path == PATH else 3)


def test_ctrl_c_ends_the_wait_for_the_call_rate(emulator: Emulator, tmp_path: Path) -> None:
    policy = json.dumps({"calls_per_minute": 5})
    with start_reader(emulator, tmp_path, ["1001"], retry=policy) as reader:
        assert next_line(reader) == "ready"
        let_read(reader)
        assert "at most 5 calls a minute" in next_line(reader)
        _, messages = interrupt(reader)
    assert reader.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in messages
    assert calls_to(emulator) == 4


def test_after_ctrl_c_in_a_notebook_nothing_more_is_requested(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("1001", 500)

    def interrupt_me(pages: int, jobs: int, waiting: str | None) -> None:
        if pages >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        box.read("1001", limit=1, progress=interrupt_me)
    stopped_at = calls_to(emulator)
    box.read("1003", limit=1)
    # The page in transit may have arrived meanwhile.
    assert calls_to(emulator) <= stopped_at + 1


def test_killed_at_any_moment_no_page_is_lost_requested_twice_or_wrong(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    """Of sixty pages, a kill costs at most the page in transit."""
    emulator.enterprise.put("1001", 60)
    truth = [job["id"] for job in emulator.enterprise.jobs("1001")]
    for kill_at in (1, random.Random(2).randrange(2, 60), 60):
        folder = tmp_path / str(kill_at)
        pages, users = calls_to(emulator), calls_to(emulator, "/users/me")
        with start_reader(emulator, folder, ["1001"]) as reader:
            let_read(reader)
            wait_for_calls(reader, emulator, PATH, pages + kill_at)
            reader.send_signal(signal.SIGKILL)
        reading = connected(cache_dir=folder).read("1001", limit=1)
        assert reading.jobs["job_id"].to_list() == truth
        assert reading.pages["complete"].all()
        assert calls_to(emulator) - pages in (60, 61)
        assert calls_to(emulator, "/users/me") - users == 2


@pytest.mark.thorough
def test_killed_again_and_again_it_reads_to_the_end(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    emulator.enterprise.put("1001", 60)
    kills = 3
    for number in range(kills):
        with start_reader(emulator, tmp_path, ["1001"]) as reader:
            let_read(reader)
            wait_for_calls(reader, emulator, PATH, 15 * (number + 1))
            reader.send_signal(signal.SIGKILL)
    assert connected(cache_dir=tmp_path).read("1001", limit=1).jobs.height == 60
    assert 60 <= calls_to(emulator) <= 60 + kills
