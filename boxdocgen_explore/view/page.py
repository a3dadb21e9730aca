"""The view as one HTML document without network or kernel, with the widget's front end."""

from __future__ import annotations

import base64
import hashlib
import secrets
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import polars as pl

from boxdocgen_explore import analysis
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.figures import batch_labels
from boxdocgen_explore.text import replacing
from boxdocgen_explore.view import filters
from boxdocgen_explore.view.cause import main_cause
from boxdocgen_explore.view.html import fill, front_end
from boxdocgen_explore.view.payload import pack
from boxdocgen_explore.view.script import module, specs

VIEW_MIME: Final = "application/vnd.boxdocgen.view+json"
"""The values of a `View`, its payload in base64, as a notebook output for `notebook_page`."""


def page(
    jobs: pl.DataFrame,
    verdict: analysis.Verdict | None,
    *,
    templates: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    state: Mapping[str, Any] | None = None,
) -> str:
    """Return the view as one HTML document.

    ``jobs`` has one row per job (`schema.JOBS`); some columns are optional. ``templates`` has names
    by file id, ``labels`` those of the batches (default: `batch_labels`); ``state`` is that of
    `check_state`.

    Raises:
        InvalidRequest: the state is invalid.
    """
    templates = templates or {}
    return document(
        pack(jobs),
        verdict,
        main_cause(jobs),
        templates=templates,
        labels=batch_labels(jobs, templates) if labels is None else labels,
        state=state or {},
        title="Box Doc Gen jobs",
    )


def notebook_page(body: str, views: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return a notebook as one HTML document with live views.

    ``body`` is the HTML of the page. The element with the id ``boxdocgen-view-N`` gets the view of
    ``views[N]`` (`VIEW_MIME`).
    """
    return _fill_page(
        "view/templates/notebook.html",
        front_end("notebook.css"),
        front_end("notebook.js") if views else "",
        body=body,
        data={"specs": specs(), "views": views},
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
    """Fill in ``template`` (``page.html``, or one that extends it) around the view of jobs.

    ``payload`` comes from `pack`, ``cause`` from `main_cause`. ``style`` and ``script`` follow
    the view's own (in the script, ``mounted`` is a promise of the view). ``values`` are for the
    template, such as its ``title``. The browser runs only these scripts, which the page allows by
    hash.

    Raises:
        InvalidRequest: the state is invalid.
    """
    settings = {
        "verdict": verdict and verdict.as_dict(),
        "cause": cause,
        "state": filters.check_state(state),
        "templates": dict(templates),
        "batch_labels": dict(labels or {}),
        "specs": specs(),
    }
    return _fill_page(
        template,
        style,
        f"const mounted = mountPage(document);\n{script}",
        settings=settings,
        payload=base64.b64encode(payload).decode(),
        **values,
    )


def _fill_page(template: str, style: str, script: str, **values: Any) -> str:
    style = front_end("view.css") + style
    script = script and f"{module()}\n{script}"
    hashes = {"style_hash": _sha256(style), "script_hash": _sha256(script)}
    return fill(template, style=style, script=script, **hashes, **values)


def open_page(text: str) -> Path:
    """Write a page to a private temporary file, and open it in the browser.

    Pages that are a day older are deleted, because they have personal data.

    Raises:
        InvalidRequest: the file cannot be written; no part of it is left.
    """
    try:
        path = Path(tempfile.gettempdir()) / f"boxdocgen-{secrets.token_hex(8)}.html"
        with replacing(path, private=True) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"The page cannot be written: {error.strerror or error}.") from None
    _delete_older(path)
    webbrowser.open(path.as_uri())
    return path


def _delete_older(page: Path) -> None:
    """Delete pages that the same user opened more than a day before this one."""
    for path in page.parent.glob(f"boxdocgen-{'[0-9a-f]' * 16}.html"):
        with suppress(OSError):
            old, new = path.lstat(), page.stat()
            # Only those of the same user, because root could delete those of others, too.
            if old.st_uid == new.st_uid and new.st_mtime - old.st_mtime > 86_400:
                path.unlink()


def _sha256(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
