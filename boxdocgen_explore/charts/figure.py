"""What the charts of the view are: their titles, what they group by, and their colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from boxdocgen_explore.progress import DURATION_RANGES

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
"""Bars of one chart; a last one sums up the others, and says how many they are."""


@dataclass(frozen=True)
class Figure:
    """One chart of the view: its title, the columns it groups by, and the order of its bars.

    ``order`` is "status" (problems first), "largest", "appearance", "value" or "listed" (as in
    ``values``); ``compare`` is the value of the state's ``compare_by`` that shows it, None for
    charts that are always shown. Jobs without a value are left out if ``skip_none``; a click on a
    bar filters if ``picks``.
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
    skip_none: bool = False
    picks: bool = True


_VERSION: Final = ("template_file_id", "template_file_version_id")

FIGURES: Final = (
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
        skip_none=True,
        picks=False,
    ),
    Figure(
        "documents_over_time",
        "Documents over time",
        ("made",),
        "value",
        skip_none=True,
        picks=False,
    ),
    Figure("by_batch", "Outcomes by batch", ("batch_id",), "appearance", True, "batch"),
    Figure("by_template", "Outcomes by template", _VERSION, "largest", True, "template"),
    Figure("over_time", "Jobs over time", ("day",), "value", True, "day"),
)
