"""A snapshot of an explorer as HTML without scripts, for notebooks that are not run.

A notebook has no widgets if it is untrusted, on a web page, without its kernel, or converted.
Therefore it contains this picture of its charts and first rows below the widget.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.figures import reasons_note
from boxdocgen_explore.text import listed
from boxdocgen_explore.verdict import RENDER
from boxdocgen_explore.view import VIEW_MIME, filters, pack, tables
from boxdocgen_explore.view.html import fill
from boxdocgen_explore.view.pictures import picture
from boxdocgen_explore.view.widget import View

HEADING: Final = "Snapshot. Run the notebook to filter."
_ROWS: Final = 10
"""As many rows as the screen shows."""
_COLUMNS: Final = ("status", "external_id", "errors", "template_file_id", "output_file_id")
_BATCHES: Final = 20
_EMBEDDED: Final = ("verdict", "cause", "state", "templates", "batch_labels")
"""The values of a view in a rendered page."""
_NO_LISTS: Final = {"text", "created", "compare_by", "measure", "sort", "columns", "widths"}


def is_rendering() -> bool:
    """Whether this kernel runs a notebook for later readers, for whom nothing changes."""
    return RENDER in os.environ


def snapshot_bundle(jobs: pl.DataFrame, verdict: analysis.Verdict, view: View) -> dict[str, Any]:
    """Return the snapshot by MIME type and, for a page, all values of its view.

    Only a page includes the jobs, so that saved notebooks do not grow.
    """
    shown = {"text/html": _snapshot(jobs, verdict, view)}
    if os.environ.get(RENDER) != "page":
        return shown
    values = {name: getattr(view, name) for name in _EMBEDDED}
    return {**shown, VIEW_MIME: {**values, "payload": base64.b64encode(pack(jobs)).decode()}}


def _snapshot(jobs: pl.DataFrame, verdict: analysis.Verdict, view: View) -> str:
    """Return verdict, batches, filters, charts, counts and first rows as HTML.

    ``jobs`` are all loaded jobs; everything else comes from the values of the ``view``.
    """
    state, templates = view.state, view.templates
    shown = filters.shown(jobs, state, templates)
    notes = {"outcomes": None, "output_types": None, "reasons": reasons_note(shown)}
    drawn = [picture(name, shown, note) for name, note in notes.items()]
    names = templates | {
        batch_id: f"{label} · {batch_id}" for batch_id, label in view.batch_labels.items()
    }
    batches = [
        names.get(batch_id, batch_id) for batch_id in jobs["batch_id"].unique(maintain_order=True)
    ]
    first = tables.first_rows(shown, _COLUMNS, templates, state.get("sort"), _ROWS)
    return fill(
        "view/templates/snapshot.html",
        heading=HEADING,
        verdict=verdict.dated().text,
        lines=[
            *view.notice.split("\n"),
            *("".join(pieces) for pieces in view.cause),
            f"Loaded: {listed(batches, _BATCHES)}" if batches else "",
            f"{shown.height:,} of {jobs.height:,} jobs{_filters(state, names)}",
        ],
        pictures=[picture for picture in drawn if picture],
        drawn=[tables.statuses(shown), first] if shown.height else [],
    )


def _filters(state: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Describe the filters like the view does, without the order of rows."""
    named = []
    for key, values in state.items():
        if values and key not in _NO_LISTS:
            word = key.replace("_file", "").removesuffix("_id").replace("_", " ")
            texts = (names.get(value, value) if value else "(none)" for value in values)
            named.append(f"{word} {' or '.join(texts)}")
    if state.get("created"):
        named.append(f"created from {' to '.join(state['created'])} (UTC)")
    if state.get("text"):
        named.append(f"search “{state['text']}”")
    return f", where {' and '.join(named)}" if named else ""
