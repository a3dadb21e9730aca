"""One page's bytes -> a typed frame; pages -> frames.

polars reads JSON fast and quietly: ``{}`` becomes a row of nulls, ``true`` becomes the text
"true", a field nobody asked for vanishes. So each page is looked at twice: once as plain JSON,
against what the API promises, and once as columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import polars as pl

from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.schema import BATCHES, DETAILS, JOBS, STATUSES, TAGS, TEMPLATES


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


def _text(messages: pl.Expr) -> pl.Expr:
    # What JSON cannot say in Unicode (half a surrogate pair) reaches polars as NUL.
    return messages.list.eval(pl.element().str.replace_all("\0", "\ufffd", literal=True))


_COLUMNS: Final = {
    "batch_id": _reference("batch"),
    "job_id": pl.col("id"),
    "status": pl.col("status"),
    "output_type": pl.col("output_type"),
    "output_file_id": _reference("output_file"),
    "output_file_version_id": _reference("output_file_version"),
    "template_file_id": _reference("template_file"),
    "template_file_version_id": _reference("template_file_version"),
    "errors": _text(pl.col("failures").struct.field("errors")),
    "warnings": _text(pl.col("failures").struct.field("warnings")),
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


def page(body: bytes) -> Page:
    """One page of ``/docgen_batch_jobs/:batch_id``: the `jobs` columns but for ``origin``.

    >>> body = b'{"entries": [{"id": "7", "batch": {"id": "1"}, "status": "failed"}]}'
    >>> page(body).rows["job_id"].to_list()
    ['7']

    Raises:
        BrokenPage: this is not what the API promises; names the field.
    """
    return _page(body, _ENTRY, _COLUMNS, required=(("id",), ("status",), ("batch", "id")))


def full_page(body: bytes) -> Page:
    """One page of ``/docgen_jobs``: as `page`, and the details (times in UTC)."""
    columns = {**_COLUMNS, **_DETAIL_COLUMNS}
    return _page(body, _FULL_ENTRY, columns, required=(("id",), ("status",), ("batch", "id")))


def template_page(body: bytes) -> Page:
    """One page of ``/docgen_templates``: ``template_file_id``, ``template_name``."""
    entry = {"file": _REFERENCE, "file_name": pl.String}
    columns = {"template_file_id": _reference("file"), "template_name": pl.col("file_name")}
    return _page(body, entry, columns, required=(("file", "id"),))


def tag_page(body: bytes) -> Page:
    """One page of ``/docgen_templates/:id/tags``: ``tag``, ``tag_type``, ``json_paths``."""
    entry = {"tag_content": pl.String, "tag_type": pl.String, "json_paths": pl.List(pl.String)}
    columns = {
        "tag": pl.col("tag_content"),
        "tag_type": pl.col("tag_type"),
        "json_paths": pl.col("json_paths"),
    }
    return _page(body, entry, columns, required=(("tag_content",),))


_Fields = Mapping[str, Any]
_Path = tuple[str, ...]


def _page(
    body: bytes,
    entry: _Fields,
    columns: Mapping[str, pl.Expr],
    required: tuple[_Path, ...],
) -> Page:
    """Look at the page as plain JSON, read it as columns, and hold one against the other."""
    answer, entries = _entries(body)
    unknown = _check(entries, entry, required)
    next_marker, limit = _marker(answer), answer.get("limit")
    if isinstance(limit, bool) or not (limit is None or isinstance(limit, int)):
        raise BrokenPage(f"limit should be a number, not {limit!r:.40}")
    unknown |= answer.keys() - {"entries", "limit", "next_marker", "prev_marker"}
    schema = {"entries": pl.List(pl.Struct(entry))}
    expressions = [expression.alias(name) for name, expression in columns.items()]
    try:
        frame = pl.read_json(body, schema=schema).explode("entries").unnest("entries")
        rows = frame.head(len(entries)).select(expressions)
    except pl.exceptions.PolarsError as error:
        raise BrokenPage(f"a field has an unexpected type ({_first_line(error)})") from None
    # Two parsers may disagree (a key that comes twice in one object): then neither is believed.
    first = required[0]
    ids = frame.head(len(entries)).select(_path(first)).to_series()
    if ids.to_list() != [str(_at(item, first)) for item in entries]:
        raise BrokenPage(f"{'.'.join(first)} can be read in two ways")
    return Page(rows, next_marker, limit, sorted(unknown))


def _entries(body: bytes) -> tuple[dict[str, Any], list[Any]]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        start = " ".join(body[:60].decode("utf-8", "replace").split())
        raise BrokenPage(f"the body is not JSON; it begins {start!r}") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("entries"), list):
        raise BrokenPage("entries should be a list")
    return answer, answer["entries"]


def _check(entries: list[Any], entry: _Fields, required: tuple[_Path, ...]) -> set[str]:
    """Every entry has its required texts; the names of fields that nobody here knows."""
    fields: set[str] = set()
    inner: dict[str, set[str]] = {name: set() for name in entry}
    for number, item in enumerate(entries, start=1):
        if not isinstance(item, dict):
            raise BrokenPage(f"entry {number} should be an object")
        fields.update(item)
        for name, value in item.items():
            if type(value) is dict and name in inner:
                inner[name].update(value)
        for path in required:
            value = _at(item, path)
            # bool is an int to Python and "true" to polars; to Box it is no id
            if type(value) not in (str, int) or value == "" or "\0" in str(value):
                raise BrokenPage(
                    f"{'.'.join(path)} of entry {number} should be a text, not {value!r:.40}"
                )
    unknown = fields - entry.keys() - {"type"}
    for name, names in inner.items():
        known = {field.name for field in getattr(entry[name], "fields", ())}
        unknown |= {f"{name}.{field}" for field in names - known - _UNUSED.get(name, _UNUSED[""])}
    return unknown


# Fields of Box's base objects that no column here takes.
_UNUSED: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"type"}),
    "enterprise": frozenset({"type", "name"}),
}


def _at(item: Mapping[str, Any], path: _Path) -> Any:
    value: Any = item
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _path(path: _Path) -> pl.Expr:
    return pl.col(path[0]) if len(path) == 1 else _reference(path[0])


def _marker(answer: Mapping[str, Any]) -> str | None:
    """Box ends a list with null, an empty text, or no marker at all."""
    marker = answer.get("next_marker")
    if marker is not None and not isinstance(marker, str):
        raise BrokenPage(f"next_marker should be a text, not {marker!r:.40}")
    return marker or None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]


def jobs(pages: Iterable[pl.DataFrame], origin: str) -> pl.DataFrame:
    """Pages in order -> one `jobs` frame (schema.JOBS), with where it came from."""
    rows = pl.concat([_empty({n: t for n, t in JOBS.items() if n != "origin"}), *pages])
    return rows.with_columns(pl.lit(origin).alias("origin")).cast(dict(JOBS))  # type: ignore[arg-type]


def with_details(jobs: pl.DataFrame, full: pl.DataFrame) -> pl.DataFrame:
    """`jobs` with the detail columns (schema.DETAILS), joined on the job id; null where absent."""
    return jobs.join(
        full.select("job_id", *DETAILS).unique("job_id"),
        on="job_id",
        how="left",
        maintain_order="left",
    )


def full_jobs(pages: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Pages of ``/docgen_jobs`` -> one row per job; a job that moved between pages comes once."""
    schema = {n: t for n, t in {**JOBS, **DETAILS}.items() if n != "origin"}
    return pl.concat([_empty(schema), *pages]).unique("job_id", keep="last", maintain_order=True)


def batches(full: pl.DataFrame) -> pl.DataFrame:
    """One row per batch (schema.BATCHES), the newest first, from the rows of `full_jobs`."""
    status = pl.col("status")
    counts = [(status == known).sum().cast(pl.Int64).alias(known) for known in STATUSES]
    return (
        full.group_by("batch_id")
        .agg(
            pl.len().cast(pl.Int64).alias("jobs"),
            *counts,
            (~status.is_in(STATUSES)).sum().cast(pl.Int64).alias("other"),
            pl.col("template_file_id").drop_nulls().unique().sort().alias("template_file_ids"),
            pl.col("output_type").drop_nulls().unique().sort().alias("output_types"),
            pl.col("created_at").min().alias("first_created_at"),
            pl.col("created_at").max().alias("last_created_at"),
        )
        .sort("last_created_at", "batch_id", descending=True, nulls_last=True)
        .select(*BATCHES)
    )


def templates(pages: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One row per template (schema.TEMPLATES), by name."""
    return pl.concat([_empty(TEMPLATES), *pages]).unique("template_file_id").sort("template_name")


def tags(pages: Iterable[pl.DataFrame], template_id: str, version_id: str | None) -> pl.DataFrame:
    """One row per tag of one template version (schema.TAGS)."""
    rows = pl.concat([_empty({n: TAGS[n] for n in ("tag", "tag_type", "json_paths")}), *pages])
    return rows.select(
        pl.lit(template_id).alias("template_file_id"),
        pl.lit(version_id, dtype=pl.String).alias("template_file_version_id"),
        pl.all(),
    )


def _empty(schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(schema))
