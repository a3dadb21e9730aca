"""The explorer: the picker around the view, and the fetching between them.

Fetching runs in a thread of its own, so the kernel stays free; a cancel keeps what has arrived.
"""

from __future__ import annotations

import tempfile
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import ipywidgets
import polars as pl
import traitlets
from IPython.display import HTML

from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest, Reading
from boxdocgen_explore.explorer.batch_source import Source, fill
from boxdocgen_explore.explorer.picker import Picker
from boxdocgen_explore.explorer.snapshot import snapshot
from boxdocgen_explore.schema import DETAILS, JOBS, RUNNING
from boxdocgen_explore.verdict import Verdict, verdict
from boxdocgen_explore.view import View, filters, pack, page

_WATCH_S: Final = 15.0
"""How often Watch looks again; live pages are good for ten seconds."""


class Explorer(ipywidgets.VBox):  # type: ignore[misc]
    """Picker, filters, charts and table over the jobs that are loaded; made by `explore`.

    ``state`` is a plain dict (`filters.check_state`) that follows what a person does and can be
    set; ``observe`` and ``link`` work on it.
    """

    state = traitlets.Dict()

    def __init__(
        self,
        source: Source | None = None,
        reading: Reading | None = None,
        jobs: pl.DataFrame | None = None,
        *,
        templates: Mapping[str, str] | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._source = source
        self._loaded = pl.DataFrame(schema=dict(JOBS))
        self._reading: Reading | None = None
        self._ids: list[str] = []
        self._names = dict(templates or {})
        self._cancelled = threading.Event()
        self._stop_list = threading.Event()
        self._unwatch = threading.Event()
        self._worker: threading.Thread | None = None
        self._listing: threading.Thread | None = None
        self.picker = Picker(self.load, self.refresh, self.cancel)
        state = filters.check_state({} if state is None else state)
        self.view = View(self._loaded, state=state, templates=dict(self._names))
        children = [self.picker, self.view] if source else [self.view]
        super().__init__(children, state=state)
        self.add_class("boxdocgen-explorer")
        traitlets.link((self, "state"), (self.view, "state"))
        self.picker.watch.observe(self._watched, "value")
        self.view.on_msg(self._rendered)
        if reading is not None:
            self._show(reading)
            self.view.notice = _told(getattr(reading, "failures", {}))
        elif jobs is not None:
            self._show_jobs(jobs)
        if source is not None:
            self._begin(source)

    @traitlets.validate("state")
    def _check_state(self, proposal: Any) -> dict[str, Any]:
        return filters.check_state(proposal["value"])

    def __repr__(self) -> str:
        return f"<Explorer: {self._verdict().text}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        """Beside the widget, what those see who cannot run it."""
        bundle: dict[str, Any] | None = super()._repr_mimebundle_(**kwargs)
        return bundle and {**bundle, "text/html": self.snapshot().data}

    @property
    def jobs(self) -> pl.DataFrame:
        """The rows that the filters show: one row per job (schema.JOBS)."""
        if "day" in self.state and "created_at" not in self._loaded.columns:
            no_days = pl.lit(None, DETAILS["created_at"]).alias("created_at")
            return self._loaded.with_columns(no_days).filter(self.query).drop("created_at")
        return self._loaded.filter(self.query)

    @property
    def loaded(self) -> pl.DataFrame:
        """All rows that are loaded, whatever the filters say."""
        return self._loaded

    @property
    def reading(self) -> Reading | None:
        """What is loaded, with its evidence; None for a plain frame."""
        return self._reading

    @property
    def query(self) -> pl.Expr:
        """The polars expression for the same rows as `jobs`, to filter any jobs frame by."""
        return filters.query(self.state)

    def load(self, ids: Sequence[str], *, refresh: bool = False) -> None:
        """Read these batches in the background and show them; `wait` waits for it."""
        if self._source is None:
            return
        self._supersede()
        self.view.notice = ""
        self.picker.busy("Asking Box")
        worker = threading.Thread(
            target=self._read, args=(list(ids), refresh, self._cancelled), daemon=True
        )
        worker.start()
        self._worker = worker  # started: whoever finds it here may join it

    def refresh(self) -> None:
        """Read again whatever may have changed in the loaded batches."""
        if self._ids:
            self.load(self._ids, refresh=True)

    def cancel(self) -> None:
        """Stop reading; what has arrived stays. With nothing being read, stop the list."""
        if self._worker is not None and self._worker.is_alive():
            self._cancelled.set()
        else:
            self._stop_list.set()

    def wait(self, timeout_s: float | None = None) -> Explorer:
        """Wait until what is being read has been read: for scripts; a notebook need not."""
        for thread in (self._worker, self._listing):
            if thread is not None:
                thread.join(timeout_s)
        return self

    def open(self) -> Path | None:
        """Write the view to a private temporary file and show it in the ordinary browser."""
        if self.comm is None:
            # ipywidgets' own meaning of the name: its constructor opens the channel to the page.
            super().open()
            return None
        return open_page(
            page(self._loaded, self._verdict(), templates=self._names, state=self.state)
        )

    def snapshot(self) -> HTML:
        """Draw what is shown now, filters and all, as HTML without scripts (displays itself)."""
        html = snapshot(self._loaded, self._verdict(), self.state, self._names)
        return HTML(html)  # type: ignore[no-untyped-call]

    def _verdict(self) -> Verdict:
        if self._reading is None:
            return verdict(self._loaded)
        failures = list(getattr(self._reading, "failures", ()))
        return verdict(self._loaded, self._reading.pages, failures=failures)

    def _rendered(self, _view: View, content: Mapping[str, Any], _buffers: Any) -> None:
        """On Box the first thing to do is to say which batch: its field gets the focus, once."""
        if content.get("event") == "rendered" and self._source is not None and not self._ids:
            self.picker.ids.focus()

    def _begin(self, source: Source) -> None:
        """Load the demo's story at once, so that the next cell has it; list batches meanwhile."""
        if source.story_batch_id and not self._ids:
            self._read([source.story_batch_id], False, self._cancelled)
        self._listing = threading.Thread(
            target=fill, args=(self.picker, source, self._stop_list), daemon=True
        )
        self._listing.start()

    def _read(self, ids: list[str], refresh: bool, cancelled: threading.Event) -> None:
        """Read and show; a failure is a notice, and shows what arrived unless more is shown."""
        assert self._source is not None  # noqa: S101 - only called where there is one
        total = self.picker.known_jobs(ids)

        def progress(pages: int, jobs: int, waiting: str | None) -> None:
            if not cancelled.is_set():
                text = f"{pages:,} pages, {jobs:,} jobs" + (f" · {waiting}" if waiting else "")
                self.picker.busy(text, done=jobs, total=total)

        try:
            reading = self._source.read(
                ids, refresh=refresh, cancelled=cancelled, progress=progress
            )
        except BoxDocGenError as error:
            if cancelled is self._cancelled:
                self._failed(ids, error)
        else:
            if cancelled is self._cancelled:
                self._ids = ids
                self._show(reading)
        finally:
            if cancelled is self._cancelled:
                self.picker.idle(loaded=bool(self._ids))

    def _failed(self, ids: list[str], error: BoxDocGenError) -> None:
        arrived = error.reading if error.reading and error.reading.jobs.height else None
        if arrived and ids == self._ids and arrived.jobs.height < self._loaded.height:
            arrived = None  # a refresh that failed half-way: the whole old rows say more
        if arrived:
            self._ids = ids
            self._show(arrived)
        old = "" if arrived or not self._ids else " The rows below are those read before."
        self.view.notice = f"{error}{old}"

    def _show(self, reading: Reading) -> None:
        self._ids = self._ids or reading.jobs["batch_id"].unique(maintain_order=True).to_list()
        self._reading = reading
        self._show_jobs(reading.jobs)

    def _show_jobs(self, jobs: pl.DataFrame) -> None:
        self._learn_names(jobs)
        self._loaded = jobs
        self.picker.show_loaded(self._ids)
        with self.view.hold_sync():
            self.view.templates = dict(self._names)
            self.view.verdict = self._verdict().as_dict()
            self.view.payload = pack(jobs, level=1)  # sent to the next room, not kept

    def _learn_names(self, jobs: pl.DataFrame) -> None:
        unknown = set(jobs["template_file_id"].drop_nulls().unique()) - set(self._names)
        if self._source is not None and unknown:
            self._names = {**self._names, **self._source.template_names()}

    def _watched(self, change: Mapping[str, Any]) -> None:
        self._unwatch.set()
        if change["new"] and self._source is not None:
            self._unwatch = threading.Event()
            threading.Thread(target=self._watch, args=(self._unwatch,), daemon=True).start()

    def _watch(self, stop: threading.Event) -> None:
        """Look again, politely, until nothing runs; what has settled is not asked for again."""
        while self._ids and self._running() and not stop.wait(_WATCH_S):
            if self._worker is None or not self._worker.is_alive():
                self.load(self._ids)
            if self._worker is not None:
                self._worker.join()
        if not stop.is_set():
            self.picker.watch.value = False

    def _running(self) -> bool:
        running = list(RUNNING)
        return self._loaded["status"].is_in(running).any()

    def _supersede(self) -> None:
        """Stop what is being read, and show nothing of it: something else was asked for."""
        before, self._cancelled = self._cancelled, threading.Event()
        before.set()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join(timeout=5)


def explore(
    what: Source | Reading | pl.DataFrame,
    *,
    templates: Mapping[str, str] | None = None,
    state: Mapping[str, Any] | None = None,
) -> Explorer:
    """Explore jobs: of a `Box` (with a picker), of a `Reading`, or of any jobs frame.

    ``templates`` are names by file id, where there is no Box to ask; ``state`` is what
    ``explorer.state`` gave earlier. On the demo it opens with the batch that has a story.

    Raises:
        InvalidRequest: a state that cannot be, or a frame that is none of jobs.

    Source: `Box.read`, `Box.batches` and `Box.templates`.
    """
    if isinstance(what, pl.DataFrame):
        return Explorer(jobs=checked_jobs(what), templates=templates, state=state)
    if isinstance(what, Source):
        return Explorer(what, templates=templates, state=state)
    if isinstance(getattr(what, "pages", None), pl.DataFrame):
        return Explorer(reading=what, templates=templates, state=state)
    raise InvalidRequest(
        f"explore takes a Box, a Reading or a jobs frame (polars), not {type(what).__name__}. "
        "A batch by its id: explore(box.read('12345'))."
    )


def checked_jobs(jobs: pl.DataFrame) -> pl.DataFrame:
    """The frame, if it has the columns of `schema.JOBS` with their dtypes.

    Raises:
        InvalidRequest: a column that is missing, or of another dtype.
    """
    for name, dtype in JOBS.items():
        found = jobs.schema.get(name)
        if found != dtype:
            said = "is missing" if found is None else f"is {found}, not {dtype}"
            raise InvalidRequest(
                f"The column {name} {said}: explore takes jobs as box.jobs gives them."
            )
    return jobs


def _told(failures: Mapping[str, Exception]) -> str:
    """The first error of a reading, in full, and how many more there are."""
    errors = [str(error) for error in failures.values()]
    more = f" And {len(errors) - 1:,} more batches failed." if len(errors) > 1 else ""
    return errors[0] + more if errors else ""


def open_page(text: str) -> Path:
    """Write a page to a temporary file that its owner alone can read, and open the browser."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="boxdocgen-", suffix=".html", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    path = Path(file.name)
    webbrowser.open(path.as_uri())
    return path
