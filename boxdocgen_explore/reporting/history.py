"""A folder with one file per audit, its record: what the next audit of it is compared with."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from boxdocgen_explore.auditing.history import Run, Seen, compared
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.reporting.canonical_json import canonical
from boxdocgen_explore.reporting.redaction import PLACEHOLDER
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.text import counted, listed, moment, replacing

_MOST_AUDITS: Final = 12
"""Audits of which the share failed is shown, this one included."""


def history_folder(path: Path) -> Path:
    """The folder, if files can be written there; it is made by the first audit.

    Raises:
        InvalidRequest: it is a file, cannot be written, or the folder around it does not exist.
    """
    if path.exists() and not path.is_dir():
        raise InvalidRequest(f"{path} is a file: the history needs a folder of its own.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidRequest(f"The folder {path} cannot be written: choose another one.")
    return path


def with_history(result: AuditResult, folder: Path) -> AuditResult:
    """Compare an audit with those in a folder; files that are no audits are named and skipped."""
    earlier: list[Run] = []
    skipped: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            earlier.append(msgspec.json.decode(path.read_bytes(), type=Run))
        except (OSError, ValueError, RecursionError):
            skipped.append(path.name)
    facts = {"performed": _performed(result), "shares": _shares(result)}
    now = msgspec.convert(
        {
            "audited_at": result.audited_at,
            "outcome": {batch_id: {} for batch_id in result.batches},
            "findings": result.findings.to_dicts(),
            "history": facts,
        },
        Run,
    )
    earlier = sorted(
        (one for one in earlier if one.audited_at < now.audited_at), key=lambda one: one.audited_at
    )
    changes = {
        name: [_row(one) for one in seen] for name, seen in compared(now, earlier)._asdict().items()
    }
    if result.removed:  # an earlier audit may have had what this one leaves out
        left_out = {"detail": PLACEHOLDER, "about": None}
        for name in ("resolved", "not_performed"):
            changes[name] = [{**row, **left_out} for row in changes[name]]
    of_templates = [] if "template_file_id" in result.removed else [*earlier, now]
    history = {
        **facts,
        "statement": _statement(earlier, changes, skipped),
        "earlier_audits": len(earlier),
        **(changes if earlier else dict.fromkeys(changes)),
        "trend": [_trend_row(one) for one in of_templates[-_MOST_AUDITS:]],
        "skipped": skipped,
    }
    return replace(result, history=history)


def append_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record of an audit as a new file, which another audit at the same time does too.

    Raises:
        InvalidRequest: it cannot be written.
    """
    name = f"{record['audited_at'][:19].replace(':', '')}-{secrets.token_hex(4)}.json"
    try:
        folder.mkdir(exist_ok=True)
        with replacing(folder / name, private=True) as part:
            part.write_text(canonical(record), encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(
            f"{folder / name} cannot be written: {error.strerror or error}."
        ) from None


def _performed(result: AuditResult) -> list[dict[str, Any]]:
    """The rules that had all that they need, by batch; batches that agree are together."""
    by_batch: dict[str | None, list[str]] = defaultdict(list)
    for batch_id, rule in (
        result.batch_verdicts.filter(pl.col("lacks").is_null()).select("batch_id", "rule").rows()
    ):
        by_batch[batch_id].append(rule)
    groups: dict[tuple[str, ...], list[str | None]] = defaultdict(list)
    for batch_id, rules in by_batch.items():
        groups[tuple(rules)].append(batch_id)
    return [{"batches": batches, "rules": [*rules]} for rules, batches in groups.items()]


def _shares(result: AuditResult) -> list[dict[str, Any]]:
    failed = pl.col("status").eq("failed").sum()
    counts = result.jobs.group_by("template_file_id").agg(jobs=pl.len(), failed=failed)
    return [
        {**row, "template": result.names.get(row["template_file_id"])}
        for row in counts.sort("template_file_id", nulls_last=True).to_dicts()
    ]


def _row(seen: Seen) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(seen.finding)
    return {**row, "since": seen.since.isoformat()}


def _trend_row(run: Run) -> dict[str, Any]:
    shares = msgspec.to_builtins(run.history.shares)
    return {"audited_at": run.audited_at.isoformat(), "shares": shares}


_WORDS: Final = {
    "new": "new",
    "known": "known",
    "resolved": "resolved",
    "not_performed": "not performed again",
}


def _statement(
    earlier: Sequence[Run], changes: Mapping[str, Sequence[object]], skipped: Iterable[str]
) -> str:
    if earlier:
        counts = ", ".join(f"{len(changes[name]):,} {words}" for name, words in _WORDS.items())
        audits = counted(len(earlier), "earlier audit")
        text = f"{counts}, compared with {audits} since {moment(earlier[0].audited_at)}."
    else:
        text = "There is no earlier audit, so it is not known which findings are new."
    names = listed(skipped)
    return text + (f" Skipped, because they are no audits of this kind: {names}." if names else "")
