"""The original answers in an evidence bag -> the reading that they were, parsed again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from boxdocgen_explore.errors import BoxDocGenError, BrokenPage, Reading
from boxdocgen_explore.pages import Parse, ParsedPage, frames, marker_sha256
from boxdocgen_explore.reporting.embedded import frame_of
from boxdocgen_explore.schema import DOCUMENT_PAGES, DOCUMENTS, PAGES, User
from boxdocgen_explore.sealing.archive import Bag

_PARSE: Final[Mapping[str, Parse]] = {
    "docgen_batch_jobs": frames.page,
    "docgen_jobs": frames.full_page,
    "files": frames.file_page,
    "folders": frames.item_page,
}
_FOUND: Final = {"output_file_id": pl.String(), **DOCUMENTS}


class Answers:
    """The requests of ``reading.jsonl`` and what each answer has.

    ``missing`` counts the answers that are not in the bag, ``differences`` says what
    ``reading.jsonl`` states otherwise.
    """

    def __init__(self, bag: Bag) -> None:
        lines = bag.read("data/reading.jsonl").decode().splitlines()
        self.requests: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self._parsed: list[ParsedPage | None] = []
        self.differences: list[str] = []
        self.missing = 0
        for request in self.requests:
            parsed = None
            if request["file"] is not None:
                parsed = _parsed(request, bag.read(request["file"]))
                self.differences += _different(request, parsed)
            elif request.get("status", 200) == 200:
                self.missing += 1
            self._parsed.append(parsed)

    def reading(self, record: Mapping[str, Any]) -> Reading:
        """The reading; who read, and what could not be read, is as the record states it."""
        columns, reader = record["columns"], record["reader"]
        batches, lists, documents = (self._of(kind) for kind in ("batch", "list", "document"))
        pages = frame_of([request for request, _ in batches], PAGES)
        jobs = frames.jobs((rows for _, rows in batches), next(iter(pages["host"]), ""))
        if "created_at" in columns:
            jobs = frames.with_details(jobs, frames.full_jobs(rows for _, rows in lists))
        if "output_file_found" in columns:
            found = [_documents(*answer) for answer in documents]
            jobs = frames.with_documents(
                jobs, pl.concat([pl.DataFrame(schema=_FOUND), *found], how="diagonal")
            )
            answers = frame_of([request for request, _ in documents], DOCUMENT_PAGES)
        return Reading(
            jobs,
            pages,
            {one: BoxDocGenError(text) for one, text in record["failures"].items()},
            User("", None, None, reader["enterprise_id"]),
            reader["as_user"],
            document_pages=answers if "output_file_found" in columns else None,
            calls=record["calls"],
            list_pages=frame_of([request for request, _ in lists], PAGES),
        )

    def _of(self, kind: str) -> list[tuple[dict[str, Any], pl.DataFrame]]:
        empty = pl.DataFrame()
        return [
            (request, parsed.rows if parsed else empty)
            for request, parsed in zip(self.requests, self._parsed, strict=True)
            if kind == _kind(request)
        ]


def _kind(request: Mapping[str, Any]) -> str:
    if "endpoint" in request:
        return "document"
    return "list" if request["batch_id"] is None else "batch"


def _parsed(request: Mapping[str, Any], body: bytes) -> ParsedPage:
    try:
        return _PARSE[request["path"].split("/")[1]](body)
    except BrokenPage as error:
        raise BrokenPage(f"{request['file']}: {error}") from None


def _different(request: Mapping[str, Any], parsed: ParsedPage) -> Iterator[str]:
    found: dict[str, Any] = {"next_marker_sha256": marker_sha256(parsed.next_marker)}
    if _kind(request) == "document":
        found["entries"] = parsed.height
    else:
        found |= {"jobs": parsed.height, "limit_used": parsed.limit}
        found["unknown_fields"] = parsed.unknown_fields
    for name, value in found.items():
        if request[name] != value:
            yield f"{request['file']}: {name} is stated as {request[name]}, it is {value}"


def _documents(request: Mapping[str, Any], rows: pl.DataFrame) -> pl.DataFrame:
    """What an answer tells of documents: ``output_file_id`` and schema.DOCUMENTS."""
    if request["endpoint"].startswith("/folders/"):
        files = rows.filter(type="file") if rows.height else pl.DataFrame()
        place = {"output_file_found": True, "output_file_folder_id": request["id"]}
    else:
        gone = {"output_file_id": [request["id"]] if request["status"] == 404 else []}
        files = rows if rows.height else pl.DataFrame(gone, schema={"output_file_id": pl.String()})
        is_there = rows.height and rows["item_status"][0] in (None, "active")
        place = {"output_file_found": bool(is_there)}
    files = files.with_columns(pl.lit(value).alias(name) for name, value in place.items())
    return files.select(name for name in _FOUND if name in files.columns)
