"""The report: an audit in one HTML file that needs no network, no kernel and no Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import polars as pl

from boxdocgen_explore.arguments import HTML_ENDINGS, checked_path, output_file, output_path
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.reporting import document, embedded
from boxdocgen_explore.reporting.canonical_json import canonical
from boxdocgen_explore.reporting.document import statements
from boxdocgen_explore.reporting.drawn import drawn
from boxdocgen_explore.reporting.embedded import frame_of, parsed_report, with_bag
from boxdocgen_explore.reporting.history import append_record, check_history, with_history
from boxdocgen_explore.reporting.record import audit_record, manifest_file, stated_code, stated_rule
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.reporting.run import EvidenceOptions, ReportOptions, run_audit
from boxdocgen_explore.reporting.scope import Scope
from boxdocgen_explore.reporting.trend import trend

__all__ = [
    "HTML_ENDINGS",
    "AuditResult",
    "EvidenceOptions",
    "Report",
    "ReportOptions",
    "Scope",
    "append_record",
    "audit_record",
    "canonical",
    "check_history",
    "drawn",
    "frame_of",
    "manifest_file",
    "parsed_report",
    "read_report",
    "run_audit",
    "sealed_report",
    "stated_code",
    "stated_rule",
    "statements",
    "trend",
    "with_bag",
    "with_history",
    "write_report",
]


@dataclass(frozen=True)
class Report:
    """A written report: its path, its verdict, and the digest to store in another place.

    If it has an evidence bag, or is in one, store the bag's ``seal`` instead. If it is in a bag,
    ``path`` is that of the bag.
    ``verdict`` is the conclusion with its statements: population, outcome, expected, checks.
    ``complete`` is true if all pages were read, all jobs are final, every requested rule could be
    evaluated, and none found an error.
    """

    path: Path
    verdict: str
    complete: bool
    digest: str
    seal: str | None = None

    def __str__(self) -> str:
        named = f"Seal: {self.seal}" if self.seal else f"SHA-256 of its data: {self.digest}"
        return f"{self.verdict}\n{self.path}\n{named}"


def write_report(
    result: AuditResult,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
) -> Report:
    """Write the result of `run_audit` to a file that only its owner can read.

    Raises:
        InvalidRequest: the file cannot be written; an existing one then stays unchanged.
    """
    target = output_path("path", path, *HTML_ENDINGS)
    text, digest = sealed_report(result, audit_record(result, title, notes))
    with output_file(target, private=True) as part:
        part.write_text(text, encoding="utf-8")
    return Report(target, result.verdict, result.complete, digest)


def sealed_report(result: AuditResult, record: Mapping[str, Any]) -> tuple[str, str]:
    """Return the HTML of a report, made from its record, and its digest."""
    return embedded.sealed(document.html(result, record))


@overload
def read_report(
    path: str | os.PathLike[str], *, evidence: Literal[False] = ...
) -> pl.DataFrame: ...


@overload
def read_report(path: str | os.PathLike[str], *, evidence: Literal[True]) -> Reading: ...


def read_report(path: str | os.PathLike[str], *, evidence: bool = False) -> pl.DataFrame | Reading:
    """Return all jobs of a report, with the columns that it includes.

    With ``evidence``, return a `Reading`: these jobs, the pages, the answers about documents (None
    if documents were not read), and the text of each error that left a batch incomplete.

    The digest in the file covers its complete content, and is recomputed first. A match shows only
    that the file is consistent.

    Raises:
        InvalidRequest: the file is not a report, or was changed after it was written.
    """
    found = embedded.read(checked_path("path", path))
    return found.reading() if evidence else found.jobs()
