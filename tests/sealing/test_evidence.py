"""Writing a bag: its content, and its validity for other programs."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from forging import Forgery, digest

import boxdocgen_explore as bx
from boxdocgen_explore import reporting, sealing
from boxdocgen_explore.box import Box
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator
from boxdocgen_explore.errors import InvalidRequest


@pytest.fixture
def folder(bag: reporting.Report, tmp_path: Path) -> Path:
    """The unpacked bag."""
    with zipfile.ZipFile(bag.path) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "audit"


def run(folder: Path, start: str, **names: str) -> bool:
    """Run a command of FORMAT.md, with values for its placeholders, or any other command."""
    lines = (folder / "data" / "FORMAT.md").read_text("utf-8").splitlines()
    found = (line.partition("#")[0] for line in lines if line.strip().startswith(start))
    command = next(found, start)
    for word, name in names.items():
        command = command.replace(word, name)
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True).returncode == 0


def test_a_bag_has_every_answer_and_its_hashes_are_those_of_the_report(
    bag: reporting.Report, tmp_path: Path
) -> None:
    files = Forgery(bag.path).files
    (tmp_path / "report.html").write_bytes(files["data/report.html"])
    reading = bx.read_report(tmp_path / "report.html", evidence=True)
    lines = files["manifest-sha256.txt"].decode().splitlines()
    pages = [line.split("  ")[0] for line in lines if "  data/pages/100" in line]
    assert pages == reading.pages["body_sha256"].to_list()
    assert {"data/pages/docgen_jobs/000001.json", "data/manifest.csv"} <= files.keys()
    assert "data/documents/folders/191001/000001.json" in files
    assert digest(files["tagmanifest-sha256.txt"]) == bag.seal
    assert str(bag).endswith(f"Seal: {bag.seal}")
    assert bag.path.stat().st_mode & 0o777 == 0o600
    record = json.loads(files["data/audit.json"])
    assert record["outcome"]["1001"] == {"completed": 22, "failed": 3}
    assert record["thresholds"][0]["max_failed_share"] == 0.25
    assert DEMO_TOKEN.encode() not in b"".join(files.values())


def test_other_programs_verify_a_bag(folder: Path) -> None:
    assert run(folder, "sha256sum -c")
    page = folder / "data" / "pages" / "1001" / "000002.json"
    page.write_bytes(page.read_bytes().replace(b"completed", b"failed", 1))
    assert not run(folder, "sha256sum -c")
    assert not run(folder, "python3 -I")


SIGN = [
    ("ssh-keygen -t ed25519 -N '' -q -f key && (printf 'auditor '; cat key.pub) > signers", {}),
    ("ssh-keygen -Y sign", {"KEY": "key"}),
    ("ssh-keygen -Y verify", {"SIGNERS": "signers", "NAME": "auditor"}),
]
TSA = "[tsa]\\ndefault_tsa=t\\n[t]\\nserial=serial\\nsigner_cert=tsa.pem\\nsigner_key=tsa.key\\n"
TSA += "signer_digest=sha256\\ndefault_policy=1.2.3\\ndigests=sha256\\n"
STAMP = [
    (
        f"printf '{TSA}' > tsa.cnf && openssl req -x509 -newkey rsa:2048 -nodes -keyout tsa.key "
        "-out tsa.pem -subj /CN=TSA -addext extendedKeyUsage=critical,timeStamping",
        {},
    ),
    ("openssl ts -query", {}),
    ("openssl ts -reply -config tsa.cnf -queryfile bag.tsq -out bag.tsr", {}),
    ("openssl ts -verify", {"AUTHORITY": "tsa.pem"}),
]


@pytest.mark.parametrize("commands", [SIGN, STAMP], ids=["ssh-keygen", "openssl"])
def test_the_seal_is_signed_and_stamped_as_documented(folder: Path, commands: list) -> None:
    if not shutil.which(commands[-1][0].partition(" ")[0]):
        pytest.skip("the program is not installed")
    assert all(run(folder, command, **names) for command, names in commands)
    with (folder / "tagmanifest-sha256.txt").open("a") as file:
        file.write(" ")
    assert not run(folder, commands[-1][0], **commands[-1][1])


def test_the_same_audit_gives_the_same_bytes(source: Box, tmp_path: Path) -> None:
    reading, path = source.read(["1003"]), tmp_path / "audit.zip"
    result = reporting.run_audit(reading)
    first, again = (sealing.write_evidence(result, path).path.read_bytes() for _ in range(2))
    assert first == again


def test_without_the_answers_there_is_no_bag_and_the_error_says_what_to_do(
    box: Box, tmp_path: Path
) -> None:
    path, reading = tmp_path / "audit.zip", box.read("1001", limit=10)
    with pytest.raises(InvalidRequest, match="needs the reading that"):
        bx.evidence(reading.jobs, path)
    with pytest.raises(InvalidRequest, match="batch 1001 is no longer at hand"):
        bx.evidence(pickle.loads(pickle.dumps(reading)), path)
    box.close()
    with pytest.raises(InvalidRequest, match="Read again, and write the evidence before"):
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
    assert bx.verify(bag.path).level == "consistent"


def test_what_was_left_out_is_not_in_the_bag_and_the_bag_says_so(
    source: Box, tmp_path: Path
) -> None:
    reading = source.read(["1001"], details=True)
    manifest = reading.jobs.select("external_id")
    options = {"redact": ["errors", "external_id"], "expected": manifest}
    bag = bx.evidence(reading, tmp_path / "audit.zip", **options)
    files = Forgery(bag.path).files
    assert not any(name.startswith("data/pages") or name.endswith(".csv") for name in files)
    for secret in ("is not a date", *manifest["external_id"]):
        assert secret.encode() not in b"".join(files.values())
    assert b"cannot be performed again from it" in files["data/report.html"]
    found = bx.verify(bag.path)
    assert found.ok
    assert "2 answers are not in the bag" in str(found)


def test_a_reader_who_is_a_creator_stays_without_creators_and_the_report_and_the_help_say_so(
    source: Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = source.read(["1001"], details=True)
    says = "The reader's login and user id stay"
    for redact in ("creators", "errors"):
        bag = bx.evidence(reading, tmp_path / "audit.zip", redact=redact)
        record = json.loads(Forgery(bag.path).files["data/audit.json"])
        assert record["reader"]["users"][0]["user_login"] == reading.user.login
        assert (says in str(dict(record["facts"])["Left out"])) == (redact == "creators")
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    assert says.removeprefix("The ") in " ".join(capsys.readouterr().out.split())


def test_the_command_line_writes_a_bag_and_verifies_it(
    emulator: Emulator, tmp_path: Path, monkeypatch, capsys
) -> None:
    path = str(tmp_path / "audit.zip")
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    where = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "cache")]
    assert main(["audit", "1001", "--details", "--evidence", path, *where]) == 0
    seal = capsys.readouterr().out.splitlines()[-1].removeprefix("Seal: ")
    assert main(["verify", path, "--seal", seal]) == 0
    assert capsys.readouterr().out.startswith("Unchanged since its seal was lodged")
    assert main(["verify", path, "--seal", "0" * 64, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["level"] == "consistent"
    assert main(["verify", path, "--seal", "0"]) == 2
    assert main(["verify", str(tmp_path / "none.zip")]) == 2
    assert main(["audit", "--since", "99999d", "--evidence", path, *where]) == 0
    assert main(["verify", path]) == 0


POLICY = '[defaults]\nmax_failed_share = 0.5\n[batch."1001"]\nmanifest = "lists/ids.csv"\n'


def test_a_bag_holds_the_policy_and_its_manifests_and_both_are_used_again(
    source: Box, tmp_path: Path
) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "ids.csv").write_text("batch_id,jobs\n1001,24\n")
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    reading = source.read(["1001", "1003"], limit=10)
    bag = bx.evidence(reading, tmp_path / "audit.zip", policy=policy, earlier=reading)
    found = bx.verify(bag.path)
    assert found.ok, str(found)
    assert "cannot be performed again: changed-final-job" in str(found)

    forged = Forgery(bag.path)
    forged.files["data/policy/policy.toml"] = POLICY.replace("0.5", "0.9").encode()
    assert not bx.verify(forged.written()).ok
    forged.files["data/policy/policy.toml"] = POLICY.replace(
        "lists/ids.csv", "/etc/passwd"
    ).encode()
    named = str(bx.verify(forged.written()))
    assert "needs '/etc/passwd', which is not in the bag" in named


def test_a_policy_whose_manifest_lies_elsewhere_is_no_evidence(source: Box, tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("external_id\n1\n")
    policy = tmp_path / "deeper" / "policy.toml"
    policy.parent.mkdir()
    policy.write_text('[defaults]\nmanifest = "../ids.csv"\n')
    with pytest.raises(InvalidRequest, match="Move the file into the policy's folder"):
        bx.evidence(source.read("1001"), tmp_path / "audit.zip", policy=policy)
