"""Faults by name: what can go wrong between a client and Box, on demand.

Each fault is a function in `answer_faults` or `page_faults`, from an exchange to the answer that is
sent instead of the right one.
"""

from __future__ import annotations

import inspect
import re
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from boxdocgen_explore.emulator import answer_faults, page_faults
from boxdocgen_explore.emulator.answers import Answer
from boxdocgen_explore.emulator.exchange import FAULT_KINDS, Exchange, FaultKind
from boxdocgen_explore.emulator.paging import StaticList, page_at

__all__ = ["FAULTS", "Faults", "Strike", "answer_faults", "page_faults", "parse_fault"]

_MOST_STRIKES: Final = 10_000

FAULTS: Final[dict[str, str]] = {name: kind.sentence for name, kind in FAULT_KINDS.items()}
"""Every fault by name, with what it does and its options."""


class Strike(NamedTuple):
    """A fault that has fired, and the call that it hit (a path below the base URL)."""

    fault: str
    path: str


@dataclass
class _Trigger:
    name: str
    kind: FaultKind
    options: dict[str, Any]
    path: str | None
    page: int | None
    times: int | None
    fired: int = 0

    def matches(self, exchange: Exchange) -> bool:
        if self.path is not None and unquote(self.path) != unquote(exchange.path):
            return False
        number = exchange.page.number if exchange.page else None
        return self.page in (None, number) and self.kind.applies_to(exchange)


_TRIAL: Final = Exchange(
    "/trial", Answer(200), page_at("trial", StaticList([]), 0, limit=1, by_marker=True)
)


class Faults:
    """The faults that are armed; those armed first fire first, one a call."""

    def __init__(self) -> None:
        self._triggers: list[_Trigger] = []
        self._strikes: deque[Strike] = deque(maxlen=_MOST_STRIKES)
        self._lock = threading.Lock()

    def arm(
        self, name: str, path: str | None, page: int | None, times: int | None, **options: Any
    ) -> None:
        """Arm a fault; an unknown name or option, or an invalid value, is a ValueError."""
        if name not in FAULT_KINDS:
            raise ValueError(f"No fault is called {name!r}; there are {', '.join(FAULT_KINDS)}.")
        kind = FAULT_KINDS[name]
        known = list(inspect.signature(kind.act).parameters)[1:]
        if unknown := set(options) - set(known):
            offered = ", ".join(known) or "none"
            raise ValueError(f"{name} has no option {min(unknown)!r}; it has: {offered}.")
        kind.act(_TRIAL, **options)  # an invalid value is reported here, and not to a client
        with self._lock:
            self._triggers.append(_Trigger(name, kind, options, path, page, times))

    def clear(self) -> None:
        with self._lock:
            self._triggers.clear()

    @property
    def strikes(self) -> list[Strike]:
        with self._lock:
            return list(self._strikes)

    def apply(self, exchange: Exchange) -> Answer:
        """The answer to send: that of the first fault that matches, or the right one."""
        with self._lock:
            trigger = next((one for one in self._triggers if one.matches(exchange)), None)
            if trigger is None:
                return exchange.answer
            exchange = replace(exchange, fired=trigger.fired)
            trigger.fired += 1
            self._strikes.append(Strike(trigger.name, exchange.path))
            if trigger.times is not None and trigger.fired >= trigger.times:
                self._triggers.remove(trigger)
        return trigger.kind.act(exchange, **trigger.options)


def parse_fault(text: str) -> dict[str, Any]:
    """A fault as a person types it, as keyword arguments of `Emulator.fault`.

    >>> parse_fault("rate-limit:page=2,times=1,retry_after=30")
    {'page': 2, 'times': 1, 'retry_after': '30', 'name': 'rate-limit'}
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    # Not at every comma: a date and a body may contain some.
    for part in filter(None, re.split(r",(?=\w+=|$)", rest)):
        key, equals, value = part.partition("=")
        is_number = key in ("page", "times")
        if not equals or (is_number and not value.isdecimal()):
            raise ValueError(f"A fault reads NAME or NAME:OPTION=VALUE,...; not {text!r}.")
        options[key] = int(value) if is_number else value
    return {**options, "name": name}
