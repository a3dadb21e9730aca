"""``--log FILE``: a run with its calls, waits and end; several runs may share a file."""

from __future__ import annotations

import logging
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from boxdocgen_explore import __version__
from boxdocgen_explore.cli.terminal import note, plain
from boxdocgen_explore.errors import InvalidRequest

_LOG: Final = logging.getLogger(__name__)
_SECRET: Final = re.compile(r"(?:(?<=//)|[^\s/=:]+:(?!//))\S*@|\?\S+")
"""Secrets in addresses, in arguments or errors: user:password@, ?signature=."""


class _LogFile(logging.FileHandler):
    """Reports a full disk once; `logging` itself would print a traceback for every line."""

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if not self._failed:
            note(f"boxdocgen: warning: could not write to {self.baseFilename}; the log has gaps.")
        self._failed = True


class _Line(logging.Formatter):
    """One line per record, without secrets in addresses."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return _SECRET.sub("***", plain(super().format(record)))


@contextmanager
def logging_to(path: Path | None, arguments: Iterable[str]) -> Iterator[None]:
    """Append to this file, starting with the version and the arguments.

    Raises:
        InvalidRequest: opening it failed.
    """
    if path is None:
        yield
        return
    try:
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InvalidRequest(f"Could not write to {path}: {error.strerror}.") from None
    line = "%(asctime)sZ %(process)d %(levelname)s %(message)s"
    handler.setFormatter(_Line(line, "%Y-%m-%dT%H:%M:%S"))
    log = logging.getLogger("boxdocgen_explore")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    _LOG.info("Start of boxdocgen %s: %s", __version__, shlex.join(arguments))
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        with suppress(OSError):
            handler.close()
