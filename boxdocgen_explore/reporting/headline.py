"""The verdict of an audit in one sentence: complete or not, why, as whom, and as of when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from boxdocgen_explore.schema import PROBLEMS, RUNNING, STATUSES
from boxdocgen_explore.text import counted, listed, moment

_RUNNING: Final = pl.col("status").is_in(sorted(RUNNING)).fill_null(False)
_UNKNOWN: Final = ~pl.col("status").is_in(STATUSES).fill_null(False)
_PROBLEM: Final = pl.col("status").is_in(PROBLEMS).fill_null(False)

_OF_JOBS: Final = {
    "failed": pl.col("status") == "failed",
    "completed with errors": pl.col("status") == "completed_with_error",
    "still running": _RUNNING,
    "with a status unknown here": _UNKNOWN,
}
_OF_BATCHES: Final = {
    "still running": _RUNNING,
    "with failures": _PROBLEM,
    "with a status unknown here": _UNKNOWN,
}


@dataclass(frozen=True)
class Coverage:
    """What an audit covered, and what speaks against calling it complete.

    ``batches`` are the ids of all batches, ``incomplete`` of those of which pages are missing.
    ``evidence`` is False for a plain frame; ``list_complete`` is False if the list of batches may
    have gaps. ``failures_accepted`` says that the thresholds accept the failures; ``errors`` are
    the other rules that found errors, ``unevaluated`` those that were asked for in vain.
    """

    jobs: pl.DataFrame
    batches: Collection[str]
    incomplete: Collection[str]
    evidence: bool
    list_complete: bool
    failures_accepted: bool
    errors: Sequence[str]
    unevaluated: Sequence[str]


def verdict_word(coverage: Coverage) -> str:
    """Give the verdict in a word or two; only "COMPLETE" says that all is well."""
    if coverage.incomplete:
        return "INCOMPLETE"
    if not coverage.evidence and coverage.jobs.height:
        return "NO EVIDENCE"
    problems = coverage.jobs.filter(_RUNNING | _UNKNOWN).height
    if not coverage.failures_accepted:
        problems += coverage.jobs.filter(_PROBLEM).height
    if problems or coverage.unevaluated or not coverage.list_complete or not coverage.jobs.height:
        return "NOT COMPLETE"
    return "NOT IN ORDER" if coverage.errors else "COMPLETE"


def headline(
    coverage: Coverage, *, login: str | None, since: bool, as_of: dt.datetime | None, demo: bool
) -> str:
    """Give the verdict, the reasons, whose permissions applied, and the time (UTC).

    ``since`` says that the batches are all recent ones that this user can see, not named ones.
    """
    user = login or "this user"
    read_as = f"read as {user}" if coverage.evidence else ""
    parts = [
        ", ".join([*_missing(coverage), *_outcomes(coverage), *_rules(coverage)]),
        f"only batches that {user} can see" if since else read_as,
        f"as of {moment(as_of)}" if as_of else "",
        "demo data" if demo else "",
    ]
    return f"{verdict_word(coverage)}: " + "; ".join(part for part in parts if part)


def _missing(coverage: Coverage) -> list[str]:
    """Why there may be more jobs than these."""
    incomplete, batches, jobs = coverage.incomplete, len(coverage.batches), coverage.jobs.height
    reasons = []
    if incomplete and batches == 1:
        reasons.append(f"batch not read completely, at least {counted(jobs, 'job')}")
    elif incomplete:
        share = f"{len(incomplete):,} of {counted(batches, 'batch')}"
        reasons.append(f"{share} not read completely")
    elif jobs and not coverage.evidence:
        reasons.append("nothing shows that these are all jobs")
    if not coverage.list_complete:
        reasons.append("the list of batches may have gaps")
    return reasons


def _outcomes(coverage: Coverage) -> list[str]:
    """Count what needs attention, the first of a total: '2 of 41 batches still running, 3 ...'."""
    jobs, batches = coverage.jobs, len(coverage.batches)
    if batches == 1 and jobs.height:
        total = counted(jobs.height, "job")
        counts = [(words, jobs.filter(rows).height) for words, rows in _OF_JOBS.items()]
    else:
        total = counted(batches, "batch")
        in_batches = {words: jobs.filter(rows)["batch_id"] for words, rows in _OF_BATCHES.items()}
        counts = [(words, batch_ids.n_unique()) for words, batch_ids in in_batches.items()]
    parts: list[str] = []
    for words, count in counts:
        if count:
            parts.append(f"{count:,} {words}" if parts else f"{count:,} of {total} {words}")
    if parts or coverage.incomplete:
        return parts
    if not jobs.height:
        return [f"{total} without jobs" if batches else "no batch was found"]
    return [f"{total} completed" if total.startswith("1 ") else f"all {total} completed"]


def _rules(coverage: Coverage) -> list[str]:
    parts = []
    if errors := coverage.errors:
        parts.append(f"{listed(errors)} found {'an error' if len(errors) == 1 else 'errors'}")
    if coverage.unevaluated:
        parts.append(f"{listed(coverage.unevaluated)} could not be evaluated")
    return parts
