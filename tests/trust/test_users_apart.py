"""No user gets another user's pages: several users, hosts and the demo in one cache folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from conftest import QUICK

from boxdocgen_explore import demo, errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.emulator import DEMO_USER, Emulator, Enterprise, User, plain_job

pytestmark = [pytest.mark.trust, pytest.mark.filterwarnings("ignore::UserWarning")]

ADA = User("7", "Ada", "ada@example.com", token="ada-token")
BOB = User("8", "Bob", "bob@example.com", token="bob-token")
BOB_LATER = replace(BOB, token="bob-token-2")
ADMIN = User("9", "Admin", "admin@example.com", token="admin-token", may_act_as=True)
USERS = [DEMO_USER, ADA, BOB, BOB_LATER, ADMIN]


def enterprise(owner: User, serial: int) -> Enterprise:
    """The same batch id everywhere, with other jobs."""
    made = Enterprise.of({})
    made.put("1001", [plain_job("1001", serial * 1000 + n) for n in range(30)], owner=owner)
    return made


@pytest.fixture
def hosts() -> Iterator[list[Emulator]]:
    """Two hosts with the same users; on each, the batch belongs to another one."""
    with (
        Emulator(enterprise=enterprise(ADA, 1), users=USERS) as one,
        Emulator(enterprise=enterprise(BOB, 2), users=USERS) as other,
    ):
        yield [one, other]


def options(host: Emulator, folder: Path) -> dict[str, Any]:
    return {"base_url": host.url, "retry": QUICK, "cache_dir": folder}


def seen_by(box: Box) -> Any:
    """The jobs of the batch that a user sees, or the reason why there are none."""
    try:
        return box.read("1001", limit=2).jobs["job_id"].to_list()
    except (errors.NotFound, errors.NotCached) as error:
        return type(error).__name__


def everybody(hosts: list[Emulator], folder: Path) -> dict[str, Box]:
    """Everybody who can read, with the same folder."""
    made = {}
    for number, host in enumerate(hosts):
        given = options(host, folder)
        for user in (ADA, BOB):
            made[f"{user.name} at {number}"] = connect(user.token, **given)
            made[f"admin as {user.name} at {number}"] = connect(
                ADMIN.token, as_user=user.id, **given
            )
        made[f"admin at {number}"] = connect(ADMIN.token, **given)
    return made


@pytest.mark.thorough
def test_users_see_what_they_would_see_alone_whatever_the_order_in_which_they_read(
    hosts: list[Emulator], tmp_path: Path
) -> None:
    truth = {}
    for name in everybody(hosts, tmp_path / "unused"):
        alone = everybody(hosts, tmp_path / f"alone {name}")
        truth[name] = seen_by(alone[name])
        alone[name].close()
    assert {type(seen) for seen in truth.values()} == {list, str}
    for number, order in enumerate([*permutations(range(4))][::6]):
        boxes = everybody(hosts, tmp_path / str(number))
        names = sorted(boxes, key=lambda name, order=order: order[len(name) % 4])  # type: ignore[misc]
        for name in names * 2:
            assert seen_by(boxes[name]) == truth[name]
        for box in boxes.values():
            box.close()


def test_the_demo_sees_nothing_of_the_folder_and_leaves_nothing_in_it(
    hosts: list[Emulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with connect(ADA.token, base_url=hosts[0].url, retry=QUICK) as box:
        box.read("1001", limit=2)
    before = sorted(tmp_path.rglob("*"))
    with demo() as box:
        assert seen_by(box) == "NotFound"
        box.read(str(box.story_batch_id), limit=100)  # enough pages for a frame file
    assert sorted(tmp_path.rglob("*")) == before


def test_a_renewed_token_of_the_same_user_still_finds_the_cache(
    hosts: list[Emulator], tmp_path: Path
) -> None:
    with connect(BOB.token, **options(hosts[1], tmp_path)) as box:
        box.read("1001", limit=2)
        box.renew(BOB_LATER.token)
        assert box.read("1001", limit=2).pages["from_cache"].all()
    with connect(BOB_LATER.token, **options(hosts[1], tmp_path)) as box:
        assert box.read("1001", limit=2).pages["from_cache"].all()
