"""Values -> typed columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import polars as pl

from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.pages.fields import Form


def frame(values: Mapping[str, list[Any]], form: Form) -> pl.DataFrame:
    """The columns of a form, from the values of each.

    Raises:
        BrokenPage: a text that should be a time is none.
    """
    columns = form.columns.items()
    return pl.DataFrame([_series(name, values[name], column.dtype) for name, column in columns])


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    if isinstance(dtype, pl.List):
        return _lists(name, values)
    texts = _texts(name, values)
    return _times(texts) if isinstance(dtype, pl.Datetime) else texts


def _texts(name: str, values: list[Any]) -> pl.Series:
    """A column of texts. In many all are the same: that text then is kept once."""
    if values and values.count(values[0]) == len(values):
        return pl.Series(name, values[:1], dtype=pl.String).new_from_index(0, len(values))
    return pl.Series(name, values, dtype=pl.String)


def _lists(name: str, values: list[Any]) -> pl.Series:
    """A column of lists. polars makes them slowly from Python's, one by one, and fast from JSON;
    and most are empty, or none."""
    places = [0 if value is not None else 1 for value in values]
    filled = [place for place, value in enumerate(values) if value]
    distinct = _NO_LISTS
    if filled:
        said = [[], None, *(values[place] for place in filled)]
        rows = msgspec.json.encode([{"v": one} for one in said])
        distinct = pl.read_json(rows, schema={"v": _LIST})["v"]
    for place, one in enumerate(filled, start=2):
        places[one] = place
    # Not gather(), which takes ten times as long for so few.
    return distinct[pl.Series(places, dtype=pl.UInt32)].alias(name)


_LIST: Final = pl.List(pl.String)
_NO_LISTS: Final = pl.Series([[], None], dtype=_LIST)


def _times(texts: pl.Series) -> pl.Series:
    """Times in UTC, of the years that Python knows, too."""
    utc = texts.str.replace("Z$", "+00:00").str
    try:
        times = utc.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC")
    except pl.exceptions.PolarsError:
        raise BrokenPage(f"a field has an unexpected type ({texts.name} is no time)") from None
    if not times.dt.year().drop_nulls().is_between(1, 9999).all():
        raise BrokenPage(f"{texts.name} should be a time of the years 1 to 9999")
    return times
