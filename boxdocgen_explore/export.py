"""Jobs as files for other programs: Parquet, CSV, newline-delimited JSON and Excel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import polars as pl
import polars.selectors as cs

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.text import timestamp
from boxdocgen_explore.verdict import verdict

# Includes the full-width forms, which some spreadsheets treat alike.
_STARTS: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA: Final = f"^[{_STARTS}\t\r\n]"
_CELL_FORMULA: Final = f"([;\t\r\n][\\s\"']*)([{_STARTS}])"
"""Spreadsheets that split at semicolons or tabs also split quoted texts, and end the row at a line
break there."""

_MOST_EXCEL_ROWS: Final = 1_048_575
_MOST_EXCEL_CHARACTERS: Final = 32_767
About = Mapping[str, Any] | None  # the result of `about`, if there is a reading
_AS_TEXT: Final = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "remove_timezone": True,
}


def flat(jobs: pl.DataFrame) -> pl.DataFrame:
    """Prepare the frame for CSV: lists become JSON text, formulas become text.

    >>> flat(pl.DataFrame({"errors": [["a", "b"], None], "external_id": ["=1+1", "7"]})).rows()
    [('["a", "b"]', "'=1+1"), (None, '7')]
    """
    text = pl.col(pl.String).str.replace_all(_CELL_FORMULA, "${1}'${2}")
    return _lists_as_json(jobs).with_columns(
        pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()
    )


def _lists_as_json(jobs: pl.DataFrame) -> pl.DataFrame:
    lists = [name for name, dtype in jobs.schema.items() if isinstance(dtype, pl.List)]
    return jobs.with_columns(
        pl.col(lists).map_elements(
            lambda values: json.dumps(list(values), ensure_ascii=False), return_dtype=pl.String
        )
    )


def about(
    jobs: pl.DataFrame, reading: Reading, left_out: Mapping[str, Exception] | None = None
) -> dict[str, Any]:
    """Describe a file with these jobs of a reading.

    ``read_at`` is when the oldest page was read (UTC), ``left_out`` why batches are missing.
    """
    batches = pl.concat([reading.pages["batch_id"], reading.jobs["batch_id"]]).drop_nulls()
    found = verdict(reading.jobs, reading.pages, failures=reading.failures)
    return {
        "verdict": found.dated().text,
        "batches": batches.unique(maintain_order=True).to_list(),
        "jobs": jobs.height,
        "jobs_read": reading.jobs.height,
        "read_at": found.read_at and timestamp(found.read_at),
        "read_as": found.who or (reading.user and reading.user.id),
        "hosts": reading.pages["host"].drop_nulls().unique(maintain_order=True).to_list(),
        "demo": found.demo,
        "left_out": [f"batch {batch_id}: {error}" for batch_id, error in (left_out or {}).items()],
    }


def _write_excel(jobs: pl.DataFrame, target: Path | BytesIO, about: About) -> None:
    """Write a sheet of jobs, with texts as texts and times in UTC, and a sheet about it."""
    try:
        import xlsxwriter
    except ModuleNotFoundError:
        raise InvalidRequest(
            "Excel files need the package xlsxwriter: pip install 'boxdocgen-explore[excel]'."
        ) from None
    if jobs.height > _MOST_EXCEL_ROWS:
        raise InvalidRequest(
            f"An Excel sheet holds {_MOST_EXCEL_ROWS:,} jobs, and these are {jobs.height:,}: "
            "choose CSV or Parquet."
        )
    text = pl.col(pl.String)
    cut = text.str.slice(0, _MOST_EXCEL_CHARACTERS - 1) + "…"
    too_long = text.str.len_chars() > _MOST_EXCEL_CHARACTERS
    rows = _lists_as_json(jobs).with_columns(
        pl.when(too_long).then(cut).otherwise(text).name.keep(),
        cs.datetime(time_zone="*").dt.convert_time_zone("UTC"),
    )
    with xlsxwriter.Workbook(target, _AS_TEXT) as workbook:
        rows.write_excel(workbook, "Jobs", freeze_panes=(1, 0), column_widths=160)
        if about:
            lists = [value if isinstance(value, list) else [value] for value in about.values()]
            values = pl.Series("value", lists, pl.List(pl.String), strict=False)
            facts = pl.DataFrame([pl.Series("about", [*about]), values]).explode("value")
            facts.write_excel(workbook, "About", column_widths={"about": 80, "value": 800})


WRITERS: Final[dict[str, Callable[[pl.DataFrame, Path | BytesIO, About], None]]] = {
    ".parquet": lambda jobs, target, about: jobs.write_parquet(
        target, metadata={"boxdocgen.about": json.dumps(about)} if about else None
    ),
    ".csv": lambda jobs, target, _about: flat(jobs).write_csv(target),
    ".ndjson": lambda jobs, target, _about: jobs.write_ndjson(target),
    ".xlsx": _write_excel,
}
"""Writers of a jobs frame by file ending. In CSV and Excel, lists are JSON text; in CSV, an
apostrophe precedes text that a spreadsheet would run as a formula. Excel files have the description
(`about`) in the sheet "About", Parquet files in the metadata ``boxdocgen.about``."""


def as_bytes(jobs: pl.DataFrame, ending: str, about: About = None) -> bytes:
    """Return the content of such a file.

    Raises:
        InvalidRequest: there are too many jobs for Excel, or its package is not installed.
    """
    content = BytesIO()
    WRITERS[ending](jobs, content, about)
    return content.getvalue()
