"""HTTP with limits, below the session: connections and bounded responses."""

from __future__ import annotations

import re
import ssl
from http.client import HTTPException, HTTPResponse, LineTooLong, parse_headers
from typing import TYPE_CHECKING, Any, Final

import requests
import truststore
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from boxdocgen_explore.box.attempt import watch
from boxdocgen_explore.text import shortened

if TYPE_CHECKING:
    from requests import Response

LARGEST_BODY_BYTES: Final = 64 << 20
"""Largest decoded response: six times a page of 1,000 jobs with 10 kB of messages each."""

ACCEPTED_ENCODING: Final = "gzip"
"""The only compression that every installation decodes in bounded memory."""

_USERINFO: Final = re.compile("//.*@")

_CHUNK_BYTES: Final = 65_536
_MOST_INFORMATIONAL: Final = 20


class Unacceptable(Exception):
    """A response that Box never sends; the text describes it."""


class _MoreFollows(HTTPException):
    """More than one response to one request arrived on a connection."""


class _Response(HTTPResponse):
    """A response after few informational ones, and with nothing after it."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._sock = sock
        self._trailer_read = False

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INFORMATIONAL):
            line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= line[1] < 200:
                return line
            parse_headers(self.fp)
        raise HTTPException(f"more than {_MOST_INFORMATIONAL} informational responses")

    def _read_and_discard_trailer(self) -> None:
        super()._read_and_discard_trailer()  # type: ignore[misc]
        self._trailer_read = True

    def _close_conn(self) -> None:
        # What follows would be read as the response to the next request, or this response
        # belongs to an earlier one.
        follows = (self.length == 0 or self._trailer_read) and self._more_has_arrived()
        super()._close_conn()  # type: ignore[misc]
        if follows:
            raise _MoreFollows("the server sent more than one response to one request")

    def _more_has_arrived(self) -> bool:
        self._sock.settimeout(0)
        try:
            return bool(self.fp.peek(1))
        except (OSError, ValueError):
            return False


class _Watched:
    def _new_conn(self) -> Any:
        connected = super()._new_conn()  # type: ignore[misc]
        watch(connected)
        return connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # type: ignore[attr-defined]
            watch(self.sock)  # type: ignore[attr-defined]
        super().request(*args, **kwargs)  # type: ignore[misc]


class _Plain(_Watched, HTTPConnection):
    response_class = _Response


class _TLS(_Watched, HTTPSConnection):
    response_class = _Response


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLS


class Transport(HTTPAdapter):
    """Trusts the system's certificates, including a company's own authority."""

    def __init__(self, connections: int) -> None:
        self._tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TLSPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        proxies = super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)
        proxies.pool_classes_by_scheme = self.poolmanager.pool_classes_by_scheme
        return proxies


def read_body(response: Response) -> None:
    """Read the complete body into the response.

    Raises:
        Unacceptable: it is too large, or compressed in a way that was not requested.
        requests.ConnectionError: it is truncated, or does not match its headers.
    """
    chunks, size = [], 0
    try:
        encoding = response.headers.get("content-encoding", "").lower()
        if encoding not in {"", "identity", ACCEPTED_ENCODING}:
            raise Unacceptable(f"a body compressed as {shortened(encoding, 50)!r}")
        # read1 returns available data; read would block until the full chunk has arrived.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            size += len(chunk)
            if size > LARGEST_BODY_BYTES:
                raise Unacceptable(f"a body of more than {LARGEST_BODY_BYTES >> 20} MB")
            chunks.append(chunk)
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error
    finally:
        response.close()
    response._content = b"".join(chunks)
    response._content_consumed = True  # type: ignore[attr-defined]


def may_pass(error: Exception) -> bool:
    """Whether another attempt may succeed: not after a wrong address or certificate, or too many
    or too long headers."""
    if not isinstance(error, requests.RequestException) or isinstance(error, ValueError):
        return False
    cause: BaseException | None = error
    while cause is not None:
        # http.client has no class for too many headers.
        if isinstance(cause, ssl.CertificateError | LineTooLong) or type(cause) is HTTPException:
            return False
        cause = cause.__context__
    return True


def cause_of(error: BaseException) -> str:
    """The first cause of an error, without the name and password of a proxy."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    words = str(error) or type(error).__name__
    words = words.rpartition("object at 0x")[2] if "object at 0x" in words else words
    return _USERINFO.sub("//***@", words)
