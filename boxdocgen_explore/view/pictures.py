"""The charts of the view as pictures, for readers without scripts, drawn in milliseconds.

Altair and Vega take seconds to start, and an explorer appears only with its snapshot.
"""

from __future__ import annotations

import base64
import itertools
import textwrap
from operator import itemgetter
from typing import Any, Final

import polars as pl

from boxdocgen_explore.figures import COLOURS, FIGURES, PLAIN_COLOUR, UNKNOWN_COLOUR, bars
from boxdocgen_explore.view.html import fill

_WIDTH_PX: Final = 640
_CHARACTER_PX: Final = 6.6


def picture(name: str, jobs: pl.DataFrame, note: str | None = None) -> dict[str, str] | None:
    """Draw the figure of this name, with a note below its title; None if it has no bars.

    Returns ``title``, and ``svg`` in base64 for an image, which readers that strip markup keep.
    """
    figure = FIGURES[name]
    groups = [list(rows) for _, rows in itertools.groupby(bars(name, jobs), itemgetter("group"))]
    if not groups:
        return None
    most = max(sum(row["shown"] for row in rows) for rows in groups)
    label_px = _WIDTH_PX * figure.label_share
    job_px = (_WIDTH_PX - label_px - figure.number_px) / most
    plain = not figure.by_status and figure.by != ("status",)
    drawn = []
    for rows in groups:
        lengths = [max(3.0, row["shown"] * job_px) for row in rows]  # even one job must be visible
        colours = [
            PLAIN_COLOUR if plain else COLOURS.get(row["status"], UNKNOWN_COLOUR) for row in rows
        ]
        ends = [*itertools.accumulate(lengths, initial=label_px + 18)]
        drawn.append({
            "lines": textwrap.wrap(rows[0]["label"], int(label_px / _CHARACTER_PX)) or [""],
            "pieces": [*zip(ends, lengths, colours, strict=False)],
            "number": _number(rows, by_status=figure.by_status),
            "end": ends[-1] + 6,
        })  # fmt: skip
    svg = fill("view/templates/bars.svg", title=figure.title, note=note, bars=drawn)
    return {"title": figure.title, "svg": base64.b64encode(svg.encode()).decode()}


def _number(rows: list[dict[str, Any]], *, by_status: bool) -> str:
    """The jobs of a bar, with the share that failed, or the bar's share of all jobs."""
    total = sum(row["shown"] for row in rows)
    failed = sum(row["shown"] for row in rows if row["status"] == "failed")
    part, of, word = (failed, total, " failed") if by_status else (total, rows[0]["jobs_shown"], "")
    share = 100 * part / of
    rounded = "<1" if share < 0.5 else ">99" if 99.5 < share < 100 else f"{share:.0f}"
    return f"{total:,} · {rounded} %{word}" if part else f"{total:,}"
