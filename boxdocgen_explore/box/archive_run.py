"""One run of the archive: find out which batches the dataset lacks, read them, write them."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box.chain import IncompleteListWarning
from boxdocgen_explore.box.dataset import UNKNOWN, Counts, Dataset, Place, counts_of
from boxdocgen_explore.cache import frame_cache
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.frames import COUNTS
from boxdocgen_explore.schema import ARCHIVED, ARCHIVED_JOBS, MAX_LIMIT, RUNNING, BatchList, User
from boxdocgen_explore.text import counted, listed
from boxdocgen_explore.verdict import batch_label

_LONG_AGO: Final = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
"""As the current time, this makes labels include the year."""

_LAST_S: Final = 3
"""Seconds for each access to object storage, to log a run that was stopped."""

_GAPS: Final = ("list incomplete", "failed")
"""Outcomes of a run that may not have seen every batch."""

_LEFT_OUT: Final = ("incomplete", "still running", "skipped")
"""Outcomes of batches whose current state is not in the dataset."""

_CLOCK_DIFFERENCE: Final = dt.timedelta(hours=1)
"""The largest difference allowed between this machine's clock (runs) and Box's (jobs)."""


class Readable(ABC):
    """The part of a `Box` that an archive reads."""

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


@dataclass
class ArchiveRun:
    """One run: the batches that exist, those that the dataset lacks, and their outcomes."""

    box: Readable
    dataset: Dataset
    start: dt.datetime | None
    skipped: frozenset[str]
    documents: bool
    waiting: Mapping[str, Any]
    run_at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    user: User | None = None
    listed: BatchList | None = None
    batches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The listed batches (schema.BATCHES) by id, oldest first."""
    left_out_since: dict[str, dt.datetime] = field(default_factory=dict)
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The outcome of each batch: the columns of schema.RUNS that come from its reading."""

    def write(self) -> pl.DataFrame:
        """Archive new batches, and log the outcome of the run even if it fails."""
        runs = self.dataset.runs()
        last = runs.drop_nulls("batch_id").unique("batch_id", keep="last")
        done = last.filter(pl.col("outcome").is_in(("written", "unchanged")))["batch_id"]
        since = pl.coalesce("left_out_since", "run_at")
        left_out = last.filter(pl.col("outcome").is_in(_LEFT_OUT)).select("batch_id", since)
        self.left_out_since = dict(left_out.iter_rows())
        try:
            wanted = self._archive(runs, last)
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C or SIGTERM: end soon
                self.dataset.deadline_s = _LAST_S
            # The text of an unforeseen error may contain secrets.
            foreseen = isinstance(error, errors.BoxDocGenError)
            reason = str(error) if foreseen else type(error).__name__
            with suppress(errors.StoreError):  # the first error is the one to show
                self._write_log({*done}, {"outcome": "failed", "reason": reason})
            raise
        rows = self._write_log({*done})
        return pl.DataFrame([rows[batch_id] for batch_id in wanted], schema=ARCHIVED)

    def _archive(self, runs: pl.DataFrame, last: pl.DataFrame) -> Iterable[str]:
        """1. List batches since the start, and those that earlier runs left out.
        2. Read those that are missing from the dataset or have changed; write final ones.

        Return the ids of all of them.
        """
        known, self.user = self.dataset.batches(), self.box.user
        user_id = self.user.id if self.user else None
        # Another user's batches can only be read as that user.
        same_host = pl.col("host") == self.box.origin
        mine = pl.col("user_id").eq_missing(user_id) & same_host
        lacking = ~pl.col("batch_id").is_in([*known]) | pl.col("outcome").is_in(_LEFT_OUT)
        left_out = last.filter(mine, lacking)
        if self.start:
            # A run that failed early may not have known its user.
            early = (pl.col("outcome") == "failed") & pl.col("user_id").is_null()
            past = pl.col("run_at") <= self.run_at  # a later time means a wrong clock
            self.start = _back_to(self.start, runs.filter(mine | early & same_host, past))
        self._list_batches(left_out["batch_created_at"].min())
        cached = self.box.cached() if self.start is None else []
        # Batches written without a date are moved to their month once it is known.
        known = {
            batch_id: place
            for batch_id, place in known.items()
            if not (place.is_undated and self._created(batch_id))
        }
        wanted = dict.fromkeys([*self.batches, *left_out["batch_id"], *cached])
        if unknown := sorted(self.skipped - wanted.keys()):
            errors.warn(f"Nothing was skipped: no batch {listed(unknown)} found.", UserWarning)
        new = [batch_id for batch_id in wanted if not self._is_there(batch_id, known)]
        for batch_id in wanted.keys() - {*new}:
            self.seen[batch_id] = {"outcome": "unchanged", "jobs": known[batch_id].counts["jobs"]}
        for batch_id in self.skipped & {*new}:
            self.seen[batch_id] = {"outcome": "skipped", "reason": "It was skipped, as requested."}
        to_read = [batch_id for batch_id in new if batch_id not in self.skipped]
        for month, ids in self._by_month(to_read):
            self._read_and_write(month, ids, known)
        return wanted

    # --- which batches -----------------------------------------------------------------------

    def _list_batches(self, left_out_since: Any) -> None:
        """Read the list of batches, down to the oldest that an earlier run left out."""
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

    def _created(self, batch_id: str) -> dt.datetime | None:
        """The creation time of a batch, if known."""
        return self.batches.get(batch_id, {}).get("first_created_at")

    def _is_there(self, batch_id: str, known: Mapping[str, Place]) -> bool:
        """Whether the dataset has this batch with the listed counts."""
        if batch_id in known and batch_id in self.batches:
            return known[batch_id].counts == {
                column: self.batches[batch_id][column] for column in COUNTS
            }
        return batch_id in known

    def _by_month(self, batch_ids: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
        """Batches by month of creation, in groups that fit into memory."""
        months: dict[str, list[str]] = defaultdict(list)
        for batch_id in batch_ids:
            created = self._created(batch_id)
            months[f"{created:%Y-%m}" if created else UNKNOWN].append(batch_id)
        for month, ids in sorted(months.items()):
            jobs = (self.batches.get(batch_id, {}).get("jobs", MAX_LIMIT) for batch_id in ids)
            for some in frame_cache.by_size(zip(ids, jobs, strict=True)):
                yield month, some

    # --- outcomes ----------------------------------------------------------------------------

    def _read_and_write(self, month: str, ids: Sequence[str], known: Mapping[str, Place]) -> None:
        # Refreshed, because the batch list may be newer than the cache.
        options = {"errors": "keep", "refresh": True, "documents": self.documents, **self.waiting}
        reading = self.box.read(ids, **options)
        counts = counts_of(reading.jobs)
        pages = reading.pages.partition_by("batch_id", as_dict=True)
        seen = {}
        for batch_id in ids:
            seen[batch_id] = _outcome(batch_id, reading, counts.get(batch_id), known.get(batch_id))
            if (batch_id,) in pages:
                evidence = pages[batch_id,].select("body_sha256", "box_request_id")
                seen[batch_id] |= evidence.to_dict(as_series=False)
        if new := [batch_id for batch_id, row in seen.items() if row["outcome"] == "written"]:
            jobs = reading.jobs.filter(pl.col("batch_id").is_in(new))
            self.dataset.add(month, self._described(jobs))
        self.seen |= seen

    def _described(self, jobs: pl.DataFrame) -> pl.DataFrame:
        """The jobs with all columns of the dataset; unknown values are null."""
        names = self.box.template_names()
        labels = {
            batch_id: batch_label(self.batches[batch_id], names, now=_LONG_AGO)
            for batch_id in jobs["batch_id"].unique()
            if batch_id in self.batches
        }
        label = pl.col("batch_id").replace_strict(labels, default=None, return_dtype=pl.String)
        name = pl.col("template_file_id").replace_strict(
            names, default=None, return_dtype=pl.String
        )
        jobs = jobs.with_columns(batch_label=label, template_name=name)
        if self.listed is not None:
            listed = self.listed.listed
            mine = listed.filter(pl.col("batch_id").is_in(jobs["batch_id"].unique().implode()))
            jobs = frames.with_details(jobs, mine)
            if self.documents:
                jobs = frames.with_durations(jobs)
        return frames.with_columns(jobs, ARCHIVED_JOBS)

    def _rows(self) -> dict[str, dict[str, Any]]:
        """The outcome of each batch (schema.RUNS), by its id."""
        places = self.dataset.batches()
        return {
            batch_id: {
                **row,
                "batch_id": batch_id,
                "file": places[batch_id].file if batch_id in places else None,
                "complete": row["outcome"] not in ("incomplete", "skipped"),
                "batch_created_at": self._created(batch_id),
                "left_out_since": self.left_out_since.get(batch_id, self.run_at)
                if row["outcome"] in _LEFT_OUT
                else None,
            }
            for batch_id, row in self.seen.items()
        }

    def _write_log(
        self, done: Collection[str], *more: Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """Log the batches that were written or left out, and unchanged ones that no log has yet.

        Return the outcome of each batch.
        """
        seen = self._rows()
        rows: list[Mapping[str, Any]] = [
            row
            for batch_id, row in seen.items()
            if row["outcome"] != "unchanged" or batch_id not in done
        ]
        if not more and (self.listed is None or not self.listed.complete):
            rows.append({"outcome": "list incomplete"})
        run = {
            "run_at": self.run_at,
            "user_id": self.user.id if self.user else None,
            "user_login": self.user.login if self.user else None,
            "host": self.box.origin,
            "since": self.start,
        }
        rows += more
        self.dataset.log([{**run, **row} for row in rows or [{"outcome": "nothing new"}]])
        return seen


def _outcome(
    batch_id: str, reading: Reading, counts: Counts | None, place: Place | None
) -> dict[str, Any]:
    """The outcome of a batch, its jobs, and the reason if it is left out."""
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


def _back_to(start: dt.datetime, runs: pl.DataFrame) -> dt.datetime | None:
    """The time from which a run must read, if it was asked to read from ``start``.

    It goes back to the last run that saw every batch (schema.RUNS), and to the start of any later
    run that did not; None means from the beginning.
    """
    gap = pl.col("outcome").is_in(_GAPS).any()
    by_run = runs.group_by("run_at").agg(pl.col("since").first(), gap=gap)
    last: Any = by_run.filter(~pl.col("gap"))["run_at"].max()
    later = by_run if last is None else by_run.filter(pl.col("run_at") > last)
    starts = [start, *later["since"], *([] if last is None else [last - _CLOCK_DIFFERENCE])]
    return None if None in starts else min(starts)
