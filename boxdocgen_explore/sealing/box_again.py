"""Asks Box again: are the jobs of an evidence bag still as they were read?"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from boxdocgen_explore.auditing import AuditInput, split_reading
from boxdocgen_explore.auditing.compare import changes
from boxdocgen_explore.schema import TERMINAL
from boxdocgen_explore.sealing.answers import parsed_answers, reading
from boxdocgen_explore.sealing.archive import Bag
from boxdocgen_explore.text import counted, listed

BOX_NOW: Final = "Box now"
MATCHES, DIFFERS, NOT_PERFORMED = "matches", "does not match", "not performed"
Row = tuple[str, str, str | None]
_FINAL: Final = pl.col("item").is_in(sorted(TERMINAL)).fill_null(False)


def box_now(bag: Bag, box: Any) -> Iterator[Row]:
    """Compare the jobs of a bag with what Box says now, without the cache: one row per batch.

    Only a job that was final and has changed or vanished does not match.
    """
    record, answers = json.loads(bag.read("data/audit.json")), parsed_answers(bag)
    batches = [*record["outcome"]]
    if record["removed"] or not batches:
        why = "its answers are not in the bag" if batches else "the bag has no batch"
        yield BOX_NOW, NOT_PERFORMED, why
        return
    then = reading(answers, record)
    now = box.read(batches, max_age=dt.timedelta(0), errors="keep")
    hosts = [listed(one.pages["host"].unique().sort()) for one in (then, now)]
    if then.pages.height and now.pages.height and hosts[0] != hosts[1]:
        yield BOX_NOW, NOT_PERFORMED, f"the bag was read from {hosts[0]}, this is {hosts[1]}"
        return
    earlier, later = (AuditInput(*split_reading(one)) for one in (then, now))
    appeared, vanished, changed = changes(earlier, later)
    for batch_id in batches:
        name = f"{BOX_NOW}, batch {batch_id}"
        if batch_id in later.incomplete_batches:
            error = str(now.failures.get(batch_id, "not all pages")).partition("\n")[0]
            yield name, NOT_PERFORMED, f"it could not be read: {error}"
            continue
        own = (one.filter(batch_id=batch_id) for one in (changed, vanished, appeared))
        jobs = then.jobs.filter(batch_id=batch_id)
        yield name, *_judged(jobs, now.jobs.filter(batch_id=batch_id), *own)


def _judged(
    then: pl.DataFrame,
    now: pl.DataFrame,
    changed: pl.DataFrame,
    vanished: pl.DataFrame,
    appeared: pl.DataFrame,
) -> tuple[str, str]:
    lost = vanished.filter(_FINAL)
    running = then.filter(~pl.col("status").is_in(sorted(TERMINAL)).fill_null(False))
    moved = running.join(now, on="job_id", suffix="_now").filter(
        pl.col("status").ne_missing(pl.col("status_now"))
    )
    details = [f"{job_id} ({text})" for job_id, text in changed.select("job_id", "detail").rows()]
    wrong = [
        _part(details, "final then and changed since"),
        _part(lost["job_id"].to_list(), "final then and gone now"),
    ]
    expected = [
        _part(moved["job_id"].to_list(), "still running then, with another status now"),
        _part(vanished.filter(~_FINAL)["job_id"].to_list(), "still running then and gone now"),
        _part(appeared["job_id"].to_list(), "new since"),
    ]
    same = then.height - len(moved) - len(changed) - len(vanished)
    parts = [*wrong, *expected, f"{counted(same, 'job')} as in the bag"]
    return DIFFERS if any(wrong) else MATCHES, "; ".join(filter(None, parts))


def _part(jobs: list[str], words: str) -> str:
    return f"{counted(len(jobs), 'job')} {words}: {listed(jobs)}" if jobs else ""
