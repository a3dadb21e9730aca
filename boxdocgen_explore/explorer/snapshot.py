"""What an explorer shows, as HTML without scripts: for notebooks that nobody can run.

A notebook that is opened untrusted, on a web page or after conversion has no widgets; beside the
widget it therefore carries this picture of its charts, with a table of the counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.figures import reasons_note
from boxdocgen_explore.view import filters, tables
from boxdocgen_explore.view.html import fill
from boxdocgen_explore.view.pictures import picture

HEADING: Final = "Snapshot. Run the notebook to filter."


def snapshot(
    jobs: pl.DataFrame,
    verdict: analysis.Verdict,
    state: Mapping[str, Any],
    templates: Mapping[str, str],
) -> str:
    """Give verdict, filters, charts and counts of the jobs that a state shows, as HTML.

    ``jobs`` are all jobs that are loaded; ``templates`` are names by file id.
    """
    shown = filters.shown(jobs, state, templates)
    notes = {"outcomes": None, "output_types": None, "reasons": reasons_note(shown)}
    drawn = [picture(name, shown, note) for name, note in notes.items()]
    return fill(
        "view/templates/snapshot.html",
        heading=HEADING,
        verdict=verdict.text,
        shown=f"{shown.height:,} of {jobs.height:,} jobs{_filters(state, templates)}",
        pictures=[one for one in drawn if one],
        counts=tables.statuses(shown) if shown.height else None,
    )


def _filters(state: Mapping[str, Any], templates: Mapping[str, str]) -> str:
    """Name what filters, as the explorer's state does; the order of rows does not."""
    named = [
        f"{key} {' or '.join(templates.get(one, one) if one else '(none)' for one in value)}"
        for key, value in state.items()
        if value and key not in ("text", "compare_by", "measure", "sort")
    ]
    if state.get("text"):
        named.append(f"search “{state['text']}”")
    return f", where {' and '.join(named)}" if named else ""
