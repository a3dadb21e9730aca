"""A call as a fault sees it, and the decorator that makes a function a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from boxdocgen_explore.emulator.answers import Answer
from boxdocgen_explore.emulator.paging import ListPage


@dataclass(frozen=True)
class Exchange:
    """The right answer, and the page that it was made of, if a list was requested.

    ``fired`` is how many times the fault has fired before.
    """

    path: str
    answer: Answer
    page: ListPage | None
    fired: int = 0

    @property
    def list_page(self) -> ListPage:
        """The page, for faults that apply to pages alone."""
        if self.page is None:
            raise TypeError("This fault needs a page.")
        return self.page


Condition = Callable[[Exchange], bool]


class FaultKind(NamedTuple):
    """A fault: what it makes of an exchange, and to which exchanges it applies."""

    act: Callable[..., Answer]
    applies_to: Condition
    sentence: str


FAULT_KINDS: Final[dict[str, FaultKind]] = {}


def fault(name: str, *, on: Condition) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register a function as the fault ``name``; its docstring is what `FAULTS` shows."""

    def register(act: Callable[..., Any]) -> Callable[..., Any]:
        FAULT_KINDS[name] = FaultKind(act, on, " ".join(str(act.__doc__).split()))
        return act

    return register


def any_call(exchange: Exchange) -> bool:
    return True


def any_page(exchange: Exchange) -> bool:
    return exchange.page is not None


def page_by_marker(exchange: Exchange) -> bool:
    return exchange.page is not None and exchange.page.by_marker


def last_page(exchange: Exchange) -> bool:
    return exchange.page is not None and exchange.page.last


def page_with_a_next(exchange: Exchange) -> bool:
    return exchange.page is not None and not exchange.page.last


def page_of_several(exchange: Exchange) -> bool:
    return exchange.page is not None and len(exchange.page.entries) > 1


def page_of_jobs(exchange: Exchange) -> bool:
    page = exchange.page
    return page is not None and any(one.get("type") == "docgen_job" for one in page.entries[:1])
