"""The view as one HTML document: no network, no kernel, and the same front end as the widget."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.view import filters
from boxdocgen_explore.view.payload import pack
from boxdocgen_explore.view.widget import module, specs

_FRONT_END: Final = Path(__file__).parent / "front_end"


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
