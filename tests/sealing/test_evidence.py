"""Writing a bag: what is in it, what is not, and what other programs say of it."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from forging import Forgery, digest

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.reporting import Report


def unpacked(bag: Path, folder: Path) -> Path:
    with zipfile.ZipFile(bag) as archive:
        archive.extractall(folder)
    return folder / bag.stem


def run(command: str, folder: Path) -> int:
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True).returncode


def documented(folder: Path, start: str, **names: str) -> str:
    """A command of FORMAT.md, with names for what is in capitals."""
    lines = (folder / "data" / "FORMAT.md").read_text("utf-8").splitlines()
    command = next(line.strip() for line in lines if line.strip().startswith(start))
    for word, name in names.items():
        command = command.replace(word, name)
    return command


def test_a_bag_has_every_answer_and_its_hashes_are_those_of_the_report(bag: Report) -> None:
    files = Forgery(bag.path).files
    report = bag.path.with_name("report.html")
    report.write_bytes(files["data/report.html"])
    reading = bx.read_report(report, evidence=True)
    lines = files["manifest-sha256.txt"].decode().splitlines()
    pages = [line.split("  ")[0] for line in lines if "  data/pages/100" in line]
    assert pages == reading.pages["body_sha256"].to_list()
    assert len(json.loads(files["data/pages/1001/000001.json"])["entries"]) == 10
    assert "data/pages/docgen_jobs/000001.json" in files
    assert "data/documents/folders/191001/000001.json" in files
    assert digest(files["tagmanifest-sha256.txt"]) == bag.seal
    assert bag.path.stat().st_mode & 0o777 == 0o600
    assert files["data/manifest.csv"].startswith(b"batch_id,jobs")
    record = json.loads(files["data/audit.json"])
    assert record["outcome"]["1001"] == {"completed": 22, "failed": 3}
    assert record["thresholds"]["max_failed_share"] == 0.25
    assert str(bag).endswith(f"Seal: {bag.seal}")


def test_other_programs_verify_a_bag(bag: Report, tmp_path: Path) -> None:
    folder = unpacked(bag.path, tmp_path)
    check = documented(folder, "sha256sum -c").partition("#")[0]
    assert run(check, folder) == 0
    page = folder / "data" / "pages" / "1001" / "000002.json"
    page.write_bytes(page.read_bytes().replace(b"completed", b"failed", 1))
    assert run(check, folder) == 1
    assert run("python3 -I data/verify.py", folder) == 1


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")
def test_a_signature_of_the_seal_is_made_and_checked_as_documented(
    bag: Report, tmp_path: Path
) -> None:
    folder = unpacked(bag.path, tmp_path)
    assert run("ssh-keygen -t ed25519 -N '' -q -f key", tmp_path) == 0
    (tmp_path / "signers").write_text(f"auditor {(tmp_path / 'key.pub').read_text()}")
    assert run(documented(folder, "ssh-keygen -Y sign", KEY="../key"), folder) == 0
    check = documented(folder, "ssh-keygen -Y verify", SIGNERS="../signers", NAME="auditor")
    assert run(check, folder) == 0
    with (folder / "tagmanifest-sha256.txt").open("a") as file:
        file.write(" ")
    assert run(check, folder) != 0


TSA = """[tsa]\ndefault_tsa = t\n[t]\nserial = serial\nsigner_cert = ../tsa.pem
signer_key = ../tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3\ndigests = sha256\n"""
CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.pem -subj /CN=TSA "
    "-addext extendedKeyUsage=critical,timeStamping"
)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_a_time_stamp_of_the_seal_is_asked_for_and_checked_as_documented(
    bag: Report, tmp_path: Path
) -> None:
    folder = unpacked(bag.path, tmp_path)
    (tmp_path / "tsa.cnf").write_text(TSA)
    assert run(CERTIFICATE, tmp_path) == 0
    assert run(documented(folder, "openssl ts -query"), folder) == 0
    reply = "openssl ts -reply -config ../tsa.cnf -queryfile bag.tsq -out bag.tsr"
    assert run(reply, folder) == 0
    check = documented(folder, "openssl ts -verify", AUTHORITY="../tsa.pem")
    assert run(check, folder) == 0
    with (folder / "tagmanifest-sha256.txt").open("a") as file:
        file.write(" ")
    assert run(check, folder) != 0


def test_the_same_audit_gives_the_same_bytes(source: Box, tmp_path: Path) -> None:
    reading = source.read(["1003"])
    result = bx.reporting.run_audit(reading)
    bags = [tmp_path / "1" / "audit.zip", tmp_path / "2" / "audit.zip"]
    for path in bags:
        path.parent.mkdir()
        bx.sealing.write_evidence(result, reading, path)
    assert bags[0].read_bytes() == bags[1].read_bytes()


def test_without_the_answers_there_is_no_bag_and_the_error_says_what_to_do(
    box: Box, connected: Callable[..., Box], tmp_path: Path
) -> None:
    path = tmp_path / "audit.zip"
    reading = box.read("1001", limit=10)
    with pytest.raises(InvalidRequest, match="needs the reading that"):
        bx.evidence(reading.jobs, path)
    with pytest.raises(InvalidRequest, match="batch 1001 is no longer at hand"):
        bx.evidence(pickle.loads(pickle.dumps(reading)), path)
    connected().read("1001", limit=10, refresh=True)
    assert bx.verify(bx.evidence(reading, path).path).ok
    path.unlink()
    box.close()
    with pytest.raises(InvalidRequest, match="no longer at hand"):
        bx.evidence(reading, path)
    assert [one.name for one in tmp_path.iterdir()] == ["cache"]


def test_a_batch_that_could_not_be_read_is_in_a_consistent_bag(
    box: Box, emulator: Emulator, tmp_path: Path
) -> None:
    emulator.fault("other-body", path="/docgen_batch_jobs/1003", times=None, body="{}")
    with pytest.raises(bx.BoxDocGenError) as caught:
        box.read(["1001", "1003"], limit=10)
    bag = bx.evidence(caught.value.reading, tmp_path / "audit.zip")
    assert bag.verdict.startswith("Scope limited")
    assert bx.verify(bag.path).ok


def test_what_was_left_out_is_not_in_the_bag_and_the_bag_says_so(
    source: Box, tmp_path: Path
) -> None:
    reading = source.read(["1001"], details=True)
    manifest = pl.DataFrame({"external_id": reading.jobs["external_id"]})
    options = {"redact": ["errors", "creators", "external_id"], "expected": manifest}
    bag = bx.evidence(reading, tmp_path / "audit.zip", **options)
    files = Forgery(bag.path).files
    assert not any(name.startswith("data/pages") or name.endswith(".csv") for name in files)
    everything = b"".join(files.values())
    for secret in ("is not a date", *reading.jobs["external_id"]):
        assert secret.encode() not in everything
    found = bx.verify(bag.path)
    assert found.ok
    assert "answers are not in the bag" in str(found)
    assert b"cannot be performed again from it" in files["data/report.html"]
    assert DEMO_TOKEN.encode() not in everything


def test_the_command_line_writes_a_bag_and_verifies_it(tmp_path: Path, capsys) -> None:
    path = str(tmp_path / "audit.zip")
    assert main(["audit", "12345600340", "--demo", "--details", "--evidence", path]) == 1
    seal = capsys.readouterr().out.splitlines()[-1].removeprefix("Seal: ")
    assert main(["verify", path, "--seal", seal]) == 0
    assert capsys.readouterr().out.startswith("Unchanged since its seal was lodged")
    assert main(["verify", path, "--seal", "0" * 64, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["level"] == "consistent"
    assert main(["verify", path, "--seal", "0"]) == 2
    assert main(["verify", str(tmp_path / "none.zip")]) == 3
    assert "cannot be read" in capsys.readouterr().err
    assert main(["audit", "--since", "2d", "--demo", "--evidence", path]) == 1
    assert main(["verify", path]) == 0
