"""What a rule may need, and how much of it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import polars as pl

from boxdocgen_explore.auditing.inputs import Subject
from boxdocgen_explore.auditing.template_rules import versions_by_batch
from boxdocgen_explore.schema import RUNNING
from boxdocgen_explore.text import counted, listed


class Lack(NamedTuple):
    """What is missing, and whether wholly: then the rule cannot be checked at all."""

    text: str
    wholly: bool


def _jobs(subject: Subject) -> Lack | None:
    return None if subject.jobs.height else Lack("jobs", True)


def _whole_chains(subject: Subject) -> Lack | None:
    """Whether a plain frame is whole is not known: rules then speak of what is in it."""
    cut = subject.incomplete_batches
    return Lack(f"complete batches (not read to their end: {listed(cut)})", False) if cut else None


def _pages(subject: Subject) -> Lack | None:
    return Lack("evidence (pages)", True) if subject.pages is None else None


def _evidence(subject: Subject) -> Lack | None:
    return None if subject.failures else _pages(subject)


def _given(name: str, text: str) -> Callable[[Subject], Lack | None]:
    def lack(subject: Subject) -> Lack | None:
        return Lack(text, True) if getattr(subject, name) is None else None

    return lack


def _detail(column: str, only: pl.Expr) -> Callable[[Subject], Lack | None]:
    def lack(subject: Subject) -> Lack | None:
        if column not in subject.jobs.columns:
            return Lack(f"details ({column})", True)
        return _nulls(subject.jobs.filter(only), column)

    return lack


def _nulls(jobs: pl.DataFrame, column: str) -> Lack | None:
    nulls = jobs[column].null_count()
    return Lack(f"{column} of {counted(nulls, 'job')}", False) if nulls else None


def _other_batches(subject: Subject) -> Lack | None:
    single = (
        versions_by_batch(subject.jobs)
        .filter(pl.col("batches") == 1)
        .select(pl.col("template_file_id").unique(maintain_order=True))
        .to_series()
    )
    if not single.len():
        return None
    names = listed(subject.template(template) for template in single)
    return Lack(f"another batch of {names}", False)


def _tags(subject: Subject) -> Lack | None:
    if subject.tags is None:
        return Lack("tags", True)
    version = ["template_file_id", "template_file_version_id"]
    used = subject.reasons.select(version).unique(maintain_order=True)
    unread = used.join(subject.tags, on=version, how="anti", maintain_order="left")
    if not unread.height:
        return None
    return Lack(f"tags of template version {listed(unread[version[1]])}", False)


def _manifest_ids(subject: Subject) -> Lack | None:
    if subject.expected is None or subject.expected.counts:
        return None
    return _nulls(subject.jobs, "external_id")


_ALL: Final = pl.lit(True)
_RUNNING: Final = pl.col("status").is_in(sorted(RUNNING)).fill_null(False)

NEEDS: Final[Mapping[str, Callable[[Subject], Lack | None]]] = {
    "jobs": _jobs,
    "complete batches": _whole_chains,
    "pages": _pages,
    "evidence": _evidence,
    "created_at": _detail("created_at", _RUNNING),
    "creator": _detail("created_by_id", _ALL),
    "source": _detail("source", _ALL),
    "enterprise": _detail("enterprise_id", _ALL),
    "tags": _tags,
    "manifest": _given("expected", "a manifest (expected)"),
    "approved_versions": _given("approved_versions", "approved_versions"),
    "output_type": _given("output_types", "output_type"),
    "other batches": _other_batches,
    "external_id": lambda subject: _nulls(subject.jobs, "external_id"),
    "external_id of a manifest": _manifest_ids,
}
"""What `Rule.needs` may name. ``evidence`` is pages, or word of batches that could not be read."""
