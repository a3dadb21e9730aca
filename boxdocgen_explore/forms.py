"""The entries of Box's lists: their fields, spelled once, for the columns and for the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import msgspec
import polars as pl
from msgspec import UNSET
from msgspec import UnsetType as Unset

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
class Form:
    """The entries of one of Box's lists: their fields, the columns made of them, and which of
    their texts may not be missing."""

    entry: Mapping[str, Any]
    columns: Mapping[str, pl.Expr]
    required: Mapping[tuple[str, ...], str]
    times: bool = False
    """Whether a text becomes a time, which not every text can."""

    @cached_property
    def named(self) -> list[pl.Expr]:
        """The columns, each under its name."""
        return [expression.alias(name) for name, expression in self.columns.items()]

    @cached_property
    def documented(self) -> msgspec.json.Decoder[list[Any]]:
        """Takes entries that are just as Box documents them, and nothing else."""
        return msgspec.json.Decoder(list[_model("Entry", self.entry)])  # type: ignore[misc]


def _model(name: str, fields: Mapping[str, Any]) -> type:
    """The same fields again, for a decoder that refuses every other name and type."""
    kinds: list[Any] = [("type", _TYPES | None | Unset, UNSET)]
    for field, dtype in fields.items():
        kind: Any = str
        if isinstance(dtype, pl.Struct):
            kind = _model(field, {inner.name: inner.dtype for inner in dtype.fields})
        elif isinstance(dtype, pl.List):
            kind = tuple[str, ...]  # most are empty, and an empty tuple costs the collector nothing
        kinds.append((field, kind) if field in _ALWAYS else (field, kind | None | Unset, UNSET))
    return msgspec.defstruct(name, kinds, kw_only=True, forbid_unknown_fields=True, gc=False)


_ALWAYS: Final = {"id", "batch", "status"}

# Words, not texts: the decoder then makes no text of each.
_TYPES: Any = Literal["docgen_job", "docgen_batch", "file", "file_version", "user", "enterprise"]

JOB: Final = Form(
    _ENTRY, _COLUMNS, {("id",): "job_id", ("status",): "status", ("batch", "id"): "batch_id"}
)
FULL_JOB: Final = Form(_FULL_ENTRY, {**_COLUMNS, **_DETAIL_COLUMNS}, JOB.required, times=True)
TEMPLATE: Final = Form(
    {"file": _REFERENCE, "file_name": pl.String},
    {"template_file_id": _reference("file"), "template_name": pl.col("file_name")},
    {("file", "id"): "template_file_id"},
)
TAG: Final = Form(
    {"tag_content": pl.String, "tag_type": pl.String, "json_paths": pl.List(pl.String)},
    {
        "tag": pl.col("tag_content"),
        "tag_type": pl.col("tag_type"),
        "json_paths": pl.col("json_paths"),
    },
    {("tag_content",): "tag"},
)
