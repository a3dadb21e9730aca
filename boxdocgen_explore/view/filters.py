"""The rows that a state of the view shows: checked, as a polars expression, and as source text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import polars as pl

from boxdocgen_explore.analysis import day, job_reasons
from boxdocgen_explore.errors import InvalidRequest

_VALUES: Final = {
    "status": 'pl.col("status").is_in({values})',
    "output_type": 'pl.col("output_type").is_in({values})',
    "template_file_id": 'pl.col("template_file_id").is_in({values})',
    "template_file_version_id": 'pl.col("template_file_version_id").is_in({values})',
    "batch_id": 'pl.col("batch_id").is_in({values})',
    "reason": ("bx.analysis.job_reasons().list.eval(pl.element().is_in({values})).list.any()"),
    "day": 'pl.col("created_at").dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d")'
    ".is_in({values})",
}
_TEXT: Final = (
    'pl.col("errors").list.eval(pl.element().str.to_lowercase()'
    ".str.contains({text}, literal=True)).list.any().fill_null(False)"
)

QUERY_CODE: Final[Mapping[str, str]] = {**_VALUES, "text": _TEXT}
"""Source text of each filter, by key of the state; the view fills in the same templates."""

COMPARISONS: Final = ("batch", "template", "day")


class _Kind(NamedTuple):
    fits: Any
    sentence: str


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(v is None or isinstance(v, str) for v in value)


def _sort(value: object) -> bool:
    return value is None or (
        isinstance(value, list | tuple)
        and len(value) == 2
        and isinstance(value[0], str)
        and value[1] in ("ascending", "descending")
    )


_KINDS: Final = {
    **dict.fromkeys(_VALUES, _Kind(_texts, "a list of texts (None stands for null)")),
    "text": _Kind(lambda value: isinstance(value, str), "a text"),
    "compare_by": _Kind(
        lambda value: value is None or value in COMPARISONS, '"batch", "template" or "day"'
    ),
    "sort": _Kind(_sort, '[column, "ascending" or "descending"], or None'),
}


def check_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give the state back as a plain dict, or raise InvalidRequest with a sentence.

    Keys, all optional: ``status``, ``output_type``, ``template_file_id``,
    ``template_file_version_id``, ``batch_id``, ``reason`` and ``day`` (ISO date, UTC) are lists
    of values, where None stands for null and an empty list does not filter; ``text`` is looked
    for in any error, whatever its case; ``compare_by`` is "batch", "template" or "day"; ``sort``
    is ``[column, "ascending" | "descending"]`` or None, which is failures first.

    >>> check_state({"status": ["failed"], "text": "bonus"})
    {'status': ['failed'], 'text': 'bonus'}
    """
    if not isinstance(state, Mapping):
        raise InvalidRequest(f"A state is a dict, not {type(state).__name__}.")
    for key, value in state.items():
        if key not in _KINDS:
            known = ", ".join(_KINDS)
            raise InvalidRequest(f"The state has no key {key!r}; it may have {known}.")
        kind = _KINDS[key]
        if not kind.fits(value):
            raise InvalidRequest(f"{key!r} in the state must be {kind.sentence}, not {value!r}.")
    return {key: list(value) if isinstance(value, tuple) else value for key, value in state.items()}


def query(state: Mapping[str, Any]) -> pl.Expr:
    """Give the polars expression for the rows that a state shows.

    Filters of different keys are joined by "and", the values of one key by "or". The key ``day``
    needs frames with ``created_at``.

    Raises InvalidRequest for a state that `check_state` refuses.

    >>> jobs = pl.DataFrame({"status": ["failed", "completed"], "job_id": ["1", "2"]})
    >>> jobs.filter(query({"status": ["failed"]}))["job_id"].to_list()
    ['1']
    """
    state = check_state(state)
    shown = pl.lit(True)
    for key in _VALUES:
        if values := state.get(key):
            shown = shown & _holds(key, values)
    if text := state.get("text"):
        found = pl.element().str.to_lowercase().str.contains(text.lower(), literal=True)
        shown = shown & pl.col("errors").list.eval(found).list.any().fill_null(False)
    return shown


def _holds(key: str, values: list[str | None]) -> pl.Expr:
    accepted = pl.Series(values, dtype=pl.String).implode()
    if key == "reason":
        wanted = pl.element().is_in(accepted, nulls_equal=True)
        return job_reasons().list.eval(wanted).list.any()
    column = day() if key == "day" else pl.col(key)
    return column.is_in(accepted, nulls_equal=True)


def query_code(state: Mapping[str, Any]) -> str:
    """Write `query` as Python source that a person can paste where ``pl`` and ``bx`` are imported.

    >>> print(query_code({"status": ["failed"], "batch_id": ["12345"]}))
    jobs.filter(
        pl.col("status").is_in(["failed"]),
        pl.col("batch_id").is_in(["12345"]),
    )
    >>> print(query_code({}))
    jobs
    """
    state = check_state(state)
    lines = []
    for key, template in _VALUES.items():
        if values := state.get(key):
            lines.append(template.replace("{values}", _source(values)))
    if text := state.get("text"):
        lines.append(_TEXT.replace("{text}", json.dumps(text.lower(), ensure_ascii=False)))
    if not lines:
        return "jobs"
    return "jobs.filter(\n" + "".join(f"    {line},\n" for line in lines) + ")"


def _source(values: list[str | None]) -> str:
    texts = ", ".join(
        "None" if value is None else json.dumps(value, ensure_ascii=False) for value in values
    )
    return f"[{texts}]" + (", nulls_equal=True" if None in values else "")
