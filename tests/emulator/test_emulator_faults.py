"""Each fault does what its description says, and nothing else."""

from __future__ import annotations

import http.client
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from emulator_client import PATH, Client, ids

from boxdocgen_explore.emulator import DEMO_TOKEN, FAULTS, Emulator, parse_fault


@pytest.fixture
def raw(emulator: Emulator) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=20)
    yield connection
    connection.close()


def begin(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    headers = {"authorization": f"Bearer {DEMO_TOKEN}", "box-version": "2025.0"}
    connection.request("GET", "/2.0" + PATH, headers=headers)
    return connection.getresponse()


def test_every_fault_is_described_in_one_sentence_that_names_its_options() -> None:
    assert len(FAULTS) == 25
    for name, sentence in FAULTS.items():
        assert sentence.endswith("."), name
        assert "\n" not in sentence, name
    assert "retry_after=" in FAULTS["rate-limit"]
    assert "jobs=3" in FAULTS["overlap"]


ERRORS = {
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
}
TITLES = {503: "503 Service Unavailable", 504: "504 Gateway Timeout"}


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("rate-limit", 429, '"code":"rate_limit_exceeded"'),
        ("500", 500, '"code":"internal_server_error"'),
        *((f"server-error:status={n}", n, f'"status":{n},"code":"{ERRORS[n]}"') for n in ERRORS),
        *((f"server-error:status={n},body=html", n, f"<h1>{TITLES[n]}</h1>") for n in TITLES),
        *((f"server-error:status={n},body=nothing", n, "") for n in ERRORS),
        ("503-html", 503, "<h1>503 Service Unavailable</h1>"),
        ("html-200", 200, "Sign in"),
        ("expired-token", 401, ""),
        ("forbidden", 403, '"code":"insufficient_scope"'),
        ("forbidden:code=x", 403, '"code":"x"'),
        ('other-body:body={"entries": [], "limit": 7}', 200, '{"entries": [], "limit": 7}'),
    ],
)
def test_a_reply_is_replaced_as_often_as_was_asked(
    client: Client, fault: str, status: int, text: str
) -> None:
    client.emulator.fault(**parse_fault(fault), times=2)

    for answer in (client.ask(PATH), client.ask(PATH)):
        assert answer.status_code == status
        assert text in answer.text
        assert bool(text) == bool(answer.text)
        assert ("html" in answer.headers.get("content-type", "")) == ("html" in fault)
    assert len(client.page(PATH)["entries"]) == 25


def test_headers_are_sent_in_lower_case(
    emulator: Emulator, raw: http.client.HTTPConnection
) -> None:
    emulator.fault("rate-limit")

    names = [name for name, _ in begin(raw).getheaders()]

    assert {"retry-after", "box-request-id", "content-type"} <= set(names)
    assert names == [name.lower() for name in names]


WAITS = [0, 7, 0.25, "0.001", -3, "9" * 400, "nan", "", "soon", "7 s", "Tue, 99 Foo 2026", "ü"]
DATES = [datetime(2026, 11, 3, 2, 14, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]


@pytest.mark.parametrize("name", ["rate-limit", "503-html", "server-error"])
def test_the_wait_is_sent_as_given_or_not_at_all(client: Client, name: str) -> None:
    for retry_after in (*WAITS, *DATES, None):
        client.emulator.fault(name, retry_after=retry_after)

    *sent, missing = (client.ask(PATH).headers.get("retry-after") for _ in range(len(WAITS) + 3))

    assert missing is None
    assert sent[: len(WAITS)] == [str(wait) for wait in WAITS]
    dates = [parsedate_to_datetime(date) for date in sent[len(WAITS) :] if date]
    assert dates == [date.replace(microsecond=0) for date in DATES]


def test_a_slow_response_is_right_and_delays_nobody_else(client: Client) -> None:
    right = client.page(PATH)
    client.emulator.fault("slow", seconds=0.01)
    client.emulator.fault("slow", path=PATH, seconds=3600)

    assert client.page(PATH) == right
    with pytest.raises(requests.ReadTimeout):
        client.ask(PATH, timeout=0.2)
    assert client.ask("/docgen_jobs").status_code == 200


def test_a_client_that_does_not_wait_leaves_no_trace(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.emulator.fault("slow", seconds=0.5)
    with pytest.raises(requests.ReadTimeout):
        client.ask(PATH, timeout=0.02)

    # This one begins later and takes longer, so the first one is over when it is.
    client.emulator.fault("slow", seconds=0.6)
    assert client.ask(PATH).status_code == 200

    assert caplog.records == []


def test_a_silent_answer_stops_in_the_middle_until_the_end(
    emulator: Emulator, client: Client, raw: http.client.HTTPConnection
) -> None:
    emulator.fault("silent")
    answer = begin(raw)
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


@pytest.mark.parametrize(
    ("fault", "start"),
    [("cut", b'{"limit":1000'), ("cut:gzip=yes", b'{"limit":1000'), ("drop:headers=yes", b"")],
)
def test_a_response_can_be_truncated(
    emulator: Emulator, raw: http.client.HTTPConnection, fault: str, start: bytes
) -> None:
    emulator.fault(**parse_fault(fault))
    answer = begin(raw)

    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()

    assert answer.status == 200
    assert cut.value.expected > 0
    arrived = cut.value.partial
    assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in fault else None)
    if "gzip" in fault:
        begun = zlib.decompressobj(wbits=31)
        arrived = begun.decompress(arrived)
        assert not begun.eof
    assert arrived[:13] == start


def test_a_dropped_call_gets_no_answer(emulator: Emulator, raw: http.client.HTTPConnection) -> None:
    emulator.fault("drop")

    with pytest.raises(http.client.RemoteDisconnected):
        begin(raw)


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
    last = [pages[-1].get("next_marker", "absent") for pages in ends]
    assert last == ["", "absent", None]


def test_garbage_depends_on_the_seed_only_and_differs_each_time(client: Client) -> None:
    for seed in (1, 1, 2):
        client.emulator.fault("garbage", seed=seed)
    client.emulator.fault("garbage", seed=1, times=2)

    first, again, other, same, next_one = (client.ask(PATH) for _ in range(5))

    assert {answer.status_code for answer in (first, again, other)} == {200}
    assert first.headers["content-type"] == "application/json"
    assert first.content == again.content == same.content
    assert first.content != other.content == next_one.content


@pytest.mark.parametrize(
    ("fault", "pages"),
    [
        ("shrink:page=1,jobs=4", [(0, 6), (6, 16), (16, 25)]),
        ("shrink:jobs=99", [(0, 1), (1, 11), (11, 21), (21, 25)]),
        ("grow:page=2,jobs=3", [(0, 10), (10, 23), (23, 25)]),
        ("grow:jobs=99", [(0, 25)]),
        ("overlap:page=2,jobs=4", [(0, 10), (6, 16), (16, 25)]),
    ],
)
def test_pages_shrink_grow_and_overlap_but_lose_no_job(
    client: Client, fault: str, pages: list[tuple[int, int]]
) -> None:
    client.emulator.fault(**parse_fault(fault))

    read = client.pages(PATH, limit=10)

    assert [ids(page) for page in read] == [
        [f"1001{number:06d}" for number in range(start, end)] for start, end in pages
    ]
    assert {page["limit"] for page in read} == {10}


def test_a_page_may_come_from_another_batch(client: Client) -> None:
    client.emulator.fault("other-batch", page=2, batch="1002")

    first, second, third = client.pages(PATH, limit=10)

    assert {job["batch"]["id"] for job in second["entries"]} == {"1002"}
    assert not set(ids(second)) & {*ids(first), *ids(third)}
    assert {job["batch"]["id"] for job in first["entries"] + third["entries"]} == {"1001"}


def test_a_status_changes_from_page_to_page(client: Client) -> None:
    client.emulator.fault("changing-status", times=5, jobs=2)

    pages = client.pages(PATH, limit=10) + client.pages(PATH, limit=10)

    turns = ["submitted", "pending", "completed"]
    assert [page["entries"][1]["status"] for page in pages] == turns * 2
    assert {page["entries"][2]["status"] for page in pages} == {"completed"}


@pytest.mark.parametrize(
    ("name", "options", "jobs", "change"),
    [
        ("unknown-status", {"status": "paused", "jobs": 2}, 2, {"status": "paused"}),
        ("unknown-status", {}, 1, {"status": "archived"}),
        ("unknown-field", {"field": "region", "value": {"id": "eu"}}, 1, {"region": {"id": "eu"}}),
    ],
)
def test_as_many_jobs_as_wanted_have_an_unknown_status_or_field(
    client: Client, name: str, options: dict[str, Any], jobs: int, change: dict[str, Any]
) -> None:
    before = client.page(PATH, limit=4)["entries"]
    client.emulator.fault(name, **options)

    after = client.page(PATH, limit=4)["entries"]

    assert after == [{**job, **change} for job in before[:jobs]] + before[jobs:]


def test_faults_strike_where_they_were_armed_only(client: Client) -> None:
    client.emulator.fault("500", path=PATH, page=3, times=None)
    second = client.page(PATH, limit=10)["next_marker"]
    third = client.page(PATH, limit=10, marker=second)["next_marker"]

    for _ in range(2):
        assert client.ask(PATH, params={"limit": 10, "marker": third}).status_code == 500
    assert client.ask("/docgen_jobs").status_code == 200
    client.emulator.clear_faults()
    assert client.ask(PATH, params={"limit": 10, "marker": third}).status_code == 200
    client.emulator.fault("500", page=1)
    assert client.ask("/users/me").status_code == 200  # it has no pages
    assert client.ask(PATH).status_code == 500


def test_faults_strike_in_the_order_in_which_they_were_armed_and_are_recorded(
    client: Client,
) -> None:
    client.emulator.fault("rate-limit", times=2)
    client.emulator.fault("500")
    client.emulator.fault("forbidden", path="/docgen_jobs")
    client.emulator.fault("overlap", page=9)
    paths = [PATH] * 4 + ["/docgen_jobs"]

    assert [client.ask(path).status_code for path in paths] == [429, 429, 500, 200, 403]

    names = ["rate-limit", "rate-limit", "500", "forbidden"]
    assert client.emulator.strikes == list(zip(names, [*paths[:3], paths[4]], strict=True))


def test_an_encoded_path_is_met_by_its_plain_form(client: Client) -> None:
    client.emulator.enterprise.put("a b", 1)
    client.emulator.fault("500", path="/docgen_batch_jobs/a b")

    assert client.ask("/docgen_batch_jobs/a%20b").status_code == 500


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("rate limit", {}, "rate-limit, 503-html"),
        ("slow", {"minutes": 3}, "seconds"),
        ("server-error", {"status": 404}, "404"),
        ("server-error", {"body": "xml"}, "xml"),
        ("garbage", {"seed": "x"}, "x"),
        ("shrink", {"jobs": "many"}, "many"),
    ],
)
def test_a_fault_that_does_not_exist_is_an_error_that_says_why(
    emulator: Emulator, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        emulator.fault(name, **options)


@pytest.mark.parametrize("text", ["slow:seconds", "slow:page=two", "slow:times="])
def test_a_fault_that_is_typed_wrong_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="NAME:OPTION=VALUE"):
        parse_fault(text)


def test_pages_paths_and_dates_can_be_typed(client: Client) -> None:
    date = "Tue, 03 Nov 2026 02:14:00 GMT"
    client.emulator.fault(
        **parse_fault(f"rate-limit:path={PATH},page=1,retry_after={date},times=1")
    )

    assert client.ask("/docgen_jobs").status_code == 200
    assert client.ask(PATH).headers["retry-after"] == date
    assert client.ask(PATH).status_code == 200
