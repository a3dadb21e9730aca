"""What changed since earlier audits: which findings are new, known or resolved.

A finding is recognised by its rule, batch, job and what it is about, never by its sentence, whose
numbers change. It is resolved only if its rule was performed again on its batch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, NamedTuple

import msgspec


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
        """What it is, on any batch."""
        return self.rule, self.job_id, self.about

    @property
    def identity(self) -> tuple[str | None, ...]:
        return *self.wherever, self.batch_id


class Performed(msgspec.Struct, frozen=True):
    """Rules that had all that they need on each of these batches; None: on all together."""

    batches: tuple[str | None, ...]
    rules: frozenset[str]


class Share(msgspec.Struct, frozen=True):
    """How many jobs of a template failed."""

    template_file_id: str | None
    template: str | None
    jobs: int
    failed: int


class Facts(msgspec.Struct, frozen=True):
    """What the record of an audit says for later ones."""

    performed: tuple[Performed, ...]
    shares: tuple[Share, ...]


class Run(msgspec.Struct, frozen=True, dict=True):
    """One audit: the part of its record that is compared with later ones."""

    audited_at: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    outcome: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]
    history: Facts

    @cached_property
    def performed(self) -> dict[str | None, frozenset[str]]:
        """The rules that were performed, by batch."""
        return {one: group.rules for group in self.history.performed for one in group.batches}


class Seen(NamedTuple):
    """A finding, when an audit first had it, and the batches of the audit that last had it."""

    finding: Finding
    since: dt.datetime
    batches: frozenset[str]


class Changes(NamedTuple):
    """Findings that were not there before, that were, that are gone, and of which the last is not
    known: their rule was not performed on their batch."""

    new: list[Seen]
    known: list[Seen]
    resolved: list[Seen]
    not_performed: list[Seen]


def compared(now: Run, earlier: Iterable[Run]) -> Changes:
    """Compare the findings of an audit with those of all earlier ones, in the order of time.

    What is not performed again stays open until it is. A finding that was resolved and returns is
    new.

    >>> def run(day, *found, performed=("failed-share",)):
    ...     findings = [Finding(one, "error", "1", None, "2 jobs failed.", None) for one in found]
    ...     facts = Facts((Performed(("1",), frozenset(performed)),), ())
    ...     return Run(dt.datetime(2026, 11, day, tzinfo=dt.UTC), {"1": {}}, findings, facts)
    >>> first, second = run(1, "failed-share", "not-final"), run(2)
    >>> changes = compared(second, [first])
    >>> [one.finding.rule for one in changes.resolved]
    ['failed-share']
    >>> [one.finding.rule for one in changes.not_performed]
    ['not-final']
    """
    changes = Changes([], [], [], [])
    before = (one for one in earlier if one.audited_at < now.audited_at)
    for run in (*sorted(before, key=lambda one: one.audited_at), now):
        changes = _changes(run, [*changes.new, *changes.known, *changes.not_performed])
    return changes


def _changes(run: Run, open_findings: list[Seen]) -> Changes:
    changes, batches = Changes([], [], [], []), frozenset(run.outcome)
    alike: dict[tuple[str | None, ...], list[Seen]] = {}
    for seen in open_findings:
        alike.setdefault(seen.finding.wherever, []).append(seen)
    still_here = set()
    for one in {one.identity: one for one in run.findings}.values():
        same = [seen for seen in alike.get(one.wherever, ()) if _may_be(one, seen.finding)]
        still_here |= {seen.finding.identity for seen in same}
        since = min((seen.since for seen in same), default=run.audited_at)
        (changes.known if same else changes.new).append(Seen(one, since, batches))
    for seen in open_findings:
        if seen.finding.identity not in still_here:
            again = _performed_again(seen, run)
            (changes.resolved if again else changes.not_performed).append(seen)
    return changes


def _may_be(one: Finding, other: Finding) -> bool:
    """Whether they are on one batch; one on several batches names none, and may shrink to one."""
    return one.batch_id == other.batch_id or None in (one.batch_id, other.batch_id)


def _performed_again(seen: Seen, run: Run) -> bool:
    """Whether the rule was performed on its batch; on all of them, if it names none."""

    def on(batch_id: str | None) -> bool:
        return seen.finding.rule in run.performed.get(batch_id, ())

    if seen.finding.batch_id is not None:
        return on(seen.finding.batch_id)
    again = seen.batches <= run.outcome.keys()
    return again and (on(None) or (bool(seen.batches) and all(map(on, seen.batches))))
