"""Paged lists: limits, markers and pages.

A marker is the position of a page's first entry, with a checksum over it and the list's name. It is
opaque and not guessable, and other lists refuse it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from boxdocgen_explore.emulator.replies import Refusal, Reply, bad_parameter, json_reply
from boxdocgen_explore.schema import MAX_LIMIT

_POSITION_BYTES: Final = 6
_CHECKSUM_BYTES: Final = 30


@dataclass(frozen=True)
class EntryList:
    """A paged list: ``read(start, stop)`` returns entries in a stable order."""

    name: str
    size: int
    read: Callable[[int, int], Sequence[Any]]

    @classmethod
    def of(cls, name: str, items: Sequence[Any], entry: Callable[[Any], Any]) -> EntryList:
        """A list of items in memory, converted by ``entry`` when their page is sent."""
        return cls(
            name, len(items), lambda start, stop: [entry(item) for item in items[start:stop]]
        )

    def marker(self, position: int) -> str:
        """The marker of the page that starts at a position."""
        place = position.to_bytes(_POSITION_BYTES, "big")
        checksum = hashlib.blake2b(place + self.name.encode(), digest_size=_CHECKSUM_BYTES)
        return base64.urlsafe_b64encode(checksum.digest() + place).decode()

    def next_marker(self, end: int) -> str | None:
        """The marker of the page after one that ends at ``end``; None after the last page."""
        return self.marker(end) if end < self.size else None


@dataclass(frozen=True)
class ListPage:
    """One page of a list, not yet encoded."""

    entry_list: EntryList
    position: int
    limit: int
    by_marker: bool
    entries: Sequence[Any]
    markers: dict[str, str | None]

    @property
    def number(self) -> int:
        """The page's number in a chain of pages of this size, from 1."""
        return -(-self.position // self.limit) + 1

    @property
    def is_last(self) -> bool:
        return self.entry_list.next_marker(self.position + self.limit) is None

    @property
    def holds_jobs(self) -> bool:
        return any(entry.get("type") == "docgen_job" for entry in self.entries[:1])

    def reply(self) -> Reply:
        return json_reply({"limit": self.limit, **self.markers, "entries": self.entries})


def page_at(entry_list: EntryList, position: int, limit: int, *, by_marker: bool) -> ListPage:
    """The page that starts at ``position``, with the markers of its neighbours."""
    end = position + limit
    markers = {
        "next_marker": entry_list.next_marker(end),
        "prev_marker": entry_list.marker(max(0, position - limit)) if position else None,
    }
    entries = entry_list.read(position, end)
    return ListPage(entry_list, position, limit, by_marker, entries, markers)


def offset_page(entry_list: EntryList, query: dict[str, str], default: int) -> Reply:
    """A page of a folder by offset, as Box returns it without ``usemarker=true``."""
    limit = _limit(query, default)
    offset = query.get("offset") or "0"
    if not re.fullmatch(r"[0-9]{1,9}", offset):
        raise Refusal(bad_parameter("offset"))
    start = int(offset)
    around = {"total_count": entry_list.size, "limit": limit, "offset": start}
    return json_reply({**around, "entries": entry_list.read(start, start + limit)})


def requested_page(
    entry_list: EntryList, query: dict[str, str], default: int = MAX_LIMIT
) -> ListPage:
    """The page for a query; an invalid limit or marker is a 400."""
    limit = _limit(query, default)
    marker = query.get("marker") or "0"
    if marker == "0":
        return page_at(entry_list, 0, limit, by_marker=False)
    return page_at(entry_list, _position(entry_list, marker), limit, by_marker=True)


def _position(entry_list: EntryList, marker: str) -> int:
    try:
        place = base64.urlsafe_b64decode(marker)[_CHECKSUM_BYTES:]
    except ValueError:
        place = b""
    position = int.from_bytes(place, "big")
    # Only the list itself creates its markers; one beyond the end is from before it shrank.
    if position > entry_list.size or entry_list.marker(position) != marker:
        raise Refusal(bad_parameter("marker"))
    return position


def _limit(query: dict[str, str], default: int) -> int:
    text = query.get("limit", str(default))
    # Box's limit is an int64 of at most 18 digits.
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) == 0:
        raise Refusal(bad_parameter("limit"))
    return min(int(text), MAX_LIMIT)
