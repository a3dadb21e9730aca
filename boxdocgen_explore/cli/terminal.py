"""Standard output and error, even if they are closed or full, or nobody reads them.

This module needs no other package, so that a broken installation can still report errors.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Final

from boxdocgen_explore.text import shortened

DONE, FINDINGS, USAGE, REFUSED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 130, 143
"""Exit statuses. The last two are those of shells for programs that a signal ended."""

STDOUT: Final = Path("-")
"""Stands for standard output in options that take a file."""

_COLOURS: Final = {
    **dict.fromkeys(("completed", "matches"), 32),
    **dict.fromkeys(("warning", "completed_with_error"), 33),
    **dict.fromkeys(("error", "failed", "does not match"), 31),
}
_STATUS: Final = re.compile(rf"^([ \d,]*)({'|'.join(_COLOURS)})(?![\w-])", re.MULTILINE)


class OutputFailed(Exception):
    """Writing to standard output failed."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace closed streams, and escape characters that a stream cannot encode."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        # A file that is opened later must not get the number of a standard stream: libraries
        # that write to standard error would write to that file.
        while os.open(os.devnull, os.O_RDWR) < 2:
            pass
    with ExitStack() as stack:
        for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            if stream is None:
                nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
                stack.enter_context(redirect(stack.enter_context(nowhere)))
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        yield


def say(text: str, end: str = "\n", *, flush: bool = False) -> bool:
    """Print a result; False if nobody reads it any more (``| head``), which is not an error.

    Raises:
        OutputFailed: writing failed.
    """
    try:
        print(text, end=end, flush=flush)
    except BrokenPipeError:
        return False
    except (OSError, ValueError) as error:
        raise _failed(error) from None
    return True


def say_bytes(content: bytes) -> None:
    """Write a file to standard output; it is not an error if nobody reads it to its end.

    Raises:
        OutputFailed: writing failed.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        return
    except (AttributeError, OSError, ValueError) as error:
        raise _failed(error) from None


def stdout_is_closed() -> bool:
    """Whether standard output was closed, so that `standard_streams` replaced it with a file."""
    return getattr(sys.stdout, "name", None) == os.devnull


def note(text: str) -> None:
    """Print to standard error, which may be closed or full."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr)


def painted(text: str) -> str:
    """Colour status words at the start of lines, on a terminal or if $FORCE_COLOR is set."""
    wanted = os.environ.get("FORCE_COLOR") or sys.stdout.isatty()
    if os.environ.get("NO_COLOR") or not wanted:
        return text
    return _STATUS.sub(lambda found: f"{found[1]}\x1b[{_COLOURS[found[2]]}m{found[2]}\x1b[0m", text)


def flush() -> None:
    """Write buffered output; at its end, Python would do so with its own exit status.

    Raises:
        OutputFailed: writing to standard output failed.
    """
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout and not isinstance(error, BrokenPipeError):
                raise _failed(error) from None


def _failed(error: Exception) -> OutputFailed:
    why = getattr(error, "strerror", None) or error
    return OutputFailed(f"Could not write to standard output: {why}.")


def plain(text: str) -> str:
    """Text from outside on one line, without control characters for terminals."""
    short = shortened(text)
    return "".join(character if character.isprintable() else " " for character in short)
