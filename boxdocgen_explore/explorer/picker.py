"""The batch picker: the table of batches, and buttons around it.

It does not know where the batches come from.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import ipywidgets
import polars as pl

from boxdocgen_explore.explorer.batch_table import BatchTable, table_rows
from boxdocgen_explore.schema import BATCHES
from boxdocgen_explore.text import counted
from boxdocgen_explore.verdict import batch_label

_NO_BATCHES: Final = (
    "This user has no batches: a batch belongs to the user who started it, often a service "
    "account. If you know a batch id, type it below."
)
_CHOOSE: Final = "Select batches in the table, or type their ids."
_HIDE: Final = "Hide the list"


class Picker(ipywidgets.VBox):  # type: ignore[misc]
    """Chooses batches: calls ``on_load`` with their ids, and the callbacks of its other buttons.

    ``labels`` has the name of each listed batch by its id (`batch_label`). ``on_retry`` reads the
    batch list again.
    """

    def __init__(
        self,
        on_load: Callable[[list[str]], None],
        on_refresh: Callable[[], None],
        on_cancel: Callable[[], None],
        on_documents: Callable[[], None],
        on_dates: Callable[[], None],
    ) -> None:
        self._on_load = on_load
        self.on_retry: Callable[[], None] = lambda: None
        self._offered = pl.DataFrame(schema=dict(BATCHES))
        self.labels: dict[str, str] = {}
        self._reading = self._listing = False
        self.fold: Any = ipywidgets.ToggleButton(value=True, description=_HIDE, layout=_auto())
        self.table: BatchTable = BatchTable()
        self.refresh = _button(on_refresh, "Refresh", "Read again what may have changed")
        self.cancel = _button(on_cancel, "Cancel")
        self.refresh.disabled = self.cancel.disabled = True
        about = "Names, sizes and times of the documents, and whether they exist"
        self.documents = _button(on_documents, about=about)
        about = "Times and creators, from the list of all jobs; no call while it is cached"
        self.dates = _button(on_dates, about=about)
        self.offer_columns(self._offered, 0, 0)
        self.watch: Any = ipywidgets.Checkbox(
            description="Watch",
            indent=False,
            tooltip="Look again until every job is final, with pace and expected end",
            layout=_auto(),
        )
        self.progress: Any = ipywidgets.HTML()
        buttons = [self.fold, self.refresh, self.cancel, self.dates, self.documents, self.watch]
        super().__init__([*buttons, self.table, self.progress])
        self.add_class("boxdocgen-picker")
        self.fold.observe(lambda _change: self._draw_fold(), "value")
        self.table.on_msg(lambda _widget, command, _buffers: self.obey(command))

    def obey(self, command: Mapping[str, Any]) -> None:
        """Handle a message of the table (see `BatchTable`): load typed or else selected ids."""
        if command["event"] == "retry":
            self.on_retry()
            return
        typed = [batch_id for batch_id in re.split(r"[\s,;|]+", command["text"]) if batch_id]
        if ids := typed or list(command["selected"]):
            self._on_load(ids)
            return
        self.table.status = _CHOOSE
        self.fold.value = True

    def show_loaded(self, ids: Sequence[str], partial: Collection[str]) -> None:
        """Mark loaded and partly loaded batches; hide the list."""
        with self.table.hold_sync():
            self.table.loaded, self.table.partial = list(ids), sorted(partial)
            self.table.cached = sorted({*self.table.cached, *ids})
        self.fold.value = not ids
        self._draw_fold()

    def offer_columns(self, jobs: pl.DataFrame, document_calls: int, list_calls: int) -> None:
        """Show the buttons for data that these jobs lack, with the number of calls."""
        _offer(self.documents, "documents", 0 if "output_file_found" in jobs else document_calls)
        dated = "created_at" in jobs or jobs.is_empty()
        _offer(self.dates, "dates", 0 if dated else list_calls)

    def known_jobs(self, ids: Collection[str]) -> int | None:
        """The listed number of jobs of these batches; None unless all are listed."""
        rows = self._offered.filter(pl.col("batch_id").is_in(list(ids)))
        return int(rows["jobs"].sum()) if rows.height == len(ids) else None

    def offer(
        self, batches: pl.DataFrame, cached: Collection[str], names: Mapping[str, str]
    ) -> None:
        """Show these batches (schema.BATCHES), and other cached ids.

        ``names`` has template names by file id.
        """
        self._offered = batches
        rows = batches.iter_rows(named=True)
        self.labels = {row["batch_id"]: batch_label(row, names) for row in rows}
        with self.table.hold_sync():
            self.table.cached = sorted({*cached, *self.table.loaded})
            self.table.rows = table_rows(batches, cached, names)
        self._draw_fold()

    def list_status(self, text: str, listing: str) -> None:
        """Show the state of the batch list (see `BatchTable`)."""
        with self.table.hold_sync():
            self.table.listing = listing
            self.table.status = text or ("" if self.table.rows else _NO_BATCHES)
        self._listing = listing == "read"
        self._allow_cancel()

    def busy(self, text: str, *, done: int = 0, total: int | None = None) -> None:
        """Show progress: ``done`` jobs of ``total``, if known."""
        known = f' max="{total}" value="{min(done, total)}"' if total else ""
        bar = f'<progress aria-label="Reading pages"{known}></progress>'
        self.progress.value = f"{bar} <span>{html.escape(text)}</span>"
        self._reading = True
        self._allow_cancel()

    def idle(self, *, loaded: bool) -> None:
        """Nothing is being read; Refresh is enabled if something is ``loaded``."""
        self.progress.value = ""
        self.refresh.disabled = not loaded
        self._reading = False
        self._allow_cancel()

    def _allow_cancel(self) -> None:
        self.cancel.disabled = not (self._reading or self._listing)

    def _draw_fold(self) -> None:
        self.table.expanded = self.fold.value
        self.fold.description = _HIDE if self.fold.value else f"{self._loaded()} · change"

    def _loaded(self) -> str:
        ids = self.table.loaded
        if len(ids) != 1:
            return counted(len(ids), "batch") if ids else "No batch"
        return f"{self.labels.get(ids[0], 'Batch')} · {ids[0]}"


def _button(on_click: Callable[[], None], name: str = "", about: str | None = None) -> Any:
    button = ipywidgets.Button(description=name, tooltip=about, layout=_auto())
    button.on_click(lambda _button: on_click())
    return button


def _offer(button: ipywidgets.Button, what: str, calls: int) -> None:
    button.layout.display = "" if calls else "none"
    button.description = f"Load {what} ({counted(calls, 'call')})"


def _auto() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="auto")
