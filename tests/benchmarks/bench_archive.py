"""Ten million jobs as a Hive-partitioned Parquet dataset, counted by tools that know nothing of us.

``uv run --group bench python tests/benchmarks/bench_archive.py`` reads and archives them, and holds
the outcome table of DuckDB and of Dask's distributed scheduler, with two worker processes on
loopback, against polars' own; then the same goes once to an S3 server on loopback and is counted
there. It ends with one table, and with status 1 where a count differs.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import perf_counter

import polars as pl
import requests
from contenders import opened
from measuring import Row, machine, table
from paged_server import batch_id, serving

from boxdocgen_explore.box import Box

_PAGES_PER_BATCH = 100
Outcomes = dict[tuple[str, str], int]
"""The outcome table: how many jobs of which batch have which status."""


@contextmanager
def cached(batches: int) -> Iterator[Box]:
    """A Box that has read and cached this many batches of 100,000 jobs."""
    ids = [batch_id(_PAGES_PER_BATCH, serial) for serial in range(batches)]
    with serving() as url, tempfile.TemporaryDirectory() as folder, opened(url, folder) as box:
        for some in batched(ids):
            box.read(some)
        yield box


def batched(ids: list[str]) -> Iterator[list[str]]:
    """A few at a time: ten million jobs need not be in memory to be cached."""
    for start in range(0, len(ids), 4):
        yield ids[start : start + 4]


def by_polars(root: str, storage_options: dict[str, str] | None = None) -> Outcomes:
    scan = pl.scan_parquet(
        f"{root}/batch=*/*.parquet", hive_partitioning=True, storage_options=storage_options
    )
    counts = scan.group_by("batch", "status").len().collect()
    return {(str(batch), status): jobs for batch, status, jobs in counts.iter_rows()}


def by_duckdb(root: str) -> Outcomes:
    import duckdb

    dataset = f"read_parquet('{root}/*/*.parquet', hive_partitioning = true)"
    query = f"SELECT batch, status, count(*) FROM {dataset} GROUP BY ALL"
    rows = duckdb.execute(query).fetchall()
    return {(str(batch), status): jobs for batch, status, jobs in rows}


@contextmanager
def workers() -> Iterator[int]:
    """A scheduler and two workers, each in its own process; return how many processes answer."""
    import dask.dataframe  # noqa: F401 - imports do not count, here and in the workers
    from distributed import Client, LocalCluster

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        client.run(import_module, "dask.dataframe")
        processes = set(client.run(os.getpid).values()) - {os.getpid()}
        yield len(processes)


def by_dask(root: str) -> Outcomes:
    import dask.dataframe as dd

    jobs = dd.read_parquet(root, columns=["status", "batch"])
    counts = jobs.groupby(["batch", "status"], observed=True).size(split_out=1).compute()
    return {(str(batch), str(status)): int(count) for (batch, status), count in counts.items()}


@contextmanager
def bucket() -> Iterator[tuple[str, dict[str, str]]]:
    """A bucket on an S3 server in this process, and what polars needs to reach it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        requests.put(f"{url}/jobs", timeout=10).raise_for_status()
        yield (
            "s3://jobs",
            {
                "aws_endpoint_url": url,
                "aws_allow_http": "true",
                "aws_region": "us-east-1",
                "aws_access_key_id": "none",
                "aws_secret_access_key": "none",
            },
        )
    finally:
        server.stop()


def counted(who: str, count: Callable[[], Outcomes], expected: Outcomes) -> Row:
    start = perf_counter()
    found = count()
    took_s = perf_counter() - start
    batches = len({batch for batch, _ in found})
    failed = sum(jobs for (_, status), jobs in found.items() if status == "failed")
    measured = f"{took_s:.2f} s: {batches} batches, {sum(found.values()):,} jobs, {failed:,} failed"
    return Row(f"counted by {who}", measured, "polars' table", found == expected)


def measured(root: str, millions: float) -> Iterator[Row]:
    """Everything, from reading on."""
    batches = max(1, round(millions * 10))
    start = perf_counter()
    with cached(batches) as box:
        yield Row(f"read and cached, {millions:g} million jobs", f"{perf_counter() - start:.1f} s")
        yield from archived(box, root)
        yield from scanned(box)
        yield from counted_by_others(root)
        with bucket() as (place, options):
            start = perf_counter()
            box.archive(place, storage_options=options)
            yield Row("archived to S3 on loopback", f"{perf_counter() - start:.1f} s")
            expected = by_polars(root)
            yield counted("polars, from S3", lambda: by_polars(place, options), expected)


def archived(box: Box, root: str) -> Iterator[Row]:
    for what, outcome in (("archived", "written"), ("archived again", "unchanged")):
        start = perf_counter()
        written = box.archive(root)
        measured = f"{perf_counter() - start:.1f} s, {written.height} batches"
        yield Row(what, measured, outcome, set(written["outcome"]) == {outcome})


def scanned(box: Box) -> Iterator[Row]:
    start = perf_counter()
    jobs = box.scan().select(pl.len()).collect(engine="streaming").item()
    yield Row("scanned in the cache", f"{perf_counter() - start:.1f} s, {jobs:,} jobs")


def counted_by_others(root: str) -> Iterator[Row]:
    files = [*Path(root).glob("batch=*/*.parquet")]
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    yield Row("the dataset", f"{len(files)} batches, {size_mb:,.0f} MB")
    expected = by_polars(root)
    yield counted("polars", lambda: by_polars(root), expected)
    rows = pl.scan_parquet(files).select(pl.len()).collect().item()
    yield Row(
        "rows by the files' own count", f"{rows:,}", "all counted", rows == sum(expected.values())
    )
    yield counted("DuckDB", lambda: by_duckdb(root), expected)
    with workers() as processes:
        who = f"Dask, distributed, {processes} worker processes"
        yield counted(who, lambda: by_dask(root), expected)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--millions", type=float, default=10, help="how many million jobs to write")
    asked = parser.parse_args()
    on = machine()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request
    with tempfile.TemporaryDirectory() as folder:
        rows = [*measured(f"{folder}/archive", asked.millions)]
    sys.stdout.write(f"{on}\n{table(rows)}")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
