"""Many processes on one cache while everything fails at random: complete or an error, nothing left.

Faults of all kinds strike, processes are killed, disks are full for a while, clocks are moved and
the cache is cleared.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from batch import ids
from clock import age
from soaking import BATCHES

from boxdocgen_explore.box import Box
from boxdocgen_explore.cache import users
from boxdocgen_explore.emulator import FAULTS, Emulator, plain_job

pytestmark = [pytest.mark.trust, pytest.mark.thorough]

SOAK_S = float(os.environ.get("BOXDOCGEN_SOAK_S", "10"))
"""Ten minutes find more: set the variable to 600 for them."""

PROCESSES = 10 if SOAK_S > 60 else 3
_MOST_GROWTH_BYTES = 30_000_000
_FILES = re.compile(
    r"owner\.json|pages\.sqlite(-wal|-shm)?|[0-9a-f]{8}-\d+-[0-9a-f]{32}\.parquet"
    r"|pages\.sqlite\.quarantine-[\dT.]+(-wal|-shm)?"
)


class Soak:
    """The processes, what they printed, and what is done to them."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator, self.folder = emulator, folder
        self.chance = random.Random(SOAK_S)
        self.end = time.monotonic() + SOAK_S
        self.started: list[tuple[subprocess.Popen[str], Path]] = []
        self.killed: set[int] = set()
        self.running = [self.start() for _ in range(PROCESSES)]

    def start(self) -> subprocess.Popen[str]:
        number = len(self.started)
        output = self.folder.with_name(f"output-{number}")
        program = [sys.executable, str(Path(__file__).with_name("soaking.py"))]
        left_s = str(max(0.0, self.end - time.monotonic()))
        with output.open("w") as file:
            process = subprocess.Popen(
                [*program, self.emulator.url, str(self.folder), left_s, str(number)],
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        self.started.append((process, output))
        return process

    def run(self) -> None:
        try:
            while time.monotonic() < self.end:
                self.do_harm()
                with suppress(subprocess.TimeoutExpired):
                    self.running[0].wait(self.chance.uniform(0, 0.2))
                    break  # it ended by itself: with an error, or because the time is over
            for process in self.running:
                process.wait(60)
        finally:
            for process, _ in self.started:
                process.kill()
                process.wait()

    def do_harm(self) -> None:
        chance = self.chance.random()
        if chance < 0.9:
            name = self.chance.choice([*sorted(FAULTS.keys() - {"silent"}) * 4, "silent"])
            page = self.chance.choice([None, 1, 2, 3])
            self.emulator.fault(name, page=page, times=self.chance.randint(1, 4))
        elif chance < 0.94:
            place = self.chance.randrange(1, PROCESSES)
            self.running[place].kill()
            self.running[place].wait()
            self.killed.add(self.running[place].pid)
            self.running[place] = self.start()
        elif chance < 0.97:
            users.clear(self.folder)
        elif chance < 0.98:
            shutil.rmtree(self.folder, ignore_errors=True)

    def rounds(self) -> list[list[dict[str, Any]]]:
        """What each process printed per round; fails if one ended with an error."""
        for process, output in self.started:
            assert process.returncode == 0 or process.pid in self.killed, output.read_text()[-3000:]
        texts = [output.read_text() for _, output in self.started]
        return [
            [json.loads(line) for line in text.splitlines() if line[-1:] == "}"] for text in texts
        ]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts by Linux's /proc")
def test_whatever_fails_a_batch_is_complete_or_an_error_and_nothing_is_left(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    for batch_id, jobs in BATCHES.items():
        emulator.enterprise.put(batch_id, jobs)
    running = emulator.enterprise.jobs("2004")
    emulator.enterprise.put(
        "2004", [*running[:100], *({**job, "status": "pending"} for job in running[100:])]
    )
    soak = Soak(emulator, tmp_path / "cache")
    soak.run()
    emulator.clear_faults()

    rounds = soak.rounds()
    outcomes: Counter[str] = Counter()
    for one in rounds:
        for counts in one:
            outcomes.update({name: n for name, n in counts.items() if name != "in_use"})
    assert outcomes["complete"] > 5
    assert len(outcomes) > 1, "no fault struck"
    longest = max(rounds, key=len)
    early, late = longest[len(longest) // 3]["in_use"], longest[-1]["in_use"]
    assert late["files"] <= early["files"] + 5
    assert late["threads"] <= early["threads"] + 20
    assert late["memory"] - early["memory"] < _MOST_GROWTH_BYTES

    age(connected(), days=2)
    jobs = connected().jobs(BATCHES)
    truth = {
        batch: ids([plain_job(batch, n) for n in range(jobs)]) for batch, jobs in BATCHES.items()
    }
    assert {batch: jobs.filter(batch_id=batch)["job_id"].to_list() for batch in BATCHES} == truth
    left = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert not [name for name in left if not _FILES.fullmatch(name)]
