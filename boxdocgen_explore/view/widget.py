"""The view as a Jupyter widget: jobs and charts, packed for a browser that needs no kernel.

The front end is one ES module (``view.js`` and the files that it imports), which gets packed
columns, chart specs, a verdict and a state. In JupyterLab it is an anywidget; `view.page` puts the
same module and the same payload into one HTML document, so both filter alike. Vega comes out of
vl-convert; no page asks another host for anything.
"""

from __future__ import annotations

import functools
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import anywidget
import polars as pl
import traitlets

from boxdocgen_explore import analysis, build_cache
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.export import as_bytes
from boxdocgen_explore.figures import COLOURS, UNKNOWN_COLOUR, batch_labels
from boxdocgen_explore.schema import STATUS_MEANINGS, STATUSES
from boxdocgen_explore.view import filters
from boxdocgen_explore.view.cause import main_cause
from boxdocgen_explore.view.payload import pack

_FRONT_END: Final = Path(__file__).parent / "front_end"
_MODULES: Final = (
    "dom.js",
    "columns.js",
    "search.js",
    "filters.js",
    "bars.js",
    "durations.js",
    "dates.js",
    "figures.js",
    "virtual_table.js",
    "column_choice.js",
    "column_widths.js",
    "column_shares.js",
    "table.js",
    "sidebar.js",
    "charts.js",
    "verdict.js",
    "progress.js",
    "cause.js",
    "actions.js",
    "page.js",
    "address.js",
    "cell.js",
    "view.js",
)


@functools.cache
def specs() -> dict[str, Any]:
    """Give what the front end draws and says by: charts, statuses, their colours, filter code."""
    return {
        "figures": json.loads(_figures()),
        "statuses": list(STATUSES),
        "meanings": dict(STATUS_MEANINGS),
        "colours": dict(COLOURS),
        "unknown_colour": UNKNOWN_COLOUR,
        "no_reason": analysis.NO_REASON,
        "query_code": dict(filters.QUERY_CODE),
    }


class View(anywidget.AnyWidget):
    """The view as a Jupyter widget: verdict, cause, filters, charts and table over one payload.

    ``payload`` is what `pack` gives; ``state`` is the dict of `filters.check_state`, which follows
    the browser and can be set: an invalid one raises InvalidRequest. ``verdict`` is
    `analysis.Verdict.as_dict` or None, ``cause`` what `main_cause` gives; ``templates`` are names
    by file id, ``batch_labels`` those of batches (see `payload`); ``notice`` is shown under the
    verdict, such as why a refresh failed: its first line says what happened, the others are
    details, which are folded. With ``retry`` a button sends the message ``{"event": "retry"}``.
    ``loading`` is true while jobs are being read. ``watching`` is the progress of a batch that is
    watched, or None: ``text``, ``final``, ``jobs``, ``calls``, and ``due_at``, the ISO time by
    which the next look is expected (None: no next look). ``explorer_id`` is the id of the widget
    that this view is a part of, if it is a part of one. ``variable`` is what the notebook calls
    the explorer, for the code that is copied.
    """

    _css = _FRONT_END / "view.css"

    payload = traitlets.Bytes(b"").tag(sync=True)
    specs = traitlets.Dict().tag(sync=True)
    templates = traitlets.Dict().tag(sync=True)
    batch_labels = traitlets.Dict().tag(sync=True)
    verdict = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    cause: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    notice = traitlets.Unicode("").tag(sync=True)
    retry = traitlets.Bool(False).tag(sync=True)
    loading = traitlets.Bool(False).tag(sync=True)
    variable = traitlets.Unicode("").tag(sync=True)
    watching: Any = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    explorer_id = traitlets.Unicode("").tag(sync=True)

    def __init__(self, jobs: pl.DataFrame | None = None, **values: Any) -> None:
        if jobs is not None:
            values.setdefault("payload", pack(jobs))
            values.setdefault("cause", main_cause(jobs))
            values.setdefault("batch_labels", batch_labels(jobs, values.get("templates", {})))
        values.setdefault("specs", specs())
        super().__init__(_esm=module(), **values)

    @traitlets.validate("state")
    def _check_state(self, proposal: Any) -> dict[str, Any]:
        return filters.check_state(proposal["value"])

    def save(self, jobs: pl.DataFrame, name: str) -> None:
        """Let the browser save these jobs under this name, whose ending is one of `WRITERS`."""
        content = []
        try:
            content.append(as_bytes(jobs, Path(name).suffix))
        except InvalidRequest as error:
            self.notice = str(error)
        self.send({"event": "file", "name": name}, content)


@functools.cache
def module() -> str:
    """Give the whole front end of the view as one ES module that imports nothing.

    Raises OSError if the package's own files cannot be read.
    """
    return _vega() + script(*_MODULES)


def script(*names: str) -> str:
    """Join files of the front end, each after those that it imports, into one ES module.

    Raises OSError if the package's own files cannot be read.
    """
    sources = [(_FRONT_END / name).read_text(encoding="utf-8") for name in names]
    # Each file is a module, for editors and tests; joined, they share one scope.
    return "".join(
        re.sub(r"^(import .*;\n|export (?!default))", "", source, flags=re.M) for source in sources
    )


def _figures() -> str:
    """Give `charts.figures` as JSON, if it is cached without an import of Altair."""

    def build() -> str:
        from boxdocgen_explore import charts

        return json.dumps(charts.figures())

    key = f"altair {version('altair')}, sources {build_cache.sources()}"
    return build_cache.built("figures.json", key, build)


def _vega() -> str:
    """Give vega-embed, Vega-Lite and Vega as one constant, ``vegaEmbed``."""
    export = "boxdocgen.vegaEmbed = vegaEmbed;"

    def build() -> str:
        import vl_convert

        return str(vl_convert.javascript_bundle(export))

    key = f"vl-convert {version('vl-convert-python')}, {export}"
    return (
        f"const boxdocgen = {{}};\n(() => {{{build_cache.built('vega.js', key, build)}\n}})();\n"
        "const vegaEmbed = boxdocgen.vegaEmbed;\n"
    )
