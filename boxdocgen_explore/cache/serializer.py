"""A serializer of cached pages for requests-cache that runs no code when reading."""

from __future__ import annotations

import hashlib
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from requests.structures import CaseInsensitiveDict
from requests_cache import SerializerPipeline, Stage
from requests_cache.models.response import CachedResponse

if sys.version_info >= (3, 14):
    import compression.zstd as zstd
else:
    import backports.zstd as zstd

if TYPE_CHECKING:
    from requests import Response

_MAGIC: Final = b"boxdocgen2"
FINGERPRINT_BYTES: Final = len(_MAGIC) + hashlib.sha256().digest_size
"""The length of a page's fingerprint."""

_LARGEST_PAGE_BYTES: Final = 1 << 28
_LEVEL: Final = 1
_HEADERS: Final = ("box-request-id", "content-type", "date")


class CorruptEntry(KeyError):
    """A cache entry that fails its integrity check.

    A KeyError, which requests-cache treats as a missing key, without logging.
    """


class StoredPage(CachedResponse):
    """A cached page. ``fingerprint``, its first bytes in the store, identifies its content."""

    fingerprint: bytes = b""


class _Head(msgspec.Struct, omit_defaults=True):
    """The metadata cached with a body; not request and cookies, which have secrets."""

    key: str
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    headers: dict[str, str]
    status_code: int
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


_head = msgspec.json.Decoder(_Head)


def cached_page(
    key: str, response: Response, fetched_at: datetime, expires: datetime | None
) -> StoredPage:
    """The cached part of a response: its body, time and request id."""
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    return _page(_Head(key, fetched_at, headers, response.status_code, expires), response.content)


def _page(head: _Head, body: bytes) -> StoredPage:
    page = StoredPage(
        content=body,
        created_at=head.created_at,
        expires=head.expires,
        headers=CaseInsensitiveDict(head.headers),
        status_code=head.status_code,
    )
    page.cache_key = head.key
    return page


def _fingerprint(packed: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(packed).digest()


def _dump(page: StoredPage) -> bytes:
    headers = dict(page.headers)
    head = _Head(page.cache_key, page.created_at, headers, page.status_code, page.expires)
    text = msgspec.json.encode(head)
    packed = zstd.compress(len(text).to_bytes(4, "big") + text + page.content, _LEVEL)
    page.fingerprint = _fingerprint(packed)
    return page.fingerprint + packed


def _load(stored: bytes) -> StoredPage:
    try:
        checksum, packed = stored[:FINGERPRINT_BYTES], stored[FINGERPRINT_BYTES:]
        if checksum != _fingerprint(packed):
            raise CorruptEntry("checksum")
        unpacking = zstd.ZstdDecompressor()
        plain = unpacking.decompress(packed, _LARGEST_PAGE_BYTES)
        if not unpacking.eof:
            raise CorruptEntry("too large, or cut")
        end = 4 + int.from_bytes(plain[:4], "big")
        page = _page(_head.decode(plain[4:end]), plain[end:])
        page.fingerprint = checksum
        return page
    except Exception as error:  # a checksum is not a signature: the file may contain anything
        raise CorruptEntry(type(error).__name__) from None


SERIALIZER: Final = SerializerPipeline([Stage(dumps=_dump, loads=_load)], is_binary=True)
"""Head as JSON, unchanged body, Zstandard level 1, SHA-256: a tenth of the size of JSON and,
unlike pickle, safe to read."""
