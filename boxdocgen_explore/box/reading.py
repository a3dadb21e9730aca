"""From the chains of several batches to one `Reading`: the jobs, and the evidence beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.fetch import Fetch
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import Chain, marker_sha256
from boxdocgen_explore.schema import PAGES, User


def combine(fetch: Fetch, batches: Sequence[PagedList], user: User | None, origin: str) -> Reading:
    """The chains of these batches as one Reading, as far as they arrived."""
    # A cancelled worker may still be adding pages: from here on only this copy counts.
    chains = {paged: fetch.chains[paged].copy() for paged in batches}
    failures = {
        paged.batch_id or paged.name: fetch.failures.get(paged)
        or errors.Cancelled("Cancelled before its end.")
        for paged, chain in chains.items()
        if not chain.complete
    }
    return Reading(
        frames.jobs([rows for chain in chains.values() for rows in chain.frames()], origin),
        evidence(origin, user, chains),
        failures,
        user,
        fetch.session.as_user,
    )


def with_details(reading: Reading, fetch: Fetch, full: Sequence[PagedList]) -> Reading:
    """The reading with the columns that only the list of all jobs has, as far as it arrived."""
    known = frames.full_jobs(rows for paged in full for rows in fetch.chains[paged].copy().frames())
    return replace(reading, jobs=frames.with_details(reading.jobs, known))


def evidence(origin: str, user: User | None, chains: Mapping[PagedList, Chain]) -> pl.DataFrame:
    """One row per page of these chains (schema.PAGES)."""
    rows = [
        {
            "batch_id": paged.batch_id,
            "page": page.number,
            "marker_sha256": marker_sha256(page.marker),
            "next_marker_sha256": marker_sha256(page.parsed.next_marker),
            "limit_requested": page.limit_requested,
            "limit_used": page.parsed.limit,
            "jobs": page.parsed.height,
            "duplicates": duplicates,
            "unknown_fields": page.parsed.unknown_fields,
            "fetched_at": page.fetched_at,
            "from_cache": page.from_cache,
            "box_request_id": page.request_id,
            "body_sha256": page.body_sha256,
            "box_version": paged.version,
            "host": origin,
            "user_id": user.id if user else None,
            "user_login": user.login if user else None,
            "complete": chain.complete,
        }
        for paged, chain in chains.items()
        for page, duplicates in zip(chain.pages, chain.duplicates(paged.id_column), strict=True)
    ]
    return pl.DataFrame(rows, schema=PAGES)


def error_for(reading: Reading, batches: int) -> errors.BoxDocGenError | None:
    """The error that a reading with failures is raised as."""
    if not reading.failures:
        return None
    first = next(iter(reading.failures.values()))
    return first if batches == 1 else errors.BatchesFailed(reading.failures, batches)
