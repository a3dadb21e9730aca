"""The front end of the view: one ES module and its configuration.

It gets packed columns, chart specs, a verdict and a state. In JupyterLab it is an anywidget
(`view.widget`); `view.page` puts the same module and payload into one HTML document. Vega comes
from vl-convert; no page loads anything from another host.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from importlib.metadata import version
from typing import Any

from boxdocgen_explore import build_cache
from boxdocgen_explore.figures import COLOURS, UNKNOWN_COLOUR
from boxdocgen_explore.schema import STATUS_MEANINGS, STATUSES
from boxdocgen_explore.view.filters import QUERY_CODE
from boxdocgen_explore.view.html import front_end


@functools.cache
def specs() -> dict[str, Any]:
    """Return the configuration of the front end: charts, statuses, colours, filter code."""
    return {
        "figures": json.loads(_figures()),
        "statuses": list(STATUSES),
        "meanings": dict(STATUS_MEANINGS),
        "colours": dict(COLOURS),
        "unknown_colour": UNKNOWN_COLOUR,
        "query_code": dict(QUERY_CODE),
    }


@functools.cache
def module() -> str:
    """Return the front end of the view, including Vega, as one ES module without imports.

    Raises OSError if the package's own files cannot be read.
    """
    return _vega() + script(*with_imports("view.js"))


def script(*names: str) -> str:
    """Join files of the front end, each after those that it imports, into one ES module.

    Raises OSError if the package's own files cannot be read.
    """
    # Each file is a module for editors and tests; when joined, they share one scope.
    return "".join(
        re.sub(r"^(import .*;\n|export (?!default))", "", front_end(name), flags=re.M)
        for name in names
    )


def with_imports(name: str) -> list[str]:
    """List a file of the front end after the files that it imports, recursively."""
    imported = re.findall(r'^import .* from "\./(.*)";$', front_end(name), flags=re.M)
    return list(dict.fromkeys([*itertools.chain(*map(with_imports, imported)), name]))


def _figures() -> str:
    """Return `charts.figures` as JSON; if cached, without an import of Altair."""

    def build() -> str:
        from boxdocgen_explore import charts

        return json.dumps(charts.figures())

    key = f"altair {version('altair')}, sources {build_cache.sources()}"
    return build_cache.built("figures.json", key, build)


def _vega() -> str:
    """Return vega-embed, Vega-Lite and Vega as one constant, ``vegaEmbed``."""
    export = "boxdocgen.vegaEmbed = vegaEmbed;"

    def build() -> str:
        import vl_convert

        return str(vl_convert.javascript_bundle(export))

    key = f"vl-convert {version('vl-convert-python')}, {export}"
    return (
        f"const boxdocgen = {{}};\n(() => {{{build_cache.built('vega.js', key, build)}\n}})();\n"
        "const vegaEmbed = boxdocgen.vegaEmbed;\n"
    )
