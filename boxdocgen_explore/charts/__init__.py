"""Frame to Altair chart: small specs over small counts.

A chart never holds jobs, only one row per bar piece, so a chart of a million jobs is a few
kilobytes. The view draws the same specs in the browser: `figures` lists them with the columns
that each groups by, and the view feeds them rows of the same form.

Importing this module registers the renderer "boxdocgen" with Altair, and enables it where nobody
chose another one: with it, charts show in JupyterLab and notebooks without the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import altair as alt
import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.charts import renderer
from boxdocgen_explore.charts.specs import COLOURS, FIGURES, MOST_ROWS, UNKNOWN_COLOUR, Figure, spec

__all__ = [
    "COLOURS",
    "UNKNOWN_COLOUR",
    "by_batch",
    "by_template",
    "figures",
    "outcomes",
    "output_types",
    "over_time",
    "reasons",
    "sum_note",
]

NONE_LABEL: Final = "(none)"

_FIGURES: Final = {figure.name: figure for figure in FIGURES}

renderer.register()


def outcomes(jobs: pl.DataFrame) -> alt.LayerChart:
    """Draw how many jobs ended in each status, problems first.

    >>> chart = outcomes(pl.DataFrame({"status": ["failed", "completed", "completed"]}))
    >>> chart.to_dict()["title"]["text"]
    'Job outcomes'
    """
    return _draw("outcomes", analysis.outcomes(jobs), jobs.height)


def output_types(jobs: pl.DataFrame) -> alt.LayerChart:
    """Draw how many jobs asked for each output type, and what became of them."""
    return _draw("output_types", analysis.output_types(jobs), jobs.height)


def reasons(jobs: pl.DataFrame) -> alt.LayerChart:
    """Draw why jobs failed or completed with errors, largest group first (`analysis.reasons`)."""
    counts = analysis.reasons(jobs)
    # Few jobs differ in both status and errors: reasons are named once for each that does.
    alike = jobs.group_by("status", "errors").agg(jobs=pl.len())
    told = int(alike.filter(analysis.job_reasons().list.len() > 0)["jobs"].sum())
    subtitle = sum_note(int(counts["jobs"].sum()), told)
    return _draw("reasons", counts, jobs.height, subtitle=subtitle)


def by_batch(jobs: pl.DataFrame) -> alt.LayerChart:
    """Draw the outcomes of each batch, in order of appearance."""
    return _draw("by_batch", analysis.by_batch(jobs), jobs.height)


def by_template(jobs: pl.DataFrame, templates: Mapping[str, str] | None = None) -> alt.LayerChart:
    """Draw the outcomes of each template version; ``templates`` gives names by file id."""
    return _draw("by_template", analysis.by_template(jobs), jobs.height, templates=templates)


def over_time(jobs: pl.DataFrame) -> alt.LayerChart:
    """Draw the outcomes of each UTC day on which jobs were created.

    Jobs without a time are left out. Raises InvalidRequest for a frame without ``created_at``.
    """
    counts = analysis.by_day(jobs).drop_nulls("day").with_columns(pl.col("day").cast(pl.String))
    return _draw("over_time", counts, jobs.height)


def figures() -> list[dict[str, Any]]:
    """List the charts of the view: name, title, grouping columns, order, and Vega-Lite spec.

    The specs read a data set named "counts" and follow three signals: ``width`` (pixels),
    ``ink`` and ``ghost`` (colours, for light and dark).
    """
    return [
        {
            "name": figure.name,
            "title": figure.title,
            "by": list(figure.by),
            "by_status": figure.by_status,
            "order": figure.order,
            "compare": figure.compare,
            "most_rows": MOST_ROWS,
            "spec": spec(figure, alt.NamedData("counts"), legend=None)
            .properties(background="transparent", padding=0)
            .to_dict(validate=False),  # tests do; it takes half as long again
        }
        for figure in FIGURES
    ]


def sum_note(total: int, jobs: int) -> str | None:
    """Say what the reasons' bars sum to, where jobs have several reasons."""
    if total == jobs:
        return None
    return f"The bars sum to {total:,}: {jobs:,} jobs, each counted once for each of its reasons."


def _draw(
    name: str,
    counts: pl.DataFrame,
    jobs: int,
    *,
    subtitle: str | None = None,
    templates: Mapping[str, str] | None = None,
) -> alt.LayerChart:
    """Bind counts to the named figure, as a chart that stands on its own: light card, legend."""
    figure = _FIGURES[name]
    rows = renderer.writable(_rows(figure, counts, jobs, templates or {}))
    statuses = dict.fromkeys(row["status"] for row in rows if row["status"] is not None)
    legend = list(statuses) if figure.by_status else None
    title = {"text": figure.title, "anchor": "start"}
    if subtitle:
        title["subtitle"] = subtitle
    return spec(figure, alt.InlineData(values=rows, name="counts"), legend=legend).properties(
        title=title, width=640, background="white", padding=10
    )


def _rows(
    figure: Figure, counts: pl.DataFrame, jobs: int, templates: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Give one row per bar piece, all of it shown: the form in which the view feeds its counts."""
    groups: dict[tuple[str | None, ...], dict[str | None, int]] = {}
    for count in counts.iter_rows(named=True):
        key = tuple(count[column] for column in figure.by)
        groups.setdefault(key, {})[count.get("status")] = count["jobs"]
    bars = [(_label(key, templates), list(key), groups[key]) for key in [*groups][:MOST_ROWS]]
    if others := [*groups.values()][MOST_ROWS:]:
        pieces = {status: sum(o.get(status, 0) for o in others) for o in others for status in o}
        bars.append((f"{len(others):,} others", [], pieces))
    return [
        {
            "group": group,
            "piece": piece,
            "label": label,
            "key": key,
            "status": key[0] if figure.by == ("status",) and key else status,
            "all": number,
            "shown": number,
            "jobs_all": jobs,
            "jobs_shown": jobs,
        }
        for group, (label, key, pieces) in enumerate(bars)
        for piece, (status, number) in enumerate(pieces.items())
    ]


def _label(key: tuple[str | None, ...], templates: Mapping[str, str]) -> str:
    first = NONE_LABEL if key[0] is None else templates.get(key[0], key[0])
    return " · ".join([first, *(f"version {part or NONE_LABEL}" for part in key[1:])])
