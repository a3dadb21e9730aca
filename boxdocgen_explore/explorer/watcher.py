"""Watch in the background: while Watch is ticked, each look is shown with its progress."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from boxdocgen_explore.errors import BoxDocGenError, Reading
from boxdocgen_explore.explorer.batch_source import Source
from boxdocgen_explore.pace import LONGEST_LOOK_S
from boxdocgen_explore.pages import frames
from boxdocgen_explore.schema import DETAILS, DOCUMENTS, DURATION, JOBS


@dataclass
class Watcher:
    """Watches batches in a thread until all jobs are final, or until `stop`.

    ``show`` gets each reading and its progress (`View.watching`), ``ended`` the final error or
    None; both are called in the thread.
    """

    source: Source
    show: Callable[[Reading, dict[str, Any]], None]
    ended: Callable[[BoxDocGenError | None], None]
    _stopped: threading.Event | None = field(default=None, init=False)
    _showing: threading.RLock = field(default_factory=threading.RLock, init=False)

    def start(self, ids: Sequence[str], *, documents: bool) -> None:
        """Watch these batches instead of any others."""
        self.stop()
        self._stopped = threading.Event()
        threading.Thread(
            target=self._run, args=(list(ids), documents, self._stopped), daemon=True
        ).start()

    def stop(self) -> bool:
        """Stop watching; False if nothing was watched."""
        stopped, self._stopped = self._stopped, None
        if stopped is None:
            return False
        with self._showing:  # otherwise a late look would replace the next content
            stopped.set()
        return True

    def _run(self, ids: list[str], documents: bool, stopped: threading.Event) -> None:
        error: BoxDocGenError | None = None
        before: Reading | None = None
        try:
            for reading in self.source.watch(
                ids, documents=documents, cancelled=stopped, progress=lambda *_: None
            ):
                with self._showing:
                    if stopped.is_set():
                        return
                    self.show(reading, _progress(reading, before))
                before = reading
        except BoxDocGenError as caught:
            error = caught
        if not stopped.is_set():
            self._stopped = None
            self.ended(error)


def _progress(reading: Reading, before: Reading | None) -> dict[str, Any]:
    pace = reading.pace
    assert pace is not None  # noqa: S101 - every look of a watch has one
    more = pace.final - before.pace.final if before and before.pace else 0
    since = f" · {more:,} more since the last look" if more > 0 and not pace.done else ""
    due_at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=LONGEST_LOOK_S)
    return {
        "text": f"{pace}{since}",
        "final": pace.final,
        "jobs": pace.jobs,
        "calls": reading.calls or 0,
        "due_at": None if pace.done else due_at.isoformat(),
    }


def with_known_details(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Add times and creators from an earlier reading: they never change, and cost calls."""
    if "created_at" not in before.columns or "created_at" in after.columns:
        return after
    joined = frames.with_details(after, before)
    if "output_file_created_at" in joined.columns:
        joined = frames.with_durations(joined)
    order = [*JOBS, *DETAILS, *DOCUMENTS, *DURATION]
    return joined.select(name for name in order if name in joined.columns)


def changed_jobs(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Whether the status of each job changed since the last look."""
    known = before.select("job_id", before="status").unique("job_id")
    joined = after.select("job_id", "status").join(
        known, on="job_id", how="left", maintain_order="left"
    )
    return joined.select(pl.col("status").ne_missing(pl.col("before"))).to_series()
