"""Ten million jobs as a Hive-partitioned Parquet dataset, counted by tools that know nothing of us.

``uv run --group bench python tests/benchmarks/bench_archive.py`` writes the dataset (or takes one:
``--folder``), and holds the outcome table of DuckDB and of Dask's distributed scheduler, with two
worker processes on loopback, against polars' own; then the same dataset goes once into an S3 server
on loopback and is counted there. It ends with one table, and with status 1 where a count differs.
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
from measuring import Row, machine, table

from boxdocgen_explore.schema import JOBS

_JOBS_PER_BATCH = 100_000
Outcomes = dict[tuple[str, str], int]
"""The outcome table: how many jobs of which batch have which status."""


def make(root: str, batches: int, storage_options: dict[str, str] | None = None) -> None:
    """Write ``root/batch=ID/jobs.parquet`` for as many batches."""
    for number in range(batches):
        file = f"{root}/batch={7_000_000_000 + number}/jobs.parquet"
        _jobs(str(7_000_000_000 + number)).lazy().sink_parquet(
            file, storage_options=storage_options, mkdir=True
        )


def _jobs(batch_id: str) -> pl.DataFrame:
    """A batch of 100,000 jobs (schema.JOBS), a quarter of them failed."""
    number = pl.int_range(_JOBS_PER_BATCH)
    # Ids rise by irregular steps, because others take ids in between; regular ones pack too well.
    rising = (number.hash(int(batch_id)) % 97 + 1).cum_sum().cast(pl.String)
    place = pl.lit(batch_id) + rising.str.zfill(8)
    failed = number % 4 == 0
    said = pl.concat_str(pl.lit('Tag start_date: "13/'), number, pl.lit('/2026" is not a date'))
    none = pl.lit([], dtype=pl.List(pl.String))
    values = {
        "batch_id": pl.lit(batch_id),
        "job_id": place,
        "status": pl.when(failed).then(pl.lit("failed")).otherwise(pl.lit("completed")),
        "output_type": pl.lit("pdf"),
        "output_file_id": pl.when(~failed).then("18" + place),
        "output_file_version_id": pl.when(~failed).then("20" + place),
        "template_file_id": pl.lit("1755000000001"),
        "template_file_version_id": pl.lit("2055000000001"),
        "errors": pl.when(failed).then(pl.concat_list(said)).otherwise(none),
        "warnings": none,
        "external_id": "EMP-" + number.cast(pl.String).str.zfill(6),
        "origin": pl.lit("api.box.com"),
    }
    columns = [value.cast(JOBS[name]).alias(name) for name, value in values.items()]
    return pl.select(columns)


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
    """A scheduler and two workers, each a process of its own; gives how many processes answer."""
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
    said = f"{took_s:.2f} s: {batches} batches, {sum(found.values()):,} jobs, {failed:,} failed"
    return Row(f"counted by {who}", said, "polars' table", found == expected)


def measured(root: str, millions: float) -> Iterator[Row]:
    """``root`` is made first, where it is not there."""
    batches = max(1, round(millions * 1e6 / _JOBS_PER_BATCH))
    if not Path(root).exists():
        start = perf_counter()
        make(root, batches)
        yield Row(f"written, {millions:g} million jobs", f"{perf_counter() - start:.1f} s")
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
    with bucket() as (place, options):
        start = perf_counter()
        make(place, batches, options)
        yield Row("written to S3 on loopback", f"{perf_counter() - start:.1f} s")
        yield counted("polars, from S3", lambda: by_polars(place, options), expected)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", help="a dataset that is there already")
    parser.add_argument("--millions", type=float, default=10, help="how many million jobs to write")
    asked = parser.parse_args()
    on = machine()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request
    with tempfile.TemporaryDirectory() as folder:
        rows = [*measured(asked.folder or f"{folder}/archive", asked.millions)]
    sys.stdout.write(f"{on}\n{table(rows)}")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
