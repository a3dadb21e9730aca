"""All cached batches, as one lazy frame and as a dataset that other programs read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from clock import age

from boxdocgen_explore import cli, errors
from boxdocgen_explore.box import Box, IncompleteListWarning
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, plain_job
from boxdocgen_explore.schema import ARCHIVED, JOBS

BATCHES = ["1001", "1003", "1004"]


def outcomes(written: pl.DataFrame) -> dict[str, str]:
    return dict(written.select("batch_id", "outcome").iter_rows())


def dataset(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "**/*.parquet", hive_partitioning=False)


def test_a_scan_has_every_cached_job_and_asks_box_for_nothing(emulator: Emulator, box: Box) -> None:
    jobs = box.read(BATCHES).jobs
    calls = len(emulator.calls)
    age(box, days=3)
    scanned = box.scan()
    assert dict(scanned.collect_schema()) == JOBS
    assert scanned.collect().sort("job_id").equals(jobs.sort("job_id"))
    assert scanned.collect(engine="streaming").height == 42
    assert len(emulator.calls) == calls


def test_a_scan_answers_what_a_frame_would(box: Box) -> None:
    jobs = box.read(BATCHES).jobs
    scanned = box.scan()
    for ask in (
        lambda frame: frame.group_by("batch_id").len().sort("batch_id"),
        lambda frame: frame.filter(batch_id="1003").select("job_id"),
        lambda frame: frame.filter(pl.col("batch_id") == "1004", pl.col("status") == "failed"),
        lambda frame: frame.select(pl.col("errors").list.len().sum()),
    ):
        assert ask(scanned).collect().equals(ask(jobs))
    assert scanned.head(13).collect().height == 13
    assert scanned.select("status").head(30).collect().width == 1


@pytest.mark.parametrize("limit", [1, 10, 25, 1000])
def test_whatever_the_limit_of_its_pages_a_cached_batch_is_scanned_and_archived(
    box: Box, tmp_path: Path, limit: int
) -> None:
    box.read("1001", limit=limit)
    assert box.cached() == ["1001"]
    assert box.scan().collect().height == 25
    assert outcomes(box.archive(tmp_path / "archive")) == {"1001": "written"}
    assert outcomes(box.archive(tmp_path / "archive")) == {"1001": "unchanged"}


def test_a_batch_of_which_pages_are_missing_is_left_out_of_a_scan_with_a_warning(
    emulator: Emulator, box: Box
) -> None:
    box.read("1003")
    emulator.fault("500", path="/docgen_batch_jobs/1001", page=2, times=3)
    with pytest.raises(errors.ServerError):
        box.read("1001", limit=10)
    with pytest.warns(IncompleteListWarning, match="1 batch left out"):
        assert set(box.scan().collect()["batch_id"]) == {"1003"}


def test_an_empty_cache_is_an_empty_frame(box: Box, tmp_path: Path) -> None:
    assert box.scan().collect().height == 0
    written = box.archive(tmp_path / "archive")
    assert dict(written.schema) == ARCHIVED
    assert written.height == 0


def test_an_archive_has_every_final_batch_with_its_evidence(box: Box, tmp_path: Path) -> None:
    reading = box.read(BATCHES)
    written = box.archive(tmp_path / "archive")
    assert set(outcomes(written).values()) == {"written"}
    assert written["jobs"].sum() == 42
    assert dataset(tmp_path / "archive").sort("job_id").equals(reading.jobs.sort("job_id"))
    file = tmp_path / "archive/batch=1001/jobs.parquet"
    pages = json.loads(pl.read_parquet_metadata(file)["boxdocgen.pages"])
    truth = reading.pages.filter(batch_id="1001")
    assert [page["body_sha256"] for page in pages] == truth["body_sha256"].to_list()
    assert all(page["complete"] for page in pages)


def test_an_archive_written_again_writes_only_what_is_new_or_has_changed(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    box.read(["1001", "1003"])
    box.archive(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    box.read("1004")
    emulator.enterprise.put("1003", [*emulator.enterprise.jobs("1003"), plain_job("1003", 77)])
    box.read("1003", refresh=True)
    written = outcomes(box.archive(folder))
    assert written == {"1001": "unchanged", "1003": "written", "1004": "written"}
    unchanged = folder / "batch=1001/jobs.parquet"
    assert unchanged.stat().st_mtime_ns == times[unchanged]
    assert dataset(folder).height == 43
    assert set(outcomes(box.archive(folder)).values()) == {"unchanged"}


def test_batches_that_still_run_or_are_incomplete_are_not_archived(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.enterprise.put("1003", [plain_job("1003", 1) | {"status": "pending"}])
    emulator.fault("500", path="/docgen_batch_jobs/1001", page=2, times=3)
    with pytest.raises(errors.BatchesFailed):
        box.read(["1001", "1002", "1003"], limit=10)
    box.read(["1002", "1003"])
    written = box.archive(tmp_path / "archive")
    assert outcomes(written) == {
        "1001": "incomplete", "1002": "still running", "1003": "still running"
    }  # fmt: skip
    assert not (tmp_path / "archive").exists()


def test_a_corrupt_file_is_written_again(box: Box, tmp_path: Path) -> None:
    box.read("1001")
    file = tmp_path / "archive/batch=1001/jobs.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"PAR1 cut")
    assert outcomes(box.archive(tmp_path / "archive")) == {"1001": "written"}
    assert dataset(tmp_path / "archive").height == 25


@pytest.mark.parametrize("jobs", [None, "", "-25", "many"])
def test_a_file_that_does_not_say_how_many_jobs_it_has_is_written_again(
    box: Box, tmp_path: Path, jobs: str | None
) -> None:
    box.read("1001")
    box.archive(tmp_path / "archive")
    file = tmp_path / "archive/batch=1001/jobs.parquet"
    metadata = {**pl.read_parquet_metadata(file), "boxdocgen.jobs": jobs}
    metadata = {name: value for name, value in metadata.items() if value is not None}
    pl.read_parquet(file).head(1).write_parquet(file, metadata=metadata)
    assert outcomes(box.archive(tmp_path / "archive")) == {"1001": "written"}
    assert dataset(tmp_path / "archive").height == 25


@pytest.mark.parametrize("odd", ["1/../2", "ü", "%2e", "a=b", "..x"])
def test_an_odd_id_stays_one_folder_and_comes_back_as_it_was(
    emulator: Emulator, box: Box, tmp_path: Path, odd: str
) -> None:
    emulator.enterprise.put(odd, 3)
    box.read(odd)
    box.archive(tmp_path / "archive")
    assert len(list((tmp_path / "archive").iterdir())) == 1
    assert set(dataset(tmp_path / "archive")["batch_id"]) == {odd}


def test_an_archive_that_cannot_be_written_is_one_clear_error(box: Box, tmp_path: Path) -> None:
    box.read("1001")
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError, match=r"archive .*file.* cannot be written"):
        box.archive(tmp_path / "file")


def test_the_command_counts_batches_by_outcome(
    emulator: Emulator,
    connected: Callable[..., Box],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    where = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
    assert cli.main(["archive", str(tmp_path / "archive"), *where]) == 0
    assert "No batch is cached" in capsys.readouterr().out
    connected().read(BATCHES)
    for printed in ("3 batches written, 42 jobs\n", "3 batches unchanged, 42 jobs\n"):
        assert cli.main(["archive", str(tmp_path / "archive"), *where, "--offline"]) == 0
        assert capsys.readouterr().out == printed
