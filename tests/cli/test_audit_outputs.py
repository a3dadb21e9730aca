"""Output of `boxdocgen audit` for other programs, and its policy options."""

import json
from xml.etree import ElementTree

import pytest

import boxdocgen_explore as bx
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, Enterprise

WAIVER = 'rule="failed-share", batch="1002", reason="A test.", owner="Dana", expires=2999-12-31'


@pytest.fixture
def sizes():
    return {"1001": 4, "1002": 4, "1003": 4}


@pytest.fixture
def box(box):
    """One job of 1001 and of 1002 failed, one of 1003 runs."""
    failures = {"errors": ["No \x01\x1b ]]> <tag> [x](http://x) @all"]}
    failed, pending = {"status": "failed", "failures": failures}, {"status": "pending"}
    for batch_id, change in (("1001", failed), ("1002", failed), ("1003", pending)):
        first, *others = box.enterprise.jobs(batch_id)
        no_file = {"output_file": None, "output_file_version": None, "failures": None}
        box.enterprise.put(batch_id, [{**first, **no_file, **change}, *others])
    return box


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(f"waiver = [{{{WAIVER}}}]\nbatch.1001.max_failed_share = 0.5", "utf-8")
    return ["--policy", str(path)]


def audited(capsys, *arguments):
    """Exit status and JSON of an audit."""
    status = main(["audit", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_policy_accepts_failures_and_an_option_wins_over_it(box, policy, capsys):
    assert main(["audit", "1001", "1002", *box.options]) == 1
    assert main(["audit", "1001", "1002", *policy, *box.options]) == 0
    assert "Waived by Dana until 2999-12-31: A test." in capsys.readouterr().out
    assert main(["audit", "1001", *policy, "--max-failed-share", "0.1", *box.options]) == 1
    said = "policy   This waiver matched nothing: failed-share, Dana, until 2999-12-31."
    assert said in capsys.readouterr().out
    assert main(["audit", "1001", "--max-failed-share", "0.5", *box.options]) == 0
    capsys.readouterr()


def test_each_text_of_a_policy_is_an_option(box, capsys):
    given = ["--approved-version", "7", "--output-type", "docx", "--creator", "7", "--source", "7"]
    _, printed = audited(capsys, "1003", "--details", *given, "--enterprise", "7", *box.options)
    wanted = {"output-type", "creator", "source", "enterprise"}
    rules = {f"unexpected-{one}" for one in wanted} | {"unapproved-version"}
    assert rules <= {one["rule"] for one in printed["findings"]}
    more = ["--output-type", "pdf", "--creator", "svc-hr@example.com", "--source", "api"]
    _, printed = audited(capsys, "1003", "--details", *given, *more, *box.options)
    assert not {one["rule"] for one in printed["findings"]} & (rules - {"unapproved-version"})


def test_fail_on_sets_what_causes_exit_status_1(box, capsys):
    good = Enterprise.of({"1004": 2, "1005": 2})
    twice = [{**job, "external_id": "EMP-1"} for job in good.jobs("1004")]
    box.enterprise.put("1004", twice)
    box.enterprise.put("1005", good.jobs("1005"))
    levels = [["--fail-on", "error"], [], ["--fail-on", "running"], ["--fail-on", "warning"]]
    for batch_id, statuses in {
        "1001": [1, 1, 1, 1],  # an error
        "1003": [0, 1, 1, 1],  # running
        "1004": [0, 0, 0, 1],  # a warning
        "1005": [0, 0, 0, 0],
    }.items():
        got = [main(["audit", batch_id, *level, *box.options]) for level in levels]
        assert got == statuses, batch_id
    capsys.readouterr()


def results(path):
    """Each test case of a JUnit file: failure, skipped, passed, or passed with text."""
    cases = {}
    for suite in ElementTree.parse(path).iter("testsuite"):  # refuses what XML does not allow
        kinds = [case[0].tag if len(case) else "passed" for case in suite]
        counts = [int(suite.get(name)) for name in ("tests", "failures", "skipped")]
        assert counts == [len(kinds), kinds.count("failure"), kinds.count("skipped")]
        names = [(suite.get("name"), case.get("name")) for case in suite]
        cases |= dict(zip(names, kinds, strict=True))
    return cases


def test_junit_has_one_test_case_per_batch_and_rule(box, policy, tmp_path, capsys):
    path, manifest = tmp_path / "results.xml", tmp_path / "manifest.csv"
    manifest.write_text("batch_id,jobs\n1001,4\n1002,4\n1003,4\n1009,4\n", "utf-8")
    command = ["audit", "1001", "1002", "1003", "--junit", str(path), *box.options]
    assert main([*command, "--expected", str(manifest)]) == 1
    cases = results(path)
    assert sum(case[0] in ("batch 1001", "batch 1003") for case in cases) == 2 * len(bx.RULES)
    assert cases["batch 1009", "manifest-missing"] == "failure"
    assert cases["batch 1001", "failed-share"] == "failure"
    assert cases["batch 1003", "failed-share"] == "skipped"  # its jobs may still fail
    assert cases["batch 1003", "chain-incomplete"] == "passed"
    assert cases["batch 1003", "not-final"] == "system-out"
    assert cases["batch 1003", "unapproved-version"] == "skipped"
    assert main([*command, *policy, "--fail-on", "warning"]) == 1
    cases = results(path)
    assert cases["batch 1001", "failed-share"] == "passed"
    assert cases["batch 1002", "failed-share"] == "system-out"
    assert cases["batch 1003", "not-final"] == "failure"
    capsys.readouterr()


@pytest.mark.parametrize(
    "options", [["--max-failed-share", "1"], ["--creator", "7"], ["--fail-on", "error"], []]
)
def test_the_conclusion_in_junit_fails_if_the_exit_status_is_1(box, tmp_path, capsys, options):
    path = tmp_path / "results.xml"
    for batch_id in ("1001", "1003"):
        status = main(["audit", batch_id, "--junit", str(path), *options, *box.options])
        assert (results(path)["audit", "conclusion"] == "failure") == (status == 1)
    capsys.readouterr()


def test_what_was_requested_and_not_performed_says_what_it_needs(box, capsys):
    assert main(["audit", "1003", "--creator", "7", *box.options]) == 1
    assert "not performed: unexpected-creator needs details (" in capsys.readouterr().out


def test_no_text_of_box_can_break_the_xml(box, tmp_path, capsys):
    path = tmp_path / "results.xml"
    assert main(["audit", "1001", "--junit", str(path), *box.options]) == 1
    groups = ElementTree.parse(path).find(".//testcase[@name='failure-groups']/system-out")
    assert r"No \u0001\u001b ]]> <tag> [x](http://x) @all" in groups.text
    capsys.readouterr()


def test_markdown_is_a_summary_in_which_no_text_of_box_is_markup(box, tmp_path, capsys):
    path = tmp_path / "summary.md"
    assert main(["audit", "1001", "--markdown", "-", *box.options]) == 1
    printed = capsys.readouterr().out
    assert main(["audit", "1001", "--markdown", str(path), *box.options]) == 1
    assert path.read_text("utf-8") == printed
    assert printed.startswith("**Exceptions noted**\n\n- Population ")
    assert printed.endswith("\n| 1001 | 4 | 1 | yes |\n")
    assert r"\]\]\> \<tag\> \[x\](http\://x) \@all" in printed


def test_json_says_who_read_what_from_where_and_by_which_settings(box, policy, capsys):
    status, printed = audited(capsys, "1001", "1003", *policy, "--running-hours", "2", *box.options)
    assert (status, printed["schema_version"]) == (1, 1)
    assert printed["batches"][0] == {
        "batch_id": "1001",
        "template_file_ids": [box.enterprise.jobs("1001")[0]["template_file"]["id"]],
        "jobs": 4,
        "outcomes": {"failed": 1, "completed": 3},
        "checks": {"passed": 20, "found": 2, "not_performed": 23},
        "complete": True,
    }
    assert printed["reader"]["users"][0]["user_login"] == "svc-hr@example.com"
    assert printed["hosts"] == [box.url.removeprefix("http://").partition("/")[0]]
    assert printed["settings"]["running_hours"] == 2
    assert printed["defaults"]["max_error_share"] == 0
    assert printed["settings"]["policy"].startswith("policy.toml (SHA-256 ")
    assert (printed["error"], printed["failures"]) == (None, {})
    assert DEMO_TOKEN not in json.dumps(printed)


@pytest.mark.parametrize("others", [[], ["1003"]])
def test_if_box_fails_json_and_files_say_what_was_read_and_what_box_answered(
    box, capsys, tmp_path, others
):
    files = ["-o", str(tmp_path / "audit.html"), "--junit", str(tmp_path / "results.xml")]
    status, printed = audited(capsys, *others, "404404", *files, *box.options)
    assert status == 3
    assert printed["conclusion"] == "Scope limited"
    assert printed["jobs"] == 4 * len(others)
    known = "At least 4 jobs of 2 batches, " if others else "No job of batch 404404, "
    assert known in printed["population"]["statement"]
    assert {one["batch_id"]: one["complete"] for one in printed["batches"]}["404404"] is False
    failure = printed["failures"]["404404"]
    assert (failure["status"], failure["code"]) == (404, "not_found")
    assert failure["request_id"]
    assert failure["text"] in printed["error"]["text"] or others
    assert results(tmp_path / "results.xml")["batch 404404", "chain-incomplete"] == "failure"
    assert "Scope limited" in (tmp_path / "audit.html").read_text("utf-8")


@pytest.mark.thorough
def test_the_schema_describes_all_of_the_json_and_also_an_error_alone(
    box, policy, capsys, tmp_path, errors
):
    history = ["--history", str(tmp_path / "history"), "--sample", "2"]
    files = ["-o", str(tmp_path / "audit.html"), "--evidence", str(tmp_path / "audit.zip")]
    for _ in range(2):
        _, printed = audited(capsys, "1001", "1003", *history, *policy, *files, *box.options)
    assert errors(printed) == []
    assert printed["history"]["known"]
    for name in printed:
        without = {key: value for key, value in printed.items() if key != name}
        assert errors(without) or name == "verdict"
        assert errors({**printed, name: 0.5})
    assert errors({**printed, "more": 1})
    status, printed = audited(capsys, "1001", "--expected", str(tmp_path / "none.csv"))
    assert (status, errors(printed)) == (2, [])


def test_a_list_of_batches_that_cannot_be_read_is_a_result_too(box, capsys):
    box.fault("forbidden", path="/docgen_jobs", times=None)
    status, printed = audited(capsys, "--since", "7d", *box.options)
    assert (status, printed["conclusion"], printed["batches"]) == (3, "Scope limited", [])
    assert printed["error"]["status"] == 403
