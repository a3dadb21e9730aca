"""Arguments of the public API, checked before anything is sent."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from numbers import Integral
from typing import Final
from urllib.parse import urlsplit

from boxdocgen_explore.errors import InvalidRequest

BOX_URL: Final = "https://api.box.com/2.0"
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


def whole_number(name: str, value: object, most: int | None = None) -> int:
    """The number, from 1 to ``most``.

    Raises:
        InvalidRequest: it is anything else.
    """
    if type(value) is not int or value < 1 or (most and value > most):
        to = f" to {most}" if most else ""
        raise InvalidRequest(f"{name} must be a whole number from 1{to}, not {value!r:.60}.")
    return value


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_url(url: str) -> str:
    """The address, if calls can be made below it.

    Raises:
        InvalidRequest: it is not a valid address, contains a name or password, which would be
            stored, or would send the token unencrypted.
    """
    try:
        address = urlsplit(url)
        valid = address.scheme in {"http", "https"} and address.hostname and address.port != 0
        valid = valid and not (address.query or address.fragment or "@" in address.netloc)
    except (ValueError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise InvalidRequest(f"base_url must be an address such as {BOX_URL}; {url!r:.80} is not.")
    if address.scheme == "http" and not is_loopback(url):
        raise InvalidRequest(
            f"base_url {url!r:.80} would send the token unencrypted: use https. Only this machine "
            "itself (127.0.0.1, localhost) may be called by http."
        )
    return url
