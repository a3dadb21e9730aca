"""A cell that runs again: its explorer continues where the last run's was."""

from __future__ import annotations

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from lab_fixtures import execute, printed

STORY, RUNNING = "12345600319", "12345600340"
BOX = "import boxdocgen_explore as bx; box = bx.demo()"
EXPLORE = "explorer = bx.explore(box)"
LOOK = "print(sorted(explorer.wait().loaded['batch_id'].unique()), explorer.state)"


@pytest.fixture(scope="module", autouse=True)
def _box(kernel: BlockingKernelClient) -> None:
    execute(kernel, BOX)


def look(kernel: BlockingKernelClient, name: str = "explorer") -> str:
    return printed(execute(kernel, LOOK.replace("explorer", name))).strip()


def test_a_cell_that_runs_again_keeps_batches_filters_and_order(kernel):
    state = {"status": ["failed"], "sort": ["job_id", "descending"]}
    execute(kernel, EXPLORE, cell="a")
    assert look(kernel) == f"['{STORY}'] {{}}"
    execute(kernel, f"explorer.load(['{RUNNING}', '{STORY}']); explorer.wait()")
    execute(kernel, f"explorer.state = {state}")
    execute(kernel, "explorer.picker.watch.value = True; before = explorer")

    execute(kernel, EXPLORE, cell="a")
    assert look(kernel) == f"['{STORY}', '{RUNNING}'] {state}"
    stopped = "print(explorer is before, before.picker.watch.value)"
    assert printed(execute(kernel, stopped)) == "False False\n"

    execute(kernel, "explorer = bx.explore(box, state={})", cell="a")
    assert look(kernel) == f"['{STORY}', '{RUNNING}'] {{}}"


@pytest.mark.thorough
def test_other_cells_and_other_data_begin_afresh(kernel):
    execute(kernel, EXPLORE, cell="b")
    execute(kernel, "explorer.state = {'status': ['failed']}")

    for code, cell in [
        (EXPLORE, "c"),
        (EXPLORE, ""),
        (f"explorer = bx.explore(box.read('{STORY}'))", "b"),
    ]:
        execute(kernel, code, cell=cell)
        assert look(kernel) == f"['{STORY}'] {{}}", (code, cell)


def test_two_explorers_of_one_cell_keep_their_own(kernel):
    two = f"one, two = bx.explore(box.read('{STORY}')), bx.explore(box.read('{RUNNING}'))"
    for _ in range(2):
        execute(kernel, two, cell="d")
        execute(kernel, "two.state = {'status': ['pending']}")
    execute(kernel, two, cell="d")
    assert look(kernel, "one") == f"['{STORY}'] {{}}"
    assert look(kernel, "two") == f"['{RUNNING}'] {{'status': ['pending']}}"
