"""The frame of a batch's settled pages, as one Parquet file beside them.

Pages stay the truth: a memo says from which pages it was made, and is passed over once one of
them is another. It can be deleted at any time; then it is made again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from boxdocgen_explore.pages.parse import ParsedPage
from boxdocgen_explore.pages.records import Chain, PageRead, page_place
from boxdocgen_explore.schema import JOBS

Fingerprints = Mapping[str, bytes]
"""Pages by their keys: what tells each from every other."""

_MIN_PAGES: Final = 10
"""So many pages are worth a file: reading them one by one would be noticed."""

_COLUMNS: Final = {name: dtype for name, dtype in JOBS.items() if name != "origin"}
_MADE_FOR: Final = hashlib.sha256(f"1 {_COLUMNS}".encode()).digest()
"""The version of this file's form, and of the schema."""

_GROUP: Final = 20_000
"""Rows written at once: more would only take more memory."""

_METADATA: Final = "boxdocgen.pages"
_ENDING: Final = ".parquet"


class _Page(msgspec.Struct, frozen=True):
    """What a memo tells of one page, beside its jobs."""

    marker: str | None
    next_marker: str
    limit_requested: int
    limit: int | None
    unknown_fields: list[str]
    jobs: int
    fetched_at: datetime
    request_id: str | None
    body_sha256: str


_pages = msgspec.json.Decoder(list[_Page])


class FrameCache:
    """Frames by chain, in one folder. Trouble with a file is no news: the pages are still there.

    A file is called CHAIN-PAGES-CONTENT: of which chain, made from which pages, and what its own
    bytes are; so a file that was cut or changed is not believed, and needs no second one beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, chain: Chain, name: str, fingerprints: Callable[[], Fingerprints]) -> None:
        """Begin a chain, whose keys begin with ``name``, with the pages that its memo has.

        Nothing is done where there is no memo, or one of its pages is not what it was.
        """
        unreadable = (
            OSError,
            ValueError,
            KeyError,
            msgspec.MsgspecError,
            pl.exceptions.PolarsError,
        )
        for path in self._files(name):
            with suppress(*unreadable, pl.exceptions.PanicException):
                chain.head, pages = self._checked(path, name, fingerprints())
                chain.head_pages = len(pages)
                chain.pages = _as_read(pages, chain.head)
                return

    def _checked(
        self, path: Path, name: str, fingerprints: Fingerprints
    ) -> tuple[pl.DataFrame, list[_Page]]:
        _, made_from, content = path.stem.split("-")
        stored = path.read_bytes()
        if _digest(stored) != content:
            raise ValueError("not what was written")
        pages = _pages.decode(pl.read_parquet_metadata(stored)[_METADATA])
        if made_from != _made_from(name, [page.marker for page in pages], fingerprints):
            raise ValueError("a page has changed")
        jobs = pl.read_parquet(stored)
        if dict(jobs.schema) != _COLUMNS or jobs.height != sum(page.jobs for page in pages):
            raise ValueError("other jobs")
        return jobs, pages

    def save(self, chain: Chain, name: str, fingerprints: Callable[[], Fingerprints]) -> None:
        """Keep a memo of a whole chain's settled pages, if it has many that are in none yet."""
        settled = list(takewhile(lambda page: page.expires is None, chain.pages))
        if len(settled) < chain.head_pages + _MIN_PAGES:
            return
        jobs = pl.concat(chain.frames()).head(sum(page.parsed.height for page in settled))
        # A full disk may be polars' error, too; KeyError: a page that could not be kept.
        with suppress(OSError, KeyError, pl.exceptions.PolarsError):
            made_from = _made_from(name, [page.marker for page in settled], fingerprints())
            self._write(f"{_digest(name.encode())}-{made_from}", jobs, settled)

    def _write(self, name: str, jobs: pl.DataFrame, pages: Sequence[PageRead]) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=self.folder, prefix=".new-", suffix=".part")
        os.close(handle)
        try:
            told = msgspec.json.encode([_as_kept(page) for page in pages]).decode()
            jobs.write_parquet(
                part,
                metadata={_METADATA: told},
                row_group_size=_GROUP,
                compression_level=1,
                statistics=False,
            )
            place = self.folder / f"{name}-{_digest(Path(part).read_bytes())}{_ENDING}"
            Path(part).replace(place)
        finally:
            Path(part).unlink(missing_ok=True)
        for path in self.folder.glob(f"{name.partition('-')[0]}-*{_ENDING}"):
            if path != place:
                path.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Delete a chain's memo."""
        _delete(self._files(name))

    def clear(self) -> None:
        """Delete all of them, and what makers that were killed have left."""
        _delete([*self.folder.glob(f"*-*-*{_ENDING}"), *self.folder.glob(".new-*.part")])
        with suppress(OSError):
            self.folder.rmdir()

    def _files(self, name: str) -> Sequence[Path]:
        start = f"{_digest(name.encode())}-"
        try:
            there = os.listdir(self.folder)  # noqa: PTH208 - a tenth of what globbing takes
        except OSError:
            return []
        return [self.folder / one for one in there if one.startswith(start) and _ENDING in one]


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _as_kept(page: PageRead) -> _Page:
    parsed = page.parsed
    assert parsed.next_marker is not None  # noqa: S101 - an end page is never settled for ever
    return _Page(
        page.marker,
        parsed.next_marker,
        page.limit_requested,
        parsed.limit,
        parsed.unknown_fields,
        parsed.height,
        page.fetched_at,
        page.request_id,
        page.body_sha256,
    )


def _as_read(pages: Sequence[_Page], jobs: pl.DataFrame) -> list[PageRead]:
    read, start = [], 0
    for number, page in enumerate(pages, start=1):
        rows = jobs.slice(start, page.jobs)
        start += page.jobs
        read.append(
            PageRead(
                number,
                page.marker,
                page.limit_requested,
                ParsedPage(rows, page.next_marker, page.limit, page.unknown_fields),
                True,
                None,
                page.fetched_at,
                from_cache=True,
                expires=None,
                request_id=page.request_id,
                body_sha256=page.body_sha256,
            )
        )
    return read


def _made_from(name: str, markers: Sequence[str | None], fingerprints: Fingerprints) -> str:
    """Raises KeyError where a page is not kept, or not for ever."""
    keys = [name + page_place(marker) for marker in markers]
    return _digest(_MADE_FOR + b"".join(key.encode() + b"\0" + fingerprints[key] for key in keys))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
