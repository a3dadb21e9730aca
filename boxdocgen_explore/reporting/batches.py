"""The batches of an audit: names, jobs and conclusions."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.schema import RUNNING
from boxdocgen_explore.verdict import batch_label_parts

_STATUS: Final = pl.col("status")


def batch_rows(result: AuditResult) -> list[dict[str, Any]]:
    """Return one row per batch, as values for JSON.

    ``template`` (its name), ``created_at`` (of the first job; ISO 8601, UTC) and ``created_by``
    are None if they were not read or were left out. ``complete`` is None without evidence.
    """
    checks = batch_checks(result)
    counted = {row["batch_id"]: row for row in _counts(result).iter_rows(named=True)}
    return [
        _row(
            result,
            {
                **_NOTHING,
                "batch_id": batch_id,
                "checks": checks[batch_id],
                **counted.get(batch_id, {}),
            },
        )
        for batch_id in result.batches
    ]


def batch_checks(result: AuditResult) -> dict[str, dict[str, int]]:
    """Count the rules that passed, had findings, and were not performed, by batch."""
    verdicts: dict[str, list[str]] = {batch_id: [] for batch_id in result.batches}
    verdicts |= dict(result.batch_verdicts.group_by("batch_id").agg("verdict").iter_rows())
    words = {"passed": "passed", "found": "found", "not_performed": "not evaluated"}
    return {
        batch_id: {name: every.count(word) for name, word in words.items()}
        for batch_id, every in verdicts.items()
    }


_NUMBERS: Final = ("jobs", "failed", "completed_with_error", "running")
_NOTHING: Final[dict[str, Any]] = {
    **dict.fromkeys(_NUMBERS, 0),
    "template_file_ids": [],
    "first_created_at": None,
    "created_by": None,
}


def _counts(result: AuditResult) -> pl.DataFrame:
    """Count the jobs of each batch; columns that were not read or were left out are null."""
    own = result.jobs.drop_nulls("batch_id").group_by("batch_id")
    return own.agg(
        jobs=pl.len(),
        failed=(_STATUS == "failed").sum(),
        completed_with_error=(_STATUS == "completed_with_error").sum(),
        running=_STATUS.is_in(sorted(RUNNING)).sum(),
        template_file_ids=pl.col("template_file_id").drop_nulls().unique().sort(),
        first_created_at=pl.col("^created_at$").min(),
        created_by=pl.col("^created_by_login$").drop_nulls().unique().sort().str.join(", "),
    )


def _row(result: AuditResult, batch: dict[str, Any]) -> dict[str, Any]:
    batch_id, created = batch["batch_id"], batch["first_created_at"]
    complete = False if batch_id in result.incomplete else None if result.pages.is_empty() else True
    template = batch_label_parts(batch, result.names)[0] if batch["template_file_ids"] else None
    return {
        "batch_id": batch_id,
        "template": template,
        "created_at": created and created.isoformat(),
        "created_by": batch["created_by"] or None,
        **{name: batch[name] for name in _NUMBERS},
        "complete": complete,
        "checks": batch["checks"],
        "conclusion": _conclusion(result, batch, complete=complete),
    }


def _conclusion(result: AuditResult, batch: dict[str, Any], *, complete: bool | None) -> str:
    """The conclusion on one batch, like `AuditResult.conclusion` on all."""
    if not complete:
        return "No evidence" if complete is None else "Scope limited"
    if {*result.exceptions_of(batch["batch_id"])} - {"not-final"}:
        return "Exceptions noted"
    if batch["running"]:
        return "Still running"
    if {*result.unevaluated} & _not_performed(result, batch["batch_id"]):
        return "Checks not performed"
    return "No exceptions noted" if batch["jobs"] else "No jobs"


def _not_performed(result: AuditResult, batch_id: str) -> set[str]:
    """The rules that were not evaluated on this batch, or on all batches together."""
    here = pl.col("batch_id").eq(batch_id) | pl.col("batch_id").is_null()
    return {*result.batch_verdicts.filter(here, verdict="not evaluated")["rule"]}
