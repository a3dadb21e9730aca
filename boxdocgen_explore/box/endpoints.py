"""Endpoints: where Box's lists are, what checks their pages, how long those stay good."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from boxdocgen_explore import errors
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache.store import PageStore
from boxdocgen_explore.pages.parse import Parse, ParsedPage
from boxdocgen_explore.pages.records import Chain, PageRead
from boxdocgen_explore.schema import TERMINAL, User

_LIST: Final = dt.timedelta(minutes=5)
_END: Final = dt.timedelta(hours=1)


@dataclass(frozen=True)
class PagedList:
    """One of Box's lists: where it is, how to read its pages, how long to keep them.

    ``id_column`` names what may come only once (None: anything may come twice). ``restarts`` says
    how often to begin anew when the list moves while it is read, ``may_shift`` that it may
    always do so, and is then better read with a gap than not at all.
    """

    path: tuple[str, ...]
    name: str
    parse: Parse
    id_column: str | None = "job_id"
    batch_id: str | None = None
    live: dt.timedelta = _LIST
    params: tuple[tuple[str, str], ...] = ()
    restarts: int = 3
    may_shift: bool = False

    def final(self, parsed: ParsedPage) -> bool:
        """Whether a page has jobs, every one of them terminal."""
        rows = parsed.rows
        return rows.height > 0 and "status" in rows.columns and rows["status"].is_in(TERMINAL).all()

    def expires_in(self, chain: Chain, page: PageRead) -> dt.timedelta | None:
        """How long a checked page stays good; None is for ever."""
        if self.batch_id is None or not page.final:
            return self.live
        if page.parsed.next_marker:
            return None
        # Jobs may still be added behind the end of a chain that has settled.
        return _END if all(earlier.final for earlier in chain.pages) else self.live

    def prefix(self, host: str, limit: int) -> str:
        """How the keys of this list's pages begin; "=" keeps the limit apart from an id."""
        places = [quote(part, safe="") for part in (host, *self.path)]
        asked = [f"{name}={quote(value, safe='')}" for name, value in self.params]
        return "/".join([*places, *asked, f"limit={limit}"]) + "/"


def batch_jobs(batch_id: str, parse: Parse, ttl_s: float) -> PagedList:
    """``/docgen_batch_jobs/:batch_id``; pages that may still change live for ``ttl_s`` seconds."""
    return PagedList(
        ("docgen_batch_jobs", batch_id),
        f"batch {batch_id}",
        parse,
        batch_id=batch_id,
        live=dt.timedelta(seconds=ttl_s),
    )


def all_jobs(parse: Parse) -> PagedList:
    """``/docgen_jobs``: every job that this user may see.

    It has no documented order, and a busy enterprise adds to it all the time. It may have a
    thousand pages, too, so it is begun anew less often than a batch.
    """
    return PagedList(("docgen_jobs",), "the list of all jobs", parse, restarts=2, may_shift=True)


def templates(parse: Parse) -> PagedList:
    """``/docgen_templates``."""
    return PagedList(("docgen_templates",), "the list of templates", parse, "template_file_id")


def tags(template_id: str, version_id: str | None, parse: Parse) -> PagedList:
    """``/docgen_templates/:id/tags``; of one version where ``version_id`` is given."""
    params = (("template_version_id", version_id),) if version_id else ()
    return PagedList(
        ("docgen_templates", template_id, "tags"),
        f"the tags of template {template_id}",
        parse,
        id_column=None,
        params=params,
    )


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


def cached_batches(store: PageStore, host: str) -> list[str]:
    """Ids of the batches of which pages are on disk."""
    start = f"{quote(host, safe='')}/docgen_batch_jobs/"
    keys = store.keys(start)
    return sorted({unquote(key[len(start) :].partition("/")[0]) for key in keys})
