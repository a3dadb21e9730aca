"""One line about a reading: result, main cause, completeness, user and age.

Also the names of batches.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import polars as pl

from boxdocgen_explore.messages import main_reason
from boxdocgen_explore.schema import RUNNING, STATUSES
from boxdocgen_explore.text import counted, duration, listed, moment, shortened, visible

RENDER: Final = "BOXDOCGEN_RENDER"
"""The environment variable of a kernel whose outputs are read later: "notebook" or "page"."""
_LONGEST_NAME: Final = 200
"""The most characters of a name in a line."""
_LONGEST_CAUSE: Final = 80
"""The most characters of a tag or a message in the headline."""
_MOST_NAMED: Final = 3
"""The most incomplete batches that the verdict names."""
_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
"""The allowed difference between two clocks."""


@dataclass(frozen=True)
class Verdict:
    """The result of some jobs in one line, and its parts.

    ``cause`` is what most failed jobs have in common; it is empty if no reason explains at least
    half of them. ``result`` is the headline with the cause, shown in large type; ``details`` is the
    small print below it. ``complete`` is True if all pages of every batch were read, False if pages
    are missing, None without evidence. If pages are missing, ``missing`` names the batches,
    ``warning`` reports it, and ``why`` is the first sentence of the error, if known.
    ``provisional`` counts jobs that may still change. ``read_at`` (UTC) is when the oldest page was
    read, ``age`` how long ago that is. ``incomplete_batches`` has the ids of incomplete batches.
    ``text`` joins warning, why, result and details.
    """

    headline: str
    cause: str
    result: str
    missing: str
    why: str
    warning: str
    complete: bool | None
    provisional: str
    read_at: datetime | None
    age: str
    who: str | None
    demo: bool
    details: list[str]
    incomplete_batches: list[str]

    @property
    def text(self) -> str:
        parts = [self.warning, self.why, self.result, *self.details]
        return " · ".join(part for part in parts if part)

    def __str__(self) -> str:
        return self.text

    def as_dict(self) -> dict[str, Any]:
        """Return the parts as values for JSON: ``read_at`` as ISO text."""
        read_at = self.read_at and self.read_at.isoformat()
        return asdict(self) | {"read_at": read_at, "text": self.text}

    def dated(self) -> Verdict:
        """Show the date instead of the age, in texts that are read later."""
        if self.read_at is None or self.age.startswith("as of"):
            return self
        age = f"as of {moment(self.read_at)}"
        details = [age if part == self.age else part for part in self.details]
        # Without the time, pages compute no age.
        return replace(self, age=age, details=details, read_at=None)


def verdict(
    jobs: pl.DataFrame,
    pages: pl.DataFrame | None = None,
    *,
    now: datetime | None = None,
    failures: Collection[str] = (),
) -> Verdict:
    """As `analysis.verdict`, for jobs and pages; ``failures`` may have errors by id."""
    pages = pages if pages is not None and pages.height else None
    complete_page = pl.col("complete").fill_null(False)
    incomplete = {*failures, *(() if pages is None else pages.filter(~complete_page)["batch_id"])}
    complete = None if pages is None and not failures else not incomplete
    headline, cause = _headline(jobs), _cause(jobs)
    missing = why = warning = ""
    if complete is False:
        at_least = f", at least {counted(jobs.height, 'job')}" if jobs.height else ""
        missing = listed(_missing(pages, failures), _MOST_NAMED)
        warning = f"INCOMPLETE{at_least}: pages missing in {missing}"
        why, headline = _why(failures), headline if jobs.height else ""
    provisional, who = _provisional(jobs), _who(pages)
    read_at = None if pages is None else cast("datetime | None", pages["fetched_at"].min())
    age = _age(read_at, now or datetime.now(UTC)) if read_at else ""
    demo = _is_demo(jobs, "origin") or (pages is not None and _is_demo(pages, "host"))
    result = f"{headline}, {cause}" if cause else headline
    reader, data = f"as {who}" if who else "", "demo data" if demo else ""
    details = [_pages_read(pages, complete), provisional, reader, age, data]
    details = [part for part in details if part]
    found = Verdict(
        headline, cause, result, missing, why, warning, complete, provisional, read_at, age, who,
        demo, details, sorted(incomplete),
    )  # fmt: skip
    return found.dated() if os.environ.get(RENDER) else found


def _is_demo(frame: pl.DataFrame, column: str) -> bool:
    """Whether any row is from the demo. A batch without jobs has pages, so both are checked."""
    return column in frame.columns and bool((frame[column] == "demo").any())


def _missing(pages: pl.DataFrame | None, failures: Collection[str]) -> Iterator[str]:
    """Name each incomplete batch, with its first missing page, if known."""
    known = [] if pages is None else pages.select("batch_id", "complete").rows()
    arrived = Counter(batch_id for batch_id, _ in known)
    cut = {batch_id: None for batch_id, complete in known if batch_id and not complete}
    for batch_id in dict.fromkeys([*failures, *cut]):
        number = arrived[batch_id]
        extent = f"from page {number + 1:,} on" if number else "all pages"
        if number and batch_id not in cut:
            extent = "inconsistent"  # read to the end, but its pages do not fit together
        yield f"batch {_name(batch_id)} ({extent})"


def _why(failures: Collection[str]) -> str:
    """Return the first sentence of each known error, with its batch."""
    batches: dict[str, list[str]] = {}
    for batch_id, error in failures.items() if isinstance(failures, Mapping) else ():
        sentence = re.split(r"(?<=[.!?])\s|\n", str(error), maxsplit=1)[0].removesuffix(".")
        if sentence:
            batches.setdefault(_name(sentence), []).append(_name(batch_id))
    if len(failures) == sum(map(len, batches.values())) and len(batches) == 1:
        return next(iter(batches))
    known = [f"{sentence} (batch {listed(ids)})" for sentence, ids in batches.items()]
    return "; ".join(known[:_MOST_NAMED])


def _headline(jobs: pl.DataFrame) -> str:
    """Name the worst outcome; the chart beside it shows the others."""
    counts = dict(jobs["status"].value_counts().iter_rows())
    for status, words in (("failed", "failed"), ("completed_with_error", "completed with errors")):
        if counts.get(status):
            return f"{counts[status]:,} of {jobs.height:,} {words}"
    if not jobs.height:
        return "no jobs"
    return f"{counts.get('completed', 0):,} of {jobs.height:,} completed"


def _cause(jobs: pl.DataFrame) -> str:
    """Describe what most failed jobs have in common; undocumented messages are quoted."""
    main = main_reason(jobs)
    if main is None:
        return ""
    text = visible(shortened(main.missing_tag or main.reason, _LONGEST_CAUSE))
    failed = jobs.filter(pl.col("status") == "failed").height
    share = f"{main.jobs:,} of them " if main.jobs < failed else "all of them "
    who = "" if failed == 1 else share
    if main.missing_tag:
        return f"{who}because the tag {text} was not provided"
    return f"{who}with the message “{text}”"


def _pages_read(pages: pl.DataFrame | None, complete: bool | None) -> str:
    if pages is None:
        return "" if complete is False else "no evidence"
    number = pages.height
    read = "its only page read" if number == 1 and complete else f"{counted(number, 'page')} read"
    batches = pages["batch_id"].n_unique()
    several = f"{batches:,} batches, " if batches > 1 else ""
    return several + ("all " if complete and number > 1 else "") + read


def _provisional(jobs: pl.DataFrame) -> str:
    running = jobs.filter(pl.col("status").is_in(RUNNING)).height
    unknown = jobs.filter(~pl.col("status").is_in(STATUSES).fill_null(False)).height
    parts = [f"{running:,} still running"] if running else []
    parts += [f"{unknown:,} with an unknown status"] if unknown else []
    return ", ".join(parts) + ": these numbers may change" if parts else ""


def _who(pages: pl.DataFrame | None) -> str | None:
    if pages is None:
        return None
    logins = pages["user_login"].drop_nulls().unique().sort()
    return ", ".join(map(_name, logins)) or None


def _name(text: str) -> str:
    return visible(shortened(text, _LONGEST_NAME))


def _age(read_at: datetime, now: datetime) -> str:
    if read_at - now > _CLOCK_DIFFERENCE:
        return f"as of {moment(read_at)}, in the future: a clock is wrong"
    delta = now - read_at
    return "just now" if delta < timedelta(minutes=1) else f"{duration(delta)} ago"


def batch_label(
    batch: Mapping[str, Any], names: Mapping[str, str], *, now: datetime | None = None
) -> str:
    """Name a batch (a row of `schema.BATCHES`) by its template and the time (UTC) of its first job.

    ``names`` has template names by file id. The year is left out if it is that of ``now`` (UTC).
    Show the id beside it, because several batches can have the same name.

    >>> row = {"template_file_ids": ["9"], "first_created_at": datetime(2026, 11, 3, 2, 14)}
    >>> batch_label(row, {"9": "Offer letter"}, now=datetime(2026, 12, 1))
    'Offer letter · 3 Nov 02:14'
    """
    return " · ".join(batch_label_parts(batch, names, now=now))


def batch_label_parts(
    batch: Mapping[str, Any], names: Mapping[str, str], *, now: datetime | None = None
) -> tuple[str, str]:
    """Return the two parts of `batch_label`: the template and the time."""
    templates, created = batch["template_file_ids"], batch["first_created_at"]
    template = names.get(templates[0]) or f"template {templates[0]}" if templates else "no template"
    more = f" and {len(templates) - 1} more" if len(templates) > 1 else ""
    time = "no date"
    if created:
        year = "" if created.year == (now or datetime.now(UTC)).year else f" {created.year}"
        time = f"{created.day} {created:%b}{year} {created:%H:%M}"
    return _name(template) + more, time
