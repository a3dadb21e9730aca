"""Jobs as few bytes, for the view: `view_columns.js` reads what `pack` writes."""

from __future__ import annotations

import array
import gzip
import itertools
import json
import sys
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import DETAILS, JOBS

_CODE_TYPES: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))
_SCHEMA: Final = {**JOBS, **DETAILS}
_OWN: Final = ("job_id", "external_id", "output_file_id", "output_file_version_id", "created_at")
"""What a job shares with few others; in all the rest, jobs are of few kinds."""
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"


def pack(jobs: pl.DataFrame, *, columns: Sequence[str] | None = None, level: int = 6) -> bytes:
    """Pack a jobs frame: the kinds of jobs, the kind of each job, and what is each job's own.

    ``columns`` are those to keep (default: all that `schema` knows); what is left out cannot be
    filtered by, and is not in the bytes. Null, empty lists and unknown statuses survive.
    `unpack` gives the frame back.

    Jobs of one kind are alike in all columns but a few, so the view filters and counts kinds,
    not jobs. The bytes are gzip (``level`` is its compression); inside are the length of a JSON
    header (4 bytes, little-endian), the header, and blocks of numbers in 1, 2 or 4 bytes each:
    the kind of each job; for a shared column, whose distinct values are in the header, the place
    of each kind's value; for a column of the jobs' own, the UTF-8 length of each value plus 1 (0
    is null), and after it the values, joined.

    Raises InvalidRequest for a column that the frame does not have.
    """
    known = [name for name in _SCHEMA if name in jobs.columns]
    if unknown := set(columns or ()) - set(known):
        raise InvalidRequest(f"The jobs have no column {', '.join(sorted(unknown))}.")
    kept = [name for name in known if columns is None or name in columns]
    kinds, kind_of_job = _kinds(jobs, kept)
    width, coded = _coded(kind_of_job, kinds.height)
    head: dict[str, Any] = {"jobs": jobs.height, "kinds": kinds.height, "width": width}
    head["columns"], blocks = [], [coded]
    for name in [*kept, *(name for name in kinds.columns if name not in kept)]:
        own = name in _OWN
        column, block = _own(jobs[name]) if own else _shared(kinds[name])
        head["columns"].append({"name": name, "derived": name not in kept, **column})
        blocks.append(block)
    header = json.dumps(head, separators=(",", ":")).encode()
    body = b"".join([len(header).to_bytes(4, "little"), header, *blocks])
    return gzip.compress(body, compresslevel=level, mtime=0)


def unpack(payload: bytes) -> pl.DataFrame:
    """Give back the frame that `pack` packed, with the columns that were kept."""
    body = memoryview(gzip.decompress(payload))
    start = 4 + int.from_bytes(body[:4], "little")
    head = json.loads(bytes(body[4:start]))

    def take(size: int) -> memoryview:
        nonlocal start
        start += size
        return body[start - size : start]

    kind_of_job = _decoded(take(head["width"] * head["jobs"]), head["width"])
    columns: dict[str, pl.Series] = {}
    for column in head["columns"]:
        name, width = column["name"], column["width"]
        if "bytes" in column:
            lengths = _decoded(take(width * head["jobs"]), width)
            columns[name] = _texts(name, lengths, bytes(take(column["bytes"])))
            continue
        codes = _decoded(take(width * head["kinds"]), width)
        if not column["derived"]:
            values = pl.Series(name, column["values"], dtype=_SCHEMA[name])
            columns[name] = values.gather(codes).gather(kind_of_job)
    return pl.DataFrame(columns)


def _kinds(jobs: pl.DataFrame, kept: Sequence[str]) -> tuple[pl.DataFrame, pl.Series]:
    """Give one row per kind of job, and the number of each job's kind.

    The columns are those kept that jobs share, and what the browser filters and groups by but
    should not have to work out itself: ``reason`` and ``day``.
    """
    by = {name: pl.col(name) for name in kept if name not in _OWN}
    if "created_at" in kept:
        by["day"] = analysis.day()
    grouped = (
        jobs.select(pl.int_range(pl.len()).alias("_row"), **by)
        .group_by(list(by) or pl.lit(0), maintain_order=True)
        .agg("_row")
    )
    kinds = grouped.select(list(by))
    if {"status", "errors"} <= set(kept):
        # Few kinds differ in both status and errors: reasons are named once for each that does.
        keys = ["status", "errors"]
        named = kinds.select(keys).unique().with_columns(reason=analysis.job_reasons())
        kinds = kinds.join(named, on=keys, nulls_equal=True, maintain_order="left")
    numbered = grouped.select("_row").with_row_index("kind").explode("_row").sort("_row")
    return kinds, numbered["kind"]


def _shared(series: pl.Series) -> tuple[dict[str, Any], bytes]:
    """Give the distinct values in order of appearance, and the place of each kind's value."""
    groups = (
        series.alias("value")
        .to_frame()
        .with_row_index("row")
        .group_by("value", maintain_order=True)
        .agg("row")
        .with_row_index("code")
    )
    codes = groups.select("code", "row").explode("row").sort("row")["code"]
    width, coded = _coded(codes, groups.height)
    return {"values": groups["value"].to_list(), "width": width}, coded


def _own(series: pl.Series) -> tuple[dict[str, Any], bytes]:
    """Give the length of each value, and all values joined: none is made to find another."""
    texts = series.dt.strftime(_TIME) if series.dtype == DETAILS["created_at"] else series
    lengths = (texts.str.len_bytes() + 1).fill_null(0)
    longest = int(lengths.max() or 0)  # type: ignore[arg-type]
    width, coded = _coded(lengths, longest + 1)
    joined = "".join(texts.drop_nulls().to_list()).encode()
    return {"width": width, "bytes": len(joined), "longest": longest}, coded + joined


def _coded(numbers: pl.Series, limit: int) -> tuple[int, bytes]:
    """Give numbers below a limit as little-endian bytes, and the width of each."""
    typecode = next(code for code, most in _CODE_TYPES if limit <= most)
    packed = array.array(typecode, numbers.to_list())
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.itemsize, packed.tobytes()


def _decoded(coded: memoryview, width: int) -> pl.Series:
    numbers = array.array({1: "B", 2: "H", 4: "I"}[width], coded.tobytes())
    if sys.byteorder == "big":
        numbers.byteswap()
    return pl.Series(numbers.tolist(), dtype=pl.UInt32)


def _texts(name: str, lengths: pl.Series, joined: bytes) -> pl.Series:
    ends = itertools.accumulate(max(0, length - 1) for length in lengths)
    values = [
        joined[end - length + 1 : end].decode() if length else None
        for length, end in zip(lengths, ends, strict=True)
    ]
    series = pl.Series(name, values, dtype=pl.String)
    if _SCHEMA[name] == pl.String():
        return series
    return series.str.to_datetime(_TIME, time_unit="us", time_zone="UTC")
