"""Jobs as plain HTML tables, for readers without scripts: counts, reasons, first rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.schema import PROBLEMS, STATUSES
from boxdocgen_explore.view.markup import Html, file_link, table

FIRST_ROWS: Final = 50
MOST_REASONS: Final = 40

_HEADS: Final = {
    "status": "Status",
    "external_id": "External id",
    "errors": "Reason",
    "template_file_id": "Template",
    "output_file_id": "Output",
    "job_id": "Job id",
}


def statuses(jobs: pl.DataFrame, *, by_output_type: bool = True) -> Html:
    """Count jobs by status, problems first, and by output type."""
    totals = analysis.outcomes(jobs)
    if not by_output_type:
        return table("Jobs by status", ("Status", "Jobs"), totals.rows())
    counts = {
        (status, kind): count for kind, status, count in analysis.output_types(jobs).iter_rows()
    }
    kinds = list(dict.fromkeys(kind for _, kind in counts))
    rows = [
        [status, *(counts.get((status, kind), 0) for kind in kinds), total]
        for status, total in totals.iter_rows()
    ]
    heads = ["Status", *(kind or "(none)" for kind in kinds), "All"]
    return table("Jobs by status and output type", heads, rows)


def reasons(jobs: pl.DataFrame) -> Html:
    """Count jobs by reason, the largest first; nothing where no job has one."""
    counts = analysis.reasons(jobs)
    if not counts.height:
        return Html("")
    rows: list[list[object]] = [
        [row["jobs"], row["reason"], row["example_job_id"]]
        for row in counts.head(MOST_REASONS).iter_rows(named=True)
    ]
    if counts.height > MOST_REASONS:
        rest = counts[MOST_REASONS:]
        rows.append([int(rest["jobs"].sum()), f"{rest.height:,} other reasons", None])
    return table("Why jobs failed or completed with errors", ("Jobs", "Reason", "Example"), rows)


def first_rows(jobs: pl.DataFrame, columns: Sequence[str], names: Mapping[str, str]) -> Html:
    """List the first jobs, failures first; ``names`` are templates' by file id."""
    rank = pl.col("status").replace_strict(
        {status: place for place, status in enumerate(STATUSES)}, default=len(STATUSES)
    )
    first = jobs.sort(rank, "status", maintain_order=True, nulls_last=True).head(FIRST_ROWS)
    shown = [name for name in _HEADS if name in columns]
    rows = [[_cell(name, job, names) for name in shown] for job in first.iter_rows(named=True)]
    caption = f"The first rows, failures first: {first.height:,} of {jobs.height:,}"
    return table(caption, [_HEADS[name] for name in shown], rows, "rows")


def _cell(name: str, job: Mapping[str, Any], names: Mapping[str, str]) -> object:
    value = job[name]
    if name == "errors":
        messages = [message for message in value or () if message and message.strip()]
        silent = analysis.NO_REASON if job["status"] in PROBLEMS else ""
        return " · ".join(messages) or silent
    if name == "output_file_id":
        return file_link(value)
    return names.get(value, value) if name == "template_file_id" else value
