"""The report as a working paper: preparer, reviewer, and the sample."""

from __future__ import annotations

import json
import re
import sys

import pytest
from frames import NOON, failed, frame, job, read

import boxdocgen_explore as bx
from boxdocgen_explore.cli import main
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.reporting import run_audit

JOBS = [job(str(number)) for number in range(200)]


def sampled(text: str) -> list[str]:
    """The ids of the jobs in the report's sample."""
    table = text.partition('<table class="sample">')[2].partition("</table>")[0]
    return re.findall(r'data-label="Job">([^<]*)<', table)


def test_names_are_in_the_report_and_lines_to_sign_where_none_was_given(written):
    text = written(read(*JOBS), prepared_by="Dana <Ruiz>")
    signed = re.findall(r'<p class="signed">(.*?)</p>', text)
    assert signed[0].startswith("Prepared by: Dana &lt;Ruiz&gt; Date:&nbsp;____")
    assert signed[1].startswith("Reviewed by: _____")
    with pytest.raises(InvalidRequest, match="reviewed_by must be a text, not 7"):
        written(read(*JOBS), reviewed_by=7)


def test_the_sample_is_that_of_bx_sample_numbered_and_linked(written):
    jobs = frame(*JOBS, failed("f1"))
    text = written(jobs, sample=25, seed=2026, templates={"t": "Offer letter"})
    wanted = bx.sample(jobs, 25, 2026)
    assert sampled(text) == wanted["job_id"].to_list()
    assert "SHA-256(&#34;2026:&#34; + job id)" in text
    assert "Population: 201 jobs with an id." in text
    first = wanted["output_file_id"][0]
    assert f'href="https://app.box.com/file/{first}" rel="noopener noreferrer">{first}</a>' in text
    row = re.search(r'<tr><td data-label="No\." class="number">1</td>.*?</tr>', text)[0]
    assert '">Offer letter, version t1</td><td data-label="Status">completed</td>' in row
    assert row.endswith('<td data-label="Result"></td></tr>')


def test_the_sample_says_what_a_job_is_about_as_far_as_it_is_not_left_out(written):
    jobs = read(failed("1", "No salary.", external_id="EMP-1"))
    assert '<td data-label="External id">EMP-1</td>' in (text := written(jobs, sample=1))
    assert '<td data-label="Status">failed: No salary.</td>' in text
    text = written(jobs, sample=1, redact=["external_id", "errors"])
    assert '<td data-label="External id">' not in text
    assert '<td data-label="Status">failed: (left out)</td>' in text


def test_a_sample_without_a_seed_is_random_and_states_its_seed():
    first, second = (run_audit(frame(*JOBS), sample=20).sample for _ in range(2))
    assert first["seed"] != second["seed"]
    again = run_audit(frame(*JOBS), sample=20, seed=first["seed"]).sample
    assert again == first


def test_what_deviations_would_mean_is_stated_or_not_performed(monkeypatch, written):
    text = written(frame(*JOBS), sample=59)
    assert "If 0 deviations are found in 59 jobs, at most 5 % of all deviate, with 95 %" in text
    bound = bx.upper_bound(1, 59)
    assert f"If 1 deviation is found in 59 jobs, at most {100 * bound:.1f} % of all" in text
    assert "not a deviation: the outcome already counts it." in text
    text = written(frame(*JOBS), sample=500)
    assert "The sample has every job" in text
    assert "Sample: 200 jobs, in ascending order" in text
    assert "There is no job to draw." in written(read(), sample=5)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    text = written(frame(*JOBS), sample=59)
    assert "What 0 or 1 deviations would mean: not performed; it needs SciPy" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sample": 0}, "sample must be a whole number from 1 to 10000, not 0"),
        ({"sample": 10_001}, "sample must be a whole number from 1 to 10000"),
        ({"sample": 5, "seed": 0.5}, "seed must be a whole number or a text"),
        ({"seed": 5}, "A seed needs a sample: give its number of jobs"),
    ],
)
def test_an_invalid_sample_is_refused(options, sentence, written):
    with pytest.raises(InvalidRequest, match=sentence):
        written(frame(*JOBS), **options)


def test_the_command_has_names_and_sample_in_report_and_json(tmp_path, capsys):
    path = tmp_path / "audit.html"
    names = ["--prepared-by", "Dana Ruiz", "--reviewed-by", "Lee Wong"]
    command = ["audit", "--demo", "12345600312", *names, "--sample", "5", "--seed", "x"]
    main([*command, "-o", str(path), "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert (printed["prepared_by"], printed["reviewed_by"]) == ("Dana Ruiz", "Lee Wong")
    text = path.read_text("utf-8")
    assert [one["job_id"] for one in printed["sample"]["rows"]] == sampled(text)
    assert "Reviewed by: Lee Wong" in text
    assert "which is fixed at 3 Nov 2026 08:00 UTC</p>" in text
    assert main([*command, "--sample", "0"]) == 2
    assert "sample must be" in capsys.readouterr().err


def test_findings_are_those_of_all_jobs_whatever_the_sample():
    reading = read(*JOBS[:5], failed("f"))
    plain, sampled_too = (run_audit(reading, now=NOON, sample=n) for n in (None, 1))
    assert plain.findings.equals(sampled_too.findings)
