"""Final batches as a Parquet dataset: what is new is read, then written."""

from __future__ import annotations

import datetime as dt
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box.batches import start_of
from boxdocgen_explore.box.chain import IncompleteListWarning
from boxdocgen_explore.box.dataset import Counts, Dataset, Place, counts_of
from boxdocgen_explore.box.fetch import Progress
from boxdocgen_explore.cache import frame_cache
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.frames import COUNTS
from boxdocgen_explore.schema import (
    ARCHIVED,
    ARCHIVED_JOBS,
    MAX_LIMIT,
    RUNNING,
    BatchList,
    User,
)
from boxdocgen_explore.text import counted
from boxdocgen_explore.verdict import batch_label

_LONG_AGO: Final = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
"""With this as now, a label has its year."""


class Archives(ABC):
    """The part of a `Box` that writes datasets."""

    origin: str
    read: Callable[..., Reading]
    batch_list: Callable[..., BatchList]
    template_names: Callable[[], dict[str, str]]
    cached: Callable[[], list[str]]

    @property
    @abstractmethod
    def now(self) -> dt.datetime: ...

    @property
    @abstractmethod
    def user(self) -> User | None: ...

    def archive(
        self,
        url: str | Path,
        *,
        since: dt.datetime | dt.timedelta | None = None,
        documents: bool = False,
        storage_options: Mapping[str, str] | None = None,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> pl.DataFrame:
        """Read the batches that a dataset lacks, and write those that are final; one row per batch
        comes back (schema.ARCHIVED).

        The dataset has one folder per month of creation (UTC), ``month=2026-11``, with files of
        complete batches (schema.ARCHIVED_JOBS), and ``_runs.parquet``, the log of what each run saw
        (schema.RUNS). A file is replaced completely or not at all, so this can be interrupted and
        called again. Runs on one machine wait for each other; on object storage, start one at a
        time. Offline, what is cached is written.

        Parameters:
            url: a folder or object storage (``s3://bucket/prefix``).
            since: only batches created since, as in `batches`; batches that an earlier run left
                out are always tried again.
            documents, cancelled, progress: as `read`.
            storage_options: polars' options for object storage.

        Raises:
            InvalidRequest: an argument is invalid.
            StoreError: the dataset cannot be read or written.
            BoxDocGenError: the list of batches could not be read; as `batches`.

        Source: ``GET /docgen_jobs``, ``GET /docgen_batch_jobs/:batch_id``.

        >>> import boxdocgen_explore as bx, datetime as dt, tempfile
        >>> with bx.demo() as box, tempfile.TemporaryDirectory() as folder:
        ...     written = box.archive(folder, since=dt.timedelta(days=1))
        ...     again = box.archive(folder, since=dt.timedelta(days=1))
        >>> "unchanged" in again["outcome"]
        True
        """
        waiting = {"cancelled": cancelled, "progress": progress}
        dataset, start = Dataset.at(url, storage_options), start_of(since, self.now)
        return _Run(self, dataset, start, documents, waiting).write()


@dataclass
class _Run:
    """One run: which batches there are, which of them the dataset lacks, what became of them."""

    box: Archives
    dataset: Dataset
    start: dt.datetime | None
    documents: bool
    waiting: Mapping[str, Any]
    listed: BatchList | None = None
    batches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The listed batches (schema.BATCHES) by id, the oldest first."""
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What became of each batch: its columns of schema.RUNS that only a reading has."""

    def write(self) -> pl.DataFrame:
        """1. List the batches: those since the start, and those that earlier runs left out.
        2. Read those that the dataset does not have as they are listed; write what is final.
        3. Note in the log what was seen, whatever happens.
        """
        known, runs = self.dataset.batches(), self.dataset.runs()
        last = runs.drop_nulls("batch_id").unique("batch_id", keep="last")
        user_id = self.box.user.id if self.box.user else None
        # Another user's batches can only be read as that user.
        mine = pl.col("user_id").eq_missing(user_id) & (pl.col("host") == self.box.origin)
        left_out = last.filter(mine, ~pl.col("batch_id").is_in([*known]))
        self._list_batches(left_out["batch_created_at"].min())
        cached = self.box.cached() if self.start is None else []
        wanted = dict.fromkeys([*self.batches, *left_out["batch_id"], *cached])
        new = [one for one in wanted if not self._is_there(one, known)]
        for one in wanted.keys() - {*new}:
            self.seen[one] = {"outcome": "unchanged", "jobs": known[one].counts["jobs"]}
        try:
            for month, some in self._by_month(new):
                self._read_and_write(month, some, known)
        finally:
            done = last.filter(pl.col("outcome").is_in(("written", "unchanged")))["batch_id"]
            rows = self._rows()
            self._write_log(rows.values(), {*done})
        return pl.DataFrame([rows[one] for one in wanted], schema=ARCHIVED)

    # --- which batches -----------------------------------------------------------------------

    def _list_batches(self, left_out_since: Any) -> None:
        """Read the list of batches, down to the oldest that was left out before."""
        start = self.start and min(self.start, left_out_since or self.start)
        try:
            self.listed = self.box.batch_list(start, refresh=True, **self.waiting)
        except (errors.NotCached, errors.Forbidden) as error:
            errors.warn(
                "The list of all jobs cannot be read, so that only cached batches are archived, "
                f"and when they were created is unknown. {error}",
                IncompleteListWarning,
            )
            return
        if not self.listed.complete:
            errors.warn(
                "Jobs were added while the batch list was being read: some batches may be missing. "
                "The next run finds them.",
                IncompleteListWarning,
            )
        rows = self.listed.batches.sort("first_created_at", "batch_id", nulls_last=True)
        self.batches = {row["batch_id"]: row for row in rows.iter_rows(named=True)}

    def _is_there(self, batch_id: str, known: Mapping[str, Place]) -> bool:
        """Whether the dataset has this batch as it is listed."""
        if batch_id in known and batch_id in self.batches:
            return known[batch_id].counts == {one: self.batches[batch_id][one] for one in COUNTS}
        return batch_id in known

    def _by_month(self, batch_ids: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
        """Batches by the month of their creation, so many at a time as fit into memory."""
        months: dict[str, list[str]] = defaultdict(list)
        for one in batch_ids:
            created = self.batches[one]["first_created_at"] if one in self.batches else None
            months[f"{created:%Y-%m}" if created else "unknown"].append(one)
        for month, ids in sorted(months.items()):
            jobs = (self.batches.get(one, {}).get("jobs", MAX_LIMIT) for one in ids)
            for some in frame_cache.by_size(zip(ids, jobs, strict=True)):
                yield month, some

    # --- what becomes of them ----------------------------------------------------------------

    def _read_and_write(self, month: str, ids: Sequence[str], known: Mapping[str, Place]) -> None:
        # Refreshed, because the list of batches may be newer than what is cached.
        options = {"errors": "keep", "refresh": True, "documents": self.documents, **self.waiting}
        reading = self.box.read(ids, **options)
        counts = counts_of(reading.jobs)
        pages = reading.pages.partition_by("batch_id", as_dict=True)
        seen = {}
        for one in ids:
            seen[one] = _outcome(one, reading, counts.get(one), known.get(one))
            if (one,) in pages:
                evidence = pages[one,].select("body_sha256", "box_request_id")
                seen[one] |= evidence.to_dict(as_series=False)
        if new := [one for one, row in seen.items() if row["outcome"] == "written"]:
            jobs = reading.jobs.filter(pl.col("batch_id").is_in(new))
            self.dataset.add(month, self._described(jobs))
        self.seen |= seen

    def _described(self, jobs: pl.DataFrame) -> pl.DataFrame:
        """The jobs with all columns of the dataset, as far as they are known."""
        names = self.box.template_names()
        labels = {
            one: batch_label(self.batches[one], names, now=_LONG_AGO)
            for one in jobs["batch_id"].unique()
            if one in self.batches
        }
        label = pl.col("batch_id").replace_strict(labels, default=None, return_dtype=pl.String)
        jobs = jobs.with_columns(label.alias("batch_label"))
        if self.listed is not None:
            listed = self.listed.listed
            mine = listed.filter(pl.col("batch_id").is_in(jobs["batch_id"].unique().implode()))
            jobs = frames.with_details(jobs, mine)
            if self.documents:
                jobs = frames.with_durations(jobs)
        return frames.with_columns(jobs, ARCHIVED_JOBS)

    def _rows(self) -> dict[str, dict[str, Any]]:
        """What became of each batch (schema.RUNS), by its id."""
        places = self.dataset.batches()
        return {
            one: {
                **row,
                "batch_id": one,
                "file": places[one].file if one in places else None,
                "complete": row["outcome"] != "incomplete",
                "batch_created_at": self.batches.get(one, {}).get("first_created_at"),
            }
            for one, row in self.seen.items()
        }

    def _write_log(self, rows: Iterable[Mapping[str, Any]], done: Container[str]) -> None:
        """Log the batches that were written or left out, and those that no log says are there."""
        rows = [row for row in rows if row["outcome"] != "unchanged" or row["batch_id"] not in done]
        if self.listed is None or not self.listed.complete:
            rows.append({"outcome": "list incomplete"})
        user = self.box.user
        run = {
            "run_at": dt.datetime.now(dt.UTC),
            "user_id": user.id if user else None,
            "user_login": user.login if user else None,
            "host": self.box.origin,
            "since": self.start,
        }
        self.dataset.log([{**run, **row} for row in rows or [{"outcome": "nothing new"}]])


def _outcome(
    batch_id: str, reading: Reading, counts: Counts | None, place: Place | None
) -> dict[str, Any]:
    """What becomes of a batch, its jobs, and the reason if it is left out."""
    if batch_id in reading.failures:
        return {"outcome": "incomplete", "reason": str(reading.failures[batch_id])}
    if counts is None:
        return {"outcome": "still running", "reason": "It has no jobs yet."}
    jobs, running = counts["jobs"], sum(counts[name] for name in (*RUNNING, "other"))
    if running:
        reason = f"{running:,} of {counted(jobs, 'job')} may still change."
        return {"outcome": "still running", "jobs": jobs, "reason": reason}
    same = place is not None and place.counts == counts
    return {"outcome": "unchanged" if same else "written", "jobs": jobs}
