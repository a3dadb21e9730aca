"""Detect secrets in text from outside, in any encoding."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import unquote

# Each starts with a literal character: only these are found quickly in a large page.
_ESCAPES: Final = {
    b"%": re.compile(rb"%(?:25)*([0-9a-fA-F]{2})"),
    b"\\": re.compile(rb"\\\\*(?:u00|x)([0-9a-fA-F]{2})"),
    b"&": re.compile(rb"&#(?:[xX]0*([0-9a-fA-F]{2})|0*([0-9]{2,3}));"),
}
_USERINFO: Final = re.compile(r"(?:\w+://)?[^:]*:(.*)@")
_NESTED: Final = 4
_SHORTEST_TOKEN: Final = 16
"""Box's tokens have 32 characters and more; shorter strings could match page content by chance."""
_SHORTEST: Final = 8
"""Shorter secrets are not searched for in base64, which would match by chance."""


def repeats(content: bytes, secret: str) -> bool:
    r"""Whether the content has the secret: plain, in base64, UTF-16 or UTF-32, or with any of its
    characters escaped as in JSON, URLs or HTML.

    >>> repeats(rb"token=T0ken\u002bT0%6ben", "T0ken+T0ken")
    True
    """
    content = _plain(content)
    return any(form in content for form in _forms(secret.encode()))


def without(secrets: Iterable[str], text: str) -> str:
    """The text, or asterisks if it repeats one of the secrets."""
    content = text.encode("utf-8", "replace")
    return "***" if any(repeats(content, secret) for secret in secrets) else text


def secrets_of(token: str) -> list[str]:
    """Secrets that a response must not repeat; some proxies and debugging servers echo requests."""
    return [token] if len(token) >= _SHORTEST_TOKEN else []


def proxy_passwords(addresses: Iterable[str]) -> Iterator[str]:
    """The passwords in the addresses of proxies, which may be invalid.

    >>> list(proxy_passwords(["http://user:pass%40word@host:1", "http://host:1"]))
    ['pass@word']
    """
    for address in addresses:
        if (found := _USERINFO.match(address)) and found[1]:
            yield unquote(found[1])


def _plain(content: bytes) -> bytes:
    """Remove escapes, including nested ones, and the zeros of UTF-16."""
    for _ in range(_NESTED):
        before = content
        for mark, escape in _ESCAPES.items():
            if mark in content:
                content = escape.sub(_character, content)
        content = content.replace(b"\0", b"")
        if content == before:
            break
    return content.replace(b"\\", b"")


def _character(escape: re.Match[bytes]) -> bytes:
    hexadecimal, decimal = escape[1], escape[2] if escape.re.groups > 1 else None
    return bytes([int(decimal) & 0xFF if decimal else int(hexadecimal, 16)])


def _forms(secret: bytes) -> set[bytes]:
    forms = {_plain(secret)}
    if len(secret) < _SHORTEST:
        return forms
    for shift in range(3):  # a prefix such as "Bearer " shifts its base64
        start, end = -(-shift * 8 // 6), (shift + len(secret)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(b"\0" * shift + secret)[start:end])
    return forms
