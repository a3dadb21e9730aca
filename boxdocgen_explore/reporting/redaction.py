"""What somebody does not want in the file: taken out before anything is looked at or written.

Findings quote messages, and charts group by them; so whatever is left out is gone before the
audit, and the rules that would then misread the jobs are not evaluated.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import DETAILS, JOBS

REDACTABLE: Final = {
    "creators": ("created_by_id", "created_by_name", "created_by_login"),
    "errors": ("errors",),
    "warnings": ("warnings",),
    "external_id": ("external_id",),
}
"""What ``redact`` may name, and the columns that go with it."""

_ALWAYS: Final = ("batch_id", "job_id", "status")
_PLACEHOLDER: Final = "(left out)"

# The rules for which an empty column means something: they would find what is not there.
_MISLED: Final = {
    "output_file_id": (
        "missing-output",
        "output-of-failed",
        "shared-output-file",
        "shared-output-version",
    ),
    "output_file_version_id": (
        "missing-output",
        "output-of-failed",
        "shared-output-file",
        "shared-output-version",
    ),
    "output_type": ("mixed-output-types", "unexpected-output-type"),
    "template_file_id": ("several-templates", "version-unlike-others", "failure-tags"),
    "template_file_version_id": (
        "several-templates",
        "version-unlike-others",
        "unapproved-version",
        "failure-tags",
    ),
    "external_id": ("manifest-missing", "manifest-unexpected", "doubled-external-id"),
    "errors": ("failure-groups", "failure-tags"),
    "warnings": (),
    "created_at": ("running-too-long",),
    "created_by_id": ("unexpected-creator",),
    "created_by_login": ("unexpected-creator",),
    "source": ("unexpected-source",),
    "enterprise_id": ("unexpected-enterprise",),
}


@dataclass(frozen=True)
class Left:
    """Jobs without what was left out, the columns that are kept, and what to say of it.

    ``misled`` gives the columns that each rule would miss, by the rule's name.
    """

    jobs: pl.DataFrame
    columns: Sequence[str]
    names: Sequence[str]
    misled: dict[str, list[str]]


def leave_out(
    jobs: pl.DataFrame, columns: Collection[str] | None, redact: str | Collection[str]
) -> Left:
    """Take out the columns that are not wanted.

    Raises:
        InvalidRequest: a column that the jobs do not have, or something that cannot be left out.
    """
    known = [name for name in (*JOBS, *DETAILS) if name in jobs.columns]
    gone = _not_kept(known, columns) | _redacted(redact)
    masked = [_mask(name) for name in known if name in gone]
    misled: dict[str, list[str]] = {}
    for name in known:
        for rule in _MISLED.get(name, ()) if name in gone else ():
            misled.setdefault(rule, []).append(name)
    kept = [name for name in known if name not in gone]
    names = [name for name in (*JOBS, *DETAILS) if name in gone]
    return Left(jobs.with_columns(masked), kept, names, misled)


def _not_kept(known: Sequence[str], columns: Collection[str] | None) -> set[str]:
    if columns is None:
        return set()
    if isinstance(columns, str):
        raise InvalidRequest(f"columns is a list of names, not {columns!r:.60}.")
    if unknown := [name for name in columns if name not in known]:
        raise InvalidRequest(f"The jobs have no column {unknown[0]!r:.60}.")
    if missing := [name for name in _ALWAYS if name not in columns]:
        raise InvalidRequest(f"A report cannot do without the column {missing[0]}.")
    return set(known) - set(columns)


def _redacted(redact: str | Collection[str]) -> set[str]:
    wanted = [redact] if isinstance(redact, str) else list(redact)
    for name in wanted:
        if name not in REDACTABLE:
            raise InvalidRequest(
                f"{name!r:.60} cannot be redacted; it may be {', '.join(REDACTABLE)}."
            )
    return {column for name in wanted for column in REDACTABLE[name]}


def _mask(name: str) -> pl.Expr:
    """That there was a message stays, for a job without one is a finding; the rest becomes null."""
    column = pl.col(name)
    if {**JOBS, **DETAILS}[name] != pl.List(pl.String):
        return pl.lit(None, {**JOBS, **DETAILS}[name]).alias(name)
    # A blank message counts as none, before and after.
    blank = pl.element().is_null() | (pl.element().str.strip_chars() == "")
    return column.list.eval(pl.when(blank).then(pl.lit(None)).otherwise(pl.lit(_PLACEHOLDER)))
