"""The Vega-Lite of the charts: rows of counts in, marks out.

A spec reads one row per piece of a bar (see `charts.bars`) and computes the rest, so the same spec
works in Python and in the browser. Bars are placed by pixels, not by a band scale, so that long
reasons wrap over several lines and every row is as high as its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from boxdocgen_explore.charts.marks import (
    LINE_PX,
    counted,
    ghosts,
    layered,
    named,
    pieces,
    pixels,
    row_of,
    text,
)
from boxdocgen_explore.figures import Figure

_GAP_PX, _BAR_PX = 5, 11


def spec(figure: Figure, data: Any, legend: Sequence[str] | None) -> alt.LayerChart:
    """Build the spec of a figure over rows of counts; ``legend`` names the statuses to explain."""
    build = {"over_time": _days, "documents_over_time": _intervals}.get(figure.name, _bars)
    chart: alt.LayerChart = (
        build(figure, data, legend)
        .add_params(
            alt.param(name="ink", value="#24292f"),
            alt.param(name="ghost", value="#d5dae0"),
            alt.param(name="share", value=False),
        )
        .configure(font="system-ui, -apple-system, 'Segoe UI', sans-serif")
        .configure_view(stroke=None)
        .configure_legend(orient="top", title=None, symbolType="square")
    )
    return chart


def _bars(figure: Figure, data: Any, legend: Sequence[str] | None) -> Any:
    """Draw one row per group from top to bottom: wrapped label, bar, number."""
    label_px = f"floor(width * {figure.label_share})"
    length = alt.Scale(
        nice=False,
        range=[{"expr": label_px}, {"expr": f"max({label_px} + 8, width - {figure.number_px})"}],
    )
    bar = {"y": pixels("bar_top"), "y2": "bar_bottom"}
    marks = [
        ghosts(x=alt.X("zero:Q", scale=length, axis=None), x2="ghost_end", **bar),
        pieces(figure, legend, x=alt.X("from:Q", scale=length, axis=None), x2="to", **bar),
        text("labels").encode(x=alt.value(0), y=pixels("middle"), text="lines:N"),
        text("numbers", dx=6).encode(
            x=alt.X("ghost_end:Q", scale=length), y=pixels("middle"), text="number:N"
        ),
    ]
    over = row_of(x=alt.value(0), x2=alt.value("width"), y=pixels("top"), y2="bottom")
    steps = counted(alt.Chart(), figure, f"(width - {label_px} - {figure.number_px})")
    steps = (
        steps.transform_calculate(
            lines=_wrapped("datum.label", f"max(8, floor(({label_px} - 8) / 6.6))")
        )
        .transform_calculate(
            own=f"datum.piece == 0 ? {LINE_PX} * length(datum.lines) + {_GAP_PX} : 0"
        )
        .transform_window(
            bottom="sum(own)",
            sort=[alt.SortField("group"), alt.SortField("piece")],
            frame=[None, 0],
        )
        .transform_joinaggregate(height="max(own)", groupby=["group"])
        .transform_calculate(top="datum.bottom - datum.height")
        .transform_calculate(
            bar_top=f"datum.top + {(LINE_PX + _GAP_PX - _BAR_PX) / 2}",
            bar_bottom=f"datum.top + {(LINE_PX + _GAP_PX + _BAR_PX) / 2}",
            middle=f"datum.top + {(LINE_PX + _GAP_PX) / 2}",
        )
    )
    return layered(marks, over, legend, steps, data, height=1)


def _days(figure: Figure, data: Any, legend: Sequence[str] | None) -> Any:
    """Draw one column per UTC day on a time axis of at least a week."""
    steps = alt.Chart().transform_filter("test(regexp('^[0-9]{4}-'), datum.label)")
    steps = counted(steps, figure, "height").transform_calculate(
        start="toDate(datum.label)", ms=str(24 * 3600 * 1000)
    )
    midnight = "utchours(datum.value) ? '' : utcFormat(datum.value, '%-d %b')"
    return _columns(figure, data, legend, steps, least=7, axis=midnight)


def _intervals(figure: Figure, data: Any, legend: Sequence[str] | None) -> Any:
    """Draw one column per interval, such as 2026-11-03T02:15Z/PT5M, on a time axis in UTC."""
    named_as = "utcFormat(toDate(split(datum.label, '/')[0]), '%-d %b %H:%M') + ' UTC'"
    steps = counted(alt.Chart(), figure, "height", name=named_as).transform_calculate(
        start="toNumber(toDate(split(datum.label, '/')[0]))",
        ms="60000 * toNumber(replace(split(datum.label, '/PT')[1], 'M', ''))",
    )
    in_a_day = "utchours(datum.value) || utcminutes(datum.value)"
    axis = f"utcFormat(datum.value, {in_a_day} ? '%H:%M' : '%-d %b')"
    return _columns(figure, data, legend, steps, least=12, axis=axis)


def _columns(
    figure: Figure, data: Any, legend: Sequence[str] | None, steps: Any, *, least: int, axis: str
) -> Any:
    """Draw a column at each ``start``, ``ms`` wide; the axis has room for ``least`` columns."""
    time_axis = alt.Axis(
        labelExpr=axis,
        title=None,
        grid=False,
        labelBound=True,
        tickCount={"expr": "max(2, width / 70)"},
        labelColor=alt.expr("ink"),
        tickColor=alt.expr("ghost"),
        domainColor=alt.expr("ghost"),
    )
    start = alt.X("start:T", scale=alt.Scale(type="utc", nice=False), axis=time_axis)
    tall = alt.Scale(nice=False)
    marks = [
        ghosts(x=start, x2="end", y=alt.Y("zero:Q", scale=tall, axis=None), y2="ghost_end"),
        pieces(
            figure, legend, x=start, x2="end", y=alt.Y("from:Q", scale=tall, axis=None), y2="to"
        ),
        named("numbers")
        .mark_text(dy=-7, fontSize=11, color=alt.expr("ink"), aria=False)
        .encode(x=alt.X("middle:T"), y=alt.Y("ghost_end:Q", scale=tall), text="room:N"),
        alt.Chart().mark_point(opacity=0, aria=False).encode(x="edge:T"),
    ]
    over = row_of(x=start, x2="end", y=alt.value(0), y2=alt.value("height"))
    steps = (
        steps.transform_calculate(
            end="datum.start + 0.9 * datum.ms", middle="datum.start + 0.45 * datum.ms"
        )
        .transform_joinaggregate(oldest="min(start)", newest="max(end)")
        .transform_calculate(edge=f"max(datum.newest, datum.oldest + {least} * datum.ms)")
        .transform_calculate(
            room="width * datum.ms / (datum.edge - datum.oldest) > 8 * length(datum.total)"
            " ? datum.total : ''"
        )
    )
    return layered(marks, over, legend, steps, data, height=96)


def _wrapped(text: str, characters: str) -> str:
    """Break a text into lines at spaces, and long words after "_" or anywhere."""
    most = f"' + {characters} + '"
    ways = rf"(.{{1,{most}}})(?:\\s+|$)|(.{{1,{most}}}_)|(.{{{most}}})"
    pattern = f"regexp('{ways}', 'g')"
    spaced = f"trim(replace({text}, regexp('\\\\s+', 'g'), ' '))"
    return f"split(trim(replace({spaced}, {pattern}, '$1$2$3\\n')), '\\n')"
