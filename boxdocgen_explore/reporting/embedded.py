"""The data in a report: packed jobs, evidence and record as JSON, under one digest.

The digest also covers every other byte of the file: the data include the SHA-256 of each part of
the visible text, which a browser can check, and of the file without its seals.

The evidence is an object with "pages" (`schema.PAGES`), "document_pages" (`schema.DOCUMENT_PAGES`,
or null) and "failures" (the error's text by batch). A batch without pages appears only there.

An evidence bag in the file is part of these other bytes, and its seal is part of the text.
"""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import html
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.reporting.canonical_json import canonical
from boxdocgen_explore.schema import DOCUMENT_PAGES, PAGES
from boxdocgen_explore.view import unpack
from boxdocgen_explore.view.html import fill

_PART: Final = re.compile(' id="boxdocgen-(payload|record|pages|text|digest)">([^<]*)<')
_SEALS: Final = re.compile('( id="boxdocgen-(?:text|digest)">)[^<]*<')
_TEXT_PART: Final = re.compile(r'<(section|header) data-part="(\w+)">.*?</\1>', re.DOTALL)
_END_OF_EVIDENCE: Final = '</dl>\n</section>\n<section data-part="pages">'
_T = TypeVar("_T")


def evidence_as_json(reading: Reading) -> str:
    """The evidence as JSON that is safe inside a script element."""
    from jinja2.utils import htmlsafe_json_dumps

    documents = reading.document_pages
    evidence = {
        "pages": reading.pages.to_dicts(),
        "document_pages": None if documents is None else documents.to_dicts(),
        "failures": {batch_id: str(error) for batch_id, error in reading.failures.items()},
    }
    return htmlsafe_json_dumps(evidence, default=dt.datetime.isoformat, separators=(",", ":"))


def packed_record(record: Mapping[str, Any]) -> str:
    """The record as canonical JSON, in base64 of gzip because it may have 100,000 findings."""
    content = gzip.compress(canonical(record).encode(), mtime=0)
    return base64.b64encode(content).decode()


def sealed(page: str) -> tuple[str, str]:
    """Fill in the missing seals of the page; return it with its digest."""
    texts = {part[2]: _sha256(_visible_text(part[0])) for part in _TEXT_PART.finditer(page)}
    written = canonical({**texts, "file": _sha256(page)})
    digest = _digest({**dict(_PART.findall(page)), "text": written})
    page = page.replace(' id="boxdocgen-text"></', f' id="boxdocgen-text">{written}</', 1)
    page = page.replace(' id="boxdocgen-digest"></', f' id="boxdocgen-digest">{digest}</', 1)
    return page, digest


def _visible_text(markup: str) -> str:
    """The text of an element as a browser returns it, with collapsed spaces."""
    return " ".join(html.unescape(re.sub("<[^>]*>", "", markup)).split())


def _digest(data: Mapping[str, str]) -> str:
    packed = _decoded(data["payload"]) + _decoded(data["record"], zipped=True)
    return hashlib.sha256(packed + (data["pages"] + data["text"]).encode()).hexdigest()


def _decoded(encoded: str, *, zipped: bool = False) -> bytes:
    try:
        content = base64.b64decode(encoded, validate=True)
        return gzip.decompress(content) if zipped else content
    except (ValueError, OSError, EOFError, zlib.error):
        return b""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Embedded:
    """A report with a matching digest: its text without the seals, and its data."""

    path: Path
    text: str
    payload: bytes
    record: bytes
    evidence: str

    def jobs(self) -> pl.DataFrame:
        return _unpacked(self.path, "jobs", lambda: unpack(self.payload))

    def reading(self) -> Reading:
        """The jobs with their evidence."""
        jobs = self.jobs()
        return _unpacked(self.path, "evidence", lambda: _reading(jobs, json.loads(self.evidence)))


def read(path: Path) -> Embedded:
    """Read the data of a report.

    Raises:
        InvalidRequest: the file is not a report, or was changed after it was written.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        text = ""
    return parsed_report(path, text)


def parsed_report(path: Path, text: str) -> Embedded:
    """Return the data of a report with this text; ``path`` is for errors. Raises as `read`."""
    parts = _PART.findall(text)
    data = dict(parts)
    if not len(data) == len(parts) == 5:
        raise InvalidRequest(f"{path} is not a report: it contains no jobs with their digest.")
    page = _SEALS.sub(r"\1<", text)
    if _digest(data) != data["digest"]:
        what = "its data does not match its digest"
    elif sealed(page) != (text, data["digest"]):
        what = "what it shows does not match its digest"
    else:
        payload, record = _decoded(data["payload"]), _decoded(data["record"], zipped=True)
        return Embedded(path, page, payload, record, data["pages"])
    raise InvalidRequest(f"{path} was changed after it was written: {what}. Use an unchanged copy.")


def with_bag(report: str, bag: bytes, seal: str) -> tuple[str, str]:
    """Embed an evidence bag and its seal in the bag's report; also return the new digest.

    Raises:
        InvalidRequest: it is not a report, or was changed after it was written.
    """
    page, data = parsed_report(Path("data/report.html"), report).text, base64.b64encode(bag)
    shown = fill("reporting/templates/bag.html", seal=seal, bag=data.decode())
    return sealed(page.replace(_END_OF_EVIDENCE, f"{shown}\n{_END_OF_EVIDENCE}", 1))


def _unpacked(path: Path, what: str, unpacked: Callable[[], _T]) -> _T:
    try:
        return unpacked()
    except (Exception, pl.exceptions.PanicException) as error:  # the digest may be forged, too
        why = type(error).__name__
    raise InvalidRequest(f"{path} is not a report: its {what} cannot be unpacked ({why}).")


def _reading(jobs: pl.DataFrame, evidence: Any) -> Reading:
    documents, failures = evidence["document_pages"], evidence["failures"].items()
    return Reading(
        jobs,
        frame_of(evidence["pages"], PAGES),
        {batch_id: BoxDocGenError(text, batch_id=batch_id) for batch_id, text in failures},
        document_pages=None if documents is None else frame_of(documents, DOCUMENT_PAGES),
    )


def frame_of(rows: list[dict[str, Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Build a frame from rows of JSON, with times as text."""
    times = [name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)]
    parsed = [
        row | {name: row[name] and dt.datetime.fromisoformat(row[name]) for name in times}
        for row in rows
    ]
    return pl.DataFrame(parsed, schema=schema)
