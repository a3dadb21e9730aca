"""Running a cell again: its explorer continues with the batches, filters and order of the last run.

A cell is recognised by the id that the notebook sends with what it runs. Where none is sent, such
as in a script, every explorer begins afresh.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from IPython.core.getipython import get_ipython

if TYPE_CHECKING:
    from boxdocgen_explore.explorer.explorer import Explorer

_explorers: Final[WeakValueDictionary[Hashable, Explorer]] = WeakValueDictionary()
_run: dict[Hashable, int] = {}
"""How many explorers each place has made in the run that goes on; the key `_ID` names the run."""
_ID: Final = "run"


def place(origin: str) -> Hashable | None:
    """Name the cell that runs, the data's origin, and how many explorers this run made before."""
    message: dict[str, Any] = getattr(get_ipython(), "parent_header", None) or {}
    cell = (message.get("metadata") or {}).get("cellId")
    run = (message.get("header") or {}).get("msg_id")
    if not cell or not run:
        return None
    if _run.get(_ID) != run:
        _run.clear()
        _run[_ID] = run
    number = _run[cell, origin] = _run.get((cell, origin), -1) + 1
    return cell, origin, number


def last_at(place: Hashable | None) -> Explorer | None:
    """Give the explorer that the last run of this place made, if there was one."""
    return _explorers.get(place)


def remember(place: Hashable | None, explorer: Explorer) -> None:
    """Note that the run that goes on made this explorer here."""
    if place is not None:
        _explorers[place] = explorer
