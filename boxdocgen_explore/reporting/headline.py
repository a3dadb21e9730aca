"""The verdict of an audit in one sentence: complete or not, as far as was seen, and as of when."""

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


@dataclass(frozen=True)
class Seen:
    """What was seen: ``jobs``, ids of all ``batches`` and of those ``broken`` (not read whole).

    ``proven`` is False without evidence, ``list_complete`` where the list of batches may have gaps.
    ``accepted`` says that the audit accepts the share of failures; ``errors`` are the rules that
    found errors of another kind.
    """

    jobs: pl.DataFrame
    batches: Collection[str]
    broken: Collection[str]
    proven: bool
    list_complete: bool
    accepted: bool
    errors: Sequence[str]


def verdict_word(seen: Seen) -> str:
    """Give the verdict in a word or two; only "COMPLETE" says that all is well."""
    if seen.broken:
        return "INCOMPLETE"
    if not seen.proven and seen.jobs.height:
        return "NO EVIDENCE"
    unsettled = seen.jobs.filter(_RUNNING | _UNKNOWN).height
    failures = 0 if seen.accepted else seen.jobs.filter(_PROBLEM).height
    if unsettled or failures or not seen.list_complete or not seen.jobs.height:
        return "NOT COMPLETE"
    return "NOT IN ORDER" if seen.errors else "COMPLETE"


def verdict_sentence(
    seen: Seen, *, who: str | None, since: bool, as_of: dt.datetime | None, demo: bool
) -> str:
    """Say the verdict, why, whose batches were seen, and when (UTC).

    ``since`` says that the batches are those this user sees, not those that somebody named.
    """
    why = [*_doubts(seen), *_outcomes(seen)]
    if seen.errors:
        rules = listed(seen.errors)
        why.append(f"{rules} found {'an error' if len(seen.errors) == 1 else 'errors'}")
    reader = who or "this user"
    parts = [
        ", ".join(why),
        f"seen: {reader}'s batches only" if since else f"read as {reader}" if seen.proven else "",
        f"as of {moment(as_of)}" if as_of else "",
        "demo data" if demo else "",
    ]
    return f"{verdict_word(seen)}: " + "; ".join(part for part in parts if part)


def _doubts(seen: Seen) -> list[str]:
    """Why there may be more than was seen."""
    doubts = []
    if seen.broken:
        batches = len(seen.batches)
        if batches == 1:
            doubts.append(
                f"the batch was not read whole, at least {counted(seen.jobs.height, 'job')}"
            )
        else:
            verb = "was" if len(seen.broken) == 1 else "were"
            share = f"{len(seen.broken):,} of {counted(batches, 'batch')}"
            doubts.append(f"{share} {verb} not read whole")
    elif not seen.proven and seen.jobs.height:
        doubts.append("nothing shows that these are all")
    if not seen.list_complete:
        doubts.append("the list of batches may have gaps")
    return doubts


def _outcomes(seen: Seen) -> list[str]:
    jobs, batches = seen.jobs, len(seen.batches)
    if not jobs.height:
        nothing = (
            "no batch was seen" if not batches else f"{counted(batches, 'batch')} without jobs"
        )
        return [] if seen.broken else [nothing]
    if batches == 1:
        kinds = [
            (pl.col("status") == "failed", "failed", "failed"),
            (
                pl.col("status") == "completed_with_error",
                "completed with errors",
                "completed with errors",
            ),
            (_RUNNING, "still runs", "still run"),
            (_UNKNOWN, "has a status unknown here", "have a status unknown here"),
        ]
        counts = [(jobs.filter(rows).height, one, many) for rows, one, many in kinds]
        return _counted(counts, jobs.height, "job")
    kinds = [
        (_RUNNING, "still runs", "still run"),
        (_PROBLEM, "has failures", "have failures"),
        (_UNKNOWN, "has a status unknown here", "have statuses unknown here"),
    ]
    counts = [(jobs.filter(rows)["batch_id"].n_unique(), one, many) for rows, one, many in kinds]
    return _counted(counts, batches, "batch", whole_said=bool(seen.broken))


def _counted(
    counts: Sequence[tuple[int, str, str]], of: int, noun: str, *, whole_said: bool = False
) -> list[str]:
    """Name what occurs, the whole once: '2 of 41 batches still run, 3 have failures'."""
    parts: list[str] = []
    for count, one, many in counts:
        if count:
            share = f"{count:,}" if parts or whole_said else f"{count:,} of {counted(of, noun)}"
            parts.append(f"{share} {one if count == 1 else many}")
    if parts or whole_said:
        return parts
    return ["1 job completed" if (of, noun) == (1, "job") else f"all {counted(of, noun)} completed"]
