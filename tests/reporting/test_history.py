"""The history of audits: new, known, resolved and not performed findings."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from frames import NOON, chain, failed, job, read

import boxdocgen_explore as bx
from boxdocgen_explore.cli import main
from boxdocgen_explore.cli.audit_outputs import as_text
from boxdocgen_explore.reporting import (
    AuditResult,
    append_record,
    audit_record,
    run_audit,
    with_history,
    write_report,
)

NAMES = ("new", "reopened", "known", "resolved", "accepted", "not_performed")


def audited(folder: Path, day: int, what: Any, **options: Any) -> AuditResult:
    """An audit on a day, added to the folder."""
    at = NOON + timedelta(days=day)
    result = run_audit(what, now=NOON, audited_at=at, **options)
    result = with_history(result, folder)
    append_record(folder, audit_record(result, None, ()))
    return result


def changes(result: AuditResult) -> dict[str, list[tuple[str, str | None]]]:
    """What changed, by rule and batch; information is left out."""
    return {
        name: [
            (one["rule"], one["batch_id"])
            for one in result.history[name]
            if one["severity"] != "info"
        ]
        for name in NAMES
    }


def batches(*wrong: str) -> bx.Reading:
    """Batches of three jobs, of which these failed."""
    ids = {f"{batch}{n}": f"{batch}0" for batch in "12" for n in range(3)}
    return read(
        *((failed if one in wrong else job)(one, batch_id=batch) for one, batch in ids.items())
    )


def test_the_first_audit_says_that_there_is_no_earlier_one(tmp_path):
    result = audited(tmp_path / "history", 0, batches("11"))
    assert [result.history[name] for name in NAMES] == [None] * 6
    assert result.history["statement"].startswith("There is no earlier audit")
    (path,) = (tmp_path / "history").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_finding_is_known_whatever_its_numbers_and_resolved_once_its_rule_passes(tmp_path):
    audited(tmp_path, 0, batches("11"))
    more = audited(tmp_path, 1, batches("11", "12", "21"))
    assert changes(more)["known"] == [("failed-share", "10"), ("no-message", "10")]
    assert changes(more)["new"] == [("failed-share", "20"), ("no-message", "20")]
    assert [one["since"][:10] for one in more.history["known"][:1]] == ["2026-11-03"]
    fewer = changes(audited(tmp_path, 2, batches("11")))
    assert fewer["resolved"] == [("failed-share", "20"), ("no-message", "20")]
    again = changes(audited(tmp_path, 3, batches("21")))
    assert again["new"] == []
    assert again["reopened"] == [("failed-share", "20"), ("no-message", "20")]
    assert again["resolved"] == [("failed-share", "10"), ("no-message", "10")]


def test_what_was_not_performed_on_its_batch_is_not_resolved(tmp_path):
    everything = batches("11", "21")
    audited(tmp_path, 0, everything)
    first = everything.jobs.filter(batch_id="10")
    other_batch = changes(audited(tmp_path, 1, bx.Reading(first, read(pages=chain("10", 3)).pages)))
    assert ("failed-share", "20") in other_batch["not_performed"]
    pages = [*chain("10", 3), *chain("20", 3, complete=False)]
    cut = bx.Reading(batches("11").jobs, read(pages=pages).pages)
    incomplete = changes(audited(tmp_path, 2, cut))
    assert ("failed-share", "20") in incomplete["not_performed"]
    without = [rule for rule in bx.RULES if rule.name != "failed-share"]
    absent = changes(audited(tmp_path, 3, batches("21"), rules=without))
    assert absent["not_performed"] == [("failed-share", "10"), ("failed-share", "20")]
    assert ("failed-share", "20") in changes(audited(tmp_path, 4, batches("21")))["known"]


def test_a_finding_that_is_gone_with_another_option_is_accepted_and_not_resolved(tmp_path):
    audited(tmp_path, 0, batches("11", "21"))
    other = audited(tmp_path, 1, batches("11"), max_failed_share=0.5)
    assert changes(other)["accepted"] == [("failed-share", "10"), ("failed-share", "20")]
    assert changes(other)["resolved"] == [("no-message", "20")]
    assert "2 accepted now (the option has changed), " in other.history["statement"]
    back = audited(tmp_path, 2, batches("11"))
    assert changes(back)["reopened"] == [("failed-share", "10")]
    assert ", 1 reopened, " in back.history["statement"]
    assert [one["since"][:10] for one in back.history["reopened"]] == ["2026-11-05"]
    text = write_report(back, tmp_path / "audit.html").path.read_text("utf-8")
    assert "Reopened findings: resolved or accepted earlier, and back: 1<" in text
    assert "\nreopened failed-share: 1 of 3 jobs failed" in as_text(back)
    assert ("failed-share", "10") in changes(audited(tmp_path, 3, batches()))["resolved"]


def test_a_finding_without_a_batch_on_other_batches_is_new(tmp_path):
    def shared(*ids: str) -> bx.Reading:
        return read(*(job(one, batch_id=one, output_file_id="f") for one in ids))

    audited(tmp_path, 0, shared("10", "20"))
    named = ("shared-output-file", None)
    other = changes(audited(tmp_path, 1, shared("30", "40")))
    assert (other["new"], other["known"], other["not_performed"]) == ([named], [], [named])
    assert changes(audited(tmp_path, 2, shared("30", "40", "50")))["known"] == [named]


def test_a_finding_on_several_batches_needs_all_of_them_to_be_resolved(tmp_path):
    shared = [job("1", output_file_id="f"), job("2", batch_id="20", output_file_id="f")]
    audited(tmp_path, 0, read(*shared))
    assert changes(audited(tmp_path, 1, read(shared[0])))["not_performed"] == [
        ("shared-output-file", None)
    ]
    fixed = read(shared[0], job("2", batch_id="20"))
    pages = [*chain("10", 1), *chain("20", 1, complete=False)]
    cut = bx.Reading(fixed.jobs, read(pages=pages).pages)
    assert ("shared-output-file", None) in changes(audited(tmp_path, 2, cut))["not_performed"]
    assert ("shared-output-file", None) in changes(audited(tmp_path, 3, fixed))["resolved"]


def test_of_two_findings_on_the_same_template_one_can_be_resolved(tmp_path):
    def doubled(last: str) -> bx.Reading:
        pairs = (("10", "a"), ("10", "b"), ("20", "a"), ("30", last))
        jobs = [
            job(str(n), batch_id=batch, external_id=one) for n, (batch, one) in enumerate(pairs)
        ]
        return read(*jobs)

    audited(tmp_path, 0, doubled("b"))
    after = changes(audited(tmp_path, 1, doubled("c")))
    rule = ("doubled-external-id", None)
    assert (after["known"], after["resolved"], after["new"]) == ([rule], [rule], [])
    assert changes(audited(tmp_path, 2, doubled("b")))["reopened"] == [rule]


def test_a_reason_that_spreads_to_another_batch_is_known(tmp_path):
    audited(tmp_path, 0, batches("11"))
    for day, wrong in ((1, ("11", "21")), (2, ("21",))):
        history = audited(tmp_path, day, batches(*wrong)).history
        assert [one["since"][8:10] for one in history["known"] if one["about"]][-1] == "03"
        for name in ("new", "resolved"):
            assert "failure-groups" not in [one["rule"] for one in history[name]]


def test_files_that_are_not_audits_are_named_and_skipped(tmp_path):
    audited(tmp_path, 0, batches("11"))
    (path,) = tmp_path.glob("*.json")
    whole = path.read_bytes()
    strange = {
        "cut": whole[:-200],
        "deep": b"[" * 100_000,
        "list": b"[]",
        "package": b'{"name": "x"}',
        "ages": re.sub(rb'"audited_at":"[^"]*', b'"audited_at":"0001-01-01T00:00:00+14:00', whole),
        "counts": whole.replace(b'"jobs":6', b'"jobs":' + b"9" * 99),
        "groups": re.sub(
            rb'"thresholds":\[{"batches":\[[^]]*\]', b'"thresholds":[{"batches":7', whole
        ),
        "times": whole.replace(b"+00:00", b""),
        "utf16": whole.decode().encode("utf-16"),
    }
    for name, content in strange.items():
        (tmp_path / f"{name}.json").write_bytes(content)
    (tmp_path / "folder.json").mkdir()
    odd = whole.replace(b'"running_hours":24', b'"running_hours":' + b"9" * 99)
    (tmp_path / "odd.json").write_bytes(odd)
    result = audited(tmp_path, 1, batches("11"))
    assert result.history["skipped"] == sorted(f"{name}.json" for name in [*strange, "folder"])
    assert result.history["earlier_audits"] == 2
    assert "not audits of this kind: ages.json, " in result.history["statement"]


def test_two_audits_at_once_lose_nothing(tmp_path):
    folder = tmp_path / "history"
    with ThreadPoolExecutor() as pool:
        [*pool.map(lambda day: audited(folder, day, batches("11")), range(8))]
    last = audited(folder, 9, batches())
    assert (last.history["earlier_audits"], last.history["skipped"]) == (8, [])
    assert not [*folder.glob(".*")]


def test_the_report_shows_what_changed_and_the_share_that_failed(tmp_path):
    audited(tmp_path, 0, batches("11", "12"))
    audited(tmp_path, 1, read(failed("31", batch_id="30"), job("32", batch_id="30")))
    result = audited(tmp_path, 2, batches("21"), templates={"t": "Offer letter"})
    text = write_report(result, tmp_path / "audit.html").path.read_text("utf-8")
    assert "compared with 2 earlier audits since 3 Nov 2026 12:00 UTC." in text
    for title in ("New findings: 3", "Resolved findings: 3"):
        assert title in text
    assert ">Offer letter</td>" in text
    assert ">33.3 % of 6</td>" not in text, "these batches were read again"
    assert re.findall('class="number">([^<]*, read [^<]*)</th>', text) == [
        "30, read 2026-11-04",
        "10, 20, read 2026-11-05",
    ]
    assert ">50 % of 2</td>" in text
    assert ">16.7 % of 6</td>" in text
    assert 'points="1,1 95,15.67"' in text


def test_an_incomplete_audit_is_no_point_of_the_trend_and_replaces_none(tmp_path):
    audited(tmp_path, 0, batches("11", "12", "20"))
    half = replace(batches("21"), failures={"20": bx.BoxDocGenError("No.")})
    result = audited(tmp_path, 1, half)
    assert result.incomplete
    assert [point["audited_at"][:10] for point in result.history["trend"]] == ["2026-11-03"]


def test_what_is_left_out_does_not_come_back_from_an_earlier_audit(tmp_path):
    wrong = read(failed("1", "The salary of Ann is missing."), job("2"))
    audited(tmp_path, 0, wrong)
    result = audited(tmp_path, 1, read(job("1"), job("2")), redact="errors")
    text = write_report(result, tmp_path / "audit.html").path.read_text("utf-8")
    assert "salary of Ann" not in text + json.dumps(result.history)
    assert "failure-groups: (left out)" in text


def test_the_command_compares_with_a_folder_and_adds_to_it(tmp_path, capsys):
    folder = tmp_path / "history"
    command = ["audit", "--demo", "12345600312", "--history", str(folder)]
    for number in (0, 1):
        main([*command, "--json"])
        history = json.loads(capsys.readouterr().out)["history"]
        assert (history["earlier_audits"], len([*folder.iterdir()])) == (number, number + 1)
    assert history["known"]
    assert history["new"] == history["resolved"] == history["not_performed"] == []
    main([*command, "--markdown", "-", "--max-failed-share", "0.5"])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("- History    0 new, ") for line in lines)
    assert any(line.startswith("- accepted failed-share: 7 of 1,312 jobs") for line in lines)
    assert lines[-1].startswith("| Invoice | 0.5 % of 1,312 |")


@pytest.mark.parametrize("name", ["file", "no/folder"])
def test_a_folder_that_cannot_be_written_is_status_2(name, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["audit", "--demo", "12345600312", "--history", str(tmp_path / name)]) == 2
    assert "folder" in capsys.readouterr().err


@pytest.mark.thorough
def test_no_two_findings_of_an_audit_look_the_same(tmp_path):
    """Otherwise the second would count as the first."""
    with bx.demo() as box:
        ids = box.batches()["batch_id"][:12]
        reading = box.read(ids, details=True, documents=True, errors="keep")
        found = bx.audit(reading, now=NOON, creators="7", approved_versions="1", sources="x")
    identity = found.select("rule", "batch_id", "job_id", "about")
    assert identity.filter(identity.is_duplicated()).rows() == []
    assert found.height > 30
