"""The view as one HTML document: no network, no kernel, and the same front end as the widget."""

from __future__ import annotations

import base64
import hashlib
import secrets
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.text import replacing
from boxdocgen_explore.view import filters
from boxdocgen_explore.view.cause import main_cause
from boxdocgen_explore.view.html import fill, front_end
from boxdocgen_explore.view.payload import batch_labels, pack
from boxdocgen_explore.view.widget import module, specs


def page(
    jobs: pl.DataFrame,
    verdict: analysis.Verdict | None,
    *,
    templates: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    state: Mapping[str, Any] | None = None,
    title: str = "Box Doc Gen jobs",
    columns: Sequence[str] | None = None,
) -> str:
    """Write the view as one HTML document.

    ``jobs`` has one row per job (`schema.JOBS`); ``columns`` are those that the page contains
    (default: all). ``templates`` are names by file id, ``labels`` those of the batches (default:
    `batch_labels` of the columns); ``state`` is that of `check_state`.

    Raises:
        InvalidRequest: the state is invalid, or the jobs have no such column.
    """
    payload = pack(jobs, columns=columns)
    shown = jobs if columns is None else jobs.select(columns)
    templates = templates or {}
    return document(
        payload,
        verdict,
        main_cause(shown),
        templates=templates,
        labels=batch_labels(shown, templates) if labels is None else labels,
        state=state or {},
        title=title,
    )


def document(
    payload: bytes,
    verdict: analysis.Verdict | None,
    cause: Sequence[Sequence[str]],
    *,
    templates: Mapping[str, str],
    state: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
    template: str = "view/templates/page.html",
    style: str = "",
    script: str = "",
    **values: Any,
) -> str:
    """Fill in ``template``, which is or extends ``page.html``, around the view of some jobs.

    ``payload`` is what `pack` made of the jobs, ``cause`` what `main_cause` gave. ``style`` and
    ``script`` come after the view's own (in the script, ``mounted`` is a promise of the view);
    ``values`` are the template's, such as its ``title``. The browser runs these scripts alone,
    which the page names by their hash.

    Raises:
        InvalidRequest: the state is invalid.
    """
    script = f"{module()}\nconst mounted = mountPage(document);\n{script}"
    style = front_end("view.css") + style
    settings = {
        "verdict": verdict and verdict.as_dict(),
        "cause": cause,
        "state": filters.check_state(state),
        "templates": dict(templates),
        "batch_labels": dict(labels or {}),
        "specs": specs(),
        "notice": "",
    }
    return fill(
        template,
        settings=settings,
        payload=base64.b64encode(payload).decode(),
        style=style,
        style_hash=_sha256(style),
        script=script,
        script_hash=_sha256(script),
        **values,
    )


def open_page(text: str) -> Path:
    """Write a page to a temporary file that only its owner can read, and open it in the browser.

    Raises:
        InvalidRequest: the file cannot be written; nothing is left of it.
    """
    try:
        path = Path(tempfile.gettempdir()) / f"boxdocgen-{secrets.token_hex(8)}.html"
        with replacing(path, private=True) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"The page cannot be written: {error.strerror or error}.") from None
    webbrowser.open(path.as_uri())
    return path


def _sha256(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
