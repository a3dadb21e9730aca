"""Output files and their folders, as Box returns them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

Item = dict[str, Any]
"""A file or folder, as Box lists it."""

_EMPTY_SHA1: Final = hashlib.sha1(b"", usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Folder:
    """A folder, such as the destination of a batch."""

    id: str
    name: str

    def item(self, fields: str | None = None) -> Item:
        """The folder with these comma-separated fields; None means all."""
        known = {"type": "folder", "id": self.id, "sequence_id": "0", "etag": "0"}
        return chosen(known | {"name": self.name}, fields)


@dataclass(frozen=True)
class Document:
    """An output file. ``state`` controls access: "trashed" and "deleted" files are a 404,
    "forbidden" ones a 403. ``created_at`` has Box's format."""

    id: str
    name: str
    size: int
    sha1: str
    created_at: str
    folder: Folder
    state: Literal["active", "trashed", "deleted", "forbidden"] = "active"

    def item(self, fields: str | None = None) -> Item:
        """The file with these comma-separated fields; None means all that the emulator has."""
        known = {
            "type": "file",
            "id": self.id,
            "etag": "1",
            "sequence_id": "1",
            "name": self.name,
            "size": self.size,
            "sha1": self.sha1,
            "created_at": self.created_at,
            "modified_at": self.created_at,
            "parent": self.folder.item(),
            "item_status": "active",
        }
        return chosen(known, fields)

    def emptied(self) -> Document:
        """The same file without content."""
        return replace(self, size=0, sha1=_EMPTY_SHA1)


def chosen(item: Item, fields: str | None) -> Item:
    """An item with these comma-separated fields (none: all), and always type, id and etag."""
    if not fields:
        return item
    wanted = {"type", "id", "etag", *(name.strip() for name in fields.split(","))}
    return {name: value for name, value in item.items() if name in wanted}


def content(seed: str) -> tuple[int, str]:
    """Size in bytes and SHA-1 of a document; the seed stands for its content."""
    sha1 = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
    return 40_000 + int(sha1[:4], 16), sha1


def plain_document(job: dict[str, Any]) -> Document | None:
    """The output file of a job in Box's full form, made 15 seconds after the job.

    >>> plain_document({"output_file": None}) is None
    True
    """
    if not job.get("output_file"):
        return None
    file_id, batch_id = str(job["output_file"]["id"]), str(job["batch"]["id"])
    created_at = job.get("created_at") or "2026-11-02T18:14:03-08:00"
    made_at = datetime.fromisoformat(created_at.replace("Z", "+00:00")) + timedelta(seconds=15)
    name = f"Letter {file_id}.{job.get('output_type') or 'pdf'}"
    size, sha1 = content(file_id)
    folder = Folder(f"19{batch_id}", f"Letters {batch_id}")
    return Document(file_id, name, size, sha1, made_at.isoformat(), folder)
