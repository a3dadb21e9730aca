"""One attempt at the network, in a separate thread.

One deadline covers everything from the name lookup to the last byte. Ctrl-C and Cancel end any wait
within a second. No traceback includes frames of requests, urllib3 or Box's SDK, whose variables
hold the token.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from boxdocgen_explore.box.retry import RequestContext

_STEP_S: Final = 0.1
_Result = TypeVar("_Result")


def run_apart(
    work: Callable[[], _Result],
    failure: Callable[[Exception], Exception],
    deadline_s: float,
    context: RequestContext,
) -> _Result:
    """Return the result of ``work``. ``failure`` makes the error to raise from any error.

    Work that is not done in time fails with a TimeoutError. When the caller stops waiting, also on
    Ctrl-C, the connections are shut down, so that the thread ends soon.

    Raises:
        Cancelled: the context was cancelled.
    """
    attempt = _Attempt(work, failure)
    late = time.monotonic() + deadline_s
    try:  # Ctrl-C may come as soon as the thread has started
        attempt.start()
        while attempt.is_alive():
            context.check()
            if (left := late - time.monotonic()) <= 0:
                raise failure(TimeoutError("the response takes too long"))
            attempt.join(min(left, _STEP_S))
    finally:
        attempt.stop()
    if attempt.failed is not None:
        raise attempt.failed
    result: _Result = attempt.result
    return result


def watch(connected: Any) -> None:
    """Register a socket, to be shut down once nobody waits for this thread's attempt."""
    attempt = threading.current_thread()
    if isinstance(attempt, _Attempt):
        attempt.watch(connected)


class _Attempt(threading.Thread):
    def __init__(self, work: Callable[[], Any], failure: Callable[[Exception], Exception]) -> None:
        super().__init__(name="boxdocgen-attempt", daemon=True)
        self.result: Any = None
        self.failed: Exception | None = None
        self._work = work
        self._failure = failure
        self._sockets: list[socket.socket] = []
        self._stopped = False

    def run(self) -> None:
        try:
            self.result = self._work()
        except Exception as error:
            self.failed = self._failure(error)  # not the error itself: its frames hold the token
        finally:
            for connected in self._sockets:
                connected.close()

    def watch(self, connected: Any) -> None:
        # A duplicate, because TLS detaches the original socket.
        duplicate = socket.fromfd(connected.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        self._sockets.append(duplicate)
        if self._stopped:
            self.stop()

    def stop(self) -> None:
        """Shut down open connections; does nothing once the work is done."""
        self._stopped = True
        for connected in self._sockets:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
