"""Decoded entries -> typed columns."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import UNSET

from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.pages.fields import Path, RecordSpec


def frame(entries: Sequence[Any], spec: RecordSpec) -> pl.DataFrame:
    """The columns of a spec, one row per decoded entry.

    Raises:
        BrokenPage: a time is invalid.
    """
    columns = spec.columns.items()
    return pl.DataFrame(
        [_series(name, _values(entries, column.path), column.dtype) for name, column in columns]
    )


def _values(entries: Sequence[Any], path: Path) -> list[Any]:
    try:
        return list(map(attrgetter(".".join(path)), entries))
    except AttributeError:  # the outer field is null or absent
        outer, inner = map(attrgetter, path)
        return [inner(value) if value else None for value in map(outer, entries)]


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if len(values) > 1 and values.count(values[0]) == len(values):
        # In many columns, all values are equal: such a value is stored once.
        return _series(name, values[:1], dtype).new_from_index(0, len(values))
    if isinstance(dtype, pl.List):
        return _lists(name, values)
    if dtype == pl.Int64:
        return pl.Series(name, [None if value is UNSET else value for value in values], dtype)
    texts = _texts(name, values)
    return _times(texts) if isinstance(dtype, pl.Datetime) else texts


def _texts(name: str, values: list[Any]) -> pl.Series:
    if not _TEXTS.issuperset(map(type, values)):  # ids that are numbers, or absent fields
        values = [None if value is None or value is UNSET else str(value) for value in values]
    return pl.Series(name, values, dtype=pl.String)


_TEXTS: Final = frozenset({str, type(None)})


def _lists(name: str, values: list[Any]) -> pl.Series:
    """A column of lists. polars converts Python's lists slowly, but reads JSON fast; and most lists
    are empty or null."""
    filled = [row for row, value in enumerate(values) if value]
    lists = _NO_LISTS
    if filled:
        distinct = [None, [], *(values[row] for row in filled)]
        rows = msgspec.json.encode([{"v": value} for value in distinct])
        lists = pl.read_json(rows, schema={"v": _LIST})["v"]  # numbers become text, too
    places = [1 if value == () else 0 for value in values]
    for place, row in enumerate(filled, start=2):
        places[row] = place
    # gather() takes ten times as long for so few.
    return lists[pl.Series(places, dtype=pl.UInt32)].alias(name)


_LIST: Final = pl.List(pl.String)
_NO_LISTS: Final = pl.Series([None, []], dtype=_LIST)


def _times(texts: pl.Series) -> pl.Series:
    """Times in UTC, within the years that Python supports."""
    utc = texts.str.replace("Z$", "+00:00").str
    times = utc.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False
    )
    bad = texts.is_not_null() & ~times.dt.year().is_between(1, 9999).fill_null(value=False)
    for row in bad.arg_true():
        raise BrokenPage(
            f"{texts.name} of entry {row + 1} should be a time of the years 1 to 9999, not "
            f"{texts[row]!r:.40}"
        )
    return times
