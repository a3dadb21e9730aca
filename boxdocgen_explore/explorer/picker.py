"""The batch picker: search, choose, type or paste ids, load; ipywidgets throughout.

It knows batches and buttons, and nothing of where they come from.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import ipywidgets
import polars as pl

from boxdocgen_explore.schema import BATCHES
from boxdocgen_explore.verdict import batch_label

_NO_BATCHES: Final = (
    "This user has no batches: they belong to whoever started them, often a service account. "
    "A batch can be read by its id all the same."
)


_HIDE: Final = "Hide the list"
_LABEL: Final = {"description_width": "initial"}


class Picker(ipywidgets.VBox):  # type: ignore[misc]
    """Chooses batches; `on_load` is called with their ids, the buttons call what they are given."""

    def __init__(
        self,
        on_load: Callable[[list[str]], None],
        on_refresh: Callable[[], None],
        on_cancel: Callable[[], None],
    ) -> None:
        self._on_load = on_load
        self._batches = pl.DataFrame(schema=dict(BATCHES))
        self._kept: list[str] = []
        self._names: Mapping[str, str] = {}
        self._labels: dict[str, str] = {}
        self._loaded = "No batch"
        self._reading = self._listing = self._showing = False
        self.fold = ipywidgets.ToggleButton(value=True, description=_HIDE, layout=_auto())
        self.search = ipywidgets.Text(
            description="Search batches",
            placeholder="template, date, id, % failed",
            layout=_auto(),
            style=_LABEL,
        )
        self.listing = ipywidgets.SelectMultiple(
            description="Batches", rows=8, layout=_auto(), style=_LABEL
        )
        self.said = ipywidgets.HTML(_status("Reading the list of batches"))
        self.ids = ipywidgets.Text(
            description="Batch ids",
            placeholder="12345, 12346: typed or pasted",
            layout=ipywidgets.Layout(flex="1 1 220px", width="auto"),
            style=_LABEL,
        )
        self.load = ipywidgets.Button(description="Load", button_style="primary", layout=_auto())
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
            tooltip="Refresh batches that still run",
            layout=_auto(),
        )
        self.progress = ipywidgets.HTML()
        self._choose = ipywidgets.VBox([self.search, self.listing, self.said])
        actions = [self.ids, self.load, self.refresh, self.cancel, self.watch]
        bar = ipywidgets.HBox(
            [self.fold, *actions], layout=ipywidgets.Layout(flex_flow="row wrap", width="100%")
        )
        for widget, name in ((bar, "bar"), (self._choose, "choose"), (self.ids, "ids")):
            widget.add_class(f"boxdocgen-{name}")
        super().__init__([bar, self.progress, self._choose])
        self.add_class("boxdocgen-picker")
        self.fold.observe(lambda _change: self._folded(), "value")
        self.listing.observe(self._listed, "value")
        self.search.observe(lambda _change: self._show(), "value")
        self.load.on_click(lambda _button: self._load())
        self.ids.on_msg(self._submitted)
        self.refresh.on_click(lambda _button: on_refresh())
        self.cancel.on_click(lambda _button: on_cancel())

    @property
    def chosen(self) -> list[str]:
        """Ids typed, else those chosen in the list."""
        typed = [one for one in re.split(r"[\s,;|]+", self.ids.value.strip()) if one]
        return typed or list(self.listing.value)

    def show_loaded(self, ids: Sequence[str]) -> None:
        """Fold the list away, and name on its button what is loaded."""
        self._loaded = f"Batch {ids[0]}" if len(ids) == 1 else f"{len(ids):,} batches"
        self.fold.value = not ids
        self._folded()

    def known_jobs(self, ids: Collection[str]) -> int | None:
        """Jobs of these batches as the list has seen them; None where it does not have them all."""
        rows = self._batches.filter(pl.col("batch_id").is_in(list(ids)))
        return int(rows["jobs"].sum()) if rows.height == len(ids) else None

    def offer(
        self,
        batches: pl.DataFrame,
        said: str,
        *,
        kept: Collection[str] = (),
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Show these batches (schema.BATCHES), ids kept on disk beside them, and a line on both."""
        self._batches = batches
        self._kept = sorted(set(kept) - set(batches["batch_id"]), reverse=True)
        self._names = self._names if names is None else names
        rows = batches.iter_rows(named=True)
        labels = {row["batch_id"]: batch_label(row, self._names) for row in rows}
        labels |= {one: f"kept on disk · {one}" for one in self._kept}
        # The browser tells what is chosen by its place: what has a place keeps it, new ones come
        # behind, or a choice made while the list fills would become another batch.
        places = {one: labels[one] for one in self._labels if one in labels}
        self._labels = {**places, **labels}
        self.said.value = _status(said or ("" if self._labels else _NO_BATCHES))
        self._show()

    def busy(self, text: str, *, done: int = 0, total: int | None = None) -> None:
        """Show that pages are being read, and how many jobs of how many, where that is known."""
        known = f' max="{total}" value="{min(done, total)}"' if total else ""
        bar = f'<progress aria-label="Reading pages"{known}></progress>'
        self.progress.value = f"{bar} <span>{html.escape(text)}</span>"
        self._reading = True
        self._allow_cancel()

    def idle(self, *, loaded: bool) -> None:
        """Nothing is being read."""
        self.progress.value = ""
        self.refresh.disabled = not loaded
        self._reading = False
        self._allow_cancel()

    def listing_starts(self) -> None:
        """The list of batches is being read."""
        self._listing = True
        self._allow_cancel()

    def listing_ends(self) -> None:
        """The list of batches is as whole as it gets."""
        self._listing = False
        self._allow_cancel()

    def _allow_cancel(self) -> None:
        self.cancel.disabled = not (self._reading or self._listing)

    def _load(self) -> None:
        if self.chosen:
            self._on_load(self.chosen)
        else:
            self.said.value = _status("Choose a batch in the list, or type its id.")
            self.fold.value = True

    def _submitted(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        if content.get("event") == "submit":  # Enter in the field
            self._load()

    def _folded(self) -> None:
        self._choose.layout.display = "" if self.fold.value else "none"
        self.fold.description = _HIDE if self.fold.value else f"{self._loaded} · change"

    def _show(self) -> None:
        """Offer what the search finds; what has been chosen stays, whatever is searched for."""
        words = self.search.value.casefold().split()
        chosen = [one for one in self.listing.value if one in self._labels]
        found = [
            one
            for one, text in self._labels.items()
            if all(word in text.casefold() for word in words)
        ]
        others = [one for one in chosen if one not in set(found)]
        self._showing = True
        with self.listing.hold_sync():
            self.listing.options = [(self._labels[one], one) for one in (*others, *found)]
            self.listing.value = chosen
        self._showing = False

    def _listed(self, change: Mapping[str, Any]) -> None:
        """What is chosen in the list takes the place of what was typed before."""
        if change["new"] and not self._showing:
            self.ids.value = ""


def _auto() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="auto")


def _status(text: str) -> str:
    return f'<span role="status">{html.escape(text)}</span>'
