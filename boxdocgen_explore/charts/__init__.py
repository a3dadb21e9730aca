"""A jobs frame, or a reading, goes in; an Altair chart comes out.

A chart has no jobs, only one row per bar or piece of a bar, so a chart of a million jobs has a few
kilobytes. The view draws the same specs in the browser (see `figures`).

Importing this module registers the renderer "boxdocgen" with Altair, and enables it unless another
one was chosen. It shows charts in JupyterLab and notebooks without the network.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any, cast

import altair as alt
import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.charts import renderer
from boxdocgen_explore.charts.marks import colour
from boxdocgen_explore.charts.specs import spec
from boxdocgen_explore.errors import Reading
from boxdocgen_explore.figures import (
    COLOURS,
    FIGURES,
    MOST_BARS,
    UNKNOWN_COLOUR,
    bars,
    reasons_note,
)

__all__ = [
    "COLOURS",
    "UNKNOWN_COLOUR",
    "bars",
    "by_batch",
    "by_template",
    "documents_over_time",
    "durations",
    "figures",
    "outcomes",
    "output_types",
    "over_time",
    "reasons",
    "status_color",
]

renderer.register()

with contextlib.suppress(ImportError):
    # Altair looks up numpy in sys.modules, and fails while another thread imports it.
    import_module("numpy")


def outcomes(jobs: Reading | pl.DataFrame) -> alt.LayerChart:
    """Draw the number of jobs by status, problems first.

    ``jobs`` is a reading, or a frame with the column ``status``.

    Source: ``status`` of each job.

    >>> chart = outcomes(pl.DataFrame({"status": ["failed", "completed", "completed"]}))
    >>> chart.to_dict()["title"]["text"]
    'Job outcomes'
    """
    return _draw("outcomes", jobs)


def output_types(jobs: Reading | pl.DataFrame) -> alt.LayerChart:
    """Draw the number of jobs by output type and status.

    ``jobs`` is a reading, or a frame with the columns ``output_type`` and ``status``.

    Source: ``output_type`` and ``status`` of each job.

    >>> chart = output_types(pl.DataFrame({"output_type": ["pdf"], "status": ["failed"]}))
    >>> chart.to_dict()["title"]["text"]
    'Output types'
    """
    return _draw("output_types", jobs)


def reasons(jobs: Reading | pl.DataFrame) -> alt.LayerChart:
    """Draw why jobs failed or completed with errors, most frequent reason first.

    ``jobs`` is a reading, or a frame with the columns ``job_id``, ``status`` and ``errors``. A job
    counts once for each of its reasons (`analysis.reasons`); a subtitle explains the total if jobs
    have several reasons.

    Source: ``failures.errors`` of each job.

    >>> jobs = pl.DataFrame({"job_id": ["1"], "status": ["failed"], "errors": [["Row 4 is empty"]]})
    >>> reasons(jobs).to_dict()["data"]["values"][0]["label"]
    'Row # is empty'
    """
    frame = analysis.jobs_of(jobs)
    return _draw("reasons", frame, subtitle=reasons_note(frame))


def by_batch(
    jobs: Reading | pl.DataFrame, templates: Mapping[str, str] | None = None
) -> alt.LayerChart:
    """Draw the statuses of each batch, in order of appearance.

    ``jobs`` is a reading, or a frame with the columns ``batch_id`` and ``status``. With details, a
    batch is named by its template and its time; ``templates`` has names by file id.

    Source: ``batch.id`` and ``status`` of each job.

    >>> chart = by_batch(pl.DataFrame({"batch_id": ["12345"], "status": ["failed"]}))
    >>> chart.to_dict()["data"]["values"][0]["label"]
    '12345'
    """
    return _draw("by_batch", jobs, templates)


def by_template(
    jobs: Reading | pl.DataFrame, templates: Mapping[str, str] | None = None
) -> alt.LayerChart:
    """Draw the statuses of each template version, most used version first.

    ``jobs`` is a reading, or a frame with the columns ``template_file_id``,
    ``template_file_version_id`` and ``status``; ``templates`` has names by file id.

    Source: ``template_file.id``, ``template_file_version.id`` and ``status`` of each job.

    >>> jobs = {"template_file_id": ["1"], "template_file_version_id": ["7"], "status": ["failed"]}
    >>> chart = by_template(pl.DataFrame(jobs), {"1": "Offer letter"})
    >>> chart.to_dict()["data"]["values"][0]["label"]
    'Offer letter · version 7'
    """
    return _draw("by_template", jobs, templates)


def over_time(jobs: Reading | pl.DataFrame) -> alt.LayerChart:
    """Draw the statuses of each UTC day on which jobs were created.

    ``jobs`` is a reading with details, or a frame with the columns ``created_at`` and ``status``.
    Jobs without a time are left out.

    Raises InvalidRequest if there is no column ``created_at``: read with ``details=True``.

    Source: ``created_at`` and ``status`` of ``/docgen_jobs``.

    >>> from datetime import UTC, datetime
    >>> created = [datetime(2026, 11, 3, 2, 14, tzinfo=UTC)]
    >>> chart = over_time(pl.DataFrame({"created_at": created, "status": ["failed"]}))
    >>> chart.to_dict()["data"]["values"][0]["label"]
    '2026-11-03'
    """
    return _draw("over_time", jobs)


def durations(
    jobs: Reading | pl.DataFrame, templates: Mapping[str, str] | None = None
) -> alt.LayerChart:
    """Draw the durations of documents, from a few seconds to hours.

    ``jobs`` is a reading with details and documents, or a frame with ``duration_s``: inferred
    from the creation of the output file and that of the job. Jobs without a document are left out;
    a subtitle shows the median and the 95th percentile, by template if there are only a few.
    ``templates`` has names by file id.

    Raises InvalidRequest if there is no column ``duration_s``.

    Source: ``created_at`` of ``/docgen_jobs`` and of ``/files/:id``.

    >>> chart = durations(pl.DataFrame({"duration_s": [14.0, 75.5, None]}))
    >>> chart.to_dict()["title"]["subtitle"]
    'Half within 44 s, 95 % within 72 s. Inferred from the creation of job and file.'
    """
    frame = analysis.jobs_of(jobs)
    return _draw("by_duration", frame, subtitle=analysis.duration_note(frame, templates))


def documents_over_time(jobs: Reading | pl.DataFrame) -> alt.LayerChart:
    """Draw the number of documents made per interval of at least 1 minute, in UTC.

    ``jobs`` is a reading with documents, or a frame with ``output_file_created_at``.

    Raises InvalidRequest if there is no such column.

    Source: ``created_at`` of ``/files/:id``.

    >>> from datetime import UTC, datetime
    >>> made = [datetime(2026, 11, 3, 2, 14, second, tzinfo=UTC) for second in (3, 40)]
    >>> chart = documents_over_time(pl.DataFrame({"output_file_created_at": made}))
    >>> chart.to_dict()["data"]["values"][0]["label"]
    '2026-11-03T02:14Z/PT1M'
    """
    return _draw("documents_over_time", jobs)


def status_color(jobs: Reading | pl.DataFrame) -> alt.Color:
    """Return the fixed colours of the statuses of these jobs, for your own charts.

    >>> status_color(pl.DataFrame({"status": ["completed", "failed"]}))["scale"].to_dict()
    {'domain': ['failed', 'completed'], 'range': ['#C2022F', '#0280B3']}
    """
    return cast("alt.Color", colour(FIGURES["outcomes"], [*analysis.outcomes(jobs)["status"]]))


def figures() -> list[dict[str, Any]]:
    """List the charts of the view: the fields of their `Figure`, and their Vega-Lite specs.

    The specs read a data set named "counts" with the rows of `bars`, and follow three signals:
    ``width`` (pixels), ``ink`` and ``ghost`` (colours, for light and dark).
    """
    return [
        {
            **asdict(figure),
            "most_bars": MOST_BARS,
            "spec": spec(figure, alt.NamedData("counts"), legend=None)
            .properties(background="transparent", padding=0)
            .to_dict(validate=False),  # tests validate; here it would take 50 % longer
        }
        for figure in FIGURES.values()
    ]


def _draw(
    name: str,
    jobs: Reading | pl.DataFrame,
    templates: Mapping[str, str] | None = None,
    *,
    subtitle: str | None = None,
) -> alt.LayerChart:
    """Draw the figure of this name as a stand-alone chart, with light card and legend."""
    figure = FIGURES[name]
    rows = renderer.writable(bars(name, analysis.jobs_of(jobs), templates))
    statuses = dict.fromkeys(row["status"] for row in rows if row["status"] is not None)
    legend = list(statuses) if figure.by_status else None
    title = {"text": figure.title, "anchor": "start"}
    if subtitle:
        title["subtitle"] = subtitle
    return spec(figure, alt.InlineData(values=rows, name="counts"), legend=legend).properties(
        title=title, width=640, background="white", padding=10
    )
