"""Common parts of the charts: computed numbers and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from boxdocgen_explore.figures import COLOURS, PLAIN_COLOUR, UNKNOWN_COLOUR, Figure

LINE_PX: Final = 15
"""Height of a line of text."""


def ghosts(**encoding: Any) -> Any:
    """Draw the bar of all jobs, pale, behind the bar of the jobs shown."""
    ghosts = named("ghosts").mark_rect(color=alt.expr("ghost"), cursor="pointer", aria=False)
    return ghosts.encode(**encoding)


def pieces(figure: Figure, legend: Sequence[str] | None, **encoding: Any) -> Any:
    texts = about("piece_about" if figure.by_status else "about")
    marks = alt.Chart(name="bars").mark_rect(cursor="pointer", aria=figure.by_status)
    return marks.encode(color=colour(figure, legend), **encoding, **texts)


def row_of(**encoding: Any) -> Any:
    """Lay an invisible mark over the row or column of a bar, for the total and for clicks."""
    mark = named("rows").mark_rect(opacity=0, cursor="pointer")
    return mark.encode(**encoding, **about("about"))


def layered(
    marks: list[Any], row: Any, legend: Sequence[str] | None, steps: Any, data: Any, height: int
) -> Any:
    """Layer marks on top of each other, over the steps of another chart.

    In the view, rows are on top as buttons, and the view finds the piece under the pointer. In a
    chart with a legend, rows are below, so that each piece has its own tooltip.

    Altair copies a chart at every step, which is cheap for ``steps`` because it has no marks.
    """
    layers = [*marks, row] if legend is None else [row, *marks]
    chart = alt.layer(*layers, data=data, height=height)
    chart.transform = steps.transform
    return chart


def counted(chart: Any, figure: Figure, span: str, name: str = "datum.label") -> Any:
    """Add the computations of every chart: totals, texts, and lengths of at least 3 px.

    No step writes a field that it reads: after new rows or a new width, Vega repeats only some
    steps, and would add up such a field twice. ``span`` is the length of the longest bar in pixels,
    ``name`` the name of a bar, both as Vega expressions.
    """
    part, total, word = "group_shown", "jobs_shown", ""
    if figure.by_status:
        part, total, word = "group_failed", "group_shown", " failed"
    filtered = (
        "(datum.jobs_shown == datum.jobs_all ? '' : ' shown; ' + {} + ' of '"
        " + format(datum.jobs_all, ',') + ' loaded')"
    )
    about = "{} + ': ' + {} + ' of ' + format(datum.jobs_shown, ',') + ' jobs' + " + filtered
    group_shown, group_all = number("group_shown"), number("group_all")
    return (
        chart.transform_calculate(
            zero="0",
            # Not a scale: unknown statuses must not take the colour of a known one.
            colour="".join(f"datum.status == '{s}' ? '{c}' : " for s, c in COLOURS.items())
            + f"'{UNKNOWN_COLOUR}'",
            failed="datum.status == 'failed' ? datum.shown : 0",
        )
        .transform_joinaggregate(
            group_all="sum(all)",
            group_shown="sum(shown)",
            group_failed="sum(failed)",
            groupby=["group"],
        )
        # With the signal "share", every bar has length 1.
        .transform_calculate(
            full="share ? 1 : datum.group_all",
            part="share ? datum.shown / max(1, datum.group_shown) : datum.shown",
            ghost="share ? datum.all / max(1, datum.group_all) : datum.all",
        )
        .transform_joinaggregate(most="max(full)")
        # A single job of many thousands must be visible: no bar is shorter than 3 px.
        .transform_calculate(least=f"3 * datum.most / max(1, {span})")
        .transform_calculate(
            solid="datum.shown > 0 ? max(datum.part, datum.least) : 0",
            faint="datum.all > 0 ? max(datum.ghost, datum.least) : 0",
        )
        .transform_joinaggregate(ghost_end="sum(faint)", groupby=["group"])
        .transform_stack(
            stack="solid", as_=["from", "to"], groupby=["group"], sort=[alt.SortField("piece")]
        )
        .transform_calculate(
            total=group_shown,
            about=about.format(name, group_shown, group_all),
            piece_about=about.format(
                f"{name} + ', ' + datum.status", number("shown"), number("all")
            ),
        )
        .transform_calculate(number="datum.total" + percent(part, total, word))
    )


def named(name: str) -> Any:
    """Start a layer with one mark per bar; the view finds the marks by this name."""
    return alt.Chart(name=name).transform_filter(alt.datum.piece == 0)


def text(name: str, dx: int = 0) -> Any:
    return named(name).mark_text(
        baseline="middle",
        align="left",
        fontSize=12,
        lineHeight=LINE_PX,
        dx=dx,
        color=alt.expr("ink"),
        cursor="pointer",
        aria=False,
    )


def number(field: str) -> str:
    return f"format(datum.{field}, ',')"


def percent(part: str, total: str, word: str) -> str:
    """Append a share, which is never rounded to 0 % or 100 %."""
    share = f"100 * datum.{part} / datum.{total}"
    return (
        f" + (datum.{part} == 0 ? ''"
        f" : ' · ' + ({share} < 0.5 ? '<1' : {share} > 99.5 && {share} < 100 ? '>99'"
        f" : format({share}, '.0f')) + ' %{word}')"
    )


def pixels(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", scale=None, axis=None)


def about(field: str) -> dict[str, Any]:
    return {"description": f"{field}:N", "tooltip": f"{field}:N"}


def colour(figure: Figure, legend: Sequence[str] | None) -> Any:
    if not figure.by_status and figure.by != ("status",):
        return alt.value(PLAIN_COLOUR)
    if legend is None:
        return alt.Color("colour:N", scale=None)
    colours = [COLOURS.get(status, UNKNOWN_COLOUR) for status in legend]
    scale = alt.Scale(domain=list(legend), range=colours)
    return alt.Color("status:N", scale=scale)
