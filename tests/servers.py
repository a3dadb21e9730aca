"""Servers other than the emulator: any bytes, a proxy that records its requests, TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import trustme


def tls_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@contextmanager
def raw_server(
    answer: Callable[[socket.socket], Any], authority: trustme.CA | None = None
) -> Iterator[str]:
    """Answer every connection with these bytes, whatever the request, and close it."""
    tls = tls_context(authority) if authority else None
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with suppress(OSError):
                    opened = tls.wrap_socket(connection, server_side=True) if tls else connection
                    with opened:
                        opened.recv(65_536)
                        answer(opened)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}/2.0"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


class _Answer(BaseHTTPRequestHandler):
    status = 200

    def do_CONNECT(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.requested.append(self.path)  # type: ignore[attr-defined]
        self.send_response(self.status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _serving(server: HTTPServer) -> Iterator[list[str]]:
    server.requested = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.requested  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    server = HTTPServer(("127.0.0.1", 0), type("Proxy", (_Answer,), {"status": 404}))
    with _serving(server) as requested:
        yield f"http://127.0.0.1:{server.server_port}", requested


@contextmanager
def tls_server(authority: trustme.CA) -> Iterator[str]:
    class Server(HTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Ignore disconnected clients, which some tests need."""

    server = Server(("127.0.0.1", 0), _Answer)
    server.socket = tls_context(authority).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=True
    )
    with _serving(server):
        yield f"https://127.0.0.1:{server.server_port}/2.0"
