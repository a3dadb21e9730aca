"""One page's bytes -> a typed frame.

polars reads JSON fast and quietly: ``{}`` becomes a row of nulls, ``true`` becomes the text
"true", a field nobody asked for vanishes. So each page is looked at twice, against what the API
promises and as columns: quickly where it is just what Box documents, carefully where it is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

import msgspec
import polars as pl
import polars.selectors as cs

from boxdocgen_explore.errors import BrokenPage


class Page(NamedTuple):
    """One page, typed: rows, where the next page begins (None at the end), the limit Box used
    (None where it does not say), and fields that this package does not know."""

    rows: pl.DataFrame
    next_marker: str | None
    limit: int | None
    unknown_fields: list[str]


_REFERENCE = pl.Struct({"id": pl.String})
_ENTRY: Final = {
    "id": pl.String,
    "batch": _REFERENCE,
    "status": pl.String,
    "output_type": pl.String,
    "output_file": _REFERENCE,
    "output_file_version": _REFERENCE,
    "template_file": _REFERENCE,
    "template_file_version": _REFERENCE,
    "failures": pl.Struct({"errors": pl.List(pl.String), "warnings": pl.List(pl.String)}),
    "external_id": pl.String,
}
_FULL_ENTRY: Final = {
    **_ENTRY,
    "created_at": pl.String,
    "created_by": pl.Struct({"id": pl.String, "name": pl.String, "login": pl.String}),
    "enterprise": _REFERENCE,
    "source": pl.String,
}


def _reference(name: str) -> pl.Expr:
    return pl.col(name).struct.field("id")


_COLUMNS: Final = {
    "batch_id": _reference("batch"),
    "job_id": pl.col("id"),
    "status": pl.col("status"),
    "output_type": pl.col("output_type"),
    "output_file_id": _reference("output_file"),
    "output_file_version_id": _reference("output_file_version"),
    "template_file_id": _reference("template_file"),
    "template_file_version_id": _reference("template_file_version"),
    "errors": pl.col("failures").struct.field("errors"),
    "warnings": pl.col("failures").struct.field("warnings"),
    "external_id": pl.col("external_id"),
}
_DETAIL_COLUMNS: Final = {
    "created_at": pl.col("created_at")
    .str.replace("Z$", "+00:00")
    .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC"),
    "created_by_id": _reference("created_by"),
    "created_by_name": pl.col("created_by").struct.field("name"),
    "created_by_login": pl.col("created_by").struct.field("login"),
    "enterprise_id": _reference("enterprise"),
    "source": pl.col("source"),
}


@dataclass(frozen=True)
class _Form:
    """The entries of one of Box's lists: their fields, the columns made of them, and which of
    their texts may not be missing."""

    entry: Mapping[str, Any]
    columns: Mapping[str, pl.Expr]
    required: Mapping[tuple[str, ...], str]

    @cached_property
    def documented(self) -> msgspec.json.Decoder[list[Any]]:
        """Takes entries that are just as Box documents them, and nothing else."""
        return msgspec.json.Decoder(list[_model("Entry", self.entry)])  # type: ignore[misc]


def _model(name: str, fields: Mapping[str, Any]) -> type:
    """The same fields again, for a decoder that refuses every other name and type."""
    kinds: list[Any] = [("type", _TYPES | None, None)]
    for field, dtype in fields.items():
        kind: Any = str
        if isinstance(dtype, pl.Struct):
            kind = _model(field, {inner.name: inner.dtype for inner in dtype.fields})
        elif isinstance(dtype, pl.List):
            kind = list[str]
        kinds.append((field, kind) if field in _ALWAYS else (field, kind | None, None))
    return msgspec.defstruct(name, kinds, kw_only=True, forbid_unknown_fields=True, gc=False)


_ALWAYS: Final = {"id", "batch", "status"}

# Words, not texts: the decoder then makes no text of each.
_TYPES: Any = Literal["docgen_job", "docgen_batch", "file", "file_version", "user", "enterprise"]

_JOB: Final = _Form(
    _ENTRY, _COLUMNS, {("id",): "job_id", ("status",): "status", ("batch", "id"): "batch_id"}
)
_FULL_JOB: Final = _Form(_FULL_ENTRY, {**_COLUMNS, **_DETAIL_COLUMNS}, _JOB.required)
_TEMPLATE: Final = _Form(
    {"file": _REFERENCE, "file_name": pl.String},
    {"template_file_id": _reference("file"), "template_name": pl.col("file_name")},
    {("file", "id"): "template_file_id"},
)
_TAG: Final = _Form(
    {"tag_content": pl.String, "tag_type": pl.String, "json_paths": pl.List(pl.String)},
    {
        "tag": pl.col("tag_content"),
        "tag_type": pl.col("tag_type"),
        "json_paths": pl.col("json_paths"),
    },
    {("tag_content",): "tag"},
)


def page(body: bytes) -> Page:
    """One page of ``/docgen_batch_jobs/:batch_id``: the `jobs` columns but for ``origin``.

    >>> body = b'{"entries": [{"id": "7", "batch": {"id": "1"}, "status": "failed"}]}'
    >>> page(body).rows["job_id"].to_list()
    ['7']

    Raises:
        BrokenPage: this is not what the API promises; names the field.
    """
    return _quickly(body, _JOB) or _carefully(body, _JOB)


def full_page(body: bytes) -> Page:
    """One page of ``/docgen_jobs``: as `page`, and the details (times in UTC)."""
    return _quickly(body, _FULL_JOB) or _carefully(body, _FULL_JOB)


def template_page(body: bytes) -> Page:
    """One page of ``/docgen_templates``: ``template_file_id``, ``template_name``."""
    return _carefully(body, _TEMPLATE)


def tag_page(body: bytes) -> Page:
    """One page of ``/docgen_templates/:id/tags``: ``tag``, ``tag_type``, ``json_paths``."""
    return _carefully(body, _TAG)


class _Around(msgspec.Struct, forbid_unknown_fields=True):
    """What stands around the entries."""

    entries: msgspec.Raw
    limit: int | None = None
    next_marker: str | None = None
    prev_marker: str | None = None


_around: Final = msgspec.json.Decoder(_Around)


def _quickly(body: bytes, form: _Form) -> Page | None:
    """The page, where all of it is just as Box documents it; else None, and nothing is said of it.

    One strict decoder vouches for every name and type, which leaves polars nothing to get wrong.
    """
    try:
        around = _around.decode(body)
        entries = form.documented.decode(around.entries)
        raw = bytes(around.entries)
        rows = pl.read_json(raw, schema=dict(form.entry)).select(_named(form))
    except (ValueError, RecursionError, pl.exceptions.PolarsError):
        return None
    outside = len(body) - len(raw)
    if b"\\u0000" in body or (body[:outside] + body[-outside:]).count(b'"entries"') != 1:
        return None
    for path, column in form.required.items():
        texts = pl.Series(column, map(attrgetter(".".join(path)), entries), dtype=pl.String)
        if not texts.equals(rows[column]) or (texts == "").any():
            return None
    return Page(rows, _marker(around.next_marker), _limit(around.limit), [])


def _carefully(body: bytes, form: _Form) -> Page:
    """Look at the page as plain JSON, read it as columns, and hold one against the other."""
    answer, entries = _entries(body)
    unknown = _unknown(entries, form.entry) | (answer.keys() - _AROUND)
    if b"true" in body or b"false" in body:
        _refuse_booleans(entries, form.entry)
    schema = {"entries": pl.List(pl.Struct(form.entry))}
    try:
        frame = pl.read_json(body, schema=schema).explode("entries").unnest("entries")
        frame = frame.head(len(entries))  # exploding an empty list leaves one row of nulls
        rows = frame.select(_named(form))
    except pl.exceptions.PolarsError as error:
        raise BrokenPage(f"a field has an unexpected type ({_first_line(error)})") from None
    for path, column in form.required.items():
        _hold_against(rows[column], entries, path)
    if b"\\u" in body:
        rows = rows.with_columns(_REPLACE_NUL)
    marker, limit = _marker(answer.get("next_marker")), _limit(answer.get("limit"))
    return Page(rows, marker, limit, sorted(map(_printable, unknown)))


def _named(form: _Form) -> list[pl.Expr]:
    return [expression.alias(name) for name, expression in form.columns.items()]


_AROUND: Final = frozenset({"entries", "limit", "next_marker", "prev_marker"})

# What JSON can say and Unicode cannot (half a surrogate pair) reaches polars as NUL.
_REPLACE_NUL: Final = (
    cs.string().str.replace_all("\0", "\ufffd", literal=True),
    cs.list().list.eval(pl.element().str.replace_all("\0", "\ufffd", literal=True)),
)


def _entries(body: bytes) -> tuple[dict[str, Any], list[Any]]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        start = " ".join(body[:60].decode("utf-8", "replace").split())
        raise BrokenPage(f"the body is not JSON; it begins {start!r}") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("entries"), list):
        raise BrokenPage("entries should be a list")
    return answer, answer["entries"]


def _unknown(entries: list[Any], entry: Mapping[str, Any]) -> set[str]:
    """The names of fields that nobody here knows; inner ones as ``output_file.name``."""
    for number, item in enumerate(entries, start=1):
        if type(item) is not dict:
            raise BrokenPage(f"entry {number} should be an object")
    unknown = set[str]().union(*entries) - entry.keys() - {"type"}
    for name, kind in entry.items():
        if isinstance(kind, pl.Struct):
            values = [value for item in entries if type(value := item.get(name)) is dict]
            known = {field.name for field in kind.fields} | _UNUSED.get(name, _UNUSED[""])
            unknown |= {f"{name}.{field}" for field in set[str]().union(*values) - known}
    return unknown


# Fields of Box's base objects that no column here takes.
_UNUSED: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"type"}),
    "enterprise": frozenset({"type", "name"}),
}


def _refuse_booleans(entries: list[Any], entry: Mapping[str, Any]) -> None:
    """polars would read ``true`` as the text "true"."""
    for number, item in enumerate(entries, start=1):
        for name in entry:
            value = item.get(name)
            inside = value.values() if isinstance(value, dict) else (value,)
            if any(isinstance(one, bool) for one in inside):
                raise BrokenPage(f"{name} of entry {number} should be a text, not {value!r:.40}")


def _hold_against(column: pl.Series, entries: list[Any], path: tuple[str, ...]) -> None:
    """Every entry has this text, and both parsers read the same one.

    They differ where a key comes twice in one object: then neither is believed.
    """
    values: list[Any] = entries
    for name in path:
        values = [value.get(name) if type(value) is dict else None for value in values]
    texts = [str(value) if type(value) in (str, int) else "" for value in values]
    if "" in texts:
        number = texts.index("")
        raise BrokenPage(
            f"{'.'.join(path)} of entry {number + 1} should be a text, not {values[number]!r:.40}"
        )
    if column.to_list() != texts or column.str.contains("\0", literal=True).any():
        raise BrokenPage(f"{'.'.join(path)} can be read in two ways")


def _marker(marker: object) -> str | None:
    """Box ends a list with null, an empty text, or no marker at all."""
    if marker is not None and (not isinstance(marker, str) or marker != _printable(marker)):
        raise BrokenPage(f"next_marker should be a text, not {marker!r:.40}")
    return marker or None


def _limit(limit: object) -> int | None:
    if limit is None:
        return None
    if type(limit) is int and 0 <= limit < 2**63:
        return limit
    raise BrokenPage(f"limit should be a number, not {limit!r:.40}")


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
