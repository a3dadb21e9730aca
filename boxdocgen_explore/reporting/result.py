"""The result of an audit: the reading, the findings, and the conclusion."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import polars as pl

from boxdocgen_explore.analysis import Verdict, verdict
from boxdocgen_explore.auditing import DEFAULTS, Evaluation, Rule, batch_verdicts, reconciled
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.reporting.redaction import PLACEHOLDER
from boxdocgen_explore.reporting.scope import Scope
from boxdocgen_explore.schema import PROBLEMS, RUNNING, STATUSES, WAIVED
from boxdocgen_explore.text import counted, listed, moment, percent

CHAIN_RULES: Final = ("chain-incomplete", "chain-inconsistent", "foreign-job", "duplicate-job")
"""The rules on completeness, which are always evaluated."""
_SHARE_RULES: Final = ("failed-share", "error-share")

_STATUS: Final = pl.col("status")
_RUNNING: Final = _STATUS.is_in(sorted(RUNNING)).fill_null(False)
_UNKNOWN: Final = ~_STATUS.is_in(STATUSES).fill_null(False)
_PROBLEM: Final = _STATUS.is_in(PROBLEMS).fill_null(False)


@dataclass(frozen=True)
class AuditResult:
    """The content of a report. Frames as in `schema`; ``pages`` is empty without evidence.

    The ``reading`` lacks redacted data: ``removed`` has these columns, ``columns`` the others.
    ``chain_findings`` are those of `CHAIN_RULES`, even if ``rules`` lacks them. ``unevaluated`` has
    the rules that ``settings`` request but that could not be evaluated. ``names`` has template
    names by file id, ``state`` the filters of the view. ``history`` is that of `reporting.history`
    (None: not compared with earlier audits), ``sample`` that of `reporting.drawn` (None: no
    sample), ``unused`` describes parts of a policy that matched nothing.
    """

    reading: Reading
    columns: Sequence[str]
    removed: Sequence[str]
    findings: pl.DataFrame
    verdicts: pl.DataFrame
    parts: Sequence[Evaluation]
    chain_findings: pl.DataFrame
    unevaluated: Sequence[str]
    rules: Sequence[Rule]
    settings: Mapping[str, Any]
    scope: Scope
    state: Mapping[str, Any]
    names: Mapping[str, str]
    audited_at: dt.datetime
    history: Mapping[str, Any] | None = None
    prepared_by: str | None = None
    reviewed_by: str | None = None
    sample: Mapping[str, Any] | None = None
    unused: Sequence[str] = ()

    @property
    def jobs(self) -> pl.DataFrame:
        return self.reading.jobs

    @property
    def pages(self) -> pl.DataFrame:
        return self.reading.pages

    @property
    def enterprise_id(self) -> str | None:
        """The reader's; None if Box does not say."""
        return self.reading.user.enterprise_id if self.reading.user else None

    @cached_property
    def thresholds(self) -> list[dict[str, Any]]:
        """The options of each group of batches; only a policy makes several groups."""
        groups = []
        for part in self.parts:
            values = {name: part.options.get(name, value) for name, value in DEFAULTS.items()}
            if values["creators"] and "created_by_login" in self.removed:
                values["creators"] = PLACEHOLDER
            groups.append({"batches": [*part.batches], **values})
        return groups

    def exceptions_of(self, batch_id: str) -> list[str]:
        """The rules with an exception about this batch, alone or with others."""
        waived = self.findings.filter(severity=WAIVED, batch_id=batch_id)["rule"].to_list()
        return [
            rule
            for rule in self.exceptions
            if sum(part.counts[rule].get(batch_id, 0) for part in self.parts) > waived.count(rule)
        ]

    @cached_property
    def batch_verdicts(self) -> pl.DataFrame:
        """The verdict of each rule on each batch (`schema.BATCH_VERDICTS`)."""
        return batch_verdicts(self.parts)

    @cached_property
    def batches(self) -> list[str]:
        """Ids of all batches, in order of appearance."""
        ids = pl.concat([self.pages["batch_id"], self.jobs["batch_id"]]).drop_nulls()
        return list(dict.fromkeys([*self.reading.failures, *ids.unique(maintain_order=True)]))

    @cached_property
    def incomplete(self) -> list[str]:
        """Ids of the batches that the evidence does not show to be complete."""
        batch_ids = self.chain_findings["batch_id"]
        if batch_ids.null_count():  # a finding without a batch is about all of them
            return self.batches or [""]
        return batch_ids.unique(maintain_order=True).to_list()

    @cached_property
    def view_verdict(self) -> Verdict:
        """The verdict line of the view, which must not say more than the evidence does."""
        jobs = self.jobs.select(self.columns)  # a message that was left out is not the cause
        failures = {
            batch_id: self.reading.failures.get(batch_id, "") for batch_id in self.incomplete
        }
        return verdict(jobs, self.pages, now=self.audited_at, failures=failures)

    @cached_property
    def as_of(self) -> dt.datetime | None:
        """When the oldest page was read (UTC), that of the list of batches included."""
        # Not that of the view's verdict, which has none in a rendered notebook.
        times = (self.pages["fetched_at"].min(), self.scope.listed_at)
        return min((time for time in times if isinstance(time, dt.datetime)), default=None)

    @cached_property
    def errors(self) -> list[str]:
        """The rules that found errors; those on chains and shares are in the counts already."""
        rules = self.findings.filter(severity="error")["rule"].unique(maintain_order=True)
        return [rule for rule in rules if rule not in {*CHAIN_RULES, *_SHARE_RULES}]

    @cached_property
    def exceptions(self) -> list[str]:
        """The rules that found errors or warnings that are not waived."""
        found = self.findings.filter(pl.col("severity").is_in(("error", "warning")))
        return found["rule"].unique(maintain_order=True).to_list()

    @cached_property
    def complete(self) -> bool:
        """Whether all pages were read, all jobs are final, no rule found an error, and every rule
        that was asked for was evaluated; failures that are accepted are no error.
        """
        return not self.fails("running")

    def fails(self, on: str) -> bool:
        """Whether something is wrong; ``on`` "error" accepts running jobs and warnings, "running"
        only warnings, "warning" neither."""
        evaluated = {*self.verdicts.filter(pl.col("verdict") != "not evaluated")["rule"]}
        accepted = {*_SHARE_RULES} <= evaluated - {*self.exceptions}
        wrong = _UNKNOWN if accepted else _UNKNOWN | _PROBLEM
        open_jobs = self.jobs.filter(wrong if on == "error" else wrong | _RUNNING)
        empty = not (self.jobs.height or self._quiet)
        gaps = self.population != "complete" or self.unevaluated or empty
        found = self.exceptions if on == "warning" else self.errors
        return bool(gaps or open_jobs.height or found)

    @property
    def demo(self) -> bool:
        """Whether anything is from the demo; without jobs, the list of all jobs shows it."""
        listed = self.reading.list_pages
        return self.view_verdict.demo or (listed is not None and "demo" in listed["host"])

    @property
    def _quiet(self) -> bool:
        """Whether it is normal that there are no jobs: the list of all jobs has older ones."""
        older = self.reading.list_pages if self.scope.since else None
        return older is not None and bool(older["jobs"].sum())

    @cached_property
    def conclusion(self) -> str:
        """The result in two or three words; only "No exceptions noted" is good."""
        if self.complete and not self.exceptions and self.jobs.height:
            return "No exceptions noted"
        if self.population != "complete":
            return "Scope limited" if self.population == "limited" else "No evidence"
        if not self.jobs.height and not self.exceptions:
            return "No jobs"
        if set(self.exceptions) <= {"not-final"}:
            if self.jobs.filter(_RUNNING).height:
                return "Still running"
            if self.unevaluated:
                return "Checks not performed"
        return "Exceptions noted"

    @property
    def population(self) -> str:
        """Whether these are all jobs: "complete", "limited" or "no evidence"."""
        if self.incomplete or not self.scope.list_complete:
            return "limited"
        unknown = self.pages.is_empty() and (self.jobs.height or not self.scope.since)
        return "no evidence" if unknown else "complete"

    @cached_property
    def statements(self) -> dict[str, str]:
        """One sentence each: "Population" (all jobs?), "Outcome" (how many failed?), "Expected"
        (the outcome of a manifest, if there is one), "Checks"."""
        expected = "".join(f"{sentence}. " for sentence in self._expected()).strip()
        return {
            "Population": f"{self.population.capitalize()}: {self._population()}.",
            "Outcome": f"{self._outcome()}.",
            **({"Expected": expected} if expected else {}),
            "Checks": f"{self._checks()}.",
        }

    @property
    def verdict(self) -> str:
        """The conclusion and the statements on one line."""
        text = " ".join(self.statements.values())
        return text if text.startswith(self.conclusion) else f"{self.conclusion}. {text}"

    def _population(self) -> str:
        """What was read and what is missing, as whom, and when (UTC)."""
        jobs, number = counted(self.jobs.height, "job"), len(self.batches)
        batches = f"batch {self.batches[0]}" if number == 1 else counted(number, "batch")
        known = self.reading.user.login if self.reading.user else None
        user = self.view_verdict.who or self.scope.login or known or "this user"
        parts = [f"as of {moment(self.as_of)}"] if self.as_of else []
        parts += [f"only batches that {user} can see"] if self.scope.since else []
        parts += ["demo data"] if self.demo else []
        end = f"; {', '.join(parts)}" if parts else ""
        if self.population == "no evidence":
            return f"nothing shows that these are all jobs{end}"
        if not number and self.scope.sentence and not self.scope.list_complete:
            return f"{self.scope.sentence[0].lower()}{self.scope.sentence[1:]}{end}"
        if not number:
            return f"no batch was found{end}"
        read = f"read as {user}{end}"
        gaps = [] if self.scope.list_complete else ["the list of batches may have gaps"]
        if self.incomplete:
            why = f": {self.view_verdict.why}" if self.view_verdict.why else ""
            gaps.insert(0, f"pages missing in {self.view_verdict.missing}{why}")
            known = f"At least {jobs}" if self.jobs.height else "No job"
            return f"{'; '.join(gaps)}. {known} of {batches}, {read}"
        every = f"all {jobs}" if self.jobs.height > 1 else jobs
        return "; ".join([*gaps, f"{every} of {batches}, {read}"])

    def _expected(self) -> Iterator[str]:
        """The outcome of the manifests' documents, if all jobs were read."""
        shared = [part.inputs.same_manifest for part in self.parts]  # some parts share a manifest
        by_batches = {} if self.incomplete else {tuple(part.batches): part for part in shared}
        for part in by_batches.values():
            if part.expected and not part.expected.counts and "external_id" not in self.removed:
                yield reconciled(part.expected, part.jobs)

    def _outcome(self) -> str:
        """Count jobs that need attention: '2 of 41 jobs failed (4.9 %), 3 still running'."""
        jobs = self.jobs.height
        cause = f", {self.view_verdict.cause}" if self.view_verdict.cause else ""
        counts = {
            "failed": (_STATUS == "failed", cause),
            "completed with errors": (_STATUS == "completed_with_error", ""),
            "still running": (_RUNNING, ""),
            "with an unknown status": (_UNKNOWN, ""),
        }
        parts: list[str] = []
        for words, (rows, more) in counts.items():
            if count := self.jobs.filter(rows).height:
                every = counted(jobs, "job")
                total = f" of the {every} that were read" if self.incomplete else f" of {every}"
                total = "" if parts else total
                parts.append(f"{count:,}{total} {words} ({percent(count / jobs)}){more}")
        if parts or not jobs:
            return "; ".join(parts) or (
                "No job was read" if self.incomplete else "There are no jobs"
            )
        return f"All {jobs:,} jobs completed" if jobs > 1 else "The only job completed"

    def check_counts(self) -> dict[str, int]:
        """Count the rules: exceptions, passed, waived, for information, not performed."""
        verdicts = self.verdicts["verdict"].to_list()
        waived = {*self.findings.filter(severity=WAIVED)["rule"]} - {*self.exceptions}
        return {
            "exceptions": len(self.exceptions),
            "passed": verdicts.count("passed"),
            "waived": len(waived),
            "information": verdicts.count("found") - len(self.exceptions) - len(waived),
            "not_performed": verdicts.count("not evaluated"),
        }

    def _checks(self) -> str:
        counts = self.check_counts()
        names = f" ({listed(self.exceptions)})" if self.exceptions else ""
        waived = f"{counts['waived']:,} waived, " if counts["waived"] else ""
        wanted = f" (requested: {listed(self.unevaluated)})" if self.unevaluated else ""
        return (
            f"{counted(counts['exceptions'], 'exception')}{names}, {counts['passed']:,} passed, "
            f"{waived}{counts['information']:,} for information, {counts['not_performed']:,} not "
            f"performed{wanted}"
        )
