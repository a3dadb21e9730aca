"""The entries of Box's lists: the column of each field, and the checks of types."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, Final, Literal

import msgspec
import polars as pl
from msgspec import UNSET
from msgspec import UnsetType as Unset

from boxdocgen_explore.schema import DETAILS, DOCUMENTS, JOBS, TAGS, TEMPLATES

Path = tuple[str, ...]
"""The path of a field, such as ``("failures", "errors")``."""


@dataclass(frozen=True)
class Column:
    """A column and the path of its field in an entry."""

    path: Path
    dtype: pl.DataType


@dataclass(frozen=True, eq=False)
class RecordSpec:
    """The entries of one of Box's lists, by column.

    ``required`` has the columns that must have a text, ``types`` the documented ``type`` of an
    entry (named "") and of the objects in it.
    """

    columns: Mapping[str, Column]
    required: tuple[str, ...]
    types: Mapping[str, str]

    @cached_property
    def fields(self) -> Mapping[str, Set[str]]:
        """The documented fields of an entry, each with the documented fields in it (or none)."""
        found: dict[str, set[str]] = {"type": set()}
        for column in self.columns.values():
            outer, *inner = column.path
            found.setdefault(outer, set()).update(inner, ["type"] * len(inner))
        if "enterprise" in found:
            found["enterprise"].add("name")  # documented by Box, but not used for a column
        return found

    @cached_property
    def optional_ids(self) -> list[str]:
        """Columns of ids that may be missing."""
        ids = [name for name, column in self.columns.items() if column.path[-1] == "id"]
        return [name for name in ids if name not in self.required]

    @cached_property
    def decoder(self) -> msgspec.json.Decoder[Any]:
        """A decoder of pages that checks every documented field; other fields are ignored."""
        kinds: dict[Path, Any] = {}
        for outer, names in self.fields.items():
            paths: list[Path] = [(outer, inner) for inner in names] or [(outer,)]
            kinds |= dict.fromkeys(paths, _TEXT)
        kinds |= {column.path: _kind(column.dtype) for column in self.columns.values()}
        # An object of another type has another meaning, even if it has the same fields.
        kinds |= {
            (outer, "type") if outer else ("type",): Literal[name]
            for outer, name in self.types.items()
        }
        entry = _struct("Entry", kinds, {self.columns[name].path for name in self.required})
        page: dict[Path, Any] = {("entries",): list[entry], **_AROUND}  # type: ignore[valid-type]
        return msgspec.json.Decoder(_struct("Page", page, {("entries",)}))


_NUMBER: Any = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_AROUND: Final[Mapping[Path, Any]] = {
    ("limit",): _NUMBER,
    ("next_marker",): Annotated[str, msgspec.Meta(pattern=r"^[^\0]*\Z")],
    ("prev_marker",): str,
}
AROUND: Final = frozenset({"entries", *(path[0] for path in _AROUND)})
"""The documented fields of a page."""


_TEXT: Any = str | int
"""Ids may be numbers."""


def _kind(dtype: pl.DataType) -> Any:
    if dtype == pl.Int64:
        return _NUMBER
    # Most are empty, and an empty tuple costs the garbage collector nothing.
    return tuple[_TEXT | None, ...] if isinstance(dtype, pl.List) else _TEXT


def _struct(name: str, kinds: Mapping[Path, Any], required: Set[Path]) -> Any:
    """A struct type with these fields; only the required ones must be there."""
    fields: list[Any] = []
    for outer, group in groupby(sorted(kinds), key=itemgetter(0)):
        inner = {path[1:]: kinds[path] for path in group if path[1:]}
        needed = {path[1:] for path in required if path[0] == outer}
        kind = _struct(outer, inner, needed - {()}) if inner else kinds[outer,]
        fields.append((outer, kind) if needed else (outer, kind | None | Unset, UNSET))
    return msgspec.defstruct(name, fields, kw_only=True, gc=False)


def _columns(schema: Mapping[str, pl.DataType], **paths: str) -> dict[str, Column]:
    """The columns of a schema, by default from the fields of the same name."""
    return {
        name: Column(tuple(paths.get(name, name).split(".")), dtype)
        for name, dtype in schema.items()
    }


_JOBS: Final = _columns(
    {name: dtype for name, dtype in JOBS.items() if name != "origin"},
    batch_id="batch.id",
    job_id="id",
    output_file_id="output_file.id",
    output_file_version_id="output_file_version.id",
    template_file_id="template_file.id",
    template_file_version_id="template_file_version.id",
    errors="failures.errors",
    warnings="failures.warnings",
)
_DETAILS: Final = _columns(
    DETAILS,
    created_by_id="created_by.id",
    created_by_name="created_by.name",
    created_by_login="created_by.login",
    enterprise_id="enterprise.id",
)

JOB: Final = RecordSpec(
    _JOBS,
    required=("job_id", "status", "batch_id"),
    types={
        "": "docgen_job",
        "batch": "docgen_batch",
        **dict.fromkeys(("template_file", "output_file"), "file"),
        **dict.fromkeys(("template_file_version", "output_file_version"), "file_version"),
    },
)
FULL_JOB: Final = RecordSpec(
    {**_JOBS, **_DETAILS},
    JOB.required,
    {**JOB.types, "created_by": "user", "enterprise": "enterprise"},
)
TEMPLATE: Final = RecordSpec(
    _columns(TEMPLATES, template_file_id="file.id", template_name="file_name"),
    required=("template_file_id",),
    types={"file": "file"},
)
TAG: Final = RecordSpec(
    _columns({name: TAGS[name] for name in ("tag", "tag_type", "json_paths")}, tag="tag_content"),
    required=("tag",),
    types={},
)
ITEM: Final = RecordSpec(
    _columns(
        {
            **dict.fromkeys(("output_file_id", "type", "item_status"), pl.String()),
            **{name: DOCUMENTS[name] for name in DOCUMENTS if name != "output_file_found"},
        },
        output_file_id="id",
        output_file_name="name",
        output_file_size_bytes="size",
        output_file_sha1="sha1",
        output_file_created_at="created_at",
        output_file_folder_id="parent.id",
    ),
    required=("output_file_id", "type"),
    types={"parent": "folder"},
)
"""A file, or an item in a folder, which is not a file if it has another type."""
