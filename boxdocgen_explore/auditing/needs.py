"""The inputs that rules may need, and which of them are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.auditing.rule import Rule
from boxdocgen_explore.schema import RUNNING, TERMINAL
from boxdocgen_explore.text import counted, listed


class Missing(NamedTuple):
    """A missing input; ``entirely`` means that the rule cannot be evaluated at all."""

    text: str
    entirely: bool


def _entirely(is_missing: bool, text: str) -> Missing | None:
    return Missing(text, True) if is_missing else None


def _complete_batches(inputs: AuditInput) -> Missing | None:
    """A plain frame may be incomplete; the rules then evaluate the jobs that it has."""
    cut = inputs.incomplete_batches
    text = f"complete batches (not read to their end: {listed(cut)})"
    # Without jobs there are no findings, not even about missing ones.
    return Missing(text, inputs.jobs.is_empty()) if cut else None


def _pages(inputs: AuditInput) -> Missing | None:
    if inputs.pages.is_empty():
        return Missing("evidence (pages)", True)
    read = {*inputs.pages["batch_id"]}
    unread = [batch_id for batch_id in inputs.batches if batch_id not in read]
    return Missing(f"evidence (pages) of batch {listed(unread)}", False) if unread else None


def _values(frame: pl.DataFrame, column: str, noun: str = "job") -> Missing | None:
    if column not in frame.columns:
        return Missing(f"details ({column})", True)
    nulls = frame[column].null_count()
    text = f"{column} of {counted(nulls, noun)}"
    return Missing(text, nulls == frame.height) if nulls else None


def _final_jobs(inputs: AuditInput) -> Missing | None:
    final = inputs.jobs["status"].is_in(sorted(TERMINAL)).fill_null(False)
    changing = (~final).arg_true().len()
    return Missing(f"the result of {counted(changing, 'job')}", False) if changing else None


def _earlier(inputs: AuditInput) -> Missing | None:
    known = inputs.earlier is not None and {*inputs.earlier.batches} & {*inputs.batches}
    return _entirely(not known, "an earlier reading of these jobs (earlier)")


def _creation_of_running(inputs: AuditInput) -> Missing | None:
    running = pl.col("status").is_in(sorted(RUNNING)).fill_null(False)
    return _values(inputs.jobs.filter(running), "created_at")


def _other_batches(inputs: AuditInput) -> Missing | None:
    single = inputs.versions.filter(pl.col("batches") == 1)["template_file_id"]
    names = map(inputs.template, single.unique(maintain_order=True))
    return None if single.is_empty() else Missing(f"another batch of {listed(names)}", False)


def _tags(inputs: AuditInput) -> Missing | None:
    if inputs.tags is None:
        return Missing("tags", True)
    version = ["template_file_id", "template_file_version_id"]
    used = inputs.reasons.select(version).unique(maintain_order=True)
    unread = used.join(inputs.tags, on=version, how="anti", maintain_order="left")[version[1]]
    return Missing(f"tags of template version {listed(unread)}", False) if unread.len() else None


def _manifest_ids(inputs: AuditInput) -> Missing | None:
    by_id = inputs.expected is not None and not inputs.expected.counts
    return _values(inputs.jobs, "external_id") if by_id else None


def _any_external_id(inputs: AuditInput) -> Missing | None:
    """Documents cannot be missed among jobs without external ids."""
    ids = _manifest_ids(inputs)
    return ids if ids and ids.entirely else None


def _expected_jobs(inputs: AuditInput) -> Missing | None:
    """Documents without any job have not failed."""
    if inputs.expected is None or inputs.expected.counts:
        return None
    if _any_external_id(inputs):
        return None  # which reports it
    key = list(inputs.expected.key)
    none = inputs.jobs.join(inputs.expected.rows, on=key, how="semi").is_empty()
    return _entirely(none, "jobs with an external_id of the manifest")


def _documents(inputs: AuditInput) -> Missing | None:
    """Jobs without an output file have no document to check."""
    if "output_file_found" not in inputs.jobs.columns:
        return Missing("documents (output_file_found)", True)
    named = inputs.jobs.drop_nulls("output_file_id")
    unknown = named.filter(pl.col("output_file_found").is_null())["output_file_id"].n_unique()
    return Missing(f"documents ({unknown:,} not checked)", False) if unknown else None


def _of_documents(column: str) -> Callable[[AuditInput], Missing | None]:
    """Need a value of every document that exists."""

    def missing(inputs: AuditInput) -> Missing | None:
        if "output_file_found" not in inputs.jobs.columns:
            return None  # the need "documents" reports it
        if column not in inputs.jobs.columns:
            return Missing(f"documents ({column})", True)
        existing = inputs.jobs.drop_nulls("output_file_id").filter("output_file_found")
        unknown = existing.filter(pl.col(column).is_null())["output_file_id"].n_unique()
        return Missing(f"{column} of {counted(unknown, 'document')}", False) if unknown else None

    return missing


def _durations(inputs: AuditInput) -> Missing | None:
    if "created_at" not in inputs.jobs.columns:
        return Missing("details (created_at)", True)
    return _of_documents("duration_s")(inputs)


NEEDS: Final[Mapping[str, Callable[[AuditInput], Missing | None]]] = {
    "jobs": lambda inputs: _entirely(inputs.jobs.is_empty(), "jobs"),
    "complete batches": _complete_batches,
    "pages": _pages,
    "evidence": lambda inputs: _pages(inputs) if len(inputs.pages) or not inputs.failures else None,
    "list": lambda inputs: _entirely(
        inputs.listed is None, "the complete list of all jobs (details)"
    ),
    "host": lambda inputs: _values(inputs.pages, "host", "page"),
    "fetched_at": lambda inputs: _values(inputs.pages, "fetched_at", "page"),
    "final jobs": _final_jobs,
    "earlier": _earlier,
    "created_at": _creation_of_running,
    "creation": lambda inputs: _values(inputs.jobs, "created_at"),
    "documents": _documents,
    "document sizes": _of_documents("output_file_size_bytes"),
    "document digests": _of_documents("output_file_sha1"),
    "durations": _durations,
    "creator": lambda inputs: _values(inputs.jobs, "created_by_id"),
    "source": lambda inputs: _values(inputs.jobs, "source"),
    "enterprise": lambda inputs: _values(inputs.jobs, "enterprise_id"),
    "tags": _tags,
    "manifest": lambda inputs: _entirely(inputs.expected is None, "a manifest (expected)"),
    "other batches": _other_batches,
    "external_id": lambda inputs: _values(inputs.jobs, "external_id"),
    "external_id of a manifest": _manifest_ids,
    "any external_id of a manifest": _any_external_id,
    "expected jobs": _expected_jobs,
}
"""The values of `Rule.needs`. ``evidence`` is pages, or the errors of failed batches."""


_OF_ONE: Final = {"jobs", "pages", "evidence", "earlier", "expected jobs"} | {
    "any external_id of a manifest"
}
"""Needs that a single batch may lack although all batches together do not."""


def _missing(need: str, inputs: AuditInput) -> Missing | None:
    """The missing input, computed once, and for a single batch only if it may be missing there."""
    known, parent = inputs.missing, inputs.parent
    if need not in known:
        complete = parent and need not in _OF_ONE and _missing(need, parent) is None
        known[need] = None if complete else NEEDS[need](inputs)
    found: Missing | None = known[need]
    return found


def lacks_of(rule: Rule, inputs: AuditInput) -> tuple[str | None, bool]:
    """The missing input of a rule, and whether it cannot be evaluated at all without it.

    An undeclared option comes first.
    """
    option = rule.option or ""
    undeclared = getattr(inputs.thresholds, option, "") is None
    gaps = [_entirely(undeclared, option), *(_missing(need, inputs) for need in rule.needs)]
    missing = [gap for gap in gaps if gap]
    return "; ".join(gap.text for gap in missing) or None, any(gap.entirely for gap in missing)
