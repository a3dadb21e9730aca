"""The snapshot of an explorer: what its filters show, as pictures and a table without scripts."""

from __future__ import annotations

import base64
import re

import polars as pl
from frames import MISSING, jobs_frame

import boxdocgen_explore as bx

JOBS = jobs_frame([
    *[{"status": "failed", "errors": [MISSING]}] * 3,
    *[{"status": "failed", "errors": ["Timeout"], "output_type": "docx"}] * 4,
    *[{"status": "completed"}] * 20,
])  # fmt: skip


def pictures(html: str) -> list[str]:
    """The text of each chart, in order."""
    images = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]*)"', html)
    drawings = [base64.b64decode(image).decode() for image in images]
    return [" ".join(re.findall(r">([^<>]+)</text>", drawing)) for drawing in drawings]


def table(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html, flags=re.S)
    return [re.findall(r"<t[dh]\b[^>]*>([^<]*)<", row) for row in rows]


def test_pictures_and_table_count_only_the_jobs_that_the_filters_show():
    explorer = bx.explore(JOBS, state={"status": ["failed"], "output_type": ["pdf"]})
    html = explorer.snapshot().data
    assert "3 of 27 jobs, where status failed and output_type pdf" in html
    outcomes, types, reasons = pictures(html)
    assert "failed" in outcomes
    assert "3 · 100 %" in outcomes
    assert "completed" not in outcomes
    assert "docx" not in types
    assert "Timeout" not in reasons
    heads, *rows = table(html)
    assert heads == ["Status", "pdf", "All"]
    assert rows == [["failed", "3", "3"]]


def test_without_filters_all_jobs_are_drawn():
    outcomes, types, reasons = pictures(bx.explore(JOBS).snapshot().data)
    assert "7 · 26 %" in outcomes
    assert "20 · 74 %" in outcomes
    assert "docx" in types
    assert "Timeout" in reasons


def test_if_the_filters_show_nothing_there_is_no_picture():
    html = bx.explore(JOBS, state={"status": ["pending"]}).snapshot().data
    assert "0 of 27 jobs" in html
    assert pictures(html) == []
    assert table(html) == []


def test_filters_by_null_and_by_text_are_named_and_a_template_by_its_name():
    state = {"template_file_id": ["1700000000001", None]}
    explorer = bx.explore(JOBS, templates={"1700000000001": "Offer letter"}, state=state)
    explorer.state = {**explorer.state, "text": "bonus"}
    html = explorer.snapshot().data
    named = "where template_file_id Offer letter or (none) and errors with “bonus”"
    assert f"3 of 27 jobs, {named}" in html
    assert explorer.jobs.filter(pl.col("status") != "failed").height == 0
