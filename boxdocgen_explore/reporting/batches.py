"""The batches of an audit, one by one: what each is, its jobs, and what the audit says of it."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.schema import RUNNING
from boxdocgen_explore.verdict import batch_label_parts

_STATUS: Final = pl.col("status")


def batch_rows(result: AuditResult) -> list[dict[str, Any]]:
    """Give one row per batch, as values that JSON can hold.

    ``template`` (its name), ``created_at`` (of the first job; ISO 8601, UTC) and ``created_by``
    are None if that was not read, or was left out. ``complete`` is None without evidence.
    """
    counted = {row.pop("batch_id"): row for row in _counts(result).iter_rows(named=True)}
    return [
        {
            "batch_id": batch_id,
            **_described(result, counted.get(batch_id, _NOTHING)),
            "complete": _complete(result, batch_id),
            "conclusion": _conclusion(result, batch_id, counted.get(batch_id, _NOTHING)),
        }
        for batch_id in result.batches
    ]


_NUMBERS: Final = ("jobs", "failed", "completed_with_error", "running")
_NOTHING: Final[dict[str, Any]] = dict.fromkeys(_NUMBERS, 0) | {
    "template_file_ids": [],
    "first_created_at": None,
}


def _counts(result: AuditResult) -> pl.DataFrame:
    created, creator = pl.lit(None, pl.Datetime("us", "UTC")), pl.lit(None, pl.String)
    read = {*result.columns}
    if "created_at" in read:
        created = pl.col("created_at").min()
    if "created_by_login" in read:
        creator = pl.col("created_by_login").drop_nulls().unique().sort().str.join(", ")
    return (
        result.jobs.drop_nulls("batch_id")
        .group_by("batch_id")
        .agg(
            jobs=pl.len(),
            failed=(_STATUS == "failed").sum(),
            completed_with_error=(_STATUS == "completed_with_error").sum(),
            running=_STATUS.is_in(sorted(RUNNING)).sum(),
            template_file_ids=pl.col("template_file_id").drop_nulls().unique().sort()
            if "template_file_id" in read
            else pl.lit([], pl.List(pl.String)),
            first_created_at=created,
            created_by=creator,
        )
    )


def _described(result: AuditResult, row: dict[str, Any]) -> dict[str, Any]:
    created = row["first_created_at"]
    template = batch_label_parts(row, result.names)[0] if row["template_file_ids"] else None
    return {
        "template": template,
        "created_at": created and created.isoformat(),
        "created_by": row.get("created_by") or None,
        **{name: row[name] for name in _NUMBERS},
    }


def _complete(result: AuditResult, batch_id: str) -> bool | None:
    """Whether the evidence shows that all pages of this batch were read."""
    if batch_id in result.incomplete:
        return False
    return None if result.pages is None else True


def _conclusion(result: AuditResult, batch_id: str, row: dict[str, Any]) -> str:
    """Say of one batch what `AuditResult.conclusion` says of all."""
    complete = _complete(result, batch_id)
    if not complete:
        return "No evidence" if complete is None else "Scope limited"
    if {*result.exceptions_of(batch_id)} - {"not-final"}:
        return "Exceptions noted"
    if row["running"]:
        return "Still running"
    if result.unevaluated:
        return "Checks not performed"
    return "No exceptions noted" if row["jobs"] else "No jobs"
