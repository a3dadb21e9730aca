"""Verifying a bag against Box: final jobs must not change, running ones may."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import QUICK

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.cli import main
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise

pytestmark = pytest.mark.trust
Change = Callable[[list[dict]], list[dict]]
NO_FILE = {"output_file": None, "output_file_version": None}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[tuple[Emulator, Box, Path]]:
    """Batches of 25 and 10 jobs; the first of the second batch is still running. And their bag."""
    enterprise = Enterprise.of({"1001": 25, "1003": 10})
    first, *others = enterprise.jobs("1003")
    enterprise.put("1003", [{**first, **NO_FILE, "status": "pending"}, *others])
    with (
        Emulator(enterprise=enterprise) as emulator,
        connect(
            DEMO_TOKEN, base_url=emulator.url, cache_dir=tmp_path / "cache", retry=QUICK
        ) as box,
    ):
        bag = bx.evidence(box.read(["1001", "1003"]), tmp_path / "audit.zip")
        yield emulator, box, bag.path


def change(emulator: Emulator, batch_id: str, edit: Change) -> None:
    emulator.enterprise.put(batch_id, edit(emulator.enterprise.jobs(batch_id)))


def said(found: bx.verify) -> dict[str, tuple[str, str]]:
    rows = found.statements.filter(found.statements["statement"].str.starts_with("Box now"))
    return {name: (result, detail) for name, result, detail in rows.iter_rows()}


def test_what_did_not_change_matches_and_box_is_asked(source):
    emulator, box, bag = source
    calls = len(emulator.calls)
    found = bx.verify(bag, box=box)
    assert (found.ok, found.box_read, found.level) == (True, True, "consistent")
    assert said(found) == {
        "Box now, batch 1001": ("matches", "25 jobs as in the bag"),
        "Box now, batch 1003": ("matches", "10 jobs as in the bag"),
    }
    assert len(emulator.calls) >= calls + 2
    assert said(bx.verify(bag)) == {}


@pytest.mark.parametrize(
    ("batch_id", "edit", "result", "sentence"),
    [
        (
            "1001",
            lambda jobs: [{**jobs[0], **NO_FILE, "status": "failed"}, *jobs[1:]],
            "does not match",
            "1 job final then and changed since: 1001000000 (status: completed -> failed; ",
        ),
        (
            "1001",
            lambda jobs: jobs[2:],
            "does not match",
            "2 jobs final then and gone now: 1001000000, 1001000001; 23 jobs as in the bag",
        ),
        (
            "1003",
            lambda jobs: [{**jobs[0], "status": "failed"}, *jobs[1:]],
            "matches",
            "1 job still running then, with another status now: 1003000000; 9 jobs as in the bag",
        ),
        (
            "1003",
            lambda jobs: jobs[1:],
            "matches",
            "1 job still running then and gone now: 1003000000; 9 jobs as in the bag",
        ),
        (
            "1003",
            lambda jobs: [*jobs, {**jobs[1], "id": "77"}],
            "matches",
            "1 job new since: 77; 10 jobs as in the bag",
        ),
    ],
)
def test_each_change_is_named_and_only_one_of_a_final_job_does_not_match(
    source, batch_id, edit, result, sentence
):
    emulator, box, bag = source
    change(emulator, batch_id, edit)
    found = bx.verify(bag, box=box)
    found_result, detail = said(found)[f"Box now, batch {batch_id}"]
    assert (found_result, found.ok) == (result, result == "matches")
    assert sentence in detail
    assert found.level == "consistent"  # of the bag itself


def test_a_batch_that_cannot_be_read_is_not_performed(source):
    emulator, box, bag = source
    emulator.fault("forbidden", path="/docgen_batch_jobs/1003", times=None)
    found = bx.verify(bag, box=box)
    result, detail = said(found)["Box now, batch 1003"]
    assert (result, found.ok, found.box_read) == ("not performed", True, False)
    assert detail.startswith("it could not be read: ")
    assert said(found)["Box now, batch 1001"][0] == "matches"


def test_without_answers_in_the_bag_or_at_another_host_nothing_is_compared(source, tmp_path):
    _, box, bag = source
    redacted = bx.evidence(box.read("1003"), tmp_path / "redacted.zip", redact="errors")
    assert said(bx.verify(redacted.path, box=box)) == {
        "Box now": ("not performed", "its answers are not in the bag")
    }
    with (
        Emulator(enterprise=Enterprise.of({"1001": 25, "1003": 10})) as other,
        connect(DEMO_TOKEN, base_url=other.url, cache_dir=tmp_path / "other", retry=QUICK) as box,
    ):
        result, detail = said(bx.verify(bag, box=box))["Box now"]
    assert result == "not performed"
    assert detail.startswith("the bag was read from 127.0.0.1:")


def test_the_command_is_status_1_if_a_final_job_changed_and_3_if_box_did_not_say(
    source, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BOX_ACCESS_TOKEN", DEMO_TOKEN)
    emulator, _, bag = source
    where = ["--base-url", emulator.url, "--cache-dir", str(tmp_path / "own")]
    command = ["verify", str(bag), "--against-box", *where]
    assert main(command) == 0
    assert "matches        Box now, batch 1001: 25 jobs as in the bag" in capsys.readouterr().out
    change(emulator, "1001", lambda jobs: jobs[1:])
    assert main([*command, "--json"]) == 1
    statements = json.loads(capsys.readouterr().out)["statements"]
    assert any("1 job final then and gone now: 1001000000" in str(row) for row in statements)
    assert main(["verify", str(bag)]) == 0
    assert main([*command, "--offline"]) == 2
    capsys.readouterr()
    emulator.fault("forbidden", path="/docgen_batch_jobs/1001", times=None)
    assert main(command) == 3
    capsys.readouterr()


def test_an_expired_token_is_no_result_about_any_batch(source):
    emulator, box, bag = source
    emulator.fault("expired-token", times=None)
    found = bx.verify(bag, box=box)
    assert {result for result, _ in said(found).values()} == {"not performed"}
    assert not found.box_read
