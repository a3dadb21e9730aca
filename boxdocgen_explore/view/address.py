"""The state of a view as the fragment of an address: links to the jobs that a finding is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from boxdocgen_explore.view.filters import check_state


def fragment(state: Mapping[str, Any]) -> str:
    """Write what follows "#" in the address of a page, so that its view shows this state.

    The page follows such a link within itself, too. ``state`` is that of `filters.check_state`,
    for which InvalidRequest is raised.

    >>> fragment({"status": ["failed"], "reason": ["Row # is empty"], "output_type": [None]})
    'status=failed&reason=Row+%23+is+empty&none=output_type'
    """
    values = [
        ("none", key) if value is None else (key, value)
        for key, given in check_state(state).items()
        for value in (given if isinstance(given, list) else [given or ""])
    ]
    return urlencode(values, errors="replace")
