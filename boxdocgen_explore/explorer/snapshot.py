"""What an explorer shows, as HTML without scripts: for notebooks that nobody can run.

A notebook that is opened untrusted, on a web page or after conversion has no widgets; beside the
widget it therefore carries this picture of its charts, with a table of the counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.figures import reasons_note
from boxdocgen_explore.verdict import RENDER
from boxdocgen_explore.view import VIEW_MIME, embedded, filters, tables
from boxdocgen_explore.view.html import fill
from boxdocgen_explore.view.pictures import picture

HEADING: Final = "Snapshot. Run the notebook to filter."


def is_for_a_page() -> bool:
    """Whether this kernel runs a notebook for a page, which draws views in place of snapshots."""
    return os.environ.get(RENDER) == "page"


def snapshot_bundle(
    jobs: pl.DataFrame,
    verdict: analysis.Verdict,
    state: Mapping[str, Any],
    templates: Mapping[str, str],
    labels: Mapping[str, str],
    cause: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Give the snapshot by its MIME type, and for a page all that its view needs.

    Only for a page are the jobs in the output, so that a notebook that is saved does not grow.
    """
    shown = {"text/html": snapshot(jobs, verdict, state, templates)}
    if is_for_a_page():
        return {**shown, VIEW_MIME: embedded(jobs, verdict, cause, templates, labels, state)}
    return shown


def snapshot(
    jobs: pl.DataFrame,
    verdict: analysis.Verdict,
    state: Mapping[str, Any],
    templates: Mapping[str, str],
) -> str:
    """Give verdict, filters, charts and counts of the jobs that a state shows, as HTML.

    ``jobs`` are all jobs that are loaded; ``templates`` are names by file id.
    """
    shown = jobs.filter(filters.query(state))
    notes = {"outcomes": None, "output_types": None, "reasons": reasons_note(shown)}
    drawn = [picture(name, shown, note) for name, note in notes.items()]
    return fill(
        "view/templates/snapshot.html",
        heading=HEADING,
        verdict=verdict.dated().text,
        shown=f"{shown.height:,} of {jobs.height:,} jobs{_filters(state, templates)}",
        pictures=[one for one in drawn if one],
        counts=tables.statuses(shown) if shown.height else None,
    )


def _filters(state: Mapping[str, Any], templates: Mapping[str, str]) -> str:
    """Name what filters, as the explorer's state does; the order of rows does not."""
    named = [
        f"{key} {' or '.join(templates.get(one, one) if one else '(none)' for one in value)}"
        for key, value in state.items()
        if value and key not in ("text", "compare_by", "sort")
    ]
    if state.get("text"):
        named.append(f"errors with “{state['text']}”")
    return f", where {' and '.join(named)}" if named else ""
