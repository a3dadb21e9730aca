"""A folder with the records of audits, with which later audits are compared."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from boxdocgen_explore.arguments import output_file
from boxdocgen_explore.auditing.history import Run, compared
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.reporting.record import audit_record
from boxdocgen_explore.reporting.redaction import PLACEHOLDER
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.text import counted, listed, moment

_MOST_AUDITS: Final = 12
"""Audits of which the share failed is shown, this one included."""
_IN_WORDS: Final = {
    "accepted": "accepted now (the option has changed)",
    "not_performed": "not performed again",
}


def check_history(folder: Path) -> None:
    """Raise InvalidRequest if the folder is unusable; the first audit creates it."""
    place = folder if folder.exists() else folder.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise InvalidRequest(f"The history needs a folder; {folder} cannot be made or written.")


def with_history(result: AuditResult, folder: Path) -> AuditResult:
    """Compare an audit with those in a folder; other files are reported and skipped."""
    facts = {"performed": _performed(result), "shares": _shares(result)}
    record = audit_record(replace(result, history=facts), None, ())
    now = msgspec.convert(record, Run)
    runs, skipped = _runs(folder)
    earlier = [run for run in runs if run.audited_at < now.audited_at]
    options = {rule.name: rule.option for rule in result.rules}
    changes = {
        name: [
            {**msgspec.to_builtins(item.finding), "since": item.since.isoformat()} for item in seen
        ]
        for name, seen in compared(now, earlier, options)._asdict().items()
    }
    if result.removed:  # an earlier audit may have values that this one leaves out
        for row in (
            row for name in ("resolved", "accepted", "not_performed") for row in changes[name]
        ):
            row |= {"detail": PLACEHOLDER, "about": None}
    # Batches that were read again are one point; otherwise they would draw a flat line.
    complete = (run for run in (*earlier, now) if not run.incomplete_batches)
    last = {frozenset(run.outcome): run for run in complete}
    in_order = sorted(last.values(), key=lambda run: run.audited_at)[-_MOST_AUDITS:]
    of_templates = [] if "template_file_id" in result.removed else in_order
    history = {
        **facts,
        "statement": _statement(earlier, changes, skipped),
        "earlier_audits": len(earlier),
        **(changes if earlier else dict.fromkeys(changes)),
        "trend": [
            {
                "audited_at": run.audited_at.isoformat(),
                "batches": sorted(run.outcome),
                "shares": shares,
            }
            for run in of_templates
            if (shares := msgspec.to_builtins(run.history.shares))
        ],
        "skipped": skipped,
    }
    return replace(result, history=history)


def append_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of an audit to a new file, also if another audit does so at the same time.

    Raises:
        InvalidRequest: it cannot be written.
    """
    path = folder / f"{record['audited_at'][:19].replace(':', '')}-{secrets.token_hex(4)}.json"
    with suppress(OSError):  # writing the file reports why
        folder.mkdir(exist_ok=True)
    with output_file(path, private=True) as part:
        part.write_bytes(msgspec.json.encode(record))


def _runs(folder: Path) -> tuple[list[Run], list[str]]:
    """The audits in a folder, in order of time, and the names of other files."""
    runs: list[Run] = []
    skipped: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            run = msgspec.json.decode(path.read_bytes(), type=Run)
            moment(run.audited_at)  # fails if the year is beyond all calendars
            runs.append(run)
        except (OSError, ValueError, OverflowError, RecursionError):
            skipped.append(path.name)
    return sorted(runs, key=lambda run: run.audited_at), skipped


def _performed(result: AuditResult) -> dict[str, list[str]]:
    performed = result.batch_verdicts.filter(pl.col("lacks").is_null())
    by_batch = performed.group_by(pl.col("batch_id").fill_null(""), maintain_order=True)
    return dict(by_batch.agg("rule").iter_rows())


def _shares(result: AuditResult) -> list[dict[str, Any]]:
    failed = pl.col("status").eq("failed").sum()
    counts = result.jobs.group_by("template_file_id").agg(jobs=pl.len(), failed=failed)
    return [
        {**row, "template": result.names.get(row["template_file_id"])}
        for row in counts.sort("template_file_id", nulls_last=True).to_dicts()
    ]


def _statement(
    earlier: Sequence[Run], changes: Mapping[str, Sequence[object]], skipped: list[str]
) -> str:
    if earlier:
        counts = [
            f"{len(seen):,} {_IN_WORDS.get(name, name)}"
            for name, seen in changes.items()
            if seen or name not in ("accepted", "reopened")
        ]
        text = f"{', '.join(counts)}, compared with {counted(len(earlier), 'earlier audit')} since "
        text += f"{moment(earlier[0].audited_at)}."
    else:
        text = "There is no earlier audit, so it is not known which findings are new."
    names = listed(skipped)
    return text + (f" Skipped, because they are not audits of this kind: {names}." if names else "")
