"""The state of a view as the fragment of an address, for links to the jobs of a finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from boxdocgen_explore.view.filters import check_state


def fragment(state: Mapping[str, Any]) -> str:
    """Return the fragment of a page's address for this state, without "#".

    The page also follows such links to itself. ``state`` is that of `filters.check_state`, which
    raises InvalidRequest.

    >>> fragment({"status": ["failed"], "reason": ["Row # is empty"], "output_type": [None]})
    'status=failed&reason=Row+%23+is+empty&none=output_type'
    """
    values = [
        ("none", key) if value is None else (key, value)
        for key, given in check_state(state).items()
        for value in (given if isinstance(given, list) else [given or ""])
    ]
    return urlencode(values, errors="replace")
