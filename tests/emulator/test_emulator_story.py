"""The numbers of the demo's story."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from emulator_client import Client, serving

from boxdocgen_explore.emulator import DEMO_USER, STORY_BATCH_ID, STORY_NOW, story
from boxdocgen_explore.schema import STATUSES, TERMINAL

Jobs = list[dict[str, Any]]
MISSING_TAG = "The tag 'offer.relocation_allowance' was not provided in the input data."


@pytest.fixture(scope="module")
def batches(demo: Client) -> dict[str, Jobs]:
    """Every job of the demo in the full form, by batch."""
    found: dict[str, Jobs] = defaultdict(list)
    for job in demo.jobs("/docgen_jobs"):
        found[job["batch"]["id"]].append(job)
    return found


@pytest.fixture(scope="module")
def names(demo: Client) -> dict[str, str | None]:
    return {
        template["file"]["id"]: template["file_name"] for template in demo.jobs("/docgen_templates")
    }


def created_at(jobs: Jobs) -> datetime:
    return datetime.fromisoformat(jobs[0]["created_at"])


def statuses(jobs: Jobs) -> Counter[str]:
    return Counter(job["status"] for job in jobs)


def test_most_of_the_jobs_failed_because_of_one_tag(batches: dict[str, Jobs]) -> None:
    failed = [job for job in batches[STORY_BATCH_ID] if job["status"] == "failed"]
    errors = [(job["failures"] or {"errors": []})["errors"] for job in failed]

    assert sum(MISSING_TAG in of_job for of_job in errors) == 1412
    assert any(len(of_job) > 1 for of_job in errors if MISSING_TAG not in of_job)
    assert any(job["failures"] is None for job in failed)
    unused = [job for job in batches[STORY_BATCH_ID] if (job["failures"] or {}).get("warnings")]
    assert sum(job["failures"]["errors"] == [] for job in unused) == 18
    others = {re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", of_job[0]) for of_job in errors if of_job}
    assert len(others) >= 5


def test_that_tag_came_with_version_five(demo: Client, batches: dict[str, Jobs]) -> None:
    job = batches[STORY_BATCH_ID][0]
    template_id = job["template_file"]["id"]
    versions = list(story().templates[template_id].versions)

    def contents(version_id: str | None) -> list[str]:
        path = f"/docgen_templates/{template_id}/tags"
        tags = demo.page(path, template_version_id=version_id)["entries"]
        return [tag["tag_content"] for tag in tags]

    assert len(versions) == 5
    assert job["template_file_version"]["id"] == versions[4]
    assert contents(versions[4]) == [*contents(versions[3]), "{{offer.relocation_allowance}}"]
    assert contents(None) == contents(versions[4])


def test_the_batch_of_the_week_before_is_clean(batches: dict[str, Jobs]) -> None:
    story_jobs = batches[STORY_BATCH_ID]
    week_before = created_at(story_jobs) - timedelta(days=7)

    (twin,) = [jobs for jobs in batches.values() if created_at(jobs) == week_before]

    assert len(twin) == 3000
    assert statuses(twin)["completed"] > 2990
    assert twin[0]["template_file"] == story_jobs[0]["template_file"]
    assert twin[0]["template_file_version"] != story_jobs[0]["template_file_version"]


def test_the_storys_batch_stands_out(batches: dict[str, Jobs]) -> None:
    rates = {
        batch_id: statuses(jobs)["failed"] / len(jobs)
        for batch_id, jobs in batches.items()
        if len(jobs) > 50
    }

    assert rates.pop(STORY_BATCH_ID) > 0.49
    assert max(rates.values()) < 0.02


def test_there_are_about_forty_batches_of_every_size(batches: dict[str, Jobs]) -> None:
    sizes = {len(jobs) for jobs in batches.values()}

    assert 38 <= len(batches) <= 45
    assert {1, 999, 1000, 1001, 25000} <= sizes
    assert 60_000 <= sum(len(jobs) for jobs in batches.values()) <= 70_000
    spread = STORY_NOW - min(created_at(jobs) for jobs in batches.values())
    assert timedelta(weeks=4) < spread < timedelta(weeks=8)
    assert all(created_at(jobs) < STORY_NOW for jobs in batches.values())


def test_one_batch_is_empty_and_so_in_no_list(demo: Client, batches: dict[str, Jobs]) -> None:
    enterprise = story()
    empty = [batch.id for batch in enterprise.batches(DEMO_USER) if batch.size == 0]

    assert len(empty) == 1
    assert empty[0] not in batches
    assert demo.pages(f"/docgen_batch_jobs/{empty[0]}") == [
        {"limit": 1000, "next_marker": None, "prev_marker": None, "entries": []}
    ]


def test_ids_are_unique_and_look_like_boxs(batches: dict[str, Jobs]) -> None:
    jobs = [job for of_batch in batches.values() for job in of_batch]
    outputs = [job["output_file"]["id"] for job in jobs if job["output_file"]]

    assert len({job["id"] for job in jobs}) == len(jobs)
    assert len(set(outputs)) == len(outputs)
    assert all(re.fullmatch(r"\d{11}", job["id"]) for job in jobs)
    assert all(re.fullmatch(r"\d{11}", batch_id) for batch_id in batches)


def test_jobs_are_as_box_documents_them(batches: dict[str, Jobs]) -> None:
    for jobs in batches.values():
        for job in jobs:
            assert job["status"] in STATUSES
            has_document = job["status"] in ("completed", "completed_with_error")
            assert (job["output_file"] is not None) == has_document
            assert (job["output_file_version"] is not None) == has_document
            assert (job["failures"] is not None) or job["status"] != "completed"
            assert job["created_by"]["id"] == DEMO_USER.id


def test_some_batches_have_external_ids(batches: dict[str, Jobs]) -> None:
    external = {
        batch_id: {job.get("external_id") for job in jobs} for batch_id, jobs in batches.items()
    }

    assert "EMP-004711" in external[STORY_BATCH_ID]
    assert len(external[STORY_BATCH_ID]) == 3000
    assert sum(values == {None} for values in external.values()) > 20
    assert {job["output_type"] for jobs in batches.values() for job in jobs} == {"pdf", "docx"}


def test_a_dozen_templates_have_names_and_one_is_still_being_read(
    demo: Client, names: dict[str, str | None]
) -> None:
    named = {template_id for template_id, name in names.items() if name}
    (unnamed,) = names.keys() - named

    assert len(named) == 12
    for template_id in named:
        assert demo.page(f"/docgen_templates/{template_id}/tags")["entries"]
    unread = demo.ask(f"/docgen_templates/{unnamed}/tags")
    assert unread.status_code == 202
    assert unread.json() == {"message": "Processing tags for this file."}


def test_one_batch_cannot_be_read_to_its_end(demo: Client, batches: dict[str, Jobs]) -> None:
    (batch,) = [batch for batch in story().batches(DEMO_USER) if batch.broken_at is not None]
    path = f"/docgen_batch_jobs/{batch.id}"
    second = demo.page(path, marker=demo.page(path)["next_marker"])

    answers = [demo.ask(path, params={"marker": second["next_marker"]}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 500]
    assert answers[0].json()["code"] == "internal_server_error"
    # The list of all jobs shows it nevertheless.
    assert len(batches[batch.id]) == batch.size


def test_one_batch_runs_and_moves_on_with_the_clock(batches: dict[str, Jobs]) -> None:
    (batch_id,) = (id_ for id_, jobs in batches.items() if not statuses(jobs).keys() <= TERMINAL)
    now = [0.0]
    with serving(clock=lambda: now[0]) as client:

        def look(at_s: float) -> dict[str, str]:
            now[0] = at_s
            jobs = client.jobs(f"/docgen_batch_jobs/{batch_id}")
            return {job["id"]: job["status"] for job in jobs}

        looks = [look(at_s) for at_s in (0.0, 60.0, 61.0, 240.0, 1500.0, 6000.0)]

    running = [sum(status not in TERMINAL for status in look.values()) for look in looks]
    assert running == sorted(running, reverse=True)
    assert running[0] > running[1] > running[3] > running[4] == running[5] == 0
    assert {"pending", "submitted", "completed"} <= set(looks[0].values())
    for before, after in pairwise(looks):
        assert list(before) == list(after)
        assert all(after[id_] == status for id_, status in before.items() if status in TERMINAL)


def test_the_story_is_the_same_every_time_whatever_is_done_to_another(demo: Client) -> None:
    path = f"/docgen_batch_jobs/{STORY_BATCH_ID}"
    before = demo.pages(path)
    with serving() as other:
        assert other.pages(path) == before
        other.emulator.enterprise.put(STORY_BATCH_ID, 1)
        assert len(other.jobs(path)) == 1

    assert demo.pages(path) == before
