"""A frame of jobs as a Parquet file that says from which cached pages it was made.

Used for the frame cache and for the archive. The cached pages are authoritative: a file that was
made from other pages is ignored and written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import polars as pl

from boxdocgen_explore.schema import JOBS

_MADE_FROM: Final = "boxdocgen.made_from"
_JOBS: Final = "boxdocgen.jobs"
_PAGES: Final = "boxdocgen.pages"
_PARSER: Final = 2
"""Raised when the same pages give other rows than before: files made until then are ignored."""


@dataclass(frozen=True)
class FileMetadata:
    """What a file says beside its jobs: a digest of the cached pages it was made from, the number
    of its jobs, and those pages as JSON."""

    made_from: str
    jobs: int
    pages: str


def made_from(fingerprints: Iterable[tuple[str, bytes]]) -> str:
    """The digest of cached pages, given as keys and fingerprints, and of what parses them."""
    return hashlib.sha256(f"{_PARSER} {JOBS} {[*fingerprints]}".encode()).hexdigest()


def write(
    target: str | Path | IO[bytes], jobs: pl.DataFrame, made_from: str, pages: str, **options: Any
) -> None:
    """Write jobs and metadata; options as `polars.DataFrame.write_parquet`."""
    metadata = {_MADE_FROM: made_from, _JOBS: str(jobs.height), _PAGES: pages}
    jobs.write_parquet(target, metadata=metadata, **options)


def read_metadata(source: str | bytes, **options: Any) -> FileMetadata | None:
    """What a file says; None if it is missing, corrupt or of another kind."""
    try:
        found = pl.read_parquet_metadata(source, **options)
        made_from, jobs, pages = (found[key] for key in (_MADE_FROM, _JOBS, _PAGES))
    except (OSError, KeyError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    return FileMetadata(made_from, int(jobs), pages) if jobs.isdecimal() else None
