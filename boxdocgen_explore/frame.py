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
import polars.selectors as cs

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
    unknown = _unknown(entries, entry) | (answer.keys() - _AROUND)
    if b"true" in body or b"false" in body:
        _refuse_booleans(entries, entry)
    schema = {"entries": pl.List(pl.Struct(entry))}
    expressions = [expression.alias(name) for name, expression in columns.items()]
    try:
        frame = pl.read_json(body, schema=schema).explode("entries").unnest("entries")
        frame = frame.head(len(entries))  # exploding an empty list leaves one row of nulls
        rows = frame.select(expressions)
    except pl.exceptions.PolarsError as error:
        raise BrokenPage(f"a field has an unexpected type ({_first_line(error)})") from None
    for path in required:
        _hold_against(frame.select(_path(path)).to_series(), entries, path)
    if b"\\u" in body:
        rows = rows.with_columns(_REPLACE_NUL)
    return Page(rows, _marker(answer), _limit(answer), sorted(map(_printable, unknown)))


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


def _unknown(entries: list[Any], entry: _Fields) -> set[str]:
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


def _refuse_booleans(entries: list[Any], entry: _Fields) -> None:
    """polars would read ``true`` as the text "true"."""
    for number, item in enumerate(entries, start=1):
        for name in entry:
            value = item.get(name)
            inside = value.values() if isinstance(value, dict) else (value,)
            if any(isinstance(one, bool) for one in inside):
                raise BrokenPage(f"{name} of entry {number} should be a text, not {value!r:.40}")


def _hold_against(column: pl.Series, entries: list[Any], path: _Path) -> None:
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


def _path(path: _Path) -> pl.Expr:
    return pl.col(path[0]) if len(path) == 1 else _reference(path[0])


def _marker(answer: Mapping[str, Any]) -> str | None:
    """Box ends a list with null, an empty text, or no marker at all."""
    marker = answer.get("next_marker")
    if marker is not None and (not isinstance(marker, str) or marker != _printable(marker)):
        raise BrokenPage(f"next_marker should be a text, not {marker!r:.40}")
    return marker or None


def _limit(answer: Mapping[str, Any]) -> int | None:
    limit = answer.get("limit")
    if limit is None or (type(limit) is int and 0 <= limit < 2**63):
        return limit
    raise BrokenPage(f"limit should be a number, not {limit!r:.40}")


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


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
