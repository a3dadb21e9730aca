"""Frame and charts, packed for a view that works without a kernel.

The front end is one ES module (``view.js`` and the files beside it that it imports), which gets
packed columns, chart specs, a verdict and a state. In JupyterLab it is an anywidget, in `page` the
same module with the same payload inside one HTML document: what filters in the one filters in the
other. Vega comes out of vl-convert; no page asks another host for anything.
"""

from __future__ import annotations

import array
import base64
import functools
import gzip
import hashlib
import html
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import anywidget
import polars as pl
import traitlets

from boxdocgen_explore import analysis, charts, filters
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.schema import DETAILS, JOBS, STATUS_MEANINGS, STATUSES

_HERE: Final = Path(__file__).parent
_MODULES: Final = (
    "view_dom.js",
    "view_columns.js",
    "view_filters.js",
    "view_figures.js",
    "view_table.js",
    "view.js",
)
_CODE_TYPES: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))
_SCHEMA: Final = {**JOBS, **DETAILS}


def pack(jobs: pl.DataFrame, *, columns: Sequence[str] | None = None) -> bytes:
    """Pack a jobs frame: each column a dictionary of its distinct values and one code per job.

    ``columns`` are those to keep (default: all that `schema` knows); what is left out cannot be
    filtered by, and is not in the bytes. Null, empty lists and unknown statuses survive.
    `unpack` gives the frame back.

    The bytes are gzip; inside are the length of a JSON header (4 bytes, little-endian), the
    header, and the codes of the columns in the header's order, in 1, 2 or 4 bytes each. A column
    whose values are all different has no codes.

    Raises InvalidRequest for a column that the frame does not have.
    """
    known = [name for name in _SCHEMA if name in jobs.columns]
    if unknown := set(columns or ()) - set(known):
        raise InvalidRequest(f"The jobs have no column {', '.join(sorted(unknown))}.")
    kept = [name for name in known if columns is None or name in columns]
    header: list[dict[str, Any]] = []
    codes: list[bytes] = []
    for name, series in {**{n: jobs[n] for n in kept}, **_derived(jobs, kept)}.items():
        values, column_codes = _dictionary(series)
        width, coded = _coded(column_codes, len(values))
        header.append({"name": name, "values": values, "width": width, "derived": name not in kept})
        codes.append(coded)
    head = json.dumps({"jobs": jobs.height, "columns": header}, separators=(",", ":")).encode()
    body = b"".join([len(head).to_bytes(4, "little"), head, *codes])
    return gzip.compress(body, compresslevel=6, mtime=0)


def unpack(payload: bytes) -> pl.DataFrame:
    """Give back the frame that `pack` packed, with the columns that were kept."""
    body = gzip.decompress(payload)
    start = 4 + int.from_bytes(body[:4], "little")
    head = json.loads(body[4:start])
    columns: dict[str, pl.Series] = {}
    for column in head["columns"]:
        end = start + column["width"] * head["jobs"]
        if not column["derived"]:
            columns[column["name"]] = _undictionary(column, body[start:end])
        start = end
    return pl.DataFrame(columns)


def _derived(jobs: pl.DataFrame, kept: Sequence[str]) -> dict[str, pl.Series]:
    """Add what the browser filters and groups by but should not have to work out itself."""
    derived = {}
    if {"status", "errors"} <= set(kept):
        # Few jobs differ in both status and errors: reasons are named once for each that does.
        keys = ["status", "errors"]
        codes = jobs.select(keys).with_row_index("_row").group_by(keys, maintain_order=True)
        groups = codes.agg("_row").with_columns(analysis.job_reasons())
        derived["reason"] = groups.explode("_row").sort("_row")["reasons"]
    if "created_at" in kept:
        derived["day"] = jobs.select(analysis.day()).to_series()
    return derived


def _dictionary(series: pl.Series) -> tuple[list[Any], list[int] | None]:
    """Give distinct values in order of appearance, and each job's code; None if all differ."""
    groups = (
        series.alias("value")
        .to_frame()
        .with_row_index("row")
        .group_by("value", maintain_order=True)
        .agg("row")
        .with_row_index("code")
    )
    values = groups["value"]
    if values.dtype == DETAILS["created_at"]:
        values = values.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if groups.height == series.len():
        return values.to_list(), None
    return values.to_list(), groups.explode("row").sort("row")["code"].to_list()


def _coded(codes: list[int] | None, values: int) -> tuple[int, bytes]:
    if codes is None:
        return 0, b""
    typecode = next(code for code, limit in _CODE_TYPES if values <= limit)
    packed = array.array(typecode, codes)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.itemsize, packed.tobytes()


def _undictionary(column: Mapping[str, Any], coded: bytes) -> pl.Series:
    dtype = _SCHEMA[column["name"]]
    text = dtype if dtype != DETAILS["created_at"] else pl.String()
    values = pl.Series(column["name"], column["values"], dtype=text)
    if text != dtype:
        values = values.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us", time_zone="UTC")
    if not column["width"]:
        return values
    codes = array.array({1: "B", 2: "H", 4: "I"}[column["width"]], coded)
    if sys.byteorder == "big":
        codes.byteswap()
    return values.gather(pl.Series(codes.tolist(), dtype=pl.UInt32))


def specs() -> dict[str, Any]:
    """Give what the front end draws and says by: charts, statuses, their colours, filter code."""
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

    ``payload`` is what `pack` gives. ``state`` is the dict of `filters.check_state`, two-way:
    ``observe`` and ``link`` work on it, and a state that cannot be raises InvalidRequest.
    ``verdict`` is `analysis.Verdict.as_dict` or None; ``templates`` are names by file id;
    ``notice`` is a sentence shown under the verdict, such as why a refresh failed.
    """

    _css = _HERE / "view.css"

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
    """Give the whole front end as one ES module that imports nothing.

    Raises OSError if the package's own files cannot be read.
    """
    sources = [(_HERE / name).read_text(encoding="utf-8") for name in _MODULES]
    # The files are modules of their own, for editors and tests; joined, they share one scope.
    joined = [re.sub(r"^(import .*;\n|export (?!default))", "", s, flags=re.M) for s in sources]
    return _vega() + "".join(joined)


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
    style = (_HERE / "view.css").read_text(encoding="utf-8") + style
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
