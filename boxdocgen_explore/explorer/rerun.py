"""Running a cell again: its explorer continues with the batches, filters and order of the last run.

A cell is recognised by the id that the notebook sends with what it runs. Where none is sent, such
as in a script, every explorer begins afresh.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final
from weakref import WeakValueDictionary

from IPython.core.getipython import get_ipython

explorers: Final[WeakValueDictionary[Hashable, Any]] = WeakValueDictionary()
"""The explorer that the last run of each place made."""
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
