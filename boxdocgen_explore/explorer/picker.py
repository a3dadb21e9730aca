"""The batch picker: search, choose, type or paste ids, load; ipywidgets throughout.

It has batches and buttons, and does not know where the batches come from.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import anywidget
import ipywidgets
import polars as pl
import traitlets

from boxdocgen_explore.schema import BATCHES
from boxdocgen_explore.text import counted
from boxdocgen_explore.verdict import batch_label
from boxdocgen_explore.view.widget import script

_NO_BATCHES: Final = (
    "This user has no batches: a batch belongs to the user who started it, often a service "
    "account. If you know a batch id, type it above."
)
_CHOOSE: Final = "Choose a batch in the list, or type its id."
_HIDE: Final = "Hide the list"
_LABEL: Final = {"description_width": "initial"}


class BatchIds(anywidget.AnyWidget):
    """The field "Batch ids" with its button "Load", beside the list ``batches``.

    Each command is one message that carries its ids: ``{"event": "enter", "text": ...}`` or
    ``{"event": "load", "text": ..., "chosen": [label, ...]}``. An ipywidgets text field sends
    its value and its submit event separately, and the event can arrive first.
    """

    _esm = script("dom.js", "batch_ids.js")

    text = traitlets.Unicode("").tag(sync=True)
    batches = traitlets.Instance(ipywidgets.SelectMultiple).tag(
        sync=True, **ipywidgets.widget_serialization
    )

    def focus(self) -> None:
        """Put the cursor into the field."""
        self.send({"event": "focus"})


class Picker(ipywidgets.VBox):  # type: ignore[misc]
    """Chooses batches; calls ``on_load`` with their ids, and what belongs to its other buttons."""

    def __init__(
        self,
        on_load: Callable[[list[str]], None],
        on_refresh: Callable[[], None],
        on_cancel: Callable[[], None],
        on_documents: Callable[[], None],
    ) -> None:
        self._on_load = on_load
        self._offered = pl.DataFrame(schema=dict(BATCHES))
        self._labels: dict[str, str] = {}
        self._ids_by_label: dict[str, str] = {}
        self._loaded = "No batch"
        self._reading = self._listing = False
        self.fold = ipywidgets.ToggleButton(value=True, description=_HIDE, layout=_auto())
        self.search = ipywidgets.Text(
            description="Search batches",
            placeholder="template, date, id, % failed",
            layout=_auto(),
            style=_LABEL,
        )
        self.batches = ipywidgets.SelectMultiple(
            description="Batches", rows=8, layout=_auto(), style=_LABEL
        )
        self.status = ipywidgets.HTML(_status("Reading the list of batches"))
        self.ids = BatchIds(batches=self.batches)
        self.refresh = ipywidgets.Button(
            description="Refresh",
            tooltip="Read again what may have changed",
            disabled=True,
            layout=_auto(),
        )
        self.cancel = ipywidgets.Button(description="Cancel", disabled=True, layout=_auto())
        self.watch = ipywidgets.Checkbox(
            description="Watch",
            indent=False,
            tooltip="Look again until every job is final, with pace and expected end",
            layout=_auto(),
        )
        self.documents = ipywidgets.Button(
            tooltip="Names, sizes and times of the documents, and whether they exist",
            layout=_auto(),
        )
        self.offer_documents(None)
        self.progress = ipywidgets.HTML()
        self._choose = ipywidgets.VBox([self.search, self.batches, self.status])
        buttons = [self.refresh, self.cancel, self.documents, self.watch]
        bar = ipywidgets.HBox([self.fold, self.ids, *buttons])
        for widget, name in ((bar, "bar"), (self._choose, "choose"), (self.ids, "ids")):
            widget.add_class(f"boxdocgen-{name}")
        self.ids.add_class("widget-text")  # so that it looks like the fields of ipywidgets
        super().__init__([bar, self.progress, self._choose])
        self.add_class("boxdocgen-picker")
        self.fold.observe(lambda _change: self._draw_fold(), "value")
        self.search.observe(lambda _change: self._draw_batches(), "value")
        self.ids.on_msg(lambda _widget, command, _buffers: self.obey(command))
        self.refresh.on_click(lambda _button: on_refresh())
        self.cancel.on_click(lambda _button: on_cancel())
        self.documents.on_click(lambda _button: on_documents())

    def obey(self, command: Mapping[str, Any]) -> None:
        """Do what the field or its button sent (see `BatchIds`).

        Enter loads what was typed and nothing else. Load takes what was typed, and if the field
        is empty, what is chosen in the list.
        """
        ids = [one for one in re.split(r"[\s,;|]+", command["text"]) if one]
        if command["event"] == "load" and not ids:
            labels = command["chosen"]  # null if the browser could not look at the list
            chosen = [self._ids_by_label[label] for label in labels or ()]
            ids = list(self.batches.value) if labels is None else chosen
        if ids:
            self._on_load(ids)
            return
        hints = {"enter": "Type or paste a batch id.", "load": _CHOOSE}
        self.status.value = _status(hints[command["event"]])
        self.fold.value = True

    def show_loaded(self, ids: Sequence[str]) -> None:
        """Hide the list, and name on its button what is loaded."""
        self._loaded = f"Batch {ids[0]}" if len(ids) == 1 else counted(len(ids), "batch")
        self.fold.value = not ids
        self._draw_fold()

    def offer_documents(self, calls: int | None) -> None:
        """Show the button that loads the documents, with what it costs; None hides it."""
        self.documents.layout.display = "none" if calls is None else ""
        if calls is not None:
            self.documents.description = f"Load documents ({counted(calls, 'call')})"

    def known_jobs(self, ids: Collection[str]) -> int | None:
        """Count the jobs of these batches as listed; None unless all of them are listed."""
        rows = self._offered.filter(pl.col("batch_id").is_in(list(ids)))
        return int(rows["jobs"].sum()) if rows.height == len(ids) else None

    def offer(
        self,
        batches: pl.DataFrame,
        status: str,
        *,
        cached: Collection[str] = (),
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Show these batches (schema.BATCHES), other ids that are cached, and a line on them.

        ``names`` are the templates' by file id.
        """
        self._offered = batches
        rows = batches.iter_rows(named=True)
        labels = {row["batch_id"]: batch_label(row, names or {}) for row in rows}
        others = sorted(set(cached) - set(labels), reverse=True)
        labels |= {one: f"in the cache · {one}" for one in others}
        # The browser names a choice by its place, so a batch keeps its place while the list fills.
        known = {one: labels[one] for one in self._labels if one in labels}
        self._labels = {**known, **labels}
        # A label that has just been replaced may still be on the screen.
        self._ids_by_label |= {label: one for one, label in labels.items()}
        self.status.value = _status(status or ("" if self._labels else _NO_BATCHES))
        self._draw_batches()

    def busy(self, text: str, *, done: int = 0, total: int | None = None) -> None:
        """Show that pages are being read: ``done`` jobs of ``total``, if that is known."""
        known = f' max="{total}" value="{min(done, total)}"' if total else ""
        bar = f'<progress aria-label="Reading pages"{known}></progress>'
        self.progress.value = f"{bar} <span>{html.escape(text)}</span>"
        self._reading = True
        self._allow_cancel()

    def idle(self, *, loaded: bool) -> None:
        """Nothing is being read; with something ``loaded``, Refresh can be pressed."""
        self.progress.value = ""
        self.refresh.disabled = not loaded
        self._reading = False
        self._allow_cancel()

    def list_busy(self, busy: bool) -> None:
        """Say whether the list of batches is being read."""
        self._listing = busy
        self._allow_cancel()

    def _allow_cancel(self) -> None:
        self.cancel.disabled = not (self._reading or self._listing)

    def _draw_fold(self) -> None:
        self._choose.layout.display = "" if self.fold.value else "none"
        self.fold.description = _HIDE if self.fold.value else f"{self._loaded} · change"

    def _draw_batches(self) -> None:
        """Offer what the search finds; a batch that is chosen stays, whatever is searched for."""
        words = self.search.value.casefold().split()
        chosen = [one for one in self.batches.value if one in self._labels]
        found = [
            one
            for one, label in self._labels.items()
            if all(word in label.casefold() for word in words)
        ]
        others = [one for one in chosen if one not in set(found)]
        with self.batches.hold_sync():
            self.batches.options = [(self._labels[one], one) for one in (*others, *found)]
            self.batches.value = chosen


def _auto() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="auto")


def _status(text: str) -> str:
    return f'<span role="status">{html.escape(text)}</span>'
