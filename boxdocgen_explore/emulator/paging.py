"""Lists by pages: limits, markers, and the content of one page.

A marker is the position of a page's first entry with a checksum over it and the list's name. So it
is opaque, cannot be guessed, and one list's marker is refused by every other list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from boxdocgen_explore.emulator.answers import Answer, bad_parameter, encode
from boxdocgen_explore.schema import MAX_LIMIT

_POSITION_BYTES: Final = 6
_CHECKSUM_BYTES: Final = 30
_INT64_DIGITS: Final = 18

Entry = dict[str, Any]


class EntryList(Protocol):
    """Something that can be read by pages, in a stable order."""

    @property
    def size(self) -> int: ...

    def entries(self, start: int, stop: int) -> list[Entry]: ...


@dataclass(frozen=True)
class StaticList:
    """A short list."""

    items: Sequence[Entry]

    @property
    def size(self) -> int:
        return len(self.items)

    def entries(self, start: int, stop: int) -> list[Entry]:
        return list(self.items[start:stop])


@dataclass(frozen=True)
class ListPage:
    """One page of a list, not yet encoded."""

    name: str
    items: EntryList
    position: int
    limit: int
    by_marker: bool
    entries: list[Entry]
    markers: dict[str, str | None] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """The page's number in a chain of pages of this size, from 1."""
        return -(-self.position // self.limit) + 1

    @property
    def last(self) -> bool:
        return self.position + self.limit >= self.items.size

    def answer(self) -> Answer:
        return Answer(200, encode({"limit": self.limit, **self.markers, "entries": self.entries}))


def page_at(name: str, items: EntryList, position: int, limit: int, by_marker: bool) -> ListPage:
    """The page that begins at ``position``, with the markers of its neighbours."""
    end = position + limit
    markers = {
        "next_marker": marker(name, end) if end < items.size else None,
        "prev_marker": marker(name, max(0, position - limit)) if position else None,
    }
    return ListPage(name, items, position, limit, by_marker, items.entries(position, end), markers)


def requested_page(name: str, items: EntryList, query: dict[str, str]) -> ListPage:
    """The page that a query requests; an invalid limit or marker is a 400."""
    limit = _limit(query.get("limit"))
    given = query.get("marker") or "0"
    if given == "0":
        return page_at(name, items, 0, limit, by_marker=False)
    position = _position(name, given)
    if position > items.size:
        raise bad_parameter("marker")
    return page_at(name, items, position, limit, by_marker=True)


def marker(name: str, position: int) -> str:
    """The marker of the page of the list ``name`` that begins at ``position``."""
    place = position.to_bytes(_POSITION_BYTES, "big")
    return base64.urlsafe_b64encode(_checksum(name, place) + place).decode()


def _position(name: str, text: str) -> int:
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    checksum, place = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
    if len(place) != _POSITION_BYTES or checksum != _checksum(name, place):
        raise bad_parameter("marker")
    return int.from_bytes(place, "big")


def _checksum(name: str, place: bytes) -> bytes:
    return hashlib.blake2b(place + name.encode(), digest_size=_CHECKSUM_BYTES).digest()


def _limit(text: str | None) -> int:
    if text is None:
        return MAX_LIMIT
    if not re.fullmatch(r"[0-9]+", text) or len(text) > _INT64_DIGITS or int(text) == 0:
        raise bad_parameter("limit")
    return min(int(text), MAX_LIMIT)
