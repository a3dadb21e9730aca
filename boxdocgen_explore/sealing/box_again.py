"""Compare the jobs of an evidence bag with Box today."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from boxdocgen_explore.auditing import audit_input
from boxdocgen_explore.auditing.compare import changes
from boxdocgen_explore.schema import TERMINAL
from boxdocgen_explore.sealing.answers import parsed_answers, reading
from boxdocgen_explore.sealing.archive import Bag
from boxdocgen_explore.text import counted, listed

BOX_NOW: Final = "Box now"
MATCHES, DIFFERS, NOT_PERFORMED = "matches", "does not match", "not performed"


def box_now(bag: Bag, box: Any) -> Iterator[tuple[str, str, str]]:
    """Compare the jobs of a bag with Box today, without the cache: one row per batch.

    Only final jobs that changed or vanished do not match.
    """
    record, answers = json.loads(bag.read("data/audit.json")), parsed_answers(bag)
    batches = [*record["outcome"]]
    if record["removed"] or not batches:
        why = "its answers are not in the bag" if batches else "the bag has no batch"
        yield BOX_NOW, NOT_PERFORMED, why
        return
    then = reading(answers, record)
    now = box.read(batches, max_age=dt.timedelta(0), errors="keep")
    hosts = [listed(reading.pages["host"].unique().sort()) for reading in (then, now)]
    if then.pages.height and now.pages.height and hosts[0] != hosts[1]:
        yield BOX_NOW, NOT_PERFORMED, f"the bag was read from {hosts[0]}, this is {hosts[1]}"
        return
    earlier, later = (audit_input(reading, {}) for reading in (then, now))
    frames = (then.jobs, now.jobs, *changes(earlier, later))
    for batch_id in batches:
        name = f"{BOX_NOW}, batch {batch_id}"
        if batch_id in later.incomplete_batches:
            error = str(now.failures.get(batch_id, "not all pages")).partition("\n")[0]
            yield name, NOT_PERFORMED, f"it could not be read: {error}"
        else:
            yield name, *_judged(*(frame.filter(batch_id=batch_id) for frame in frames))


def _judged(then: pl.DataFrame, now: pl.DataFrame, *found: pl.DataFrame) -> tuple[str, str]:
    appeared, vanished, changed = found
    was_final = pl.col("item").is_in(sorted(TERMINAL)).fill_null(False)
    running = then.filter(~pl.col("status").is_in(sorted(TERMINAL)).fill_null(False))
    both = running.join(now, on="job_id", suffix="_now")
    moved = both.filter(pl.col("status").ne_missing(pl.col("status_now")))
    described = changed.with_columns(job_id=pl.format("{} ({})", "job_id", "detail"))
    wrong = [
        _part(described, "final then and changed since"),
        _part(vanished.filter(was_final), "final then and gone now"),
    ]
    expected = [
        _part(moved, "still running then, with another status now"),
        _part(vanished.filter(~was_final), "still running then and gone now"),
        _part(appeared, "new since"),
    ]
    same = then.height - len(moved) - len(changed) - len(vanished)
    parts = [*wrong, *expected, f"{counted(same, 'job')} as in the bag"]
    return DIFFERS if any(wrong) else MATCHES, "; ".join(filter(None, parts))


def _part(jobs: pl.DataFrame, words: str) -> str:
    return f"{counted(jobs.height, 'job')} {words}: {listed(jobs['job_id'])}" if len(jobs) else ""
