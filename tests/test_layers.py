"""Who may import whom: bytes in one lane, frames in the other, and a bridge that knows both."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import boxdocgen_explore

PACKAGE = Path(boxdocgen_explore.__file__).parent
NAME = boxdocgen_explore.__name__

FOUNDATION = ["plain_text", "errors", "schema"]
BYTE_LANE = ["waiting", "store_files", "kept_page", "store"]
BYTE_LANE += ["refusals", "session", "api", "memo", "chain"]
"""Both in the order in which each may import those before it."""

BRIDGE = {"auth", "owners", "progress", "reading", "batch_list", "archive", "client", "box", "lab"}
BRIDGE |= {"cli", "cli_audit", "cli_options", "__init__"}
"""These may know both lanes; `lab` starts JupyterLab and knows neither."""

NETWORK = {"requests", "requests_cache", "urllib3", "http", "socket", "ssl", "httpx", "aiohttp"}
NETWORK |= {"tornado", "box_sdk_gen", "truststore"}

PURE = {
    "analysis": {"errors", "schema", "verdict"},
    "charts": {"schema", "analysis", "marks", "rendering"},
    "frame": {"schema", "parsing"},
    "marks": {"schema"},
    "parsing": {"errors", "forms", "columns"},
    "columns": {"errors", "forms"},
    "forms": {"schema"},
    "packing": {"errors", "schema", "analysis"},
    "rendering": {"schema", "plain_text"},
    "verdict": {"schema", "plain_text"},
}
"""Rooms of the frame lane from which little can be seen."""


def modules() -> list[str]:
    """Every room but the emulator: a module, or a package of its own."""
    packages = (path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    return sorted({*(path.stem for path in PACKAGE.glob("*.py")), *packages} - {"emulator"})


def frame_lane() -> list[str]:
    """All that is not named above: a new room belongs to the frame lane until somebody says."""
    return [name for name in modules() if name not in {*FOUNDATION, *BYTE_LANE, *BRIDGE}]


@cache
def imports(module: str) -> frozenset[str]:
    """What a module imports, anywhere in it but for type checking; the package's own by room."""
    found: set[str] = set()
    for path in sorted(PACKAGE.glob(f"{module}.py")) or sorted((PACKAGE / module).glob("*.py")):
        found |= _imports(ast.parse(path.read_text("utf-8")))
    return frozenset(found)


def _imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {_room(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            if node.module == NAME:
                found |= {alias.name for alias in node.names if not alias.name.startswith("__")}
            else:
                found.add(_room(node.module or ""))
        else:
            found |= _imports(node)
    return found


def _room(name: str) -> str:
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == NAME else first


def rooms() -> set[str]:
    return {*modules(), "emulator"} - {"__init__"}


def reachable(module: str) -> dict[str, str]:
    """Everything a module reaches, through others too, each with the one it was reached from."""
    came_from = dict.fromkeys(imports(module), module)
    todo = list(came_from)
    while todo:
        name = todo.pop()
        if name in rooms():
            for further in imports(name) - came_from.keys():
                came_from[further] = name
                todo.append(further)
    return came_from


def test_every_room_has_a_lane() -> None:
    assert set(BYTE_LANE) <= set(modules())
    assert {"analysis", "charts", "frame", "verdict", "view", "widgets"} <= set(frame_lane())


@pytest.mark.parametrize("room", FOUNDATION)
def test_the_foundation_imports_only_what_comes_before(room: str) -> None:
    assert imports(room) & rooms() <= {*FOUNDATION[: FOUNDATION.index(room)]}


@pytest.mark.parametrize("room", BYTE_LANE)
def test_the_byte_lane_imports_only_what_comes_before(room: str) -> None:
    before = {*FOUNDATION, *BYTE_LANE[: BYTE_LANE.index(room)]}
    assert imports(room) & rooms() <= before


def test_what_reads_a_page_and_what_keeps_it_know_nothing_of_each_other() -> None:
    assert "store" not in imports("session")
    assert not {"frame", "store"} & {*imports("api"), *imports("chain")}
    assert not {"session", "waiting"} & imports("store")


@pytest.mark.parametrize("room", frame_lane())
def test_the_frame_lane_cannot_reach_the_network_even_through_others(room: str) -> None:
    reached = reachable(room)
    forbidden = {*NETWORK, *BYTE_LANE, *BRIDGE, "emulator"} & reached.keys()
    assert {name: reached[name] for name in forbidden} == {}


@pytest.mark.parametrize("room", sorted(PURE))
def test_the_plain_rooms_of_the_frame_lane_see_little(room: str) -> None:
    assert imports(room) & rooms() <= PURE[room]


def test_the_emulator_imports_nothing_of_the_package_but_its_words() -> None:
    assert imports("emulator") & rooms() <= {"schema", "emulator"}


def test_the_face_imports_nothing_before_it_is_asked_for() -> None:
    heavy = ["requests", "requests_cache", "altair", "ipywidgets", "anywidget", "tornado", "tqdm"]
    heavy += ["jupyterlab", "vl_convert", "box_sdk_gen", "truststore", "tenacity"]
    script = f"import sys, {NAME}; print([name for name in {heavy!r} if name in sys.modules])"
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout == "[]\n"
