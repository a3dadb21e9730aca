"""A company's nights: batches every day, a run on most nights, and a fault now and then.

``PYTHONPATH=tests uv run python tests/trust/test_year.py 365`` prints how a year goes, quarter by
quarter.
"""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import perf_counter

import polars as pl
import pytest
from conftest import QUICK
from time_machine import travel

from boxdocgen_explore import connect
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise, plain_job
from boxdocgen_explore.emulator.enterprise import Job

pytestmark = pytest.mark.trust

_FIRST = dt.datetime(2027, 1, 1, 2, tzinfo=dt.UTC)
_FAULTS = ("500", "rate-limit", "cut", "drop", "garbage", "forbidden")


def batch_of(batch_id: str, created: dt.datetime, jobs: int) -> list[Job]:
    """A batch of a night; every seventh job failed."""
    made = [plain_job(batch_id, n) | {"created_at": created.isoformat()} for n in range(jobs)]
    for job in made[::7]:
        job |= {"status": "failed", "output_file": None, "output_file_version": None}
    return made


def nights(number: int, folder: Path, emulator: Emulator) -> Iterator[dict[str, float]]:
    """Each night 30 batches, one of them still running until the next night, then a run.

    Twice a month there is no run for two nights, which is more than a run looks back. In the night
    before, nothing runs that would make the next run look further back.
    """
    chance, running = random.Random(7), list[tuple[str, list[Job]]]()
    for night in range(number):
        now = _FIRST + dt.timedelta(days=night)
        for batch_id, jobs in running:
            emulator.enterprise.put(batch_id, jobs)
        running.clear()
        for place in range(30):
            batch_id = f"{9_000_000 + 100 * night + place}"
            created = now - dt.timedelta(hours=3, minutes=5 * (30 - place))
            jobs = batch_of(batch_id, created, chance.randint(1, 9))
            if place == 7 and night % 15 != 1:
                running.append((batch_id, jobs))
                jobs = [jobs[0] | {"status": "pending"}, *jobs[1:]]
            emulator.enterprise.put(batch_id, jobs)
        if night and night % 5 == 0:
            path = f"/docgen_batch_jobs/{9_000_000 + 100 * night + chance.randrange(30)}"
            emulator.fault(chance.choice(_FAULTS), path=path, times=chance.choice((1, 9)))
        if night % 15 in (2, 3):
            continue
        start = perf_counter()
        with (
            travel(now),
            connect(
                DEMO_TOKEN, base_url=emulator.url, cache_dir=folder / "cache", retry=QUICK
            ) as box,
        ):
            written = box.archive(folder / "archive", since=dt.timedelta(days=1))
            calls = sum(box.calls.values())
        files = [path for path in folder.rglob("*") if path.is_file()]
        yield {
            "night": night,
            "seconds": perf_counter() - start,
            "calls": calls,
            "left_out": written.height - written["outcome"].is_in(["written", "unchanged"]).sum(),
            "files": len(files),
            "mb": sum(path.stat().st_size for path in files) / 1e6,
        }
    for batch_id, jobs in running:
        emulator.enterprise.put(batch_id, jobs)


def truth(emulator: Emulator, number: int) -> pl.DataFrame:
    """Every job of the last night as well as of the others."""
    ids = [f"{9_000_000 + 100 * night + place}" for night in range(number) for place in range(30)]
    jobs = [job for one in ids for job in emulator.enterprise.jobs(one)]
    created = [dt.datetime.fromisoformat(job["created_at"]) for job in jobs]
    return pl.DataFrame(
        {
            "job_id": [job["id"] for job in jobs],
            "status": [job["status"] for job in jobs],
            "created_at": pl.Series(created, dtype=pl.Datetime("us", "UTC")),
        }
    ).sort("job_id")


def frame_files(cache: Path) -> int:
    """How many files of stored rows there are."""
    (path,) = cache.rglob("pages.sqlite")
    with closing(sqlite3.connect(path)) as database:
        (number,) = database.execute("SELECT count(*) FROM frame_files").fetchone()
    return int(number)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [6, 365])
def test_after_many_nights_the_dataset_is_correct_to_the_row(number: int, tmp_path: Path) -> None:
    with Emulator(enterprise=Enterprise.of({})) as emulator:
        seen = [*nights(number, tmp_path, emulator)]
        assert all(night["left_out"] for night in seen if night["night"] % 15 != 1)
        assert sum(night["calls"] for night in seen) > number * 30
        for night in range(number, number + 9):  # the last faults strike on nine nights
            with (
                travel(_FIRST + dt.timedelta(days=night)),
                connect(
                    DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path / "cache", retry=QUICK
                ) as box,
            ):
                last = box.archive(tmp_path / "archive", since=dt.timedelta(days=1))
        assert last["outcome"].is_in(["written", "unchanged"]).all()
        archive = tmp_path / "archive"
        jobs = pl.read_parquet(archive / "month=*/*.parquet", hive_partitioning=False)
        found = jobs.select("job_id", "status", "created_at").sort("job_id")
        assert found.equals(truth(emulator, number))
    runs = pl.read_parquet(archive / "_runs.parquet").drop_nulls("batch_id")
    assert runs.unique("batch_id", keep="last")["outcome"].is_in(["written", "unchanged"]).all()
    months = {f"month={(_FIRST + dt.timedelta(days=n)):%Y-%m}" for n in range(number)}
    names = {path.name for path in archive.iterdir()}
    assert names - {"month=2026-12"} == {".lock", "_runs.parquet", *months}
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".part", ".tmp")]
    assert frame_files(tmp_path / "cache") <= 16


def main() -> None:
    number = int(sys.argv[1])
    warnings.simplefilter("ignore")
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(enterprise=Enterprise.of({})) as emulator,
    ):
        table = pl.DataFrame([*nights(number, Path(folder), emulator)])
    quarters = table.group_by((pl.col("night") * 4 // number).alias("quarter"), maintain_order=True)
    with pl.Config(tbl_rows=-1):
        sys.stdout.write(f"{quarters.agg(pl.exclude('night').mean().round(2))}\n")


if __name__ == "__main__":
    main()
