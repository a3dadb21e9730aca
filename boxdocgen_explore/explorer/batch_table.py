"""The widget with the table of batches and the field "Batch ids"; `picker` adds buttons."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import anywidget
import polars as pl
import traitlets

from boxdocgen_explore.figures import COLOURS, UNKNOWN_COLOUR
from boxdocgen_explore.schema import RUNNING, STATUSES
from boxdocgen_explore.verdict import batch_label_parts
from boxdocgen_explore.view.html import front_end
from boxdocgen_explore.view.script import script, with_imports

_COUNTS: Final = (*STATUSES, "other")
_STATUSES: Final = [
    {"name": name, "colour": COLOURS.get(name, UNKNOWN_COLOUR), "running": name in RUNNING}
    for name in _COUNTS
]


class BatchTable(anywidget.AnyWidget):
    """The table "Batches", its search, the field "Batch ids" and the button "Load".

    The browser sorts, searches and selects. It sends ``{"event": "load", "text": typed,
    "selected": [id, ...]}`` in one message, because values that are synced separately may arrive
    later; and ``{"event": "retry"}``.

    ``rows`` are `table_rows`; ``loaded``, ``partial`` and ``cached`` are ids of batches that are
    loaded, incomplete, or in the cache. ``status`` is a line about the batch list; ``listing`` is
    "read" while it is read, "complete", or "failed", so that it can be read again. Unless
    ``expanded``, only the field and its button are shown.
    """

    _esm = script(*with_imports("picker.js"))
    _css = front_end("picker.css")

    rows: Any = traitlets.List().tag(sync=True)
    statuses: Any = traitlets.List(_STATUSES).tag(sync=True)
    loaded: Any = traitlets.List().tag(sync=True)
    partial: Any = traitlets.List().tag(sync=True)
    cached: Any = traitlets.List().tag(sync=True)
    status: Any = traitlets.Unicode("Reading the list of batches").tag(sync=True)
    listing: Any = traitlets.Unicode("read").tag(sync=True)
    expanded: Any = traitlets.Bool(True).tag(sync=True)

    def focus(self) -> None:
        """Put the cursor into the field."""
        self.send({"event": "focus"})


def table_rows(
    batches: pl.DataFrame, cached: Collection[str], names: Mapping[str, str]
) -> list[list[Any]]:
    """Return one row per batch (schema.BATCHES), and per other cached id.

    A row has an id, the two parts of its `batch_label`, its creation (seconds since 1970), and the
    counts of its jobs by status. Of a batch that is only cached, only the id is known.
    """
    rows: list[list[Any]] = []
    for batch in batches.iter_rows(named=True):
        created = batch["first_created_at"]
        counts = [batch[name] for name in _COUNTS]
        parts = batch_label_parts(batch, names)
        rows.append([batch["batch_id"], *parts, created and int(created.timestamp()), counts])
    others = sorted(set(cached) - {row[0] for row in rows}, reverse=True)
    return rows + [[batch_id, "", "", None, None] for batch_id in others]
