"""The data inside a report: packed jobs, evidence and record as JSON, under one digest.

The digest covers every other byte of the file as well: among the data are the SHA-256 of each part
of the text that a person reads, which a browser can check, and of the file without its seals.

Without documents and failures the JSON is the list of pages (`schema.PAGES`); else an object with
"pages", "document_pages" (`schema.DOCUMENT_PAGES`, or null) and "failures" (the error's text by
batch). A batch of which no page was read is known by its failure alone.

An evidence bag in the file is among these other bytes, and its seal is in the text.
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

_PARTS: Final = (
    '<script type="text/plain" id="boxdocgen-payload">([^<]*)</script>',
    '<script type="text/plain" id="boxdocgen-record">([^<]*)</script>',
    '<script type="application/json" id="boxdocgen-pages">([^<]*)</script>',
    '<script type="application/json" id="boxdocgen-text">([^<]*)</script>',
    '<code id="boxdocgen-digest">([0-9a-f]{64})</code>',
)
_TEXT_PART: Final = re.compile(r'<(section|header) data-part="(\w+)">.*?</\1>', re.DOTALL)
_END_OF_EVIDENCE: Final = '</dl>\n</section>\n<section data-part="pages">'
_T = TypeVar("_T")


def evidence_as_json(
    pages: pl.DataFrame | None,
    document_pages: pl.DataFrame | None,
    failures: Mapping[str, BoxDocGenError],
) -> str:
    """Write the evidence as JSON that may stand inside a script element."""
    from jinja2.utils import htmlsafe_json_dumps

    rows: Any = [] if pages is None else pages.to_dicts()
    if document_pages is not None or failures:
        rows = {
            "pages": rows,
            "document_pages": None if document_pages is None else document_pages.to_dicts(),
            "failures": {batch_id: str(error) for batch_id, error in failures.items()},
        }
    return htmlsafe_json_dumps(rows, default=dt.datetime.isoformat, separators=(",", ":"))


def packed_record(record: Mapping[str, Any]) -> str:
    """Write the record as canonical JSON, which may hold 100,000 findings: gzip in base64."""
    content = gzip.compress(canonical(record).encode(), mtime=0)
    return base64.b64encode(content).decode()


def sealed(page: str) -> tuple[str, str]:
    """Fill in the seals that the page has no text for yet; give it with its digest."""
    texts = {part[2]: _sha256(_visible_text(part[0])) for part in _TEXT_PART.finditer(page)}
    written = canonical({**texts, "file": _sha256(page)})
    payload, record, evidence = (
        part[1] for pattern in _PARTS[:3] if (part := re.search(pattern, page))
    )
    digest = _digest(payload, record, evidence, written)
    page = page.replace(' id="boxdocgen-text"></', f' id="boxdocgen-text">{written}</', 1)
    page = page.replace(' id="boxdocgen-digest"></', f' id="boxdocgen-digest">{digest}</', 1)
    return page, digest


def _visible_text(markup: str) -> str:
    """What a browser gives as an element's text, with one space for any number of them."""
    return " ".join(html.unescape(re.sub("<[^>]*>", "", markup)).split())


def _digest(payload: str, record: str, evidence: str, written: str) -> str:
    data = _decoded(payload) + _decoded(record, zipped=True) + (evidence + written).encode()
    return hashlib.sha256(data).hexdigest()


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
    """A report whose digest is right: its text without the seals, and the data in it."""

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
    """Read a report's data back.

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
    """Give the data of a report with this text; ``path`` names it in errors. Raises as `read`."""
    parts = [found[0] for part in _PARTS if len(found := [*re.finditer(part, text)]) == 1]
    if len(parts) < len(_PARTS):
        raise InvalidRequest(f"{path} is not a report: it contains no jobs with their digest.")
    payload, record, evidence, written, digest = (part[1] for part in parts)
    page = text.replace(parts[3][0], parts[3][0].replace(written, "")).replace(
        parts[4][0], parts[4][0].replace(digest, "")
    )
    if _digest(payload, record, evidence, written) != digest:
        what = "its data does not match its digest"
    elif sealed(page) != (text, digest):
        what = "what it shows does not match its digest"
    else:
        return Embedded(path, page, _decoded(payload), _decoded(record, zipped=True), evidence)
    raise InvalidRequest(f"{path} was changed after it was written: {what}. Use an unchanged copy.")


def with_bag(report: str, bag: bytes, seal: str) -> tuple[str, str]:
    """Put an evidence bag, and its seal, into the report that is in it; give the new digest, too.

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
    parts = evidence if isinstance(evidence, dict) else {"pages": evidence}
    documents = parts.get("document_pages")
    return Reading(
        jobs,
        frame_of(parts["pages"], PAGES),
        {
            batch_id: BoxDocGenError(text, batch_id=batch_id)
            for batch_id, text in parts.get("failures", {}).items()
        },
        document_pages=None if documents is None else frame_of(documents, DOCUMENT_PAGES),
    )


def frame_of(rows: list[dict[str, Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Make a frame of rows that were JSON, in which times are text."""
    times = [name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime)]
    parsed = [
        row | {name: row[name] and dt.datetime.fromisoformat(row[name]) for name in times}
        for row in rows
    ]
    return pl.DataFrame(parsed, schema=schema)
