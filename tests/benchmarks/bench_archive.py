"""Ten million jobs of a year as an archive, asked by tools that know nothing of this library.

``uv run --group bench python tests/benchmarks/bench_archive.py`` writes them, month by month, and
asks polars, DuckDB, pandas and Dask's distributed scheduler, with two worker processes on loopback,
for the share failed by template and week; then one month goes to an S3 server on loopback. It ends
with one table, and with status 1 where two answers differ.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl
import requests
from measuring import Row, machine, table

from boxdocgen_explore.box.dataset import Dataset
from boxdocgen_explore.pages.frames import with_columns
from boxdocgen_explore.schema import ARCHIVED_JOBS

_JOBS_PER_BATCH = 500
_COLUMNS = ["template_file_id", "status", "created_at"]
Answer = dict[tuple[str, dt.date], tuple[int, int]]
"""By template and week (its Monday): jobs, and failed jobs."""


def month_of_jobs(month: int, jobs: int) -> pl.DataFrame:
    """Batches spread over a month, of seven templates, a job in four failed."""
    number = pl.int_range(jobs, dtype=pl.Int64)
    batch, start = number // _JOBS_PER_BATCH, dt.datetime(2027, month, 1, tzinfo=dt.UTC)
    minutes = batch * (28 * 24 * 60 // max(jobs // _JOBS_PER_BATCH, 1))
    named = pl.select(
        batch_id=pl.format("8{}{}", pl.lit(f"{month:02d}"), batch.cast(pl.String).str.zfill(7)),
        job_id=pl.format("9{}{}", pl.lit(f"{month:02d}"), number.cast(pl.String).str.zfill(9)),
        status=pl.when(number % 4 == 0).then(pl.lit("failed")).otherwise(pl.lit("completed")),
        template_file_id=pl.format("175500000000{}", batch % 7),
        created_at=pl.lit(start).cast(pl.Datetime("us", "UTC")) + pl.duration(minutes=minutes),
    )
    return with_columns(named, ARCHIVED_JOBS)


def written(root: str | Path, months: int, jobs: int, options: Any = None) -> None:
    for month in range(1, months + 1):
        frame = month_of_jobs(month, jobs)
        Dataset.at(root, options).add(f"2027-{month:02d}", frame)


def by_polars(root: str, options: dict[str, str] | None = None) -> Answer:
    path = f"{root}/month=*/*.parquet"
    jobs = pl.scan_parquet(path, hive_partitioning=False, storage_options=options)
    week = pl.col("created_at").dt.truncate("1w").dt.date().alias("week")
    failed = (pl.col("status") == "failed").sum().alias("failed")
    found = jobs.group_by("template_file_id", week).agg(pl.len(), failed).collect()
    return {(template, monday): (jobs, failed) for template, monday, jobs, failed in found.rows()}


def by_duckdb(root: str) -> Answer:
    import duckdb

    query = f"""
        SET TimeZone = 'UTC';
        SELECT template_file_id, date_trunc('week', created_at)::date, count(*),
               count(*) FILTER (status = 'failed')
        FROM read_parquet('{root}/month=*/*.parquet') GROUP BY ALL
    """
    rows = duckdb.execute(query).fetchall()
    return {(template, monday): (jobs, failed) for template, monday, jobs, failed in rows}


def by_pandas(root: str) -> Answer:
    import pandas as pd

    jobs = pd.read_parquet(root, columns=_COLUMNS)
    return _weeks(jobs, pd.to_timedelta)


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


def by_dask(root: str) -> Answer:
    import dask.dataframe as dd

    return _weeks(dd.read_parquet(root, columns=_COLUMNS), dd.to_timedelta)


def _weeks(jobs: Any, to_timedelta: Callable[..., Any]) -> Answer:
    """The answer from a frame of pandas or Dask, which skip files that begin with "_"."""
    created = jobs["created_at"].dt.tz_convert(None)
    jobs["week"] = created.dt.normalize() - to_timedelta(created.dt.dayofweek, unit="D")
    jobs["failed"] = (jobs["status"] == "failed").astype("int64")
    found = jobs.groupby(["template_file_id", "week"], observed=True)["failed"].agg(
        ["count", "sum"]
    )
    found = found.compute() if hasattr(found, "compute") else found
    return {
        (str(template), week.date()): (int(count), int(failed))
        for (template, week), count, failed in found.itertuples()
    }


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


def asked(who: str, ask: Callable[[], Answer], expected: Answer) -> Row:
    start = perf_counter()
    found = ask()
    took_s = perf_counter() - start
    jobs, failed = (sum(counts[place] for counts in found.values()) for place in (0, 1))
    text = f"{took_s:.2f} s: {len(found)} groups, {jobs:,} jobs, {failed:,} failed"
    return Row(
        f"share failed by template and week, {who}", text, "polars' answer", found == expected
    )


def measured(root: str, millions: float) -> Iterator[Row]:
    jobs = round(millions * 1_000_000 / 12 / _JOBS_PER_BATCH) * _JOBS_PER_BATCH
    start = perf_counter()
    written(root, 12, jobs)
    files = [*Path(root).glob("month=*/*.parquet")]
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    text = f"{perf_counter() - start:.1f} s, {len(files)} files, {size_mb:,.0f} MB"
    yield Row(f"{12 * jobs:,} jobs written", text)
    night = month_of_jobs(12, 15_000).with_columns(pl.format("{}x", "batch_id").alias("batch_id"))
    start = perf_counter()
    Dataset.at(root, None).add("2027-12", night)
    yield Row("one night more, 30 batches", f"{perf_counter() - start:.2f} s", "1 s")
    expected = by_polars(root)
    for who, ask in (("polars", by_polars), ("DuckDB", by_duckdb), ("pandas", by_pandas)):
        yield asked(who, lambda ask=ask: ask(root), expected)
    with workers() as processes:
        yield asked(f"Dask, {processes} worker processes", lambda: by_dask(root), expected)
    with bucket() as (place, options), tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        written(place, 1, jobs, options)
        yield Row("one month to S3 on loopback", f"{perf_counter() - start:.1f} s")
        written(folder, 1, jobs)
        yield asked("polars, from S3", lambda: by_polars(place, options), by_polars(folder))


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
