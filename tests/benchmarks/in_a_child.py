"""What has to be measured in a new process: run by the benchmark, prints its numbers as JSON.

in_a_child.py read URL FOLDER ID,ID... [FILE [LIMIT]]
                                         jobs of batches, from Box or from what FOLDER keeps
in_a_child.py parquet FILE               the same frame, read back by polars
in_a_child.py import NAME                a module
in_a_child.py explorer                   the demo in an explorer, with what a notebook displays
in_a_child.py widgets                    the modules that any such explorer needs
in_a_child.py profile URL ID,ID... N [FOLDER]   the same reading N times, to be sampled
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any


def memory_bytes(what: str) -> int:
    """VmRSS or VmHWM (its peak). Not ``ru_maxrss``: that one begins at the parent's own peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise OSError(what)


def read(url: str, folder: str, ids: str, write: str = "", limit: str = "1000") -> dict[str, Any]:
    """Seconds of `Box.read` with everything imported, and how far memory rose above that."""
    from contenders import opened  # imports all that reading needs

    batches = ids.split(",")
    with opened(url, folder) as box:
        before = memory_bytes("VmRSS")
        start, processor = perf_counter(), process_time()
        jobs = box.read(batches, limit=int(limit)).jobs
        took_s, cpu_s = perf_counter() - start, process_time() - processor
        rose = memory_bytes("VmHWM") - before
    if write:
        jobs.write_parquet(write)
    return {
        "took_s": took_s,
        "cpu_s": cpu_s,
        "jobs": jobs.height,
        "rose_bytes": rose,
    }


def parquet(file: str) -> dict[str, Any]:
    import polars as pl

    before = memory_bytes("VmRSS")
    start, processor = perf_counter(), process_time()
    jobs = pl.read_parquet(file)
    took_s, cpu_s = perf_counter() - start, process_time() - processor
    rose = memory_bytes("VmHWM") - before
    return {"took_s": took_s, "cpu_s": cpu_s, "jobs": jobs.height, "rose_bytes": rose}


def module(name: str, attribute: str = "__name__") -> dict[str, Any]:
    start = perf_counter()
    getattr(importlib.import_module(name), attribute)
    return {"took_s": perf_counter() - start}


def explorer() -> dict[str, Any]:
    start = perf_counter()
    import boxdocgen_explore as bx

    with bx.demo() as box:
        explorer = bx.explore(box)
        explorer._repr_mimebundle_()
        took_s = perf_counter() - start
        explorer.wait()
    return {"took_s": took_s}


def widgets() -> dict[str, Any]:
    start = perf_counter()
    for name in ("polars", "ipywidgets", "anywidget"):
        importlib.import_module(name)
    return {"took_s": perf_counter() - start}


def profile(url: str, ids: str, times: str, folder: str = "") -> dict[str, Any]:
    from contenders import opened

    for _ in range(int(times)):
        with tempfile.TemporaryDirectory() as new, opened(url, folder or new) as box:
            box.jobs(ids.split(","))
    return {}


if __name__ == "__main__":
    ways: dict[str, Callable[..., dict[str, Any]]]
    ways = {"read": read, "parquet": parquet, "import": module, "profile": profile}
    ways |= {"explorer": explorer, "widgets": widgets}
    sys.stdout.write(json.dumps(ways[sys.argv[1]](*sys.argv[2:])))
