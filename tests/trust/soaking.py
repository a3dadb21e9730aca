"""A process of the soak: reads batches again and again while everything that can go wrong does.

Prints one line of JSON per round: what was read, and what this process uses of the machine.
"""

from __future__ import annotations

import datetime as dt
import gc
import json
import random
import sys
import threading
import time
import warnings
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from full_disk import full_disk
from time_machine import travel

from boxdocgen_explore.box import Box, RetryPolicy, connect
from boxdocgen_explore.emulator import DEMO_TOKEN, plain_job
from boxdocgen_explore.errors import BoxDocGenError, Reading

BATCHES = {"2000": 0, "2001": 3, "2002": 26, "2003": 40, "2004": 120}
"""How many jobs each batch has; the last one is still running."""

POLICY = RetryPolicy(
    calls_per_minute=1_000_000, read_timeout_s=1, deadline_s=5, attempts=3, backoff_s=0.001
)
_PAGE_BYTES = 4096


def check(reading: Reading, asked: list[str]) -> None:
    """Every batch is complete and as it is at Box, or is named among the failures."""
    for batch_id in asked:
        pages = reading.pages.filter(batch_id=batch_id)
        complete = pages.height > 0 and pages["complete"].all()
        assert complete or batch_id in reading.failures, batch_id
        read = reading.jobs.filter(batch_id=batch_id)["job_id"].to_list()
        truth = [plain_job(batch_id, number)["id"] for number in range(BATCHES[batch_id])]
        assert not complete or read == truth, (batch_id, read)


def read(box: Box, chance: random.Random) -> str:
    asked = chance.sample(sorted(BATCHES), chance.randint(1, len(BATCHES)))
    try:
        reading = box.read(asked, limit=chance.choice([3, 20, 1000]), refresh=chance.random() < 0.3)
    except BoxDocGenError as error:
        if error.reading is not None:
            check(error.reading, asked)
        return type(error).__name__
    assert not reading.failures
    check(reading, asked)
    return "complete"


def in_use() -> dict[str, int]:
    gc.collect()  # errors and their frames refer to each other, and to connections
    return {
        "memory": int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_BYTES,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
    }


def main(url: str, folder: str, seconds: str, seed: str) -> None:
    warnings.simplefilter("ignore")  # about the disk and the cache, which are broken on purpose
    chance = random.Random(seed)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        outcomes: Counter[str] = Counter()
        with ExitStack() as stack:
            if chance.random() < 0.2:
                days = chance.choice([-4000, -1, 1, 400])
                stack.enter_context(travel(dt.datetime.now(dt.UTC) + dt.timedelta(days=days)))
            if chance.random() < 0.2:
                stack.enter_context(full_disk(chance.choice([0, 5_000, 60_000])))
            with connect(DEMO_TOKEN, base_url=url, cache_dir=folder, retry=POLICY) as box:
                outcomes.update(read(box, chance) for _ in range(chance.randint(1, 6)))
        # A full disk is one of this process alone, and does not reach its output.
        sys.stdout.write(json.dumps({**outcomes, "in_use": in_use()}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
