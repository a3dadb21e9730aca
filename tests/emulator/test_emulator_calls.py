"""Tokens, versions, users, headers and errors, as at Box."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests
from emulator_client import PATH, Client, serving

from boxdocgen_explore.emulator import DEMO_USER, Call, Emulator, Enterprise, User, plain_job

LISTS = (
    "/docgen_jobs",
    "/docgen_templates",
    PATH,
    "/docgen_template_jobs/1755000000001",
    "/docgen_templates/1755000000001/tags",
)
OF_2024 = ("/users/me", "/files/181001000000", "/folders/191001/items")
CALLS = (*LISTS, "/docgen_templates/1755000000001", "/docgen_jobs/1001000000", *OF_2024)


def assert_box_error(answer: requests.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    body = answer.json()
    assert body["type"] == "error"
    assert (body["status"], body["code"]) == (status, code)
    assert body["message"]
    assert body["help_url"].startswith("https://developer.box.com/")
    assert body["request_id"] != answer.headers["box-request-id"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    "headers",
    [{"authorization": None}, {"authorization": "Bearer wrong"}, {"authorization": "Basic x"}],
    ids=["no token", "wrong token", "no bearer"],
)
def test_a_call_without_a_good_token_is_401_with_an_empty_body(
    client: Client, path: str, headers: dict[str, str | None]
) -> None:
    answer = client.ask(path, headers=headers)

    assert answer.status_code == 401
    assert answer.content == b""
    challenge = 'Bearer realm="Service", error="invalid_token"'
    assert answer.headers["www-authenticate"] == challenge
    assert answer.headers["box-request-id"]


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("version", ["", "2024.0", "2025.0", "latest", None])
def test_each_endpoint_has_one_version_and_only_2024_0_may_be_omitted(
    client: Client, path: str, version: str | None
) -> None:
    answer = client.ask(path, headers={"box-version": version})
    supported = ("2024.0", None) if path in OF_2024 else ("2025.0",)
    if version in supported:
        assert answer.status_code == 200
        return
    assert_box_error(answer, 400, "invalid_api_version")
    assert answer.json()["message"] == (
        "Unsupported API version specified in 'box-version' header. "
        f"Supported API versions: [{supported[0]}]."
    )


@pytest.mark.parametrize("path", CALLS)
def test_nothing_but_get_is_allowed(client: Client, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = client.ask(path, method=method)
        assert_box_error(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "GET"
    assert client.ask(path, method="HEAD").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/docgen_batch_jobs/9999",
        "/docgen_batch_jobs/",
        "/docgen_batch_jobs",
        "/docgen_batch_jobs/" + "1" * 10_000,
        "/docgen_batch_jobs/1001%2F",
        "/docgen_batch_jobs/%201001",
        "/docgen_jobs/1",
        "/docgen_templates/1",
        "/docgen_templates/1/tags",
        "/docgen_templates/1755000000001/tags?template_version_id=1",
        "/docgen_template_jobs/1",
        "/files/1",
        "/folders/1/items",
    ],
)
def test_what_does_not_exist_is_404(client: Client, path: str) -> None:
    assert_box_error(client.ask(path), 404, "not_found")


@pytest.mark.parametrize("path", LISTS)
def test_the_limit_that_was_used_is_in_the_answer_and_nonsense_is_refused(
    client: Client, path: str
) -> None:
    for limit, used in ((None, 1000), (1, 1), (1000, 1000), (1001, 1000)):
        assert client.page(path, limit=limit)["limit"] == used
    for limit in ("0", "-1", "x", "", "1.5", " 5", "+5", "٣", "9" * 30):
        assert_box_error(client.ask(path, params={"limit": limit}), 400, "bad_request")


@pytest.mark.parametrize("broken_path", ["/docgen_batch_jobs/%FF", "/docgen_batch_jobs/%C3%28"])
def test_a_path_that_is_not_text_is_refused(client: Client, broken_path: str) -> None:
    assert_box_error(client.ask(broken_path), 400, "bad_request")


@pytest.mark.parametrize("batch_id", ["a/b", "a?b=c", "a b", "a%2Fb", "ü", "1/../2"])
def test_an_id_may_hold_anything_if_it_is_encoded(client: Client, batch_id: str) -> None:
    client.emulator.enterprise.put(batch_id, 2)

    page = client.page("/docgen_batch_jobs/" + quote(batch_id, safe=""))

    assert [job["batch"]["id"] for job in page["entries"]] == [batch_id, batch_id]


def test_request_ids_are_new_with_every_answer(client: Client) -> None:
    seen = {client.ask("/docgen_jobs").headers["box-request-id"] for _ in range(5)}

    assert len(seen) == 5


def test_answers_are_compressed_for_those_who_accept_it(client: Client) -> None:
    plain = client.ask("/docgen_jobs", headers={"accept-encoding": "identity"})
    small = client.ask("/docgen_jobs", headers={"accept-encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert small.json() == plain.json()


def test_the_enterprise_of_the_user_comes_when_it_is_asked_for(client: Client) -> None:
    me = client.page("/users/me", fields="login,enterprise")

    assert "enterprise" not in client.page("/users/me")
    assert me["enterprise"] == {"type": "enterprise", "id": DEMO_USER.enterprise_id}
    assert set(me) == {"type", "id", "login", "enterprise"}


ADMIN = User("1", "Admin", "admin@example.com", token="admins", may_act_as=True)
CLERK = User("2", "Clerk", "clerk@example.com", token="clerks")
STRANGER = User("3", "Stranger", "x@example.org", token="strangers", enterprise_id="8")


@pytest.fixture
def office() -> Iterator[Client]:
    """Three users; the clerk has a batch."""
    enterprise = Enterprise.of({"2001": 3}, owner=CLERK)
    with serving(enterprise=enterprise, users=[ADMIN, CLERK, STRANGER]) as client:
        yield client


def test_an_administrator_may_act_as_somebody_of_the_enterprise(office: Client) -> None:
    answer = office.ask("/docgen_jobs", token="admins", headers={"as-user": CLERK.id})

    assert len(answer.json()["entries"]) == 3
    assert office.emulator.calls[-1].user_id == CLERK.id


@pytest.mark.parametrize(
    ("token", "as_user"), [("clerks", "1"), ("clerks", "2"), ("admins", "3"), ("admins", "99")]
)
def test_nobody_else_may_act_as_somebody(office: Client, token: str, as_user: str) -> None:
    answer = office.ask("/docgen_jobs", token=token, headers={"as-user": as_user})

    assert_box_error(answer, 403, "access_denied_insufficient_permissions")


def test_the_log_of_calls_is_bounded_and_drops_the_oldest(
    emulator: Emulator,
) -> None:
    for number in range(10_005):
        emulator.record(Call("GET", f"/{number}", {}, {}, None))
    calls = emulator.calls
    assert len(calls) == 10_000
    assert (calls[0].path, calls[-1].path) == ("/5", "/10004")


def test_calls_are_recorded_without_the_token(client: Client) -> None:
    client.ask("/docgen_batch_jobs/1001", params={"limit": 5}, headers={"x-secret": "s"})
    client.ask("/docgen_jobs", token="a-wrong-token")

    first, second = client.emulator.calls
    assert (first.method, first.path) == ("GET", "/docgen_batch_jobs/1001")
    assert first.query == {"limit": "5"}
    assert first.headers["box-version"] == "2025.0"
    assert first.user_id == DEMO_USER.id
    assert second.user_id is None
    assert "token" not in repr((first, second))
    assert "x-secret" not in first.headers


def test_full_jobs_have_four_fields_more_than_standard_ones(client: Client) -> None:
    (full,) = client.page("/docgen_jobs", limit=1)["entries"]
    (standard,) = client.page(PATH, limit=1)["entries"]

    assert full["id"] == standard["id"]
    assert set(full) - set(standard) == {"created_at", "created_by", "enterprise", "source"}
    assert {name: full[name] for name in standard} == standard


def test_the_list_of_all_jobs_has_the_latest_batch_first(client: Client) -> None:
    client.emulator.enterprise.put("1003", 2)

    batches = [job["batch"]["id"] for job in client.jobs("/docgen_jobs")]

    assert batches == ["1003"] * 2 + ["1001"] * 25


def test_a_template_lists_its_own_jobs_only(client: Client) -> None:
    other = {**plain_job("1003", 0), "template_file": {"id": "7", "type": "file"}}
    client.emulator.enterprise.put("1003", [other, plain_job("1003", 1)])

    jobs = client.jobs("/docgen_template_jobs/1755000000001")

    assert len(jobs) == 26
    assert other["id"] not in {job["id"] for job in jobs}


def test_what_is_put_into_the_enterprise_is_served_next(client: Client) -> None:
    jobs = client.emulator.enterprise.jobs("1001")
    jobs[0]["status"] = "failed"
    client.emulator.enterprise.put("1001", [*jobs, plain_job("1001", 25)])
    jobs[1]["status"] = jobs[1]["batch"]["id"] = "changed after it was put"

    for path in ("/docgen_batch_jobs/1001", "/docgen_jobs"):
        served = client.jobs(path)
        assert [job["status"] for job in served] == ["failed"] + ["completed"] * 25
        assert {job["batch"]["id"] for job in served} == {"1001"}
    assert client.page("/docgen_jobs/1001000000")["status"] == "failed"
