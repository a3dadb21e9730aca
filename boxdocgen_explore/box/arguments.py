"""Arguments of the public API, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Final

from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import MAX_LIMIT

_LONGEST_ID: Final = 100


def batch_ids(ids: str | int | Iterable[str | int]) -> list[str]:
    """The ids as text, each once, in the order given.

    >>> batch_ids([12345, "12346", "12345"])
    ['12345', '12346']

    Raises:
        InvalidRequest: an id is invalid.
    """
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        return [checked_id(ids)]
    return list(dict.fromkeys(checked_id(one) for one in ids))


def checked_id(value: object, what: str = "batch") -> str:
    """The id as text.

    Raises:
        InvalidRequest: it is not a valid id.
    """
    if isinstance(value, bool) or not isinstance(value, str | Integral):
        raise InvalidRequest(f"A {what} id must be text such as '12345', not {value!r:.60}.")
    text = str(value)
    # "." and ".." would change the address that is called, however they are encoded.
    if not text.isprintable() or not text or " " in text or text in {".", ".."}:
        raise InvalidRequest(f"{text!r:.60} is not a valid {what} id: ids look like '12345'.")
    if len(text) > _LONGEST_ID:
        raise InvalidRequest(
            f"A {what} id has at most {_LONGEST_ID} characters, {text:.20}... has {len(text):,}."
        )
    return text


def page_limit(limit: object) -> int:
    """The limit, if Box accepts it.

    Raises:
        InvalidRequest: it is not a whole number from 1 to 1000.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(
            f"limit must be a whole number from 1 to {MAX_LIMIT}, not {limit!r:.60}."
        )
    return limit


def call_rate(calls_per_minute: object) -> int:
    """The call rate.

    Raises:
        InvalidRequest: it is not a whole number from 1.
    """
    if type(calls_per_minute) is not int or calls_per_minute < 1:
        raise InvalidRequest(
            f"calls_per_minute must be a whole number from 1, not {calls_per_minute!r:.60}."
        )
    return calls_per_minute
