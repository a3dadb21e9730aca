"""A refresh requests pages that may have changed, and returns Box's current state."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from batch import Jobs, calls_to
from conftest import QUICK
from hypothesis import given
from hypothesis import strategies as st

from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, plain_job

pytestmark = pytest.mark.trust

RUNNING = ("pending", "submitted")


def fresh(emulator: Emulator, folder: str) -> Box:
    return connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=folder, retry=QUICK)


def content(jobs: Jobs) -> list[tuple[str, str]]:
    return sorted((job["id"], job["status"]) for job in jobs)


@pytest.mark.parametrize("page", [1, 25, 49, 50])
def test_a_refresh_of_fifty_pages_requests_the_running_one_and_the_end_page(
    emulator: Emulator, box: Box, page: int
) -> None:
    jobs = [plain_job("1001", number) for number in range(50)]
    emulator.enterprise.put("1001", [*jobs[: page - 1], running(jobs[page - 1]), *jobs[page:]])
    box.read("1001", limit=1)
    before = calls_to(emulator)
    emulator.enterprise.put("1001", jobs)
    reading = box.read("1001", limit=1, refresh=True)
    assert calls_to(emulator) - before == len({page, 50})
    assert reading.pages["complete"].all()
    assert set(reading.jobs["status"]) == {"completed"}


def running(job: dict[str, Any]) -> dict[str, Any]:
    return job | {"status": "pending", "output_file": None, "output_file_version": None}


@st.composite
def changed(draw: st.DrawFn, jobs: Jobs, serial: int) -> Jobs:
    """Change a batch as Box may have done meanwhile: in one way, and running jobs may end."""
    done = [
        job | {"status": draw(st.sampled_from(["completed", "failed", *RUNNING]))}
        if job["status"] in RUNNING
        else job
        for job in jobs
    ]
    new = [
        plain_job("1001", serial * 100 + number) | {"status": status}
        for number, status in enumerate(
            draw(st.lists(st.sampled_from(["completed", "pending"]), max_size=4))
        )
    ]
    kind = draw(st.sampled_from(["nothing", "append", "prepend", "insert", "remove", "move"]))
    place = draw(st.integers(0, len(done)))
    if kind == "append":
        return done + new
    if kind == "prepend":
        return new + done
    if kind == "insert":
        return done[:place] + new + done[place:]
    if kind == "remove":
        return done[:place] + done[place + draw(st.integers(1, 3)) :]
    if kind == "move" and place < len(done):
        rest = done[:place] + done[place + 1 :]
        to = draw(st.integers(0, len(rest)))
        return [*rest[:to], done[place], *rest[to:]]
    return done


@given(data=st.data())
def test_after_any_change_between_two_calls_a_refresh_gives_what_box_has_now(
    server: Emulator, data: st.DataObject
) -> None:
    limit = data.draw(st.integers(1, 5), "limit")
    statuses = data.draw(st.lists(st.sampled_from(["completed", "failed", "pending"]), max_size=24))
    jobs = [plain_job("1001", n) | {"status": status} for n, status in enumerate(statuses)]
    with tempfile.TemporaryDirectory() as folder, fresh(server, folder) as box:
        for serial in range(1, 5):
            server.enterprise.put("1001", jobs)
            reading = box.read("1001", limit=limit, refresh=True)
            assert sorted(reading.jobs.select("job_id", "status").rows()) == content(jobs)
            assert reading.pages["complete"].all()
            jobs = data.draw(changed(jobs, serial), f"change {serial}")
