"""Progress for people: a bar while it runs, then one plain line; nothing for programs."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Final, TextIO

from boxdocgen_explore.text import counted, shortened

_SHORT_S: Final = 1.0
"""What takes less needs no bar and no summary."""
_EVERY_S: Final = 0.1


def interactive() -> bool:
    """Whether a person watches: a terminal, or a notebook."""
    try:
        return in_notebook() or sys.stderr.isatty()
    except (AttributeError, ValueError):  # no standard error, as in a daemon, or a closed one
        return False


def in_notebook() -> bool:
    """Whether this is a notebook's kernel; other programs may import IPython as well."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


def _stream() -> TextIO:
    """Standard output is what a notebook shows as plain text; a terminal's is for results."""
    return sys.stdout if in_notebook() else sys.stderr


class ProgressBar(AbstractContextManager["ProgressBar"]):
    """Pages, jobs and waits on one line, in notebooks and terminals alike.

    Not shown if nobody watches, nor until a second has passed or something is waited for. A
    terminal that takes nothing more is no error.
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
        # A wait must be shown at once, because no job may arrive for a long time.
        due = waiting != self._waiting or now - self._drawn_at > _EVERY_S
        shown = self._shown or waiting is not None or now - self._start > _SHORT_S
        self._waiting = waiting
        if due and shown and interactive():
            minutes, seconds = divmod(int(now - self._start), 60)
            about = f"{minutes:02}:{seconds:02}" + (f", {waiting}" if waiting else "")
            self._draw(f"{counted(pages, 'page')}, {jobs:,} {self.noun} [{about}]")
            self._drawn_at = now

    def _draw(self, text: str, end: str = "") -> None:
        """Write the line again; one that wraps could not be."""
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
