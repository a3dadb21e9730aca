"""Remove data that must not be in the file, before jobs are audited or written.

Redaction comes first because findings quote messages and charts group by them. Rules that read a
redacted column are not evaluated, because their findings would be wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import polars as pl

from boxdocgen_explore.arguments import checked_texts, quoted
from boxdocgen_explore.auditing import Rule, conform, read_manifest
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import DETAILS, DOCUMENT_PAGES, DOCUMENTS, DURATION, JOBS

REDACTABLE: Final[dict[str, tuple[str, ...]]] = {
    "creators": ("created_by_id", "created_by_name", "created_by_login"),
    "errors": ("errors",),
    "warnings": ("warnings",),
    "external_id": ("external_id",),
    "documents": ("output_file_name",),
}
"""The values of ``redact`` and their columns.

Names of documents often contain names of people. The reader's login and user id stay, even if the
reader is one of the creators, because they are part of the evidence."""

PLACEHOLDER: Final = "(left out)"
_SCHEMA: Final = {**JOBS, **DETAILS, **DOCUMENTS, **DURATION}
_ID_OF: Final = {"output_file_id": "/files/:id", "output_file_folder_id": "/folders/:id/items"}
_ALWAYS: Final = ("batch_id", "job_id", "status")


def redact_jobs(
    jobs: pl.DataFrame, columns: Collection[str] | None, redact: str | Collection[str]
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Keep only ``columns`` (default: all), without what ``redact`` names (see `REDACTABLE`).

    Returns the jobs, in which removed columns are masked, and the names of the columns that
    remain and of those that were removed.

    Raises:
        InvalidRequest: the jobs have no such column, or it cannot be redacted.
    """
    known = [name for name in _SCHEMA if name in jobs.columns]
    gone = _unwanted(known, columns) | _redacted(redact)
    masked = jobs.with_columns(_mask(name) for name in known if name in gone)
    removed = [name for name in _SCHEMA if name in gone]
    return masked, [name for name in known if name not in gone], removed


def redact_document_pages(
    pages: pl.DataFrame | None, removed: Collection[str]
) -> pl.DataFrame | None:
    """Remove ids of files and folders whose columns were removed from the jobs.

    Raises:
        InvalidRequest: the frame lacks columns.
    """
    if pages is None:
        return None
    hidden = [endpoint for column, endpoint in _ID_OF.items() if column in removed]
    is_hidden = pl.col("endpoint").is_in(hidden)
    shown = pl.when(is_hidden).then(pl.lit(PLACEHOLDER)).otherwise("id")
    return conform(pages, DOCUMENT_PAGES, "document pages").with_columns(id=shown)


def skipped_rules(
    rules: Iterable[Rule], removed: Sequence[str], manifests: Sequence[Any]
) -> dict[str, str]:
    """The rules that cannot be evaluated, each with its missing columns."""
    has_ids = not manifests or not all(read_manifest(manifest).counts for manifest in manifests)
    skipped = {}
    for rule in rules:
        # A manifest that only counts jobs is compared without external ids.
        unused = () if has_ids or rule.option != "expected" else ("external_id",)
        if missing := [name for name in rule.columns if name in removed and name not in unused]:
            skipped[rule.name] = f"{', '.join(missing)} {PLACEHOLDER}"
    return skipped


def _unwanted(known: Sequence[str], columns: Collection[str] | None) -> set[str]:
    if columns is None:
        return set()
    if isinstance(columns, str):
        raise InvalidRequest(f"columns must be a list of names, not {quoted(columns)}.")
    columns = checked_texts("columns", columns)
    if unknown := [name for name in columns if name not in known]:
        raise InvalidRequest(
            f"The jobs have no column {unknown[0]!r:.60}; they have {', '.join(known)}."
        )
    if missing := [name for name in _ALWAYS if name not in columns]:
        raise InvalidRequest(f"A report needs the column {missing[0]}: add it to columns.")
    return set(known) - set(columns)


def _redacted(redact: str | Collection[str]) -> set[str]:
    names = checked_texts("redact", redact)
    if unknown := [name for name in names if name not in REDACTABLE]:
        raise InvalidRequest(
            f"{unknown[0]!r:.60} cannot be redacted; redact takes {', '.join(REDACTABLE)}."
        )
    return {column for name in names for column in REDACTABLE[name]}


def _mask(name: str) -> pl.Expr:
    """Keep the number of messages, because a missing one is a finding; set all else to null."""
    if _SCHEMA[name] != pl.List(pl.String):
        return pl.lit(None, _SCHEMA[name]).alias(name)
    blank = pl.element().is_null() | (pl.element().str.strip_chars() == "")
    masked = pl.when(blank).then(pl.lit(None)).otherwise(pl.lit(PLACEHOLDER))
    return pl.col(name).list.eval(masked)
