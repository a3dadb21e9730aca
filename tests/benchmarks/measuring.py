"""Taking times, comparing them with goals, and printing both as a table."""

from __future__ import annotations

import gc
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any

import polars as pl

CHILD = Path(__file__).with_name("in_a_child.py")


@dataclass(frozen=True)
class Row:
    """One line of the table; ``met`` is None without a goal."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


def took_s(work: Callable[[], object], clock: Callable[[], float] = perf_counter) -> float:
    gc.collect()  # garbage of the previous work is not part of this measurement
    start = clock()
    work()
    return clock() - start


def in_turn(
    rounds: int,
    works: Mapping[str, Callable[[], object]],
    rare: Mapping[str, int] | None = None,
    clock: Callable[[], float] = perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each work, A B A B, so that a slow minute of the machine affects all of them.

    ``rare`` gives works fewer rounds; `time.process_time` as ``clock`` is the processor's time.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        for name, work in works.items():
            if number < (rare or {}).get(name, rounds):
                times[name].append(took_s(work, clock))
    return times


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round; the longer list's further rounds have no counterpart."""
    return [one / other for one, other in zip(above, below, strict=False)]


def ratio_row(what: str, found: Sequence[float], goal: str, detail: str = "") -> Row:
    """The median of some ratios against a goal such as "<= 3.5", ">= 20" or none; their range."""
    middle, met = median(found), None
    if goal:
        sign, number = goal.split()
        met = middle <= float(number) if sign == "<=" else middle >= float(number)
    text = f"{middle:.3g} times ({min(found):.3g} to {max(found):.3g})"
    return Row(what, f"{text}; {detail}" if detail else text, goal, met)


def seconds(**times: Sequence[float]) -> str:
    """The medians in words: "bare 0.14 s, ours 0.47 s"."""
    medians = ((name.replace("_", " "), median(took)) for name, took in times.items())
    return ", ".join(f"{name} {_time(took)}" for name, took in medians)


def _time(took_s: float) -> str:
    return f"{1000 * took_s:.0f} ms" if took_s < 1 else f"{took_s:.2f} s"


def in_a_child(*arguments: str) -> dict[str, Any]:
    """What `in_a_child.py` measured in its own process."""
    done = subprocess.run(
        [sys.executable, str(CHILD), *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    numbers: dict[str, Any] = json.loads(done.stdout)
    return numbers


def line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Slope of the straight line through these points, and its R squared."""
    x, y = fmean(xs), fmean(ys)
    xx = sum((one - x) ** 2 for one in xs)
    xy = sum((one - x) * (other - y) for one, other in zip(xs, ys, strict=True))
    yy = sum((other - y) ** 2 for other in ys)
    return xy / xx, xy * xy / (xx * yy)


def exponent(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """k of ``y = c * x**k``, and R squared of the fit in logarithms."""
    return line([math.log(one) for one in xs], [math.log(one) for one in ys])


def table(rows: Sequence[Row]) -> str:
    words = {None: "", True: "met", False: "MISSED"}
    cells = [("what", "measured", "goal", "met or not")]
    cells += [(row.what, row.measured, row.goal, words[row.met]) for row in rows]
    widths = [max(len(cell[place]) for cell in cells) for place in range(4)]
    padded = [[text.ljust(widths[place]) for place, text in enumerate(cell)] for cell in cells]
    lines = [f"| {' | '.join(cell)} |" for cell in padded]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def machine() -> str:
    """What the numbers were measured on."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [name for name in info.read_text().splitlines() if name.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, polars {pl.__version__}; "
        f"load {os.getloadavg()[0]:.1f} when this began\n"
    )
