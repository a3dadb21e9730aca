"""Parse the answers in an evidence bag again, to the original reading."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore.errors import BoxDocGenError, BrokenPage, Reading
from boxdocgen_explore.pages import Parse, frames, marker_sha256
from boxdocgen_explore.reporting import frame_of
from boxdocgen_explore.schema import DOCUMENT_PAGES, DOCUMENTS, PAGES, User
from boxdocgen_explore.sealing.archive import Bag

Answer = tuple[dict[str, Any], pl.DataFrame | None]
"""A line of ``reading.jsonl``, and the rows of its answer if the bag has it."""

_PARSE: Final[Mapping[str, Parse]] = {
    "docgen_batch_jobs": frames.page,
    "docgen_jobs": frames.full_page,
    "files": frames.file_page,
    "folders": frames.item_page,
}
_ID: Final = {"output_file_id": pl.String()}
_FOUND: Final = {**_ID, **DOCUMENTS}


def parsed_answers(bag: Bag) -> list[Answer]:
    """Parse every answer in the order in which it was requested.

    Raises:
        BrokenPage: an answer is not what Box documents, or not what its line states.
    """
    requests = map(json.loads, bag.read("data/reading.jsonl").decode().splitlines())
    return [
        (request, _rows(request, bag.read(request["file"])) if request["file"] else None)
        for request in requests
    ]


def _rows(request: Mapping[str, Any], body: bytes) -> pl.DataFrame:
    try:
        page = _PARSE[_kind(request)](body)
    except BrokenPage as error:
        raise BrokenPage(f"{request['file']}: {error}") from None
    own = {"next_marker_sha256": marker_sha256(page.next_marker), "limit_used": page.limit}
    own |= dict.fromkeys(("jobs", "entries"), page.height)
    for name, value in {**own, "unknown_fields": page.unknown_fields}.items():
        if request.get(name, value) != value:
            stated = f"{name} is stated as {request[name]}, it is {value}"
            raise BrokenPage(f"{request['file']}: {stated}")
    return page.rows


def _kind(request: Mapping[str, Any]) -> str:
    return str(request["path"]).split("/")[1]


def reading(answers: Sequence[Answer], record: Mapping[str, Any]) -> Reading:
    """Join the answers to a reading; the rest is taken from the record."""

    def of(*kinds: str) -> tuple[list[dict[str, Any]], list[pl.DataFrame]]:
        some = [(request, rows) for request, rows in answers if _kind(request) in kinds]
        return [request for request, _ in some], [rows for _, rows in some if rows is not None]

    requests, pages = of("docgen_batch_jobs")
    listed, list_pages = of("docgen_jobs")
    jobs = frames.jobs(pages, requests[0]["host"] if requests else "")
    document_pages = None
    all_jobs = frames.full_jobs(list_pages)
    complete = record["scope"]["list_complete"]
    if "created_at" in record["columns"]:
        jobs = frames.with_details(jobs, all_jobs)
        if requests or record["failures"]:  # otherwise it is the list that named no batch
            complete = all(request["complete"] for request in listed)
    if "output_file_found" in record["columns"]:
        document_pages = frame_of(of("files", "folders")[0], DOCUMENT_PAGES)
        found = [_documents(*answer) for answer in answers if "endpoint" in answer[0]]
        found = [pl.DataFrame(schema=_FOUND), *found]
        jobs = frames.with_documents(jobs, pl.concat(found, how="diagonal"))
    return Reading(
        jobs,
        frame_of(requests, PAGES),
        {batch_id: BoxDocGenError(text) for batch_id, text in record["failures"].items()},
        _user(record["reader"]),
        record["reader"]["as_user"],
        document_pages,
        record["calls"],
        list_pages=frame_of(listed, PAGES),
        listed=all_jobs.select("batch_id", "job_id") if listed and complete else None,
    )


def _user(reader: Mapping[str, Any]) -> User:
    user: Mapping[str, Any] = next(iter(reader["users"]), {})
    return User(user.get("user_id") or "", user.get("user_login"), None, reader["enterprise_id"])


def _documents(request: Mapping[str, Any], rows: pl.DataFrame | None) -> pl.DataFrame:
    """The documents in an answer: ``output_file_id``, and columns of schema.DOCUMENTS."""
    is_file = _kind(request) == "files"
    if rows is None or (is_file and rows["item_status"][0] not in (None, "active")):
        gone = is_file and (rows is not None or request["status"] == 404)
        ids = [request["id"]] if gone else []
        rows = pl.DataFrame({"output_file_id": ids}, schema=_ID)
        known = {"output_file_found": False}
    elif is_file:
        known = {"output_file_found": True}
    else:
        rows = rows.filter(type="file")
        known = {"output_file_found": True, "output_file_folder_id": request["id"]}
    rows = rows.with_columns(pl.lit(value).alias(name) for name, value in known.items())
    return rows.select(name for name in _FOUND if name in rows.columns)
