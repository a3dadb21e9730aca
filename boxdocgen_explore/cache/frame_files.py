"""The files of the frame cache: Parquet, named after the number of rows and their content."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Final

import polars as pl

from boxdocgen_explore.cache.files import delete_abandoned
from boxdocgen_explore.cache.frame_index import Entry
from boxdocgen_explore.schema import JOBS
from boxdocgen_explore.text import replacing

UNREADABLE: Final = (
    OSError,
    ValueError,
    RecursionError,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
"""What a corrupt file may raise."""

_COLUMNS: Final = {name: dtype for name, dtype in JOBS.items() if name != "origin"}
_PARSER: Final = 3
"""Raised when the same pages give other rows than before: files made until then are ignored."""

_VERSION: Final = hashlib.sha256(f"{_PARSER} {_COLUMNS}".encode()).hexdigest()[:8]
_FILE: Final = re.compile(r"(?P<version>[0-9a-f]{8})-(?P<rows>\d+)-[0-9a-f]{32}\.parquet")
_PART: Final = re.compile(r"\.[0-9a-f]{12}\.part")
_FEW_BATCHES: Final = 8


class FrameFiles:
    """The files in one folder. One that was changed no longer has the name of its content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir() if _FILE.fullmatch(path.name)]

    def age_s(self, file: str) -> float:
        """How long ago a file was written, in seconds; after a wrong clock, how far off it is."""
        try:
            return abs(time() - (self.folder / file).stat().st_mtime)
        except OSError:
            return 0.0

    def content(self, file: str) -> bytes:
        """Raises UNREADABLE."""
        content = (self.folder / file).read_bytes()
        if not file.endswith(f"-{_digest(content)}.parquet") or not is_current(file):
            raise ValueError("a corrupt file, or one of another version")
        return content

    def slices(
        self, file: str, entries: Sequence[Entry]
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
        """The rows of each entry, and all rows of the file if they were read. Raises UNREADABLE."""
        lazy = pl.scan_parquet(self.content(file))
        if len(entries) > _FEW_BATCHES or 2 * sum(e.jobs for e in entries) > height(file):
            jobs = lazy.collect()
            yield from ((jobs.slice(entry.start, entry.jobs), jobs) for entry in entries)
        else:
            for entry in entries:
                yield lazy.slice(entry.start, entry.jobs).collect(), None

    def write(self, frames: Sequence[pl.DataFrame]) -> str:
        """Write some rows as one file; gives its name."""
        jobs = pl.concat(frames)
        buffer = io.BytesIO()
        # In small row groups: a batch is read without the others, and in little memory.
        jobs.write_parquet(buffer, row_group_size=20_000, compression_level=1)
        content = buffer.getvalue()
        file = f"{_VERSION}-{jobs.height}-{_digest(content)}.parquet"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        delete_abandoned(self.folder)
        with replacing(self.folder / file, private=True) as part:
            part.write_bytes(content)
        return file

    def delete(self, files: Iterable[str]) -> None:
        for file in files:
            with suppress(OSError):
                (self.folder / file).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all files, and what killed processes left behind."""
        names = [path.name for path in self.folder.glob("*")]
        self.delete(name for name in names if _FILE.fullmatch(name) or _PART.fullmatch(name))
        with suppress(OSError):
            self.folder.rmdir()


def height(file: str) -> int:
    """How many rows a file has, which its name says."""
    match = _FILE.fullmatch(file)
    return int(match["rows"]) if match else 0


def is_current(file: str) -> bool:
    """Whether a file was made by this version of the parser."""
    match = _FILE.fullmatch(file)
    return match is not None and match["version"] == _VERSION


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
