"""The API over real HTTP: tornado on 127.0.0.1, in a daemon thread with its own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from tornado.httpserver import HTTPServer

from boxdocgen_explore.emulator.backend import Backend, parse_fault
from boxdocgen_explore.emulator.enterprise import DEMO_USER, Enterprise, User
from boxdocgen_explore.emulator.handler import BASE_PATH, application
from boxdocgen_explore.emulator.story import STORY_NOW, story


class Emulator(Backend):
    """The Box Doc Gen API on 127.0.0.1, with synthetic data.

    Parameters
    ----------
    port:
        The port to listen on; 0 chooses a free one.
    enterprise:
        The data to serve; None is the demo's story.
    users:
        The users, each with its own token; None is the demo user.
    clock:
        Seconds since the start, for the batch that still runs; None is real time.

    Raises ValueError for an invalid port, and OSError from `start` if it is taken.

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
        users: Sequence[User] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(story() if enterprise is None else enterprise, users or [DEMO_USER], clock)
        if not 0 <= port <= 65535:  # a socket would be created and never closed
            raise ValueError(f"Port {port} does not exist: choose one from 0 to 65535.")
        self._requested_port = port
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._switching = threading.Lock()

    @property
    def port(self) -> int:
        """The port that the emulator listens on."""
        if self._port is None:
            raise RuntimeError(
                "The emulator is not running. Call start(), or use it in a with statement."
            )
        return self._port

    @property
    def url(self) -> str:
        """The base URL, instead of ``https://api.box.com/2.0``."""
        return f"http://127.0.0.1:{self.port}{BASE_PATH}"

    def start(self) -> Emulator:
        """Start to listen; does nothing if it already listens."""
        with self._switching:
            if self._thread is None:
                self._start()
        return self

    def _start(self) -> None:
        # Bound here and not in the thread, so that the caller gets the error for a taken port.
        listening = socket.create_server(("127.0.0.1", self._requested_port), backlog=128)
        listening.setblocking(False)
        self._port = listening.getsockname()[1]
        self.started_s: float = time.monotonic()
        self._loop, self._closing = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=[listening], name="boxdocgen-emulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close every connection, including silent ones; does nothing if it is not running."""
        # Two threads may stop it at once: the one that leaves the with statement, and another.
        with self._switching:
            if self._thread is not None:
                self._loop.call_soon_threadsafe(self._closing.set)
                self._thread.join()
                self._thread = self._port = None

    def join(self) -> None:
        """Wait until another thread stops it; Ctrl-C ends the wait, also on Windows."""
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(0.5)

    def _run(self, listening: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listening))

    async def _serve(self, listening: socket.socket) -> None:
        server = HTTPServer(application(self))
        server.add_socket(listening)
        await self._closing.wait()
        server.stop()
        await server.close_all_connections()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(
    port: int = 0,
    *,
    now: datetime = STORY_NOW,
    faults: Sequence[str] = (),
    started: Callable[[Emulator], None] | None = None,
) -> None:
    """Run the demo until it is interrupted; ``started`` is called once it listens.

    ``now`` is that of `story`; ``faults`` are texts for `parse_fault`. Raises OSError for a taken
    port, and ValueError for an invalid port or fault, before it listens.
    """
    emulator = Emulator(port, story(now))
    for text in faults:
        emulator.fault(**{"times": None, **parse_fault(text)})
    with contextlib.suppress(KeyboardInterrupt), emulator:
        if started:
            started(emulator)
        emulator.join()
