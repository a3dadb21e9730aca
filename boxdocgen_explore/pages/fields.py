"""The entries of Box's lists: which field becomes which column, spelled once for all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import msgspec
import polars as pl
from msgspec import UNSET
from msgspec import UnsetType as Unset

from boxdocgen_explore.schema import DETAILS, JOBS, TAGS, TEMPLATES

Path = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column, and the field of an entry that it is made of."""

    path: Path
    dtype: pl.DataType


@dataclass(frozen=True)
class Form:
    """The entries of one of Box's lists, by column; ``required`` names those whose text may not
    be missing."""

    columns: Mapping[str, Column]
    required: tuple[str, ...]

    @cached_property
    def fields(self) -> Mapping[str, frozenset[str]]:
        """The fields of an entry that become columns, each with those in it (or none)."""
        found: dict[str, set[str]] = {}
        for column in self.columns.values():
            found.setdefault(column.path[0], set()).update(column.path[1:])
        return {name: frozenset(inner) for name, inner in found.items()}

    @cached_property
    def documented(self) -> msgspec.json.Decoder[list[Any]]:
        """Takes entries that are just as Box documents them, and nothing else."""
        kinds = {column.path: _kind(column.dtype) for column in self.columns.values()}
        whole = {
            name: _model(name, {one: kinds[name, one] for one in inner}) if inner else kinds[name,]
            for name, inner in self.fields.items()
        }
        return msgspec.json.Decoder(list[_model("Entry", whole)])  # type: ignore[misc]


def _kind(dtype: pl.DataType) -> Any:
    # Most lists are empty, and an empty tuple costs the garbage collector nothing.
    return tuple[str, ...] if isinstance(dtype, pl.List) else str


def _model(name: str, fields: Mapping[str, Any]) -> type:
    kinds: list[Any] = [("type", _TYPES | None | Unset, UNSET)]
    for field, kind in fields.items():
        kinds.append((field, kind) if field in ALWAYS else (field, kind | None | Unset, UNSET))
    return msgspec.defstruct(name, kinds, kw_only=True, forbid_unknown_fields=True, gc=False)


ALWAYS: Final = frozenset({"id", "batch", "status"})
"""Fields that are never missing where Box documents them."""

# Words, not texts: the decoder then makes no text of each.
_TYPES: Any = Literal["docgen_job", "docgen_batch", "file", "file_version", "user", "enterprise"]


def _columns(schema: Mapping[str, pl.DataType], **paths: str) -> dict[str, Column]:
    """The columns of a schema; where no path is given, a field of the same name."""
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

JOB: Final = Form(_JOBS, required=("job_id", "status", "batch_id"))
FULL_JOB: Final = Form({**_JOBS, **_DETAILS}, JOB.required)
TEMPLATE: Final = Form(
    _columns(TEMPLATES, template_file_id="file.id", template_name="file_name"),
    required=("template_file_id",),
)
TAG: Final = Form(
    _columns({name: TAGS[name] for name in ("tag", "tag_type", "json_paths")}, tag="tag_content"),
    required=("tag",),
)
