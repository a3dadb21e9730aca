"""When each job was first seen in its status, because Box does not publish it.

There is one entry per batch that was seen running, beside the batch's pages.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

import polars as pl
import requests

from boxdocgen_explore.cache.store import PageStore
from boxdocgen_explore.schema import RUNNING, TRANSITIONS

FIRST_SEEN: Final = "first_seen"
"""The second part of the keys of these entries, which are not pages."""

_STATUS: Final = ["batch_id", "job_id", "status"]


def transitions(store: PageStore, host: str, batch_id: str) -> pl.DataFrame | None:
    """The observations of a batch (schema.TRANSITIONS); None if it was never seen running."""
    entry = store.page(_key(host, batch_id))
    if entry is None:
        return None
    try:
        frame = pl.read_parquet(io.BytesIO(entry.content))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if frame.schema != pl.Schema(TRANSITIONS):
        return None
    # The file may have been changed, and the clock may have been wrong: drop rows without a time,
    # from the future, or duplicated.
    past = pl.col("first_seen_at") <= datetime.now(UTC)
    return frame.drop_nulls().filter(past).unique(_STATUS, maintain_order=True)


def watched_batches(store: PageStore, host: str) -> set[str]:
    """The batches that were seen running."""
    return {unquote(key.rsplit("/", 1)[1]) for key in store.keys(_key(host, ""))}


def remember(
    store: PageStore, host: str, batch_id: str, jobs: pl.DataFrame, seen_at: datetime
) -> None:
    """Record the statuses of a batch's jobs, unless the batch was never seen running."""
    before = transitions(store, host, batch_id)
    if before is None and not jobs["status"].is_in(list(RUNNING)).any():
        return
    known = pl.DataFrame(schema=TRANSITIONS) if before is None else before
    now = (
        jobs.select(_STATUS)
        .join(known, on=_STATUS, how="left", maintain_order="left")
        .with_columns(pl.col("first_seen_at").fill_null(pl.lit(seen_at)))
        .cast(pl.Schema(TRANSITIONS))
    )
    if before is not None and now.equals(before):
        return
    content = io.BytesIO()
    now.write_parquet(content)
    entry = requests.Response()
    entry.status_code, entry._content = 200, content.getvalue()
    store.save(_key(host, batch_id), entry, seen_at, None)


def _key(host: str, batch_id: str) -> str:
    return f"{quote(host, safe='')}/{FIRST_SEEN}/{quote(batch_id, safe='')}"
