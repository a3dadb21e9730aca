"""Ctrl-C ends any wait at once, with everything kept; SIGKILL loses at most the page in flight."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from children import asked, command, go, reader, said, wait_until_asked
from tally import Tally

from boxdocgen_explore.box import Box
from boxdocgen_explore.emulator import Emulator

pytestmark = pytest.mark.trust

PATH = "/docgen_batch_jobs/1001"
INTERRUPTED = 130

# All of these waits are longer than a test may take: what ends sooner was interrupted.
LONG_S = 200
PATIENT_S = 60


def interrupt(child: subprocess.Popen[str]) -> tuple[str, str]:
    child.send_signal(signal.SIGINT)
    return child.communicate(timeout=PATIENT_S)


@pytest.mark.parametrize("path", [PATH, "/users/me"])
@pytest.mark.parametrize("fault", ["silent", "rate-limit", "server-error"])
def test_ctrl_c_ends_the_process_during_any_wait_and_keeps_what_had_arrived(
    emulator: Emulator, tmp_path: Path, tally: Tally, fault: str, path: str
) -> None:
    emulator.enterprise.put("1001", 2500)
    wait = {} if fault == "silent" else {"retry_after": LONG_S}
    at = {"page": 2} if path == PATH else {}
    emulator.fault(fault, path=path, times=None, **at, **wait)
    with command(emulator, tmp_path, "fetch", "1001") as child:
        wait_until_asked(child, emulator, path, 2 if path == PATH else 1)
        _, told = interrupt(child)
    assert child.returncode == INTERRUPTED
    assert told.splitlines()[-1] == "boxdocgen: stopped; what had arrived is kept"
    emulator.clear_faults()
    before = asked(emulator, PATH)
    with command(emulator, tmp_path, "fetch", "1001") as again:
        done, _ = again.communicate(timeout=PATIENT_S)
    assert "all 3 pages read" in done
    assert asked(emulator, PATH) - before == (2 if path == PATH else 3)
    tally("faults survived")


def test_ctrl_c_ends_the_wait_for_the_call_rate(
    emulator: Emulator, tmp_path: Path, tally: Tally
) -> None:
    waits = json.dumps({"calls_per_minute": 5})
    with reader(emulator, tmp_path, ["1001"], retry=waits) as child:
        assert said(child) == "ready"
        go(child)
        assert "at most 5 calls a minute" in said(child)
        _, told = interrupt(child)
    assert child.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in told
    assert asked(emulator, PATH) == 4
    tally("faults survived")


def test_killed_at_any_moment_and_run_again_no_page_is_lost_asked_for_twice_or_wrong(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, tally: Tally
) -> None:
    """A hundred pages: each kill costs at most the page that was in flight."""
    emulator.enterprise.put("1001", 100)
    truth = [job["id"] for job in emulator.enterprise.jobs("1001")]
    chance = random.Random(2)
    for number, page in enumerate(sorted(chance.sample(range(1, 101), 4))):
        folder = tmp_path / str(number)
        pages, users = asked(emulator, PATH), asked(emulator, "/users/me")
        with reader(emulator, folder, ["1001"]) as child:
            go(child)
            wait_until_asked(child, emulator, PATH, pages + page)
            child.send_signal(signal.SIGKILL)
        reading = connected(cache_dir=folder).read("1001", limit=1)
        assert reading.jobs["job_id"].to_list() == truth
        assert reading.pages["complete"].all()
        assert asked(emulator, PATH) - pages in (100, 101)
        assert asked(emulator, "/users/me") - users == 2
        tally("loads held")


def test_killed_again_and_again_it_comes_to_its_end(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, tally: Tally
) -> None:
    emulator.enterprise.put("1001", 60)
    kills = 4
    for number in range(kills):
        with reader(emulator, tmp_path, ["1001"]) as child:
            go(child)
            wait_until_asked(child, emulator, PATH, 12 * (number + 1))
            child.send_signal(signal.SIGKILL)
    assert connected(cache_dir=tmp_path).read("1001", limit=1).jobs.height == 60
    assert 60 <= asked(emulator, PATH) <= 60 + kills
    tally("loads held", kills + 1)
