"""Many small batches, as ratios in one run: what a company has after some years of nights.

``uv run --group bench python tests/benchmarks/bench_small.py`` fetches a million jobs in 2,000
batches, and 5,000 batches of ten jobs, and measures what is read from the cache afterwards. It
ends with one table, and with status 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from warnings import catch_warnings, simplefilter

import contenders
import polars as pl
from measuring import Row, in_a_child, in_turn, machine, ratio_row, ratios, seconds, table
from paged_server import batch_id, serving

import boxdocgen_explore as bx

_ROUNDS = 5


def warm(batches: int, pages: int, jobs_per_page: int) -> Iterator[Row]:
    """A new process reads what another one cached."""
    ids = ",".join(batch_id(pages, serial) for serial in range(batches))
    times: dict[str, list[float]] = {"ours": [], "parquet": []}
    rose: list[float] = []
    cold_rose: list[float] = []
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "jobs.parquet"))
        cold = in_a_child("read", url, folder, ids, file, str(jobs_per_page))
        for _ in range(_ROUNDS):
            ours = in_a_child("read", url, folder, ids, "", str(jobs_per_page))
            parquet = in_a_child("parquet", file)
            if ours["jobs"] != parquet["jobs"]:
                raise AssertionError("two ways to read the same jobs gave two numbers")
            times["ours"].append(ours["cpu_s"])
            times["parquet"].append(parquet["cpu_s"])
            rose.append(ours["rose_bytes"] / parquet["rose_bytes"])
            cold_rose.append(cold["rose_bytes"] / parquet["rose_bytes"])
    what = f"{batches:,} batches of {pages * jobs_per_page:,} jobs"
    detail = f"processor: {seconds(ours=times['ours'], read_parquet=times['parquet'])}"
    found = ratios(times["ours"], times["parquet"])
    yield ratio_row(f"warm, new process, {what} / pl.read_parquet", found, "<= 3", detail)
    # Not by `estimated_size`: it leaves out the 16 bytes that each text takes beside its letters.
    yield ratio_row(f"memory, warm, {what}: peak / pl.read_parquet", rose, "<= 2")
    yield ratio_row(f"memory, cold, {what}: peak / pl.read_parquet", cold_rose, "<= 2")


def dataset(batches: int) -> Iterator[Row]:
    """Everything that looks at all cached batches, with batches of ten jobs."""
    ids = [batch_id(1, serial) for serial in range(batches)]
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        with contenders.opened(url, folder) as box:
            for night in range(0, batches, 100):
                box.read(ids[night : night + 100], limit=10)
        file = str(Path(folder, "jobs.parquet"))
        with contenders.opened(url, folder) as box:
            jobs = box.scan().collect()
            jobs.write_parquet(file)
            one = pl.scan_parquet(file)
            both = (("scan", box.scan), ("parquet", lambda: one))
            for what, ask in (
                ("counting", lambda frame: frame.select(pl.len())),
                ("jobs by status", lambda frame: frame.group_by("status").len()),
                ("one batch", lambda frame: frame.filter(batch_id=ids[7])),
                ("failed, ids only", lambda frame: frame.filter(status="failed").select("job_id")),
            ):
                works = {name: lambda m=make, a=ask: a(m()).collect() for name, make in both}
                times = in_turn(4 * _ROUNDS, works, clock=process_time)
                yield ratio_row(
                    f"scan of {batches:,} batches, {what} / one Parquet file",
                    ratios(times["scan"], times["parquet"]),
                    "<= 3",
                    f"processor: {seconds(**times)}",
                )
            reading = box.read(ids[: batches // 5])
            works = {
                "report": lambda: bx.report(reading, Path(folder, "audit.html")),
                "audit": lambda: bx.audit(reading),
            }
            times = in_turn(_ROUNDS, works, clock=process_time)
            yield ratio_row(
                f"report of {batches // 5:,} batches / bx.audit of them",
                ratios(times["report"], times["audit"]),
                "<= 10",
                f"processor: {seconds(**times)}",
            )
        with contenders.opened(url, folder, offline=True) as box, catch_warnings():
            simplefilter("ignore")  # this server has no list of all jobs
            archive = {"archive": lambda: box.archive(Path(folder, "archive"))}
            (first,) = in_turn(1, archive)["archive"]
            yield Row(f"archive of {batches:,} batches, new", f"{first:.2f} s")
            again = in_turn(_ROUNDS, archive)
            files = len([*Path(folder, "archive").rglob("*.parquet")])
            what = f"{seconds(**again)}, {files:,} files"
            yield Row("the same again, nothing new", what, "100 ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    share = 10 if parser.parse_args().quick else 1
    on, rows = machine(), list[Row]()
    for part in (
        warm(2_000 // share, 1, 500),
        warm(500 // share, 2, 1_000),
        dataset(5_000 // share),
    ):
        for row in part:
            sys.stderr.write(f"{row.what}: {row.measured}\n")
            rows.append(row)
    sys.stdout.write(f"{on}\n{table(rows)}")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
