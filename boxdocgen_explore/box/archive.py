"""Final batches as a Parquet dataset: new batches are read, then added."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from boxdocgen_explore.arguments import batch_ids
from boxdocgen_explore.box.archive_run import ArchiveRun, Readable
from boxdocgen_explore.box.batches import start_of
from boxdocgen_explore.box.dataset import Dataset
from boxdocgen_explore.box.fetch import Progress


class Archives(Readable):
    """The part of a `Box` that writes datasets."""

    def archive(
        self,
        url: str | Path,
        *,
        since: dt.datetime | dt.timedelta | None = None,
        skip: Collection[str] = (),
        documents: bool = False,
        storage_options: Mapping[str, str] | None = None,
        cancelled: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> pl.DataFrame:
        """Read the batches that a dataset lacks and add those that are final.

        Returns one row per batch (schema.ARCHIVED).

        The dataset has one folder per month of creation (UTC), ``month=2026-11``, with files of
        complete batches (schema.ARCHIVED_JOBS), and ``_runs.parquet``, the log of all runs
        (schema.RUNS). A file is replaced completely or not at all, so this can be interrupted and
        called again. Runs on one machine wait for each other; on object storage, start one at a
        time. Offline, cached batches are added.

        Parameters:
            url: a folder or object storage (``s3://bucket/prefix``).
            since: only batches created since, as in `batches`, or since this user's last complete
                run if that is longer ago; batches that an earlier run left out are always tried
                again.
            skip: ids of batches to leave out, such as those that can never be read.
            documents, cancelled, progress: as `read`.
            storage_options: polars' options for object storage; ``timeout`` defaults to 5 minutes.

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
        skipped = frozenset(batch_ids(skip))
        return ArchiveRun(self, dataset, start, skipped, documents, waiting).write()
