"""The explorer: picker, view, and the reading between them.

Batches are read in a thread, so that the kernel stays free; a cancel shows the jobs that arrived.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import ipywidgets
import polars as pl
import traitlets
from IPython.display import HTML

from boxdocgen_explore.analysis import Verdict, verdict
from boxdocgen_explore.arguments import template_names
from boxdocgen_explore.errors import BoxDocGenError, Reading
from boxdocgen_explore.explorer.background import Background
from boxdocgen_explore.explorer.batch_source import BatchListLoader, Opening, Source, ask
from boxdocgen_explore.explorer.notices import can_retry, error_notice, reading_notice
from boxdocgen_explore.explorer.picker import Picker
from boxdocgen_explore.explorer.saved import Saved
from boxdocgen_explore.explorer.snapshot import is_rendering, snapshot_bundle
from boxdocgen_explore.explorer.watcher import Watcher, changed_jobs, with_known_details
from boxdocgen_explore.schema import JOBS
from boxdocgen_explore.view import batch_labels, filters, main_cause, open_page, pack, page
from boxdocgen_explore.view.widget import View


class Explorer(ipywidgets.VBox):  # type: ignore[misc]
    """Picker, filters, charts and table of the loaded jobs; created by `explore`.

    ``state`` is a plain dict (`filters.check_state`) that follows the user's actions. Setting it
    filters the view; ``observe`` and ``link`` work on it. An invalid state raises InvalidRequest.
    Errors of a reading are not raised: the view shows them under its verdict.

    >>> import boxdocgen_explore as bx
    >>> with bx.demo() as box:
    ...     explorer = bx.explore(box.read("12345600319"))
    >>> explorer.state = {"status": ["failed"]}
    >>> explorer.jobs.height
    1487
    """

    state: traitlets.Dict[str, Any] = traitlets.Dict()

    def __init__(
        self,
        source: Source | None = None,
        given: Reading | pl.DataFrame | None = None,
        *,
        templates: Mapping[str, str] | None = None,
        state: Mapping[str, Any] | None = None,
        opening: Opening | None = None,
    ) -> None:
        self._source = source
        self._loaded = pl.DataFrame(schema=dict(JOBS))
        self._reading: Reading | None = None
        self._ids: list[str] = []
        self._request: tuple[list[str], bool] = [], False
        self._templates = template_names(templates)
        self._background = Background()
        self._documents = self._details = False
        self._watcher: Watcher | None = None
        self._list: BatchListLoader | None = None
        actions = self.load, self.refresh, self.cancel, self.load_documents, self.load_dates
        self.picker: Picker = Picker(*actions)
        state = filters.check_state({} if state is None else state)
        self.view: View = View(state=state, templates=dict(self._templates))
        super().__init__([self.picker, self.view] if source else [self.view], state=state)
        self.add_class("boxdocgen-explorer")
        self._saved = Saved(self, self.view, self._bundle)
        traitlets.link((self, "state"), (self.view, "state"))
        self.picker.watch.observe(self._on_watch, "value")
        self.view.on_msg(self._on_message)
        if isinstance(given, Reading):
            self._show(given)
            self.view.notice = reading_notice(given, self.view.batch_labels)
        elif given is not None:
            self._show_jobs(given)
        if source is not None:
            self._watcher = Watcher(source, self._show_look, self._watch_ended)
            self._open(source, opening)
            self._list = BatchListLoader(self.picker, source, self._draw_listed)

    def _open(self, source: Source, opening: Opening | None) -> None:
        """Load the first batches; in the demo before the next cell runs."""
        story = [source.story_batch_id] if source.story_batch_id else []
        ids, self._documents, self._details = opening or (story, False, False)
        if ids and story:
            self._background.run(partial(self._read, ids, False))
        elif ids:
            self._start(ids)

    def leave(self) -> Opening:
        """Stop reading, because another explorer replaces this one; return its first request."""
        self.cancel()
        self.picker.watch.value = False
        return Opening(self._ids, self._documents, self._details)

    @traitlets.validate("state")
    def _check_state(self, proposal: Any) -> dict[str, Any]:
        return filters.check_state(proposal["value"])

    def __repr__(self) -> str:
        return f"<Explorer: {self._verdict.dated().text}>"

    def _display_(self) -> View:
        """Return the view for marimo, which shows no ipywidgets around it."""
        return self.view

    def _ipython_display_(self) -> None:
        self._saved.display()
        self._read_list()

    @property
    def jobs(self) -> pl.DataFrame:
        """The jobs that match the filters, one row per job (`schema.JOBS`)."""
        return filters.shown(self._loaded, self.state, self._templates)

    @property
    def loaded(self) -> pl.DataFrame:
        """All loaded jobs, one row per job (`schema.JOBS`)."""
        return self._loaded

    @property
    def reading(self) -> Reading | None:
        """The loaded jobs with their pages as evidence; None for a plain frame."""
        return self._reading

    @property
    def query(self) -> pl.Expr:
        """The filters as a polars expression: `jobs` is ``loaded.filter(query)``."""
        return filters.query(self.state, self._templates)

    def load(self, ids: Sequence[str], *, refresh: bool = False) -> None:
        """Read and show these batches in the background, instead of those being read.

        ``refresh`` reads pages again that may have changed. Without a Box, nothing happens.
        """
        if self._source is None:
            return
        self._details = self._details and list(ids) == self._ids
        self._start(list(ids), refresh)

    def _start(self, ids: list[str], refresh: bool = False) -> None:
        self._background.supersede()
        self.view.notice, self.view.loading = "", True
        self.picker.busy("Asking Box")
        self._background.start(partial(self._read, ids, refresh))

    def load_documents(self) -> None:
        """Add documents to the loaded batches, and durations if the list of jobs is cached."""
        self._documents = True
        self.load(self._ids)

    def load_dates(self) -> None:
        """Add times and creators of jobs to the loaded batches."""
        self._details = True
        self.load(self._ids)

    def refresh(self) -> None:
        """Read pages of the loaded batches again that may have changed."""
        if self._ids:
            self.load(self._ids, refresh=True)

    def cancel(self) -> None:
        """Stop reading and keep the jobs that arrived; if no batch is being read, stop the list."""
        if not self._background.cancel() and self._list:
            self._list.cancel()

    def wait(self, timeout_s: float | None = None) -> Explorer:
        """Wait until batches and the batch list are read; for scripts, not for notebooks."""
        self._read_list()
        self._background.join(timeout_s)
        if self._list:
            self._list.join(timeout_s)
        return self

    def _read_list(self) -> None:
        """Read the batch list once the explorer is shown, because reading delays drawing."""
        if self._list and not self._list.started:
            self._list.read()

    def open(self) -> Path | None:
        """Write the view to a private temporary file, open it in the browser, return its path."""
        if self.comm is None or "_saved" not in vars(self):
            # In ipywidgets' constructor, this is the channel to the page (marimo has one already).
            super().open()
            return None
        names: dict[str, Any] = {"templates": self._templates, "labels": self.view.batch_labels}
        return open_page(page(self._loaded, self._verdict, state=self.state, **names))

    def snapshot(self) -> HTML:
        """Draw the current view, with its filters, as HTML without scripts (displays itself)."""
        return HTML(self._bundle()["text/html"])  # type: ignore[no-untyped-call]

    @cached_property
    def _verdict(self) -> Verdict:
        return verdict(self._reading or self._loaded)

    def _bundle(self) -> dict[str, Any]:
        if is_rendering():
            self.wait()
        return snapshot_bundle(self._loaded, self._verdict, self.view)

    def _on_message(self, _view: View, content: Mapping[str, Any], _buffers: Any) -> None:
        self._read_list()
        event = content.get("event")
        if event == "retry":
            self.load(self._request[0], refresh=self._request[1])
        elif event == "save":
            save = partial(self.view.save, self.jobs, str(content["name"]), self._reading)
            threading.Thread(target=save, daemon=True).start()
        elif self._source is not None and not self._ids:  # drawn: name a batch now
            self.picker.table.focus()

    def _read(self, ids: list[str], refresh: bool, cancelled: threading.Event) -> None:
        """Read and show, unless another request supersedes this one."""
        self._request = ids, refresh
        try:
            assert self._source is not None  # noqa: S101 - only called with a source
            dated = self._documents and self._list and self._list.is_cached(cancelled)
            columns = {"details": self._details or bool(dated), "documents": self._documents}
            outcome = ask(self._source, self.picker, ids, cancelled, refresh=refresh, **columns)
            if self._background.is_current(cancelled):
                self._show_outcome(ids, outcome)
        finally:
            if self._background.is_current(cancelled):
                self.view.loading = False
                self.picker.idle(loaded=bool(self._ids))

    def _show_outcome(self, ids: list[str], outcome: Reading | BoxDocGenError) -> None:
        if isinstance(outcome, Reading):
            self._show(outcome, ids)
            self.view.retry = False
            self.view.notice = reading_notice(outcome, self.view.batch_labels)
            if self._watcher and self.picker.watch.value:
                self._watcher.start(ids, documents=self._documents)
            return
        arrived = outcome.reading if outcome.reading and outcome.reading.jobs.height else None
        if arrived and ids == self._ids and arrived.jobs.height < self._loaded.height:
            arrived = None  # after a failed refresh, the earlier jobs are more complete
        if arrived:
            self._show(arrived, ids)
        before = "" if arrived or not self._ids else "The jobs below were read before."
        self._fail(outcome, before)

    def _show(self, reading: Reading, ids: list[str] | None = None) -> None:
        self._ids = ids or list(dict.fromkeys(reading.jobs["batch_id"]))
        self._reading = reading
        self._show_jobs(reading.jobs)

    def _show_jobs(self, jobs: pl.DataFrame, changed: pl.Series | None = None) -> None:
        unknown = set(jobs["template_file_id"].drop_nulls().unique()) - set(self._templates)
        if self._source is not None and unknown:
            self._templates |= self._source.template_names()
        self._loaded = jobs
        self.__dict__.pop("_verdict", None)  # the cause of the earlier jobs
        verdict = self._verdict.as_dict()
        self.picker.show_loaded(self._ids, set(verdict["incomplete_batches"]))
        with self.view.hold_sync():
            self.view.verdict, self.view.templates = verdict, dict(self._templates)
            self._draw_listed()
            self.view.payload = pack(jobs, changed=changed, level=1)  # sent once: size matters less

    def _draw_listed(self) -> None:
        others = self._list.other_jobs(self._loaded) if self._list else None
        documents = self._source.document_calls(self._loaded) if self._source else 0
        self.picker.offer_columns(self._loaded, documents, self._list.calls if self._list else 0)
        known = batch_labels(self._loaded, self._templates) | self.picker.labels
        self.view.batch_labels = {key: known[key] for key in {*self._loaded["batch_id"]} & {*known}}
        self.view.cause = main_cause(self._loaded, others)

    def _on_watch(self, change: Mapping[str, Any]) -> None:
        if self._watcher and change["new"] and self._ids:
            self._watcher.start(self._ids, documents=self._documents)
        elif self._watcher and self._watcher.stop():
            self.view.watching = None

    def _show_look(self, reading: Reading, watching: dict[str, Any]) -> None:
        changed = changed_jobs(self._loaded, reading.jobs)
        self._reading = replace(reading, jobs=with_known_details(self._loaded, reading.jobs))
        self._show_jobs(self._reading.jobs, changed)
        self.view.watching = watching

    def _fail(self, error: BoxDocGenError, remark: str) -> None:
        self.view.retry = can_retry(error)
        self.view.notice = error_notice(error, remark, self.picker.labels)

    def _watch_ended(self, error: BoxDocGenError | None) -> None:
        if error is not None:
            self.view.watching = None
            self._fail(error, "Watch has ended.")
        self.picker.watch.value = False
