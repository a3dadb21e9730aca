"""The data inside a report: packed jobs, and the evidence as JSON, under one digest.

Without documents and failures the JSON is the list of pages (`schema.PAGES`); else an object with
"pages", "document_pages" (`schema.DOCUMENT_PAGES`, or null) and "failures" (the error's text by
batch). A batch of which no page was read is known by its failure alone.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl
from jinja2.utils import htmlsafe_json_dumps

from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.schema import DOCUMENT_PAGES, PAGES
from boxdocgen_explore.view import unpack

_PARTS: Final = (
    '<script type="text/plain" id="boxdocgen-payload">([^<]*)</script>',
    '<script type="application/json" id="boxdocgen-pages">([^<]*)</script>',
    '<code id="boxdocgen-digest">([0-9a-f]{64})</code>',
)
_T = TypeVar("_T")


def evidence_as_json(
    pages: pl.DataFrame | None,
    document_pages: pl.DataFrame | None,
    failures: Mapping[str, BoxDocGenError],
) -> str:
    """Write the evidence as JSON that may stand inside a script element."""
    rows: Any = [] if pages is None else pages.to_dicts()
    if document_pages is not None or failures:
        rows = {
            "pages": rows,
            "document_pages": None if document_pages is None else document_pages.to_dicts(),
            "failures": {batch_id: str(error) for batch_id, error in failures.items()},
        }
    return htmlsafe_json_dumps(rows, default=dt.datetime.isoformat, separators=(",", ":"))


def digest(payload: bytes, evidence: str) -> str:
    """Give the SHA-256 of packed jobs and evidence, in the order in which the file has them."""
    return hashlib.sha256(payload + evidence.encode()).hexdigest()


def read_jobs(path: Path) -> pl.DataFrame:
    """Read the jobs of a report back.

    Raises:
        InvalidRequest: the file is not a report, or its data does not match its digest.
    """
    payload, _ = _checked_parts(path)
    return _unpacked(path, "jobs", lambda: unpack(payload))


def read_reading(path: Path) -> Reading:
    """Read the jobs of a report back with their evidence.

    Raises: as `read_jobs`.
    """
    payload, evidence = _checked_parts(path)
    jobs = _unpacked(path, "jobs", lambda: unpack(payload))
    return _unpacked(path, "evidence", lambda: _reading(jobs, json.loads(evidence)))


def _checked_parts(path: Path) -> tuple[bytes, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        text = ""
    parts = [re.search(pattern, text) for pattern in _PARTS]
    found = [match[1] for match in parts if match]
    if len(found) < len(_PARTS):
        raise InvalidRequest(f"{path} is not a report: it contains no jobs with their digest.")
    encoded, evidence, written_digest = found
    try:
        payload = base64.b64decode(encoded, validate=True)
    except ValueError:
        payload = b""
    if digest(payload, evidence) != written_digest:
        raise InvalidRequest(
            f"{path} was changed after it was written: its data does not match its digest. "
            "Use an unchanged copy."
        )
    return payload, evidence


def _unpacked(path: Path, what: str, unpacked: Callable[[], _T]) -> _T:
    try:
        return unpacked()
    except (Exception, pl.exceptions.PanicException) as error:  # the digest may be forged, too
        why = type(error).__name__
    raise InvalidRequest(f"{path} is not a report: its {what} cannot be unpacked ({why}).")


def _reading(jobs: pl.DataFrame, evidence: Any) -> Reading:
    parts = evidence if isinstance(evidence, dict) else {"pages": evidence}
    documents = parts.get("document_pages")
    return Reading(
        jobs,
        _frame(parts["pages"], PAGES),
        {
            batch_id: BoxDocGenError(text, batch_id=batch_id)
            for batch_id, text in parts.get("failures", {}).items()
        },
        document_pages=None if documents is None else _frame(documents, DOCUMENT_PAGES),
    )


def _frame(rows: list[dict[str, Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    times = [name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)]
    parsed = [
        row | {name: row[name] and dt.datetime.fromisoformat(row[name]) for name in times}
        for row in rows
    ]
    return pl.DataFrame(parsed, schema=schema)
