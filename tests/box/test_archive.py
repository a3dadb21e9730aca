"""Final batches as a dataset for other programs, written by runs that anything may interrupt."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from servers import raw_server

from boxdocgen_explore import cli, connect, errors
from boxdocgen_explore.box import Box, IncompleteListWarning
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise, User, plain_job
from boxdocgen_explore.schema import ARCHIVED, ARCHIVED_JOBS, JOBS, RUNS

BATCHES = ["1001", "1003", "1004"]


def outcomes(written: pl.DataFrame) -> dict[str, str]:
    return dict(written.select("batch_id", "outcome").iter_rows())


def dataset(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "month=*/*.parquet", hive_partitioning=False)


def runs(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "_runs.parquet")


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.glob("month=*/*.parquet")}


def test_a_run_fetches_what_this_user_can_see_and_writes_it_with_details(
    box: Box, tmp_path: Path
) -> None:
    written = box.archive(tmp_path)
    assert dict(written.schema) == ARCHIVED
    assert outcomes(written) == dict.fromkeys(BATCHES, "written")
    found = dataset(tmp_path)
    assert dict(found.schema) == ARCHIVED_JOBS
    jobs = box.read(BATCHES, details=True).jobs
    assert found.select(jobs.columns).sort("job_id").equals(jobs.sort("job_id"))
    created = jobs["created_at"].min()
    assert isinstance(created, dt.datetime)
    assert set(written["file"]) == {f"month={created:%Y-%m}/jobs-0000.parquet"}
    assert str(created.year) in found["batch_label"][0]
    assert set(found["template_name"]) == {"Letter"}


def test_documents_are_there_if_they_were_asked_for(box: Box, tmp_path: Path) -> None:
    box.archive(tmp_path / "without")
    assert dataset(tmp_path / "without")["output_file_name"].is_null().all()
    box.archive(tmp_path / "with", documents=True)
    made = dataset(tmp_path / "with").drop_nulls("output_file_id")
    assert made["output_file_name"].is_not_null().all()
    assert made["duration_s"].is_not_null().all()


def test_without_the_list_of_templates_their_names_are_null(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.fault("forbidden", path="/docgen_templates", times=None)
    box.archive(tmp_path)
    assert dataset(tmp_path)["template_name"].is_null().all()


def test_nothing_new_means_no_file_is_touched_and_no_batch_requested(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    box.archive(tmp_path)
    before, calls = files(tmp_path), len(emulator.calls)
    assert set(outcomes(box.archive(tmp_path)).values()) == {"unchanged"}
    assert files(tmp_path) == before
    assert not [call for call in emulator.calls[calls:] if "batch_jobs" in call.path]


def test_what_is_new_or_has_changed_is_written_and_the_rest_stays(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    box.archive(tmp_path)
    emulator.enterprise.put("1003", [*emulator.enterprise.jobs("1003"), plain_job("1003", 77)])
    emulator.enterprise.put("2000", 5)
    assert outcomes(box.archive(tmp_path)) == {
        "1001": "unchanged", "1003": "written", "1004": "unchanged", "2000": "written"
    }  # fmt: skip
    assert dataset(tmp_path).height == 42 + 1 + 5
    assert dataset(tmp_path)["job_id"].is_unique().all()


def test_what_still_runs_or_cannot_be_read_is_left_out_and_tried_again(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    running = [plain_job("1003", 1) | {"status": "pending"}, plain_job("1003", 2)]
    emulator.enterprise.put("1003", running)
    emulator.fault("500", path="/docgen_batch_jobs/1001", times=3)
    written = box.archive(tmp_path)
    assert outcomes(written) == {"1001": "incomplete", "1003": "still running", "1004": "written"}
    assert written.filter(batch_id="1001")["jobs"].item() is None
    assert set(dataset(tmp_path)["batch_id"]) == {"1004"}
    reasons = dict(written.select("batch_id", "reason").iter_rows())
    assert reasons["1003"] == "1 of 2 jobs may still change."
    assert "Box has a problem" in reasons["1001"]
    assert "status 500" in reasons["1001"]
    assert reasons["1004"] is None
    seen = runs(tmp_path)
    assert dict(seen.select("batch_id", "reason").iter_rows()) == reasons
    assert dict(seen.select("batch_id", "complete").iter_rows())["1001"] is False
    emulator.enterprise.put("1003", 1)
    # Both are older than that, but tried again.
    again = box.archive(tmp_path, since=dt.timedelta(seconds=1))
    assert outcomes(again).items() >= {"1001": "written", "1003": "written"}.items()
    assert set(dataset(tmp_path)["batch_id"]) == {*BATCHES}


def recent_batch(emulator: Emulator, batch_id: str, minutes: int) -> None:
    """Add a batch that was created this many minutes ago."""
    created = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)
    emulator.enterprise.put(
        batch_id, [plain_job(batch_id, 1) | {"created_at": created.isoformat(timespec="seconds")}]
    )


def test_after_an_outage_a_run_goes_back_to_the_last_complete_one(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    second = dt.timedelta(seconds=1)
    recent_batch(emulator, "2000", 30)
    assert "2000" not in outcomes(box.archive(tmp_path, since=second))  # nothing to go back to
    assert outcomes(box.archive(tmp_path, since=second))["2000"] == "written"
    # A run that ended early saw nothing, so the next one goes back beyond it.
    recent_batch(emulator, "2001", 30)
    log = tmp_path / "_runs.parquet"
    hours_ago = pl.col("run_at") - dt.timedelta(hours=3)
    runs(tmp_path).with_columns(hours_ago).write_parquet(log)
    recent_batch(emulator, "2002", 150)
    emulator.fault("500", path="/docgen_jobs", times=3)
    with pytest.raises(errors.ServerError):
        box.archive(tmp_path, since=second)
    failed = runs(tmp_path).row(-1, named=True)
    assert (failed["outcome"], failed["batch_id"]) == ("failed", None)
    assert "Box has a problem" in failed["reason"]
    assert {"2001", "2002"} <= outcomes(box.archive(tmp_path, since=second)).keys()
    assert runs(tmp_path)["since"][-1] < dt.datetime.now(dt.UTC) - dt.timedelta(hours=3)


def test_a_run_whose_token_has_expired_is_in_the_log(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    with pytest.raises(errors.Unauthorized):
        connected(token="expired").archive(tmp_path)
    assert runs(tmp_path).select("outcome", "user_id").rows() == [("failed", None)]


@pytest.mark.parametrize("fault", ["token", "list", "disk"])
def test_after_a_first_run_that_failed_the_next_one_reads_what_that_was_asked_for(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path, fault: str
) -> None:
    archive, month = tmp_path / "archive", tmp_path / "archive/month=2026-11"
    if fault == "list":
        emulator.fault("500", path="/docgen_jobs", times=9)
    if fault == "disk":
        archive.mkdir()
        month.write_text("")  # a folder cannot be created there
    with pytest.raises(errors.BoxDocGenError):
        connected(token="expired" if fault == "token" else DEMO_TOKEN).archive(archive)
    emulator.clear_faults()
    month.unlink(missing_ok=True)
    written = connected().archive(archive, since=dt.timedelta(seconds=1))
    assert outcomes(written) == dict.fromkeys(BATCHES, "written")


def test_an_archived_batch_that_changes_again_is_tried_until_it_is_final(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    second = dt.timedelta(seconds=1)
    box.archive(tmp_path)
    jobs = emulator.enterprise.jobs("1003")
    late = plain_job("1003", 77)
    emulator.enterprise.put("1003", [*jobs, late | {"status": "pending"}])
    assert outcomes(box.archive(tmp_path))["1003"] == "still running"
    emulator.enterprise.put("1003", [*jobs, late])
    assert outcomes(box.archive(tmp_path, since=second))["1003"] == "written"
    assert "1003" not in outcomes(box.archive(tmp_path, since=second))


def test_a_run_of_a_wrong_clock_hides_no_outage(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    second, log = dt.timedelta(seconds=1), tmp_path / "_runs.parquet"
    box.archive(tmp_path)
    earlier = runs(tmp_path).with_columns(pl.col("run_at") - dt.timedelta(hours=3))
    future = earlier.with_columns(pl.col("run_at") + dt.timedelta(days=999))
    pl.concat([earlier, future]).write_parquet(log)
    recent_batch(emulator, "2000", 120)
    assert outcomes(box.archive(tmp_path, since=second))["2000"] == "written"


def test_the_log_has_no_text_of_an_unexpected_error(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Bearer secret")

    monkeypatch.setattr(box, "template_names", fail)
    with pytest.raises(RuntimeError):
        box.archive(tmp_path)
    assert runs(tmp_path)["reason"].to_list()[-1] == "RuntimeError"


def test_a_batch_that_cannot_be_read_can_be_skipped(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.fault("forbidden", path="/docgen_batch_jobs/1001", times=None)
    first, again = box.archive(tmp_path), box.archive(tmp_path)
    assert outcomes(first)["1001"] == outcomes(again)["1001"] == "incomplete"
    since = first.filter(batch_id="1001")["left_out_since"].item()
    assert again.filter(batch_id="1001")["left_out_since"].item() == since
    with pytest.warns(UserWarning, match="Nothing was skipped: no batch 1002 found"):
        written = box.archive(tmp_path, skip=["1001", "1002", "1003"])
    assert outcomes(written) == {"1001": "skipped", "1003": "unchanged", "1004": "unchanged"}
    assert runs(tmp_path).filter(outcome="skipped")["complete"].to_list() == [False]
    assert written["left_out_since"].to_list() == [since, None, None]


@pytest.mark.parametrize("url", ["s3:/bucket/x", "sss://bucket/x", "http://example.com/x"])
def test_an_address_that_is_no_object_storage_makes_no_folder(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InvalidRequest, match="a folder, or start with one of s3://, s3a://"):
        box.archive(url)
    assert not [*tmp_path.glob("*:*")]


def test_the_log_says_who_saw_what_and_has_the_evidence(box: Box, tmp_path: Path) -> None:
    box.archive(tmp_path)
    box.archive(tmp_path)
    seen = runs(tmp_path)
    assert dict(seen.schema) == RUNS
    assert seen["outcome"].to_list() == ["written"] * 3 + ["nothing new"]
    assert set(seen["user_login"]) == {"svc-hr@example.com"}
    pages = box.read("1001").pages
    row = seen.filter(batch_id="1001").row(0, named=True)
    assert row["body_sha256"] == pages["body_sha256"].to_list()
    assert row["box_request_id"] == pages["box_request_id"].to_list()


def test_a_cached_batch_without_jobs_is_left_out_for_that_reason(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.enterprise.put("1003", 0)
    box.read("1003")
    written = box.archive(tmp_path).filter(batch_id="1003").row(0, named=True)
    assert (written["outcome"], written["reason"]) == ("still running", "It has no jobs yet.")


def test_a_log_without_reasons_as_older_versions_wrote_it_is_continued(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.fault("forbidden", path="/docgen_batch_jobs/1001", times=1)
    box.archive(tmp_path)
    runs(tmp_path).drop("reason").write_parquet(tmp_path / "_runs.parquet")
    emulator.fault("forbidden", path="/docgen_batch_jobs/1001", times=1)
    assert outcomes(box.archive(tmp_path))["1001"] == "incomplete"
    seen = runs(tmp_path)
    assert dict(seen.schema) == RUNS
    reasons = seen.filter(batch_id="1001")["reason"]
    assert reasons[0] is None
    assert "may not read this" in reasons[1]


def test_a_batch_that_was_written_before_the_run_was_killed_is_logged_by_the_next(
    box: Box, tmp_path: Path
) -> None:
    box.archive(tmp_path)
    (tmp_path / "_runs.parquet").unlink()
    box.archive(tmp_path)
    assert set(runs(tmp_path)["batch_id"]) == {*BATCHES}


def test_an_offline_archive_writes_the_cached_batches_without_calls_and_details(
    emulator: Emulator, connected: Callable[..., Box], tmp_path: Path
) -> None:
    connected().read(["1001", "1004"])
    calls = len(emulator.calls)
    with pytest.warns(IncompleteListWarning, match="only cached batches"):
        written = connected(offline=True).archive(tmp_path / "archive")
    assert outcomes(written) == {"1001": "written", "1004": "written"}
    assert len(emulator.calls) == calls
    found = dataset(tmp_path / "archive")
    assert found["created_at"].is_null().all()
    assert set(written["file"]) == {"month=unknown/jobs-0000.parquet"}
    jobs = connected(offline=True).jobs(["1001", "1004"])
    assert found.select(*JOBS).sort("job_id").equals(jobs.sort("job_id"))
    # Once the list can be read, they move to their month and get their details.
    assert outcomes(connected().archive(tmp_path / "archive"))["1001"] == "written"
    moved = dataset(tmp_path / "archive")
    assert moved["created_at"].is_not_null().all()
    assert moved["job_id"].is_unique().all()
    assert set(outcomes(connected().archive(tmp_path / "archive")).values()) == {"unchanged"}


def test_a_file_that_cannot_be_read_now_is_an_error_and_not_replaced(
    box: Box, tmp_path: Path
) -> None:
    box.archive(tmp_path / "archive")
    (file,) = (tmp_path / "archive").rglob("jobs-*.parquet")
    file.rename(tmp_path / "aside")
    file.symlink_to(file)  # like any error of a disk or network
    with pytest.raises(errors.StoreError, match=r"cannot be used .* and written\.$"):
        box.archive(tmp_path / "archive")  # no advice to move it away
    assert file.is_symlink()


def test_a_corrupt_file_is_written_again(box: Box, tmp_path: Path) -> None:
    (file,) = {*box.archive(tmp_path)["file"]}
    (tmp_path / file).write_bytes(b"PAR1 cut")
    assert set(outcomes(box.archive(tmp_path)).values()) == {"written"}
    assert dataset(tmp_path).height == 42


@pytest.mark.parametrize(
    "batches", ["5", "[1]", '{"1": 5}', '{"1": {}}', '{"1": {"jobs": null}}', "[" * 100_000]
)
def test_a_file_that_does_not_say_what_it_has_is_written_again(
    box: Box, tmp_path: Path, batches: str
) -> None:
    (file,) = {*box.archive(tmp_path)["file"]}
    metadata = {**pl.read_parquet_metadata(tmp_path / file), "boxdocgen.batches": batches}
    pl.read_parquet(tmp_path / file).write_parquet(tmp_path / file, metadata=metadata)
    assert set(outcomes(box.archive(tmp_path)).values()) == {"written"}
    assert dataset(tmp_path).height == 42


@pytest.mark.parametrize("folder", ["archive", "404 not found"])
@pytest.mark.parametrize("content", [b"PAR1 cut", None])
def test_a_log_that_cannot_be_read_is_an_error_and_stays(
    box: Box, tmp_path: Path, folder: str, content: bytes | None
) -> None:
    log = tmp_path / folder / "_runs.parquet"
    log.parent.mkdir()
    if content is None:  # a file of another program
        pl.DataFrame({"run_at": ["x"], "batch_id": [5]}).write_parquet(log)
    else:
        log.write_bytes(content)
    before = log.read_bytes()
    with pytest.raises(
        errors.StoreError, match=r"_runs\.parquet cannot be used .* lose the log of earlier runs"
    ):
        box.archive(log.parent)
    assert log.read_bytes() == before


def test_a_dataset_of_a_newer_version_is_left_alone(box: Box, tmp_path: Path) -> None:
    (file,) = {*box.archive(tmp_path)["file"]}
    metadata = {**pl.read_parquet_metadata(tmp_path / file), "boxdocgen.dataset": "2"}
    pl.read_parquet(tmp_path / file).write_parquet(tmp_path / file, metadata=metadata)
    with pytest.raises(errors.StoreError, match="newer boxdocgen_explore"):
        box.archive(tmp_path)


def test_columns_that_an_older_version_did_not_have_are_added(
    emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    (file,) = {*box.archive(tmp_path)["file"]}
    metadata = pl.read_parquet_metadata(tmp_path / file)
    older = pl.read_parquet(tmp_path / file).drop("duration_s", "template_name")
    older.write_parquet(tmp_path / file, metadata=metadata)
    emulator.enterprise.put("2000", 5)
    box.archive(tmp_path)
    assert dict(dataset(tmp_path).schema) == ARCHIVED_JOBS
    assert dataset(tmp_path)["template_name"].value_counts(sort=True).rows() == [
        (None, 42), ("Letter", 5)
    ]  # fmt: skip


@pytest.mark.parametrize("odd", ["1/../2", "ü", "%2e", "a=b", "..x"])
def test_an_odd_id_comes_back_as_it_was(
    emulator: Emulator, box: Box, tmp_path: Path, odd: str
) -> None:
    emulator.enterprise.put(odd, 3)
    box.archive(tmp_path / "archive")
    assert {path.name for path in tmp_path.iterdir()} <= {"archive", "cache"}
    assert odd in set(dataset(tmp_path / "archive")["batch_id"])


def test_an_archive_that_cannot_be_written_is_one_clear_error(box: Box, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreError, match=r"archive .*file.* cannot be used"):
        box.archive(tmp_path / "file")


NOWHERE = {"aws_endpoint_url": "http://127.0.0.1:9", "aws_allow_http": "true", "max_retries": 0}
KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s3cr3t", "aws_region": "us-east-1"}


def refused(connection: socket.socket) -> None:
    body = b"<Error><Code>InvalidAccessKeyId</Code><Message>Unknown.</Message></Error>"
    head = f"HTTP/1.1 403 Forbidden\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    connection.sendall(head.encode() + body)


def test_object_storage_that_cannot_be_reached_is_one_clear_error(box: Box) -> None:
    options: Any = NOWHERE | KEYS
    with pytest.raises(errors.StoreError, match=r"Connection refused.*\. Check .* AWS_REGION"):
        box.archive("s3://letters/archive", storage_options=options)


def test_object_storage_that_never_answers_is_given_up(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boxdocgen_explore.box.dataset.TIMEOUT", "1 second")
    with raw_server(lambda silent: silent.recv(1)) as url:
        options: Any = {**NOWHERE, **KEYS, "aws_endpoint_url": url}
        with pytest.raises(errors.StoreError, match="timed out"):
            box.archive("s3://letters/archive", storage_options=options)


def test_object_storage_that_refuses_the_credentials_is_wrong_usage_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with raw_server(refused) as url:
        for name, value in {**NOWHERE, **KEYS, "aws_endpoint_url": url}.items():
            monkeypatch.setenv(name.upper(), str(value))
        assert cli.main(["archive", "s3://letters/archive", "--demo"]) == 2
    printed = capsys.readouterr().err
    assert re.match(r"boxdocgen: The archive s3://letters/archive.*403.*the credentials", printed)
    assert "s3cr3t" not in printed


def archive_some(url: str, cache: str, folder: str) -> None:
    """A run in a separate process."""
    with connect(DEMO_TOKEN, base_url=url, cache_dir=cache) as box:
        box.archive(folder)


def test_two_users_share_an_archive_and_each_run_is_about_its_own_batches(tmp_path: Path) -> None:
    users = [User(one, "Name", f"{one}@example.com", token=one * 32) for one in "12"]
    enterprise = Enterprise.of({"1001": 25}, owner=users[0])
    enterprise.put("2001", 30, owner=users[1])
    with Emulator(enterprise=enterprise, users=users) as emulator:
        for expected in ("written", "unchanged"):
            for user, batch_id in zip(users, ["1001", "2001"], strict=True):
                with connect(user.token, base_url=emulator.url, cache_dir=tmp_path / "c") as box:
                    written = box.archive(tmp_path / "archive")
                assert outcomes(written) == {batch_id: expected}
    counts = dataset(tmp_path / "archive")["batch_id"].value_counts()
    assert dict(counts.iter_rows()) == {"1001": 25, "2001": 30}


@pytest.mark.trust
def test_two_runs_at_once_write_every_batch_once(emulator: Emulator, tmp_path: Path) -> None:
    for number in range(2000, 2040):
        emulator.enterprise.put(str(number), 3)
    workers = [
        multiprocessing.get_context("spawn").Process(
            target=archive_some,
            args=(emulator.url, str(tmp_path / f"cache{number}"), str(tmp_path / "archive")),
        )
        for number in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found = dataset(tmp_path / "archive")
    assert found.height == 42 + 40 * 3
    assert found["job_id"].is_unique().all()
    assert runs(tmp_path / "archive")["batch_id"].drop_nulls().n_unique() == 43
