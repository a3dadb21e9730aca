"""Endpoints: where Box's lists are, what checks their pages, how long those stay good."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import quote, unquote

import polars as pl

from boxdocgen_explore import errors
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.schema import MAX_LIMIT, TERMINAL

_LIST: Final = dt.timedelta(minutes=5)
_END: Final = dt.timedelta(hours=1)


class ParsedPage(Protocol):
    """What `frame.page` and its siblings give."""

    @property
    def rows(self) -> pl.DataFrame: ...
    @property
    def height(self) -> int: ...
    @property
    def next_marker(self) -> str | None: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def unknown_fields(self) -> list[str]: ...


class CheckedPage(ParsedPage, Protocol):
    """The same with the texts that no entry may lack, by column, as long as they are needed."""

    @property
    def texts(self) -> Mapping[str, list[str]]: ...
    def without_texts(self) -> ParsedPage: ...


Parse = Callable[[bytes], CheckedPage]


@dataclass(frozen=True)
class PageRead:
    """One checked page of a chain, with what proves it.

    Its body is not here any more: a list of a million jobs would not fit into memory twice.
    ``settled`` says that it has jobs, every one of them terminal: these no longer change;
    ``expires`` is when it must be read again (None: never).
    """

    number: int
    marker: str | None
    limit_requested: int
    parsed: ParsedPage
    settled: bool
    first_id: str | None
    fetched_at: dt.datetime
    from_cache: bool
    expires: dt.datetime | None
    request_id: str | None
    body_sha256: str

    @property
    def expired(self) -> bool:
        return self.expires is not None and dt.datetime.now(dt.UTC) >= self.expires

    @property
    def age(self) -> dt.timedelta:
        return dt.datetime.now(dt.UTC) - self.fetched_at

    def fits(self, other: PageRead, id_column: str | None) -> bool:
        """Whether the rest of a chain that held `other` here goes on from this page."""
        mine, theirs = self.parsed, other.parsed
        columns = [id_column] if id_column else mine.rows.columns
        same_rows = mine.rows.select(columns).equals(theirs.rows.select(columns))
        return same_rows and mine.next_marker == theirs.next_marker


@dataclass
class Chain:
    """The pages of one list as they arrive; ``whole`` once nothing is missing.

    ``head`` is the rows of the first ``head_pages`` pages in one frame, where a memo had them:
    their ids are known to differ.
    """

    pages: list[PageRead] = field(default_factory=list)
    whole: bool = False
    head: pl.DataFrame | None = None
    head_pages: int = 0

    def begin(self) -> None:
        """Forget all, to be read from the first page."""
        self.pages.clear()
        self.whole, self.head, self.head_pages = False, None, 0

    def copy(self) -> Chain:
        """As it stands. A worker may still be adding to this one, so whether it is whole is
        asked first: no page can then be missing from what calls itself whole."""
        whole = self.whole
        return Chain([*self.pages], whole, self.head, self.head_pages)

    def frames(self) -> list[pl.DataFrame]:
        """The rows of all pages, in order."""
        head = [] if self.head is None else [self.head]
        return head + [page.parsed.rows for page in self.pages[self.head_pages :]]

    def has_duplicates(self, id_column: str | None) -> bool:
        """Whether any id comes twice."""
        if not self.pages or id_column is None:
            return False
        tail = [page.parsed.rows[id_column] for page in self.pages[self.head_pages :]]
        ids = pl.concat([pl.Series(id_column, dtype=pl.String), *tail])
        if _come_twice(ids):
            return True
        return self.head is not None and bool(self.head[id_column].is_in(ids.implode()).any())

    def duplicates(self, id_column: str | None) -> list[int]:
        """Per page, how many of its ids had come before."""
        if id_column is None or self.whole:
            return [0] * len(self.pages)
        ids = pl.concat(
            [pl.Series(id_column, dtype=pl.String)] + [f[id_column] for f in self.frames()]
        )
        again = ~ids.is_first_distinct()
        counts, start = [], 0
        for page in self.pages:
            end = start + page.parsed.height
            counts.append(int(again[start:end].sum()))
            start = end
        return counts


def _come_twice(texts: pl.Series) -> bool:
    if len(texts) > MAX_LIMIT:
        # By their hashes in order first, which take a fraction of the memory.
        hashes = texts.hash().sort()
        if not (hashes[1:] == hashes[:-1]).any():
            return False
    return texts.n_unique() < len(texts)


@dataclass(frozen=True)
class Listing:
    """One of Box's lists: where it is, how to read its pages, how long to keep them.

    ``id_column`` names what may come only once (None: anything may come twice). ``restarts`` says
    how often to begin anew when the list moves while it is read, ``shifts`` that it may always do
    so, and is then better read with a gap than not at all.
    """

    path: tuple[str, ...]
    name: str
    parse: Parse
    id_column: str | None = "job_id"
    batch_id: str | None = None
    live: dt.timedelta = _LIST
    params: tuple[tuple[str, str], ...] = ()
    restarts: int = 3
    shifts: bool = False

    def settled(self, parsed: CheckedPage) -> bool:
        """Whether a page has jobs, every one of them terminal."""
        return parsed.height > 0 and set(parsed.texts.get("status", [""])) <= TERMINAL

    def expires_in(self, chain: Chain, page: PageRead) -> dt.timedelta | None:
        """How long a checked page stays good; None is for ever."""
        if self.batch_id is None or not page.settled:
            return self.live
        if page.parsed.next_marker:
            return None
        # Jobs may still be added behind the end of a chain that has settled.
        return _END if all(earlier.settled for earlier in chain.pages) else self.live

    def prefix(self, host: str, limit: int) -> str:
        """How the keys of this list's pages begin; "=" keeps the limit apart from an id."""
        places = [quote(part, safe="") for part in (host, *self.path)]
        asked = [f"{name}={quote(value, safe='')}" for name, value in self.params]
        return "/".join([*places, *asked, f"limit={limit}"]) + "/"


def batch_jobs(batch_id: str, parse: Parse, live_s: float) -> Listing:
    """``/docgen_batch_jobs/:batch_id``; pages that may still change live for ``live_s`` seconds."""
    return Listing(
        ("docgen_batch_jobs", batch_id),
        f"batch {batch_id}",
        parse,
        batch_id=batch_id,
        live=dt.timedelta(seconds=live_s),
    )


def all_jobs(parse: Parse) -> Listing:
    """``/docgen_jobs``: every job that this user may see.

    It has no documented order, and a busy enterprise adds to it all the time. It may have a
    thousand pages, too, so it is begun anew less often than a batch.
    """
    return Listing(("docgen_jobs",), "the list of all jobs", parse, restarts=2, shifts=True)


def templates(parse: Parse) -> Listing:
    """``/docgen_templates``."""
    return Listing(("docgen_templates",), "the list of templates", parse, "template_file_id")


def tags(template_id: str, version_id: str | None, parse: Parse) -> Listing:
    """``/docgen_templates/:id/tags``; of one version where ``version_id`` is given."""
    params = (("template_version_id", version_id),) if version_id else ()
    return Listing(
        ("docgen_templates", template_id, "tags"),
        f"the tags of template {template_id}",
        parse,
        id_column=None,
        params=params,
    )


@dataclass(frozen=True)
class User:
    """Who reads: Box's ``/users/me``."""

    id: str
    login: str | None
    name: str | None
    enterprise_id: str | None


def me(session: BoxSession) -> User:
    """Who this session is to Box. Never kept: it decides whose store may be opened."""
    answer = session.get(("users", "me"), {"fields": "id,name,login,enterprise"})
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    said = body if isinstance(body, dict) else {}
    user_id = _text(said.get("id"))
    # The id becomes the name of a folder.
    if user_id is None or not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", user_id):
        raise errors.BrokenPage(
            f"{session.host} answered /users/me with 200, but not with a user: a proxy's page?",
            status=200,
            request_id=answer.request_id,
        )
    enterprise = said.get("enterprise")
    enterprise_id = _text(enterprise.get("id")) if isinstance(enterprise, dict) else None
    return User(user_id, _text(said.get("login")), _text(said.get("name")), enterprise_id)


def _text(value: object) -> str | None:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def marker_sha256(marker: str | None) -> str | None:
    """A marker's digest for keys and evidence; None for the first page and the end."""
    return hashlib.sha256(marker.encode()).hexdigest() if marker else None


def page_place(marker: str | None) -> str:
    """Where in its chain a page is kept: the end of its key."""
    return marker_sha256(marker) or "first"


def kept_batches(session: BoxSession) -> list[str]:
    """Ids of the batches of which pages are on disk."""
    start = f"{quote(session.host, safe='')}/docgen_batch_jobs/"
    keys = session.store.keys(start) if session.store else []
    return sorted({unquote(key[len(start) :].partition("/")[0]) for key in keys})
