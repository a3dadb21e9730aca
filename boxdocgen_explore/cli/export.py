"""Write a jobs frame to a file: Parquet, CSV or newline-delimited JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from boxdocgen_explore.cli.options import output_file

# With the full-width forms, which some spreadsheets treat alike.
_STARTS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA: Final = f"^[{_STARTS}\t\r\n]"
_CELL_FORMULA: Final = f"([;\t\r\n][\\s\"']*)([{_STARTS}])"
"""A spreadsheet that splits at semicolons or tabs does so within quoted texts, too, and takes a
line break there for the end of the row."""


def write(jobs: pl.DataFrame, path: Path) -> None:
    """Write the frame completely or not at all, so that a file that exists can be trusted.

    The ending chooses the format, one of `WRITERS`. In CSV, lists are JSON text, and an
    apostrophe precedes text that a spreadsheet would run as a formula.

    Raises:
        InvalidRequest: the file cannot be written.
    """
    with output_file(path) as part:
        WRITERS[path.suffix.lower()](jobs, part)


def flat(jobs: pl.DataFrame) -> pl.DataFrame:
    """Prepare the frame for CSV: lists become JSON text, formulas become text.

    >>> flat(pl.DataFrame({"errors": [["a", "b"], None], "external_id": ["=1+1", "7"]})).rows()
    [('["a", "b"]', "'=1+1"), (None, '7')]
    """
    lists = [name for name, dtype in jobs.schema.items() if isinstance(dtype, pl.List)]
    as_json = pl.col(lists).map_elements(
        lambda values: json.dumps(list(values), ensure_ascii=False), return_dtype=pl.String
    )
    text = pl.col(pl.String).str.replace_all(_CELL_FORMULA, "${1}'${2}")
    return jobs.with_columns(as_json).with_columns(
        pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()
    )


WRITERS: Final[dict[str, Callable[[pl.DataFrame, Path], None]]] = {
    ".parquet": lambda jobs, path: jobs.write_parquet(path),
    ".csv": lambda jobs, path: flat(jobs).write_csv(path),
    ".ndjson": lambda jobs, path: jobs.write_ndjson(path),
}
