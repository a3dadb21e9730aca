"""Jobs as files for other programs."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from io import BytesIO
from xml.etree import ElementTree

import polars as pl
import pytest
from frames import jobs_frame
from polars.testing import assert_frame_equal

from boxdocgen_explore import export
from boxdocgen_explore.errors import InvalidRequest

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet(content: bytes) -> tuple[list[str], str]:
    """All texts of an Excel file, and the XML of its only sheet."""
    with zipfile.ZipFile(BytesIO(content)) as file:
        strings = ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
        texts = ["".join(one.itertext()) for one in strings.iter(f"{SHEET}si")]
        return texts, file.read("xl/worksheets/sheet1.xml").decode()


def test_parquet_and_ndjson_give_the_same_frame_back():
    jobs = jobs_frame([{"errors": ["a", "b"], "external_id": "=1"}, {"errors": None}])
    assert_frame_equal(pl.read_parquet(export.as_bytes(jobs, ".parquet")), jobs)
    assert_frame_equal(pl.read_ndjson(export.as_bytes(jobs, ".ndjson"), schema=jobs.schema), jobs)


def test_in_excel_formulas_links_and_numbers_stay_texts():
    texts = ["=HYPERLINK(1)", "https://example.com", "0012", "x" * 40_000]
    jobs = jobs_frame([{"external_id": text, "errors": ["a", "ü"]} for text in texts])
    found, xml = sheet(export.as_bytes(jobs, ".xlsx"))
    assert {*texts[:3], '["a", "ü"]'} <= {*found}
    assert max(map(len, found)) == 32_767
    assert "<f>" not in xml
    assert "hyperlink" not in xml


def test_in_excel_times_are_in_utc():
    times = pl.Series([datetime(2026, 11, 3, 12, tzinfo=UTC)])
    jobs = jobs_frame([{}]).with_columns(created_at=times.dt.convert_time_zone("Asia/Tokyo"))
    _, xml = sheet(export.as_bytes(jobs, ".xlsx"))
    assert "<v>46329.5</v>" in xml


def test_excel_says_how_many_jobs_it_can_hold():
    jobs = pl.select(pl.int_range(1_048_576).alias("job_id"))
    with pytest.raises(InvalidRequest, match="holds 1,048,575 jobs, and these are 1,048,576"):
        export.as_bytes(jobs, ".xlsx")
