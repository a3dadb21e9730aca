"""The API over real HTTP: tornado on 127.0.0.1, in a daemon thread with its own loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from boxdocgen_explore.emulator.api import Call, application
from boxdocgen_explore.emulator.enterprise import DEMO_USER, Account, Enterprise
from boxdocgen_explore.emulator.faults import Faults, Strike, parse_fault
from boxdocgen_explore.emulator.story import story

MOST_CALLS: Final = 10_000


class Emulator:
    """The Box Doc Gen API on 127.0.0.1, with synthetic data.

    Parameters
    ----------
    port:
        Where to listen; 0 takes a free one.
    enterprise:
        What to serve; None is the demo's story.
    users:
        Who may call, each by their own token; None is the one demo user.
    clock:
        Seconds since the start, for the batch that still runs; None is real time.

    Raises OSError if the port is taken.

    >>> import json, urllib.request
    >>> with Emulator() as emulator:
    ...     headers = {"authorization": f"Bearer {DEMO_USER.token}", "box-version": "2025.0"}
    ...     url = f"{emulator.url}/docgen_batch_jobs/12345600319?limit=5"
    ...     with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
    ...         len(json.load(answer)["entries"])
    5
    """

    def __init__(
        self,
        port: int = 0,
        enterprise: Enterprise | None = None,
        users: Sequence[Account] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.enterprise = enterprise if enterprise is not None else story()
        self.users = tuple(users) if users is not None else (DEMO_USER,)
        self.faults = Faults()
        self._clock = clock
        self._started_s = 0.0
        self._asked_port = port
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self.streams: set[IOStream] = set()
        self._calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self._lock = threading.Lock()
        self._switching = threading.Lock()

    @property
    def port(self) -> int:
        if self._port is None:
            raise RuntimeError("The emulator is not running; start() it, or use it in a with.")
        return self._port

    @property
    def url(self) -> str:
        """Base URL, as ``https://api.box.com/2.0`` is Box's."""
        return f"http://127.0.0.1:{self.port}/2.0"

    @property
    def calls(self) -> list[Call]:
        """The calls so far, oldest first (the last 10,000); paths are below the base URL."""
        with self._lock:
            return list(self._calls)

    @property
    def strikes(self) -> list[Strike]:
        """The faults that have fired so far, oldest first (the last 10,000)."""
        return self.faults.strikes

    def record(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._clock() if self._clock else time.monotonic() - self._started_s

    def fault(
        self,
        name: str,
        *,
        path: str | None = None,
        page: int | None = None,
        times: int | None = 1,
        **options: Any,
    ) -> None:
        """Arm one of `FAULTS` for a path (or any), a page from 1 (or any), and so many calls.

        ``times=None`` is for ever. Faults fire in the order in which they were armed, one a
        call. An unknown name or option raises ValueError, as does an invalid value.
        """
        self.faults.arm(name, path, page, times, **options)

    def clear_faults(self) -> None:
        self.faults.clear()

    def start(self) -> Emulator:
        """Listen. Does nothing if it already does."""
        with self._switching:
            if self._thread is None:
                self._start()
        return self

    def _start(self) -> None:
        # Bound here and not in the thread, so that a port that is taken is the caller's error.
        listening = socket.create_server(("127.0.0.1", self._asked_port), backlog=128)
        self._port = listening.getsockname()[1]
        self._started_s = time.monotonic()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, ready)),
            name="boxdocgen-emulator",
            daemon=True,
        )
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Close every connection, silent ones too. Does nothing if it is not running."""
        # Two threads may stop it at once: the one that leaves the with, and another.
        with self._switching:
            if self._thread is None or self._loop is None or self._closing is None:
                return
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
            self._thread = self._loop = self._closing = self._port = None

    def join(self) -> None:
        """Wait until somebody stops it; Ctrl-C gets through, on Windows too."""
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(0.5)

    async def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        listening.setblocking(False)
        server = HTTPServer(application(self))
        server.add_socket(listening)
        ready.set()
        await self._closing.wait()
        server.stop()
        for stream in list(self.streams):
            stream.close()
        await server.close_all_connections()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def serve(
    port: int = 0,
    *,
    faults: Sequence[str] = (),
    started: Callable[[Emulator], None] | None = None,
) -> None:
    """Run the demo until interrupted; ``started`` is called once with the listening emulator.

    ``faults`` are typed as for `parse_fault`. Raises OSError if the port is taken, and
    ValueError if a fault is invalid, before anything listens.
    """
    emulator = Emulator(port)
    for text in faults:
        emulator.fault(**{"times": None, **parse_fault(text)})
    with contextlib.suppress(KeyboardInterrupt), emulator:
        if started:
            started(emulator)
        emulator.join()
