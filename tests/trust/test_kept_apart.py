"""Nobody is served another's pages: one cache folder, several users, hosts, and the demo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from conftest import QUICK
from tally import Tally

from boxdocgen_explore import demo, errors
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.cache.store import StoreWarning
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
    """Two hosts, the same users; on each the batch is another user's."""
    emulators = [
        Emulator(enterprise=enterprise(owner, serial), users=USERS)
        for serial, owner in ((1, ADA), (2, BOB))
    ]
    with emulators[0], emulators[1]:
        yield emulators


def outcome(box: Box) -> Any:
    """What a user sees of the batch: its jobs, or that there is none."""
    try:
        return box.read("1001", limit=2).jobs["job_id"].to_list()
    except (errors.NotFound, errors.NotCached) as error:
        return type(error).__name__


def readers(hosts: list[Emulator], folder: Path | None) -> dict[str, Box]:
    """Everybody who can read, with one folder for all, or with none."""
    made = {}
    for number, host in enumerate(hosts):
        for user in (ADA, BOB):
            given: dict[str, Any] = {"base_url": host.url, "retry": QUICK, "cache_dir": folder}
            made[f"{user.name} at {number}"] = connect(user.token, **given)
            made[f"admin as {user.name} at {number}"] = connect(
                ADMIN.token, as_user=user.id, **given
            )
        made[f"admin at {number}"] = connect(ADMIN.token, **given)
    return made


def test_in_whatever_order_they_read_everybody_sees_what_they_would_see_alone(
    hosts: list[Emulator], tmp_path: Path, tally: Tally
) -> None:
    truth = {}
    for name, box in readers(hosts, tmp_path / "alone").items():
        box._cache_dir = None
        with box:
            truth[name] = outcome(box)
    assert {type(seen) for seen in truth.values()} == {list, str}
    for number, order in enumerate([*permutations(range(4))][::6]):
        boxes = readers(hosts, tmp_path / str(number))
        names = sorted(boxes, key=lambda name, order=order: order[len(name) % 4])  # type: ignore[misc]
        for name in names * 2:
            assert outcome(boxes[name]) == truth[name]
            tally("loads held")
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
        assert outcome(box) == "NotFound"
        box.read(str(box.story_batch_id))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_renewed_token_of_the_same_user_still_finds_what_is_kept(
    hosts: list[Emulator], tmp_path: Path
) -> None:
    given: dict[str, Any] = {"base_url": hosts[1].url, "retry": QUICK, "cache_dir": tmp_path}
    with connect(BOB.token, **given) as box:
        box.read("1001", limit=2)
        box.renew(BOB_LATER.token)
        assert box.read("1001", limit=2).pages["from_cache"].all()
    with connect(BOB_LATER.token, **given) as box:
        assert box.read("1001", limit=2).pages["from_cache"].all()


def test_offline_is_one_user_s_alone_and_says_whose(hosts: list[Emulator], tmp_path: Path) -> None:
    given: dict[str, Any] = {"base_url": hosts[0].url, "retry": QUICK, "cache_dir": tmp_path}
    for user in (ADA, BOB):
        with connect(user.token, **given) as box:
            outcome(box)
    with connect(offline=True, user=ADA.login, **given) as box:
        assert ADA.login in box.read("1001", limit=2).verdict
    with (
        connect(offline=True, **given) as box,
        pytest.warns(StoreWarning, match=f"these are of {BOB.login}"),
    ):
        assert outcome(box) == "NotCached"
