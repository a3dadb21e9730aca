"""The share of failed jobs by template over several audits: rows of a table, and a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from boxdocgen_explore.text import listed, percent

_COLUMNS: Final = 5
"""Audits in the table; the line has all audits of the history."""


def trend(history: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the ``heads`` of the columns, and ``rows``: ``template``, ``cells``, and the
    ``points`` of a line in a box of 96 by 24."""
    audits = history["trend"] if history else []
    by_template = [
        {share["template_file_id"]: share for share in audit["shares"] if share["jobs"]}
        for audit in audits
    ]
    rows = []
    for template_id in dict.fromkeys(
        template_id for shares in by_template for template_id in shares
    ):
        found = [shares.get(template_id) for shares in by_template]
        known = [(place, one["failed"] / one["jobs"]) for place, one in enumerate(found) if one]
        step, top = 94 / max(len(found) - 1, 1), max(share for _, share in known) or 1
        points = (f"{1 + place * step:.4g},{23 - 22 * share / top:.4g}" for place, share in known)
        cells = [
            f"{percent(share['failed'] / share['jobs'])} of {share['jobs']:,}" if share else ""
            for share in found
        ]
        name = next(
            (share["template"] for share in reversed(found) if share and share["template"]), None
        )
        text = name or template_id or "no template"
        rows.append({"template": text, "points": " ".join(points), "cells": cells[-_COLUMNS:]})
    heads = [
        f"{listed(audit['batches'], most=2)}, read {audit['audited_at'][:10]}" for audit in audits
    ]
    return {"heads": heads[-_COLUMNS:], "rows": rows}
