"""What changed since earlier audits: which findings are new, known or resolved.

A finding is recognised by its rule, batch, job and what it is about, never by its sentence, whose
numbers change. It is resolved only if its rule was performed again on its batch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
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
        """What it is, on any batch."""
        return self.rule, self.job_id, self.about


class Share(msgspec.Struct, frozen=True):
    """How many jobs of a template failed."""

    template_file_id: str | None
    template: str | None
    jobs: _Count
    failed: _Count


class Facts(msgspec.Struct, frozen=True):
    """What the record of an audit says for later ones: by batch ("": all of them together), the
    rules that had all that they need."""

    performed: dict[str, frozenset[str]]
    shares: tuple[Share, ...]


class Run(msgspec.Struct, frozen=True):
    """One audit: the part of its record that is compared with others."""

    audited_at: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    thresholds: tuple[dict[str, Any], ...]
    outcome: dict[str, dict[str, int]]
    findings: tuple[Finding, ...]
    history: Facts


class Seen(NamedTuple):
    """A finding, when an audit first had it, and the batches of the audit that last had it."""

    finding: Finding
    since: dt.datetime
    batches: frozenset[str]


class Changes(NamedTuple):
    """Findings that were not there before, that were, and that are gone; ``not_performed``: it is
    not known whether they are gone."""

    new: list[Seen]
    known: list[Seen]
    resolved: list[Seen]
    not_performed: list[Seen]


def compared(now: Run, earlier: Iterable[Run]) -> Changes:
    """Compare the findings of an audit with those of earlier ones, which are in order of time.

    What is not performed again stays open until it is. A finding that was resolved and returns is
    new.

    >>> def run(day, *rules, performed=("failed-share",)):
    ...     findings = [Finding(one, "error", "1", None, "2 jobs failed.", None) for one in rules]
    ...     facts = Facts({"1": frozenset(performed)}, ())
    ...     return Run(dt.datetime(2026, 11, day, tzinfo=dt.UTC), (), {"1": {}}, findings, facts)
    >>> changes = compared(run(2), [run(1, "failed-share", "not-final")])
    >>> changes.resolved[0].finding.rule, changes.not_performed[0].finding.rule
    ('failed-share', 'not-final')
    """
    changes = Changes([], [], [], [])
    for run in (*earlier, now):
        changes = _changes(run, [*changes.new, *changes.known, *changes.not_performed])
    return changes


def _changes(run: Run, before: Sequence[Seen]) -> Changes:
    changes, batches = Changes([], [], [], []), frozenset(run.outcome)
    alike: dict[tuple[str | None, ...], list[Seen]] = {}
    for seen in before:
        alike.setdefault(seen.finding.wherever, []).append(seen)
    still_here = set[int]()
    for one in {(one.wherever, one.batch_id): one for one in run.findings}.values():
        # A finding on several batches names none, and may have been or become one on one batch.
        same = [
            seen
            for seen in alike.get(one.wherever, ())
            if len({seen.finding.batch_id, one.batch_id} - {None}) < 2
        ]
        still_here |= {id(seen) for seen in same}
        since = min((seen.since for seen in same), default=run.audited_at)
        (changes.known if same else changes.new).append(Seen(one, since, batches))
    for seen in before:
        if id(seen) not in still_here:
            (changes.resolved if _performed(seen, run) else changes.not_performed).append(seen)
    return changes


def _performed(seen: Seen, run: Run) -> bool:
    """Whether the rule was performed on its batch; on all of them, if the finding names none."""
    rule, batch_id = seen.finding.rule, seen.finding.batch_id
    on = {batch for batch, rules in run.history.performed.items() if rule in rules}
    if batch_id is not None:
        return batch_id in on
    return seen.batches <= run.outcome.keys() and ("" in on or seen.batches <= on)
