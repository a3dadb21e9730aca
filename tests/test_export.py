"""Jobs as files for other programs."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from xml.etree import ElementTree

import polars as pl
import pytest
from frames import chain, failed, job, jobs_frame, read
from polars.testing import assert_frame_equal

from boxdocgen_explore import export
from boxdocgen_explore.errors import InvalidRequest, Unreachable

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet(content: bytes) -> tuple[list[str], str]:
    """All texts of an Excel file, and the XML of its sheet of jobs."""
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


def test_excel_and_parquet_say_what_they_are_and_nothing_of_a_plain_frame():
    reading = read(job("1"), failed("2"), pages=chain("10", 2, host="demo", complete=False))
    jobs, left_out = reading.jobs.head(1), {"11": Unreachable("No network.\nGET /11")}
    about = export.about(jobs, reading, left_out)
    verdict = "INCOMPLETE, at least 2 jobs: pages missing in batch 10 (from page 2 on)"
    assert about.pop("verdict").startswith(verdict)
    assert about == {
        "batches": ["10"],
        "jobs": 1,
        "jobs_read": 2,
        "read_at": "2026-11-03 12:00:00 UTC",
        "read_as": "svc@example.com",
        "hosts": ["demo"],
        "demo": True,
        "left_out": ["batch 11: No network.\nGET /11"],
    }
    parquet = export.as_bytes(jobs, ".parquet", about)
    assert json.loads(pl.read_parquet_metadata(BytesIO(parquet))["boxdocgen.about"]) == about
    with zipfile.ZipFile(BytesIO(export.as_bytes(jobs, ".xlsx", about))) as file:
        assert 'name="About"' in file.read("xl/workbook.xml").decode()
    texts, _ = sheet(export.as_bytes(jobs, ".xlsx", about))
    assert {*about, "demo", "true", "2", *about["left_out"], about["read_at"]} <= {*texts}
    for ending in (".csv", ".ndjson"):
        assert export.as_bytes(jobs, ending, about) == export.as_bytes(jobs, ending)
    plain = BytesIO(export.as_bytes(jobs, ".parquet"))
    assert "boxdocgen.about" not in pl.read_parquet_metadata(plain)
    with zipfile.ZipFile(BytesIO(export.as_bytes(jobs, ".xlsx"))) as file:
        assert "About" not in file.read("xl/workbook.xml").decode()


def test_excel_says_how_many_jobs_it_can_hold():
    jobs = pl.select(pl.int_range(1_048_576).alias("job_id"))
    with pytest.raises(InvalidRequest, match="holds 1,048,575 jobs, and these are 1,048,576"):
        export.as_bytes(jobs, ".xlsx")
