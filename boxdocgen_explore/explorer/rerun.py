"""When a cell runs again, its explorer keeps the batches, filters and order of the last run.

A cell is recognised by the id that the notebook sends with its code. Without an id, as in scripts,
every explorer starts from scratch.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final
from weakref import WeakValueDictionary

from IPython.core.getipython import get_ipython

explorers: Final[WeakValueDictionary[Hashable, Any]] = WeakValueDictionary()
"""The explorer that the last run created, by place."""
_run: dict[Hashable, int] = {}
"""The number of explorers created in the current run, by place; the key `_ID` has the run."""
_ID: Final = "run"


def place(origin: str) -> Hashable | None:
    """Identify the running cell, the origin of the data, and the number of the explorer."""
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
