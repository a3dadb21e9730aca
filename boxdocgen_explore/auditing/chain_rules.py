"""What an audit looks for in the evidence: the pages; form and contract as in `rules`."""

from __future__ import annotations

from typing import Final

import polars as pl

from boxdocgen_explore.auditing.findings import found, per_job
from boxdocgen_explore.auditing.inputs import Subject
from boxdocgen_explore.schema import PAGES
from boxdocgen_explore.text import listed

_NUMBER = pl.col("page")
_MARKER, _NEXT = pl.col("marker_sha256"), pl.col("next_marker_sha256")


def _pages(subject: Subject) -> pl.DataFrame:
    return pl.DataFrame(schema=PAGES) if subject.pages is None else subject.pages


def chain_incomplete(subject: Subject) -> pl.DataFrame:
    ends = (
        _pages(subject)
        .group_by("batch_id", maintain_order=True)
        .agg(
            begins=_MARKER.first().is_null() & (_NUMBER.first() == 1).fill_null(False),
            ends=_NEXT.last().is_null(),
            complete=pl.col("complete").fill_null(False).all(),
        )
        .filter(~pl.all_horizontal("begins", "ends", "complete"))
    )
    # Why a batch could not be read says more than that its pages do not reach the end.
    faults: dict[str | None, list[str]] = {batch_id: [] for batch_id in subject.failures} | {
        batch_id: _ends(begins, ends) for batch_id, begins, ends, _ in ends.iter_rows()
    }
    for batch_id, error in subject.failures.items():
        faults[batch_id].insert(0, " ".join(str(error).split()).removesuffix("."))
    return found(
        (batch_id, None, f"The batch was not read whole: {'; '.join(words)}.")
        if words
        else (batch_id, None, "The batch was not read whole.")
        for batch_id, words in faults.items()
    )


def _ends(begins: bool, ends: bool) -> list[str]:
    words = [] if begins else ["its pages do not begin at the first one"]
    return words if ends else [*words, "its pages do not reach an end marker"]


_FAULTS: Final = {
    "numbers": "its pages are not numbered one after the other",
    "markers": "a page does not begin where the one before it said",
    "repeated_marker": "a marker was used twice",
    "repeated_body": "one page came twice",
    "duplicates": "an id came on two pages",
    "users": "its pages were read by several users",
    "hosts": "its pages were read from several hosts",
}


def chain_inconsistent(subject: Subject) -> pl.DataFrame:
    rows = subject.jobs.group_by("batch_id").agg(rows=pl.len().cast(pl.Int64))
    # Pages without jobs may well be alike.
    bodies = pl.col("body_sha256").filter(pl.col("jobs") > 0).drop_nulls()
    chains = (
        _pages(subject)
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
    wrong = chains.filter(pl.any_horizontal(*_FAULTS, pl.col("jobs") != pl.col("rows")))
    return found(
        (chain["batch_id"], None, f"The evidence does not fit: {'; '.join(_words(chain))}.")
        for chain in wrong.iter_rows(named=True)
    )


def _words(chain: dict[str, int]) -> list[str]:
    words = [words for fault, words in _FAULTS.items() if chain[fault]]
    if chain["jobs"] != chain["rows"]:
        words.append(f"its pages hold {chain['jobs']:,} jobs, the frame {chain['rows']:,}")
    return words


def foreign_job(subject: Subject) -> pl.DataFrame:
    batches = _pages(subject).select(pl.col("batch_id").drop_nulls().unique())
    foreign = subject.jobs.join(batches, on="batch_id", how="anti", maintain_order="left")
    return per_job(
        foreign,
        pl.when(pl.col("batch_id").is_null())
        .then(pl.lit("The job names no batch."))
        .otherwise(
            pl.format("The job belongs to batch {}, of which no page was read.", "batch_id")
        ),
    )


def unknown_field(subject: Subject) -> pl.DataFrame:
    fields = (
        _pages(subject)
        .select("batch_id", "unknown_fields")
        .explode("unknown_fields")
        .drop_nulls("unknown_fields")
        .group_by("batch_id", maintain_order=True)
        .agg(pl.col("unknown_fields").unique().sort())
    )
    return found(
        (batch_id, None, f"Box sent fields that are unknown here: {listed(names, most=20)}.")
        for batch_id, names in fields.iter_rows()
    )
