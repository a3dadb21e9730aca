"""The text of a report, as visible to people and as stored in the file."""

from __future__ import annotations

import base64
import gzip
import html
import re


def contents(text: str) -> str:
    """All that a file contains, with its packed data unpacked."""
    packed = re.search(r'id="boxdocgen-payload">([^<]*)<', text)
    return text + gzip.decompress(base64.b64decode(packed[1])).decode("utf-8", "replace")


def plain(text: str) -> str:
    """The text of a page without its markup, roughly as a person reads it."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))
