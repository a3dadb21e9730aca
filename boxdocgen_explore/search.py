"""Find jobs by ids or words; `search.js` finds the same jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

_IDS: Final = ("external_id", "job_id", "output_file_id")
SEARCHED: Final = (*_IDS, "output_file_name", "template_file_id", "errors", "warnings")
"""Searched columns, if a frame has them."""


def search(text: str, templates: Mapping[str, str] | None = None) -> pl.Expr:
    """Find jobs by several ids or by words, as an expression over a jobs frame.

    The text is split at spaces, commas, semicolons, bars and line ends; case does not matter. If at
    least half of several pieces are ids (external id, job id or output file id), jobs with any of
    these ids are found. Otherwise every piece must occur in one of these ids, the name of the
    document or template, an error or a warning.
    ``templates`` are names by file id.

    >>> jobs = pl.DataFrame({"external_id": ["EMP-1", "EMP-2", "EMP-13"]})
    >>> jobs.filter(search("emp-1; EMP-2; EMP-9"))["external_id"].to_list()
    ['EMP-1', 'EMP-2']
    """
    names = templates or {}
    pieces = filter(None, re.split(r"[ \t\r\n\xa0,;|]+", text.lower()))
    named = {piece: [key for key in names if piece in names[key].lower()] for piece in pieces}
    fields = pl.struct(f"^({'|'.join(SEARCHED)})$")
    return fields.map_batches(
        lambda jobs: _found(jobs.struct.unnest(), named), return_dtype=pl.Boolean
    )


def _found(jobs: pl.DataFrame, named: Mapping[str, Sequence[str]]) -> pl.Series:
    """``named`` has the pieces, each with the templates that have it in their name."""
    ids = jobs.select(
        pl.col(column).str.to_lowercase() for column in _IDS if column in jobs.columns
    )
    known = set[str]().union(*(column.filter(column.is_in([*named])) for column in ids))
    if len(named) > 1 and 2 * len(known) >= len(named):
        return ids.select(pl.any_horizontal(pl.all().is_in([*known])).fill_null(False)).to_series()
    rows = jobs.with_row_index("_row")
    for piece, templates in named.items():
        found = pl.element().str.to_lowercase().str.contains(piece, literal=True)
        hits = [pl.col("template_file_id").is_in(templates)] if templates else []
        for name in jobs.columns:
            texts = pl.col(name) if name in ("errors", "warnings") else pl.concat_list(name)
            hits.append(texts.list.eval(found).list.any())
        rows = rows.filter(pl.any_horizontal(hits))
    return pl.int_range(jobs.height, eager=True).is_in(rows["_row"].cast(pl.Int64).implode())
