"""Faults of one page of a list: where its markers lead, and what is on it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from boxdocgen_explore.emulator.answers import Answer
from boxdocgen_explore.emulator.exchange import Exchange
from boxdocgen_explore.emulator.paging import Page, cut_page, marker

_RUNNING: Final = ("submitted", "pending")


def repeating_marker(exchange: Exchange) -> Answer:
    page = exchange.list_page
    return _with_marker(page, marker(page.name, page.position))


def empty_end_marker(exchange: Exchange) -> Answer:
    return _with_marker(exchange.list_page, "")


def null_end_marker(exchange: Exchange) -> Answer:
    return _with_marker(exchange.list_page, None)


def absent_end_marker(exchange: Exchange) -> Answer:
    page = exchange.list_page
    rest = {name: value for name, value in page.markers.items() if name != "next_marker"}
    return replace(page, markers=rest).answer()


def overlap(exchange: Exchange, jobs: int = 3) -> Answer:
    page = exchange.list_page
    start = max(0, page.position - int(jobs))
    return cut_page(page.name, page.listing, start, page.limit, page.asked_by_marker).answer()


def shrink(exchange: Exchange, jobs: int = 1) -> Answer:
    page = exchange.list_page
    return _resized(page, max(1, len(page.entries) - int(jobs)))


def grow(exchange: Exchange, jobs: int = 1) -> Answer:
    page = exchange.list_page
    return _resized(page, page.limit + int(jobs))


def other_batch(exchange: Exchange, batch: str = "900900") -> Answer:
    page = exchange.list_page
    moved = []
    for number, entry in enumerate(page.entries):
        job = json.loads(entry)
        job |= {"id": f"{batch}{number:06d}", "batch": {**job["batch"], "id": batch}}
        moved.append(json.dumps(job).encode())
    return replace(page, entries=moved).answer()


def changing_status(exchange: Exchange, jobs: int = 1) -> Answer:
    turn = exchange.struck % (len(_RUNNING) + 1)
    if turn == len(_RUNNING):
        return exchange.answer
    return _with_field(exchange.list_page, int(jobs), "status", _RUNNING[turn])


def unknown_status(exchange: Exchange, status: str = "archived", jobs: int = 1) -> Answer:
    return _with_field(exchange.list_page, int(jobs), "status", status)


def unknown_field(
    exchange: Exchange, field: str = "priority", value: Any = "high", jobs: int = 1
) -> Answer:
    return _with_field(exchange.list_page, int(jobs), field, value)


def _with_marker(page: Page, next_marker: str | None) -> Answer:
    return replace(page, markers={**page.markers, "next_marker": next_marker}).answer()


def _with_field(page: Page, jobs: int, name: str, value: Any) -> Answer:
    changed = [
        json.dumps({**json.loads(entry), name: value}).encode() for entry in page.entries[:jobs]
    ]
    return replace(page, entries=[*changed, *page.entries[jobs:]]).answer()


def _resized(page: Page, size: int) -> Answer:
    """The page with so many entries, and a next marker that goes on right behind them."""
    end = min(page.position + size, page.listing.size)
    entries = page.listing.entries(page.position, end)
    next_marker = marker(page.name, end) if end < page.listing.size else None
    return _with_marker(replace(page, entries=entries), next_marker)
