"""One page's bytes -> a typed frame.

A lenient JSON reader turns ``{}`` into a row of nulls and ``true`` into a text, drops unknown
fields, and keeps one of two equal keys. Therefore every entry is checked while it is decoded, and
no key of the body is dropped without a report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import msgspec
import polars as pl
import polars.selectors as cs

from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.pages.columns import frame
from boxdocgen_explore.pages.fields import (
    AROUND,
    FULL_JOB,
    ITEM,
    JOB,
    TAG,
    TEMPLATE,
    Path,
    RecordSpec,
)
from boxdocgen_explore.text import what_is_wrong


@dataclass(frozen=True)
class ParsedPage:
    """One page, checked and typed; ``rows`` has one row per entry.

    ``next_marker`` is None at the end, ``limit`` is None if Box does not return it,
    ``unknown_fields`` has undocumented fields. ``names_previous`` is true if Box names a previous
    page.
    """

    rows: pl.DataFrame
    next_marker: str | None
    limit: int | None
    unknown_fields: list[str]
    names_previous: bool = False

    @property
    def height(self) -> int:
        return self.rows.height


Parse = Callable[[bytes], ParsedPage]


def page(body: bytes) -> ParsedPage:
    """One page of ``/docgen_batch_jobs/:batch_id``: the `jobs` columns except ``origin``.

    >>> body = b'{"entries": [{"id": "7", "batch": {"id": "1"}, "status": "failed"}]}'
    >>> page(body).rows["job_id"].to_list()
    ['7']

    Raises:
        BrokenPage: this is not what Box documents; the text names the field and the entry.
    """
    return _parse(body, JOB)


def full_page(body: bytes) -> ParsedPage:
    """One page of ``/docgen_jobs``: as `page`, and the details (times in UTC)."""
    return _parse(body, FULL_JOB)


def template_page(body: bytes) -> ParsedPage:
    """One page of ``/docgen_templates``: ``template_file_id``, ``template_name``."""
    return _parse(body, TEMPLATE)


def tag_page(body: bytes) -> ParsedPage:
    """One page of ``/docgen_templates/:id/tags``: ``tag``, ``tag_type``, ``json_paths``."""
    return _parse(body, TAG)


def item_page(body: bytes) -> ParsedPage:
    """One page of ``/folders/:id/items``: ``output_file_id``, ``type``, ``item_status`` and the
    columns of schema.DOCUMENTS but the first."""
    return _parse(body, ITEM)


def file_page(body: bytes) -> ParsedPage:
    """The answer of ``/files/:id`` as a page with one entry: columns as `item_page`."""
    try:
        msgspec.json.decode(body, type=dict)
    except (ValueError, RecursionError):
        raise BrokenPage("the body is not a file as JSON") from None
    return _parse(b'{"entries":[' + body + b"]}", ITEM)


def _parse(body: bytes, spec: RecordSpec) -> ParsedPage:
    odd = b"\\" in body and _ODD_ESCAPE.search(body) is not None
    try:
        if odd:
            json.loads(body)  # replacing its escapes could turn invalid JSON into valid JSON
            body = _ESCAPE.sub(_plain_escape, body)
        answer, unknown = _decode(body, spec)
    except msgspec.ValidationError as error:
        raise BrokenPage(what_is_wrong(str(error))) from None
    except (ValueError, RecursionError):
        start = " ".join(body[:60].decode("utf-8", "replace").split())
        raise BrokenPage(f"the body is not JSON; it begins {start!r}") from None
    rows = frame(answer.entries, spec)
    if b'""' in body:
        rows = rows.with_columns(pl.col(spec.optional_ids).replace("", None))
    _check_required(rows, spec, odd=odd)
    if odd:
        text = pl.element().str.replace_all("\0", "\ufffd", literal=True)
        rows = rows.with_columns(
            cs.string().str.replace_all("\0", "\ufffd", literal=True),
            cs.list().list.eval(text),
        )
    names = {".".join(path[-2:] if len(path) > 2 else path[-1:]) for path in unknown}
    unknown_fields = sorted(name.replace("\0", "\ufffd") for name in names)
    return ParsedPage(
        rows,
        answer.next_marker or None,  # Box ends a list with null, an empty text or no marker
        None if answer.limit is msgspec.UNSET else answer.limit,
        unknown_fields,
        bool(answer.prev_marker),
    )


def _decode(body: bytes, spec: RecordSpec) -> tuple[Any, set[Path]]:
    """The page as structs, and the paths of its undocumented fields.

    Undocumented and duplicate keys are missing from the structs, so the body has more colons than
    the structs when they are encoded again.
    """
    answer = spec.decoder.decode(body)
    colons = body.count(b":")
    if colons == msgspec.json.encode(answer).count(b":"):
        return answer, set()
    everything = msgspec.json.decode(body)
    if colons != msgspec.json.encode(everything).count(b":"):
        _raise_duplicate(body)
    return answer, _unknown(everything, spec)


def _unknown(answer: dict[str, Any], spec: RecordSpec) -> set[Path]:
    entries = [entry for entry in answer["entries"] if type(entry) is dict]
    found: set[Path] = {(name,) for name in answer.keys() - AROUND}
    found |= {("entries", name) for name in set().union(*entries) - spec.fields.keys()}
    for outer, inner in spec.fields.items():
        if inner:
            values = [value for entry in entries if type(value := entry.get(outer)) is dict]
            found |= {("entries", outer, name) for name in set().union(*values) - inner}
    return found


def _raise_duplicate(body: bytes) -> NoReturn:
    """Name the duplicate key, of which some parsers use the first value, others the last."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BrokenPage(f"the field {key!r:.40} appears twice in one object")
            seen.add(key)

    json.loads(body, object_pairs_hook=check)
    raise BrokenPage("a field appears twice in one object")


# Escapes that hide a colon; NUL, which ends a text for many readers; and lone surrogates, which are
# invalid in text and are therefore read as NUL.
_ODD_ESCAPE: Final = re.compile(rb"\\u(?:0000|003[aA]|[dD][89a-fA-F])")
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<colon>\\u003[aA])|(?P<half>\\u[dD][89a-fA-F]..)|\\.",
    re.DOTALL,
)


def _plain_escape(escape: re.Match[bytes]) -> bytes:
    return b":" if escape["colon"] else rb"\u0000" if escape["half"] else escape[0]


def _check_required(rows: pl.DataFrame, spec: RecordSpec, *, odd: bool) -> None:
    for name in spec.required:
        texts = rows[name]
        bad = texts == ""
        if odd:
            bad |= texts.str.contains("\0", literal=True)
        if bad.any():
            row = bad.arg_max() or 0
            path = ".".join(spec.columns[name].path)
            raise BrokenPage(f"{path} of entry {row + 1} should be a text, not {texts[row]!r:.40}")
