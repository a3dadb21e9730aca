"""Box's lists of jobs as bytes that are made beforehand: a server too quick to be what is measured.

A batch's id says how many pages it has (`batch_id`), so any batch can be asked for. Every page has
as many jobs as the limit allows, in the emulator's words, a quarter of them failed. Run as a
script it is its own process, and `serving` runs it so: it prints its address, and ends when
its standard input does.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import parse_qs, urlsplit

from boxdocgen_explore.emulator import DEMO_USER, plain_job
from boxdocgen_explore.emulator.enterprise import FULL_ONLY

JOBS_PER_PAGE = 1000
MOST_PAGES = 1000
_HELD_PAGES = 1200  # a million jobs and some more: 540 MB
_BATCH = "#" * 10  # stands for a batch's id in the model of all pages


def batch_id(pages: int, serial: int = 0) -> str:
    """The id of a batch with as many pages; batches differ by ``serial``, from 0 to 99,999.

    >>> batch_id(40, 3)
    '7000030040'
    """
    return f"7{serial:05d}{pages:04d}"


def _job(number: int) -> dict[str, object]:
    job = {key: value for key, value in plain_job(_BATCH, number).items() if key not in FULL_ONLY}
    job["external_id"] = f"{_BATCH}{number:06d}"
    if number % 4 == 0:
        message = f'Tag start_date: "13/{number}/2026" is not a date'
        job |= {"status": "failed", "output_file": None, "output_file_version": None}
        job["failures"] = {"errors": [message], "warnings": []}
    return job


@cache
def _model(limit: int) -> bytes:
    """The entries of any page: ids begin with a batch that is not known yet, and page 0."""
    jobs = [json.dumps(_job(number), separators=(",", ":")) for number in range(limit)]
    return ",".join(jobs).encode()


@lru_cache(_HELD_PAGES)
def _page(batch: str, number: int, limit: int = JOBS_PER_PAGE) -> bytes:
    """One page as it goes over the wire; ``number`` counts from 0."""
    # Texts of the same length: a job's place in the batch has six digits, the page's three first.
    entries = _model(limit).replace(f"{_BATCH}000".encode(), f"{batch}{number:03d}".encode())
    entries = entries.replace(_BATCH.encode(), batch.encode())
    last = number + 1 == int(batch[6:])
    marker = "null" if last else f'"JV9IRGZmieiBasejOG9yDCRNgd2ymoZI-{number + 1:06d}"'
    return _wire(
        b'{"entries":[%b],"limit":%d,"next_marker":%b}' % (entries, limit, marker.encode())
    )


def _wire(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\nbox-request-id: bench\r\n\r\n".encode() + body


def _answer(target: str) -> bytes:
    asked = urlsplit(target)
    if asked.path == "/2.0/users/me":
        return _wire(json.dumps(DEMO_USER.reference).encode())
    batch = re.fullmatch(r"/2\.0/docgen_batch_jobs/(7\d{9})", asked.path)
    if not batch:
        return _wire(b"{}", "404 Not Found")
    query = {"marker": ["0"], "limit": [str(JOBS_PER_PAGE)], **parse_qs(asked.query)}
    return _page(batch[1], int(query["marker"][0][-6:]), int(query["limit"][0]))


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    latency_s = 0.0


class _Connection(StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):
            while line := self.rfile.readline():
                while self.rfile.readline() not in {b"\r\n", b""}:
                    pass
                answer = _answer(line.split(b" ")[1].decode())
                if self.server.latency_s:
                    time.sleep(self.server.latency_s)
                self.request.sendall(answer)


@contextmanager
def serving(latency_ms: float = 0) -> Iterator[str]:
    """The address of a server that runs until the block's end, as `connect` wants it."""
    command = [sys.executable, __file__, str(latency_ms)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()


def pages_per_second(url: str, pages: int = 500) -> float:
    """The server's own speed: one bare socket that drops what it gets."""
    at = urlsplit(url)
    line = f"GET {at.path}/docgen_batch_jobs/{batch_id(1)} HTTP/1.1\r\n\r\n".encode()
    size, room = len(_page(batch_id(1), 0)), memoryview(bytearray(1 << 20))
    with socket.create_connection((at.hostname, at.port)) as connection:
        start = time.perf_counter()
        for _ in range(pages):
            connection.sendall(line)
            missing = size
            while missing:
                missing -= connection.recv_into(room)
        return pages / (time.perf_counter() - start)


def main() -> None:
    with _Server(("127.0.0.1", 0), _Connection) as server:
        server.latency_s = float(sys.argv[1]) / 1000
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}/2.0\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
