"""The table of batches with the field "Batch ids", as a widget; `picker` puts buttons around it."""

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
    "selected": [id, ...]}``: one message with the ids that are on the screen, because values that
    are synced by themselves can arrive after it; and ``{"event": "retry"}``.

    ``rows`` are `table_rows`; ``loaded``, ``partial`` and ``cached`` are ids of batches that are
    loaded, not read completely, or in the cache. ``status`` is a line on the list of batches, and
    ``listing`` says if it is being "read", was "complete", or "failed", so that it can be read
    again. Only if ``expanded``, more is shown than the field and its button.
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
    """Give a row per batch (schema.BATCHES), and per other id that is cached.

    A row is an id, the two parts of its `batch_label`, its creation (seconds since 1970), and the
    counts of its jobs by status; of a batch that is only cached, no more than the id is known.
    """
    rows: list[list[Any]] = []
    for batch in batches.iter_rows(named=True):
        created = batch["first_created_at"]
        counts = [batch[name] for name in _COUNTS]
        parts = batch_label_parts(batch, names)
        rows.append([batch["batch_id"], *parts, created and int(created.timestamp()), counts])
    others = sorted(set(cached) - {row[0] for row in rows}, reverse=True)
    return rows + [[one, "", "", None, None] for one in others]
