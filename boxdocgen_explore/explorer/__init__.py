"""The explorer: a Box, a reading or a jobs frame goes in, an interactive widget comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from boxdocgen_explore.errors import InvalidRequest, Reading
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
    """Explore jobs interactively: of a `Box` (with a picker), of a `Reading`, or of a jobs frame.

    Parameters:
        what: a Box; on the demo it opens with the batch that has a story.
        templates: names by file id, for jobs without a Box to ask.
        state: filters, as ``explorer.state`` gave them earlier.

    Raises:
        InvalidRequest: the state is invalid, or ``what`` is not one of these.

    Source: `Box.read`, `Box.batches` and `Box.templates`.

    >>> explore(pl.DataFrame(schema=dict(JOBS)))
    <Explorer: no jobs · no evidence>
    """
    if isinstance(what, pl.DataFrame):
        _check_columns(what)
    if isinstance(what, Reading | pl.DataFrame):
        return Explorer(given=what, templates=templates, state=state)
    if isinstance(what, Source):
        return Explorer(what, templates=templates, state=state)
    raise InvalidRequest(
        f"explore takes a Box, a Reading or a jobs frame (polars), not {type(what).__name__}. "
        "A batch by its id: explore(box.read('12345'))."
    )


def _check_columns(jobs: pl.DataFrame) -> None:
    for name, dtype in JOBS.items():
        found = jobs.schema.get(name)
        if found != dtype:
            fault = "is missing" if found is None else f"is {found}, not {dtype}"
            raise InvalidRequest(f"The column {name} {fault}: pass what box.jobs returns.")
