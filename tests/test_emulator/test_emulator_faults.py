"""Each fault does what it says, and nothing else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests
from emulator_client import Client, ids

from boxdocgen_explore.emulator import DEMO_TOKEN, FAULTS, Emulator, parse_fault

PATH = "/docgen_batch_jobs/1001"


@pytest.fixture
def raw(emulator: Emulator) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=20)
    yield connection
    connection.close()


def begin(connection: http.client.HTTPConnection, path: str = PATH) -> None:
    headers = {"authorization": f"Bearer {DEMO_TOKEN}", "box-version": "2025.0"}
    connection.request("GET", "/2.0" + path, headers=headers)


def test_every_fault_has_a_sentence() -> None:
    assert len(FAULTS) >= 16
    assert all(sentence.endswith(".") for sentence in FAULTS.values())


def test_a_rate_limit_says_when_to_come_back_and_is_over_then(client: Client) -> None:
    client.emulator.fault("rate-limit", times=2, retry_after=7)

    first, second, third = (client.ask(PATH) for _ in range(3))

    assert (first.status_code, second.status_code, third.status_code) == (429, 429, 200)
    assert first.headers["retry-after"] == "7"
    assert first.json()["code"] == "rate_limit_exceeded"


def test_headers_are_sent_in_lower_case(
    emulator: Emulator, raw: http.client.HTTPConnection
) -> None:
    emulator.fault("rate-limit")
    begin(raw)

    names = [name for name, _ in raw.getresponse().getheaders()]

    assert {"retry-after", "box-request-id", "content-type"} <= set(names)
    assert names == [name.lower() for name in names]


@pytest.mark.parametrize("name", ["rate-limit", "503-html"])
def test_the_wait_may_be_a_date_nonsense_or_missing(client: Client, name: str) -> None:
    date = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)
    for retry_after in (date, "soon", None):
        client.emulator.fault(name, retry_after=retry_after)

    dated, nonsense, missing = (client.ask(PATH).headers for _ in range(3))

    assert parsedate_to_datetime(dated["retry-after"]) == date
    assert nonsense["retry-after"] == "soon"
    assert "retry-after" not in missing


def test_503_is_html(client: Client) -> None:
    client.emulator.fault("503-html")

    answer = client.ask(PATH)

    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html>" in answer.text


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("500", 500, "internal_server_error"), ("forbidden", 403, "insufficient_scope")],
)
def test_errors_have_boxs_body(client: Client, name: str, status: int, code: str) -> None:
    client.emulator.fault(name)

    answer = client.ask(PATH)

    assert answer.status_code == status
    assert answer.json()["code"] == code


def test_a_token_can_expire(client: Client) -> None:
    client.emulator.fault("expired-token", page=2)
    marker = client.page(PATH, limit=10)["next_marker"]

    answer = client.ask(PATH, params={"limit": 10, "marker": marker})

    assert answer.status_code == 401
    assert answer.content == b""


def test_a_slow_answer_is_the_right_one(client: Client) -> None:
    right = client.page(PATH)
    client.emulator.fault("slow", seconds=0.01)

    assert client.page(PATH) == right


def test_a_slow_answer_keeps_nobody_else_waiting(client: Client) -> None:
    client.emulator.fault("slow", path=PATH, seconds=3600)

    with pytest.raises(requests.ReadTimeout):
        client.ask(PATH, timeout=0.2)

    assert client.ask("/docgen_jobs").status_code == 200


def test_a_client_that_does_not_wait_leaves_no_trace(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.emulator.fault("slow", seconds=0.05)
    with pytest.raises(requests.ReadTimeout):
        client.ask(PATH, timeout=0.02)

    # This one begins later and takes longer, so the first one is over when it is.
    client.emulator.fault("slow", seconds=0.1)
    assert client.ask(PATH).status_code == 200

    assert caplog.records == []


def test_a_silent_answer_stops_in_the_middle_until_the_end(
    emulator: Emulator, client: Client, raw: http.client.HTTPConnection
) -> None:
    emulator.fault("silent")
    begin(raw)
    answer = raw.getresponse()
    length = int(answer.headers["content-length"])
    assert answer.status == 200

    half = answer.read(length // 2)
    raw.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        raw.sock.recv(1)

    assert half.startswith(b'{"limit":1000')
    # Others are served meanwhile, and stopping does not wait for this client.
    assert client.ask(PATH).status_code == 200
    emulator.stop()
    raw.sock.settimeout(20)
    assert raw.sock.recv(1) == b""


def test_a_cut_answer_is_shorter_than_it_said(
    emulator: Emulator, raw: http.client.HTTPConnection
) -> None:
    emulator.fault("cut")
    begin(raw)

    with pytest.raises(http.client.IncompleteRead) as cut:
        raw.getresponse().read()

    assert cut.value.expected > 0
    assert cut.value.partial.startswith(b'{"limit":1000')


def test_a_dropped_call_gets_no_answer(emulator: Emulator, raw: http.client.HTTPConnection) -> None:
    emulator.fault("drop")
    begin(raw)

    with pytest.raises(http.client.RemoteDisconnected):
        raw.getresponse()


def test_an_expired_marker_is_refused_and_the_first_page_is_not(client: Client) -> None:
    client.emulator.fault("expired-marker")

    marker = client.page(PATH, limit=10)["next_marker"]
    refused = client.ask(PATH, params={"limit": 10, "marker": marker})
    again = client.ask(PATH, params={"limit": 10, "marker": marker})

    assert refused.status_code == 400
    assert refused.json()["context_info"] == {"parameter": "marker"}
    assert again.status_code == 200


def test_a_repeating_marker_leads_to_the_same_page_for_ever(client: Client) -> None:
    client.emulator.fault("repeating-marker", page=2, times=None)

    second = client.page(PATH, limit=10, marker=client.page(PATH, limit=10)["next_marker"])
    third = client.page(PATH, limit=10, marker=second["next_marker"])

    assert third == second
    assert ids(second)[0] == "1001000010"


def test_end_markers_come_in_three_kinds(client: Client) -> None:
    for name in ("empty-end-marker", "absent-end-marker", "null-end-marker"):
        client.emulator.fault(name)

    ends = [client.pages(PATH, limit=10) for _ in range(3)]

    assert [len(pages) for pages in ends] == [3, 3, 3]
    empty, absent, null = (pages[-1] for pages in ends)
    assert empty["next_marker"] == ""
    assert "next_marker" not in absent
    assert null["next_marker"] is None


def test_html_may_come_with_200(client: Client) -> None:
    client.emulator.fault("html-200")

    answer = client.ask(PATH)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "Sign in" in answer.text


def test_any_body_may_come_with_200(client: Client) -> None:
    client.emulator.fault("other-body", body='{"entries": null}')

    assert client.page(PATH) == {"entries": None}


def test_overlapping_pages_repeat_the_last_jobs_and_lose_none(client: Client) -> None:
    client.emulator.fault("overlap", page=2, jobs=4)

    pages = client.pages(PATH, limit=10)

    assert ids(pages[1])[:4] == ids(pages[0])[-4:]
    assert len(pages) == 3
    assert sum(len(page["entries"]) for page in pages) == 29
    assert len({job_id for page in pages for job_id in ids(page)}) == 25


def test_an_unknown_status_comes_on_as_many_jobs_as_wanted(client: Client) -> None:
    client.emulator.fault("unknown-status", status="paused", jobs=2)

    statuses = [job["status"] for job in client.page(PATH, limit=4)["entries"]]

    assert statuses == ["paused", "paused", "completed", "completed"]


def test_an_unknown_field_comes_along_with_the_known_ones(client: Client) -> None:
    (before,) = client.page(PATH, limit=1)["entries"]
    client.emulator.fault("unknown-field", field="region", value={"id": "eu"})

    (after,) = client.page(PATH, limit=1)["entries"]

    assert after == {**before, "region": {"id": "eu"}}


def test_faults_strike_where_they_were_armed_only(client: Client) -> None:
    client.emulator.fault("500", path=PATH, page=3, times=None)
    marker = client.page(PATH, limit=10)["next_marker"]
    third = client.page(PATH, limit=10, marker=marker)["next_marker"]

    for _ in range(2):
        assert client.ask(PATH, params={"limit": 10, "marker": third}).status_code == 500
    assert client.ask("/docgen_jobs").status_code == 200


def test_faults_strike_in_the_order_in_which_they_were_armed(client: Client) -> None:
    client.emulator.fault("rate-limit")
    client.emulator.fault("500")

    assert [client.ask(PATH).status_code for _ in range(3)] == [429, 500, 200]


def test_an_encoded_path_is_met_by_its_plain_form(client: Client) -> None:
    client.emulator.enterprise.put("a b", 1)
    client.emulator.fault("500", path="/docgen_batch_jobs/a b")

    assert client.ask("/docgen_batch_jobs/a%20b").status_code == 500


def test_faults_can_be_cleared(client: Client) -> None:
    client.emulator.fault("500", times=None)
    client.emulator.clear_faults()

    assert client.ask(PATH).status_code == 200


def test_a_fault_that_does_not_exist_is_an_error_that_names_those_that_do(
    emulator: Emulator,
) -> None:
    with pytest.raises(ValueError, match="rate-limit, 503-html"):
        emulator.fault("rate limit")
    with pytest.raises(ValueError, match="seconds"):
        emulator.fault("slow", minutes=3)


@pytest.mark.parametrize("text", ["slow:seconds", "slow:page=two", "slow:times="])
def test_a_fault_that_is_typed_wrong_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="NAME:OPTION=VALUE"):
        parse_fault(text)


def test_a_fault_can_be_typed(client: Client) -> None:
    client.emulator.fault(**parse_fault(f"overlap:path={PATH},page=2,jobs=2"))

    assert len(client.jobs(PATH, limit=10)) == 27
    assert json.loads(client.ask(PATH).text)["next_marker"] is None
