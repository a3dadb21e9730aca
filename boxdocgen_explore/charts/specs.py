"""The Vega-Lite of the charts: rows of counts in, marks out.

A spec reads one row per piece of a bar (see `charts.bars`) and computes the rest, so that the same
spec draws in Python and in the browser. Bars are placed by pixel, not by a band scale: long reasons
wrap over several lines without being cut, and every row is as high as its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt

COLOURS: Final = {
    "failed": "#C2022F",
    "completed_with_error": "#D07600",
    "pending": "#B03DF0",
    "submitted": "#848186",
    "completed": "#0280B3",
}
UNKNOWN_COLOUR: Final = "#5F7A61"
PLAIN_COLOUR: Final = "#5B7083"

MOST_BARS: Final = 40
"""Bars of one chart; a last one sums up the others, and says how many they are."""

_LINE_PX, _GAP_PX, _BAR_PX = 15, 5, 11


@dataclass(frozen=True)
class Figure:
    """One chart of the view: its title, the columns it groups by, and the order of its bars.

    ``order`` is "status" (problems first), "largest", "appearance" or "value"; ``compare`` is the
    value of the state's ``compare_by`` that shows it, None for charts that are always shown.
    """

    name: str
    title: str
    by: tuple[str, ...]
    order: str
    by_status: bool = False
    compare: str | None = None
    label_share: float = 0.34
    number_px: int = 156


_VERSION: Final = ("template_file_id", "template_file_version_id")

FIGURES: Final = (
    Figure("outcomes", "Job outcomes", ("status",), "status", label_share=0.37, number_px=120),
    Figure("output_types", "Output types", ("output_type",), "largest", True, None, 0.2),
    Figure("reasons", "Failure reasons", ("reason",), "largest", label_share=0.55, number_px=132),
    Figure("by_batch", "Outcomes by batch", ("batch_id",), "appearance", True, "batch", 0.2),
    Figure("by_template", "Outcomes by template", _VERSION, "largest", True, "template"),
    Figure("over_time", "Jobs over time", ("day",), "value", True, "day"),
)


def spec(figure: Figure, data: Any, legend: Sequence[str] | None) -> alt.LayerChart:
    """Build the spec of a figure over rows of counts; ``legend`` names the statuses to explain."""
    build = _days if figure.name == "over_time" else _bars
    chart: alt.LayerChart = (
        build(figure, data, legend)
        .add_params(
            alt.param(name="ink", value="#24292f"), alt.param(name="ghost", value="#d5dae0")
        )
        .configure(font="system-ui, -apple-system, 'Segoe UI', sans-serif")
        .configure_view(stroke=None)
        .configure_legend(orient="top", title=None, symbolType="square")
    )
    return chart


def _bars(figure: Figure, data: Any, legend: Sequence[str] | None) -> Any:
    """Lay one row per group from top to bottom: wrapped label, bar, number."""
    label_px = f"floor(width * {figure.label_share})"
    length = alt.Scale(
        nice=False,
        range=[{"expr": label_px}, {"expr": f"max({label_px} + 8, width - {figure.number_px})"}],
    )
    bar = {"y": _pixels("bar_top"), "y2": "bar_bottom"}
    marks = [
        _ghosts(x=alt.X("zero:Q", scale=length, axis=None), x2="ghost_end", **bar),
        _pieces(figure, legend, x=alt.X("from:Q", scale=length, axis=None), x2="to", **bar),
        _text("labels").encode(x=alt.value(0), y=_pixels("middle"), text="lines:N"),
        _text("numbers", dx=6).encode(
            x=alt.X("ghost_end:Q", scale=length), y=_pixels("middle"), text="number:N"
        ),
    ]
    row = _row(x=alt.value(0), x2=alt.value("width"), y=_pixels("top"), y2="bottom")
    steps = _counted(alt.Chart(), figure, f"(width - {label_px} - {figure.number_px})")
    steps = (
        steps.transform_calculate(lines=_wrapped("datum.label", f"max(8, floor({label_px} / 6.6))"))
        .transform_calculate(
            own=f"datum.piece == 0 ? {_LINE_PX} * length(datum.lines) + {_GAP_PX} : 0"
        )
        .transform_window(
            bottom="sum(own)",
            sort=[alt.SortField("group"), alt.SortField("piece")],
            frame=[None, 0],
        )
        .transform_joinaggregate(height="max(own)", groupby=["group"])
        .transform_calculate(top="datum.bottom - datum.height")
        .transform_calculate(
            bar_top=f"datum.top + {(_LINE_PX + _GAP_PX - _BAR_PX) / 2}",
            bar_bottom=f"datum.top + {(_LINE_PX + _GAP_PX + _BAR_PX) / 2}",
            middle=f"datum.top + {(_LINE_PX + _GAP_PX) / 2}",
        )
    )
    return _layered(marks, row, legend, steps, data, height=1)


def _days(figure: Figure, data: Any, legend: Sequence[str] | None) -> Any:
    """Stand one column per UTC day on a time axis, which shows a week or more."""
    axis = alt.Axis(
        format="%-d %b",
        title=None,
        grid=False,
        tickCount={"expr": "max(2, width / 70)"},
        labelColor=alt.expr("ink"),
        tickColor=alt.expr("ghost"),
        domainColor=alt.expr("ghost"),
    )
    day = alt.X("start:T", scale=alt.Scale(type="utc", nice=False), axis=axis)
    tall = alt.Scale(nice=False)
    marks = [
        _ghosts(x=day, x2="end", y=alt.Y("zero:Q", scale=tall, axis=None), y2="ghost_end"),
        _pieces(figure, legend, x=day, x2="end", y=alt.Y("from:Q", scale=tall, axis=None), y2="to"),
        _named("numbers")
        .mark_text(dy=-7, fontSize=11, color=alt.expr("ink"), aria=False)
        .encode(x=alt.X("noon:T"), y=alt.Y("ghost_end:Q", scale=tall), text="room:N"),
        alt.Chart().mark_point(opacity=0, aria=False).encode(x="edge:T"),
    ]
    row = _row(x=day, x2="end", y=alt.value(0), y2=alt.value("height"))
    steps = alt.Chart().transform_filter("test(regexp('^[0-9]{4}-'), datum.label)")
    ms = 24 * 3600 * 1000
    steps = (
        _counted(steps, figure, "height")
        .transform_calculate(start="toDate(datum.label)")
        .transform_calculate(end=f"datum.start + {0.9 * ms}", noon=f"datum.start + {0.45 * ms}")
        .transform_joinaggregate(oldest="min(start)", newest="max(end)")
        .transform_calculate(edge=f"max(datum.newest, datum.oldest + {7 * ms})")
        .transform_calculate(
            room=f"width * {ms} / (datum.edge - datum.oldest) > 8 * length(datum.total)"
            " ? datum.total : ''"
        )
    )
    return _layered(marks, row, legend, steps, data, height=96)


def _ghosts(**encoding: Any) -> Any:
    """Draw each bar of all jobs, pale, behind the bar of the jobs shown."""
    ghosts = _named("ghosts").mark_rect(color=alt.expr("ghost"), cursor="pointer", aria=False)
    return ghosts.encode(**encoding)


def _pieces(figure: Figure, legend: Sequence[str] | None, **encoding: Any) -> Any:
    about = _about("piece_about" if figure.by_status else "about")
    pieces = alt.Chart(name="bars").mark_rect(cursor="pointer", aria=figure.by_status)
    return pieces.encode(color=_colour(figure, legend), **encoding, **about)


def _row(**encoding: Any) -> Any:
    """Lay an invisible mark over a bar's row or column: it has the total, and takes clicks."""
    row = _named("rows").mark_rect(opacity=0, cursor="pointer")
    return row.encode(**encoding, **_about("about"))


def _layered(
    marks: list[Any], row: Any, legend: Sequence[str] | None, steps: Any, data: Any, height: int
) -> Any:
    """Put marks above one another, over the steps of another chart.

    In the view the rows are on top, each one a button, and the view finds the piece under the
    pointer. In a chart with a legend they are below, so that each piece has its own tooltip.

    Altair copies a chart at every step; that is cheap for ``steps``, which has no marks.
    """
    layers = [*marks, row] if legend is None else [row, *marks]
    chart = alt.layer(*layers, data=data, height=height)
    chart.transform = steps.transform
    return chart


def _counted(chart: Any, figure: Figure, span: str) -> Any:
    """Add what every chart computes: totals, texts, and lengths of at least 3 px.

    No step writes a field that it reads: when new rows or a new width make Vega repeat only some
    of the steps, such a field would be summed up twice.
    ``span`` is the length in pixels of the longest bar, as a Vega expression.
    """
    part, total, word = "group_shown", "jobs_shown", ""
    if figure.by_status:
        part, total, word = "group_failed", "group_shown", " failed"
    filtered = (
        "(datum.jobs_shown == datum.jobs_all ? '' : ' shown; ' + {} + ' of '"
        " + format(datum.jobs_all, ',') + ' loaded')"
    )
    about = "{} + ': ' + {} + ' of ' + format(datum.jobs_shown, ',') + ' jobs' + " + filtered
    group_shown, group_all = _number("group_shown"), _number("group_all")
    return (
        chart.transform_calculate(
            zero="0",
            # Not a scale: a status that Box adds later must not take the colour of a known one.
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
        .transform_joinaggregate(most="max(group_all)")
        # One job of many thousands must be visible: no bar is shorter than 3 px.
        .transform_calculate(least=f"3 * datum.most / max(1, {span})")
        .transform_calculate(
            solid="datum.shown > 0 ? max(datum.shown, datum.least) : 0",
            faint="datum.all > 0 ? max(datum.all, datum.least) : 0",
        )
        .transform_joinaggregate(ghost_end="sum(faint)", groupby=["group"])
        .transform_stack(
            stack="solid", as_=["from", "to"], groupby=["group"], sort=[alt.SortField("piece")]
        )
        .transform_calculate(
            total=f"datum.group_shown == datum.group_all ? {group_all} : "
            f"{group_shown} + ' of ' + {group_all}",
            about=about.format("datum.label", group_shown, group_all),
            piece_about=about.format(
                "datum.label + ', ' + datum.status", _number("shown"), _number("all")
            ),
        )
        .transform_calculate(number="datum.total" + _percent(part, total, word))
    )


def _named(name: str) -> Any:
    """Start a layer with one mark per bar; the view finds its marks by this name."""
    return alt.Chart(name=name).transform_filter(alt.datum.piece == 0)


def _text(name: str, dx: int = 0) -> Any:
    return _named(name).mark_text(
        baseline="middle",
        align="left",
        fontSize=12,
        lineHeight=_LINE_PX,
        dx=dx,
        color=alt.expr("ink"),
        cursor="pointer",
        aria=False,
    )


def _number(field: str) -> str:
    return f"format(datum.{field}, ',')"


def _percent(part: str, total: str, word: str) -> str:
    """Append a share; some jobs are never rounded to 0 %, nor most jobs to 100 %."""
    share = f"100 * datum.{part} / datum.{total}"
    return (
        f" + (datum.{part} == 0 || datum.group_shown < datum.group_all ? ''"
        f" : ' · ' + ({share} < 0.5 ? '<1' : {share} > 99.5 && {share} < 100 ? '>99'"
        f" : format({share}, '.0f')) + ' %{word}')"
    )


def _wrapped(text: str, characters: str) -> str:
    """Break a text into lines at spaces; words longer than a line after "_", or anywhere."""
    most = f"' + {characters} + '"
    ways = rf"(.{{1,{most}}})(?:\\s+|$)|(.{{1,{most}}}_)|(.{{{most}}})"
    pattern = f"regexp('{ways}', 'g')"
    spaced = f"trim(replace({text}, regexp('\\\\s+', 'g'), ' '))"
    return f"split(trim(replace({spaced}, {pattern}, '$1$2$3\\n')), '\\n')"


def _pixels(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", scale=None, axis=None)


def _about(field: str) -> dict[str, Any]:
    return {"description": f"{field}:N", "tooltip": f"{field}:N"}


def _colour(figure: Figure, legend: Sequence[str] | None) -> Any:
    if not figure.by_status and figure.by != ("status",):
        return alt.value(PLAIN_COLOUR)
    if legend is None:
        return alt.Color("colour:N", scale=None)
    colours = [COLOURS.get(status, UNKNOWN_COLOUR) for status in legend]
    scale = alt.Scale(domain=list(legend), range=colours)
    return alt.Color("status:N", scale=scale)
