"""Where reading spends its time.

``uv run --group bench python tests/benchmarks/profiling.py cold`` reads 100 pages into new
folders, ``warm`` a million jobs that are cached. py-spy looks a few hundred times a second at every
thread that is not idle: one table says which function was running (with ``--native`` also C's and
Rust's), the other which one had been called.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from measuring import CHILD, in_a_child
from paged_server import batch_id, serving

_SHOWN = 30


def stacks(url: str, folder: str, asked: argparse.Namespace) -> list[tuple[list[str], int]]:
    """What was seen: the functions, outermost first, and how often."""
    batch, again = batch_id(100 if asked.what == "cold" else 1000), str(asked.times)
    cached = [folder] if asked.what == "warm" else []
    if cached:
        in_a_child("read", url, folder, batch)
    made = Path(folder, "stacks.txt")
    spy = ["py-spy", "record", "--format=raw", f"--output={made}", "--rate=400", "--function"]
    spy += ["--native"] if asked.native else []
    child = [sys.executable, str(CHILD), "profile", url, batch, again, *cached]
    subprocess.run([*spy, "--", *child], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = made.read_text("utf-8").splitlines()
    cut = (line.rpartition(" ") for line in lines)
    return [(functions.split(";"), int(times)) for functions, _, times in cut]


def table(title: str, counts: Counter[str], total: int) -> str:
    rows = [f"{times / total:7.1%}  {name}" for name, times in counts.most_common(_SHOWN)]
    return "\n".join([title, *rows]) + "\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("cold", "warm"))
    parser.add_argument("--times", type=int, default=5, help="how often to read")
    parser.add_argument("--native", action="store_true", help="C and Rust, too")
    asked = parser.parse_args()
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        seen = stacks(url, folder, asked)
    seen = [(one, times) for one, times in seen if not any("importlib" in name for name in one)]
    running, called = Counter[str](), Counter[str]()
    for functions, times in seen:
        running[functions[-1]] += times
        called.update(dict.fromkeys(functions, times))
    total = running.total()
    sys.stdout.write(table(f"{asked.what}: running, of {total} samples", running, total))
    sys.stdout.write(table(f"{asked.what}: running or waiting for what it called", called, total))


if __name__ == "__main__":
    main()
