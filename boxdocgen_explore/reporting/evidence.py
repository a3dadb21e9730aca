"""The evidence of a report: who read what, when, from where, and how that hangs together."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final

import polars as pl

from boxdocgen_explore.analysis import outcomes
from boxdocgen_explore.auditing import Rule
from boxdocgen_explore.reporting.result import Audited
from boxdocgen_explore.schema import RUNNING, STATUSES
from boxdocgen_explore.text import counted, duration, listed, timestamp

NO_TOTAL: Final = (
    "Box publishes no total, so complete means: as served to this user, from the first page to an "
    "end marker."
)
WHAT_THE_DIGEST_SHOWS: Final = (
    "SHA-256 of the jobs and the pages in this file. That it can be recomputed here shows that the "
    "file agrees with itself; only a digest lodged elsewhere shows that it was not replaced."
)

Fact = tuple[str, Sequence[str]]
"""What it is about, and the sentences on it."""


def facts(audited: Audited, notes: Iterable[str]) -> list[Fact]:
    """List what the evidence says, in the order in which an auditor asks."""
    pages = audited.pages
    reading = (
        [("Evidence", ["no evidence: a plain frame of jobs does not say how it was read."])]
        if pages is None
        else [
            ("Read by", _readers(audited, pages)),
            ("Read from", _sources(pages)),
            ("Read", _times(pages, audited.held_at)),
        ]
    )
    return [
        *reading,
        ("Chain", _chain(audited)),
        ("Rows", [_rows(audited.jobs)]),
        ("Still running", [_running(audited.jobs)]),
        ("Unknown to this version", [_unknown(audited)]),
        ("Completeness", [NO_TOTAL]),
        ("Left out", [_left_out(audited)]),
        ("Audit", _audit(audited)),
        *([("Notes", list(notes))] if notes else []),
    ]


def _readers(audited: Audited, pages: pl.DataFrame) -> list[str]:
    users = pages.select("user_login", "user_id").unique(maintain_order=True)
    named = [
        f"{login or 'a user without a login'} (user id {user_id})" if user_id else "not known"
        for login, user_id in users.iter_rows()
    ]
    own = f", enterprise {audited.enterprise_id}" if audited.enterprise_id else ""
    sentences = [f"{', '.join(named)}{own}: the user whose rights Box applied."]
    if audited.as_user:
        sentences.append(f"Asked of Box with as-user {audited.as_user}: the token is another's.")
    if "enterprise_id" in audited.left.columns:
        enterprises = list(audited.jobs["enterprise_id"].drop_nulls().unique().sort())
        sentences.append(f"Enterprise of the jobs: {listed(enterprises) or 'not told'}.")
    else:
        sentences.append("Enterprise of the jobs: not read (it is one of the details).")
    return sentences


def _sources(pages: pl.DataFrame) -> list[str]:
    versions = listed(pages["box_version"].drop_nulls().unique().sort())
    return [f"{listed(pages['host'].drop_nulls().unique().sort())}, box-version {versions}."]


def _times(pages: pl.DataFrame, now: dt.datetime) -> list[str]:
    first, last = pages["fetched_at"].min(), pages["fetched_at"].max()
    if not isinstance(first, dt.datetime) or not isinstance(last, dt.datetime):
        return ["at no time that is known."]
    cached = pages.filter(pl.col("from_cache"))
    sentences = [f"from {timestamp(first)} to {timestamp(last)}."]
    fresh = pages.height - cached.height
    told = f"{counted(fresh, 'page')} asked of Box for this, {counted(cached.height, 'page')} kept"
    oldest = cached["fetched_at"].min()
    if isinstance(oldest, dt.datetime):
        told += f" from earlier, the oldest for {duration(now - oldest)}"
    return [*sentences, told + "."]


def _chain(audited: Audited) -> list[str]:
    if audited.broken:
        why = [
            f"Batch {batch}: {detail}" if batch else detail
            for batch, detail in audited.chain.select("batch_id", "detail").head(20).iter_rows()
        ]
        more = audited.chain.height - len(why)
        return ["INCOMPLETE.", *why, *([f"And {more:,} more of the kind."] if more else [])]
    if audited.pages is None:
        return ["not known: there are no pages to follow."]
    batches = counted(audited.pages["batch_id"].n_unique(), "batch")
    return [
        f"Whole ({batches}, {counted(audited.pages.height, 'page')}): each began at the first "
        "page, used every marker once and ended on an end marker; no id came twice."
    ]


def _rows(jobs: pl.DataFrame) -> str:
    counts = outcomes(jobs)
    ids = jobs["job_id"].drop_nulls().n_unique()
    total = int(counts["jobs"].sum())
    summed = " + ".join(f"{count:,} {status or '(none)'}" for status, count in counts.iter_rows())
    agree = jobs.height == ids == total
    sign = "=" if jobs.height == ids else "≠"
    ids_text = f"{ids:,} distinct id" + ("" if ids == 1 else "s")
    sentence = f"{counted(jobs.height, 'row')} {sign} {ids_text}"
    return f"{sentence} = {summed or '0'}." if agree else f"{sentence}; by status {summed}."


def _running(jobs: pl.DataFrame) -> str:
    running = jobs.filter(pl.col("status").is_in(sorted(RUNNING))).height
    if not running:
        return "none."
    return f"{counted(running, 'job')}: what is said of their batches is provisional."


def _unknown(audited: Audited) -> str:
    parts = []
    if audited.pages is not None:
        fields = audited.pages["unknown_fields"].explode().drop_nulls().unique().sort()
        parts.append(f"fields: {listed(fields, most=20) or 'none'}")
    odd = audited.jobs.filter(~pl.col("status").is_in(STATUSES))["status"].unique().sort()
    parts.append(f"statuses: {listed(odd, most=20) or 'none'}")
    return "; ".join(parts) + "."


def _left_out(audited: Audited) -> str:
    names = listed(audited.left.names, most=30)
    if not names:
        return "nothing."
    return f"{names}: not in this file, and not looked at by the audit."


def _audit(audited: Audited) -> list[str]:
    settings = "; ".join(f"{name}: {_setting(value)}" for name, value in audited.settings.items())
    return [
        f"held {timestamp(audited.held_at)} with boxdocgen-explore {version('boxdocgen-explore')}, "
        f"{counted(len(audited.rules), 'rule')}, version {rules_version(audited.rules)}.",
        f"Settings: {settings or 'none but the defaults'}.",
    ]


def _setting(value: Any) -> str:
    if isinstance(value, pl.DataFrame):
        return f"a frame of {counted(value.height, 'row')}"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Iterable):
        return listed((str(one) for one in value), most=20)
    return str(value)


def rules_version(rules: Sequence[Rule]) -> str:
    """Name a table of rules by what it says: the same table has the same version anywhere."""
    table = [[rule.name, rule.severity, rule.checks, rule.why, *rule.needs] for rule in rules]
    return hashlib.sha256(json.dumps(table).encode()).hexdigest()[:12]


def page_rows(pages: pl.DataFrame, now: dt.datetime) -> list[list[str | int | None]]:
    """Give the pages as rows of `PAGE_HEADS`, in the order in which they were given."""
    return [
        [
            page["batch_id"],
            page["page"],
            page["jobs"],
            f"{_count(page['limit_requested'])} / {_count(page['limit_used'])}",
            timestamp(page["fetched_at"]) if page["fetched_at"] else None,
            _age(page, now),
            page["box_request_id"],
            page["body_sha256"],
        ]
        for page in pages.iter_rows(named=True)
    ]


PAGE_HEADS: Final = (
    "Batch",
    "Page",
    "Jobs",
    "Limit asked / used",
    "Read",
    "CacheInfo",
    "Box request id",
    "SHA-256 of the body",
)


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"  # noqa: RUF001 - a dash for nothing


def _age(page: dict[str, Any], now: dt.datetime) -> str:
    if not page["from_cache"]:
        return "fresh"
    return f"cached, {duration(now - page['fetched_at'])} old" if page["fetched_at"] else "cached"


def as_json(pages: pl.DataFrame | None) -> str:
    """Write the pages as JSON that can stand inside a script element."""
    rows = [] if pages is None else pages.to_dicts()
    text = json.dumps(rows, default=lambda time: time.isoformat(), separators=(",", ":"))
    return text.replace("<", "\\u003c")


def digest(payload: bytes, pages: str) -> str:
    """Give the SHA-256 of packed jobs and pages, in the order in which the file holds them."""
    return hashlib.sha256(payload + pages.encode()).hexdigest()
