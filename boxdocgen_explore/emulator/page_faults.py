"""Faults of one page of a list: where its markers lead, and what is on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from boxdocgen_explore.emulator.answers import Answer
from boxdocgen_explore.emulator.exchange import (
    Exchange,
    any_page,
    fault,
    last_page,
    page_by_marker,
    page_of_jobs,
    page_of_several,
    page_with_a_next,
)
from boxdocgen_explore.emulator.paging import ListPage, marker, page_at

_RUNNING: Final = ("submitted", "pending")


@fault("repeating-marker", on=any_page)
def repeating_marker(exchange: Exchange) -> Answer:
    """The next marker leads to the same page again."""
    page = exchange.list_page
    return _with_marker(page, marker(page.name, page.position))


@fault("empty-end-marker", on=last_page)
def empty_end_marker(exchange: Exchange) -> Answer:
    """The last page's next marker is an empty string."""
    return _with_marker(exchange.list_page, "")


@fault("null-end-marker", on=last_page)
def null_end_marker(exchange: Exchange) -> Answer:
    """The last page's next marker is null."""
    return _with_marker(exchange.list_page, None)


@fault("absent-end-marker", on=last_page)
def absent_end_marker(exchange: Exchange) -> Answer:
    """The last page has no next marker."""
    page = exchange.list_page
    rest = {name: value for name, value in page.markers.items() if name != "next_marker"}
    return replace(page, markers=rest).answer()


@fault("overlap", on=page_by_marker)
def overlap(exchange: Exchange, jobs: int = 3) -> Answer:
    """A page begins with the last jobs=3 of the page before."""
    page = exchange.list_page
    start = max(0, page.position - int(jobs))
    return page_at(page.name, page.items, start, page.limit, page.by_marker).answer()


@fault("shrink", on=page_of_several)
def shrink(exchange: Exchange, jobs: int = 1) -> Answer:
    """A page has jobs=1 fewer than it could, at least one; the next continues after them."""
    page = exchange.list_page
    return _resized(page, max(1, len(page.entries) - int(jobs)))


@fault("grow", on=page_with_a_next)
def grow(exchange: Exchange, jobs: int = 1) -> Answer:
    """A page has jobs=1 more than its limit; the next continues after them."""
    page = exchange.list_page
    return _resized(page, page.limit + int(jobs))


@fault("other-batch", on=page_of_jobs)
def other_batch(exchange: Exchange, batch: str = "900900") -> Answer:
    """A page has the jobs of another batch=900900."""
    page = exchange.list_page
    moved = [
        {**job, "id": f"{batch}{number:06d}", "batch": {**job["batch"], "id": batch}}
        for number, job in enumerate(page.entries)
    ]
    return replace(page, entries=moved).answer()


@fault("changing-status", on=page_of_jobs)
def changing_status(exchange: Exchange, jobs: int = 1) -> Answer:
    """The first jobs=1 of a page are submitted, pending, and what they are, in turn."""
    turn = exchange.fired % (len(_RUNNING) + 1)
    if turn == len(_RUNNING):
        return exchange.answer
    return _with_field(exchange.list_page, int(jobs), "status", _RUNNING[turn])


@fault("unknown-status", on=any_page)
def unknown_status(exchange: Exchange, status: str = "archived", jobs: int = 1) -> Answer:
    """The first jobs=1 of a page have the status status=archived."""
    return _with_field(exchange.list_page, int(jobs), "status", status)


@fault("unknown-field", on=any_page)
def unknown_field(
    exchange: Exchange, field: str = "priority", value: Any = "high", jobs: int = 1
) -> Answer:
    """The first jobs=1 of a page have a field=priority, value=high."""
    return _with_field(exchange.list_page, int(jobs), field, value)


def _with_marker(page: ListPage, next_marker: str | None) -> Answer:
    return replace(page, markers={**page.markers, "next_marker": next_marker}).answer()


def _with_field(page: ListPage, jobs: int, name: str, value: Any) -> Answer:
    changed = [{**entry, name: value} for entry in page.entries[:jobs]]
    return replace(page, entries=[*changed, *page.entries[jobs:]]).answer()


def _resized(page: ListPage, size: int) -> Answer:
    """The page with so many entries, and a next marker that continues right after them."""
    end = min(page.position + size, page.items.size)
    entries = page.items.entries(page.position, end)
    next_marker = marker(page.name, end) if end < page.items.size else None
    return _with_marker(replace(page, entries=entries), next_marker)
