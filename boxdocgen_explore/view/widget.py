"""The view as a Jupyter widget: jobs and charts, packed for a browser that needs no kernel.

This is the only module of the view that needs anywidget and IPython (extra ``lab``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import polars as pl
import traitlets

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.export import about, as_bytes
from boxdocgen_explore.view import filters
from boxdocgen_explore.view.html import front_end
from boxdocgen_explore.view.script import module, specs


class View(anywidget.AnyWidget):
    """The view as a Jupyter widget: verdict, cause, filters, charts and table over one payload.

    ``payload`` comes from `pack`; ``state`` is the dict of `filters.check_state`, which follows
    the browser and can be set (InvalidRequest if invalid). ``verdict`` is
    `analysis.Verdict.as_dict` or None, ``cause`` comes from `main_cause`; ``templates`` has names
    by file id, ``batch_labels`` those of batches (see `payload`). ``notice`` is shown under the
    verdict, such as why a refresh failed: its first line is what happened, the others are folded
    details. With ``retry``, a button sends the message ``{"event": "retry"}``.
    ``loading`` is true while jobs are being read. ``watching`` is the progress of a watched batch,
    or None: ``text``, ``final``, ``jobs``, ``calls``, and ``due_at``, the ISO time by
    which the next look is expected (None: no next look). ``explorer_id`` is the id of the widget
    around this view, if any. ``variable`` is the name of the explorer in the notebook, for copied
    code.
    """

    _css = front_end("view.css")

    payload: traitlets.Bytes = traitlets.Bytes(b"").tag(sync=True)
    specs: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    templates: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    batch_labels: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    verdict: Any = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    cause: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    state: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    notice: traitlets.Unicode[str, str | bytes] = traitlets.Unicode("").tag(sync=True)
    retry: traitlets.Bool[bool, bool | int] = traitlets.Bool(False).tag(sync=True)
    loading: traitlets.Bool[bool, bool | int] = traitlets.Bool(False).tag(sync=True)
    variable: traitlets.Unicode[str, str | bytes] = traitlets.Unicode("").tag(sync=True)
    watching: Any = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    explorer_id: traitlets.Unicode[str, str | bytes] = traitlets.Unicode("").tag(sync=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(_esm=module(), specs=specs(), **values)

    @traitlets.validate("state")
    def _check_state(self, proposal: Any) -> dict[str, Any]:
        return filters.check_state(proposal["value"])

    def save(self, jobs: pl.DataFrame, name: str, reading: Reading | None) -> None:
        """Let the browser save these jobs of a reading under this name (endings: `WRITERS`)."""
        content = []
        try:
            known = about(jobs, reading) if reading else None
            content.append(as_bytes(jobs, Path(name).suffix, known))
        except InvalidRequest as error:
            self.notice = str(error)
        self.send({"event": "file", "name": name}, content)
