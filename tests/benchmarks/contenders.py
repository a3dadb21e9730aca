"""Ways to read a batch: this library, what it stands on, and what people take instead."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import msgspec
import polars as pl
import requests
import zstandard

from boxdocgen_explore import connect
from boxdocgen_explore.box import Box
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.schema import JOBS

TOKEN = "benchmark"
HEADERS = {"authorization": f"Bearer {TOKEN}", "box-version": "2025.0"}
_END = b'"next_marker":null}'


def opened(url: str, folder: str | Path, *, offline: bool = False) -> Box:
    """The library as people use it, but for Box's call rate."""
    retry = RetryPolicy(calls_per_minute=1_000_000)
    return connect(TOKEN, base_url=url, cache_dir=folder, retry=retry, offline=offline)


def ours(url: str, batch: str) -> pl.DataFrame:
    """Fetched, checked, cached in a new folder, and framed."""
    with tempfile.TemporaryDirectory() as folder, opened(url, folder) as box:
        return box.jobs(batch)


def bare(url: str, batch: str) -> None:
    """The transport alone: page after page with requests, every body dropped."""
    params: dict[str, str | int] = {"limit": 1000}
    with requests.Session() as session:
        session.trust_env = False  # no proxy for loopback, and no look into .netrc per call
        session.headers.update(HEADERS)
        while True:
            body = session.get(f"{url}/docgen_batch_jobs/{batch}", params=params).content
            if body.endswith(_END):
                return
            start = body.rindex(b'"next_marker":"') + len(b'"next_marker":"')
            params["marker"] = body[start:-2].decode()


class _Ref(msgspec.Struct, gc=False):
    id: str


class _Failures(msgspec.Struct, gc=False):
    errors: tuple[str, ...] | None = None
    warnings: tuple[str, ...] | None = None


class _Job(msgspec.Struct, gc=False):
    id: str
    batch: _Ref
    status: str
    output_type: str
    template_file: _Ref
    template_file_version: _Ref
    output_file: _Ref | None = None
    output_file_version: _Ref | None = None
    failures: _Failures | None = None
    external_id: str | None = None


class _Page(msgspec.Struct, gc=False):
    entries: list[_Job]
    next_marker: str | None = None


_page = msgspec.json.Decoder(_Page)


def by_hand(url: str, batch: str) -> pl.DataFrame:
    """The floor: the same packages in the shortest script that fetches, caches and frames.

    Nothing is checked, proven, repeated, watched, or read again.
    """
    frames: list[pl.DataFrame] = []
    params: dict[str, str | int] = {"limit": 1000}
    with tempfile.TemporaryDirectory() as folder, requests.Session() as session:
        pages = sqlite3.connect(f"{folder}/pages.sqlite", isolation_level=None)
        pages.execute("PRAGMA journal_mode = wal")
        pages.execute("CREATE TABLE pages (key TEXT PRIMARY KEY, body BLOB)")
        session.trust_env = False
        session.headers.update(HEADERS)
        while True:
            body = session.get(f"{url}/docgen_batch_jobs/{batch}", params=params).content
            page = _page.decode(body)
            frames.append(_framed(page.entries))
            row = (f"{batch}/{params.get('marker')}", zstandard.compress(body, 1))
            pages.execute("INSERT INTO pages VALUES (?, ?)", row)
            if not page.next_marker:
                pages.close()
                return pl.concat(frames)
            params["marker"] = page.next_marker


def _framed(jobs: list[_Job]) -> pl.DataFrame:
    texts = {
        "batch_id": [job.batch.id for job in jobs],
        "job_id": [job.id for job in jobs],
        "status": [job.status for job in jobs],
        "output_type": [job.output_type for job in jobs],
        "output_file_id": [job.output_file and job.output_file.id for job in jobs],
        "output_file_version_id": [
            job.output_file_version and job.output_file_version.id for job in jobs
        ],
        "template_file_id": [job.template_file.id for job in jobs],
        "template_file_version_id": [job.template_file_version.id for job in jobs],
    }
    # As JSON: from Python's lists polars takes ten times as long.
    failures = msgspec.json.encode([job.failures or _Failures() for job in jobs])
    lists = pl.read_json(failures, schema={name: JOBS[name] for name in ("errors", "warnings")})
    external_ids = pl.Series("external_id", [job.external_id for job in jobs], dtype=pl.String)
    columns = [pl.Series(name, values, dtype=pl.String) for name, values in texts.items()]
    return pl.DataFrame([*columns, *lists, external_ids])


def sdk(url: str, batch: str) -> pl.DataFrame:
    """Box's official SDK, its objects made into a frame of the same columns."""
    import box_sdk_gen as box

    columns: dict[str, list[object]] = {name: [] for name in JOBS if name != "origin"}
    with requests.Session() as session:
        session.trust_env = False
        network = box.NetworkSession(
            base_urls=box.BaseUrls(base_url=url.removesuffix("/2.0")),
            network_client=box.BoxNetworkClient(requests_session=session),
        )
        client = box.BoxClient(auth=box.BoxDeveloperTokenAuth(TOKEN), network_session=network)
        marker: str | None = None
        while True:
            page = client.docgen.get_docgen_batch_job_by_id_v2025_r0(
                batch, limit=1000, marker=marker
            )
            for job in page.entries or []:
                values = (
                    job.batch.id,
                    job.id,
                    job.status,
                    job.output_type,
                    job.output_file and job.output_file.id,
                    job.output_file_version and job.output_file_version.id,
                    job.template_file.id,
                    job.template_file_version.id,
                    job.failures and job.failures.errors,
                    job.failures and job.failures.warnings,
                    job.external_id,
                )
                for column, value in zip(columns.values(), values, strict=True):
                    column.append(value)
            marker = page.next_marker
            if not marker:
                break
    return pl.DataFrame(columns, schema={name: JOBS[name] for name in columns})


def dlt(url: str, batch: str) -> None:
    """dlt's own REST client and paginator, into Parquet files in a new folder.

    Lists stay in their row: as tables of their own, dlt's default, they take it longer.
    """
    import dlt as tool
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

    @tool.resource(name="jobs", max_table_nesting=0)
    def jobs() -> object:
        paginator = JSONResponseCursorPaginator("next_marker", cursor_param="marker")
        client = RESTClient(url, headers=HEADERS, paginator=paginator, data_selector="entries")
        yield from client.paginate(f"docgen_batch_jobs/{batch}", params={"limit": 1000})

    with tempfile.TemporaryDirectory() as folder:
        pipeline = tool.pipeline(
            "benchmark",
            pipelines_dir=f"{folder}/work",
            destination=tool.destinations.filesystem(Path(folder, "made").as_uri()),
            dataset_name="made",
        )
        pipeline.run(jobs(), loader_file_format="parquet")
        read = pl.scan_parquet(f"{folder}/made/made/jobs/*.parquet").select(pl.len()).collect()
    if read.item() % 1000 or not read.item():
        raise AssertionError(f"dlt wrote {read.item()} jobs")
