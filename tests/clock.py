"""Moves the clock of this process, so that cached pages become older."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack

from time_machine import travel

from boxdocgen_explore.box import Box

# Not in conftest.py, which pytest and tests import as two modules.
travels = ExitStack()
"""Closed after each test."""


def age(box: Box, **by: float) -> None:
    """Let everything that this box has cached become older: until the test ends, it is later.

    The clock moves for the whole process, but neither for child processes nor for a browser.
    """
    travels.enter_context(travel(dt.datetime.now(dt.UTC) + dt.timedelta(**by)))
