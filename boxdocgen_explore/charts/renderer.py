"""Charts in notebooks without the network: a bundle of formats, of which readers choose one.

JupyterLab draws Vega 5 itself; GitHub, converters and older readers use SVG or PNG; a terminal uses
the numbers. The bundle has no HTML, because Altair's HTML loads scripts from a CDN.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import altair as alt

from boxdocgen_explore.text import visible

NAME: Final = "boxdocgen"
VEGA_MIME: Final = "application/vnd.vega.v5+json"

# Characters that XML does not allow. vl-convert writes every text to SVG to measure it, where one
# of these ends the process, including the kernel.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_TEXTS: Final = ("group-title", "group-subtitle", "guide-label", "guide-title")
"""Vega's styles for all texts around a chart."""

_GENERIC_FONT: Final = re.compile(r'font-family="(?:system-ui[^"]*|sans-serif)"')
_MEASURED_FONT: Final = """font-family="Arial, 'Liberation Sans', Helvetica, sans-serif\""""
"""vl-convert measures text in Liberation Sans, which is as wide as Arial. The generic font of Linux
is often wider, and would be cut off at the edge of the picture."""

_LONGEST: Final = 1001
"""The longest text in a chart, as for a reason: a text of megabytes takes hours to measure."""


def writable(value: Any) -> Any:
    """Replace characters that SVG does not allow in texts of a spec, and truncate long texts.

    >>> writable({"status": "a\\x07b"}) == {"status": "a\\ufffdb"}
    True
    """
    if isinstance(value, str):
        text = _UNWRITABLE.sub("\ufffd", value[:_LONGEST])
        return text if len(value) <= _LONGEST else f"{text[:-1]}…"
    if isinstance(value, dict):
        return {writable(key): writable(item) for key, item in value.items()}
    return [writable(item) for item in value] if isinstance(value, list) else value


def register() -> None:
    """Register the renderer with Altair, and enable it unless another one was chosen."""
    alt.renderers.register(NAME, bundle)
    if alt.renderers.active == "default":
        alt.renderers.enable(NAME)


def bundle(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Return a Vega-Lite spec as Vega 5, SVG, PNG and plain text, all on an opaque light card."""
    import vl_convert

    spec = writable(spec)
    if spec.get("background") in (None, "transparent"):
        spec = {**spec, "background": "white"}
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    vega = vl_convert.vegalite_to_vega(spec, vl_version=version)
    vega["config"] = _light(vega.get("config", {}))
    text = json.dumps(vega)
    return {
        # Readers of this MIME type have Vega 5, and check the schema's major version.
        VEGA_MIME: {**vega, "$schema": "https://vega.github.io/schema/vega/v5.json"},
        "image/svg+xml": _GENERIC_FONT.sub(_MEASURED_FONT, vl_convert.vega_to_svg(text)),
        "image/png": vl_convert.vega_to_png(text, scale=1),
        "text/plain": _plain(spec),
    }


def _light(config: dict[str, Any]) -> dict[str, Any]:
    """Set Vega's default colours explicitly: JupyterLab's dark theme replaces unset ones."""
    given = config.get("style", {})
    texts = {name: {"fill": "black", **given.get(name, {})} for name in _TEXTS}
    title, subtitle = (texts[name]["fill"] for name in _TEXTS[:2])
    return {
        **config,
        "style": {**given, **texts},
        "title": {"color": title, "subtitleColor": subtitle, **config.get("title", {})},
        "axis": {
            "domainColor": "#888",
            "gridColor": "#ddd",
            "tickColor": "#888",
            **config.get("axis", {}),
        },
    }


def _plain(spec: dict[str, Any]) -> str:
    title = spec.get("title", "Chart")
    lines = [title.get("text", "Chart") if isinstance(title, dict) else title]
    data = spec.get("data") or {}
    rows = data.get("values") if isinstance(data, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if "label" in row and "jobs_shown" in row:
            status = f", {row['status']}" if row["status"] not in (None, row["label"]) else ""
            jobs = f"{row['shown']:,} of {row['jobs_shown']:,} jobs"
            lines.append(visible(f"{row['label']}{status}: {jobs}"))
    return "\n".join(lines)
