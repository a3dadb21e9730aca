"""Verifying a bag: changes are found and named; a complete forgery only by its seal."""

from __future__ import annotations

import datetime as dt
import random
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import Forgery

import boxdocgen_explore as bx
from boxdocgen_explore import errors
from boxdocgen_explore.box import Box
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import Emulator, plain_job
from boxdocgen_explore.errors import BrokenBag, InvalidRequest
from boxdocgen_explore.reporting import Report, embedded, run_audit, with_history
from boxdocgen_explore.sealing import Verification, write_evidence

pytestmark = pytest.mark.trust
FIRST, SECOND, THIRD, FOURTH = (f"data/pages/1001/{number:06d}.json" for number in (1, 2, 3, 4))
LISTED = "data/pages/docgen_jobs/000001.json"
FOLDER = "data/documents/folders/191001/000001.json"
MANIFEST = b"batch_id,jobs\n1001,25\n1003,10\n"


def differences(found: Verification) -> str:
    """All that does not match, on one line."""
    rows = found.statements.filter(result="does not match").select("statement", "detail").rows()
    return "; ".join(f"{statement}: {detail}" for statement, detail in rows)


def script(bag: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in an unpacked bag, by a Python that has no packages."""
    with zipfile.ZipFile(bag) as archive:
        archive.extractall(folder)
    command = [sys.executable, "-I", "-S", str(folder / "audit" / "data" / "verify.py")]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_bag_is_consistent_and_with_its_seal_unchanged_since_lodged(bag: Report) -> None:
    found = bx.verify(bag.path)
    assert (found.ok, found.level, found.seal) == (True, "consistent", bag.seal)
    results = dict(found.statements.select("statement", "result").iter_rows())
    assert results.pop("seal") == results.pop("attributable") == "not performed"
    assert set(results.values()) == {"matches"}
    assert "Whoever can write it could have made all of it" in str(found)
    lodged = bx.verify(bag.path, seal=bag.seal.upper())
    assert (lodged.ok, lodged.level) == (True, "unchanged since lodged")
    assert "genuine" not in str(found) + str(lodged)
    other = bag.seal[:-1] + ("0" if bag.seal[-1] != "0" else "1")
    assert not bx.verify(bag.path, seal=other).ok


def test_the_bag_of_an_audit_with_a_period_is_consistent(source: Box, tmp_path: Path) -> None:
    period = (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC))
    bag = bx.evidence(source.read("1003", details=True), tmp_path / "a.zip", period=period)
    assert differences(bx.verify(bag.path)) == ""


def test_the_bag_of_batches_that_could_not_be_read_at_all_is_consistent(
    source: Box, tmp_path: Path
) -> None:
    reading = source.read(["404404"], errors="keep")
    bag = bx.evidence(reading, tmp_path / "a.zip")
    assert "read as svc-hr@example.com" in bag.verdict
    assert differences(bx.verify(bag.path)) == ""


@pytest.mark.parametrize("page", [1, 2])
def test_the_list_of_all_jobs_is_no_evidence_if_it_was_not_read_to_its_end(
    page: int, emulator: Emulator, box: Box, tmp_path: Path
) -> None:
    emulator.enterprise.put("1001", [plain_job("1001", number) for number in range(1200)])
    emulator.fault("500", path="/docgen_jobs", page=page, times=None)
    with pytest.raises(errors.ServerError) as failed:
        box.read("1001", details=True)
    reading = failed.value.reading
    assert reading is not None
    (lacks,) = bx.verdicts(reading).filter(rule="missing-job")["lacks"]
    assert lacks == "the complete list of all jobs (details)"
    bag = bx.evidence(reading, tmp_path / "a.zip")
    assert differences(bx.verify(bag.path)) == ""


def test_the_script_agrees_on_a_python_without_packages(bag: Report, tmp_path: Path) -> None:
    ran = script(bag.path, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("Left out: nothing\nConsistent.\nNot checked: findings, ")
    assert f"Seal: {bag.seal}" in ran.stdout
    data = tmp_path / "audit" / "data"
    stated = re.search(r"only Python, in (\d+) lines", (data / "FORMAT.md").read_text("utf-8"))
    assert len((data / "verify.py").read_text("utf-8").splitlines()) <= int(stated[1])


@pytest.mark.parametrize("flips", [60, pytest.param(1000, marks=pytest.mark.thorough)])
def test_flipped_bytes_are_each_found_and_located(bag: Report, tmp_path: Path, flips: int) -> None:
    """Of a file, they are located in that file."""
    content, chance = bag.path.read_bytes(), random.Random(14)
    with zipfile.ZipFile(bag.path) as archive:
        entries = archive.infolist()
    data = {entry: entry.header_offset + 30 + len(entry.filename) for entry in entries}
    damaged = tmp_path / "damaged.zip"
    for number in range(flips):
        entry = chance.choice(entries)  # otherwise nearly all are in the report, the largest file
        within = data[entry] + chance.randrange(entry.compress_size)
        place = within if number % 4 else chance.randrange(len(content))
        flipped = bytearray(content)
        flipped[place] ^= chance.randrange(1, 256)
        damaged.write_bytes(flipped)
        try:
            found = bx.verify(damaged)
        except BrokenBag:
            continue  # the list of files in the zip file
        assert (found.ok, found.level) == (False, None), place
        named = differences(found)
        for one, start in data.items():  # the last bits of a file may be insignificant
            if 0 <= place - start < one.compress_size and "around the files" not in named:
                assert one.filename.removeprefix("audit/") in named, place


def swap(bag: Forgery) -> None:
    bag.files[FIRST], bag.files[SECOND] = bag.files[SECOND], bag.files[FIRST]


def drop(bag: Forgery) -> None:
    del bag.files[SECOND]
    requests = [one for one in bag.requests() if one["file"] != SECOND]
    bag.state([one | {"page": 2} if one["file"] == THIRD else one for one in requests])


def drop_last(bag: Forgery) -> None:
    del bag.files[THIRD]
    bag.state([one for one in bag.requests() if one["file"] != THIRD])
    bag.edit("data/audit.json", lambda audit: audit["outcome"]["1001"].update(completed=17))


def repeat(bag: Forgery) -> None:
    bag.files[FOURTH] = bag.files[THIRD]
    third = next(one for one in bag.requests() if one["file"] == THIRD)
    bag.state([*bag.requests(), third | {"file": FOURTH, "page": 4}])


def change_reader(bag: Forgery) -> None:
    bag.state([one | {"user_login": "cfo@example.com"} for one in bag.requests()])


def entry(number: int, name: str = FIRST, **changes: Any) -> Callable[[Forgery], None]:
    """Change an entry of a page."""
    return lambda bag: bag.edit(name, lambda page: page["entries"][number].update(changes))


def two_statuses(bag: Forgery) -> None:
    """Counts stay: one job more failed, another one less."""
    entry(0, status="completed")(bag)
    entry(5, status="failed")(bag)


def record(change: Callable[[Any], object]) -> Callable[[Forgery], None]:
    return lambda bag: bag.edit("data/audit.json", change)


CREATOR = {"type": "user", "id": "1", "name": "Eve", "login": "eve@example.com"}
UNASKED = ": it was not requested by the marker of the page before it"
IN_PAGES: dict[str, tuple[Callable[[Forgery], None], str]] = {
    "two pages swapped": (swap, SECOND + UNASKED),
    "a page dropped": (drop, THIRD + UNASKED),
    "the last page dropped": (drop_last, "batch 1001: its last pages are missing"),
    "a page repeated": (repeat, FOURTH + UNASKED),
    "a job's batch": (
        entry(0, batch={"id": "1003"}),
        "job 1001000000: it appears twice, or belongs",
    ),
    "a status": (entry(0, status="completed"), "batch 1001: its pages have other jobs than"),
}
IN_WHAT_IS_STATED: dict[str, tuple[Callable[[Forgery], None], str]] = {
    "two statuses": (two_statuses, "its jobs are not those of the pages"),
    "a message": (entry(0, failures={"errors": ["No paper."]}), "findings, row "),
    "a creator": (entry(0, LISTED, created_by=CREATOR), "verdicts, row "),
    "a document": (entry(5, FOLDER, size=0), "findings, row "),
    "the reader": (change_reader, "reader: "),
    "the manifest": (lambda bag: bag.files.update({"data/manifest.csv": MANIFEST}), "settings: "),
    "a finding": (record(lambda audit: audit["findings"].pop(0)), "findings, row 1: "),
    "a verdict": (record(lambda audit: audit["verdicts"][0].update(lacks="?")), "verdicts, row 1"),
    "the sample": (record(lambda audit: audit["sample"]["rows"].reverse()), "sample: "),
    "the seed": (record(lambda audit: audit["sample"].update(seed="8")), "sample: "),
    "a name": (record(lambda audit: audit.update(prepared_by="Eve")), "report: its text is not"),
    "a setting": (record(lambda audit: audit["settings"].update(running_hours=9)), "thresholds: "),
}


FOR_VERIFY_ALONE = {"two statuses", "a message", "a creator", "a document", "the reader"}
"""Changes that only a repeated audit detects."""

USUAL = {*IN_PAGES, "a message", "a document", "a finding", "the manifest"}
EACH = [
    pytest.param(what, marks=() if what in USUAL else pytest.mark.thorough)
    for what in [*IN_PAGES, *IN_WHAT_IS_STATED]
]


@pytest.mark.parametrize("what", EACH)
def test_a_change_is_found_although_every_hash_was_computed_again(
    what: str, bag: Report, tmp_path: Path
) -> None:
    forge, named = {**IN_PAGES, **IN_WHAT_IS_STATED}[what]
    forgery = Forgery(bag.path)
    forge(forgery)
    forgery.state(forgery.requests())
    path = forgery.written()
    found = bx.verify(path)
    assert named in differences(found)
    assert (found.ok, found.level) == (False, None)
    ran = script(path, tmp_path)
    assert ran.returncode == (what not in FOR_VERIFY_ALONE), ran.stdout
    assert ("Seal: " in ran.stdout) == (ran.returncode == 0)
    assert what not in IN_PAGES or named in ran.stdout


def test_the_script_says_what_it_cannot_check_without_the_answers(
    source: Box, tmp_path: Path
) -> None:
    bag = bx.evidence(source.read("1003"), tmp_path / "audit.zip", redact="errors")
    ran = script(bag.path, tmp_path)
    assert ran.returncode == 0
    assert ran.stdout.startswith("Left out: errors; so pages, jobs and counts are not checked\n")


OTHER_REPORT = "data/report.html: it has another record than data/audit.json"


def test_the_script_finds_another_report_or_manifest_although_every_hash_was_computed_again(
    bag: Report, source: Box, tmp_path: Path
) -> None:
    other = Forgery(bx.evidence(source.read("1003"), tmp_path / "other.zip").path).files
    text = Forgery(bag.path).files["data/report.html"]
    clean = text.replace(b">Exceptions noted<", b">No exceptions noted<")
    for name, content, named in (
        ("data/report.html", other["data/report.html"], OTHER_REPORT),
        ("data/report.html", clean, "data/report.html: it was changed after it was written"),
        ("data/manifest.csv", MANIFEST, "data/manifest.csv: it is not the file that data/audit"),
    ):
        forgery = Forgery(bag.path)
        assert forgery.files[name] != content
        forgery.files[name] = content
        ran = script(forgery.written(), tmp_path)
        assert (ran.returncode, ran.stdout.splitlines()[1].startswith(named)) == (1, True), (
            ran.stdout
        )
        assert "\nNOT consistent.\nNot checked: " in ran.stdout


def unmanifested(bag: Path, edit: Callable[[Forgery], None]) -> Path:
    """Change the files of a bag, but not its manifests."""
    forgery = Forgery(bag)
    edit(forgery)
    return forgery.packed()


def test_a_seal_never_matches_if_the_files_are_not_those_of_the_manifest(
    bag: Report, tmp_path: Path
) -> None:
    path = unmanifested(bag.path, entry(0, status="completed"))
    found = bx.verify(path, seal=bag.seal)
    statements = {name: (result, detail) for name, result, detail in found.statements.rows()}
    assert statements["seal"][0] == "not performed"
    assert "a seal is that of the manifest alone, and the files do not match it" in str(found)
    ran = script(path, tmp_path)
    for text in (str(found), ran.stdout):
        assert text.count("Seal: ") == 0
        assert bag.seal not in text


def test_a_missing_answer_is_named_in_plain_words(bag: Report, tmp_path: Path) -> None:
    path = unmanifested(bag.path, lambda forgery: forgery.files.pop(SECOND))
    found, ran = bx.verify(path), script(path, tmp_path)
    for text in (differences(found), ran.stdout):
        assert f"{SECOND}: it is missing" in text
        assert f"{SECOND}: this answer of Box is missing" in text
        assert "cannot be checked" not in text
        assert "not as FORMAT.md" not in text
    assert [row for row in found.statements.rows() if row[0] == "audit"] == [
        ("audit", "not performed", "these are not the files that it was made from")
    ]


def test_only_the_first_three_of_many_similar_problems_are_shown(
    bag: Report, tmp_path: Path
) -> None:
    forgery = Forgery(bag.path)
    forgery.files[SECOND] = forgery.files[FIRST]
    forgery.state(forgery.requests())
    path = forgery.written()
    for text in (str(bx.verify(path)), script(path, tmp_path).stdout):
        assert len(re.findall(r", job \d+: it appears twice, or belongs", text)) == 3
        assert "and 7 more: it appears twice, or belongs to another batch" in text


def test_a_report_that_states_something_else_is_found(bag: Report) -> None:
    """Even if its own digest was recomputed."""
    forgery = Forgery(bag.path)
    text = forgery.files["data/report.html"].decode()
    page = embedded.parsed_report(Path("report"), text).text
    assert 'class="headline">Exceptions noted<' in page
    clean = page.replace('class="headline">Exceptions noted<', 'class="headline">No exceptions<')
    forgery.files["data/report.html"] = embedded.sealed(clean)[0].encode()
    found = bx.verify(forgery.written())
    assert "report: its text is not what audit.json and the pages state" in differences(found)


def test_a_complete_forgery_is_consistent_and_fails_against_the_lodged_seal(
    bag: Report, source: Box, tmp_path: Path
) -> None:
    """Another reading, whose bag does not show that it is not the first."""
    forged = bx.evidence(source.read(["1003"]), tmp_path / "audit.zip")
    alone = bx.verify(forged.path)
    assert (alone.ok, alone.level) == (True, "consistent")
    assert "a complete forgery passes" in str(alone)
    compared = bx.verify(forged.path, seal=bag.seal)
    assert (compared.ok, compared.level) == (False, "consistent")
    assert "seal: this is not the bag whose seal was lodged" in differences(compared)


def test_a_bag_that_was_packed_again_is_the_same_bag(bag: Report) -> None:
    found = bx.verify(Forgery(bag.path).written(), seal=bag.seal)
    assert (found.ok, found.level) == (True, "unchanged since lodged")
    assert ("zip file", "not performed") in found.statements.select("statement", "result").rows()


def test_custom_rules_are_not_performed_and_the_others_are(source: Box, tmp_path: Path) -> None:
    each = lambda inputs: inputs.jobs.select("batch_id", detail="status")  # noqa: E731
    mine = bx.Rule("mine", "error", "nothing", "Why not.", each)
    bag = bx.evidence(source.read(["1003"]), tmp_path / "audit.zip", rules=[mine, *bx.RULES])
    found = bx.verify(bag.path)
    rows = found.statements.select("statement", "result").rows()
    assert {("rules", "not performed"), ("findings, verdicts", "matches")} <= {*rows}
    forgery = Forgery(bag.path)
    forgery.edit("data/audit.json", lambda record: record["batch_table"][0].update(failed=9))
    assert "batch_table" in differences(bx.verify(forgery.written()))


def test_a_bag_with_a_sample_matches_where_scipy_is_missing(
    bag: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    assert bx.verify(bag.path).ok


def test_the_history_is_not_performed_again_because_the_bag_has_no_earlier_audits(
    source: Box, tmp_path: Path
) -> None:
    reading = source.read(["1003"])
    result = with_history(run_audit(reading), tmp_path)
    found = bx.verify(write_evidence(result, tmp_path / "audit.zip").path)
    assert found.ok
    assert ("history", "not performed") in found.statements.select("statement", "result").rows()


def test_bags_of_another_version_are_performed_again_by_this_one(bag: Report) -> None:
    forgery = Forgery(bag.path)
    record(lambda audit: audit["code"].update(sha256="0" * 64))(forgery)
    record(lambda audit: audit["findings"].pop(0))(forgery)
    found = bx.verify(forgery.written())
    assert ("code", "not performed") in found.statements.select("statement", "result").rows()
    assert "findings, row 1: " in differences(found)


# --- files that are not bags ---------------------------------------------------------------------


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("a/data/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a/data/page.json", b"{}", "no file 'tagmanifest-sha256.txt'"),
        ("a/../../etc/passwd", b"x", "leads out of the folder"),
        ("/etc/passwd", b"x", "leads out of the folder"),
        ("a/..\\x", b"x", "leads out of the folder"),
        (link(), b"/etc/passwd", "is a link"),
        ("a/twice", b"{}", "appears twice"),
        ("a/data/bomb.json", bytes(1 << 28), "too large for a bag"),
    ],
    ids=["none", "traversal", "absolute", "backslash", "link", "twice", "bomb"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_zip_file_is_one_clear_error(
    name: Any, content: bytes, why: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/twice", b"")
        archive.writestr(name, content)
    with pytest.raises(BrokenBag, match=why):
        bx.verify(tmp_path / "hostile.zip")


@pytest.mark.parametrize("content", [b"", b"PK", b"\xff" * 100, b"<html>"])
def test_other_bytes_are_not_a_bag(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "none.zip").write_bytes(content)
    with pytest.raises(BrokenBag, match="damaged, or no zip file with a bag"):
        bx.verify(tmp_path / "none.zip")
    with pytest.raises(BrokenBag, match="cannot be read"):
        bx.verify(tmp_path / "missing.zip")
    assert [main(["verify", str(tmp_path / name)]) for name in ("none.zip", "missing.zip")] == [
        2,
        2,
    ]


@pytest.mark.parametrize("name", ["data/audit.json", "data/reading.jsonl", FIRST])
@pytest.mark.parametrize("content", [b"[" * 100_000, b"null", b'{"a": 1e999}', b"\xff", b"[[]]"])
def test_hostile_json_does_not_match(name: str, content: bytes, bag: Report) -> None:
    forgery = Forgery(bag.path)
    forgery.files[name] = content
    found = bx.verify(forgery.written())
    assert found.level is None
    says = r"cannot be checked: (a file is not as data/FORMAT.md says, probably data/|data/pages/)"
    assert re.search(says, differences(found))


@pytest.mark.parametrize("seal", ["", "abc", "g" * 64, 5])
def test_an_invalid_seal_is_an_error(seal: Any, bag: Report) -> None:
    with pytest.raises(InvalidRequest, match="64 hexadecimal digits"):
        bx.verify(bag.path, seal=seal)
