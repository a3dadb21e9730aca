"""One audit: what was read, what the rules found, and what that comes to in one sentence."""

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
from boxdocgen_explore.schema import PROBLEMS, RUNNING, STATUSES
from boxdocgen_explore.text import counted, listed, moment

CHAIN_RULES: Final = ("chain-incomplete", "chain-inconsistent", "foreign-job", "duplicate-job")
"""The rules that decide whether a batch was read completely; they are always evaluated."""
_SHARE_RULES: Final = ("failed-share", "error-share")

_STATUS: Final = pl.col("status")
_RUNNING: Final = _STATUS.is_in(sorted(RUNNING)).fill_null(False)
_UNKNOWN: Final = ~_STATUS.is_in(STATUSES).fill_null(False)
_PROBLEM: Final = _STATUS.is_in(PROBLEMS).fill_null(False)
_ATTENTION_IN_A_BATCH: Final = {
    "failed": _STATUS == "failed",
    "completed with errors": _STATUS == "completed_with_error",
    "still running": _RUNNING,
    "with a status unknown here": _UNKNOWN,
}
_ATTENTION: Final = {
    "still running": _RUNNING,
    "with failures": _PROBLEM,
    "with a status unknown here": _UNKNOWN,
}


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

    ``jobs`` lack what was left out: ``removed`` names these columns, ``columns`` the others.
    ``chain_findings`` are those of `CHAIN_RULES`, even if ``rules`` lacks them; ``unevaluated``
    names the rules that ``settings`` ask for, but that could not be evaluated. ``names`` are
    templates' by file id, ``state`` the filters of the view. ``enterprise_id`` is the reader's
    (None if Box does not say), ``as_user`` the user id that was read as, if any.
    ``document_pages`` is None if documents were not read, ``calls`` if it is not known how many
    calls the reading took.
    """

    jobs: pl.DataFrame
    columns: Sequence[str]
    removed: Sequence[str]
    pages: pl.DataFrame | None
    failures: Mapping[str, BoxDocGenError]
    findings: pl.DataFrame
    verdicts: pl.DataFrame
    chain_findings: pl.DataFrame
    unevaluated: Sequence[str]
    rules: Sequence[Rule]
    settings: Mapping[str, Any]
    scope: Scope
    state: Mapping[str, Any]
    names: Mapping[str, str]
    audited_at: dt.datetime
    enterprise_id: str | None
    as_user: str | None
    document_pages: pl.DataFrame | None = None
    calls: int | None = None

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
        jobs = self.jobs.select(self.columns)  # a message that was left out is not the cause
        return verdict(jobs, self.pages, now=self.audited_at, failures=self.incomplete)

    @cached_property
    def as_of(self) -> dt.datetime | None:
        """When the oldest page was read (UTC), that of the list of batches included."""
        times = [time for time in (self.view_verdict.read_at, self.scope.listed_at) if time]
        return min(times, default=None)

    @cached_property
    def errors(self) -> list[str]:
        """The rules that found errors; those on chains and shares are in the counts already."""
        rules = self.findings.filter(severity="error")["rule"].unique(maintain_order=True)
        return [rule for rule in rules if rule not in {*CHAIN_RULES, *_SHARE_RULES}]

    @property
    def word(self) -> str:
        """The verdict in a word or two; only "COMPLETE" says that all is well."""
        if self.incomplete:
            return "INCOMPLETE"
        if self.pages is None and self.jobs.height:
            return "NO EVIDENCE"
        outcomes = dict(self.verdicts.select("rule", "verdict").iter_rows())
        accepted = all(outcomes.get(rule) == "passed" for rule in _SHARE_RULES)
        open_jobs = self.jobs.filter(_RUNNING | _UNKNOWN | (pl.lit(not accepted) & _PROBLEM))
        gaps = self.unevaluated or not self.scope.list_complete or not self.jobs.height
        if open_jobs.height or gaps:
            return "NOT COMPLETE"
        return "NOT IN ORDER" if self.errors else "COMPLETE"

    @property
    def complete(self) -> bool:
        """Whether all pages were read, all jobs are final, and all that was asked for is well."""
        return self.word == "COMPLETE"

    @cached_property
    def verdict(self) -> str:
        """The one sentence: the word, the reasons, whose permissions applied, and when (UTC)."""
        user = self.view_verdict.who or self.scope.login or "this user"
        read_as = f"read as {user}" if self.pages is not None else ""
        parts = [
            ", ".join([*self._doubts(), *self._outcomes(), *self._rules()]),
            f"only batches that {user} can see" if self.scope.since else read_as,
            f"as of {moment(self.as_of)}" if self.as_of else "",
            "demo data" if self.view_verdict.demo else "",
        ]
        return f"{self.word}: " + "; ".join(part for part in parts if part)

    def _doubts(self) -> list[str]:
        """Why there may be more jobs than these."""
        batches, jobs = len(self.batches), counted(self.jobs.height, "job")
        doubts = []
        if self.incomplete and batches == 1:
            doubts.append(f"batch not read completely, at least {jobs}")
        elif self.incomplete:
            share = f"{len(self.incomplete):,} of {counted(batches, 'batch')}"
            doubts.append(f"{share} not read completely")
        elif self.pages is None and self.jobs.height:
            doubts.append("nothing shows that these are all jobs")
        return (
            doubts if self.scope.list_complete else [*doubts, "the list of batches may have gaps"]
        )

    def _outcomes(self) -> list[str]:
        """Count what needs attention: '2 of 41 batches still running, 3 with failures'."""
        jobs, batches = self.jobs, len(self.batches)
        if batches == 1 and jobs.height:
            total = counted(jobs.height, "job")
            counts = {key: jobs.filter(rows).height for key, rows in _ATTENTION_IN_A_BATCH.items()}
        else:
            total = counted(batches, "batch")
            ids = {key: jobs.filter(rows)["batch_id"] for key, rows in _ATTENTION.items()}
            counts = {key: batch_ids.n_unique() for key, batch_ids in ids.items()}
        parts: list[str] = []
        for words, count in counts.items():
            if count:
                parts.append(f"{count:,} {words}" if parts else f"{count:,} of {total} {words}")
        if parts or self.incomplete:
            return parts
        if not jobs.height:
            return [f"{total} without jobs" if batches else "no batch was found"]
        return [f"{total} completed" if total.startswith("1 ") else f"all {total} completed"]

    def _rules(self) -> list[str]:
        parts = []
        if self.errors:
            errors = "an error" if len(self.errors) == 1 else "errors"
            parts.append(f"{listed(self.errors)} found {errors}")
        if self.unevaluated:
            parts.append(f"{listed(self.unevaluated)} could not be evaluated")
        return parts
