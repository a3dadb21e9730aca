"""Markers: forward, back, and of other lists."""

from __future__ import annotations

import pytest
from emulator_client import PATH, Client, ids
from hypothesis import example, given
from hypothesis import strategies as st

from boxdocgen_explore.emulator import DEMO_USER, User


@given(jobs=st.integers(0, 60), limit=st.integers(1, 70))
@example(jobs=0, limit=1)
@example(jobs=999, limit=1000)
@example(jobs=1000, limit=1000)
@example(jobs=1001, limit=1000)
@example(jobs=2500, limit=5000)
def test_paging_gives_every_job_once_in_order_and_back_mirrors_it(
    client: Client, jobs: int, limit: int
) -> None:
    client.emulator.enterprise.put("1001", jobs)

    forward = client.pages(PATH, limit=limit)
    back = [forward[-1]]
    while marker := back[-1]["prev_marker"]:
        back.append(client.page(PATH, limit=limit, marker=marker))

    wanted = [job["id"] for job in client.emulator.enterprise.jobs("1001")]
    assert [job_id for page in forward for job_id in ids(page)] == wanted
    assert len(wanted) == jobs
    assert back == forward[::-1]
    assert len(forward) == max(1, -(-jobs // min(limit, 1000)))


@pytest.mark.parametrize("marker", [None, "", "0"])
def test_no_marker_an_empty_one_and_zero_mean_the_first_page(
    client: Client, marker: str | None
) -> None:
    page = client.page(PATH, limit=10, marker=marker)

    assert ids(page) == [f"1001{number:06d}" for number in range(10)]
    assert page["prev_marker"] is None


def test_a_marker_that_was_made_up_is_refused(client: Client) -> None:
    marker = client.page(PATH, limit=10)["next_marker"]

    changed = [marker[:-1], marker + "A", "A" + marker[1:], marker[::-1], marker.lower()]
    for made_up in (*changed, "10", "x/y", "ü"):
        answer = client.ask(PATH, params={"marker": made_up, "limit": 10})
        assert answer.status_code == 400, made_up
        assert answer.json()["code"] == "bad_request"


def test_a_marker_belongs_to_one_list(client: Client) -> None:
    client.emulator.enterprise.put("1003", 25)
    marker = client.page(PATH, limit=10)["next_marker"]

    for path in ("/docgen_batch_jobs/1003", "/docgen_jobs", "/docgen_templates"):
        assert client.ask(path, params={"marker": marker}).status_code == 400, path


def test_a_marker_belongs_to_one_user(client: Client) -> None:
    marker = client.page("/docgen_jobs", limit=10)["next_marker"]
    twin = User("9", "Twin", "twin@example.com", token="twins")
    client.emulator.users = (DEMO_USER, twin)

    assert client.ask("/docgen_jobs", params={"marker": marker}).status_code == 200
    answer = client.ask("/docgen_jobs", params={"marker": marker}, token="twins")
    assert answer.status_code == 400


def test_a_marker_beyond_a_list_that_shrank_is_refused(client: Client) -> None:
    marker = client.page(PATH, limit=20)["next_marker"]
    client.emulator.enterprise.put("1001", 5)

    assert client.ask(PATH, params={"marker": marker}).status_code == 400


@pytest.mark.parametrize("usemarker", [None, "true"])
def test_the_limit_may_change_within_a_chain_with_and_without_usemarker(
    client: Client, usemarker: str | None
) -> None:
    first = client.page(PATH, limit=10)
    rest = client.page(PATH, limit=1000, marker=first["next_marker"], usemarker=usemarker)

    assert ids(first) + ids(rest) == [f"1001{number:06d}" for number in range(25)]
