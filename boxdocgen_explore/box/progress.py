"""Progress for people: a bar while it runs, then one plain line; nothing for programs."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any, Final, TextIO

from boxdocgen_explore.text import counted

_SHORT_S: Final = 1.0
"""What takes less needs no bar and no summary."""
_FORMAT: Final = "{desc} [{elapsed}{postfix}]"


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
    """Pages, jobs and waits on one line, in notebooks and terminals alike (tqdm).

    Not shown if nobody watches, nor until a second has passed or something is waited for. A
    terminal that takes nothing more is no error.
    """

    def __init__(self, noun: str = "jobs") -> None:
        self.noun = noun
        self._bar: Any = None
        self._start = time.monotonic()
        self._pages = self._jobs = 0
        self._waiting: str | None = None

    def __call__(self, pages: int, jobs: int, waiting: str | None) -> None:
        self._pages, self._jobs = pages, jobs
        due = waiting is not None or time.monotonic() - self._start > _SHORT_S
        if self._bar is None and due and interactive():
            # Not tqdm.auto: of its widget, a saved notebook shows no more than an error.
            from tqdm.std import tqdm

            with suppress(OSError):
                self._bar = tqdm(file=_stream(), leave=False, bar_format=_FORMAT)
        if self._bar is not None:
            with suppress(OSError):
                text = f"{counted(pages, 'page')}, {jobs:,} {self.noun}"
                self._bar.set_description_str(text, refresh=False)
                # A wait must be shown at once, because no job may arrive for a long time.
                self._bar.set_postfix_str(waiting or "", refresh=waiting != self._waiting)
                self._bar.update(jobs - self._bar.n)
        self._waiting = waiting

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._bar is None:
            return
        seconds = time.monotonic() - self._start
        end = "" if error is None else ", then stopped"
        line = f"{self._jobs:,} {self.noun}, {counted(self._pages, 'page')} in {seconds:.0f} s{end}"
        with suppress(OSError):
            self._bar.close()
            print(line, file=_stream())
