"""The rules of an audit: their declaration, and helpers for their findings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput

COMPLETE_JOBS: Final = ("jobs", "complete batches")
"""The needs of most rules."""


@dataclass(frozen=True)
class Rule:
    """One check of an audit; ``RULES`` is a tuple of them.

    Parameters:
        name: such as "no-pptx", used in findings, policies and reports.
        severity: "error", "warning" or "info" (`schema.SEVERITIES`).
        checks: what it checks, a sentence without full stop.
        why: why it matters, in sentences.
        check: gets the `AuditInput` and returns one row per finding: ``detail`` (str, one
            sentence), ``batch_id`` (str; without it, the rule evaluates all batches together),
            ``job_id`` and ``about`` (str, optional; `schema.FINDINGS`), ``of_batches`` (list of
            str, if a finding is about several), ``severity`` (str, if it differs from the rule's).
        needs: keys of `auditing.needs.NEEDS`, without which the rule is not evaluated.
        columns: columns of jobs that affect the findings; if redacted, the rule is not evaluated.
        option: the option of `audit` that requests this rule; the audit is then clean only if the
            rule is evaluated.

    >>> def no_pptx(inputs):
    ...     slides = inputs.jobs.filter(pl.col("output_type") == "pptx")
    ...     return slides.select("batch_id", "job_id", detail=pl.lit("Slides are not expected."))
    >>> Rule("no-pptx", "warning", "no slides", "Slides cannot be signed.", no_pptx).needs
    ('jobs', 'complete batches')
    """

    name: str
    severity: str
    checks: str
    why: str
    check: Callable[[AuditInput], pl.DataFrame]
    needs: tuple[str, ...] = COMPLETE_JOBS
    columns: tuple[str, ...] = ()
    option: str | None = None


def rule(
    name: str,
    severity: str,
    *,
    needs: tuple[str, ...] = COMPLETE_JOBS,
    also: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
    option: str | None = None,
) -> Callable[[Callable[[AuditInput], pl.DataFrame]], Rule]:
    """Turn a function into a `Rule`; its docstring has what it checks and, below, why.

    ``also`` has needs in addition to ``needs``.
    """

    def declare(check: Callable[[AuditInput], pl.DataFrame]) -> Rule:
        checks, _, why = inspect.cleandoc(check.__doc__ or name).partition(".\n\n")
        return Rule(name, severity, checks, why, check, (*needs, *also), columns, option)

    return declare


BATCHES: Final = (
    pl.when(pl.col("batch_id").n_unique() == 1).then(pl.col("batch_id").first()).alias("batch_id"),
    pl.col("batch_id").unique(maintain_order=True).alias("of_batches"),
)
"""The batch of a group of jobs (null if there are several), and all its batches."""
_BATCHES: Final = pl.col("^(batch_id|of_batches)$")


def per_job(jobs: pl.DataFrame, detail: pl.Expr) -> pl.DataFrame:
    """One finding per job."""
    return jobs.select(_BATCHES, "job_id", detail=detail)


def per_group(
    groups: pl.DataFrame, detail: Callable[..., str], about: str | pl.Expr | None = None
) -> pl.DataFrame:
    """One finding per row, about its batches and not about a single job.

    ``detail`` returns the sentence; it gets the other columns as keyword arguments. ``about``
    distinguishes findings on one batch.
    """
    details = [
        detail(**row)
        for row in groups.select(pl.exclude("batch_id", "of_batches")).iter_rows(named=True)
    ]
    named = {} if about is None else {"about": about}
    return groups.select(_BATCHES, pl.Series("detail", details, pl.String), **named)
