"""The state of one emulator: its data, armed faults, and the calls so far."""

from __future__ import annotations

import inspect
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from boxdocgen_explore.emulator.enterprise import Enterprise, User
from boxdocgen_explore.emulator.faults import BY_NAME, Fault, Interception
from boxdocgen_explore.emulator.paging import EntryList, ListPage, page_at
from boxdocgen_explore.emulator.replies import Reply

MAX_RECORDS: Final = 10_000
"""The most calls and strikes that an emulator remembers; older ones are dropped."""


@dataclass(frozen=True)
class Call:
    """A received call: no token, only the id of the user it was served as (or None)."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    user_id: str | None


class Strike(NamedTuple):
    """A fault that struck, and the path of the call (below the base URL)."""

    fault: str
    path: str


@dataclass
class Trigger:
    """An armed fault, and the calls that trigger it."""

    fault: Fault
    options: dict[str, Any]
    path: str | None
    page: int | None
    times: int | None
    strikes: int = 0

    def matches(self, call: Interception) -> bool:
        if self.path is not None and unquote(self.path) != unquote(call.path):
            return False
        if not isinstance(call.found, ListPage):
            return self.page is None and self.fault.on is None
        on = self.fault.on
        return self.page in (None, call.found.number) and (on is None or on(call.found))


_TRIAL: Final = Interception(
    "/trial", page_at(EntryList.of("trial", [], dict), 0, limit=1, by_marker=True)
)


class Backend:
    """The state of an emulator, shared by the calling thread and the server's."""

    def __init__(
        self,
        enterprise: Enterprise,
        users: Sequence[User],
        clock: Callable[[], float] | None,
    ) -> None:
        self.enterprise = enterprise
        self.users: tuple[User, ...] = tuple(users)
        self.started_s: float = time.monotonic()
        self._clock = clock
        self._triggers: list[Trigger] = []
        self._calls: deque[Call] = deque(maxlen=MAX_RECORDS)
        self._strikes: deque[Strike] = deque(maxlen=MAX_RECORDS)
        self._lock = threading.Lock()

    @property
    def calls(self) -> list[Call]:
        """The last 10,000 calls, oldest first; paths are below the base URL."""
        with self._lock:
            return list(self._calls)

    @property
    def strikes(self) -> list[Strike]:
        """The last 10,000 faults that struck, oldest first."""
        with self._lock:
            return list(self._strikes)

    def record(self, call: Call) -> None:
        """Remember a call."""
        with self._lock:
            self._calls.append(call)

    def elapsed_s(self) -> float:
        """Seconds since the start, by the emulator's clock."""
        return self._clock() if self._clock else time.monotonic() - self.started_s

    def fault(
        self,
        name: str,
        *,
        path: str | None = None,
        page: int | None = None,
        times: int | None = 1,
        **options: Any,
    ) -> None:
        """Arm one of `FAULTS`, for one path or any, for one page (from 1) or any.

        It strikes ``times`` times; None means forever. Faults strike in the order in which they
        were armed, one per call. Raises ValueError if a name, an option or a value is invalid.
        """
        if name not in BY_NAME:
            raise ValueError(f"No fault is called {name!r}; there are {', '.join(BY_NAME)}.")
        fault = BY_NAME[name]
        known = list(inspect.signature(fault.apply).parameters)[1:]
        if unknown := set(options) - set(known):
            offered = ", ".join(known) or "none"
            raise ValueError(f"{name} has no option {min(unknown)!r}; it has: {offered}.")
        fault.apply(_TRIAL, **options)  # an invalid value is the caller's error, not a client's
        with self._lock:
            self._triggers.append(Trigger(fault, options, path, page, times))

    def clear_faults(self) -> None:
        """Disarm all faults."""
        with self._lock:
            self._triggers.clear()

    def intercept(self, call: Interception) -> Reply:
        """The reply to send: from the first matching fault, otherwise the correct one."""
        with self._lock:
            trigger = next((armed for armed in self._triggers if armed.matches(call)), None)
            if trigger is None:
                return call.reply
            call = replace(call, earlier_strikes=trigger.strikes)
            trigger.strikes += 1
            self._strikes.append(Strike(trigger.fault.name, call.path))
            if trigger.times is not None and trigger.strikes >= trigger.times:
                self._triggers.remove(trigger)
        return trigger.fault.apply(call, **trigger.options)


def parse_fault(text: str) -> dict[str, Any]:
    """Parse a typed fault to keyword arguments of `Emulator.fault`.

    >>> parse_fault("rate-limit:page=2,times=1,retry_after=30")
    {'page': 2, 'times': 1, 'retry_after': '30', 'name': 'rate-limit'}
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    # Not at every comma, because dates and bodies may contain commas.
    for part in filter(None, re.split(r",(?=\w+=|$)", rest)):
        key, equals, value = part.partition("=")
        is_count = key in ("page", "times")
        if not equals or (is_count and not value.isdecimal()):
            raise ValueError(f"A fault reads NAME or NAME:OPTION=VALUE,...; not {text!r}.")
        options[key] = int(value) if is_count else value
    return {**options, "name": name}
