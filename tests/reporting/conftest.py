"""Shared by the tests of reports: a reading, and a function to write it and get its text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from clock import travels
from frames import NOON
from time_machine import travel

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box
from boxdocgen_explore.errors import Reading


@pytest.fixture(autouse=True)
def _soon_after_reading() -> None:
    """Set the time to one hour after the pages of `frames` were read: they are not stale."""
    travels.enter_context(travel(NOON + timedelta(hours=1)))


@pytest.fixture
def reading(box: Box) -> Reading:
    """Batches of 25 and 10 jobs, in pages of ten."""
    return box.read(["1001", "1003"], limit=10)


@pytest.fixture
def written(tmp_path) -> Callable[..., str]:
    """Writes a report and gives its text."""

    def write(what: Any, **options: Any) -> str:
        return bx.report(what, tmp_path / "audit.html", **options).path.read_text("utf-8")

    return write
