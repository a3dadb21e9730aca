"""The rows that a chart draws: one per bar, or per status within a bar, with its label and counts.

`bars.js` makes the same rows in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.charts.figure import FIGURES, MOST_BARS

NONE_LABEL: Final = "(none)"

_FIGURES: Final = {figure.name: figure for figure in FIGURES}


def bars(
    name: str, jobs: pl.DataFrame, templates: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Count jobs for the figure of this name; ``templates`` gives template names by file id.

    Bars beyond the first `MOST_BARS` are summed up in a last one, without a key.
    """
    counts: pl.DataFrame = getattr(analysis, "by_day" if name == "over_time" else name)(jobs)
    if name == "over_time":
        counts = counts.drop_nulls("day").with_columns(pl.col("day").cast(pl.String))
    figure = _FIGURES[name]
    # A share of the jobs without a value would mean nothing.
    total = int(counts["jobs"].sum()) if figure.skip_none else jobs.height
    groups: dict[tuple[str | None, ...], dict[str | None, int]] = {}
    for count in counts.iter_rows(named=True):
        key = tuple(count[column] for column in figure.by)
        groups.setdefault(key, {})[count.get("status")] = count["jobs"]
    drawn = [(_label(key, templates or {}), list(key), groups[key]) for key in [*groups]]
    if others := drawn[MOST_BARS:]:
        sums: dict[str | None, int] = {}
        for _, _, pieces in others:
            for status, number in pieces.items():
                sums[status] = sums.get(status, 0) + number
        drawn[MOST_BARS:] = [(f"{len(others):,} others", [], sums)]
    return [
        {
            "group": group,
            "piece": piece,
            "label": label,
            "key": key,
            "status": status,
            "all": number,
            "shown": number,
            "jobs_all": total,
            "jobs_shown": total,
        }
        for group, (label, key, pieces) in enumerate(drawn)
        for piece, (status, number) in enumerate(pieces.items())
    ]


def _label(key: tuple[str | None, ...], templates: Mapping[str, str]) -> str:
    first = NONE_LABEL if key[0] is None else templates.get(key[0], key[0])
    return " · ".join([first, *(f"version {part or NONE_LABEL}" for part in key[1:])])
