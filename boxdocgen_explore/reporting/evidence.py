"""The evidence of a report: who read what, when and from where, and its consistency."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore.analysis import outcomes
from boxdocgen_explore.auditing import DEFAULTS, Rule
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.reporting.result import AuditResult
from boxdocgen_explore.schema import DURATION_IS_INFERRED, STATUSES
from boxdocgen_explore.text import counted, duration, listed, timestamp

_NO_TOTAL: Final = (
    "Box publishes no total, so complete means: as served to this user, from the first page to an "
    "end marker."
)

_READER_STAYS: Final = (
    "The reader's login and user id stay (Read by), even if the reader is one of the creators."
)


def facts(
    result: AuditResult, notes: Sequence[str], settings: Mapping[str, Any], code: Mapping[str, str]
) -> list[tuple[str, Sequence[str]]]:
    """Terms and sentences, in the order in which auditors need them."""
    calls, listed_in = result.reading.calls, result.reading.list_pages
    pages = result.pages if result.pages.height or listed_in is None else listed_in
    if pages.is_empty():
        source = [
            ("Evidence", ["No evidence: a plain frame of jobs does not show how it was read."])
        ]
    else:
        versions = listed(pages["box_version"].drop_nulls().unique().sort())
        hosts = listed(pages["host"].drop_nulls().unique().sort())
        source = [
            ("Read by", _users(result, pages)),
            ("Read from", [f"{hosts}, box-version {versions}."]),
            ("Read", _times(pages, result.audited_at, "page")),
        ]
    return [
        *source,
        *([] if calls is None else [("Calls", [_calls(calls)])]),
        *_documents(result),
        ("Population", [*_population(result), _NO_TOTAL]),
        ("Rows", [_rows(result.jobs)]),
        ("Unrecognised", [_unknown(result)]),
        ("Left out", _left_out(result)),
        ("Audit", _audit(result, settings, code)),
        *([("Notes", notes)] if notes else []),
    ]


def _users(result: AuditResult, pages: pl.DataFrame) -> list[str]:
    users = ", ".join(
        f"{login or 'a user without a login'} (user id {user_id})" if user_id else "an unknown user"
        for login, user_id in pages.select("user_login", "user_id")
        .unique(maintain_order=True)
        .rows()
    )
    enterprise = f", enterprise {result.enterprise_id}" if result.enterprise_id else ""
    sentences = [f"{users}{enterprise}. Box applied this user's permissions."]
    if as_user := result.reading.as_user:
        sentences.append(
            f"Read on behalf of user {as_user} (as-user header) with another user's token."
        )
    if "enterprise_id" not in result.columns:
        return [*sentences, "Enterprise of the jobs: not read (it is one of the details)."]
    enterprises = listed(result.jobs["enterprise_id"].drop_nulls().unique().sort())
    return [*sentences, f"Enterprise of the jobs: {enterprises or 'Box gave none'}."]


def _times(pages: pl.DataFrame, now: dt.datetime, noun: str) -> list[str]:
    first, last = pages["fetched_at"].min(), pages["fetched_at"].max()
    if not isinstance(first, dt.datetime) or not isinstance(last, dt.datetime):
        return ["at an unknown time."]
    cached = pages.filter("from_cache")
    sources = f"{counted(pages.height - cached.height, noun)} from Box, {cached.height:,} cached"
    oldest = cached["fetched_at"].min()
    if isinstance(oldest, dt.datetime):
        sources += f", the oldest {duration(now - oldest)} old"
    return [f"from {timestamp(first)} to {timestamp(last)}.", f"{sources}."]


def _calls(calls: int) -> str:
    return f"{counted(calls, 'call')} to Box for these batches, including retries."


def _documents(result: AuditResult) -> list[tuple[str, Sequence[str]]]:
    """The checked documents, and when; empty if documents were not read."""
    facts: list[tuple[str, Sequence[str]]] = []
    pages, counts = result.reading.document_pages, _document_counts(result)
    if pages is not None:
        times = _times(pages, result.audited_at, "answer") if pages.height else ["with no call."]
        facts.append(("Documents", [*counts, f"Read {times[0]}", *times[1:]]))
    elif counts:
        facts.append(("Documents", [*counts, "No evidence: it is not known how they were read."]))
    if "duration_s" in result.columns:
        facts.append(("Durations", [DURATION_IS_INFERRED]))
    return facts


def _document_counts(result: AuditResult) -> list[str]:
    if not {"output_file_id", "output_file_found"} <= {*result.columns}:
        return []
    found = pl.col("output_file_found")
    by_file = result.jobs.drop_nulls("output_file_id").group_by("output_file_id").agg(found.first())
    exist, gone = by_file.filter(found).height, by_file.filter(~found).height
    return [
        f"{counted(by_file.height, 'document')}: {exist:,} found, {gone:,} not found, "
        f"{by_file.height - exist - gone:,} not checked."
    ]


def _population(result: AuditResult) -> list[str]:
    if result.incomplete:
        reasons = [
            f"Batch {batch}: {detail}" if batch else detail
            for batch, detail in result.chain_findings.select("batch_id", "detail").head(20).rows()
        ]
        more = result.chain_findings.height - len(reasons)
        return ["Limited.", *reasons, *([f"And {more:,} more such findings."] if more else [])]
    if result.pages.is_empty():
        if result.population == "complete":
            return ["Complete. The list of all jobs has no batch of this time."]
        return ["No evidence: there are no pages to check."]
    pages = result.pages.height
    batches = counted(result.pages["batch_id"].n_unique(), "batch")
    read = "The only page" if pages == 1 else f"All {pages:,} pages"
    sentences = [
        f"Complete. {read} of {batches} read: from the first page to an end marker, no "
        "marker used twice, no job id twice."
    ]
    if result.verdicts.filter(rule="missing-job", verdict="passed").height:
        sentences.append("The list of all jobs has no other job of them, unless they still run.")
    return sentences


def _rows(jobs: pl.DataFrame) -> str:
    ids = jobs["job_id"].drop_nulls().n_unique()
    by_status = outcomes(jobs).select("jobs", "status").rows()
    summed = " + ".join(f"{count:,} {status or '(none)'}" for count, status in by_status) or "0"
    sign = "=" if jobs.height == ids else "≠"
    return f"{counted(jobs.height, 'row')} = {summed} {sign} {counted(ids, 'distinct job id')}."


def _unknown(result: AuditResult) -> str:
    parts = []
    if result.pages.height:
        fields = result.pages["unknown_fields"].explode().drop_nulls().unique().sort()
        parts.append(f"fields: {listed(fields, most=20) or 'none'}")
    statuses = result.jobs.filter(~pl.col("status").is_in(STATUSES))["status"].unique().sort()
    return "; ".join([*parts, f"statuses: {listed(statuses, most=20) or 'none'}"]) + "."


def _left_out(result: AuditResult) -> list[str]:
    names = listed(result.removed, most=30)
    sentences = [f"{names}: not in this file, and not audited." if names else "nothing."]
    if "created_by_login" in result.removed and result.pages.height:
        sentences.append(_READER_STAYS)
    return sentences


def _audit(result: AuditResult, settings: Mapping[str, Any], code: Mapping[str, str]) -> list[str]:
    listing = "; ".join(f"{name}: {setting_text(value)}" for name, value in settings.items())
    return [
        f"on {timestamp(result.audited_at)} with boxdocgen-explore {code['package']}, "
        f"{counted(len(result.rules), 'rule')}, version {rules_version(result.rules)}, code "
        f"{code['sha256'][:12]}.",
        f"Settings: {listing or 'defaults only'}.",
        *(_applied(group) for group in result.thresholds if "policy" in settings),
    ]


def _applied(group: Mapping[str, Any]) -> str:
    """The options of a policy for a group of batches that differ from the defaults."""
    values = [
        f"{name}: {setting_text(group[name])}"
        for name, default in DEFAULTS.items()
        if group[name] != default
    ]
    of = f"Batches {listed(group['batches'])}" if group["batches"] else "All batches"
    return f"{of}: {'; '.join(values) or 'defaults only'}."


def setting_text(value: object) -> str:
    """The value of an option, shortened for people."""
    if isinstance(value, Mapping):  # a file, or a frame
        return ", ".join(f"{name} {setting_text(one)}" for name, one in value.items())
    if isinstance(value, Reading):  # its text has messages, which may be redacted
        return f"a reading of {counted(len(value), 'job')}"
    if isinstance(value, pl.DataFrame):
        return f"a frame of {counted(value.height, 'row')}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return listed((str(item) for item in value), most=20)
    return str(value)


def rules_version(rules: Sequence[Rule]) -> str:
    """The version of a table of rules, derived from its content."""
    table = [[rule.name, rule.severity, rule.checks, rule.why, *rule.needs] for rule in rules]
    return hashlib.sha256(json.dumps(table).encode()).hexdigest()[:12]
