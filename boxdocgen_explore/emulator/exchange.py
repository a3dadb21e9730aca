"""A call as a fault sees it."""

from __future__ import annotations

from dataclasses import dataclass

from boxdocgen_explore.emulator.answers import Answer
from boxdocgen_explore.emulator.paging import Page


@dataclass(frozen=True)
class Exchange:
    """The answer that was ready, and the page it came from, if a list was asked for.

    ``struck`` is how many times the fault at hand has struck before.
    """

    path: str
    answer: Answer
    page: Page | None
    struck: int = 0

    @property
    def list_page(self) -> Page:
        """The page, for faults that strike nothing else."""
        if self.page is None:
            raise TypeError("This fault needs a page.")
        return self.page


def any_call(exchange: Exchange) -> bool:
    return True


def any_page(exchange: Exchange) -> bool:
    return exchange.page is not None


def page_by_marker(exchange: Exchange) -> bool:
    return exchange.page is not None and exchange.page.asked_by_marker


def last_page(exchange: Exchange) -> bool:
    return exchange.page is not None and exchange.page.last


def page_with_a_next(exchange: Exchange) -> bool:
    return exchange.page is not None and not exchange.page.last


def page_of_several(exchange: Exchange) -> bool:
    return exchange.page is not None and len(exchange.page.entries) > 1


def page_of_jobs(exchange: Exchange) -> bool:
    page = exchange.page
    return page is not None and bool(page.entries) and b'"docgen_job"' in page.entries[0]
