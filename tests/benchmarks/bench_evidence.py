"""How large an evidence bag of 100,000 jobs is, and how long it takes to write and to verify.

``uv run --group bench python tests/benchmarks/bench_evidence.py`` takes half a minute, and ends
with status 1 if a limit is exceeded. Times are of the processor; ratios compare machines.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from paged_server import batch_id, serving

import boxdocgen_explore as bx
from boxdocgen_explore import view
from boxdocgen_explore.view.widget import specs

LIMITS = {"bag_mb": 8.0, "write_s": 5.0, "verify_s": 5.0}


def took(what: Callable[[], object]) -> float:
    before = sum(os.times()[:2])
    what()
    return sum(os.times()[:2]) - before


def main() -> int:
    view.module(), specs()  # what happens once per process does not count
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "audit.zip"
        with bx.connect("token", base_url=url, cache_dir=Path(folder) / "cache") as box:
            reading = box.read(batch_id(100))
            read_s = took(lambda: box.read(batch_id(100)))
            write_s = took(lambda: bx.evidence(reading, bag))
        numbers = {"write_s": write_s, "verify_s": took(lambda: bx.verify(bag))}
        numbers["bag_mb"] = bag.stat().st_size / 1e6
    over = [name for name, limit in LIMITS.items() if numbers[name] > limit]
    numbers["times_a_cached_read"] = write_s / read_s
    text = ", ".join(f"{name} {number:.2f}" for name, number in numbers.items())
    sys.stdout.write(f"{reading.jobs.height:,} jobs: {text}; over the limit: {over or 'none'}\n")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
