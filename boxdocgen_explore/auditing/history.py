"""Changes since earlier audits: findings that are new, reopened, known or resolved.

A finding is identified by its rule, batch, job and subject, never by its sentence, whose numbers
change. It is resolved only if its rule was performed again on its batch with the same option; if
the option has changed, it is accepted now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Finding(msgspec.Struct, frozen=True):
    """A row of `schema.FINDINGS`."""

    rule: str
    severity: str
    batch_id: str | None
    job_id: str | None
    detail: str
    about: str | None

    @property
    def wherever(self) -> tuple[str | None, ...]:
        """Its identity, on any batch."""
        return self.rule, self.job_id, self.about


class Share(msgspec.Struct, frozen=True):
    """The failed jobs of a template."""

    template_file_id: str | None
    template: str | None
    jobs: _Count
    failed: _Count


class Facts(msgspec.Struct, frozen=True):
    """The part of an audit's record for later audits: the rules that had all their input, by
    batch ("": all batches together)."""

    performed: dict[str, frozenset[str]]
    shares: tuple[Share, ...]


class Run(msgspec.Struct, frozen=True):
    """The part of an audit's record that is compared with others."""

    audited_at: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    thresholds: tuple[dict[str, Any], ...]
    outcome: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]
    history: Facts
    incomplete_batches: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise TypeError, which decoding turns into a ValidationError, if ids are incomparable."""
        for group in self.thresholds:
            frozenset(group.get("batches") or ())


class Seen(NamedTuple):
    """A finding, the time of the first audit that had it, and the last such audit."""

    finding: Finding
    since: dt.datetime
    run: Run

    @property
    def batches(self) -> frozenset[str]:
        """Its possible batches: its own, or all of the audit's."""
        batch_id = self.finding.batch_id
        return frozenset(self.run.outcome if batch_id is None else [batch_id])

    def is_known_as(self, other: Seen) -> bool:
        """Whether these like findings may be the same one: no other batches came into question."""
        return self.batches <= other.batches or other.batches <= self.batches

    def demands(self, option: str | None, run: Run) -> list[object]:
        """The values of an option for the batches of an audit."""
        return [
            group.get(option)
            for group in run.thresholds
            if option and self.batches & {*(group.get("batches") or self.batches)}
        ]


class Changes(NamedTuple):
    """New, reopened, known and resolved findings; ``accepted`` ones are gone because their rule's
    option changed; for ``not_performed`` ones it is unknown whether they are gone."""

    new: list[Seen]
    reopened: list[Seen]
    known: list[Seen]
    resolved: list[Seen]
    accepted: list[Seen]
    not_performed: list[Seen]


def compared(now: Run, earlier: Iterable[Run], options: Mapping[str, str | None]) -> Changes:
    """Compare the findings of an audit with those of earlier ones, in order of time.

    ``options`` names each rule's option. Findings whose rule was not performed again stay open. A
    finding that returns after it was resolved or accepted is reopened, and counts from then on.

    >>> def run(day, *rules, performed=("failed-share",)):
    ...     findings = [Finding(one, "error", "1", None, "2 jobs failed.", None) for one in rules]
    ...     facts = Facts({"1": frozenset(performed)}, ())
    ...     return Run(dt.datetime(2026, 11, day, tzinfo=dt.UTC), (), {"1": {}}, findings, facts)
    >>> changes = compared(run(2), [run(1, "failed-share", "not-final")], {})
    >>> changes.resolved[0].finding.rule, changes.not_performed[0].finding.rule
    ('failed-share', 'not-final')
    """
    changes = Changes([], [], [], [], [], [])
    closed: dict[Any, list[Seen]] = {}
    for run in (*earlier, now):
        for seen in (*changes.resolved, *changes.accepted):
            closed.setdefault(seen.finding.wherever, []).append(seen)
        changes = _changes(run, changes, closed, options)
    return changes


def _changes(
    run: Run, last: Changes, closed: Mapping[Any, list[Seen]], options: Mapping[str, str | None]
) -> Changes:
    changes = Changes([], [], [], [], [], [])
    before = [*last.new, *last.reopened, *last.known, *last.not_performed]
    alike: dict[tuple[str | None, ...], list[Seen]] = {}
    for seen in before:
        alike.setdefault(seen.finding.wherever, []).append(seen)
    still_here = set[int]()
    for finding in {
        (finding.wherever, finding.batch_id): finding for finding in run.findings
    }.values():
        # A finding on several batches names none, and may be known as a finding on one of them.
        found = Seen(finding, run.audited_at, run)
        same = [seen for seen in alike.get(finding.wherever, ()) if seen.is_known_as(found)]
        still_here |= {id(seen) for seen in same}
        since = min((seen.since for seen in same), default=run.audited_at)
        back = any(seen.is_known_as(found) for seen in closed.get(finding.wherever, ()))
        group = changes.known if same else changes.reopened if back else changes.new
        group.append(found._replace(since=since))
    for seen in before:
        if id(seen) in still_here:
            continue
        option = options.get(seen.finding.rule)
        if not _performed(seen, run):
            changes.not_performed.append(seen)
        elif seen.demands(option, run) == seen.demands(option, seen.run):
            changes.resolved.append(seen)
        else:
            changes.accepted.append(seen)
    return changes


def _performed(seen: Seen, run: Run) -> bool:
    """Whether the rule was performed on its batch, or on all batches if it names none."""
    rule, batch_id = seen.finding.rule, seen.finding.batch_id
    on = {batch for batch, rules in run.history.performed.items() if rule in rules}
    if batch_id is not None:
        return batch_id in on
    return seen.batches <= run.outcome.keys() and ("" in on or seen.batches <= on)
