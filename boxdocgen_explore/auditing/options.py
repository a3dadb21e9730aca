"""What an auditor declares: manifest, approved versions, thresholds; spelled and checked here."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypedDict

import polars as pl

from boxdocgen_explore.arguments import checked_texts, number, quoted
from boxdocgen_explore.errors import InvalidRequest


class AuditOptions(TypedDict, total=False):
    """The keyword arguments of `audit`, which explains them; all are optional."""

    expected: str | os.PathLike[str] | pl.DataFrame | None
    templates: pl.DataFrame | None
    tags: pl.DataFrame | None
    approved_versions: str | Collection[str] | None
    output_type: str | Collection[str] | None
    now: dt.datetime | None
    max_failed_share: float
    max_error_share: float
    running_hours: float
    slow_document_s: float
    unique_external_ids: bool
    creators: str | Collection[str] | None
    sources: str | Collection[str] | None
    enterprises: str | Collection[str] | None


@dataclass(frozen=True)
class Thresholds:
    """The thresholds among the options, as a rule gets them: ``inputs.thresholds.creators``.

    Shares run from 0 to 1: 0.01 accepts one job in a hundred of a batch. ``creators`` (user ids
    or logins), ``sources`` and ``enterprises`` (ids) are None if any will do, one per batch.

    ``slow_document_s`` is one hour. Box publishes that 95 % of documents take under 15 s at up to
    50 documents a minute. But a document of a large batch first waits in the queue: at that rate
    the last of 3,000 letters is made an hour after it was requested, and nothing is wrong with
    it. If your batches are small, choose less.
    """

    max_failed_share: float = 0.0
    max_error_share: float = 0.0
    running_hours: float = 24.0
    slow_document_s: float = 3600.0
    unique_external_ids: bool = False
    creators: Collection[str] | None = None
    sources: Collection[str] | None = None
    enterprises: Collection[str] | None = None


# The largest value of each number.
_MOST: Final = {
    "max_failed_share": 1,
    "max_error_share": 1,
    "running_hours": 1_000_000,
    "slow_document_s": 3_600_000_000,
}


def thresholds(options: Mapping[str, Any]) -> Thresholds:
    """Check the thresholds.

    Raises:
        InvalidRequest: one is unknown or invalid.
    """
    known = [field.name for field in fields(Thresholds)]
    checked = dict(options)
    for name, value in options.items():
        if name not in known:
            raise InvalidRequest(f"There is no threshold {name!r:.60}; known: {', '.join(known)}.")
        if name == "unique_external_ids":
            if not isinstance(value, bool):
                raise InvalidRequest(f"{name} must be True or False, not {quoted(value)}.")
        elif name not in _MOST:
            checked[name] = texts(value, name)
        else:
            number(name, value, _MOST[name])
    return Thresholds(**checked)


def texts(value: object, name: str) -> frozenset[str] | None:
    """Check an option that is one text or several.

    Raises:
        InvalidRequest: it is something else.
    """
    return None if value is None else frozenset(checked_texts(name, value))
