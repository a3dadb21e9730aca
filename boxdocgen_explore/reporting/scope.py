"""The requested scope of an audit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Scope:
    """The requested scope as a sentence, with the named batches or ``since``.

    ``list_complete`` is False if the batch list may have gaps. ``listed_at`` (UTC) is when the
    oldest page of that list was read, ``login`` the user who read it, ``list_pages`` its pages and
    ``listed`` its jobs, as in a `Reading`.
    """

    sentence: str = ""
    since: bool = False
    list_complete: bool = True
    listed_at: dt.datetime | None = None
    login: str | None = None
    list_pages: pl.DataFrame | None = None
    listed: pl.DataFrame | None = None
