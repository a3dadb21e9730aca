"""The content of charts, without a drawing library: titles, groups, colours, rows of counts.

`charts` draws with Altair. The view draws in the browser, where `bars.js` makes the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.messages import job_messages
from boxdocgen_explore.progress import DURATION_RANGES
from boxdocgen_explore.text import counted
from boxdocgen_explore.verdict import batch_label

NONE_LABEL: Final = "(none)"

COLOURS: Final = {
    "failed": "#C2022F",
    "completed_with_error": "#D07600",
    "pending": "#B03DF0",
    "submitted": "#848186",
    "completed": "#0280B3",
}
UNKNOWN_COLOUR: Final = "#5F7A61"
PLAIN_COLOUR: Final = "#5B7083"

MOST_BARS: Final = 40
"""The most bars of a chart without a time axis; the last one sums up the others, with their
number."""


@dataclass(frozen=True)
class Figure:
    """One chart of the view: its title, grouping columns and order of bars.

    ``order`` is "status" (problems first), "largest", "appearance", "value" or "listed" (as in
    ``values``); ``compare`` is the value of the state's ``compare_by`` that shows it, None for
    charts that are always shown. Charts ``of_documents`` leave out jobs without documents, and
    their bars do not filter.
    """

    name: str
    title: str
    by: tuple[str, ...]
    order: str
    by_status: bool = False
    compare: str | None = None
    label_share: float = 0.34
    number_px: int = 156
    values: tuple[str, ...] = ()
    of_documents: bool = False


_VERSION: Final = ("template_file_id", "template_file_version_id")

_ALL: Final = (
    Figure("outcomes", "Job outcomes", ("status",), "status", label_share=0.37, number_px=120),
    Figure("output_types", "Output types", ("output_type",), "largest", True, None, 0.2),
    Figure("reasons", "Failure reasons", ("reason",), "largest", label_share=0.55, number_px=132),
    Figure(
        "by_duration",
        "Duration",
        ("duration",),
        "listed",
        number_px=120,
        values=DURATION_RANGES,
        of_documents=True,
    ),
    Figure("documents_over_time", "Documents over time", ("made",), "value", of_documents=True),
    Figure("by_batch", "Outcomes by batch", ("batch_id",), "appearance", True, "batch"),
    Figure("by_template", "Outcomes by template", _VERSION, "largest", True, "template"),
    Figure("over_time", "Jobs over time", ("day",), "value", True, "day"),
)

FIGURES: Final = {figure.name: figure for figure in _ALL}


def bars(
    name: str, jobs: pl.DataFrame, templates: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Count jobs for the figure of this name; ``templates`` gives template names by file id.

    Bars beyond the first `MOST_BARS` are combined in a last one, without a key, but not on a time
    axis.
    """
    counts: pl.DataFrame = getattr(analysis, "by_day" if name == "over_time" else name)(jobs)
    if name == "over_time":
        counts = counts.drop_nulls("day").with_columns(pl.col("day").cast(pl.String))
    figure = FIGURES[name]
    # A share of the jobs without a value is meaningless.
    total = int(counts["jobs"].sum()) if figure.of_documents else jobs.height
    groups: dict[tuple[str | None, ...], dict[str | None, int]] = {}
    for count in counts.iter_rows(named=True):
        key = tuple(count[column] for column in figure.by)
        groups.setdefault(key, {})[count.get("status")] = count["jobs"]
    names = dict(templates or {})
    if name == "by_batch":
        names = {
            batch_id: f"{label} · {batch_id}"
            for batch_id, label in batch_labels(jobs, names).items()
        }
    drawn = [(_label(key, names), list(key), groups[key]) for key in [*groups]]
    most = len(drawn) if figure.order == "value" else MOST_BARS  # a time axis has no "others"
    if others := drawn[most:]:
        sums = Counter[str | None]()
        for _, _, pieces in others:
            sums.update(pieces)
        drawn[most:] = [(f"{len(others):,} others", [], sums)]
    return [
        {
            "group": group,
            "piece": piece,
            "label": label,
            "key": key,
            "status": status,
            "all": number,
            "shown": number,
            "jobs_all": total,
            "jobs_shown": total,
        }
        for group, (label, key, pieces) in enumerate(drawn)
        for piece, (status, number) in enumerate(pieces.items())
    ]


def reasons_note(jobs: pl.DataFrame) -> str | None:
    """Explain the total of the reasons' bars, if jobs have several reasons."""
    pairs = job_messages(jobs).select("job", "reason").unique()
    number, total = pairs["job"].n_unique(), pairs.height
    if total == number:
        return None
    jobs_with = f"{counted(number, 'job')} with {total:,} reasons"
    return f"{jobs_with}: a job is counted once for each of its reasons."


def batch_labels(jobs: pl.DataFrame, templates: Mapping[str, str]) -> dict[str, str]:
    """Name the batches of jobs with details, by batch id; without details there are no labels.

    ``templates`` are names by file id.
    """
    if not {"batch_id", "template_file_id", "created_at"} <= set(jobs.columns):
        return {}
    batches = jobs.group_by("batch_id").agg(
        template_file_ids=pl.col("template_file_id").drop_nulls().unique().sort(),
        first_created_at=pl.col("created_at").min(),
    )
    known = batches.drop_nulls().iter_rows(named=True)
    return {row["batch_id"]: batch_label(row, templates) for row in known}


def _label(key: tuple[str | None, ...], templates: Mapping[str, str]) -> str:
    first = NONE_LABEL if key[0] is None else templates.get(key[0], key[0])
    return " · ".join([first, *(f"version {part or NONE_LABEL}" for part in key[1:])])
