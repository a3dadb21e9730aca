"""All cached batches: as a lazy frame, and as a Parquet dataset for other programs.

Nothing is requested from Box. Only complete chains count, because part of a batch must not be
shown as if it were all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
from polars.io.plugins import register_io_source

from boxdocgen_explore import errors
from boxdocgen_explore.arguments import checked, checked_path, checked_text
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.chain import IncompleteListWarning, follow
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.reading import evidence
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache import Cache, frame_file
from boxdocgen_explore.pages import Chain, frames
from boxdocgen_explore.schema import ARCHIVED, JOBS, User
from boxdocgen_explore.text import counted, replacing


@dataclass(frozen=True)
class Cached:
    """What is cached of one user's batches."""

    session: BoxSession
    cache: Cache
    user: User | None
    origin: str

    def batch_ids(self) -> list[str]:
        return endpoints.cached_batches(self.cache.store, self.session.host)

    def paged_list(self, batch_id: str) -> PagedList:
        return endpoints.batch_jobs(batch_id, ttl_s=0)

    def chain(self, batch_id: str) -> Chain | None:
        """The batch's chain; None if not all of it is cached."""
        chain = Chain()
        try:
            follow(self.session.offline_copy(), self.cache, self.paged_list(batch_id), chain)
        except errors.BoxDocGenError:
            return None
        return chain

    def made_from(self, batch_id: str) -> str:
        """A digest of the batch's cached pages; no page is read for it."""
        prefix = self.paged_list(batch_id).root(self.session.host)
        return frame_file.made_from(self.cache.store.fingerprints(prefix))


def scan(cached: Cached) -> pl.LazyFrame:
    """One row per job of every batch that is completely cached (schema.JOBS), read on collect.

    Batches are read one after another, so that they need not fit into memory together.
    """
    line = errors.caller_line()  # polars collects in a thread of its own

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        incomplete = 0
        for batch_id in _matching(cached.batch_ids(), predicate):
            chain = cached.chain(batch_id)
            if chain is None:
                incomplete += 1
                continue
            jobs = frames.jobs(chain.frames(), cached.origin)
            jobs = jobs if predicate is None else jobs.filter(predicate)
            jobs = jobs if columns is None else jobs.select(columns)
            yield jobs if rows is None else jobs.head(rows)
            rows = None if rows is None else rows - jobs.height
            if rows is not None and rows <= 0:
                return
        if incomplete:
            errors.warn(
                f"{counted(incomplete, 'batch')} left out, because not all pages are cached. "
                "Read them once more to complete them.",
                IncompleteListWarning,
                line,
            )

    return register_io_source(batches, schema=dict(JOBS))


def _matching(batch_ids: list[str], predicate: pl.Expr | None) -> list[str]:
    """Without the batches that a predicate on the batch id excludes: these need not be read."""
    if predicate is None or set(predicate.meta.root_names()) != {"batch_id"}:
        return batch_ids
    return pl.DataFrame({"batch_id": batch_ids}).filter(predicate)["batch_id"].to_list()


def checked_target(
    url: str | Path, storage_options: Mapping[str, str] | None
) -> tuple[str, dict[str, Any]]:
    """Where an archive is, and polars' options for it.

    Raises:
        InvalidRequest: an argument is invalid.
    """
    checked("storage_options", storage_options, Mapping | None, "texts by name")
    remote = isinstance(url, str) and "://" in url
    root = checked_text("url", url) if remote else str(checked_path("url", url))
    return root, {"storage_options": dict(storage_options)} if storage_options else {}


def archive(cached: Cached, root: str, options: Mapping[str, Any]) -> pl.DataFrame:
    """Write each final batch that is not in the archive yet, or has changed.

    One row per cached batch (schema.ARCHIVED).

    Raises:
        StoreError: the archive cannot be written.
    """
    rows = []
    for batch_id in cached.batch_ids():
        file = f"{root.rstrip('/')}/batch={quote(batch_id, safe='')}/jobs.parquet"
        outcome, jobs = _archive_batch(cached, batch_id, file, options)
        rows.append({"batch_id": batch_id, "outcome": outcome, "jobs": jobs, "file": file})
    return pl.DataFrame(rows, schema=ARCHIVED)


def _archive_batch(
    cached: Cached, batch_id: str, file: str, options: Mapping[str, Any]
) -> tuple[str, int | None]:
    made_from = cached.made_from(batch_id)
    archived = frame_file.read_metadata(file, **options)
    if archived and archived.made_from == made_from:
        return "unchanged", archived.jobs
    chain = cached.chain(batch_id)
    if chain is None:
        return "incomplete", None
    jobs = frames.jobs(chain.frames(), cached.origin)
    if not all(page.final for page in chain.pages):
        return "still running", jobs.height
    pages = evidence(cached.origin, cached.user, {cached.paged_list(batch_id): chain}).write_json()
    try:
        if "://" in file:  # object storage shows a file once it is complete
            frame_file.write(file, jobs, made_from, pages, **options)
        else:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            with replacing(Path(file)) as part:
                frame_file.write(part, jobs, made_from, pages)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise errors.StoreError(f"The archive {file} cannot be written ({reason}).") from None
    return "written", jobs.height
