"""All errors of this package, as one tree.

::

    BoxDocGenError                 every error of this package
    ├── InvalidRequest             an argument is invalid (also a ValueError); nothing was sent
    ├── NoCredentials              no token, and nobody can be asked for one
    ├── StoreError                 the cache folder cannot be used
    ├── NotCached                  offline, and this is not in the cache
    ├── Unreachable                no response: no network, refused, timed out, cut off
    ├── Cancelled                  the user cancelled
    ├── BoxError                   Box refused the call
    │   ├── Unauthorized           401: the token is wrong or has expired
    │   ├── Forbidden              403: this user may not do this
    │   ├── NotFound               404: it does not exist, or not for this user
    │   ├── MarkerRefused          400 to a page that was requested by a marker
    │   ├── RateLimited            429, even after waiting
    │   └── ServerError            5xx, even after retries
    ├── BrokenPage                 a 200 whose body is not what Box documents
    ├── BrokenChain                pages that are not one chain: a marker or an id appears twice
    ├── BrokenBag                  a file that is not an evidence bag, or is too damaged to read
    └── BatchesFailed              some of several batches failed; carries the others

Every error has the ``status``, ``code``, ``message`` and ``request_id`` of Box's response, its time
(``answered_at``, UTC) and digest (``body_sha256``), ``batch_id``, and ``reading`` with the jobs
that arrived. Unknown values are None. The text says what happened and what to do; details follow on
a separate line. No error contains a token, a request or a response.
"""

from __future__ import annotations

import linecache
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from boxdocgen_explore.pace import Pace
from boxdocgen_explore.schema import User
from boxdocgen_explore.text import shortened, visible
from boxdocgen_explore.verdict import verdict

_PACKAGE: Final = __name__.partition(".")[0]
_NAMED: Final = 10
"""The most batches that an error names."""


class BoxDocGenError(Exception):
    """The base of all errors of this package; unknown attributes are None."""

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
        batch_id: str | None = None,
    ) -> None:
        # A traceback in a terminal prints this unchanged.
        super().__init__("\n".join(map(shortened, visible(text).split("\n"))))
        self.status = status
        self.code: str | None = code and visible(code)
        self.message: str | None = message and visible(message)
        self.request_id: str | None = request_id and visible(request_id)
        self.batch_id = batch_id
        self.answered_at: datetime | None = None
        self.body_sha256: str | None = None
        self.reading: Reading | None = None

    def _render_traceback_(self) -> list[str]:
        """The traceback in IPython: the lines of the user's own code, and the error's text.

        Lines of IPython and of this package do not help the user. `traceback.print_exc` and
        ``%debug`` still have them.
        """
        shown = []
        for frame, number in traceback.walk_tb(self.__traceback__):
            module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            if module == _PACKAGE:
                break
            if module != "IPython":
                file = frame.f_code.co_filename
                place = "Cell" if module == "__main__" else visible(file)
                line = linecache.getline(file, number, frame.f_globals).strip()
                shown += [f"{place}, line {number}:", f"    {shortened(visible(line))}"]
        return [*shown, f"{type(self).__name__}: {self}"]


class InvalidRequest(BoxDocGenError, ValueError):
    """An argument is invalid; nothing was sent."""


class NoCredentials(BoxDocGenError):
    """No token, and nobody can be asked for one."""


class StoreError(BoxDocGenError):
    """The cache folder cannot be used."""


class NotCached(BoxDocGenError):
    """Offline, and this is not in the cache."""


class Unreachable(BoxDocGenError):
    """No response: no network, a refused or cut connection, silence."""


class Cancelled(BoxDocGenError):
    """The user cancelled."""


class BoxError(BoxDocGenError):
    """Box refused the call."""


class Unauthorized(BoxError):
    """401: the token is wrong or has expired."""


class Forbidden(BoxError):
    """403: this user may not do this."""


class NotFound(BoxError):
    """404: it does not exist, or not for this user."""


class MarkerRefused(BoxError):
    """400 to a page that was requested by a marker."""


class RateLimited(BoxError):
    """429, even after waiting."""


class ServerError(BoxError):
    """5xx, even after retries."""


class BrokenPage(BoxDocGenError):
    """A 200 whose body is not what Box documents."""


class BrokenChain(BoxDocGenError):
    """Pages that are not one chain: a marker or an id appears twice."""


class BrokenBag(BoxDocGenError):
    """A file that is not an evidence bag, or is too damaged to read."""


class BatchesFailed(BoxDocGenError):
    """Some of several batches failed; ``reading`` has the others, ``failures`` each error."""

    def __init__(self, failures: Mapping[str, BoxDocGenError], batches: int) -> None:
        lines = [
            f"\n  {batch_id}: " + str(error).replace("\n", "\n    ")
            for batch_id, error in failures.items()
        ]
        if len(lines) > _NAMED:
            lines[_NAMED:] = [f"\n  and {len(lines) - _NAMED:,} more, in error.failures"]
        text = f"{len(failures):,} of {batches:,} batches are incomplete:"
        super().__init__(text + "".join(lines))
        self.failures: dict[str, BoxDocGenError] = dict(failures)
        self.batches = batches

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with only the text, and a process pool then loses the cause.
        return type(self), (self.failures, self.batches), self.__dict__


Bodies = Callable[[tuple[str, ...], str | None, str], bytes | None]
"""Returns an answer's body by path, SHA-256 of the marker (None: first page) and of the body."""


@dataclass(frozen=True, repr=False, eq=False)
class Reading:
    """Jobs, with their pages as evidence. Defined here because errors carry a reading.

    ``jobs`` has one row per job (`schema.JOBS`, with details also `schema.DETAILS`), ``pages`` one
    row per page read (`schema.PAGES`). ``failures`` has the error of each incomplete batch; its
    jobs are included as far as they arrived, and its pages have ``complete = false``. ``user`` is
    the user who read (None if unknown), ``as_user`` the user id that was read as, if any.
    ``document_pages`` has one row per answer about documents (`schema.DOCUMENT_PAGES`; None if not
    requested). If the list of all jobs was read, ``list_pages`` has one row per page of it
    (`schema.PAGES` without a batch), and ``listed`` the ``batch_id`` and ``job_id`` of each job.
    ``calls`` counts the calls for this reading; ``pace`` is its pace, if it was watched.
    ``bodies`` returns Box's answers from the cache, while they are cached and the Box is open.
    ``template_names`` reads the names of templates by file id from that Box.
    """

    jobs: pl.DataFrame
    pages: pl.DataFrame
    failures: Mapping[str, BoxDocGenError] = field(default_factory=dict)
    user: User | None = None
    as_user: str | None = None
    document_pages: pl.DataFrame | None = None
    calls: int | None = None
    pace: Pace | None = None
    list_pages: pl.DataFrame | None = None
    listed: pl.DataFrame | None = None
    bodies: Bodies | None = None
    template_names: Callable[[], Mapping[str, str]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A Box and its cache have connections, which cannot be sent to another process.
        return {**self.__dict__, "bodies": None, "template_names": None}

    def __len__(self) -> int:
        """The number of jobs."""
        return self.jobs.height

    def __bool__(self) -> bool:
        return True  # even without jobs

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Export the jobs to DuckDB, pandas, pyarrow and others."""
        return self.jobs.__arrow_c_stream__(requested_schema)

    @property
    def verdict(self) -> str:
        """One sentence: result, main cause, completeness, user and age."""
        return verdict(self.jobs, self.pages, failures=self.failures).text

    def __repr__(self) -> str:
        return f"<Reading: {self.verdict}>"


deliver_warnings: Final[ContextVar[Callable[[str, type[Warning]], None] | None]] = ContextVar(
    "deliver_warnings", default=None
)
"""The function that `warn` calls in a thread whose warnings another thread must show."""

_INNER: Final = frozenset({"boxdocgen_explore", "contextlib", "importlib"})
"""Packages whose lines do not help the caller of this one."""


Line = tuple[str, int, str, Any]
"""File, number and module of a line, and Python's registry of its warnings."""


def caller_line() -> Line:
    """The line that called this package, at any depth."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _INNER:
        frame = frame.f_back
    names = frame.f_globals
    registry = names.setdefault("__warningregistry__", {})
    return frame.f_code.co_filename, frame.f_lineno, names.get("__name__", ""), registry


def warn(text: str, category: type[Warning], line: Line | None = None) -> None:
    """Issue a warning for a line, by default the one that called this package."""
    if deliver := deliver_warnings.get():
        deliver(text, category)
    else:
        warnings.warn_explicit(text, category, *(line or caller_line()))


def warn_renamed(old: str, new: str) -> None:
    """Warn of an old name, which works for one minor version."""
    text = f"{old} is now {new}; the old name will be removed in the next minor version."
    warn(text, DeprecationWarning)


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name == "NotKept":
            warn_renamed(name, "NotCached")
            return NotCached
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
