"""A jobs frame as a file: parquet, CSV or newline-delimited JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.text import replacing

# With the full-width forms, which some spreadsheets take for the others.
_FORMULA: Final = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"


def write(jobs: pl.DataFrame, path: Path) -> None:
    """Write the frame; whole or not at all, so that a file that is there can be trusted.

    The ending says how: ``.parquet``, ``.ndjson``, or ``.csv``, in which lists are JSON text and
    a text that a spreadsheet would take for a formula begins with an apostrophe.

    Raises:
        InvalidRequest: another ending, or a folder that cannot be written to.
    """
    writer = check_ending(path)
    try:
        with replacing(path) as part:
            writer(jobs, part)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror or error}.") from None


def check_ending(path: Path) -> Callable[[pl.DataFrame, Path], None]:
    """The writer for a file of this name, so that a typing error costs no fetch.

    Raises:
        InvalidRequest: an ending that is none of these.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise InvalidRequest(f"{path.name!r}: a file's name ends in {', '.join(_WRITERS)}.")
    return writer


def flat(jobs: pl.DataFrame) -> pl.DataFrame:
    """The frame as CSV holds it: lists as JSON text, formulas defused.

    >>> flat(pl.DataFrame({"errors": [["a", "b"], None], "external_id": ["=1+1", "7"]})).rows()
    [('["a", "b"]', "'=1+1"), (None, '7')]
    """
    lists = [name for name, dtype in jobs.schema.items() if isinstance(dtype, pl.List)]
    as_json = pl.col(lists).map_elements(
        lambda values: json.dumps(list(values), ensure_ascii=False), return_dtype=pl.String
    )
    text = pl.col(pl.String)
    return jobs.with_columns(as_json).with_columns(
        pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()
    )


def _csv(jobs: pl.DataFrame, name: Path) -> None:
    flat(jobs).write_csv(name)


_WRITERS: Final[dict[str, Callable[[pl.DataFrame, Path], None]]] = {
    ".parquet": lambda jobs, name: jobs.write_parquet(name),
    ".csv": _csv,
    ".ndjson": lambda jobs, name: jobs.write_ndjson(name),
}
