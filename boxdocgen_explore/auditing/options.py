"""What an auditor declares: manifest, approved versions, thresholds; spelled and checked here."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypedDict

import polars as pl

from boxdocgen_explore.errors import InvalidRequest


class AuditOptions(TypedDict, total=False):
    """The keyword arguments of `audit`, `verdicts`, `evaluate` and `requested`.

    All are optional. Shares run from 0 to 1: ``max_failed_share=0.01`` accepts one failed job in
    a hundred. What the thresholds are if they are not given is in `Thresholds`.
    """

    expected: str | os.PathLike[str] | pl.DataFrame | None
    """The manifest, a CSV file or a frame (`boxdocgen_explore.auditing.manifest`)."""
    templates: pl.DataFrame | None
    """Template names for the sentences, as `Box.templates` returns them."""
    tags: pl.DataFrame | None
    """Tags of template versions, as `Box.tags` returns them."""
    approved_versions: str | Collection[str] | None
    """Ids of the template versions that may be used."""
    output_type: str | Collection[str] | None
    """The output types that the documents may have."""
    now: dt.datetime | None
    """When the audit takes place, with a time zone; the present if not given."""

    max_failed_share: float
    """Most failed jobs of a batch, as a share of its jobs."""
    max_error_share: float
    """Most jobs of a batch completed with errors, as a share of its jobs."""
    running_hours: float
    """How many hours after its creation a job may still be running."""
    unique_external_ids: bool
    """Whether a duplicate external id is an error instead of a warning."""
    creators: str | Collection[str] | None
    """Ids or logins of users who may have created the jobs; None: anybody, one per batch."""
    sources: str | Collection[str] | None
    """Where jobs may come from (Box's ``source``); None: anywhere, one per batch."""
    enterprises: str | Collection[str] | None
    """Ids of enterprises that the jobs may belong to; None: any, one per batch."""


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of `AuditOptions` as a rule gets them: ``inputs.thresholds.running_hours``."""

    max_failed_share: float = 0.0
    max_error_share: float = 0.0
    running_hours: float = 24.0
    unique_external_ids: bool = False
    creators: Collection[str] | None = None
    sources: Collection[str] | None = None
    enterprises: Collection[str] | None = None


_SHARES: Final = ("max_failed_share", "max_error_share")
_LONGEST_HOURS: Final = 1_000_000
_NAMES: Final = ("creators", "sources", "enterprises")


def thresholds(options: Mapping[str, Any]) -> Thresholds:
    """Check the thresholds.

    Raises:
        InvalidRequest: one is unknown or invalid.
    """
    known = [field.name for field in fields(Thresholds)]
    for name, value in options.items():
        if name not in known:
            raise InvalidRequest(f"There is no threshold {name!r:.60}; known: {', '.join(known)}.")
        if name in _SHARES and not (_is_number(value) and 0 <= value <= 1):
            raise InvalidRequest(f"{name} must be a share from 0 to 1, not {value!r:.60}.")
    hours = options.get("running_hours", 0)
    if not (_is_number(hours) and 0 <= hours <= _LONGEST_HOURS):
        raise InvalidRequest(
            f"running_hours must be a number from 0 to {_LONGEST_HOURS:,}, not {hours!r:.60}."
        )
    if not isinstance(options.get("unique_external_ids", False), bool):
        raise InvalidRequest("unique_external_ids must be True or False.")
    checked = {name: texts(value, name) for name, value in options.items() if name in _NAMES}
    return Thresholds(**{**options, **checked})


def texts(value: object, name: str) -> frozenset[str] | None:
    """Check an option that is one text or several.

    Raises:
        InvalidRequest: it is something else.
    """
    if value is None:
        return None
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Collection) or not all(isinstance(one, str) for one in values):
        raise InvalidRequest(f"{name} must be a text or several texts, not {value!r:.60}.")
    return frozenset(values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
