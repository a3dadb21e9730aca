"""Box's endpoints: path, version, parser, and time to live of their pages."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from boxdocgen_explore import errors
from boxdocgen_explore.box.retry import RequestContext
from boxdocgen_explore.box.session import BoxSession
from boxdocgen_explore.cache.store import PageStore
from boxdocgen_explore.pages import frames
from boxdocgen_explore.pages.parse import Parse, ParsedPage
from boxdocgen_explore.pages.records import Chain, PageRead
from boxdocgen_explore.schema import BOX_VERSION, FILES_VERSION, TERMINAL, User

_LIST_TTL: Final = dt.timedelta(minutes=5)
_END_TTL: Final = dt.timedelta(hours=1)


@dataclass(frozen=True)
class PagedList:
    """One of Box's lists: its path, the parser of its pages, and how long they stay fresh.

    ``id_column`` has the ids that must be unique (None: there are none), ``version`` is the value
    of the header ``box-version``. ``max_restarts`` limits how often reading starts again because
    pages moved; after that, a list that ``may_shift`` is read with a gap rather than not at all.
    Reading ends early once ``enough`` is true for the pages so far. A single object, for which
    ``paged`` is false, is read like a list with one entry.
    """

    path: tuple[str, ...]
    name: str
    parse: Parse
    id_column: str | None = "job_id"
    batch_id: str | None = None
    ttl: dt.timedelta = _LIST_TTL
    params: tuple[tuple[str, str], ...] = ()
    max_restarts: int = 3
    may_shift: bool = False
    version: str = BOX_VERSION
    enough: Callable[[Chain], bool] | None = None
    paged: bool = True

    def final(self, parsed: ParsedPage) -> bool:
        """Whether a page has jobs, every one of them terminal."""
        rows = parsed.rows
        jobs = rows.height > 0 and "status" in rows.columns
        return jobs and TERMINAL.issuperset(rows["status"].unique())

    def expires_in(self, chain: Chain, page: PageRead) -> dt.timedelta | None:
        """How long a checked page stays fresh; None means forever."""
        if self.batch_id is None or not page.final:
            return self.ttl
        if page.parsed.next_marker:
            return None
        # Jobs may still be added to a batch whose jobs are all final.
        return _END_TTL if all(earlier.final for earlier in chain.pages) else self.ttl

    def root(self, host: str) -> str:
        """The prefix of the cache keys of this list's pages with any limit."""
        segments = [quote(part, safe="") for part in (host, *self.path)]
        query = [f"{name}={quote(value, safe='')}" for name, value in self.params]
        return "/".join([*segments, *query]) + "/"


def batch_jobs(batch_id: str, ttl_s: float) -> PagedList:
    """``/docgen_batch_jobs/:batch_id``; pages that may still change stay fresh for ``ttl_s`` s."""
    return PagedList(
        ("docgen_batch_jobs", batch_id),
        f"batch {batch_id}",
        frames.page,
        batch_id=batch_id,
        ttl=dt.timedelta(seconds=ttl_s),
    )


def all_jobs(enough: Callable[[Chain], bool] | None = None) -> PagedList:
    """``/docgen_jobs``: every job that this user may see.

    It has no documented order, and busy enterprises add to it all the time. It may have a
    thousand pages, so it is restarted less often than a batch.
    """
    return PagedList(
        ("docgen_jobs",),
        "the list of all jobs",
        frames.full_page,
        max_restarts=2,
        may_shift=True,
        enough=enough,
    )


_ITEM_FIELDS: Final = "id,type,name,size,sha1,created_at"


def file(file_id: str, ttl_s: float) -> PagedList:
    """``/files/:id``: one output file and its folder."""
    return PagedList(
        ("files", file_id),
        f"file {file_id}",
        frames.file_page,
        id_column="output_file_id",
        ttl=dt.timedelta(seconds=ttl_s),
        params=(("fields", f"{_ITEM_FIELDS},parent,item_status"),),
        version=FILES_VERSION,
        paged=False,
    )


def folder_items(folder_id: str, ttl_s: float, enough: Callable[[Chain], bool]) -> PagedList:
    """``/folders/:id/items``: the items of a folder, which people change all the time."""
    return PagedList(
        ("folders", folder_id, "items"),
        f"folder {folder_id}",
        frames.item_page,
        id_column=None,  # a folder may have the id of a file
        ttl=dt.timedelta(seconds=ttl_s),
        params=(("fields", _ITEM_FIELDS), ("usemarker", "true")),
        may_shift=True,
        version=FILES_VERSION,
        enough=enough,
    )


def templates() -> PagedList:
    """``/docgen_templates``."""
    name, id_column = "the list of templates", "template_file_id"
    return PagedList(("docgen_templates",), name, frames.template_page, id_column)


def tags(template_id: str, version_id: str | None) -> PagedList:
    """``/docgen_templates/:id/tags``; of one version if ``version_id`` is given."""
    params = (("template_version_id", version_id),) if version_id else ()
    return PagedList(
        ("docgen_templates", template_id, "tags"),
        f"the tags of template {template_id}",
        frames.tag_page,
        id_column=None,
        params=params,
    )


def me(session: BoxSession, context: RequestContext | None = None) -> User:
    """``/users/me``: the user of this session. Never cached: it decides whose cache is opened.

    Box has it only in version 2024.0, and refuses the header ``box-version: 2025.0`` with 400.
    """
    params = {"fields": "id,name,login,enterprise"}
    answer = session.get(("users", "me"), params, version=None, context=context)
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        body = None
    user = body if isinstance(body, dict) else {}
    user_id = _text(user.get("id"))
    # The id becomes the name of a folder.
    is_user = user.get("type") in (None, "user")
    if not is_user or user_id is None or not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", user_id):
        raise errors.BrokenPage(
            f"{session.host} answered /users/me with 200, but not with a user. Perhaps a proxy "
            "wants a login: sign in to it and try again.",
            status=200,
            request_id=answer.request_id,
        )
    enterprise = user.get("enterprise")
    enterprise_id = _text(enterprise.get("id")) if isinstance(enterprise, dict) else None
    return User(user_id, _text(user.get("login")), _text(user.get("name")), enterprise_id)


def _text(value: object) -> str | None:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def batches_root(host: str) -> str:
    """The prefix of the cache keys of all batches."""
    return f"{quote(host, safe='')}/docgen_batch_jobs/"


def cached_batches(store: PageStore, host: str) -> list[str]:
    """Ids of the batches with cached pages."""
    start = batches_root(host)
    keys = store.keys(start)
    return sorted({unquote(key[len(start) :].partition("/")[0]) for key in keys})
