"""Pictures for readers without scripts show what the charts show."""

from __future__ import annotations

import base64
import json
import re

import pytest
import vl_convert
from frames import HOSTILE, jobs_frame, story

from boxdocgen_explore import charts
from boxdocgen_explore.view.pictures import picture

BAR = r'width="([\d.]+)" height="11" fill="(#\w+)"'
NUMBER = r">([\d,]+ · [^<]+ %[^<]*)<"


def svg(name: str, jobs) -> str:
    return base64.b64decode(picture(name, jobs)["svg"]).decode()


@pytest.mark.parametrize("name", ["outcomes", "output_types", "reasons"])
def test_a_picture_has_the_numbers_and_colours_of_the_chart(name):
    drawn, chart = svg(name, story()), getattr(charts, name)(story()).to_dict()
    by_vega = vl_convert.vegalite_to_svg(json.dumps(chart))
    assert re.findall(NUMBER, drawn) == re.findall(NUMBER, by_vega)
    colours = {colour for _, colour in re.findall(BAR, drawn)}
    assert colours == {*re.findall(r'Z" fill="(#[0-9A-F]{6})"', by_vega)}


def test_bars_are_as_long_as_their_counts_and_one_job_can_be_seen():
    jobs = jobs_frame([{"status": "failed"}, *[{}] * 400, *[{"status": "pending"}] * 200])
    lengths = {colour: float(px) for px, colour in re.findall(BAR, svg("outcomes", jobs))}
    assert lengths["#C2022F"] == 3
    assert lengths[charts.COLOURS["completed"]] == 2 * lengths[charts.COLOURS["pending"]]


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "paper"), [("light", 255), ("dark", 22)])
def test_a_picture_is_dark_where_what_is_around_it_is(tab, scheme, paper):
    source = f"data:image/svg+xml;base64,{picture('outcomes', story())['svg']}"
    tab.set_content(f'<body style="color-scheme: {scheme}"><img src="{source}">')
    drawn = """async () => {
      const image = document.querySelector("img");
      const pen = document.createElement("canvas").getContext("2d");
      await image.decode();
      pen.drawImage(image, 0, 0);
      return pen.getImageData(1, 1, 1, 1).data[0];
    }"""
    assert tab.evaluate(drawn) == paper


def test_hostile_text_stays_text_and_no_jobs_draw_nothing():
    assert "<img" not in svg("reasons", jobs_frame([{"status": "failed", "errors": [HOSTILE]}]))
    assert picture("outcomes", story().clear()) is None
