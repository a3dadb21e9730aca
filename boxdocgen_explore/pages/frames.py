"""Pages -> frames: the jobs of batches, the batch list, templates and their tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from boxdocgen_explore.pages.parse import file_page as file_page
from boxdocgen_explore.pages.parse import full_page as full_page
from boxdocgen_explore.pages.parse import item_page as item_page
from boxdocgen_explore.pages.parse import page as page
from boxdocgen_explore.pages.parse import tag_page as tag_page
from boxdocgen_explore.pages.parse import template_page as template_page
from boxdocgen_explore.schema import BATCHES, DETAILS, DOCUMENTS, JOBS, STATUSES, TAGS, TEMPLATES

COUNTS: Final = {
    "jobs": pl.len().cast(pl.Int64),
    **{known: pl.col("status").eq(known).sum().cast(pl.Int64) for known in STATUSES},
    "other": pl.col("status").is_in(STATUSES).not_().sum().cast(pl.Int64),
}
"""The number of jobs in a group, in total and by status (names as in BATCHES)."""


def jobs(pages: Iterable[pl.DataFrame], origin: str) -> pl.DataFrame:
    """Pages in order -> one `jobs` frame (schema.JOBS); ``origin`` names their host."""
    rows = pl.concat([_empty({n: t for n, t in JOBS.items() if n != "origin"}), *pages])
    return rows.with_columns(pl.lit(origin).alias("origin"))


def with_details(jobs: pl.DataFrame, full: pl.DataFrame) -> pl.DataFrame:
    """`jobs` with the detail columns (schema.DETAILS), joined on the job id; null if missing."""
    return jobs.join(
        full.select("job_id", *DETAILS).unique("job_id"),
        on="job_id",
        how="left",
        maintain_order="left",
    )


def with_documents(jobs: pl.DataFrame, documents: pl.DataFrame) -> pl.DataFrame:
    """`jobs` with the columns of their output files (schema.DOCUMENTS), joined on the file's id.

    With details, also ``duration_s`` (schema.DURATION).
    """
    joined = jobs.join(
        documents.select("output_file_id", *DOCUMENTS).unique("output_file_id", keep="first"),
        on="output_file_id",
        how="left",
        maintain_order="left",
    )
    return with_durations(joined) if "created_at" in joined.columns else joined


def with_durations(jobs: pl.DataFrame) -> pl.DataFrame:
    """`jobs` with ``duration_s`` (schema.DURATION), from its details and documents."""
    took = pl.col("output_file_created_at") - pl.col("created_at")
    return jobs.with_columns(duration_s=took.dt.total_microseconds() / 1e6)


def with_columns(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The frame with exactly these columns; missing ones are null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in schema.items()
    )


def full_jobs(pages: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Pages of ``/docgen_jobs`` -> one row per job; a job on two pages counts once."""
    schema = {n: t for n, t in {**JOBS, **DETAILS}.items() if n != "origin"}
    return pl.concat([_empty(schema), *pages]).unique("job_id", keep="last", maintain_order=True)


def batches(full: pl.DataFrame) -> pl.DataFrame:
    """The rows of `full_jobs` -> one row per batch (schema.BATCHES), newest first."""
    return (
        full.group_by("batch_id")
        .agg(
            **COUNTS,
            template_file_ids=pl.col("template_file_id").drop_nulls().unique().sort(),
            output_types=pl.col("output_type").drop_nulls().unique().sort(),
            first_created_at=pl.col("created_at").min(),
            last_created_at=pl.col("created_at").max(),
        )
        .sort("last_created_at", "batch_id", descending=True, nulls_last=True)
        .select(*BATCHES)
    )


def templates(pages: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Pages -> one row per template (schema.TEMPLATES), sorted by name."""
    return pl.concat([_empty(TEMPLATES), *pages]).unique("template_file_id").sort("template_name")


def tags(pages: Iterable[pl.DataFrame], template_id: str, version_id: str | None) -> pl.DataFrame:
    """Pages -> one row per tag of one template version (schema.TAGS)."""
    rows = pl.concat([_empty({n: TAGS[n] for n in ("tag", "tag_type", "json_paths")}), *pages])
    return rows.select(
        pl.lit(template_id).alias("template_file_id"),
        pl.lit(version_id, dtype=pl.String).alias("template_file_version_id"),
        pl.all(),
    )


def _empty(schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(schema))
