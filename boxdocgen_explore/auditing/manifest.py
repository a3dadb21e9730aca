"""The manifest of expected documents, as a CSV file or a frame.

It has one of two forms. One row per batch: ``batch_id`` and ``jobs``, the requested number. One row
per document: ``external_id``, and ``batch_id`` if the same external id belongs to several batches;
other columns are preserved for the list of `resubmission`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from boxdocgen_explore.arguments import checked_path
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import MADE, RUNNING, STATUSES
from boxdocgen_explore.text import counted


@dataclass(frozen=True)
class Manifest:
    """A checked manifest: ``rows``, and the columns that identify a row.

    ``key`` is ("batch_id",) for counts, otherwise ("external_id",) or ("batch_id", "external_id");
    it is unique. Ids are text, with leading zeros; counts are Int64.
    """

    rows: pl.DataFrame
    key: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether it has only the number of jobs per batch."""
        return "external_id" not in self.key


def read_manifest(source: str | os.PathLike[str] | pl.DataFrame) -> Manifest:
    """Read and check a manifest: a path to a CSV file (UTF-8), or a frame.

    >>> read_manifest(pl.DataFrame({"external_id": ["007", "008"], "name": ["Bond", "Bill"]})).key
    ('external_id',)

    Raises:
        InvalidRequest: it cannot be read, lacks columns, or has duplicate rows.
    """
    if isinstance(source, pl.DataFrame):
        rows, name = source, "The manifest"
    elif isinstance(source, str | os.PathLike):
        path = checked_path("The manifest", source)
        rows, name = _csv(path), f"The manifest {path.name}"
    else:
        raise InvalidRequest(
            f"A manifest is a path to a CSV file or a frame, not {type(source).__name__}."
        )
    if "external_id" in rows.columns:
        key = ("batch_id", "external_id") if "batch_id" in rows.columns else ("external_id",)
    elif {"batch_id", "jobs"} <= set(rows.columns):
        key = ("batch_id",)
        rows = rows.with_columns(_counts(rows["jobs"], name))
    else:
        raise InvalidRequest(
            f"{name} needs a column external_id, or the columns batch_id and jobs; "
            f"it has {', '.join(rows.columns) or 'none'}."
        )
    if rows.is_empty():
        raise InvalidRequest(f"{name} has no rows, so nothing could be checked against it.")
    rows = rows.with_columns(_ids(rows[column], name) for column in key)
    twice = rows.filter(pl.struct(key).is_duplicated())
    if twice.height:
        ids = " of batch ".join(reversed(twice.select(key).row(0)))
        raise InvalidRequest(
            f"{name} has {key[-1]} {ids} {rows.join(twice[:1], on=key).height} times; "
            "every row must be unique."
        )
    return Manifest(rows, key)


def control_total(external_ids: Iterable[str]) -> tuple[int, str]:
    """Count distinct ids, and compute the SHA-256 of the sorted list, in UTF-8, one per line.

    The sender computes both from a file with one id per line::

        LC_ALL=C sort -u ids.txt | wc -l
        LC_ALL=C sort -u ids.txt | sha256sum

    >>> count, digest = control_total(["EMP-2", "EMP-1", "EMP-2"])
    >>> count, digest[:16]
    (2, '5c7dae0de4411083')
    """
    ids = sorted(set(external_ids))  # code points sort like their UTF-8 bytes
    return len(ids), hashlib.sha256(
        "".join(f"{external_id}\n" for external_id in ids).encode()
    ).hexdigest()


def reconciled(manifest: Manifest, jobs: pl.DataFrame) -> str:
    """Summarise the outcome of a manifest's documents by external id; jobs as in `schema.JOBS`.

    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "failed", "external_id": "007"}
    >>> expected = read_manifest(pl.DataFrame({"external_id": ["007", "008"]}))
    >>> reconciled(expected, pl.DataFrame([job], schema=JOBS))
    '2 expected documents: 1 not made, 1 without a job'
    """
    key, rows = list(manifest.key), manifest.rows
    made = pl.col("status").is_in(MADE)
    if {"output_file_found", "output_file_size_bytes"} <= {*jobs.columns}:
        lost = pl.col("output_file_found").not_() | pl.col("output_file_size_bytes").eq(0)
        made &= lost.fill_null(False).not_()
    outcome = (
        pl.when(made.fill_null(False).any())
        .then(pl.lit("made"))
        .when(pl.col("status").is_in(RUNNING).any())
        .then(pl.lit("still running"))
        .when(pl.col("status").is_in(STATUSES).fill_null(False).all())
        .then(pl.lit("not made"))
        .otherwise(pl.lit("with an unknown status"))
    )
    asked = jobs.join(rows, on=key, how="semi").group_by(key)
    found = dict(asked.agg(outcome=outcome)["outcome"].value_counts().iter_rows())
    absent, others = (
        frame.join(other, on=key, how="anti")
        for frame, other in ((rows, jobs), (jobs.drop_nulls("external_id"), rows))
    )
    counts = {**found, "without a job": absent.height}
    words = ("made", "still running", "with an unknown status", "not made", "without a job")
    parts = ", ".join(f"{counts[word]:,} {word}" for word in words if counts.get(word))
    text = f"{counted(rows.height, 'expected document')}: {parts}"
    if others.height:
        text += f"; {counted(others.height, 'job')} not expected"
    alike = {*_plain(absent)} & {*_plain(others)}
    return f"{text}; for {len(alike):,} of them, only blanks or capitals differ" if alike else text


def _plain(rows: pl.DataFrame) -> pl.Series:
    return rows["external_id"].str.replace_all(r"\s", "").str.to_lowercase()


_SEPARATORS: Final = ",;\t"


def _csv(path: Path) -> pl.DataFrame:
    """Read all columns as text, so that ids keep their leading zeros."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidRequest(
            f"The manifest {path} cannot be read: {error.strerror or error}."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"The manifest {path.name} is not UTF-8 text; save it as CSV UTF-8."
        ) from error
    header = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=header.count)
    try:
        rows = pl.read_csv(text.encode(), separator=separator, infer_schema=False)
        rows = rows.rename(str.strip)
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0] or "it is empty"
        raise InvalidRequest(f"The manifest {path.name} is not a CSV table: {reason}.") from error
    return rows.filter(~pl.all_horizontal(pl.all().is_null()))


def _ids(column: pl.Series, name: str) -> pl.Series:
    _check_dtype(column, name, "text")
    ids = column.cast(pl.String)
    blank = (ids.fill_null("").str.strip_chars() == "").arg_true()
    if blank.len():
        raise InvalidRequest(f"{name} has no {column.name} in row {blank[0] + 1}.")
    return ids


def _counts(column: pl.Series, name: str) -> pl.Series:
    _check_dtype(column, name, "integers")
    counts = column.cast(pl.Int64, strict=False)
    wrong = (counts.is_null() | (counts < 0)).fill_null(True).arg_true()
    if wrong.len():
        row = wrong[0]
        raise InvalidRequest(
            f"{name} has jobs {column[row]!r} in row {row + 1}; it must be a count."
        )
    return counts


def _check_dtype(column: pl.Series, name: str, wanted: str) -> None:
    if not (column.dtype == pl.String or column.dtype.is_integer()):
        raise InvalidRequest(f"{name} must have {column.name} as {wanted}, not {column.dtype}.")
