"""The tables of `frame_index`, in the page store's own database.

The database itself deletes an entry as soon as one of its pages is written or deleted, whatever
program does it.
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

# A key's last part says where a page is in its chain: "first", or the digest of a marker.
_TRIGGER: Final = """
CREATE TRIGGER IF NOT EXISTS frames_{event} AFTER {event} ON responses BEGIN
    DELETE FROM frames
    WHERE prefix = rtrim({row}.key, 'abcdefghijklmnopqrstuvwxyz0123456789')
        AND instr(places, ' ' || substr({row}.key, length(prefix) + 1) || ' ');
END;
"""


def prepare(database: sqlite3.Connection) -> None:
    """Create the tables and triggers where they are missing.

    Without triggers, for example after another program created the table of pages again, nobody
    knows whether the entries are still right.
    """
    database.executescript(_TABLES)
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'responses'"
    if database.execute(query).fetchone() != (len(_EVENTS),):
        triggers = [_TRIGGER.format(event=event, row=row) for event, row in _EVENTS.items()]
        script = ["BEGIN IMMEDIATE; DELETE FROM frames;", *triggers, "COMMIT;"]
        database.executescript("".join(script))


def clear(database: sqlite3.Connection) -> None:
    """Delete all rows, those of deleted pages among them."""
    database.execute("DELETE FROM frames")
    database.execute("DELETE FROM frame_files")
