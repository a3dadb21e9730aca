"""Jobs as plain tables, for readers without scripts: counts, reasons, first rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.schema import PROBLEMS, STATUSES

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


class Link(NamedTuple):
    """A cell with a link."""

    text: str
    address: str


class Table(NamedTuple):
    """The input of the macro ``draw`` in ``tables.html``."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str | int | Link | None]]


def statuses(jobs: pl.DataFrame, *, by_output_type: bool = True) -> Table:
    """Count jobs by status, problems first, and by output type."""
    totals = analysis.outcomes(jobs)
    if not by_output_type:
        return Table("Jobs by status", ("Status", "Jobs"), totals.rows())
    counts = {(status, kind): n for kind, status, n in analysis.output_types(jobs).iter_rows()}
    kinds = list(dict.fromkeys(kind for _, kind in counts))
    rows = [
        [status, *(counts.get((status, kind), 0) for kind in kinds), total]
        for status, total in totals.iter_rows()
    ]
    heads = ["Status", *(kind or "(none)" for kind in kinds), "All"]
    return Table("Jobs by status and output type", heads, rows)


def reasons(jobs: pl.DataFrame) -> Table | None:
    """Count jobs by reason, largest first; None if no job has one."""
    counts = analysis.reasons(jobs)
    if not counts.height:
        return None
    rows = counts.select("jobs", "reason", "example_job_id").rows()
    rest = counts[MOST_REASONS:]
    if rest.height:
        rows = [*rows[:MOST_REASONS], (rest["jobs"].sum(), f"{rest.height:,} other reasons", None)]
    return Table(
        "Why jobs failed or completed with errors", ("Jobs", "Reason", "Example job"), rows
    )


def first_rows(
    jobs: pl.DataFrame, columns: Sequence[str], names: Mapping[str, str],
    sort: Sequence[str] | None = None, most: int = FIRST_ROWS,
) -> Table:  # fmt: skip
    """List the first jobs in the order of ``sort`` (`filters.check_state`), or failures first.

    ``names`` has template names by file id.
    """
    order = f"{_HEADS.get(sort[0], sort[0])}, {sort[1]}" if sort else "failures first"
    column, direction = sort or ("status", "ascending")
    ranks = {status: place for place, status in enumerate(STATUSES)}
    rank = pl.col("status").replace_strict(ranks, default=len(STATUSES))
    keys = [rank, "status"] if column == "status" else [column]
    descending = direction == "descending"
    first = jobs.sort(keys, descending=descending, nulls_last=True, maintain_order=True).head(most)
    shown = [name for name in _HEADS if name in columns]
    rows = [[_cell(name, job, names) for name in shown] for job in first.iter_rows(named=True)]
    caption = f"The first rows, {order}: {first.height:,} of {jobs.height:,}"
    return Table(caption, [_HEADS[name] for name in shown], rows)


def _cell(name: str, job: Mapping[str, Any], names: Mapping[str, str]) -> str | Link | None:
    value: Any = job[name]
    if name == "errors":
        messages = [message for message in value or () if message and message.strip()]
        return " · ".join(messages) or (analysis.NO_REASON if job["status"] in PROBLEMS else None)
    if name == "output_file_id" and value:
        return Link(value, f"https://app.box.com/file/{quote(value, safe='')}")
    text: str | None = names.get(value, value) if name == "template_file_id" else value
    return text
