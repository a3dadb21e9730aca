"""What an audit was asked to cover."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Scope:
    """What the audit was asked to cover, in a sentence; the batches named here or ``since``.

    ``list_complete`` is False if the list of batches may have gaps; ``listed_at`` (UTC) is when
    the oldest page of that list was read, ``login`` the user who read it, ``list_pages`` its pages
    and ``listed`` its jobs, as in a `Reading`.
    """

    sentence: str = ""
    since: bool = False
    list_complete: bool = True
    listed_at: dt.datetime | None = None
    login: str | None = None
    list_pages: pl.DataFrame | None = None
    listed: pl.DataFrame | None = None
