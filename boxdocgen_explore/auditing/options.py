"""The declarations of an auditor, such as manifest, approved versions and thresholds."""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, TypedDict

import polars as pl

from boxdocgen_explore.arguments import checked, checked_texts, number, quoted
from boxdocgen_explore.errors import InvalidRequest, Reading, warn


class ThresholdOptions(TypedDict, total=False):
    """What can be declared once and passed to each audit and report; `audit` explains the keys.

    >>> nightly: ThresholdOptions = {"max_failed_share": 0.01, "creators": "svc-hr@example.com"}
    """

    max_failed_share: float
    max_error_share: float
    running_hours: float
    slow_document_s: float
    stale_days: float
    duplicate_run_days: float
    unique_external_ids: bool
    hosts: str | Collection[str]
    approved_versions: str | Collection[str] | None
    output_type: str | Collection[str] | None
    creators: str | Collection[str] | None
    sources: str | Collection[str] | None
    enterprises: str | Collection[str] | None
    period: tuple[dt.datetime, dt.datetime] | None
    control_total: tuple[int, str] | None


class InputOptions(ThresholdOptions, total=False):
    """The other common options of `audit` and `report`."""

    expected: str | os.PathLike[str] | pl.DataFrame | None
    earlier: Reading | pl.DataFrame | None
    tags: pl.DataFrame | None
    now: dt.datetime | None


class AuditOptions(InputOptions, total=False):
    """The keyword arguments of `audit`, which documents them; all are optional."""

    templates: pl.DataFrame | None


def _option(about: str, check: Callable[[str, object], object], default: Any = None) -> Any:
    return field(default=default, metadata={"check": check, "about": about})


def _up_to(most: float) -> Callable[[str, object], float]:
    return lambda name, value: number(name, value, most)


def _texts(name: str, value: object) -> frozenset[str]:
    return frozenset(checked_texts(name, value))


def _output_types(name: str, value: object) -> frozenset[str]:
    types = frozenset(output_type.lower() for output_type in checked_texts(name, value))
    # Not refused: Box's API allows any text, and a new type must not require a new version.
    # A typing error hides nothing, because each job is then a finding that shows this option.
    if unknown := sorted(types - {"docx", "pdf"}):
        _warn(f"{name}: Box documents docx and pdf, not {', '.join(unknown)}. A typing error?")
    return types


@functools.cache  # an audit checks its options several times
def _warn(text: str) -> None:
    warn(text, UserWarning)


def _period(name: str, value: object) -> tuple[dt.datetime, dt.datetime]:
    match value:
        case [dt.datetime() as start, dt.datetime() as end] if start.tzinfo and end.tzinfo:
            if start < end:
                return start, end
            times = f"{start.isoformat(' ')} and {end.isoformat(' ')}"
            raise InvalidRequest(f"{name} must start before it ends, not {times}.")
        case [dt.datetime() as start, dt.datetime() as end]:
            naive = (start if start.tzinfo is None else end).isoformat(" ")
            raise InvalidRequest(
                f"{name} needs times with time zones; {naive} has none: "
                f"write {naive.replace(' ', 'T')}Z for UTC."
            )
    raise InvalidRequest(f"{name} must be a start and an end with time zones, not {quoted(value)}.")


def _total(name: str, value: object) -> tuple[int, str]:
    match value:
        case [int() as ids, str() as digest] if re.fullmatch(r"[0-9a-fA-F]{64}", digest):
            return ids, digest.lower()
    raise InvalidRequest(f"{name} must be a count and a SHA-256 (64 digits), not {quoted(value)}.")


@dataclass(frozen=True)
class Thresholds:
    """The declared options, as rules get them: ``inputs.thresholds.creators``.

    Shares run from 0 to 1: 0.01 accepts one failed job in a hundred final jobs of a batch. None
    means not declared; the rule with this option is then not evaluated.

    ``slow_document_s`` is one hour. Box publishes that 95 % of documents take under 15 s at up to
    50 documents a minute. But documents of a large batch wait in a queue: at that rate, the last of
    3,000 letters is made an hour after its request, which is normal. For small batches, choose
    less.
    """

    max_failed_share: float = _option("share of final jobs that may fail, 0 to 1", _up_to(1), 0.0)
    max_error_share: float = _option("share that may complete with errors, 0 to 1", _up_to(1), 0.0)
    running_hours: float = _option("hours that a job may run", _up_to(1_000_000), 24.0)
    slow_document_s: float = _option(
        "seconds that a document may take", _up_to(3_600_000_000), 3600.0
    )
    stale_days: float = _option("days since a batch was read", _up_to(36_500), 7.0)
    duplicate_run_days: float = _option(
        "days within which the same external ids are a second run", _up_to(36_500), 7.0
    )
    unique_external_ids: bool = _option(
        "a duplicate external id is an error, not a warning",
        lambda name, value: checked(name, value, bool, "True or False"),
        False,
    )
    hosts: Collection[str] = _option("allowed host", _texts, frozenset())
    approved_versions: Collection[str] | None = _option("id of an allowed template version", _texts)
    output_type: Collection[str] | None = _option("allowed output type", _output_types)
    creators: Collection[str] | None = _option("id or login of an allowed creator", _texts)
    sources: Collection[str] | None = _option("allowed source of jobs", _texts)
    enterprises: Collection[str] | None = _option("id of an allowed enterprise", _texts)
    period: tuple[dt.datetime, dt.datetime] | None = _option(
        "start and end of creation, ISO 8601 with time zones", _period
    )
    control_total: tuple[int, str] | None = _option(
        "count and digest of the sender's external ids", _total
    )


ABOUT: Final[Mapping[str, str]] = {
    option.name: option.metadata["about"] for option in fields(Thresholds)
}
"""A short description of each option."""
_CHECKS: Final = {option.name: option.metadata["check"] for option in fields(Thresholds)}

DEFAULTS: Final[Mapping[str, Any]] = asdict(Thresholds())
"""The default declarations."""


def flag(name: str) -> str:
    """The name of an option on the command line, where each value is given separately.

    >>> flag("approved_versions")
    '--approved-version'
    """
    several = _CHECKS[name] is _texts
    return f"--{name.removesuffix('s') if several else name}".replace("_", "-")


def thresholds(options: Mapping[str, Any]) -> Thresholds:
    """Check declared options.

    Raises:
        InvalidRequest: an option is unknown or invalid.
    """
    known = {option.name: option for option in fields(Thresholds)}
    declared = {}
    for name, value in options.items():
        if name not in known:
            raise InvalidRequest(f"There is no threshold {name!r:.60}; known: {', '.join(known)}.")
        if value is not None or known[name].default is not None:
            declared[name] = known[name].metadata["check"](name, value)
    return Thresholds(**declared)
