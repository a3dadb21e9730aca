"""The main cause below the verdict: affected jobs and fix, as far as known."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from browser_fixtures import resize, set_time
from frames import HOSTILE, READ_AT, jobs_frame, pages_frame, story
from playwright.sync_api import expect

from boxdocgen_explore import analysis, view

MISSING = "The tag 'city' was not provided in the input data."
HEADING = "Main cause: The tag city was not provided in the input data."
FIX = (
    "Fix: Give the value in the input data, or mark the tag in the template: "
    '{{city :: optional}} or {{city :: default("…")}}.'
)


def of_version(version: str | None, *errors: str, status: str = "failed", template: str = "1"):
    ids = {"template_file_id": template, "template_file_version_id": version}
    return {"status": status, "errors": list(errors), **ids}


def done(version: str, template: str = "1"):
    return of_version(version, status="completed", template=template)


def lines(*rows) -> list[str]:
    return ["".join(line) for line in view.main_cause(jobs_frame(list(rows)))]


BAD = of_version("5", MISSING)


@pytest.mark.parametrize(
    ("rows", "concerned"),
    [
        ([BAD], "1 job. It uses template version 5."),
        ([BAD, BAD, done("5")], "2 jobs. All of them use template version 5."),
        (
            [BAD, BAD, done("4"), done("3"), of_version("4", status="pending")],
            "2 jobs. All of them use template version 5; "
            "of 2 final jobs with other versions of this template, none has this problem.",
        ),
        (
            [BAD, of_version("7", MISSING, template="2"), done("6", "2"), done("8", "3")],
            "2 jobs. All of them use template versions 5, 7; "
            "of 1 final job with other versions of these templates, none has this problem.",
        ),
        ([BAD, of_version("4", MISSING)], "2 jobs. All of them use template versions 4, 5."),
        ([BAD, of_version(None, MISSING)], "2 jobs. As far as known, they use template version 5."),
        ([of_version(None, MISSING)], "1 job."),
        (
            [BAD, of_version("5", MISSING, status="completed_with_error")],
            "2 jobs, 1 of them failed. All of them use template version 5.",
        ),
    ],
)
def test_it_names_the_versions_concerned_as_far_as_they_are_known(rows, concerned):
    assert lines(*rows) == [HEADING, concerned, FIX]


def test_the_versions_of_another_message_are_named_only_if_they_differ():
    long = of_version("5", "Row 7 is long")
    assert lines(long) == []
    assert lines(long, of_version("4")) == [
        "Main cause: Row # is long",
        "1 job. It uses template version 5; of 1 final job with other versions of this template, "
        "none has this problem.",
    ]


def test_it_agrees_with_the_verdict_or_is_empty():
    assert view.main_cause(story()) == []
    assert analysis.verdict(story()).cause == ""
    assert lines() == []
    assert lines(of_version("5", MISSING, status="completed_with_error")) == []


def test_tags_are_code_and_everything_else_is_text():
    heading, _, fix = view.main_cause(jobs_frame([BAD]))
    assert heading[1::2] == ["city"]
    assert fix[1::2] == ["{{city :: optional}}", '{{city :: default("…")}}']


def cause_in(page: str) -> str:
    return json.loads(re.search(r'id="boxdocgen-settings">(.*?)<', page)[1])["cause"]


def test_what_a_page_leaves_out_is_not_in_its_cause():
    jobs = jobs_frame([BAD])
    assert cause_in(view.page(jobs, None)) == view.main_cause(jobs)
    assert cause_in(view.page(jobs.select("job_id", "status"), None)) == []
    _, concerned, fix = cause_in(view.page(jobs.select("status", "errors"), None))
    assert concerned == ["1 job."]
    assert "".join(fix) == FIX


@pytest.mark.browser
def test_it_stands_under_the_verdict_with_a_heading_and_its_fix(show):
    jobs = jobs_frame([BAD, done("4")])
    tab = show(jobs, analysis.verdict(jobs, pages_frame()))
    block = tab.get_by_role("region", name="Main cause")
    expect(block.get_by_role("heading")).to_have_text(HEADING)
    expect(block.locator("p").last).to_have_text(FIX)
    expect(block.locator("p").last.locator("code").first).to_have_text("{{city :: optional}}")
    tops = [tab.locator(one).bounding_box()["y"] for one in (".verdict", ".cause", ".sidebar")]
    assert tops == sorted(tops)


@pytest.mark.browser
@pytest.mark.parametrize(
    "tag", [HOSTILE.replace("{{tag}}", "").replace("'", ""), "x" * 900, "a|b" * 200]
)
def test_a_hostile_tag_is_text_that_wraps_on_a_narrow_screen(show, tag):
    jobs = jobs_frame([of_version("5", MISSING.replace("city", tag))])
    tab = show(jobs, analysis.verdict(jobs))
    resize(tab, 480)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 480
    assert tab.locator("img").count() == 0
    text = tab.get_by_role("region", name="Main cause").inner_text()
    assert text.replace("\n", "").isprintable()
    expect(tab.locator(".cause code").last).to_contain_text(tag[:9])


@pytest.mark.browser
def test_it_is_hidden_if_no_cause_is_known(show):
    tab = show(story(), analysis.verdict(story()))
    expect(tab.locator(".verdict")).to_be_visible()
    expect(tab.locator(".cause")).to_be_hidden()


@pytest.mark.browser
def test_a_tag_that_looks_like_the_age_stays_as_it_is(show, tab):
    jobs = jobs_frame([of_version("5", MISSING.replace("city", "2 min ago"))])
    with set_time(tab, READ_AT + timedelta(days=3)):
        show(jobs, analysis.verdict(jobs, pages_frame(), now=READ_AT + timedelta(minutes=2)))
    expect(tab.locator(".verdict")).to_contain_text("the tag 2 min ago was not provided")
    expect(tab.locator(".verdict")).to_contain_text("as svc-hr · 3 days ago")
