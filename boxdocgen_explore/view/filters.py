"""The state of the view: its check, and the polars expression of its filters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
import polars as pl

from boxdocgen_explore.analysis import day, job_reasons
from boxdocgen_explore.arguments import quoted
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import DETAILS
from boxdocgen_explore.search import search

_VERSION: Final = ("template_file_id", "template_file_version_id")
_COLUMNS: Final = ("status", "output_type", *_VERSION, "batch_id")
_VALUES: Final = (*_COLUMNS, "reason", "day")
"""Keys of the state with lists of values."""

QUERY_CODE: Final[Mapping[str, str]] = {
    **{name: f'pl.col("{name}").is_in({{values}})' for name in _COLUMNS},
    "reason": "bx.analysis.job_reasons().list.eval(pl.element().is_in({values})).list.any()",
    "day": "bx.analysis.day().is_in({values})",
    "created": "bx.analysis.day().is_between(pl.lit({first}), pl.lit({last}))",
    "text": "bx.analysis.search({text})",
}
"""Python source of `query` by key of the state; the front end fills in the values."""

_Text = Annotated[str, msgspec.Meta(pattern="^[^\0\ud800-\udfff]*\\Z")]
_Width = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]+:[0-9]{2,4}\Z")]
_Sort = tuple[_Text, Literal["ascending", "descending"]]

_MUST_BE: Final[Mapping[str, tuple[Any, str]]] = {
    **dict.fromkeys(_VALUES, (list[_Text | None], "a list of texts (None stands for null)")),
    "text": (_Text, "a text"),
    "created": (tuple[dt.date, dt.date] | None, "two ISO dates, the earlier one first, or None"),
    "compare_by": (Literal["batch", "template", "day"] | None, '"batch", "template" or "day"'),
    "measure": (Literal["count", "share"] | None, '"count" or "share"'),
    "sort": (_Sort | None, '[column, "ascending" or "descending"], or None'),
    "columns": (list[_Text] | None, "a list of names of columns, or None"),
    "widths": (
        list[_Width] | None,
        'a list of columns and their pixels, such as "errors:320", or None',
    ),
}


def _is_valid(key: str, value: Any) -> bool:
    try:
        msgspec.convert(value, _MUST_BE[key][0])
    except msgspec.ValidationError:
        return False
    if key == "created" and value is not None:
        return all(isinstance(day, str) for day in value) and value[0] <= value[1]
    return not isinstance(value, set | frozenset)


def check_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state as a plain dict; raise InvalidRequest if it is invalid.

    Keys, all optional: ``status``, ``output_type``, ``template_file_id``,
    ``template_file_version_id``, ``batch_id``, ``reason`` and ``day`` (ISO date, UTC) are lists of
    values: None stands for null, and an empty list does not filter. ``created`` has the first and
    last UTC day of an interval. ``text`` has ids or words (`search.search`). ``compare_by`` is
    "batch", "template" or "day"; ``measure`` of these bars is "count" or "share". ``sort`` is
    ``[column, "ascending" | "descending"]``, or None for failures first. ``columns`` has the
    columns of the table (None: chosen by its jobs), ``widths`` those dragged by the user, in
    pixels: ``["errors:320"]``.

    >>> check_state({"status": ["failed"], "text": "bonus"})
    {'status': ['failed'], 'text': 'bonus'}
    """
    if not isinstance(state, Mapping):
        raise InvalidRequest(f"A state is a dict, not {type(state).__name__}.")
    for key, value in state.items():
        if key not in _MUST_BE:
            known = ", ".join(_MUST_BE)
            raise InvalidRequest(f"The state has no key {quoted(key)}; it may have {known}.")
        if not _is_valid(key, value):
            raise InvalidRequest(
                f"{key!r} in the state must be {_MUST_BE[key][1]}, not {quoted(value)}."
            )
    return {key: list(value) if isinstance(value, tuple) else value for key, value in state.items()}


def query(state: Mapping[str, Any], templates: Mapping[str, str] | None = None) -> pl.Expr:
    """Return the polars expression for the rows of a state.

    Filters of different keys are joined by "and", the values of one key by "or". The keys ``day``
    and ``created`` need ``created_at``; ``text`` also searches ``templates`` (names by file id).

    Raises InvalidRequest for a state that `check_state` refuses.

    >>> jobs = pl.DataFrame({"status": ["failed", "completed"], "job_id": ["1", "2"]})
    >>> jobs.filter(query({"status": ["failed"]}))["job_id"].to_list()
    ['1']
    """
    state = check_state(state)
    shown = pl.lit(True)
    for key in _VALUES:
        if values := state.get(key):
            shown = shown & _has_value(key, values)
    if created := state.get("created"):
        first, last = map(pl.lit, created)
        shown = shown & day().is_between(first, last)
    if text := state.get("text"):
        shown = shown & search(text, templates)
    return shown


def shown(
    jobs: pl.DataFrame, state: Mapping[str, Any], templates: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Return the jobs of a state; without times, no job has a day."""
    no_time = pl.lit(None, DETAILS["created_at"]).alias("created_at")
    dated = jobs if "created_at" in jobs.columns else jobs.with_columns(no_time)
    return dated.filter(query(state, templates)).select(jobs.columns)


def _has_value(key: str, values: list[str | None]) -> pl.Expr:
    accepted = pl.Series(values, dtype=pl.String).implode()
    if key == "reason":
        wanted = pl.element().is_in(accepted, nulls_equal=True)
        return job_reasons().list.eval(wanted).list.any()
    column = day() if key == "day" else pl.col(key)
    return column.is_in(accepted, nulls_equal=True)
