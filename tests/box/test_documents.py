"""Documents: found with few calls; missing ones are reported, unknown ones never guessed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import polars as pl
import pytest
from batch import arrived
from clock import age

from boxdocgen_explore import errors
from boxdocgen_explore.box import Box, DocumentsWarning, RetryPolicy
from boxdocgen_explore.emulator import Document, Emulator, Folder, plain_job
from boxdocgen_explore.schema import DETAILS, DOCUMENT_PAGES, DOCUMENTS, DURATION, JOBS


def documents(emulator: Emulator, batch_id: str = "1001") -> list[Document]:
    return emulator.enterprise.documents(batch_id)


def change(emulator: Emulator, *changed: Document) -> None:
    emulator.enterprise.changed |= {document.id: document for document in changed}


def document_calls(box: Box) -> int:
    return sum(
        calls for path, calls in box.calls.items() if path.startswith(("/files", "/folders"))
    )


@pytest.fixture
def patient(connected: Callable[..., Box]) -> Box:
    """A box that waits for thousands of documents, even on a slow machine."""
    return connected(retry=RetryPolicy(calls_per_minute=1_000_000))


def test_documents_have_their_columns(emulator: Emulator, box: Box) -> None:
    jobs = box.jobs("1001", documents=True)

    assert dict(jobs.schema) == {**JOBS, **DOCUMENTS}
    expected = documents(emulator)
    assert jobs["output_file_id"].to_list() == [document.id for document in expected]
    assert jobs["output_file_name"].to_list() == [document.name for document in expected]
    assert jobs["output_file_size_bytes"].to_list() == [document.size for document in expected]
    assert jobs["output_file_sha1"].to_list() == [document.sha1 for document in expected]
    assert jobs["output_file_folder_id"].unique().to_list() == ["191001"]
    assert jobs["output_file_found"].all()
    made_at = jobs["output_file_created_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").unique()
    assert made_at.to_list() == ["2026-11-03T02:14:18Z"]


def test_a_duration_needs_details_and_documents(box: Box) -> None:
    jobs = box.jobs("1001", details=True, documents=True)

    assert dict(jobs.schema) == {**JOBS, **DETAILS, **DOCUMENTS, **DURATION}
    assert jobs["duration_s"].unique().to_list() == [15.0]


@pytest.mark.parametrize(("jobs", "calls"), [(1, 1), (2, 2), (1000, 3), (2500, 6), (4000, 7)])
def test_a_thousand_documents_cost_about_one_call(
    emulator: Emulator, patient: Box, jobs: int, calls: int
) -> None:
    emulator.enterprise.put("2001", jobs)
    reading = patient.read("2001", documents=True)

    assert reading.jobs["output_file_found"].all()
    assert document_calls(patient) == calls <= jobs / 1000 + 5
    assert patient.document_calls(reading.jobs) <= calls


def test_batches_without_documents_cost_no_call(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("2001", [plain_job("2001", 1) | {"output_file": None}])
    jobs = box.jobs(["1002", "2001"], documents=True)

    assert jobs["output_file_found"].to_list() == [None]
    assert document_calls(box) == box.document_calls(jobs) == 0


def test_a_file_that_is_gone_is_not_found_and_one_that_was_moved_is(
    emulator: Emulator, box: Box
) -> None:
    letters = documents(emulator)
    change(
        emulator,
        replace(letters[3], state="deleted"),
        replace(letters[4], state="trashed"),
        replace(letters[5], folder=Folder("77", "Signed"), name="Signed letter.pdf"),
    )
    reading = box.read("1001", documents=True)

    assert reading.jobs["output_file_found"].to_list()[3:6] == [False, False, True]
    assert reading.jobs["output_file_name"].to_list()[3:6] == [None, None, "Signed letter.pdf"]
    assert reading.jobs["output_file_folder_id"][5] == "77"
    assert reading.jobs["output_file_found"].sum() == 23


def test_a_file_that_may_not_be_read_is_unknown_and_reported_once(
    emulator: Emulator, box: Box
) -> None:
    letters = documents(emulator)
    change(emulator, *(replace(one, state="forbidden") for one in letters[:2]))
    with pytest.warns(DocumentsWarning, match=r"2 documents: this user may not read") as caught:
        jobs = box.jobs("1001", documents=True)

    assert len(caught) == 1
    assert jobs["output_file_found"].to_list() == [None, None] + [True] * 23


@pytest.mark.parametrize("method", ["read", "jobs"])
def test_the_warning_names_the_line_that_asked(emulator: Emulator, box: Box, method: str) -> None:
    change(emulator, replace(documents(emulator)[0], state="forbidden"))
    with pytest.warns(DocumentsWarning) as caught:
        getattr(box, method)("1001", documents=True)
    assert caught[0].filename == __file__


def test_a_file_that_box_calls_trashed_does_not_exist(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("2001", 1)
    (letter,) = documents(emulator, "2001")
    body = json.dumps({**letter.item(None), "item_status": "trashed"})
    emulator.fault("other-body", path=f"/files/{letter.id}", body=body)
    assert box.jobs("2001", documents=True)["output_file_found"].to_list() == [False]


def test_a_folder_that_may_not_be_listed_costs_a_call_per_document(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("forbidden", path="/folders/191001/items", times=None)
    jobs = box.jobs("1001", documents=True)

    assert jobs["output_file_found"].all()
    assert box.calls["/files/:id"] == 25


def test_documents_that_were_all_moved_are_found_in_their_folder(
    emulator: Emulator, patient: Box
) -> None:
    emulator.enterprise.put("2001", 3000)
    signed = Folder("77", "Signed")
    change(emulator, *(replace(one, folder=signed) for one in documents(emulator, "2001")[:2000]))
    jobs = patient.jobs("2001", documents=True)

    assert jobs["output_file_found"].all()
    assert jobs["output_file_folder_id"].value_counts().sort("count").rows() == [
        ("192001", 1000),
        ("77", 2000),
    ]
    assert document_calls(patient) < 30


def test_a_far_larger_folder_is_not_read_to_its_end(emulator: Emulator, patient: Box) -> None:
    """Three letters after 9,000 others: requesting each is cheaper than ten pages."""
    emulator.enterprise.put("2001", 9000)
    emulator.enterprise.put("2002", 3)
    shared = Folder("192001", "All letters")
    change(emulator, *(replace(one, folder=shared) for one in documents(emulator, "2002")))
    jobs = patient.jobs("2002", documents=True)

    assert jobs["output_file_found"].all()
    assert document_calls(patient) == 1 + 2 + 2


def test_a_folder_with_the_id_of_a_deleted_file_is_not_that_file(
    emulator: Emulator, box: Box
) -> None:
    jobs = emulator.enterprise.jobs("1003")
    jobs[1]["output_file"]["id"] = "1910031"  # the folder "Drafts" in the batch's folder
    emulator.enterprise.put("1003", jobs)
    gone = documents(emulator, "1003")[1]
    change(emulator, replace(gone, state="deleted"))

    found = box.jobs("1003", documents=True)["output_file_found"]
    assert found.to_list() == [True, False] + [True] * 8


def test_only_so_many_files_are_asked_for_one_by_one(
    emulator: Emulator, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boxdocgen_explore.box.documents.MAX_LOOKUPS", 20)
    folders = (Folder(f"5{number}", "One employee") for number in range(25))
    change(emulator, *(replace(one, folder=next(folders)) for one in documents(emulator)))
    with pytest.warns(DocumentsWarning, match=r"5 documents: not in the folder of the batch"):
        jobs = box.jobs("1001", documents=True)

    assert box.calls["/folders/:id/items"] == 1  # not each employee's
    assert jobs["output_file_found"].sum() == 20
    assert jobs["output_file_found"].null_count() == 5


def test_batches_of_one_folder_share_its_listing(emulator: Emulator, box: Box) -> None:
    shared = Folder("77", "Letters")
    for batch_id in ("1001", "1003", "1004"):
        change(emulator, *(replace(one, folder=shared) for one in documents(emulator, batch_id)))
    jobs = box.jobs(["1001", "1003", "1004"], documents=True)

    assert jobs["output_file_found"].all()
    assert box.calls["/folders/:id/items"] == 1


def test_the_answers_are_evidence(emulator: Emulator, box: Box) -> None:
    letters = documents(emulator)
    change(emulator, replace(letters[7], state="deleted"))
    pages = box.read("1001", documents=True).document_pages

    assert pages is not None
    assert dict(pages.schema) == DOCUMENT_PAGES
    assert pages.select("endpoint", "id", "status", "entries").rows() == [
        ("/files/:id", letters[0].id, 200, 1),
        ("/folders/:id/items", "191001", 200, 25),
        ("/files/:id", letters[7].id, 404, 0),
    ]
    assert pages["box_request_id"].null_count() == pages["body_sha256"].null_count() == 0
    assert pages["fetched_at"].null_count() == 0
    assert pages["box_version"].unique().to_list() == ["2024.0"]


def test_the_digest_is_that_of_the_body_as_it_was_sent(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("2001", 1)
    (letter,) = documents(emulator, "2001")
    body = json.dumps(letter.item(None), indent=3) + "\n"
    emulator.fault("other-body", path=f"/files/{letter.id}", body=body)
    pages = box.read("2001", documents=True).document_pages

    assert pages is not None
    assert pages["body_sha256"].to_list() == [sha256(body.encode()).hexdigest()]


def test_documents_are_cached_for_seconds(
    emulator: Emulator, connected: Callable[..., Box]
) -> None:
    box = connected()
    box.read("1001", documents=True)
    before = document_calls(box)
    box.read("1001", documents=True)
    assert document_calls(box) == before
    change(emulator, replace(documents(emulator)[2], state="deleted"))
    age(box, minutes=1)
    assert box.jobs("1001", documents=True)["output_file_found"].to_list()[2] is False


def test_what_is_cached_can_be_read_offline(connected: Callable[..., Box]) -> None:
    online = connected().jobs("1001", documents=True)
    offline = connected(offline=True)
    assert offline.jobs("1001", documents=True).equals(online)
    with pytest.raises(errors.NotCached) as caught:
        connected(offline=True).read("1003", documents=True)
    assert caught.value.reading is not None


def test_a_server_that_answers_with_another_file_is_refused(emulator: Emulator, box: Box) -> None:
    first, second = documents(emulator)[:2]
    body = json.dumps(second.item(None))
    emulator.fault("other-body", path=f"/files/{first.id}", body=body, times=None)
    with pytest.raises(errors.BrokenPage, match=f"asked for file {first.id}"):
        box.read("1001", documents=True)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "<html>",
        '{"id": 1}',
        '{"type": "file"}',
        '{"type": "file", "id": "x", "id": "y"}',
        '{"type": "file", "id": "x", "size": -1}',
        '{"type": "file", "id": "x", "size": "1"}',
        '{"type": "file", "id": "x"}], "limit": [1',
        '{"type": "file", "id": "x"}], "more": [1',
        '{"type": "file", "id": "x", "created_at": "yesterday"}',
    ],
)
def test_a_body_that_is_not_a_file_is_an_error_that_carries_the_jobs(
    emulator: Emulator, box: Box, body: str
) -> None:
    first = documents(emulator)[0]
    body = body.replace('"x"', f'"{first.id}"')
    emulator.fault("other-body", path=f"/files/{first.id}", body=body, times=None)
    with pytest.raises(errors.BrokenPage) as caught:
        box.read("1001", documents=True)

    reading = arrived(caught.value)
    assert reading.jobs.height == 25
    assert reading.jobs["output_file_found"].null_count() == 25
    assert reading.pages["complete"].all()


def test_what_was_found_before_an_error_stays(emulator: Emulator, box: Box) -> None:
    emulator.enterprise.put("2001", 2500)
    emulator.fault("500", path="/folders/192001/items", page=2, times=None)
    with pytest.raises(errors.ServerError) as caught:
        box.read("2001", documents=True)

    found = arrived(caught.value).jobs["output_file_found"]
    assert found.sum() >= 1000
    assert found.null_count() > 0


def test_an_id_that_changes_the_address_is_never_called(emulator: Emulator, box: Box) -> None:
    hostile = ["..", "1/../2", "a b", "", "x" * 101, "?fields=id"]
    jobs = [
        plain_job("2001", n) | {"output_file": {"id": one, "type": "file"}}
        for n, one in enumerate(hostile)
    ]
    emulator.enterprise.put("2001", jobs)
    with pytest.warns(DocumentsWarning, match="5 documents: their id is not a valid one"):
        found = box.jobs("2001", documents=True)["output_file_found"]

    assert found.to_list() == [None] * 6
    assert document_calls(box) == 0


def test_a_cancel_while_documents_are_read_keeps_the_jobs(emulator: Emulator, box: Box) -> None:
    emulator.fault("silent", path="/folders/191001/items", times=None)
    cancelled = threading.Event()

    def stop(_pages: int, _jobs: int, _waiting: str | None) -> None:
        if any(call.path.startswith("/folders") for call in emulator.calls):
            cancelled.set()

    with pytest.raises(errors.Cancelled) as caught:
        box.read("1001", documents=True, cancelled=cancelled, progress=stop)
    assert arrived(caught.value).jobs.height == 25


def test_two_jobs_of_one_file_both_have_its_name(emulator: Emulator, box: Box) -> None:
    same = {"output_file": {"id": "18200100000", "type": "file"}}
    emulator.enterprise.put("2001", [plain_job("2001", n) | same for n in range(2)])
    jobs = box.jobs("2001", documents=True)

    assert jobs.height == 2
    assert jobs["output_file_name"].n_unique() == 1
    assert jobs["output_file_found"].all()


def test_documents_of_failed_batches_are_read_as_far_as_their_jobs_arrived(
    emulator: Emulator, box: Box
) -> None:
    emulator.fault("500", path="/docgen_batch_jobs/1001", page=2, times=None)
    with pytest.raises(errors.BatchesFailed) as caught:
        box.read(["1001", "1003"], limit=10, documents=True)
    found = arrived(caught.value).jobs.group_by("batch_id").agg(pl.col("output_file_found").sum())
    assert dict(found.iter_rows()) == {"1001": 10, "1003": 10}


def test_ttl_of_zero_asks_again(connected: Callable[..., Box]) -> None:
    box = connected(ttl_s=0)
    for looks in (1, 2):
        box.read("1003", documents=True)
        assert box.calls["/files/:id"] == looks
