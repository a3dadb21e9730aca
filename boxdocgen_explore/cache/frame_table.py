"""The tables of `frame_index`, in the page store's own database.

The database itself deletes an entry as soon as any program writes or deletes one of its pages.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS frames (
    prefix TEXT PRIMARY KEY, list TEXT NOT NULL UNIQUE, file TEXT NOT NULL, start INTEGER NOT NULL,
    jobs INTEGER NOT NULL, complete INTEGER NOT NULL, number INTEGER NOT NULL,
    places TEXT NOT NULL, pages BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS frames_of_file ON frames (file, start, complete, jobs, number);
CREATE TABLE IF NOT EXISTS frame_files (name TEXT PRIMARY KEY, content BLOB NOT NULL);
"""

_EVENTS: Final = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}

# The last part of a key is the page's place in its chain: "first", or the digest of a marker.
_TRIGGER: Final = """
CREATE TRIGGER IF NOT EXISTS frames_{event} AFTER {event} ON responses BEGIN
    DELETE FROM frames
    WHERE prefix = rtrim({row}.key, 'abcdefghijklmnopqrstuvwxyz0123456789')
        AND instr(places, ' ' || substr({row}.key, length(prefix) + 1) || ' ');
END;
"""


def prepare(database: sqlite3.Connection) -> None:
    """Create missing tables and triggers.

    If triggers are missing, for example because another program created the table of pages again,
    the entries may be wrong and are deleted.
    """
    database.executescript(_TABLES)
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'responses'"
    if database.execute(query).fetchone() != (len(_EVENTS),):
        triggers = [_TRIGGER.format(event=event, row=row) for event, row in _EVENTS.items()]
        script = ["BEGIN IMMEDIATE; DELETE FROM frames;", *triggers, "COMMIT;"]
        database.executescript("".join(script))


def clear(database: sqlite3.Connection) -> None:
    """Delete all rows, including those of deleted pages."""
    database.execute("DELETE FROM frames")
    database.execute("DELETE FROM frame_files")
