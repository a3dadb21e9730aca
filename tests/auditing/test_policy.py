"""The policy file: options by template and batch, waivers, and messages about mistakes."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from frames import NOON, chain, failed, job, read

import boxdocgen_explore as bx
from boxdocgen_explore.auditing import batch_verdicts, evaluations
from boxdocgen_explore.auditing.manifest import control_total
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.reporting import run_audit, write_report
from boxdocgen_explore.reporting.batches import batch_rows
from boxdocgen_explore.schema import BATCH_VERDICTS

WAIVER = """
[[waiver]]
rule = "failed-share"
batch = "1*"
reason = "A test run."
owner = "Dana Ruiz"
expires = 2026-11-03
"""


@pytest.fixture
def policy(tmp_path):
    """Writes a policy file."""

    def write(text: str) -> Path:
        path = tmp_path / "policy.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def two_batches(**fields: Any) -> bx.Reading:
    """Batch 10 of template t and batch 20 of template u; one of two jobs failed in each."""
    other = {"batch_id": "20", "template_file_id": "u", "template_file_version_id": "u1", **fields}
    return read(job("1"), failed("2", "No."), job("3", **other), failed("4", "No.", **other))


def found(rule: str, **options: Any) -> dict[str | None, str]:
    """Batches and severities of the findings of a rule."""
    findings = bx.audit(two_batches(), now=NOON, **options).filter(rule=rule)
    return dict(findings.select("batch_id", "severity").iter_rows())


@pytest.mark.parametrize(
    ("text", "options", "batches"),
    [
        ("", {}, {"10", "20"}),
        ("[defaults]\nmax_failed_share = 0.5", {}, set()),
        ("[template.t]\nmax_failed_share = 0.5", {}, {"20"}),
        ('[batch."2?"]\nmax_failed_share = 0.5', {}, {"10"}),
        ("[batch.10]\nmax_failed_share=0.1\n[template.t]\nmax_failed_share=0.9", {}, {"10", "20"}),
        ("[template.t]\nmax_failed_share=0.1\n[defaults]\nmax_failed_share=0.9", {}, {"10"}),
        ("[defaults]\nmax_failed_share = 0.5", {"max_failed_share": 0.4}, {"10", "20"}),
    ],
)
def test_options_win_over_templates_and_these_over_batches_and_defaults(
    policy, text, options, batches
):
    assert found("failed-share", policy=policy(text), **options).keys() == batches


def test_what_only_one_template_declares_is_not_evaluated_for_the_others(policy):
    path = policy('[template.t]\napproved_versions = ["t1"]')
    parts = evaluations(two_batches(), policy=path, now=NOON)
    rows = batch_verdicts(parts).filter(rule="unapproved-version").sort("batch_id")
    assert rows.select("batch_id", "verdict").rows() == [("10", "passed"), ("20", "not evaluated")]
    overall = bx.verdicts(two_batches(), policy=path, now=NOON).filter(rule="unapproved-version")
    assert overall.rows() == [
        ("unapproved-version", "not evaluated", 0, "approved_versions (batches 20)")
    ]
    assert run_audit(two_batches(), policy=path).unevaluated == []


def test_each_template_has_its_own_manifest_and_batches_may_share_one(policy, tmp_path):
    (tmp_path / "t.csv").write_text("external_id\ne1\ne2\ne3\n", "utf-8")
    (tmp_path / "rest.csv").write_text("external_id\ne3\ne4\n", "utf-8")
    path = policy('[defaults]\nmanifest = "rest.csv"\n[template.t]\nmanifest = "t.csv"')
    findings = bx.audit(two_batches(), policy=path, now=NOON)
    # Job 3 made e3, but from another template.
    assert findings.filter(rule="manifest-missing")["detail"].to_list() == [
        "No job here has the external id e3."
    ]
    assert findings.filter(rule="manifest-unexpected").is_empty()
    (tmp_path / "all.csv").write_text("external_id\ne1\ne2\ne3\ne4\n", "utf-8")
    path = policy('[defaults]\nmanifest = "all.csv"\n[batch.20]\nmax_failed_share = 1.0')
    assert found("manifest-missing", policy=path) == {}


def test_each_batch_has_its_own_control_total(policy):
    totals = {
        batch: control_total(ids) for batch, ids in (("10", ["e1", "e2"]), ("20", ["e3", "e4"]))
    }
    text = "".join(
        f"[batch.{batch}]\ncontrol_total = {[*total]}\n" for batch, total in totals.items()
    )
    evaluated = batch_verdicts(evaluations(two_batches(), policy=policy(text), now=NOON))
    assert set(evaluated.filter(rule="control-total")["verdict"]) == {"passed"}
    swapped = text.replace("batch.10", "batch.0").replace("batch.20", "batch.10")
    assert found("control-total", policy=policy(swapped.replace("batch.0", "batch.20"))) != {}


def test_batches_that_share_a_manifest_have_one_sentence_about_it(policy, tmp_path):
    (tmp_path / "all.csv").write_text("external_id\ne1\ne2\ne3\ne4\n", "utf-8")
    path = policy('[defaults]\nmanifest = "all.csv"\n[batch.20]\nmax_failed_share = 1.0')
    expected = run_audit(two_batches(), policy=path, now=NOON).statements["Expected"]
    assert expected == "4 expected documents: 2 made, 2 not made."


def test_a_document_that_two_groups_share_is_found_once(policy, tmp_path):
    (tmp_path / "all.csv").write_text("external_id\ne1\ne2\ne3\ne4\n", "utf-8")
    manifests = '[defaults]\nmanifest = "all.csv"\n[batch.20]\nmanifest = "all.csv"\n'
    reading = two_batches(output_file_id="f1")
    for pattern, severity in (("?0", "warning"), ("*", "waived")):
        waiver = WAIVER.replace("failed-share", "shared-output-file").replace("1*", pattern)
        rows = bx.audit(reading, policy=policy(manifests + waiver), now=NOON)
        found = rows.filter(rule="shared-output-file").select("batch_id", "severity").rows()
        assert found == [(None, severity)]


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        (WAIVER, {"10": "waived", "20": "error"}),
        (WAIVER.replace("1*", "*"), {"10": "waived", "20": "waived"}),
        (WAIVER.replace('batch = "1*"', 'template = "u"'), {"10": "error", "20": "waived"}),
        (WAIVER.replace("failed", "error"), {"10": "error", "20": "error"}),
        (WAIVER.replace("-03", "-02"), {"10": "error", "20": "error"}),
        (WAIVER.replace("-03", "-02") + WAIVER, {"10": "waived", "20": "error"}),
        (WAIVER + WAIVER.replace("-03", "-02"), {"10": "waived", "20": "error"}),
    ],
)
def test_a_waiver_covers_its_rule_and_batches_until_its_last_day(policy, text, severities):
    assert found("failed-share", policy=policy(text)) == severities


def test_a_waived_finding_has_owner_reason_and_expiry_and_is_no_exception(policy, tmp_path):
    path = policy(WAIVER.replace('"1*"', '"*"'))
    report = bx.report(two_batches(), tmp_path / "audit.html", policy=path, now=NOON)
    text, sha256 = report.path.read_text("utf-8"), hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"policy: policy.toml (SHA-256 {sha256}), 1 waiver." in text
    assert "Waived by Dana Ruiz until 2026-11-03: A test run." in text
    assert report.complete
    assert report.verdict.startswith("No exceptions noted. ")
    assert " 1 waived, 1 for information, " in report.verdict
    late = run_audit(two_batches(), policy=path, now=NOON + dt.timedelta(days=1))
    assert (late.conclusion, late.complete) == ("Exceptions noted", False)
    sentence = "The waiver by Dana Ruiz expired on 2026-11-03."
    assert late.findings["detail"].to_list()[0].endswith(sentence)


def test_a_waiver_does_not_make_a_batch_complete(policy):
    pages = [*chain("10", 2, complete=False), *chain("20", 2)]
    reading = bx.Reading(two_batches().jobs, read(pages=pages).pages)
    path = policy(WAIVER.replace("failed-share", "chain-incomplete").replace('"1*"', '"*"'))
    result = run_audit(reading, policy=path, now=NOON)
    assert result.findings.filter(rule="chain-incomplete")["severity"].to_list() == ["waived"]
    assert (result.conclusion, result.complete) == ("Scope limited", False)


def test_a_policy_that_sets_nothing_changes_nothing(policy):
    reading = two_batches()
    for audit in (bx.audit, bx.verdicts):
        plain, with_policy = (audit(reading, policy=one, now=NOON) for one in (None, policy("")))
        assert plain.rows() == with_policy.rows()
    rows = batch_verdicts(evaluations(reading, now=NOON))
    assert rows.schema == BATCH_VERDICTS
    assert rows.drop_nulls("batch_id").height == 2 * len(bx.RULES)
    nothing = pl.DataFrame(schema=reading.jobs.schema)
    assert bx.verdicts(nothing, policy=policy("")).height == len(bx.RULES)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[template", " is not TOML: "),
        ("a = " + "[" * 5000, " is not TOML: "),
        ("[batches.1]", ": the key batches is unknown; known: defaults, template, batch, waiver."),
        ("defaults = 1", ": defaults should be a table, not a number."),
        ("[defaults]\nmax_failed = 1", ": [defaults]: no key is called 'max_failed'; known: max_f"),
        ('[template."1*"]\nmax_failed_share = 5', ': [template."1*"]: max_failed_share must be a '),
        ("[batch]\n7 = 1", ": batch should be a table, not a number."),
        ("[batch.7]\napproved_versions = [7]", ': [batch."7"]: approved_versions must be a text'),
        ('[batch.7]\nmanifest = "no.csv"', ': [batch."7"]: The manifest '),
        ("[waiver]", ": waiver should be a list, not a table."),
        ("[[waiver]]\nruel = 1", ": the key ruel of waiver 1 is unknown; known: rule, reason, "),
        ("[[waiver]]", ": rule of waiver 1 is missing."),
        (WAIVER.replace("batch =", "#"), ": waiver 1: A waiver needs a batch or a template."),
        (WAIVER.replace("Dana Ruiz", ""), ": owner of waiver 1 is empty."),
        (
            WAIVER.replace('"A test run."', "7"),
            ": reason of waiver 1 should be a text, not a number",
        ),
        (
            WAIVER.replace("-03", "-03T12:00:00"),
            ": expires of waiver 1 should be a date such as 2026-12-31, not a date with a time.",
        ),
        (
            WAIVER.replace("2026-11-03", '"soon"'),
            ": expires of waiver 1 should be a date such as 2026-12-31, not a text.",
        ),
        (
            WAIVER.replace('"A test run."', "07:32:00"),
            ": reason of waiver 1 should be a text, not a ",
        ),
        ("defaults = 1979-05-27", ": defaults should be a table, not a date such as"),
        (
            "defaults = 2026-12-31T07:32:00Z",
            ": defaults should be a table, not a date with a time.",
        ),
        ("defaults = inf", ": defaults should be a table, not a number."),
        ("defaults = true", ": defaults should be a table, not true or false."),
        (WAIVER + WAIVER.replace("failed", "no"), ": waiver 2: There is no rule 'no-share'."),
    ],
)
def test_a_mistake_is_named_with_file_table_and_key(policy, text, sentence):
    with pytest.raises(InvalidRequest) as error:
        bx.audit(two_batches(), policy=policy(text))
    assert str(error.value).startswith(f"policy.toml{sentence}")


def test_parts_of_a_policy_that_match_nothing_are_reported(policy, tmp_path):
    nothing = WAIVER.replace("failed", "error")
    tables = '[defaults]\nmax_failed_share = 0.1\n[template.x]\n[batch."9*"]\n[batch."1*"]\n'
    result = run_audit(two_batches(), policy=policy(tables + WAIVER + nothing), now=NOON)
    assert result.unused == [
        'The table [template."x"] of the policy matches no batch here.',
        'The table [batch."9*"] of the policy matches no batch here.',
        "This waiver matched nothing: error-share, Dana Ruiz, until 2026-11-03.",
    ]
    text = write_report(result, tmp_path / "audit.html").path.read_text("utf-8")
    assert '<p class="flag">This waiver matched nothing: error-share, Dana Ruiz, until ' in text
    late = run_audit(two_batches(), policy=policy(WAIVER), now=NOON + dt.timedelta(days=1))
    assert late.unused == []  # expired, as its finding shows


@pytest.mark.parametrize(
    "text",
    [
        '[template."Offer letter"]\nmax_failed_share = 1.0\n',
        "[template.Payslip]\nmax_failed_share = 1.0\n",
        WAIVER.replace('batch = "', 'batch = "last night '),
    ],
)
def test_a_name_in_place_of_an_id_is_refused_because_it_would_match_nothing(policy, text):
    with pytest.raises(InvalidRequest, match=r"is named by its id, such as 1\d+, .* is a name"):
        bx.audit(two_batches(), policy=policy(text))


def test_a_report_names_the_manifests_of_its_policy(policy, tmp_path):
    (tmp_path / "ids.csv").write_text("external_id\ne1\n", "utf-8")
    path = policy('[defaults]\nmanifest = "ids.csv"\n')
    text = bx.report(two_batches(), tmp_path / "audit.html", policy=path).path.read_text("utf-8")
    digest = hashlib.sha256(b"external_id\ne1\n").hexdigest()
    assert f"manifest ids.csv (SHA-256 {digest})" in text


def test_a_policy_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"none\.toml cannot be read: No such file"):
        bx.audit(two_batches(), policy=tmp_path / "none.toml")


def test_one_manifest_that_two_tables_name_is_one_manifest(policy, tmp_path):
    (tmp_path / "ids.csv").write_text("external_id\ne1\ne2\n", "utf-8")
    table = 'manifest = "ids.csv"\n'
    path = policy(f"[batch.10]\n{table}[batch.20]\n{table}max_failed_share = 0.5\n")
    reading = read(job("1", external_id="e1"), job("2", external_id="e2", batch_id="20"))
    rules = bx.audit(reading, policy=path, now=NOON)["rule"]
    assert not [rule for rule in rules if rule.startswith("manifest")]


def test_the_result_says_what_each_batch_had_to_meet(policy, tmp_path):
    path = policy('[batch.10]\nmax_failed_share = 0.5\n[defaults]\ncreators = ["7"]\n')
    result = run_audit(two_batches(), policy=path, now=NOON)
    applied = {group["batches"][0]: group["max_failed_share"] for group in result.thresholds}
    assert applied == {"10": 0.5, "20": 0.0}
    text = bx.report(two_batches(), tmp_path / "audit.html", policy=path, now=NOON).path.read_text()
    assert "Batches 10: max_failed_share: 0.5; creators: 7." in text
    hidden = run_audit(two_batches(), policy=path, now=NOON, redact="creators")
    assert {group["creators"] for group in hidden.thresholds} == {"(left out)"}


def test_a_manifest_that_only_counts_is_compared_without_external_ids(policy, tmp_path):
    (tmp_path / "counts.csv").write_text("batch_id,jobs\n10,3\n20,2\n", "utf-8")
    (tmp_path / "ids.csv").write_text("external_id\ne1\n", "utf-8")
    for name, judged in (("counts", "found"), ("ids", "not evaluated")):
        path = policy(f'[defaults]\nmanifest = "{name}.csv"')
        result = run_audit(two_batches(), policy=path, now=NOON, redact="external_id")
        verdicts = dict(result.verdicts.select("rule", "verdict").iter_rows())
        assert verdicts["manifest-missing"] == judged


def test_templates_cannot_be_left_out_if_the_policy_is_about_them(policy):
    columns = [name for name in two_batches().jobs.columns if name != "template_file_id"]
    with pytest.raises(InvalidRequest, match="template_file_id cannot be left out"):
        run_audit(
            two_batches(), policy=policy("[template.t]\nmax_failed_share = 0.5"), columns=columns
        )
    run_audit(two_batches(), policy=policy("[batch.10]\nmax_failed_share = 0.5"), columns=columns)


def test_failures_that_one_batch_may_have_are_no_exception_of_it(policy):
    accepted = policy("[batch.10]\nmax_failed_share = 0.5")
    table = batch_rows(run_audit(two_batches(), policy=accepted, now=NOON))
    conclusions = {row["batch_id"]: row["conclusion"] for row in table}
    assert conclusions == {"10": "No exceptions noted", "20": "Exceptions noted"}


def test_what_two_batches_share_is_an_exception_of_both_in_the_report():
    shared = {"output_file_id": "f1"}
    reading = read(job("1", **shared), job("2", batch_id="20", **shared), job("3", batch_id="30"))
    noted = "Exceptions noted"
    cases = [({}, "No exceptions noted"), ({"slow_document_s": 5}, "Checks not performed")]
    for options, other in cases:
        table = batch_rows(run_audit(reading, now=NOON, **options))
        conclusions = {row["batch_id"]: row["conclusion"] for row in table}
        assert conclusions == {"10": noted, "20": noted, "30": other}
