"""Each fault does what it says, and nothing else."""

from __future__ import annotations

import http.client
import json
import zlib
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


def test_every_fault_is_described_in_one_sentence_that_names_its_options() -> None:
    assert len(FAULTS) == 25
    for name, sentence in FAULTS.items():
        assert sentence.endswith("."), name
        assert "\n" not in sentence, name
    assert "retry_after=" in FAULTS["rate-limit"]
    assert "jobs=3" in FAULTS["overlap"]


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


@pytest.mark.parametrize("name", ["rate-limit", "503-html", "server-error"])
def test_the_wait_may_be_a_date_nonsense_or_missing(client: Client, name: str) -> None:
    date = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)
    for retry_after in (date, "soon", None):
        client.emulator.fault(name, retry_after=retry_after)

    dated, nonsense, missing = (client.ask(PATH).headers for _ in range(3))

    assert parsedate_to_datetime(dated["retry-after"]) == date
    assert nonsense["retry-after"] == "soon"
    assert "retry-after" not in missing


@pytest.mark.parametrize(
    "retry_after",
    [0, 7, 0.25, "0.001", -3, 10**9, "9" * 400, "1e999", "nan", "", "7 s", "Tue, 99 Foo 2026", "ü"],
)
def test_the_wait_is_sent_as_it_was_given(client: Client, retry_after: object) -> None:
    client.emulator.fault("rate-limit", retry_after=retry_after)

    answer = client.ask(PATH)

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == str(retry_after)


@pytest.mark.parametrize(
    "date", [datetime(1999, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_the_wait_may_be_over_for_long_or_never_be(client: Client, date: datetime) -> None:
    client.emulator.fault("rate-limit", retry_after=date)

    sent = client.ask(PATH).headers["retry-after"]

    assert parsedate_to_datetime(sent) == date.replace(microsecond=0)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html", "nothing"])
def test_server_errors_come_with_boxs_body_with_html_or_with_nothing(
    client: Client, status: int, body: str
) -> None:
    client.emulator.fault("server-error", status=status, body=body)

    answer = client.ask(PATH)

    assert answer.status_code == status
    if body == "json":
        assert answer.json()["status"] == status
        assert answer.json()["code"] == answer.reason.lower().replace(" ", "_")
    elif body == "html":
        assert answer.headers["content-type"] == "text/html"
        assert f"<h1>{status} " in answer.text
    else:
        assert answer.content == b""


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("500", 500, '"code":"internal_server_error"'),
        ("forbidden", 403, '"code":"insufficient_scope"'),
        ("503-html", 503, "<h1>503 Service Unavailable</h1>"),
        ("html-200", 200, "Sign in"),
        ("expired-token", 401, ""),
    ],
)
def test_a_reply_is_replaced_by_an_error_or_by_html(
    client: Client, name: str, status: int, text: str
) -> None:
    client.emulator.fault(name)

    answer = client.ask(PATH)

    assert answer.status_code == status
    assert text in answer.text
    assert bool(text) == bool(answer.text)
    assert ("html" in answer.headers.get("content-type", "")) == ("html" in name)


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


def test_a_compressed_answer_can_be_cut(
    emulator: Emulator, raw: http.client.HTTPConnection
) -> None:
    emulator.fault("cut", gzip=True)
    begin(raw)
    answer = raw.getresponse()

    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()

    assert answer.headers["content-encoding"] == "gzip"
    begun = zlib.decompressobj(wbits=31)
    assert begun.decompress(cut.value.partial).startswith(b'{"limit":1000')
    assert not begun.eof


def test_a_call_may_be_dropped_after_the_headers(
    emulator: Emulator, raw: http.client.HTTPConnection
) -> None:
    emulator.fault("drop", headers=True)
    begin(raw)
    answer = raw.getresponse()

    with pytest.raises(http.client.IncompleteRead) as dropped:
        answer.read()

    assert answer.status == 200
    assert dropped.value.partial == b""
    assert dropped.value.expected > 0


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


def test_any_body_may_come_with_200(client: Client) -> None:
    client.emulator.fault("other-body", body='{"entries": null}')

    assert client.page(PATH) == {"entries": None}


def test_garbage_is_the_same_for_a_seed_and_other_each_time(client: Client) -> None:
    for seed in (1, 1, 2):
        client.emulator.fault("garbage", seed=seed)
    client.emulator.fault("garbage", seed=1, times=2)

    first, again, other, same, next_one = (client.ask(PATH) for _ in range(5))

    assert {answer.status_code for answer in (first, again, other)} == {200}
    assert first.headers["content-type"] == "application/json"
    assert first.content == again.content == same.content
    assert len({first.content, other.content, next_one.content}) == 2
    assert other.content == next_one.content


def test_a_page_that_shrinks_or_grows_loses_no_job(client: Client) -> None:
    client.emulator.fault("shrink", page=1, jobs=4)
    shrunk = client.pages(PATH, limit=10)
    client.emulator.fault("grow", page=2, jobs=3)
    grown = client.pages(PATH, limit=10)

    assert [len(page["entries"]) for page in shrunk] == [6, 10, 9]
    assert [len(page["entries"]) for page in grown] == [10, 13, 2]
    for pages in (shrunk, grown):
        assert [job_id for page in pages for job_id in ids(page)] == [
            f"1001{number:06d}" for number in range(25)
        ]
        assert {page["limit"] for page in pages} == {10}


def test_a_page_shrinks_to_one_job_at_least_and_grows_to_the_end_at_most(client: Client) -> None:
    client.emulator.fault("shrink", jobs=99)
    client.emulator.fault("grow", jobs=99)

    pages = client.pages(PATH, limit=10)

    assert [len(page["entries"]) for page in pages] == [1, 24]


def test_a_page_may_come_from_another_batch(client: Client) -> None:
    client.emulator.fault("other-batch", page=2, batch="1002")

    first, second, third = client.pages(PATH, limit=10)

    assert {job["batch"]["id"] for job in second["entries"]} == {"1002"}
    assert not set(ids(second)) & {*ids(first), *ids(third)}
    assert {job["batch"]["id"] for job in first["entries"] + third["entries"]} == {"1001"}


def test_a_status_changes_from_page_to_page(client: Client) -> None:
    client.emulator.fault("changing-status", times=5, jobs=2)

    pages = client.pages(PATH, limit=10) + client.pages(PATH, limit=10)

    assert [page["entries"][1]["status"] for page in pages] == [
        *("submitted", "pending", "completed"),
        *("submitted", "pending", "completed"),
    ]
    assert {page["entries"][2]["status"] for page in pages} == {"completed"}


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


def test_it_is_known_what_has_struck(client: Client) -> None:
    client.emulator.fault("rate-limit", times=2)
    client.emulator.fault("forbidden", path="/docgen_jobs")
    client.emulator.fault("overlap", page=9)
    for path in (PATH, PATH, PATH, "/docgen_jobs"):
        client.ask(path)
    client.emulator.clear_faults()

    assert client.emulator.strikes == [
        ("rate-limit", PATH),
        ("rate-limit", PATH),
        ("forbidden", "/docgen_jobs"),
    ]


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
    for name, options in [
        ("server-error", {"status": 404}),
        ("server-error", {"body": "xml"}),
        ("garbage", {"seed": "x"}),
        ("shrink", {"jobs": "many"}),
    ]:
        with pytest.raises(ValueError, match=r"x|many|404"):
            emulator.fault(name, **options)


@pytest.mark.parametrize("text", ["slow:seconds", "slow:page=two", "slow:times="])
def test_a_fault_that_is_typed_wrong_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="NAME:OPTION=VALUE"):
        parse_fault(text)


def test_a_fault_can_be_typed(client: Client) -> None:
    client.emulator.fault(**parse_fault(f"overlap:path={PATH},page=2,jobs=2"))

    assert len(client.jobs(PATH, limit=10)) == 27
    assert json.loads(client.ask(PATH).text)["next_marker"] is None


def test_switches_dates_and_bodies_can_be_typed(client: Client) -> None:
    date = "Tue, 03 Nov 2026 02:14:00 GMT"
    for typed in (
        f"rate-limit:retry_after={date},times=1",
        'other-body:body={"entries": [], "limit": 7}',
        "server-error:status=502,body=nothing",
        "garbage:seed=7",
        "cut:gzip=yes",
    ):
        client.emulator.fault(**parse_fault(typed))

    assert client.ask(PATH).headers["retry-after"] == date
    assert client.page(PATH) == {"entries": [], "limit": 7}
    assert client.ask(PATH).status_code == 502
    assert client.ask(PATH).status_code == 200
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.ask(PATH)
