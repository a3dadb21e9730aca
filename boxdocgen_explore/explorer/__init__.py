"""The explorer: a Box, a reading or a jobs frame goes in, an interactive widget comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import polars as pl

from boxdocgen_explore.arguments import as_frame
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.explorer import rerun
from boxdocgen_explore.explorer.batch_source import Source
from boxdocgen_explore.explorer.explorer import Explorer
from boxdocgen_explore.schema import JOBS

__all__ = ["Explorer", "explore"]


def explore(
    what: Source | Reading | pl.DataFrame,
    *,
    templates: Mapping[str, str] | None = None,
    state: Mapping[str, Any] | None = None,
) -> Explorer:
    """Explore jobs interactively, of a `Box` (with a picker), a `Reading` or a jobs frame.

    If a notebook cell runs again, its explorer keeps its filters, sort order and batches.

    Parameters:
        what: a Box, a Reading or a jobs frame; the demo opens with the batch that failed.
        templates: names by file id, for jobs without a Box; a reading reads them from its own.
        state: filters, as in ``explorer.state``; ``{}`` starts without filters.

    Raises:
        InvalidRequest: the state is invalid, or ``what`` is not one of these.

    Source: `Box.read`, `Box.batches` and `Box.templates`.

    >>> explore(pl.DataFrame(schema=dict(JOBS)))
    <Explorer: no jobs · no evidence>
    """
    what = cast("Source | Reading | pl.DataFrame", as_frame(what))
    if isinstance(what, pl.DataFrame):
        _check_columns(what)
    if not isinstance(what, Source | Reading | pl.DataFrame):
        raise InvalidRequest(
            f"explore takes a Box, a Reading or a jobs frame, not {type(what).__name__}. "
            "A batch by its id: explore(box.read('12345'))."
        )
    source, given = (what, None) if isinstance(what, Source) else (None, what)
    if templates is None and isinstance(given, Reading) and given.template_names:
        templates = given.template_names()
    here = rerun.place(source.origin if source else "jobs")
    before = rerun.explorers.get(here)
    opening = before.leave() if before else None
    if before and state is None:
        state = before.state
    explorer = Explorer(source, given, templates=templates, state=state, opening=opening)
    if here is not None:
        rerun.explorers[here] = explorer
    return explorer


def _check_columns(jobs: pl.DataFrame) -> None:
    for name, dtype in JOBS.items():
        found = jobs.schema.get(name)
        if found != dtype:
            fault = "is missing" if found is None else f"is {found}, not {dtype}"
            raise InvalidRequest(f"The column {name} {fault}: pass what box.jobs returns.")
