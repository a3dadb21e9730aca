"""What a rule of the audit is, and how a function becomes one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from boxdocgen_explore.auditing.inputs import AuditInput

Check = Callable[[AuditInput], pl.DataFrame]
COMPLETE_JOBS: Final = ("jobs", "complete batches")
"""What most rules need."""


@dataclass(frozen=True)
class Rule:
    """One thing that an audit checks.

    ``check`` gets the `AuditInput` and returns one row per finding: ``detail`` (str, one
    sentence), ``batch_id`` and ``job_id`` (str, both optional), ``severity`` (str, if it differs
    from the rule's). ``needs`` are keys of `auditing.needs.NEEDS`: without them the rule is not
    evaluated. ``columns`` are the jobs columns whose values change the findings: if one of them
    is redacted, the rule is not evaluated. ``option`` is the argument of `audit` that asks for
    this rule: if it is given and the rule is not evaluated, the audit is not clean.

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
    check: Check
    needs: tuple[str, ...] = COMPLETE_JOBS
    columns: tuple[str, ...] = ()
    option: str | None = None


def rule(
    name: str,
    severity: str,
    *,
    checks: str,
    why: str,
    needs: tuple[str, ...] = COMPLETE_JOBS,
    columns: tuple[str, ...] = (),
    option: str | None = None,
) -> Callable[[Check], Rule]:
    """Make a `Rule` of the function below; the arguments are the rule's fields."""
    return lambda check: Rule(name, severity, checks, why, check, needs, columns, option)
