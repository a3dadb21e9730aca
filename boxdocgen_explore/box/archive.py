"""Everything that is kept, beyond one batch: as a lazy frame here, as a Parquet dataset elsewhere.

Nothing is asked of Box. Only chains that are whole count: what is kept of others is not shown as
if it were all.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import polars as pl
from polars.io.plugins import register_io_source

from boxdocgen_explore import errors
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.batches import IncompleteListWarning
from boxdocgen_explore.box.chain import follow
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.reading import evidence
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache import Cache
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import Chain
from boxdocgen_explore.schema import ARCHIVED, JOBS, User
from boxdocgen_explore.text import replacing

_MADE_FROM: Final = "boxdocgen.made_from"
_JOBS: Final = "boxdocgen.jobs"
_PAGES: Final = "boxdocgen.pages"


@dataclass(frozen=True)
class Keeping:
    """What one user has on disk."""

    session: BoxSession
    cache: Cache
    user: User | None
    origin: str

    def batch_ids(self) -> list[str]:
        return endpoints.cached_batches(self.cache.store, self.session.host)

    def listing(self, batch_id: str) -> PagedList:
        return endpoints.batch_jobs(batch_id, frames.page, ttl_s=0)

    def chain(self, batch_id: str) -> Chain | None:
        """The batch's chain, if the whole of it is kept."""
        chain = Chain()
        try:
            follow(self.session.offline_copy(), self.cache, self.listing(batch_id), chain)
        except errors.BoxDocGenError:
            return None
        return chain

    def made_from(self, batch_id: str) -> str:
        """Tells this batch's pages from any others; found without reading them."""
        prefix = self.listing(batch_id).root(self.session.host)
        fingerprints = self.cache.store.fingerprints(prefix, lasting=False)
        return hashlib.sha256(f"1 {JOBS} {fingerprints}".encode()).hexdigest()


def scan(keeping: Keeping) -> pl.LazyFrame:
    """One row per job of every batch that is kept whole (schema.JOBS), read when it is collected.

    Batches are read one after another, so that they need not fit into memory together.
    """

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        left_out = 0
        for batch_id in _wanted(keeping.batch_ids(), predicate):
            chain = keeping.chain(batch_id)
            if chain is None:
                left_out += 1
                continue
            jobs = frames.jobs(chain.frames(), keeping.origin)
            jobs = jobs if predicate is None else jobs.filter(predicate)
            jobs = jobs if columns is None else jobs.select(columns)
            yield jobs if rows is None else jobs.head(rows)
            rows = None if rows is None else rows - jobs.height
            if rows is not None and rows <= 0:
                return
        if left_out:
            warnings.warn(
                f"Of {left_out:,} more batches only a part is kept; they are not in this. Read "
                "them once more, and they will be.",
                IncompleteListWarning,
                stacklevel=2,
            )

    return register_io_source(batches, schema=dict(JOBS))


def _wanted(batch_ids: list[str], predicate: pl.Expr | None) -> list[str]:
    """Without those of which the batch id alone says that none of their jobs will do."""
    if predicate is None or set(predicate.meta.root_names()) != {"batch_id"}:
        return batch_ids
    return pl.DataFrame({"batch_id": batch_ids}).filter(predicate)["batch_id"].to_list()


def archive(
    keeping: Keeping, url: str | Path, storage_options: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Write each settled batch that is not in the archive yet, or has changed.

    One row per kept batch (schema.ARCHIVED).

    Raises:
        StoreError: the archive cannot be written.
    """
    options: dict[str, Any] = {"storage_options": dict(storage_options)} if storage_options else {}
    rows = []
    for batch_id in keeping.batch_ids():
        file = f"{str(url).rstrip('/')}/batch={quote(batch_id, safe='')}/jobs.parquet"
        rows.append(
            {"batch_id": batch_id, "file": file, **_archived(keeping, batch_id, file, options)}
        )
    return pl.DataFrame(rows, schema=ARCHIVED)


def _archived(
    keeping: Keeping, batch_id: str, file: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    made_from = keeping.made_from(batch_id)
    there = _metadata(file, options)
    if there.get(_MADE_FROM) == made_from and there.get(_JOBS, "").isdecimal():
        return {"jobs": int(there[_JOBS]), "outcome": "unchanged"}
    chain = keeping.chain(batch_id)
    if chain is None:
        return {"jobs": None, "outcome": "not whole"}
    jobs = frames.jobs(chain.frames(), keeping.origin)
    if not all(page.final for page in chain.pages):
        return {"jobs": jobs.height, "outcome": "not settled"}
    pages = evidence(keeping.origin, keeping.user, {keeping.listing(batch_id): chain})
    metadata = {_MADE_FROM: made_from, _JOBS: str(jobs.height), _PAGES: pages.write_json()}
    try:
        _write(jobs, file, metadata, options)
    except (OSError, pl.exceptions.PolarsError) as error:
        why = str(error).partition("\n")[0]
        raise errors.StoreError(f"The archive {file} cannot be written ({why}).") from None
    return {"jobs": jobs.height, "outcome": "written"}


def _metadata(file: str, options: Mapping[str, Any]) -> Mapping[str, str]:
    try:
        return pl.read_parquet_metadata(file, **options)
    except (OSError, pl.exceptions.PolarsError):  # not there, or not whole: written anew
        return {}


def _write(
    jobs: pl.DataFrame, file: str, metadata: dict[str, str], options: Mapping[str, Any]
) -> None:
    """Whole or not at all: object storage shows what was sent whole, a folder what is renamed."""
    if "://" in file:
        jobs.write_parquet(file, metadata=metadata, **options)
        return
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        jobs.write_parquet(part, metadata=metadata)
