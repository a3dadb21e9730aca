"""The report: an audit in one HTML file that needs no network, no kernel and no Python."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.reporting import document, evidence
from boxdocgen_explore.reporting.result import Audited, Scope, hold
from boxdocgen_explore.view import pack, page, unpack

__all__ = ["Audited", "Report", "Scope", "hold", "read_report", "report", "write"]

_TITLE: Final = "Audit of Box Doc Gen batches"


@dataclass(frozen=True)
class Report:
    """A report that was written: where, its verdict, and the digest to lodge elsewhere.

    ``complete`` says whether all was read, all has ended and no rule found an error.
    """

    path: Path
    verdict: str
    complete: bool
    digest: str

    def __str__(self) -> str:
        return f"{self.verdict}\n{self.path}\nSHA-256 of its data: {self.digest}"


def report(
    what: Reading | pl.DataFrame,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    scope: Scope | str | None = None,
    templates: Mapping[str, str] | pl.DataFrame | None = None,
    state: Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    redact: str | Collection[str] = (),
    notes: str | Sequence[str] = (),
    **asked: Any,
) -> Report:
    """Audit jobs and write all of it to one HTML file: verdict, findings, evidence, the view.

    ``what`` is a reading, an explorer (all its rows; its filters are set when the file opens) or
    a frame of jobs, for which the report says "no evidence". ``scope`` says in a sentence what was
    asked for; ``templates`` are names by file id, or the frame of `Box.templates`; ``state`` is
    an explorer's. ``notes`` are sentences for the evidence, such as `sample_recipe` gives.

    ``columns`` are the columns to keep, ``redact`` names what to leave out of "creators",
    "errors", "warnings" and "external_id": it is gone before the audit, and the report says so.
    Everything else is what `audit` takes: ``expected``, ``rules``, ``tags``, ``now``, thresholds.

    Raises:
        InvalidRequest: something that cannot be, or a file that cannot be written.

    Source: `schema.PAGES` for the evidence, `schema.JOBS` and `schema.DETAILS` for the rest.

    >>> import tempfile
    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "completed", "origin": "demo"}
    >>> path = Path(tempfile.mkdtemp()) / "audit.html"
    >>> report(pl.DataFrame([job], schema=JOBS), path).verdict[:64]
    'NO EVIDENCE: nothing shows that these are all, 1 job completed, '
    >>> read_report(path)["job_id"].to_list()
    ['7']
    """
    held = hold(
        what,
        scope=scope,
        templates=templates,
        state=state,
        columns=columns,
        redact=redact,
        **asked,
    )
    return write(held, path, title=title, notes=notes)


def write(
    held: Audited,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
) -> Report:
    """Write an audit that was held, as `report` does.

    Raises:
        InvalidRequest: the file cannot be written.
    """
    title = title or _TITLE
    payload = pack(held.jobs, columns=held.left.columns)
    pages = evidence.as_json(held.pages)
    digest = evidence.digest(payload, pages)
    said = [notes] if isinstance(notes, str) else list(notes)
    text = page(
        held.jobs,
        held.view_verdict,
        templates=held.names,
        state=held.state,
        title=document.page_title(title),
        payload=payload,
        style=document.style(),
        script=document.script(),
        body_before=document.before(held, title, said, digest),
        body_after=document.after(held, pages),
    )
    target = Path(path).expanduser()
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written: {error.strerror or error}.") from None
    return Report(target, held.verdict, held.complete, digest)


def read_report(path: str | os.PathLike[str]) -> pl.DataFrame:
    """Give back the jobs that a report holds, all of them, with the columns that were kept.

    The digest in the file is recomputed first; that it fits shows only that the file agrees with
    itself.

    Raises:
        InvalidRequest: no report, or one whose data and digest do not agree.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        text = ""
    parts = [re.search(pattern, text) for pattern in _PARTS]
    found = [match[1] for match in parts if match]
    if len(found) < len(_PARTS):
        raise InvalidRequest(f"{path} is not a report: its data is not there.")
    encoded, pages, digest = found
    try:
        payload = base64.b64decode(encoded, validate=True)
    except ValueError:
        payload = b""
    if evidence.digest(payload, pages) != digest:
        raise InvalidRequest(f"{path} does not agree with itself: its data has another digest.")
    try:
        return unpack(payload)
    except (Exception, pl.exceptions.PanicException) as error:  # whoever forges can reckon, too
        why = type(error).__name__
    raise InvalidRequest(f"{path} is not a report: its data cannot be unpacked ({why}).")


_PARTS: Final = (
    '<script type="text/plain" id="boxdocgen-payload">([^<]*)</script>',
    '<script type="application/json" id="boxdocgen-pages">([^<]*)</script>',
    '<code id="boxdocgen-digest">([0-9a-f]{64})</code>',
)
