"""A Parquet dataset of final batches, by month of creation, and the log of its runs.

``month=2026-11/jobs-0000.parquet`` has complete batches and lists them in its metadata. It is
written completely or not at all, so even if a run is interrupted, a batch is there once or not yet.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import polars as pl

from boxdocgen_explore.arguments import checked, checked_path, checked_text
from boxdocgen_explore.box.attempt import run_apart
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.errors import InvalidRequest, StoreError
from boxdocgen_explore.pages.frames import COUNTS, with_columns
from boxdocgen_explore.schema import ARCHIVED_JOBS, RUNS
from boxdocgen_explore.text import replacing

_Result = TypeVar("_Result")
Counts = dict[str, int]
"""The jobs of one batch and the number in each status (names as in schema.BATCHES)."""

VERSION: Final = 1
"""The version of the dataset's columns and metadata. Columns are only ever added."""

_VERSION: Final = "boxdocgen.dataset"
_BATCHES: Final = "boxdocgen.batches"
_RUNS: Final = "_runs.parquet"
UNKNOWN: Final = "unknown"
"""The month of batches without a creation time, because no list of jobs could be read."""
_FULL: Final = 1_000_000
"""No batch is added to a file with this many rows, because that rewrites the file."""

TIMEOUT: Final = "5 minutes"
"""For one request to object storage, including the transfer; polars has no limit by default."""

_ATTEMPTS: Final = 5
_LOCKED_S: Final = 600
_TROUBLE: Final = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
_STORES: Final = {
    **dict.fromkeys(("s3", "s3a"), "AWS_ACCESS_KEY_ID, AWS_REGION"),
    **dict.fromkeys(("gs", "gcs"), "GOOGLE_APPLICATION_CREDENTIALS"),
    **dict.fromkeys(("az", "azure", "abfs", "abfss"), "AZURE_STORAGE_ACCOUNT_NAME"),
}
"""Object storage that polars supports, and variables with its credentials."""


class Place(NamedTuple):
    """The file that has a batch, and the counts of its jobs."""

    file: str
    counts: Counts

    @property
    def is_undated(self) -> bool:
        """Whether it was written without a creation time."""
        return self.file.startswith(f"month={UNKNOWN}/")


@dataclass
class Dataset:
    """The files in a folder or at a URL. ``parts`` has the batches of each file."""

    root: str
    options: Mapping[str, Any]
    parts: dict[str, dict[str, Counts]] = field(default_factory=dict)
    deadline_s: float = math.inf  # of each access to object storage

    @classmethod
    def at(cls, url: str | Path, storage_options: Mapping[str, str] | None) -> Dataset:
        """Look at the dataset in a folder or at a URL.

        Raises:
            InvalidRequest: an argument is invalid.
            StoreError: it cannot be read, or a newer version of this package wrote it.
        """
        checked("storage_options", storage_options, Mapping | None, "texts by name")
        scheme = re.match(r"(\w{2,}):/", url) if isinstance(url, str) else None
        if scheme and not (scheme[1] in _STORES and str(url).startswith(f"{scheme[1]}://")):
            known = ", ".join(f"{name}://" for name in _STORES)
            raise InvalidRequest(f"The archive must be a folder, or start with one of {known}.")
        root = checked_text("url", url) if scheme else str(checked_path("url", url))
        given = {"timeout": TIMEOUT, **(storage_options or {})}
        options = {"storage_options": given} if scheme else {}
        dataset = cls(root.rstrip("/"), options)
        dataset._look()
        return dataset

    @property
    def _remote(self) -> bool:
        return "://" in self.root

    def batches(self) -> dict[str, Place]:
        """Every batch in the dataset."""
        return {
            batch_id: Place(file, found[batch_id])
            for file, found in self.parts.items()
            for batch_id in found
        }

    def runs(self) -> pl.DataFrame:
        """The log of all runs (schema.RUNS)."""
        return self._read(_RUNS, RUNS)

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to the log of runs."""
        new = pl.DataFrame(rows, schema=RUNS)
        with self._alone():
            self._write(_RUNS, pl.concat([self.runs(), new]), {})

    def add(self, month: str, jobs: pl.DataFrame) -> None:
        """Add all jobs of some batches (schema.ARCHIVED_JOBS), or replace them.

        Raises:
            StoreError: the dataset cannot be written.
        """
        ids = set(jobs["batch_id"])
        for _ in range(_ATTEMPTS):
            with self._alone():
                self._look()
                if month != UNKNOWN:
                    self._take_out(UNKNOWN, ids)
                for file, some in self._places(month, ids).items():
                    self._add_to(file, jobs.filter(pl.col("batch_id").is_in(some)))
            if not self._remote:
                return
            # Object storage has no locks: another run may have written the same file meanwhile.
            self._look()
            if ids <= self.batches().keys():
                return
        raise StoreError(
            f"Another run keeps writing to {self.root}. On object storage, start one run at a time."
        )

    def _look(self) -> None:
        self.parts = {file: self._batches(file) for file in self._files()}

    def _places(self, month: str, batch_ids: Iterable[str]) -> dict[str, list[str]]:
        """The file for each batch: the one that has it, otherwise the last one of the month."""
        known = self.batches()
        mine = sorted(file for file in self.parts if file.startswith(f"month={month}/"))
        last = mine[-1] if mine else f"month={month}/jobs-0000.parquet"
        if sum(counts["jobs"] for counts in self.parts.get(last, {}).values()) >= _FULL:
            last = f"month={month}/jobs-{len(mine):04d}.parquet"
        places: dict[str, list[str]] = defaultdict(list)
        for batch_id in batch_ids:
            places[known[batch_id].file if batch_id in known else last].append(batch_id)
        return places

    def _take_out(self, month: str, batch_ids: Collection[str]) -> None:
        """Delete batches from a month. If the run is killed now, the next one adds them again."""
        gone = pl.col("batch_id").is_in(batch_ids)
        for file, batches in self.parts.items():
            if file.startswith(f"month={month}/") and not batches.keys().isdisjoint(batch_ids):
                rest = self._read(file, ARCHIVED_JOBS).filter(~gone)
                self.parts[file] = counts_of(rest)
                self._write(file, rest, self.parts[file])

    def _add_to(self, file: str, jobs: pl.DataFrame) -> None:
        if self.parts.get(file):
            replaced = pl.col("batch_id").is_in(jobs["batch_id"].unique().implode())
            jobs = pl.concat([self._read(file, ARCHIVED_JOBS).filter(~replaced), jobs])
        batches = counts_of(jobs)
        self._write(file, jobs, batches)
        self.parts[file] = batches

    # --- files -------------------------------------------------------------------------------

    def _files(self) -> list[str]:
        """All files of jobs, as paths below the root."""
        pattern = "month=*/jobs-*.parquet"
        if not self._remote:
            local = Path(self.root).glob(pattern)
            return sorted(path.relative_to(self.root).as_posix() for path in local)
        try:
            url = f"{self.root}/{pattern}"
            paths = pl.scan_parquet(url, include_file_paths="file", **self.options).select("file")
            found = self._access(paths.unique().collect)["file"].to_list()
        except _TROUBLE as error:
            if self._is_missing(error):
                return []
            raise self._unusable("", error) from None
        return sorted("/".join(file.split("/")[-2:]) for file in found)

    def _batches(self, file: str) -> dict[str, Counts]:
        """The batches in a file; none if it is corrupt, so that the batches are written again."""
        try:
            url = f"{self.root}/{file}"
            metadata = self._access(lambda: pl.read_parquet_metadata(url, **self.options))
            version = int(metadata[_VERSION])
            batches = msgspec.json.decode(metadata[_BATCHES], type=dict[str, Counts])
        except OSError as error:  # a failing disk or network: the file itself may be intact
            raise self._unusable(file, error) from None
        except (*_TROUBLE, KeyError, ValueError, RecursionError):
            return {}
        if version > VERSION:
            raise StoreError(
                f"{self.root}/{file} was written by a newer boxdocgen_explore. Update this one."
            )
        return {batch_id: counts for batch_id, counts in batches.items() if "jobs" in counts}

    def _read(self, file: str, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Read a file with these columns; a missing file has no rows."""
        try:
            url, options = f"{self.root}/{file}", {"hive_partitioning": False, **self.options}
            return with_columns(self._access(lambda: pl.read_parquet(url, **options)), schema)
        except _TROUBLE as error:
            if self._is_missing(error):
                return pl.DataFrame(schema=schema)
            damaged = not isinstance(error, OSError)
            raise self._unusable(file, error, damaged=damaged) from None

    def _write(self, file: str, frame: pl.DataFrame, batches: Mapping[str, Counts]) -> None:
        metadata = {_VERSION: str(VERSION), _BATCHES: json.dumps(batches)}
        options: dict[str, Any] = {"metadata": metadata, "row_group_size": 100_000}
        target = f"{self.root}/{file}"
        try:
            if self._remote:  # object storage publishes a file once it is complete
                options |= self.options
                self._access(lambda: frame.write_parquet(target, **options))
                return
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            with replacing(Path(target)) as part:
                frame.write_parquet(part, **options)
        except _TROUBLE as error:
            raise self._unusable(file, error) from None

    def _access(self, work: Callable[[], _Result]) -> _Result:
        """Read or write; on object storage apart, so that Ctrl-C and SIGTERM end any wait."""

        def access() -> _Result:
            try:
                return work()
            except pl.exceptions.PanicException as error:  # not an Exception
                raise pl.exceptions.ComputeError(str(error)) from None

        if not self._remote:
            return work()
        return run_apart(access, lambda error: error, self.deadline_s, RequestContext())

    def _is_missing(self, error: BaseException) -> bool:
        """Whether the error of a disk or of object storage means that a file does not exist."""
        words = ("expanded paths were empty", "not found", "NoSuchKey")
        remote = self._remote and any(word in str(error) for word in words)
        return remote or isinstance(error, FileNotFoundError)

    def _unusable(self, file: str, error: BaseException, *, damaged: bool = False) -> StoreError:
        what, _, causes = str(error).partition("\n\nCaused by:\n")
        reason = ": ".join(filter(None, (what.partition("\n")[0], causes.rpartition(": ")[2])))
        # The message of the disk, without the prefix of polars.
        reason = reason.rpartition("IO error: ")[2]
        names = _STORES.get(self.root.partition("://")[0])
        advice = f" Check the network and the credentials ({names} and more)." if names else ""
        if damaged and file == _RUNS:
            advice += " If you move it away, you lose the log of earlier runs, but no jobs."
        elif damaged:
            advice += " Move the damaged file away; the next run writes it again."
        return StoreError(
            f"The archive {self.root}/{file} cannot be used ({reason}). Check that it can be read "
            f"and written.{advice}"
        )

    def _alone(self) -> AbstractContextManager[Any]:
        """Exclude other runs on this machine or network folder until the block ends."""
        return nullcontext() if self._remote else closing(self._lock())

    def _lock(self) -> sqlite3.Connection:
        """Take SQLite's lock on an empty database; it disappears with the process."""
        try:
            Path(self.root).mkdir(parents=True, exist_ok=True)
            lock = sqlite3.connect(Path(self.root, ".lock"), timeout=0.2, isolation_level=None)
            deadline = time.monotonic() + _LOCKED_S
            while True:
                try:
                    lock.execute("BEGIN EXCLUSIVE")
                    return lock
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > deadline:
                        raise
        except (OSError, sqlite3.Error) as error:
            raise self._unusable("", error) from None


def counts_of(jobs: pl.DataFrame) -> dict[str, Counts]:
    """The counts of each batch, as in the batch list."""
    counted = jobs.group_by("batch_id").agg(**COUNTS)
    return {row.pop("batch_id"): row for row in counted.iter_rows(named=True)}
