"""The main cause of failures as lines of text: the affected jobs, and the fix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.messages import main_reason
from boxdocgen_explore.schema import TERMINAL
from boxdocgen_explore.text import counted, listed, shortened, visible

_TYPED_TAG: Final = re.compile(r"(\{\{[^{}]*\}\})")
_OPTIONAL: Final = ("job_id", "template_file_id", "template_file_version_id")


def main_cause(jobs: pl.DataFrame, others: pl.DataFrame | None = None) -> list[list[str]]:
    """Describe the main cause in the verdict, in lines.

    Returns no lines if there is no main cause, or if neither a fix nor the affected versions are
    known. ``others`` are further jobs of the same templates, to see whether other versions have
    this problem. Redacted columns are not needed, but then less is known. The first line is a
    heading. In a line, text and code alternate, starting with text; both are safe to show.

    >>> errors = [["The tag 'city' was not provided in the input data."]]
    >>> for line in main_cause(pl.DataFrame({"status": ["failed"], "errors": errors})):
    ...     print("".join(line))
    Main cause: The tag city was not provided in the input data.
    1 job.
    Fix: Give the value in the input data, or mark the tag in the template: \
{{city :: optional}} or {{city :: default("…")}}.
    """
    main = main_reason(jobs)
    if main is None:
        return []
    absent = [name for name in _OPTIONAL if name not in jobs.columns]
    jobs = jobs.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    known = jobs if others is None else _joined(jobs, others)
    cause = _cause(jobs, main.reason)
    if others is not None:
        cause["only_these_versions"] = _cause(known, main.reason)["only_these_versions"]
    heading = [f"Main cause: {main.reason}"]
    if main.missing_tag:
        heading = ["Main cause: The tag ", main.missing_tag, " was not provided in the input data."]
    if not cause["fix"] and not cause["only_these_versions"]:
        return []
    lines = [heading, [_concerned(known, cause, main.jobs)]]
    if cause["fix"]:
        lines.append(_TYPED_TAG.split(f"Fix: {cause['fix']}"))
    return [[visible(shortened(piece)) for piece in line] for line in lines]


def _cause(jobs: pl.DataFrame, reason: str) -> dict[str, Any]:
    return analysis.causes(jobs).row(by_predicate=pl.col("reason") == reason, named=True)


def _joined(jobs: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """All jobs; those in ``jobs`` are taken from there."""
    columns = ["status", "errors", *_OPTIONAL]
    more = others.join(jobs, on="job_id", how="anti")
    return pl.concat([jobs.select(columns), more.select(columns)])


def _concerned(jobs: pl.DataFrame, cause: Mapping[str, Any], failed: int) -> str:
    """The number of jobs with this cause and their template versions, as far as known."""
    number, versions = cause["jobs"], cause["template_file_version_ids"]
    count = counted(number, "job") + (f", {failed:,} of them failed" if failed < number else "")
    if not versions:
        return f"{count}."
    used = f"template version{'s' if len(versions) > 1 else ''} {listed(versions)}"
    if cause["only_these_versions"] is False:
        return f"{count}. As far as known, they use {used}."
    who = "It uses" if number == 1 else "All of them use"
    if cause["only_these_versions"] is None:
        return f"{count}. {who} {used}."
    template, version = pl.col("template_file_id"), pl.col("template_file_version_id")
    used_here = version.is_in(versions)
    templates = jobs.filter(used_here)["template_file_id"].drop_nulls().unique()
    others = jobs.filter(
        pl.col("status").is_in(TERMINAL), template.is_in(templates.implode()), ~used_here
    )
    rest = f"{counted(others.height, 'final job')} with other versions of "
    rest += "this template" if templates.len() == 1 else "these templates"
    return f"{count}. {who} {used}; of {rest}, none has this problem."
