"""Join the chains of several batches to one `Reading`: the jobs and the evidence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box import endpoints
from boxdocgen_explore.box.account import Account
from boxdocgen_explore.box.documents import DocumentSearch, DocumentsWarning
from boxdocgen_explore.box.endpoints import PagedList
from boxdocgen_explore.box.fetch import Fetch, Progress
from boxdocgen_explore.cache import remember, watched_batches
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.records import Chain, frames_of
from boxdocgen_explore.schema import PAGES, RUNNING, User


@dataclass(frozen=True)
class BatchReader:
    """Reads batches as one user: fetches their lists and joins the results."""

    account: Account
    origin: str
    ttl_s: float
    cancelled: threading.Event
    progress: Progress | None
    template_names: Callable[[], Mapping[str, str]]

    def fetch(self, lists: Sequence[PagedList]) -> Fetch:
        # A worker requests /users/me, so that this can be cancelled, too.
        return Fetch(self.account.session, lists, self.account.open, self.cancelled)

    def read(
        self,
        ids: Sequence[str],
        *,
        details: bool,
        documents: bool,
        keep: bool = False,
        **options: Any,
    ) -> Reading:
        """1. Fetch the batches and, for details, the list of all jobs in parallel.
        2. Join the results to one `Reading`, and look up documents if requested.
        3. Raise errors, with the reading; those of batches only if they are not to be kept.

        Options as `walk`; Raises as `Box.read`.
        """
        before = self.account.session.calls.total()
        batches = [endpoints.batch_jobs(batch_id, self.ttl_s) for batch_id in ids]
        full = [endpoints.all_jobs()] if details and ids else []
        fetch = self.fetch([*batches, *full])
        failure: errors.BoxDocGenError | None = None
        try:
            fetch.run(self.progress, **options)
        except errors.Cancelled as error:
            failure = error
        reading = combine(fetch, batches, self.account.user, self.origin)
        if details:
            reading = with_details(reading, fetch, full, self.origin)
        if failure is None:
            self._remember(reading)
            others = (fetch.failures[paged] for paged in full if paged in fetch.failures)
            failure = None if keep else error_for(reading.failures, len(ids))
            failure = failure or next(others, None)
        if documents:
            reading, problem = self._with_documents(reading, stopped=self.cancelled.is_set())
            failure = failure or problem
        calls = self.account.session.calls.total() - before
        reading = replace(
            reading, calls=calls, bodies=self.account.body, template_names=self.template_names
        )
        if failure is not None:
            failure.reading = reading
            raise failure
        return reading

    def _remember(self, reading: Reading) -> None:
        """Record when each job of a running batch was first seen in its status."""
        store, session = self.account.store, self.account.session
        if store is None or session.offline:
            return
        running = reading.jobs.filter(pl.col("status").is_in(list(RUNNING)))["batch_id"].unique()
        watched = {*running, *watched_batches(store, session.host)}
        fresh = reading.pages.filter(
            pl.col("complete"), ~pl.col("from_cache"), pl.col("batch_id").is_in(list(watched))
        )
        seen = fresh.group_by("batch_id").agg(pl.col("fetched_at").max())
        for batch_id, seen_at in seen.iter_rows():
            jobs = reading.jobs.filter(batch_id=batch_id)
            remember(store, session.host, batch_id, jobs, seen_at)

    def _with_documents(
        self, reading: Reading, *, stopped: bool
    ) -> tuple[Reading, errors.BoxDocGenError | None]:
        """The reading with the columns of the output files, as far as they could be read."""
        search = DocumentSearch(reading.jobs, self.ttl_s, self._fetched)
        problem: errors.BoxDocGenError | None = None
        try:
            if not stopped:
                search.run()
                if text := search.warning():
                    errors.warn(text, DocumentsWarning)
        except errors.BoxDocGenError as error:
            problem = error
        jobs = frames.with_documents(reading.jobs, search.documents)
        pages = search.pages(self.origin, self.account.user)
        return replace(reading, jobs=jobs, document_pages=pages), problem

    def _fetched(self, lists: list[PagedList]) -> Fetch:
        fetch = self.fetch(lists)
        fetch.run(self.progress and self._report_documents, noun="files")
        return fetch

    def _report_documents(self, pages: int, files: int, waiting: str | None) -> None:
        assert self.progress  # noqa: S101 - this is called in its place
        self.progress(pages, files, waiting or "looking for the documents")


def combine(fetch: Fetch, batches: Sequence[PagedList], user: User | None, origin: str) -> Reading:
    """The chains of these batches, as far as they arrived, as one Reading."""
    # A cancelled worker may still add pages, so use only this copy from here on.
    chains = {paged: fetch.chains[paged].copy() for paged in batches}
    failures = {
        paged.batch_id or paged.name: fetch.failures.get(paged)
        or errors.Cancelled("Cancelled before all pages were read.")
        for paged, chain in chains.items()
        if not chain.complete
    }
    return Reading(
        frames.jobs(frames_of(chains.values()), origin),
        evidence(origin, user, chains),
        failures,
        user,
        fetch.session.as_user,
    )


def with_details(reading: Reading, fetch: Fetch, full: Sequence[PagedList], origin: str) -> Reading:
    """The reading with the columns from the list of all jobs, as far as it arrived.

    The reading has ``listed`` only if that list is complete: other batches may have more jobs.
    """
    chains = {paged: fetch.chains[paged].copy() for paged in full}
    known = frames.full_jobs(rows for chain in chains.values() for rows in chain.frames())
    pages = evidence(origin, reading.user, chains)
    jobs = frames.with_details(reading.jobs, known)
    if not chains:  # no batch, so no list was read
        return replace(reading, jobs=jobs)
    if not all(chain.complete for chain in chains.values()):
        return replace(reading, jobs=jobs, list_pages=pages)
    return replace(reading, jobs=jobs, list_pages=pages, listed=known.select("batch_id", "job_id"))


def evidence(origin: str, user: User | None, chains: Mapping[PagedList, Chain]) -> pl.DataFrame:
    """One row per page of these chains (schema.PAGES)."""
    rows = [
        {
            "batch_id": paged.batch_id,
            **page.evidence(),
            "limit_requested": page.limit_requested,
            "limit_used": page.parsed.limit,
            "jobs": page.parsed.height,
            "duplicates": duplicates,
            "unknown_fields": page.parsed.unknown_fields,
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


def error_for(
    failures: Mapping[str, errors.BoxDocGenError], batches: int
) -> errors.BoxDocGenError | None:
    """Combine the errors of batches in one error."""
    if batches == 1 or not failures:
        return next(iter(failures.values()), None)
    return errors.BatchesFailed(failures, batches)
