"""Frame and charts, packed for a view that works without a kernel.

The front end is one ES module (``view.js`` and the files beside it that it imports), which gets
packed columns, chart specs, a verdict and a state. In JupyterLab it is an anywidget; in `page` the
same module with the same payload is inside one HTML document. Vega comes from vl-convert; no page
loads anything from another host.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anywidget
import polars as pl
import traitlets

from boxdocgen_explore import analysis, charts
from boxdocgen_explore.schema import STATUS_MEANINGS, STATUSES
from boxdocgen_explore.view import filters
from boxdocgen_explore.view.payload import pack, unpack

__all__ = ["View", "module", "pack", "page", "specs", "unpack"]

_FRONT_END: Final = Path(__file__).parent / "front_end"
_MODULES: Final = (
    "dom.js",
    "columns.js",
    "filters.js",
    "bars.js",
    "figures.js",
    "table.js",
    "sidebar.js",
    "verdict.js",
    "page.js",
    "view.js",
)


@functools.cache
def specs() -> dict[str, Any]:
    """Give the constants of the front end: charts, statuses, their colours, filter code."""
    return {
        "figures": charts.figures(),
        "statuses": list(STATUSES),
        "meanings": dict(STATUS_MEANINGS),
        "colours": dict(charts.COLOURS),
        "unknown_colour": charts.UNKNOWN_COLOUR,
        "no_reason": analysis.NO_REASON,
        "query_code": dict(filters.QUERY_CODE),
    }


class View(anywidget.AnyWidget):
    """The view as a Jupyter widget: verdict, filters, charts and table over one payload.

    ``payload`` is what `pack` gives; ``state`` is the dict of `filters.check_state`, which follows
    the browser and can be set: an invalid one raises InvalidRequest. ``verdict`` is
    `analysis.Verdict.as_dict` or None; ``templates`` are names by file id; ``notice`` is a sentence
    shown under the verdict, such as why a refresh failed.

    >>> view = View(pl.DataFrame({"status": ["failed"]}), state={"status": ["failed"]})
    >>> unpack(view.payload)["status"].to_list()
    ['failed']
    """

    _css = _FRONT_END / "view.css"

    payload = traitlets.Bytes(b"").tag(sync=True)
    specs = traitlets.Dict().tag(sync=True)
    templates = traitlets.Dict().tag(sync=True)
    verdict = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    notice = traitlets.Unicode("").tag(sync=True)

    def __init__(self, jobs: pl.DataFrame | None = None, **values: Any) -> None:
        if jobs is not None:
            values.setdefault("payload", pack(jobs))
        values.setdefault("specs", specs())
        super().__init__(_esm=module(), **values)

    @traitlets.validate("state")
    def _check_state(self, proposal: Any) -> dict[str, Any]:
        return filters.check_state(proposal["value"])


@functools.cache
def module() -> str:
    """Give the front end of the view as one ES module that imports nothing.

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


@functools.cache
def _vega() -> str:
    """Give vega-embed, Vega-Lite and Vega as one constant, ``vegaEmbed``; takes about a second."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("boxdocgen.vegaEmbed = vegaEmbed;")
    return (
        "const boxdocgen = {};\n(() => {" + bundle + "\n})();\n"
        "const vegaEmbed = boxdocgen.vegaEmbed;\n"
    )


def page(
    jobs: pl.DataFrame,
    verdict: analysis.Verdict | None,
    *,
    templates: Mapping[str, str] | None = None,
    state: Mapping[str, Any] | None = None,
    title: str = "Box Doc Gen jobs",
    columns: Sequence[str] | None = None,
    payload: bytes | None = None,
    style: str = "",
    script: str = "",
    body_before: str = "",
    body_after: str = "",
) -> str:
    """Write the view as one HTML document that needs no network and no kernel.

    ``jobs`` has one row per job; ``columns`` are those to keep; ``payload`` is what `pack` made
    of them, where the caller has it already. ``body_before`` and ``body_after`` are HTML around
    the view, which the caller has escaped; ``style`` and ``script`` go with them (in the script,
    ``mounted`` is a promise of the view). Scripts are allowed by their hash alone, and everything
    read from Box goes in as JSON or base64, never as markup.

    Raises InvalidRequest for a state or a column that cannot be.
    """
    values = {
        "verdict": verdict and verdict.as_dict(),
        "state": filters.check_state(state or {}),
        "templates": dict(templates or {}),
        "specs": specs(),
        "notice": "",
    }
    # "<" is the only character that could end a script element.
    settings = json.dumps(values).replace("<", "\\u003c")
    if payload is None:
        payload = pack(jobs, columns=columns)
    packed = base64.b64encode(payload).decode()
    script = f"{module()}\nconst mounted = mountPage(document);\n{script}"
    style = (_FRONT_END / "view.css").read_text(encoding="utf-8") + style
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {_hash(script)}; style-src {_hash(style)}"
    )
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            f"<title>{html.escape(title)}</title>\n<style>{style}</style>\n</head>\n",
            f'<body class="boxdocgen-page">\n{body_before}',
            '<main id="boxdocgen"></main>\n',
            "<noscript>Filters, charts and table need scripts.</noscript>\n",
            f"{body_after}",
            f'<script type="application/json" id="boxdocgen-settings">{settings}</script>\n',
            f'<script type="text/plain" id="boxdocgen-payload">{packed}</script>\n',
            f'<script type="module">{script}</script>\n</body>\n</html>\n',
        ]
    )


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
