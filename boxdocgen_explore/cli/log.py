"""``--log FILE``: what is sent, waited for and repeated, with times in UTC."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from boxdocgen_explore.cli.terminal import note
from boxdocgen_explore.errors import InvalidRequest


class _LogFile(logging.FileHandler):
    """Says once that the disk is full; `logging` itself would print a traceback for every line."""

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if not self._failed:
            note(f"boxdocgen: warning: {self.baseFilename} cannot be written; the log has gaps.")
        self._failed = True


@contextmanager
def logging_to(path: Path | None) -> Iterator[None]:
    """Append to this file meanwhile.

    Raises:
        InvalidRequest: it cannot be opened.
    """
    if path is None:
        yield
        return
    try:
        handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}.") from None
    line = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    line.converter = time.gmtime
    handler.setFormatter(line)
    log = logging.getLogger("boxdocgen_explore")
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        with suppress(OSError):
            handler.close()
