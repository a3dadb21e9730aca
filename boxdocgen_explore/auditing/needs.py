"""What a rule may need, and how much of it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput
from boxdocgen_explore.schema import RUNNING
from boxdocgen_explore.text import counted, listed


class Missing(NamedTuple):
    """What is missing; ``entirely`` means that the rule cannot be evaluated at all."""

    text: str
    entirely: bool


Need = Callable[[AuditInput], Missing | None]


def _jobs(inputs: AuditInput) -> Missing | None:
    return None if inputs.jobs.height else Missing("jobs", True)


def _complete_batches(inputs: AuditInput) -> Missing | None:
    """A plain frame may be incomplete; the rules then speak of the jobs that it has."""
    cut = inputs.incomplete_batches
    return (
        Missing(f"complete batches (not read to their end: {listed(cut)})", False) if cut else None
    )


def _pages(inputs: AuditInput) -> Missing | None:
    return Missing("evidence (pages)", True) if inputs.pages is None else None


def _evidence(inputs: AuditInput) -> Missing | None:
    return None if inputs.failures else _pages(inputs)


def _option(attribute: str, text: str) -> Need:
    def need(inputs: AuditInput) -> Missing | None:
        return Missing(text, True) if getattr(inputs, attribute) is None else None

    return need


def _detail(column: str, only: pl.Expr) -> Need:
    def need(inputs: AuditInput) -> Missing | None:
        if column not in inputs.jobs.columns:
            return Missing(f"details ({column})", True)
        return _nulls(inputs.jobs.filter(only), column)

    return need


def _nulls(jobs: pl.DataFrame, column: str) -> Missing | None:
    nulls = jobs[column].null_count()
    return Missing(f"{column} of {counted(nulls, 'job')}", False) if nulls else None


def _other_batches(inputs: AuditInput) -> Missing | None:
    single = inputs.versions.filter(pl.col("batches") == 1)["template_file_id"]
    if single.is_empty():
        return None
    names = map(inputs.template, single.unique(maintain_order=True))
    return Missing(f"another batch of {listed(names)}", False)


def _tags(inputs: AuditInput) -> Missing | None:
    if inputs.tags is None:
        return Missing("tags", True)
    version = ["template_file_id", "template_file_version_id"]
    used = inputs.reasons.select(version).unique(maintain_order=True)
    unread = used.join(inputs.tags, on=version, how="anti", maintain_order="left")
    if unread.is_empty():
        return None
    return Missing(f"tags of template version {listed(unread[version[1]])}", False)


def _external_ids(inputs: AuditInput) -> Missing | None:
    return _nulls(inputs.jobs, "external_id")


def _manifest_ids(inputs: AuditInput) -> Missing | None:
    by_id = inputs.expected is not None and not inputs.expected.counts
    return _external_ids(inputs) if by_id else None


_ALL: Final = pl.lit(True)
_RUNNING: Final = pl.col("status").is_in(sorted(RUNNING)).fill_null(False)

NEEDS: Final[Mapping[str, Need]] = {
    "jobs": _jobs,
    "complete batches": _complete_batches,
    "pages": _pages,
    "evidence": _evidence,
    "created_at": _detail("created_at", _RUNNING),
    "creator": _detail("created_by_id", _ALL),
    "source": _detail("source", _ALL),
    "enterprise": _detail("enterprise_id", _ALL),
    "tags": _tags,
    "manifest": _option("expected", "a manifest (expected)"),
    "approved_versions": _option("approved_versions", "approved_versions"),
    "output_type": _option("output_types", "output_type"),
    "other batches": _other_batches,
    "external_id": _external_ids,
    "external_id of a manifest": _manifest_ids,
}
"""What `Rule.needs` may name. ``evidence`` is pages, or the errors of batches that failed."""
