"""Rules about the evidence: were all pages read, and do they fit together and fit the jobs?"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from boxdocgen_explore.auditing.findings import findings_frame, per_group, per_job
from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.rule import rule
from boxdocgen_explore.schema import PAGES

_NUMBER = pl.col("page")
_MARKER, _NEXT = pl.col("marker_sha256"), pl.col("next_marker_sha256")


def _pages(inputs: AuditInput) -> pl.DataFrame:
    return pl.DataFrame(schema=PAGES) if inputs.pages is None else inputs.pages


@rule(
    "chain-incomplete",
    "error",
    checks="every batch was read from its first page to an end marker",
    why="Jobs on pages that were not read may have failed.",
    needs=("evidence",),
)
def chain_incomplete(inputs: AuditInput) -> pl.DataFrame:
    ends = (
        _pages(inputs)
        .group_by("batch_id", maintain_order=True)
        .agg(
            begins=_MARKER.first().is_null() & (_NUMBER.first() == 1).fill_null(False),
            ends=_NEXT.last().is_null(),
            complete=pl.col("complete").fill_null(False).all(),
        )
        .filter(~pl.all_horizontal("begins", "ends", "complete"))
    )
    reasons: dict[str | None, list[str]] = {batch_id: [] for batch_id in inputs.failures}
    for batch_id, begins, reaches_end, _ in ends.iter_rows():
        reasons[batch_id] = [] if begins else ["its first page is missing"]
        reasons[batch_id] += [] if reaches_end else ["its pages do not reach an end marker"]
    # Why a batch could not be read explains more than where its pages end, so it comes first.
    for batch_id, error in inputs.failures.items():
        reasons[batch_id].insert(0, " ".join(str(error).split()).removesuffix("."))
    return findings_frame(
        (batch_id, None, f"The batch is incomplete{': ' * bool(texts)}{'; '.join(texts)}.")
        for batch_id, texts in reasons.items()
    )


_FAULTS: Final = {
    "numbers": "its pages are not numbered consecutively",
    "markers": "a page does not begin where the one before it ends",
    "repeated_marker": "a marker was used twice",
    "repeated_body": "a page appears twice",
    "duplicates": "an id appears on two pages",
    "users": "its pages were read by several users",
    "hosts": "its pages were read from several hosts",
}


@rule(
    "chain-inconsistent",
    "error",
    checks="the pages of a batch follow one another and hold exactly the jobs that are here",
    why="If a page moved, appears twice or was removed, every count is wrong.",
    needs=("pages",),
)
def chain_inconsistent(inputs: AuditInput) -> pl.DataFrame:
    rows = inputs.jobs.group_by("batch_id").agg(rows=pl.len().cast(pl.Int64))
    # Pages without jobs may well be alike.
    bodies = pl.col("body_sha256").filter(pl.col("jobs") > 0).drop_nulls()
    chains = (
        _pages(inputs)
        .group_by("batch_id", maintain_order=True)
        .agg(
            numbers=(_NUMBER.diff().drop_nulls() != 1).any() | _NUMBER.is_null().any(),
            markers=_MARKER.ne_missing(_NEXT.shift(1)).slice(1).any(),
            repeated_marker=_MARKER.drop_nulls().is_duplicated().any(),
            repeated_body=bodies.is_duplicated().any(),
            duplicates=(pl.col("duplicates") > 0).any(),
            users=pl.col("user_id").n_unique() > 1,
            hosts=pl.col("host").n_unique() > 1,
            jobs=pl.col("jobs").sum(),
        )
        .join(rows, on="batch_id", how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.col("rows").fill_null(0))
    )
    return per_group(
        chains.filter(pl.any_horizontal(*_FAULTS, pl.col("jobs") != pl.col("rows"))), _faults
    )


def _faults(jobs: int, rows: int, **found: Any) -> str:
    faults = [text for fault, text in _FAULTS.items() if found[fault]]
    if jobs != rows:
        faults.append(f"its pages hold {jobs:,} jobs, the frame {rows:,}")
    return f"The evidence is inconsistent: {'; '.join(faults)}."


@rule(
    "foreign-job",
    "error",
    checks="every job belongs to a batch that was read",
    why="A job of another batch does not belong in this audit.",
    needs=("jobs", "pages"),
)
def foreign_job(inputs: AuditInput) -> pl.DataFrame:
    batches = _pages(inputs).select(pl.col("batch_id").drop_nulls().unique())
    foreign = inputs.jobs.join(batches, on="batch_id", how="anti", maintain_order="left")
    other = pl.format("The job belongs to batch {}, of which no page was read.", "batch_id")
    return per_job(foreign, pl.coalesce(other, pl.lit("The job names no batch.")))
