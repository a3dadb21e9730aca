"""One kept page as bytes: a serializer for requests-cache that runs no code when it reads."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Final

import zstandard
from requests.structures import CaseInsensitiveDict
from requests_cache import SerializerPipeline, Stage
from requests_cache.models.response import CachedResponse
from requests_cache.serializers import CattrStage

if TYPE_CHECKING:
    from requests import Response

_MAGIC: Final = b"boxdocgen2"
FINGERPRINT_BYTES: Final = len(_MAGIC) + hashlib.sha256().digest_size
"""So many bytes at its start tell one packed page from every other."""

_LARGEST_PAGE_BYTES: Final = 1 << 28
_LEVEL: Final = 1
_HEADERS: Final = ("box-request-id", "content-type", "date")


class CorruptEntry(KeyError):
    """A stored page that cannot be what was stored.

    A KeyError, because requests-cache takes that for "not here" without a word in the log.
    """


def cached_page(
    key: str, response: Response, fetched_at: datetime, expires: datetime | None
) -> CachedResponse:
    """What is kept of an answer: its body, when it came, and its request id.

    Neither the request nor cookies: what is not here can be stolen by nobody.
    """
    headers = CaseInsensitiveDict(
        {name: response.headers[name] for name in _HEADERS if name in response.headers}
    )
    page = CachedResponse(
        content=response.content,
        created_at=fetched_at,
        expires=expires,
        headers=headers,
        status_code=response.status_code,
    )
    page.cache_key = key
    return page


_heads = CattrStage()


def _dump(response: CachedResponse) -> bytes:
    head = _heads.dumps(response)
    body = head.pop("_content", None) or b""
    text = json.dumps({**head, "key": response.cache_key}).encode()
    packed = zstandard.compress(len(text).to_bytes(4, "big") + text + body, _LEVEL)
    return _MAGIC + hashlib.sha256(packed).digest() + packed


def _load(stored: bytes) -> CachedResponse:
    start = len(_MAGIC)
    try:
        digest, packed = stored[start:FINGERPRINT_BYTES], stored[FINGERPRINT_BYTES:]
        if stored[:start] != _MAGIC or hashlib.sha256(packed).digest() != digest:
            raise CorruptEntry("checksum")
        if zstandard.frame_content_size(packed) > _LARGEST_PAGE_BYTES:
            raise CorruptEntry("too large")
        plain = zstandard.decompress(packed, _LARGEST_PAGE_BYTES)
        end = 4 + int.from_bytes(plain[:4], "big")
        head = json.loads(plain[4:end])
        key = head.pop("key")
        head["_content"] = plain[end:]
        response = _heads.loads(head)
    except Exception as error:  # a checksum is no signature: anything may stand in the file
        raise CorruptEntry(type(error).__name__) from None
    if not isinstance(response, CachedResponse) or response.created_at.tzinfo is None:
        raise CorruptEntry("not a page")
    response.cache_key = key
    return response


SERIALIZER: Final = SerializerPipeline([Stage(dumps=_dump, loads=_load)], is_binary=True)
"""Head as JSON, body as it came, Zstandard level 1, SHA-256: a tenth of JSON's size, and unlike
pickle it runs no code that somebody else put into the file."""
