"""The input of the view: jobs as few bytes (`columns.js` reads what `pack` writes), and names.

The view also gets ``templates``, names by file id, and ``batch_labels``, names of batches
(`verdict.batch_label`) by id. It shows the id beside a label, or only the id.
"""

from __future__ import annotations

import array
import gzip
import itertools
import json
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.schema import DETAILS, DOCUMENTS, DURATION, JOBS

_CODE_TYPES: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))
_SCHEMA: Final = {**JOBS, **DETAILS, **DOCUMENTS, **DURATION}
_UNIQUE: Final = (
    *("job_id", "external_id", "output_file_id", "output_file_version_id", "created_at"),
    *("output_file_name", "output_file_size_bytes", "output_file_sha1", "output_file_created_at"),
    "duration_s",
)
"""Columns in which nearly all values differ; by all others, jobs form few row groups."""
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.6fZ"


def pack(
    jobs: pl.DataFrame,
    *,
    changed: pl.Series | None = None,
    level: int = 6,
) -> bytes:
    """Pack a jobs frame for the view, with those of its columns that `schema` knows.

    Null, empty lists and unknown statuses survive. `unpack` gives the frame back. ``changed``
    (bool) marks the jobs that changed since the last look. ``level`` is the compression of gzip.

    Jobs with equal values in all columns but the nearly unique ones form one row group. The view
    filters and counts row groups, of which there are few even for many jobs.

    The bytes are gzip; inside are the length of a JSON header (4 bytes, little-endian), the header,
    and blocks of numbers in 1, 2 or 4 bytes each: the row group of each job; for a column of the
    row groups, the place of each one's value in the header's list of distinct values; for a column
    of unique values, the UTF-8 length of each job's value plus 1 (0 is null), then all values.
    """
    included = [name for name in _SCHEMA if name in jobs.columns]
    groups, group_of_job = _row_groups(jobs.select(included), changed)
    width, block = _coded(group_of_job, groups.height)
    headers: list[dict[str, Any]] = []
    blocks = [block]
    for name in [*included, *(name for name in groups.columns if name not in included)]:
        fields, block = _unique(jobs[name]) if name in _UNIQUE else _dictionary(groups[name])
        headers.append({"name": name, "derived": name not in included, **fields})
        blocks.append(block)
    counts = {"jobs": jobs.height, "row_groups": groups.height, "width": width}
    head = json.dumps({**counts, "columns": headers}, separators=(",", ":")).encode()
    body = b"".join([len(head).to_bytes(4, "little"), head, *blocks])
    return gzip.compress(body, compresslevel=level, mtime=0)


def unpack(payload: bytes) -> pl.DataFrame:
    """Unpack the frame that `pack` packed."""
    body = memoryview(gzip.decompress(payload))
    start = 4 + int.from_bytes(body[:4], "little")
    head = json.loads(bytes(body[4:start]))

    def take(size: int) -> memoryview:
        nonlocal start
        start += size
        return body[start - size : start]

    group_of_job = _decoded(take(head["width"] * head["jobs"]), head["width"])
    columns: dict[str, pl.Series] = {}
    for column in head["columns"]:
        name, width = column["name"], column["width"]
        if "bytes" in column:
            lengths = _decoded(take(width * head["jobs"]), width)
            columns[name] = _texts(name, lengths, bytes(take(column["bytes"])))
            continue
        codes = _decoded(take(width * head["row_groups"]), width)
        if not column["derived"]:
            values = pl.Series(name, column["values"], dtype=_SCHEMA[name])
            columns[name] = values.gather(codes).gather(group_of_job)
    return pl.DataFrame(columns)


def _row_groups(jobs: pl.DataFrame, changed: pl.Series | None) -> tuple[pl.DataFrame, pl.Series]:
    """Return one row per row group, and the number of each job's group.

    The columns are those that jobs share, and computed ones that the browser counts by:
    ``reason``, ``day``, ``duration`` (its range) and ``made`` (the interval).
    """
    derived = {
        "created_at": analysis.day().alias("day"),
        "duration_s": analysis.duration_range(),
    }
    shown = [expression for column, expression in derived.items() if column in jobs.columns]
    if "output_file_created_at" in jobs.columns:
        shown.append(analysis.interval(jobs))
    shared = jobs.select(pl.exclude(_UNIQUE)).with_columns(jobs.select(shown))
    if changed is not None:
        shared = shared.with_columns(changed=changed)
    groups, group_of_job = _distinct(shared)
    keys = ["status", "errors"]
    if set(keys) <= set(groups.columns):
        # Few groups differ in both, so reasons are computed once per pair.
        reasons = groups.select(keys).unique().with_columns(reason=analysis.job_reasons())
        groups = groups.join(reasons, on=keys, nulls_equal=True, maintain_order="left")
    return groups, group_of_job


def _distinct(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Return the distinct rows in order of appearance, and the place of each row among them."""
    groups = (
        frame.with_columns(_row=pl.int_range(pl.len()))
        .group_by(frame.columns or pl.lit(0), maintain_order=True)
        .agg("_row")
    )
    places = groups.select("_row").with_row_index("place").explode("_row").sort("_row")
    return groups.select(frame.columns), places["place"]


def _dictionary(series: pl.Series) -> tuple[dict[str, Any], bytes]:
    """Return the distinct values in order of appearance, and the place of each row's value."""
    values, places = _distinct(series.to_frame())
    width, coded = _coded(places, values.height)
    return {"values": values.to_series().to_list(), "width": width}, coded


def _unique(series: pl.Series) -> tuple[dict[str, Any], bytes]:
    """Return the length of each value, and all values joined."""
    is_time = isinstance(series.dtype, pl.Datetime)
    texts = series.dt.strftime(_TIME) if is_time else series.cast(pl.String)
    lengths = (texts.str.len_bytes() + 1).fill_null(0)
    longest = int(lengths.max() or 0)  # type: ignore[arg-type]
    width, coded = _coded(lengths, longest + 1)
    joined = "".join(texts.drop_nulls().to_list()).encode()
    return {"width": width, "bytes": len(joined), "longest": longest}, coded + joined


def _coded(numbers: pl.Series, limit: int) -> tuple[int, bytes]:
    """Return numbers below a limit as little-endian bytes, and the width of each."""
    typecode = next(code for code, most in _CODE_TYPES if limit <= most)
    packed = array.array(typecode, numbers.to_list())
    return packed.itemsize, packed.tobytes()


def _decoded(coded: memoryview, width: int) -> pl.Series:
    numbers = array.array({1: "B", 2: "H", 4: "I"}[width], coded.tobytes())
    return pl.Series(numbers.tolist(), dtype=pl.UInt32)


def _texts(name: str, lengths: pl.Series, joined: bytes) -> pl.Series:
    ends = itertools.accumulate(max(0, length - 1) for length in lengths)
    values = [
        joined[end - length + 1 : end].decode() if length else None
        for length, end in zip(lengths, ends, strict=True)
    ]
    series = pl.Series(name, values, dtype=pl.String)
    if isinstance(_SCHEMA[name], pl.Datetime):
        return series.str.to_datetime(_TIME, time_unit="us", time_zone="UTC")
    return series.cast(_SCHEMA[name])
