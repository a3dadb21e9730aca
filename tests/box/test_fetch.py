"""A fetch reads several lists at once, can be stopped at any time, and reports progress."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from batch import PATH, arrived, calls_to, truth

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, RetryPolicy, connect, progress
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator

Progress = tuple[int, int, str | None]


@pytest.mark.parametrize("path", [PATH, "/users/me"])
@pytest.mark.parametrize("fault", ["silent", "rate-limit"])
def test_a_cancel_ends_any_wait_and_the_error_carries_what_arrived(
    emulator: Emulator, tmp_path: Path, fault: str, path: str
) -> None:
    """Each of these waits would end by itself, but with another error."""
    options = {"retry_after": 30} if fault == "rate-limit" else {}
    emulator.fault(fault, path=path, page=2 if path == PATH else None, times=None, **options)
    cancelled = threading.Event()
    policy = RetryPolicy(read_timeout_s=30, deadline_s=60, attempts=1 if fault == "silent" else 2)
    box = connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path, retry=policy)

    def stop(_pages: int, _jobs: int, waiting: str | None) -> None:
        called = calls_to(emulator, path) >= (2 if path == PATH else 1)
        if called and (waiting or fault == "silent"):
            cancelled.set()

    with box, pytest.raises(errors.Cancelled) as caught:
        box.read("1001", limit=10, cancelled=cancelled, progress=stop)
    reading = arrived(caught.value)
    assert reading.jobs.height == (10 if path == PATH else 0)
    assert set(reading.failures) == {"1001"}
    assert "INCOMPLETE" in reading.verdict


def test_a_cancelled_batch_is_incomplete_and_continues_later(emulator: Emulator, box: Box) -> None:
    cancelled = threading.Event()
    with pytest.raises(errors.Cancelled) as caught:
        box.read("1001", limit=1, cancelled=cancelled, progress=lambda *_: cancelled.set())
    assert not arrived(caught.value).pages["complete"].any()
    assert box.read("1001", limit=1).jobs["job_id"].to_list() == truth(emulator)


def test_ctrl_c_stops_the_workers(emulator: Emulator, box: Box) -> None:
    emulator.fault("slow", path=PATH, seconds=0.05, times=None)
    others = set(threading.enumerate())

    def interrupt(pages: int, _jobs: int, _waiting: str | None) -> None:
        if pages:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        box.read("1001", limit=1, progress=interrupt)
    for worker in set(threading.enumerate()) - others:
        if worker.name != "boxdocgen-attempt":  # a worker waits for its own
            worker.join()
    assert calls_to(emulator) < 10


def test_progress_ends_with_all_pages_and_jobs_and_reports_waits(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("rate-limit", path=PATH, page=2, retry_after=0)
    reports: list[Progress] = []
    box.read("1001", limit=10, progress=lambda *now: reports.append(now))
    assert reports[-1] == (3, 25, None)
    assert "Box asks to wait 0 s" in {waiting for _, _, waiting in reports}


def test_progress_starts_again_with_a_chain_that_is_restarted(emulator: Emulator, box: Box) -> None:
    emulator.fault("overlap", path=PATH, page=3)
    reports: list[Progress] = []
    box.read("1001", limit=10, progress=lambda *now: reports.append(now))
    assert reports[-1] == (3, 25, None)


def test_a_wait_is_shown_at_once_and_a_plain_line_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "interactive", lambda: True)
    with progress.ProgressBar() as bar:
        bar(1, 1000, None)
        assert capsys.readouterr().err == ""
        bar(1, 1000, "Box asks to wait 30 s")
        assert "1 page, 1,000 jobs [00:00, Box asks to wait 30 s]" in capsys.readouterr().err
        bar(2, 1500, None)
    assert "1,500 jobs, 2 pages in 0 s" in capsys.readouterr().err.splitlines()[-1]


def test_programs_see_no_progress(capsys: pytest.CaptureFixture[str], box: Box) -> None:
    with progress.ProgressBar() as bar:
        bar(1, 1000, "Box asks to wait 30 s")
    box.read("1001")
    assert capsys.readouterr() == ("", "")
