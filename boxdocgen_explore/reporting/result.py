"""One audit, before it is written: what was read, what the rules found, and the verdict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import polars as pl

from boxdocgen_explore.analysis import Verdict, verdict
from boxdocgen_explore.auditing import Rule
from boxdocgen_explore.errors import BoxDocGenError
from boxdocgen_explore.reporting.headline import Coverage, headline, verdict_word
from boxdocgen_explore.reporting.redaction import Redaction

CHAIN_RULES: Final = ("chain-incomplete", "chain-inconsistent", "foreign-job", "duplicate-job")
"""The rules that decide whether a batch was read completely; they are always evaluated."""
_SHARE_RULES: Final = ("failed-share", "error-share")


@dataclass(frozen=True)
class Scope:
    """What the audit was asked to cover, in a sentence; the batches named here or ``since``.

    ``list_complete`` is False if the list of batches may have gaps; ``listed_at`` (UTC) is when
    the oldest page of that list was read, ``login`` the user who read it.
    """

    sentence: str = ""
    since: bool = False
    list_complete: bool = True
    listed_at: dt.datetime | None = None
    login: str | None = None


@dataclass(frozen=True)
class AuditResult:
    """Everything that a report says. Frames as in `schema`; ``pages`` is None without evidence.

    ``rules`` and ``settings`` are what the audit was given, ``requested`` the names of the rules
    that the settings ask for. ``chain_findings`` are those of `CHAIN_RULES`, even if ``rules``
    lacks them. ``names`` are templates' by file id, ``state`` the filters of the view.
    """

    redaction: Redaction
    pages: pl.DataFrame | None
    failures: Mapping[str, BoxDocGenError]
    findings: pl.DataFrame
    verdicts: pl.DataFrame
    chain_findings: pl.DataFrame
    rules: Sequence[Rule]
    requested: frozenset[str]
    settings: Mapping[str, Any]
    scope: Scope
    state: Mapping[str, Any]
    names: Mapping[str, str]
    audited_at: dt.datetime
    enterprise_id: str | None = None
    """The reader's enterprise; None if Box does not say."""
    as_user: str | None = None
    """The user id that Box was read as with another user's token, if any."""

    @property
    def jobs(self) -> pl.DataFrame:
        """The jobs without what was left out."""
        return self.redaction.jobs

    @property
    def demo(self) -> bool:
        """Whether any of the data is the demo's."""
        return self.view_verdict.demo

    @cached_property
    def batches(self) -> list[str]:
        """Ids of all batches, in order of appearance."""
        frames = [self.jobs] if self.pages is None else [self.pages, self.jobs]
        ids = [one for frame in frames for one in frame["batch_id"].unique(maintain_order=True)]
        return list(dict.fromkeys([*self.failures, *(one for one in ids if one is not None)]))

    @cached_property
    def incomplete(self) -> list[str]:
        """Ids of the batches whose evidence does not show that they were read completely."""
        batch_ids = self.chain_findings["batch_id"]
        if batch_ids.null_count():  # a finding that names no batch is about all of them
            return self.batches or [""]
        return batch_ids.unique(maintain_order=True).to_list()

    @cached_property
    def view_verdict(self) -> Verdict:
        """The verdict line of the view, which must not say more than the evidence does."""
        return verdict(self.jobs, self.pages, now=self.audited_at, failures=self.incomplete)

    @cached_property
    def coverage(self) -> Coverage:
        """What the headline is made from."""
        rules = dict(self.verdicts.select("rule", "verdict").iter_rows())
        errors = self.findings.filter(severity="error")["rule"].unique(maintain_order=True)
        elsewhere = {*CHAIN_RULES, *_SHARE_RULES}  # the counts of batches and jobs say it already
        return Coverage(
            jobs=self.jobs,
            batches=self.batches,
            incomplete=self.incomplete,
            evidence=self.pages is not None,
            list_complete=self.scope.list_complete,
            failures_accepted=all(rules.get(name) == "passed" for name in _SHARE_RULES),
            errors=[rule for rule in errors if rule not in elsewhere],
            unevaluated=[
                rule
                for rule, outcome in rules.items()
                if rule in self.requested and outcome == "not evaluated"
            ],
        )

    @cached_property
    def as_of(self) -> dt.datetime | None:
        """When the oldest page was read (UTC), that of the list of batches included."""
        times = [time for time in (self.view_verdict.read_at, self.scope.listed_at) if time]
        return min(times, default=None)

    @property
    def complete(self) -> bool:
        """Whether all pages were read, all jobs are final, and all that was asked for is well."""
        return verdict_word(self.coverage) == "COMPLETE"

    @cached_property
    def verdict(self) -> str:
        """The one sentence; it begins with COMPLETE only if `complete`."""
        return headline(
            self.coverage,
            login=self.view_verdict.who or self.scope.login,
            since=self.scope.since,
            as_of=self.as_of,
            demo=self.demo,
        )
