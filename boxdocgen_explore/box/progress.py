"""Progress for people: a bar, then one line of text; nothing for programs."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Final, TextIO

from boxdocgen_explore.text import counted, shortened

_SHORT_S: Final = 1.0
"""Quicker fetches show no bar and no summary."""
_EVERY_S: Final = 0.1


def interactive() -> bool:
    """Whether a person is watching, in a terminal or a notebook."""
    try:
        return in_notebook() or sys.stderr.isatty()
    except (AttributeError, ValueError):  # standard error is missing, as in a daemon, or closed
        return False


def in_notebook() -> bool:
    """Whether this is a notebook's kernel; other programs may import IPython as well."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def _stream() -> TextIO:
    """Standard output in a notebook, which shows it as text; standard error in a terminal."""
    return sys.stdout if in_notebook() else sys.stderr


class ProgressBar(AbstractContextManager["ProgressBar"]):
    """Shows pages, jobs and waits on one line, in notebooks and terminals.

    It appears after a second, or on the first wait, and only if somebody is watching. Errors of
    the terminal are ignored.
    """

    def __init__(self, noun: str = "jobs") -> None:
        self.noun = noun
        self._start = self._drawn_at = time.monotonic()
        self._pages = self._jobs = 0
        self._waiting: str | None = None
        self._shown = ""

    def __call__(self, pages: int, jobs: int, waiting: str | None) -> None:
        self._pages, self._jobs = pages, jobs
        now = time.monotonic()
        # Show waits at once, because no job may arrive for a long time.
        due = waiting != self._waiting or now - self._drawn_at > _EVERY_S
        shown = self._shown or waiting is not None or now - self._start > _SHORT_S
        self._waiting = waiting
        if due and shown and interactive():
            minutes, seconds = divmod(int(now - self._start), 60)
            about = f"{minutes:02}:{seconds:02}" + (f", {waiting}" if waiting else "")
            self._draw(f"{counted(pages, 'page')}, {jobs:,} {self.noun} [{about}]")
            self._drawn_at = now

    def _draw(self, text: str, end: str = "") -> None:
        """Rewrite the line, which must not wrap."""
        text = shortened(text, shutil.get_terminal_size().columns - 1)
        with suppress(OSError):
            empty = " " * len(self._shown)
            print(f"\r{empty}\r{text}", end=end, file=_stream(), flush=True)
        self._shown = text

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._shown:
            seconds = time.monotonic() - self._start
            pages = counted(self._pages, "page")
            end = "" if error is None else ", then stopped"
            self._draw(f"{self._jobs:,} {self.noun}, {pages} in {seconds:.0f} s{end}", "\n")
