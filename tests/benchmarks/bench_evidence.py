"""How large an evidence bag of 100,000 jobs is, and how long it takes to write and to verify.

Run it as a script: ``uv run --group bench python tests/benchmarks/bench_evidence.py``. It takes
half a minute, and ends with status 1 if a limit is exceeded. Times are of the processor, because
other work on a machine is no cost of ours, and given as ratios, too: of reading the same jobs from
the cache, so that machines can be compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from paged_server import batch_id, serving

import boxdocgen_explore as bx
from boxdocgen_explore import view
from boxdocgen_explore.box import RetryPolicy
from boxdocgen_explore.view.widget import specs

LIMITS = {"bag_mb": 8.0, "write_s": 5.0, "verify_s": 5.0}


def took(what: Callable[[], object]) -> float:
    before = sum(os.times()[:4])
    what()
    return sum(os.times()[:4]) - before


def main() -> int:
    view.module(), specs()  # what happens once per process does not count
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        bag, options = Path(folder) / "audit.zip", {"retry": RetryPolicy(calls_per_minute=10**6)}
        with bx.connect("token", base_url=url, cache_dir=Path(folder) / "cache", **options) as box:
            reading = box.read(batch_id(100))
            read_s = took(lambda: box.read(batch_id(100)))
            numbers = {"write_s": took(lambda: bx.evidence(reading, bag))}
        numbers |= {"bag_mb": bag.stat().st_size / 1e6, "verify_s": took(lambda: bx.verify(bag))}
        with zipfile.ZipFile(bag) as archive:
            archive.extractall(folder)
        script = [sys.executable, "-I", str(Path(folder) / "audit" / "data" / "verify.py")]
        numbers["script_s"] = took(lambda: subprocess.run(script, check=True, stdout=-1))
        numbers |= {"times_a_cached_read": numbers["write_s"] / read_s}
    over = [name for name, limit in LIMITS.items() if numbers[name] > limit]
    text = ", ".join(f"{name} {number:.2f}" for name, number in numbers.items())
    sys.stdout.write(f"{reading.jobs.height:,} jobs: {text}; over the limit: {over or 'none'}\n")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
