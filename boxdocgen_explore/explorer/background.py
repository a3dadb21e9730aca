"""Run one task in a thread, so that the kernel stays free; the next task supersedes it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """Runs one task at a time; each gets an event that stops it.

    A superseded task must show nothing: it checks `is_current`.
    """

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._worker: threading.Thread | None = None

    def supersede(self) -> None:
        """Stop the running task, which shows nothing more."""
        before, self._cancelled = self._cancelled, threading.Event()
        before.set()
        if self._worker is not None and self._worker is not threading.current_thread():
            self._worker.join(timeout=5)

    def start(self, task: Callable[[threading.Event], None]) -> None:
        """Run a task in a thread."""
        worker = threading.Thread(target=task, args=[self._cancelled], daemon=True)
        worker.start()
        self._worker = worker  # after the start, because only started threads can be joined

    def run(self, task: Callable[[threading.Event], None]) -> None:
        """Run a task in this thread and wait for it."""
        task(self._cancelled)

    def is_current(self, cancelled: threading.Event) -> bool:
        """Whether no other task has superseded the one with this event."""
        return cancelled is self._cancelled

    @property
    def is_running(self) -> bool:
        return self._worker is not None and self._worker.is_alive()

    def cancel(self) -> bool:
        """Ask the task to stop; False if none runs."""
        if not self.is_running:
            return False
        self._cancelled.set()
        return True

    def join(self, timeout_s: float | None) -> None:
        """Wait until the task has ended."""
        if self._worker is not None:
            self._worker.join(timeout_s)
