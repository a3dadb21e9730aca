"""The pace of a batch and its expected end, also as one line.

Box publishes neither. They are derived from several looks, or from the creation times of documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt
from typing import Any, Final

from boxdocgen_explore.text import duration

SHORTEST_LOOK_S: Final = 10.0
LONGEST_LOOK_S: Final = 300.0
"""Limits of the seconds between two looks of a watch."""

_LOOKS_TO_THE_END: Final = 20
"""How often to look until the expected end: each time, a twentieth of what remains is done."""

_WINDOW: Final = timedelta(minutes=10)
"""The pace is measured over this time, because Box may have been faster an hour ago."""

_LEAST: Final = 5
"""Jobs that must have become final before a pace is shown."""

_STALLED: Final = timedelta(minutes=5)
"""A batch has stalled if nothing changes for this long and for three times the usual gap."""

_RANGE: Final = 2.0
"""The range of the expected end covers this many standard deviations of the count."""


@dataclass(frozen=True)
class Pace:
    """The progress of jobs, their pace, and their expected end.

    ``final`` of ``jobs`` no longer change, ``remaining`` may. ``per_minute``, ``expected_end``,
    ``earliest_end`` and ``latest_end`` (UTC) are null if it is too early to tell. ``unchanged`` is
    the observed time since a job became final; ``stalled`` is true if it is unusually long.
    ``measured_by`` is "documents" or "observations".
    """

    jobs: int
    final: int
    observed_at: datetime
    per_minute: float | None = None
    expected_end: datetime | None = None
    earliest_end: datetime | None = None
    latest_end: datetime | None = None
    unchanged: timedelta = timedelta(0)
    stalled: bool = False
    measured_by: str = "observations"

    @property
    def remaining(self) -> int:
        return self.jobs - self.final

    @property
    def done(self) -> bool:
        return not self.remaining

    @property
    def next_look_s(self) -> float:
        """Seconds until the next look of a watch: a twentieth of the remaining time, longer while
        nothing moves, between 10 s and 5 minutes."""
        left = (self.expected_end or self.observed_at) - self.observed_at
        wait_s = max(left.total_seconds() / _LOOKS_TO_THE_END, self.unchanged.total_seconds() / 2)
        return min(max(wait_s, SHORTEST_LOOK_S), LONGEST_LOOK_S)

    def __str__(self) -> str:
        parts = [f"{self.final:,} of {self.jobs:,} final"]
        if self.done:
            return parts[0]
        if self.stalled:
            return f"{parts[0]} · unchanged for {duration(self.unchanged)}"
        if self.per_minute is None or self.expected_end is None:
            return f"{parts[0]} · too early to tell when it will be done"
        return " · ".join([*parts, _rate(self.per_minute), self._end()])

    def _end(self) -> str:
        ends = (self.expected_end, self.earliest_end, self.latest_end)
        about, first, last = (_clock(end, self.observed_at) for end in ends if end)
        around = "" if first == last else f" ({first} to {last})"
        return f"done about {about} UTC{around}"

    def as_dict(self) -> dict[str, Any]:
        """Return the values for JSON: times as ISO text, ``unchanged_s`` in seconds."""
        values = {**asdict(self), "remaining": self.remaining, "text": str(self)}
        values["unchanged_s"] = values.pop("unchanged").total_seconds()
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
        }


def _clock(time: datetime, today: datetime) -> str:
    day = "" if time.date() == today.date() else f"{time.day} {time:%b} "
    return f"{day}{time:%H:%M}"


def _rate(per_minute: float) -> str:
    if per_minute >= 2:
        return f"{per_minute:,.0f} a minute"
    return f"{per_minute * 60:.0f} an hour"


def measure(
    looks: Sequence[tuple[datetime, int, int]], document_times: Sequence[datetime] = ()
) -> Pace:
    """Measure the pace from several looks: time (UTC), jobs, and final jobs.

    ``document_times`` are the creation times of documents (UTC, Box's clock). They are more precise
    than looks, and one look is then enough.

    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 3, 2, 30, tzinfo=UTC)
    >>> print(measure([(at, 3000, 500)]))
    500 of 3,000 final · too early to tell when it will be done
    >>> print(measure([(at, 3000, 500), (at + timedelta(minutes=5), 3000, 760)]))
    760 of 3,000 final · 52 a minute · done about 03:18 UTC (03:13 to 03:24)
    """
    observed_at, jobs, final = looks[-1]
    looks = [look for look in looks if look[0] <= observed_at]  # the clock may have been set back
    unchanged = observed_at - _last_change(looks)
    measured, by = _by_documents(document_times), "documents"
    if measured is None:
        measured, by = _by_looks(looks), "observations"
    if final >= jobs:
        return Pace(jobs, final, observed_at, measured_by=by)
    stalled = _stalled(looks, unchanged, measured)
    known = Pace(jobs, final, observed_at, unchanged=unchanged, stalled=stalled, measured_by=by)
    if stalled or measured is None:
        return known
    per_minute, counted = measured
    spread = min(0.9, _RANGE / sqrt(counted))
    minutes = (jobs - final) / per_minute
    end, earliest, latest = (
        observed_at + timedelta(minutes=min(minutes / factor, 1e7))
        for factor in (1, 1 + spread, 1 - spread)
    )
    return replace(
        known, per_minute=per_minute, expected_end=end, earliest_end=earliest, latest_end=latest
    )


def _last_change(looks: Sequence[tuple[datetime, int, int]]) -> datetime:
    """When the last job was seen to become final, otherwise the first look."""
    changed = looks[0][0]
    for before, after in pairwise(looks):
        if after[1:] != before[1:]:
            changed = after[0]
    return changed


def _by_looks(looks: Sequence[tuple[datetime, int, int]]) -> tuple[float, int] | None:
    """Jobs a minute, and the number of jobs that this was measured from."""
    last_at, _, last_final = looks[-1]
    recent = [look for look in looks if last_at - look[0] <= _WINDOW]
    first = recent[0] if len(recent) > 1 else looks[-2] if len(looks) > 1 else looks[-1]
    return _per_minute(last_final - first[2], last_at - first[0])


def _by_documents(times: Sequence[datetime]) -> tuple[float, int] | None:
    ordered = sorted(times)
    if not ordered:
        return None
    recent = [time for time in ordered if ordered[-1] - time <= _WINDOW]
    return _per_minute(len(recent) - 1, recent[-1] - recent[0])


def _per_minute(count: int, span: timedelta) -> tuple[float, int] | None:
    if count < _LEAST or span <= timedelta(0):
        return None
    return count / (span.total_seconds() / 60), count


def _stalled(
    looks: Sequence[tuple[datetime, int, int]],
    unchanged: timedelta,
    measured: tuple[float, int] | None,
) -> bool:
    if len(looks) < 2 or unchanged < _STALLED:
        return False
    usual = _by_looks([look for look in looks if look[0] <= looks[-1][0] - unchanged] or looks)
    rate = usual or measured
    return rate is None or unchanged > timedelta(minutes=3 / rate[0])
