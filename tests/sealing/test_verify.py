"""Verifying a bag: what was changed is found and named, and a complete forgery only by its seal."""

from __future__ import annotations

import random
import shutil
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
from boxdocgen_explore.errors import BrokenBag, InvalidRequest
from boxdocgen_explore.reporting import embedded
from boxdocgen_explore.sealing import Evidence, Verification

pytestmark = pytest.mark.trust
FIRST, SECOND, THIRD = (f"data/pages/1001/{number:06d}.json" for number in (1, 2, 3))


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


def test_a_bag_is_consistent_and_with_its_seal_unchanged_since_lodged(bag: Evidence) -> None:
    found = bx.verify(bag.path)
    assert (found.ok, found.level, found.seal) == (True, "consistent", bag.seal)
    results = dict(found.statements.select("statement", "result").iter_rows())
    assert results.pop("seal") == results.pop("attributable") == "not performed"
    assert set(results.values()) == {"matches"}
    assert "Whoever can write it could have made all of it" in str(found)
    lodged = bx.verify(bag.path, seal=bag.seal.upper())
    assert (lodged.ok, lodged.level) == (True, "unchanged since lodged")
    assert "genuine" not in str(found) + str(lodged)


def test_the_script_agrees_on_a_python_without_packages(bag: Evidence, tmp_path: Path) -> None:
    ran = script(bag.path, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert bag.seal in ran.stdout
    text = (tmp_path / "audit" / "data" / "verify.py").read_text("utf-8")
    assert len(text.splitlines()) <= 80


def test_a_thousand_flipped_bytes_are_each_found_and_located(bag: Evidence, tmp_path: Path) -> None:
    """Of a file, they are located in that file."""
    content, chance = bag.path.read_bytes(), random.Random(14)
    with zipfile.ZipFile(bag.path) as archive:
        entries = archive.infolist()
    data = {entry: entry.header_offset + 30 + len(entry.filename) for entry in entries}
    damaged = tmp_path / "damaged.zip"
    for number in range(1000):
        entry = chance.choice(entries)  # else nearly all are in the report, which is the largest
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
        located = differences(found).partition("; ")[2]
        for one, start in data.items():
            if located and start <= place < start + one.compress_size:
                assert one.filename.removeprefix("audit/") in located, place


def swap(bag: Forgery) -> None:
    bag.files[FIRST], bag.files[SECOND] = bag.files[SECOND], bag.files[FIRST]


def drop(bag: Forgery) -> None:
    del bag.files[SECOND]
    requests = [one for one in bag.requests() if one["file"] != SECOND]
    bag.state([one | {"page": 2} if one["file"] == THIRD else one for one in requests])


def drop_last(bag: Forgery) -> None:
    del bag.files[THIRD]
    bag.state([one for one in bag.requests() if one["file"] != THIRD])
    bag.edit("data/audit.json", lambda audit: audit["batches"]["1001"].update(completed=17))


def repeat(bag: Forgery) -> None:
    bag.files["data/pages/1001/000004.json"] = bag.files[THIRD]
    third = next(one for one in bag.requests() if one["file"] == THIRD)
    again = third | {"file": "data/pages/1001/000004.json", "page": 4}
    bag.state([*bag.requests(), again])


def change_status(bag: Forgery) -> None:
    bag.edit(FIRST, lambda page: page["entries"][0].update(status="completed"))


def change_two(bag: Forgery) -> None:
    """Counts stay: one job more failed, another one less."""
    bag.edit(FIRST, lambda page: page["entries"][0].update(status="completed"))
    bag.edit(FIRST, lambda page: page["entries"][5].update(status="failed"))


def change_message(bag: Forgery) -> None:
    failures = {"errors": ["The printer is out of paper."], "warnings": []}
    bag.edit(FIRST, lambda page: page["entries"][0].update(failures=failures))


def change_finding(bag: Forgery) -> None:
    bag.edit("data/audit.json", lambda audit: audit["findings"].pop(0) and None)


def change_verdict(bag: Forgery) -> None:
    bag.edit("data/audit.json", lambda audit: audit["verdicts"][0].update(verdict="not evaluated"))


def change_threshold(bag: Forgery) -> None:
    bag.edit("data/audit.json", lambda audit: audit["settings"].update(max_failed_share=0.01))


def change_manifest(bag: Forgery) -> None:
    bag.files["data/manifest.csv"] = b"batch_id,jobs\n1001,25\n1003,10\n"


def change_details(bag: Forgery) -> None:
    creator = {"type": "user", "id": "1", "name": "Eve", "login": "eve@example.com"}
    page = "data/pages/docgen_jobs/000001.json"
    bag.edit(page, lambda page: page["entries"][0].update(created_by=creator))


def change_document(bag: Forgery) -> None:
    page = next(name for name in bag.files if name.startswith("data/documents/folders/"))
    bag.edit(page, lambda page: page["entries"][5].update(size=0))


def change_request(bag: Forgery) -> None:
    bag.state([one | {"user_login": "cfo@example.com"} for one in bag.requests()])


FORGERIES: dict[Callable[[Forgery], None], str] = {
    swap: f"{SECOND}: it was not requested by the marker",
    drop: f"{THIRD}: it was not requested by the marker of the page before it",
    drop_last: "batch 1001: its last pages are missing",
    repeat: "000004.json: it was not requested by the marker of the page before it",
    change_status: "batch 1001: its pages have other jobs than audit.json counts",
    change_two: "its jobs are not those of the pages",
    change_message: "findings, row 4: ",
    change_finding: "findings, row 1: ",
    change_verdict: "verdicts, row 1: ",
    change_threshold: "findings, row 1: ",
    change_manifest: "settings: ",
    change_details: "verdicts, row ",
    change_document: "findings, row ",
    change_request: "reader: ",
}
SCRIPT_FINDS = (swap, drop, drop_last, repeat, change_status)


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_change_is_found_although_every_hash_was_computed_again(
    forge: Callable[[Forgery], None], bag: Evidence, tmp_path: Path
) -> None:
    forgery = Forgery(bag.path)
    forge(forgery)
    path = forgery.written()
    found = bx.verify(path)
    assert FORGERIES[forge] in differences(found)
    assert (found.ok, found.level) == (False, None)
    assert str(found).startswith("NOT consistent")
    ran = script(path, tmp_path)
    assert ran.returncode == (1 if forge in SCRIPT_FINDS else 0), ran.stdout
    if forge in SCRIPT_FINDS:
        assert FORGERIES[forge] in ran.stdout


def test_a_report_that_states_something_else_is_found(bag: Evidence) -> None:
    """Even if its own digest was computed again."""
    forgery = Forgery(bag.path)
    text = forgery.files["data/report.html"].decode()
    page = embedded.parsed(Path("report"), text).text
    assert 'class="headline">Exceptions noted<' in page
    clean = page.replace('class="headline">Exceptions noted<', 'class="headline">No exceptions<')
    forgery.files["data/report.html"] = embedded.sealed(clean)[0].encode()
    found = bx.verify(forgery.written())
    assert "report: its text is not what audit.json and the pages state" in differences(found)


def test_a_complete_forgery_is_consistent_and_fails_against_the_lodged_seal(
    bag: Evidence, source: Any, tmp_path: Path
) -> None:
    """Another reading: nothing in its bag can show that it is not the first."""
    forged = bx.evidence(source.read(["1003"]), tmp_path / "audit.zip")
    alone = bx.verify(forged.path)
    assert (alone.ok, alone.level) == (True, "consistent")
    assert "a complete forgery passes" in str(alone)
    compared = bx.verify(forged.path, seal=bag.seal)
    assert (compared.ok, compared.level) == (False, "consistent")
    assert "seal: this is not the bag whose seal was lodged" in differences(compared)


def test_a_bag_that_was_packed_again_is_the_same_bag(bag: Evidence) -> None:
    found = bx.verify(Forgery(bag.path).written(state=False), seal=bag.seal)
    assert (found.ok, found.level) == (True, "unchanged since lodged")
    assert found.statements.row(0)[:2] == ("zip file", "not performed")


def test_rules_of_ones_own_are_not_performed_and_the_others_are(
    source: Any, tmp_path: Path
) -> None:
    nothing = lambda inputs: inputs.jobs.clear().select(detail="status")  # noqa: E731
    mine = bx.Rule("mine", "error", "nothing", "Why not.", nothing)
    bag = bx.evidence(source.read(["1003"]), tmp_path / "audit.zip", rules=[mine, *bx.RULES])
    found = bx.verify(bag.path)
    assert found.ok, found
    rows = {statement: (result, detail) for statement, result, detail in found.statements.rows()}
    assert rows["rules"] == ("not performed", "not in this version: mine")
    assert rows["findings, verdicts"][0] == "matches"


# --- files that are no bag -----------------------------------------------------------------------


def packed(path: Path, *files: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("a/data/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


TAG = ("a/tagmanifest-sha256.txt", b"")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([("a/data/page.json", b"{}")], "no file 'tagmanifest-sha256.txt'"),
        ([TAG, ("a/../../etc/passwd", b"x")], "leads out of the folder"),
        ([TAG, ("/etc/passwd", b"x")], "leads out of the folder"),
        ([TAG, ("a/..\\x", b"x")], "leads out of the folder"),
        ([TAG, (link(), b"/etc/passwd")], "is a link"),
        ([TAG, ("a/data/bomb.json", bytes(1 << 28))], "too large for a bag"),
    ],
    ids=["none", "traversal", "absolute", "backslash", "link", "bomb"],
)
def test_a_hostile_zip_file_is_one_clear_error(files: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenBag, match=why):
        bx.verify(packed(tmp_path / "hostile.zip", *files))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_appears_twice_is_an_error(bag: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    shutil.copy(bag.path, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("audit/data/audit.json", b"{}")
    with pytest.raises(BrokenBag, match="appears twice"):
        bx.verify(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"\xff" * 100, b"<html>"])
def test_other_bytes_are_no_bag(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "none.zip").write_bytes(content)
    with pytest.raises(BrokenBag, match="damaged, or not a zip file"):
        bx.verify(tmp_path / "none.zip")
    with pytest.raises(BrokenBag, match="cannot be read"):
        bx.verify(tmp_path / "missing.zip")


@pytest.mark.parametrize("name", ["data/audit.json", "data/reading.jsonl", FIRST])
@pytest.mark.parametrize("content", [b"[" * 100_000, b"null", b'{"a": 1e999}', b"\xff", b"[[]]"])
def test_hostile_json_does_not_match(name: str, content: bytes, bag: Evidence) -> None:
    forgery = Forgery(bag.path)
    forgery.files[name] = content
    found = bx.verify(forgery.written(state=False))
    assert found.level is None


@pytest.mark.parametrize("seal", ["", "abc", "g" * 64, 5])
def test_a_seal_that_is_none_is_an_error(seal: Any, bag: Evidence) -> None:
    with pytest.raises(InvalidRequest, match="64 hexadecimal digits"):
        bx.verify(bag.path, seal=seal)
