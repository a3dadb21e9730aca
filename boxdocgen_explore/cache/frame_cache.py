"""The frame of a batch's final pages, as one file beside the cached pages.

Reading it is much faster than parsing the pages again. It can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from boxdocgen_explore.cache import frame_file
from boxdocgen_explore.cache.files import delete_abandoned
from boxdocgen_explore.pages import Chain, PageRead, page_place
from boxdocgen_explore.schema import JOBS
from boxdocgen_explore.text import replacing

Fingerprints = Mapping[str, bytes]
"""Cached pages by key: the fingerprint of each."""

MIN_PAGES: Final = 10
"""Fewer pages than this are not worth a file."""

_COLUMNS: Final = {name: dtype for name, dtype in JOBS.items() if name != "origin"}
_OUR_FILES: Final = re.compile(r"[0-9a-f]{32}-[0-9a-f]{32}\.parquet|\.[0-9a-f]{12}\.part")


class FrameCache:
    """Frames by chain, in one folder. Every problem with a file is ignored: the pages remain.

    A file is named after the keys of its chain's pages (their prefix) and after its own content,
    so that a file that was cut or changed is not used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, chain: Chain, prefix: str, fingerprints: Callable[[], Fingerprints]) -> None:
        """Begin a chain with the pages of its file, if these are still cached and unchanged."""
        unreadable = (OSError, ValueError, KeyError, RecursionError, pl.exceptions.PolarsError)
        for path in self._files(prefix):
            with suppress(*unreadable, pl.exceptions.PanicException):
                chain.head, pages = _read(path, prefix, fingerprints())
                chain.head_pages = len(pages)
                chain.pages = pages
                return

    def save(self, chain: Chain, prefix: str, fingerprints: Callable[[], Fingerprints]) -> None:
        """Write a complete chain's final pages, if many of them are not in a file yet."""
        final = [*takewhile(lambda page: page.expires is None, chain.pages)]
        if len(final) < chain.head_pages + MIN_PAGES:
            return
        jobs = pl.concat(chain.frames()).head(sum(page.parsed.height for page in final))
        # polars may raise its own error on a full disk; KeyError: a page could not be cached.
        with suppress(OSError, KeyError, pl.exceptions.PolarsError):
            content = _content(jobs, final, _made_from(prefix, final, fingerprints()))
            self.folder.mkdir(mode=0o700, exist_ok=True)
            delete_abandoned(self.folder)
            with replacing(self.folder / _name(prefix, content), private=True) as part:
                part.write_bytes(content)
            _delete(path for path in self._files(prefix) if path.name != _name(prefix, content))

    def delete(self, prefix: str) -> None:
        """Delete a chain's file."""
        _delete(self._files(prefix))

    def clear(self) -> None:
        """Delete all files, and what killed processes left behind."""
        _delete(path for path in self.folder.glob("*") if _OUR_FILES.fullmatch(path.name))
        with suppress(OSError):
            self.folder.rmdir()

    def _files(self, prefix: str) -> Sequence[Path]:
        start = f"{_digest(prefix.encode())}-"
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - a tenth of what globbing takes
        except OSError:
            return []
        return [self.folder / name for name in names if name.startswith(start)]


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _content(jobs: pl.DataFrame, pages: Sequence[PageRead], made_from: str) -> bytes:
    """The file: jobs, and the pages as JSON with the number of their rows instead of the rows."""
    cached = [replace(page, from_cache=True) for page in pages]
    text = msgspec.json.encode(cached, enc_hook=lambda rows: rows.height).decode()
    buffer = io.BytesIO()
    # In small row groups: larger ones would only take more memory.
    options = {"row_group_size": 20_000, "compression_level": 1, "statistics": False}
    frame_file.write(buffer, jobs, made_from, text, **options)
    return buffer.getvalue()


def _read(
    path: Path, prefix: str, fingerprints: Fingerprints
) -> tuple[pl.DataFrame, list[PageRead]]:
    content = path.read_bytes()
    metadata = frame_file.read_metadata(content)
    if metadata is None or path.name != _name(prefix, content):
        raise ValueError("a corrupt file")
    jobs = pl.read_parquet(content)
    if dict(jobs.schema) != _COLUMNS:
        raise ValueError("other columns")
    used = 0

    def take(_type: type, rows: int) -> pl.DataFrame:
        nonlocal used
        used += rows
        return jobs.slice(used - rows, rows)

    pages = msgspec.json.decode(metadata.pages, type=list[PageRead], dec_hook=take)
    if used != jobs.height or metadata.made_from != _made_from(prefix, pages, fingerprints):
        raise ValueError("made from other pages")
    return jobs, pages


def _made_from(prefix: str, pages: Sequence[PageRead], fingerprints: Fingerprints) -> str:
    """Raises KeyError if a page is not cached."""
    keys = [prefix + page_place(page.marker) for page in pages]
    return frame_file.made_from([(key, fingerprints[key]) for key in keys])


def _name(prefix: str, content: bytes) -> str:
    return f"{_digest(prefix.encode())}-{_digest(content)}.parquet"


def _digest(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
