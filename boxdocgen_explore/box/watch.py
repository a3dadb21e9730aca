"""Watch batches until every job is final, with as few calls as the pace allows."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis, errors
from boxdocgen_explore.arguments import checked_time, number
from boxdocgen_explore.box.reading import BatchReader
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.pace import SHORTEST_LOOK_S
from boxdocgen_explore.schema import MAX_LIMIT, OBSERVATIONS, TRANSITIONS

_MAY_PASS: Final = (errors.Unreachable, errors.RateLimited, errors.ServerError)
_TRIES: Final = 5
"""The most consecutive looks that may fail."""

_LONGEST_S: Final = 1_000_000_000


def watch(
    reader: BatchReader,
    ids: Sequence[str],
    history: Callable[[Sequence[str]], pl.DataFrame],
    every: float | None,
    until: dt.datetime | dt.timedelta | None,
    **options: Any,
) -> Iterator[Reading]:
    """See `Box.watch`; ``history`` returns what earlier watches saw (schema.TRANSITIONS)."""
    if reader.account.session.offline:
        raise errors.InvalidRequest("A watch reads from Box repeatedly: it does not work offline.")
    if every is not None and not number("every", every, _LONGEST_S):
        raise errors.InvalidRequest("every must be a number of seconds above 0.")
    return _Watch(reader, ids, history, every, _seconds_left(until), options).looks()


def _seconds_left(until: dt.datetime | dt.timedelta | None) -> float:
    if until is None:
        return float("inf")
    if isinstance(until, dt.timedelta):
        return until.total_seconds()
    end = checked_time("until", until, "a time with a time zone, or a timedelta")
    return (end - dt.datetime.now(dt.UTC)).total_seconds()


@dataclass
class _Watch:
    reader: BatchReader
    ids: Sequence[str]
    history: Callable[[Sequence[str]], pl.DataFrame]
    every: float | None
    seconds: float
    options: dict[str, Any]
    seen: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OBSERVATIONS))
    failed: int = 0
    calls: int = 0

    def looks(self) -> Iterator[Reading]:
        """Read, yield the reading and wait, until all jobs are final or the time is over."""
        end = time.monotonic() + self.seconds
        reading: Reading | None = None
        while True:
            looked = self._look(refresh=reading is not None)
            if looked is not None:
                reading = looked
                yield reading
                if reading.pace is None or reading.pace.done:
                    return
            pace = reading.pace if reading else None
            interval_s = self.every or (pace.next_look_s if pace else SHORTEST_LOOK_S)
            wait_s = min(interval_s, end - time.monotonic())
            if wait_s <= 0 or self.reader.cancelled.wait(wait_s):
                return

    def _look(self, *, refresh: bool) -> Reading | None:
        """One reading with its pace; None after a temporary error."""
        before = self.reader.account.session.calls.total()
        options = {"limit": MAX_LIMIT, "refresh": refresh, "max_age": None, **self.options}
        try:
            reading = self.reader.read(self.ids, **options)
        except errors.Cancelled:
            return None
        except errors.BoxDocGenError as error:
            self.failed += 1
            if not _may_pass(error) or self.failed >= _TRIES:
                raise
            return None
        finally:
            self.calls += self.reader.account.session.calls.total() - before
        self.failed = 0
        if self.seen.is_empty():
            self.seen = analysis.observations(self._seen_before(reading.jobs))
        self.seen = pl.concat([self.seen, analysis.observations(reading)])
        return replace(reading, pace=analysis.pace(self.seen, reading.jobs), calls=self.calls)

    def _seen_before(self, jobs: pl.DataFrame) -> pl.DataFrame:
        """What earlier watches saw; batches that they never saw running were final before."""
        seen = self.history(self.ids)
        others = jobs.join(seen, on="batch_id", how="anti")
        start = pl.lit(seen["first_seen_at"].min(), TRANSITIONS["first_seen_at"])
        final = others.select("batch_id", "job_id", "status", first_seen_at=start)
        return pl.concat([seen, final]) if seen.height else seen


def _may_pass(error: errors.BoxDocGenError) -> bool:
    if isinstance(error, errors.BatchesFailed):
        return all(isinstance(failure, _MAY_PASS) for failure in error.failures.values())
    return isinstance(error, _MAY_PASS)
