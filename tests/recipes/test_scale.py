"""The code of .github/docs/scale.md runs beside an archive whose oldest file lacks a column."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import boxdocgen_explore as bx
from boxdocgen_explore.emulator import STORY_BATCH_ID

PAGE = Path(__file__).parents[2] / ".github" / "docs" / "scale.md"
BLOCKS = re.findall(r"```(python|sql)\n(.*?)```", PAGE.read_text("utf-8"), flags=re.S)
PYTHON, DASK, GAPS = (code for language, code in BLOCKS if language == "python")
BY_WEEK, LEFT_OUT = (code for language, code in BLOCKS if language == "sql")
KEYS = ["week", "template_file_id"]


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days of the demo; its file of October is as an older version wrote it."""
    folder = tmp_path_factory.mktemp("scale")
    with bx.demo() as box:
        box.archive(folder / "archive", since=dt.timedelta(days=5))
    older = folder / "archive/month=2026-10/jobs-0000.parquet"
    metadata = pl.read_parquet_metadata(older)
    jobs = pl.read_parquet(older, hive_partitioning=False).drop("template_name")
    jobs.write_parquet(older, metadata=metadata)
    return folder


@pytest.fixture
def names(archived: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The variables of the page's first block, which has run in the folder with the archive."""
    monkeypatch.chdir(archived)
    names: dict[str, Any] = {}
    exec(PYTHON, names)
    return names


def test_failures_by_template_and_week_have_names_and_are_the_same_by_sql(
    names: dict[str, Any],
) -> None:
    failed = names["failed"]
    invoices = failed.filter(template_name="Invoice")
    assert invoices["week"].n_unique() == 2  # the older one is from the file without names
    assert invoices["jobs"].sum() == 1480 + 1312
    assert failed.filter(pl.col("template_name").is_null())["jobs"].to_list() == [9, 28]
    assert names["outcomes"]["len"].sum() == failed["jobs"].sum() == len(names["frame"])
    assert names["frame"]["template_name"].isna().sum() == 1258 + 1480 + 9 + 28
    by_sql = duckdb.sql(BY_WEEK).pl()
    same = pl.col("week").dt.replace_time_zone(None)
    assert by_sql.select(failed.columns).equals(failed.with_columns(same).sort(KEYS))


def test_dask_reads_old_and_new_files_together(names: dict[str, Any]) -> None:
    pytest.importorskip("dask.dataframe")
    exec(DASK, names)
    assert names["by_template"]["Offer letter", "failed"] == 1487


def test_what_is_missing_is_in_the_log(names: dict[str, Any], archived: Path) -> None:
    log = archived / "archive/_runs.parquet"
    runs = pl.read_parquet(log)
    earlier = runs.with_columns(pl.col("run_at") - dt.timedelta(days=3)).with_columns(
        outcome=pl.lit("incomplete")
    )
    pl.concat([earlier, runs]).write_parquet(log)
    exec(GAPS, names)
    (broken,) = names["incomplete"].rows()
    assert "Box has a problem" in broken[3]
    (running,) = names["running"]["reason"]
    assert "may still change" in running
    ran = runs["run_at"][0].date()
    assert names["missed"] == [ran - dt.timedelta(days=days) for days in (2, 1)]
    left_out = {row[0] for row in duckdb.sql(LEFT_OUT).fetchall()}
    assert left_out == {broken[0], *names["running"]["batch_id"]}
    assert STORY_BATCH_ID not in left_out


@pytest.mark.parametrize("files", ["archive/", "archive/**/*.parquet"])
def test_any_other_pattern_would_include_the_log(names: dict[str, Any], files: str) -> None:
    with pytest.raises(pl.exceptions.SchemaError):
        pl.scan_parquet(files).select("batch_id").collect()
