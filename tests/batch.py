"""Batch 1001, which most tests read: its path, its jobs, and the calls for it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from boxdocgen_explore.emulator import Emulator, plain_job
from boxdocgen_explore.errors import BoxDocGenError, Reading

PATH = "/docgen_batch_jobs/1001"
Jobs = list[dict[str, Any]]


def calls_to(emulator: Emulator, path: str = PATH) -> int:
    """Count the calls that the emulator has received for this path."""
    return sum(call.path == path for call in emulator.calls)


def made(statuses: list[str]) -> Jobs:
    """Make a job of each status."""
    return [plain_job("1001", n) | {"status": status} for n, status in enumerate(statuses)]


def ids(jobs: Jobs) -> list[str]:
    return [job["id"] for job in jobs]


def truth(emulator: Emulator, batch_id: str = "1001") -> list[str]:
    """The ids of all jobs, in order."""
    return ids(emulator.enterprise.jobs(batch_id))


def page(entries: Jobs, next_marker: str | None) -> str:
    """The body of a page."""
    return json.dumps({"entries": entries, "next_marker": next_marker})


def arrived(error: BoxDocGenError) -> Reading:
    """The reading that arrived before the error."""
    assert error.reading is not None
    return error.reading


def cache_keys(folder: Path) -> list[str]:
    """The keys of the pages in the only cache file below a folder."""
    (path,) = folder.rglob("pages.sqlite")
    with closing(sqlite3.connect(path)) as database:
        keys = [key for (key,) in database.execute("SELECT key FROM responses ORDER BY key")]
    return [key for key in keys if "/first_seen/" not in key]


def damage_pages(folder: Path, value: str) -> None:
    """Change all cached pages in a folder like a damaged disk: no trigger notices it."""
    for path in folder.rglob("pages.sqlite"):
        with closing(sqlite3.connect(path)) as database, database:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = database.execute(query).fetchall()
            for name, _ in triggers:
                database.execute(f"DROP TRIGGER {name}")
            database.execute(f"UPDATE responses SET value = {value}")
            for _, sql in triggers:
                database.execute(sql)
