"""What reading costs, as ratios, so that machines can be compared.

Run it as a script: ``python tests/benchmarks/bench_read.py``. A page of 1,000 jobs, checked and
typed, is held against `json.loads` of the same bytes; a batch from the store against the same
batch fetched over loopback. It ends with status 1 if a limit is exceeded.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from time import perf_counter

from boxdocgen_explore import frame
from boxdocgen_explore.box import connect
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise, plain_job
from boxdocgen_explore.emulator.enterprise import FULL_ONLY
from boxdocgen_explore.waiting import Waits

JOBS, PAGES = 1000, 25
LIMITS = {"page / json.loads": 6.0, "from the store / fetched": 0.9}


def best_ms(work: Callable[[], object], times: int) -> float:
    """The quickest of several goes, in milliseconds: the one least disturbed by others."""
    took = []
    for _ in range(times):
        start = perf_counter()
        work()
        took.append(perf_counter() - start)
    return 1000 * min(took)


def parsing() -> float:
    """A page of jobs to a frame, in times of `json.loads`."""
    jobs = [plain_job("1001", number) for number in range(JOBS)]
    standard = [{name: job[name] for name in job if name not in FULL_ONLY} for job in jobs]
    body = json.dumps({"entries": standard, "limit": JOBS, "next_marker": None}).encode()
    return best_ms(lambda: frame.page(body), 30) / best_ms(lambda: json.loads(body), 30)


def reading() -> float:
    """A batch from the store, in times of fetching and keeping it."""
    waits = Waits(calls_per_minute=1_000_000)
    with (
        Emulator(enterprise=Enterprise.of({"1001": JOBS * PAGES})) as emulator,
        tempfile.TemporaryDirectory() as folder,
        connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=folder, waits=waits) as box,
    ):
        fetched = best_ms(lambda: box.read("1001"), 1)
        return best_ms(lambda: box.read("1001"), 5) / fetched


def main() -> int:
    ratios = dict(zip(LIMITS, (parsing(), reading()), strict=True))
    for name, ratio in ratios.items():
        sys.stdout.write(f"{name}: {ratio:.2f}, at most {LIMITS[name]}\n")
    return int(any(ratio > LIMITS[name] for name, ratio in ratios.items()))


if __name__ == "__main__":
    sys.exit(main())
