"""What reading costs, as ratios in one run, so that machines can be compared; goals beside them.

``uv run --group bench python tests/benchmarks/bench_read.py`` takes some minutes, best on a machine
that does nothing else; ``--only cold,warm`` measures a part, ``--quick`` with fewer pages. It ends
with one table, and with status 1 if a goal is missed. `profiling.py` shows where the time goes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import process_time

import contenders
import requests
from measuring import (
    Row,
    exponent,
    in_a_child,
    in_turn,
    line,
    machine,
    ratio_row,
    ratios,
    seconds,
    table,
)
from paged_server import batch_id, pages_per_second, serving

from boxdocgen_explore.pages import frames


@dataclass(frozen=True)
class Sizes:
    """How much is read, and how often; ``million`` is a million jobs, in pages.

    What takes long has fewer ``long_rounds``, what is slow by a factor of ten ``rare_rounds``.
    """

    pages: int = 100
    million: int = 1000
    rounds: int = 7
    long_rounds: int = 3
    rare_rounds: int = 2
    growth: tuple[int, ...] = (1, 10, 100, 1000)


QUICK = Sizes(
    pages=20, million=100, rounds=3, long_rounds=2, rare_rounds=1, growth=(1, 10, 30, 100)
)
_SEVERAL = 25  # batches that hold the million together


def server(sizes: Sizes) -> Iterator[Row]:
    """A slow one would make every ratio look good."""
    with serving() as url:
        speed = median(pages_per_second(url) for _ in range(5))
    yield Row("server: its own speed", f"{speed:,.0f} pages a second", ">= 600", speed >= 600)


def parse(sizes: Sizes) -> Iterator[Row]:
    with serving() as url:
        body = requests.get(f"{url}/docgen_batch_jobs/{batch_id(1)}").content
    longer = body.replace(b'"status"', b'"priority":1,"status"')  # a field that Box may add
    works = {
        "ours": lambda: frames.page(body),
        "loads": lambda: json.loads(body),
        "longer": lambda: frames.page(longer),
    }
    times = in_turn(30, works)
    found = ratios(times["ours"], times["loads"])
    detail = seconds(frame_page=times["ours"], json_loads=times["loads"])
    yield ratio_row("a page checked and typed / json.loads", found, "<= 6", detail)
    found = ratios(times["longer"], times["ours"])
    yield ratio_row("a page with an undocumented field / without", found, "<= 6")


def cold(sizes: Sizes) -> Iterator[Row]:
    batch = batch_id(sizes.pages)
    with serving() as url:
        jobs, theirs = contenders.ours(url, batch_id(3)), contenders.sdk(url, batch_id(3))
        if not jobs.drop("origin").equals(theirs) or jobs.height != 3000:
            raise AssertionError("two ways to read a batch gave two frames")
        if not jobs.drop("origin").equals(contenders.by_hand(url, batch_id(3))):
            raise AssertionError("the floor is not the same frame")
        contenders.dlt(url, batch_id(3))  # imports, first of all
        contenders.bare(url, batch)  # the server's bytes
        works = {
            "bare": lambda: contenders.bare(url, batch),
            "ours": lambda: contenders.ours(url, batch),
            "floor": lambda: contenders.by_hand(url, batch),
            "sdk": lambda: contenders.sdk(url, batch),
            "dlt": lambda: contenders.dlt(url, batch),
        }
        rare = dict.fromkeys(("sdk", "dlt"), sizes.rare_rounds)
        times = in_turn(sizes.rounds, works, rare)
    ours, what = times["ours"], f"cold, {sizes.pages} pages"
    detail = seconds(ours=ours, requests=times["bare"])
    yield ratio_row(f"{what}: ours / requests alone", ratios(ours, times["bare"]), "<= 3.5", detail)
    floor = ratios(times["floor"], times["bare"])
    detail = seconds(by_hand=times["floor"], requests=times["bare"])
    yield ratio_row(f"{what}: by hand, nothing checked / requests alone", floor, "", detail)
    for name, goal in (("sdk", ">= 20"), ("dlt", ">= 10")):
        detail = seconds(**{name: times[name]})
        yield ratio_row(f"{what}: {name} / ours", ratios(times[name], ours), goal, detail)


def several(sizes: Sizes) -> Iterator[Row]:
    for limit in (100, 1000):
        with serving(latency_ms=20) as url:
            works = _FiftyBatches(url, limit)
            works.at_once()  # so that the server has made its bytes
            times = in_turn(sizes.rounds, {"one": works.one_by_one, "all": works.at_once})
        detail = seconds(
            one_by_one=times["one"], at_once=times["all"], processor_per_batch=works.cpu_s
        )
        what = f"50 batches of {limit:,} jobs, 20 ms away: one by one / at once"
        yield ratio_row(what, ratios(times["one"], times["all"]), ">= 8", detail)


class _FiftyBatches:
    """Batches of one page. ``cpu_s`` is what each took of the processor when read at once: as
    Python runs one thread at a time, no number of workers makes them faster than that."""

    def __init__(self, url: str, limit: int) -> None:
        self.url, self.limit = url, limit
        self.batches = [batch_id(1, serial) for serial in range(50)]
        self.cpu_s: list[float] = []

    def one_by_one(self) -> None:
        with tempfile.TemporaryDirectory() as folder, contenders.opened(self.url, folder) as box:
            for batch in self.batches:
                box.read(batch, limit=self.limit)

    def at_once(self) -> None:
        start = process_time()
        with tempfile.TemporaryDirectory() as folder, contenders.opened(self.url, folder) as box:
            box.read(self.batches, limit=self.limit)
        self.cpu_s.append((process_time() - start) / len(self.batches))


def _million(sizes: Sizes) -> dict[str, list[str]]:
    """The same jobs as one batch, and as several."""
    share = sizes.million // _SEVERAL
    return {
        f"1 batch of {sizes.million} pages": [batch_id(sizes.million)],
        f"{_SEVERAL} batches of {share}": [batch_id(share, 100 + n) for n in range(_SEVERAL)],
    }


def warm(sizes: Sizes) -> Iterator[Row]:
    for what, batches in _million(sizes).items():
        ids, times = ",".join(batches), dict[str, list[float]](ours=[], parquet=[])
        with serving() as url, tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder, "jobs.parquet"))
            in_a_child("read", url, folder, ids, file)  # keeps the pages, and writes the frame
            in_a_child("read", url, folder, ids)  # what is cached on a second reading
            for _ in range(sizes.long_rounds):
                for name, how in (("ours", ("read", url, folder, ids)), ("parquet", ())):
                    numbers = in_a_child(*(how or ("parquet", file)))
                    if numbers["jobs"] != 1000 * sizes.million:
                        raise AssertionError(f"{name} read {numbers['jobs']} jobs")
                    times[name].append(numbers["took_s"])
        detail = seconds(ours=times["ours"], read_parquet=times["parquet"])
        found = ratios(times["ours"], times["parquet"])
        yield ratio_row(f"warm, new process, {what} / pl.read_parquet", found, "<= 3", detail)


def _cold_child(url: str, batches: list[str], file: str = "") -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return in_a_child("read", url, folder, ",".join(batches), file)


def memory(sizes: Sizes) -> Iterator[Row]:
    for what, batches in _million(sizes).items():
        rose: list[float] = []
        frame: list[float] = []
        with serving() as url, tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder, "jobs.parquet"))
            for _ in range(sizes.rare_rounds):
                rose.append(_cold_child(url, batches, file)["rose_bytes"] / 1e6)
                frame.append(in_a_child("parquet", file)["rose_bytes"] / 1e6)
        detail = f"{median(rose):,.0f} MB above the imports; read_parquet {median(frame):,.0f} MB"
        found = ratios(rose, frame)
        yield ratio_row(f"memory, cold, {what}: peak / pl.read_parquet", found, "<= 2", detail)


def importing(sizes: Sizes) -> Iterator[Row]:
    modules = {
        "polars": ("polars",),
        "package": ("boxdocgen_explore",),
        "connect": ("boxdocgen_explore", "connect"),
    }
    times: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(2 * sizes.rounds + 1):
        for name, asked in modules.items():
            times[name].append(in_a_child("import", *asked)["took_s"])
    found = ratios(times["package"], times["polars"])
    yield ratio_row("import boxdocgen_explore / import polars", found, "<= 1.3", seconds(**times))


def explorer(sizes: Sizes) -> Iterator[Row]:
    """The goal is 2 s on a quiet machine of two cores, where the imports take 0.4 s."""
    in_a_child("explorer")  # fills the build cache
    times: dict[str, list[float]] = {"explorer": [], "widgets": []}
    for _ in range(sizes.rounds):
        for name, took in times.items():
            took.append(in_a_child(name)["took_s"])
    found = ratios(times["explorer"], times["widgets"])
    what = "first explorer / import polars, ipywidgets, anywidget"
    yield ratio_row(what, found, "<= 5", seconds(**times))


def growth(sizes: Sizes) -> Iterator[Row]:
    """Straight, if twice the pages take twice as much, beyond what even one page takes."""
    took: dict[int, float] = {}
    rose: dict[int, float] = {}
    with serving() as url:
        contenders.bare(url, batch_id(sizes.growth[-1], 1))  # a server at speed
        for pages in sizes.growth:
            batches, rounds = [batch_id(pages, 1)], 5 if pages <= 100 else sizes.rare_rounds
            contenders.bare(url, batches[0])
            numbers = [_cold_child(url, batches) for _ in range(rounds)]
            took[pages] = median(one["took_s"] for one in numbers)
            rose[pages] = median(one["rose_bytes"] for one in numbers) / 1e6
    for name, unit, found in (("time", "s", took), ("memory", "MB", rose)):
        large = [pages for pages in sizes.growth if pages >= 10]
        power, _ = exponent(large, [found[pages] for pages in large])
        _, fit = line(list(found), [*found.values()])
        points = ", ".join(f"{pages}: {number:.3g} {unit}" for pages, number in found.items())
        measured = f"exponent {power:.2f} from 10 pages on, straight line's R2 {fit:.4f}; {points}"
        yield Row(f"growth, cold, {name}", measured, "exponent <= 1.1", power <= 1.1)


PARTS = {
    "server": server,
    "parse": parse,
    "cold": cold,
    "several": several,
    "warm": warm,
    "memory": memory,
    "import": importing,
    "explorer": explorer,
    "growth": growth,
}


def main() -> int:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="fewer pages, fewer rounds")
    asked = parser.parse_args()
    if unknown := set(asked.only.split(",")) - PARTS.keys():
        parser.error(f"--only knows no {', '.join(unknown)}")
    sizes, rows, on = QUICK if asked.quick else Sizes(), list[Row](), machine()
    for name in asked.only.split(","):
        for row in PARTS[name](sizes):
            sys.stderr.write(f"{row.what}: {row.measured}\n")
            rows.append(row)
    sys.stdout.write(f"{on}\n{table(rows)}")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
