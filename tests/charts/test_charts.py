from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import altair as alt
import polars as pl
import pytest
import vl_convert
from frames import HOSTILE, READ_AT, documented, jobs_frame, pages_frame, story

from boxdocgen_explore import analysis, charts
from boxdocgen_explore.errors import InvalidRequest, Reading

ALL = (
    charts.outcomes,
    charts.output_types,
    charts.reasons,
    charts.by_batch,
    charts.by_template,
    charts.over_time,
    charts.durations,
    charts.documents_over_time,
)
TITLES = (
    "Job outcomes",
    "Output types",
    "Failure reasons",
    "Outcomes by batch",
    "Outcomes by template",
    "Jobs over time",
    "Duration",
    "Documents over time",
)


def svg(chart: alt.LayerChart) -> str:
    return vl_convert.vegalite_to_svg(json.dumps(chart.to_dict()))


def described(chart: alt.LayerChart) -> set[str]:
    """The texts of the marks for screen readers."""
    return set(re.findall(r'aria-label="([^"]+: [\d,]+ of [\d,]+ jobs[^"]*)"', svg(chart)))


THOROUGH = pytest.mark.thorough
EACH = [
    pytest.param(draw, title, marks=THOROUGH if place > 1 else ())
    for place, (draw, title) in enumerate(zip(ALL, TITLES, strict=True))
]


@pytest.mark.parametrize(("draw", "title"), EACH)
def test_each_chart_is_named_and_small_whatever_the_number_of_jobs(draw, title):
    jobs = documented(story(3000))
    few, many = draw(documented(story(200))).to_dict(), draw(jobs).to_dict()
    assert many["title"]["text"] == title
    assert abs(len(json.dumps(many)) - len(json.dumps(few))) < 3000
    assert draw(Reading(jobs, pages_frame())).to_dict() == many
    with pytest.raises(InvalidRequest, match="A reading or a jobs frame is needed, not list"):
        draw([])


def test_the_colours_of_the_statuses_stay_what_people_know():
    assert charts.COLOURS == {
        "failed": "#C2022F",
        "completed_with_error": "#D07600",
        "pending": "#B03DF0",
        "submitted": "#848186",
        "completed": "#0280B3",
    }
    drawn = svg(charts.outcomes(jobs_frame([{"status": status} for status in charts.COLOURS])))
    # The bars are in this order, from failed to completed.
    assert re.findall(r'Z" fill="(#[0-9A-F]{6})"', drawn) == [*charts.COLOURS.values()]


def test_the_bars_of_reasons_are_the_counts_and_say_what_they_sum_to():
    jobs = story()
    counts = analysis.reasons(jobs)
    drawn = charts.reasons(jobs)
    assert {label.rpartition(": ")[2] for label in described(drawn)} == {
        f"{number:,} of {jobs.height:,} jobs" for number in counts["jobs"]
    }
    assert f"with {counts['jobs'].sum():,} reasons" in drawn.to_dict()["title"]["subtitle"]


def test_pieces_of_stacked_bars_sum_to_their_bar():
    jobs = story().drop("created_at")
    labels = described(charts.by_batch(jobs))
    pieces: dict[str, int] = {}
    bars: dict[str, int] = {}
    for label in labels:
        name, _, number = re.fullmatch(r"([^,:]+)(?:, ([^:]+))?: ([\d,]+) of .*", label).groups()
        count = int(number.replace(",", ""))
        if ", " in label.partition(":")[0]:
            pieces[name] = pieces.get(name, 0) + count
        else:
            bars[name] = count
    assert pieces == bars == dict(jobs["batch_id"].value_counts().iter_rows())


def test_one_of_a_hundred_thousand_jobs_is_at_least_three_pixels_long():
    many = jobs_frame([{}]).select(pl.all().repeat_by(99_999)).explode(pl.all())
    jobs = pl.concat([many, jobs_frame([{"status": "failed"}])])
    drawn = svg(charts.outcomes(jobs))
    path = re.search(r'd="M[\d.]+,[\d.]+h([\d.]+)v[\d.]+h-[\d.]+Z" fill="#C2022F"', drawn)
    assert float(path[1]) == pytest.approx(3, abs=0.2)


def test_a_long_reason_is_wrapped_and_never_cut():
    message = "The template could not be filled because " + "a very long explanation " * 20
    drawn = svg(charts.reasons(jobs_frame([{"status": "failed", "errors": [message]}])))
    lines = re.findall(r"<tspan[^>]*>([^<]*)</tspan>", drawn)
    assert len(lines) > 5
    assert " ".join(line.strip() for line in lines) == message.strip()


@pytest.mark.parametrize(("word", "ending"), [("x" * 300, "x"), ("_".join(["waiting"] * 12), "_")])
def test_a_word_longer_than_a_line_is_broken_after_an_underscore_if_it_has_one(word, ending):
    drawn = svg(charts.outcomes(jobs_frame([{"status": word}])))
    lines = re.findall(r"<tspan[^>]*>([^<]*)</tspan>", drawn)
    assert "".join(lines) == word
    assert all(line.endswith(ending) for line in lines[:-1])


def test_an_unknown_status_has_the_neutral_colour_and_no_other():
    drawn = svg(charts.outcomes(jobs_frame([{"status": "on_hold"}, {"status": "failed"}])))
    assert set(re.findall(r'Z" fill="(#[0-9A-F]{6})"', drawn)) == {
        charts.UNKNOWN_COLOUR,
        charts.COLOURS["failed"],
    }


def test_a_batch_with_details_is_named_as_in_the_view():
    names = {"1700000000001": "Offer letter"}
    batch = {"batch_id": "12345600319", "status": "failed"}
    jobs = jobs_frame([batch | {"created_at": READ_AT}, batch, {"batch_id": "7"}])
    labels = described(charts.by_batch(jobs, names))
    named = r"Offer letter · 3 Nov( 2026)? 02:14 · 12345600319: 2 of 3 jobs"
    assert [label for label in labels if re.fullmatch(named, label)]
    assert "7: 1 of 3 jobs" in labels


def test_more_groups_than_a_chart_holds_are_summed_up_and_counted():
    jobs = jobs_frame([{"batch_id": str(number)} for number in range(45)])
    labels = described(charts.by_batch(jobs))
    assert "5 others: 5 of 45 jobs" in labels
    assert "0: 1 of 45 jobs" in labels


def test_durations_need_their_column():
    with pytest.raises(InvalidRequest, match="duration_s"):
        charts.durations(story())


def test_jobs_over_time_has_all_days_however_many():
    created = [{"created_at": READ_AT + timedelta(days=day)} for day in range(60)]
    rows = charts.bars("over_time", jobs_frame(created))
    assert [row["all"] for row in rows] == [1] * 60


def test_hostile_names_are_text_in_the_drawing():
    rows = [{"status": HOSTILE, "output_type": HOSTILE, "errors": [HOSTILE]}, {"status": None}]
    jobs = jobs_frame(rows)
    for draw in (charts.outcomes, charts.output_types, charts.reasons):
        assert "<img" not in svg(draw(jobs))


@pytest.mark.parametrize("draw", ALL)
def test_no_jobs_draw_an_empty_chart(draw):
    assert "<svg" in svg(draw(documented(story()).clear()))


@pytest.mark.parametrize(("span", "labels"), [("hours", r"\d\d:\d\d"), ("days", r"\d{1,2} Nov")])
def test_documents_over_time_have_times_on_their_axis_and_over_several_days_dates(span, labels):
    every = pl.duration(**{span: pl.int_range(pl.len()) % 8})
    jobs = documented(story()).with_columns(output_file_created_at=pl.lit(READ_AT) + every)
    drawn = svg(charts.documents_over_time(jobs))
    axis = drawn.partition("role-axis-label")[2].partition("role-axis-domain")[0]
    shown = re.findall(">([^<>]+)</text>", axis)
    assert len(shown) == 8
    assert all(re.fullmatch(labels, label) for label in shown)


def test_templates_have_their_name_if_it_is_given():
    drawn = charts.by_template(story(), {"1700000000001": "Offer letter"})
    names = {label.partition(" · ")[0] for label in described(drawn)}
    assert names == {"Offer letter", "1700000000002"}


def bundle(chart: alt.LayerChart) -> dict[str, Any]:
    shown = chart._repr_mimebundle_(None, None)
    return shown[0] if isinstance(shown, tuple) else shown


def test_charts_show_in_notebooks_without_the_network():
    assert alt.renderers.active == "boxdocgen"
    shown = bundle(charts.outcomes(story()))
    assert set(shown) == {
        "application/vnd.vega.v5+json",
        "image/svg+xml",
        "image/png",
        "text/plain",
    }
    assert "https" not in json.dumps(shown["application/vnd.vega.v5+json"] | {"$schema": ""})
    assert shown["image/png"].startswith(b"\x89PNG")
    assert len(shown["image/png"]) < 60_000


def test_the_plain_text_of_a_chart_has_its_numbers():
    jobs = jobs_frame([{"status": "failed"}, {}, {}])
    assert bundle(charts.outcomes(jobs))["text/plain"].splitlines() == [
        "Job outcomes",
        "failed: 1 of 3 jobs",
        "completed: 2 of 3 jobs",
    ]


def test_the_picture_of_any_chart_is_on_an_opaque_light_card():
    data = alt.InlineData(values=[{"a": 1}])
    others = alt.Chart(data, background="transparent").mark_point().encode(x="a:Q")
    for chart in (others, charts.outcomes(story())):
        assert re.search(r'<rect [^>]*fill="white"', bundle(chart)["image/svg+xml"])


def test_a_picture_names_the_font_in_which_it_was_measured_unless_its_author_chose_one():
    data = alt.InlineData(values=[{"a": "completed_with_error"}])
    own = alt.Chart(data).mark_point().encode(y="a:N")
    fonts = {
        font
        for chart in (own, charts.outcomes(story()))
        for font in re.findall(r'font-family="(.*?)"', bundle(chart)["image/svg+xml"])
    }
    assert fonts == {"Arial, 'Liberation Sans', Helvetica, sans-serif"}
    chosen = own.configure(font="Georgia, sans-serif")
    assert 'font-family="Georgia, sans-serif"' in bundle(chosen)["image/svg+xml"]


def test_in_a_dark_theme_the_texts_of_a_chart_stay_dark_unless_it_has_its_own_colours():
    chart = charts.outcomes(story()).configure_title(color="red")
    config = bundle(chart)["application/vnd.vega.v5+json"]["config"]
    assert config["title"]["color"] == "red"
    assert config["title"]["subtitleColor"] == "black"
    assert config["style"]["guide-label"]["fill"] == "black"


@pytest.mark.thorough
def test_the_figures_of_the_view_name_the_columns_they_group_by():
    figures = charts.figures()
    assert {figure["title"] for figure in figures} == set(TITLES)
    for figure in figures:
        assert figure["by"]
        assert figure["spec"]["data"] == {"name": "counts"}
        assert "title" not in figure["spec"]
        alt.LayerChart.from_dict(figure["spec"])  # raises if it violates Vega-Lite's schema
