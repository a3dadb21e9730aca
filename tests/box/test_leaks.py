"""Secrets are found in any encoding, without false positives."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxdocgen_explore.box.leaks import proxy_passwords, repeats

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=40)
CHARSETS = st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-32"])
TOKEN = "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1bC"
TEXTS = st.text(string.printable, max_size=7)
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps(text))[1:-1],
    "json, everything": lambda text: "".join(f"\\u{ord(one):04X}" for one in text),
    "json, slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "address": lambda text: quote(text, safe=""),
    "address in an address": lambda text: quote(quote(text, safe=""), safe=""),
    "address, every second": lambda text: "".join(
        f"%{ord(one):02x}" if at % 2 or one == "%" else one for at, one in enumerate(text)
    ),
    "html": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "html, hexadecimal": lambda text: "".join(f"&#x{ord(one):X};" for one in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of the header": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
    "base64 in an address": lambda text: quote(base64.b64encode(f"x{text}y".encode())),
    "base64url": lambda text: base64.urlsafe_b64encode(f"xx{text}yy".encode()).decode(),
}


@pytest.mark.parametrize("way", sorted(WAYS))
@given(secret=SECRETS, before=TEXTS, charset=CHARSETS)
def test_a_secret_is_found(way: str, secret: str, before: str, charset: str) -> None:
    # The text before it must not be half an escape.
    assert repeats(f"{before} {WAYS[way](secret)} {before}".encode(charset), secret)


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("other", [TOKEN[1:], TOKEN[:-1], TOKEN.swapcase(), f"{TOKEN[:-1]}Z"])
def test_another_text_is_not_the_secret(way: str, other: str) -> None:
    assert repeats(WAYS[way](TOKEN).encode(), TOKEN)
    assert not repeats(WAYS[way](other).encode(), TOKEN)


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("http://user:s3cr3tpw@x:99999", "s3cr3tpw"),
        ("http://user:s3cr3tpw@", "s3cr3tpw"),
        ("http://user:s3%40cr3t@proxy:1", "s3@cr3t"),
        ("http://user:s3/c:r3@t@proxy:1", "s3/c:r3@t"),
        ("user:s3cr3tpw@proxy:1", "s3cr3tpw"),
    ],
)
def test_the_password_of_a_proxy_is_known_however_odd_its_address(
    address: str, password: str
) -> None:
    assert list(proxy_passwords([address, "http://proxy:1", ""])) == [password]
