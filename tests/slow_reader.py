"""A simple and slow reference reader of pages, with which the parser must agree."""

from __future__ import annotations

import json
import re
from typing import Any

from boxdocgen_explore.schema import JOBS

INNER = {
    "batch": ["id"],
    "template_file": ["id"],
    "template_file_version": ["id"],
    "output_file": ["id"],
    "output_file_version": ["id"],
    "failures": ["errors", "warnings"],
}
TYPES = {
    "batch": "docgen_batch",
    "template_file": "file",
    "template_file_version": "file_version",
    "output_file": "file",
    "output_file_version": "file_version",
}
COLUMNS = {
    "batch_id": "batch.id",
    "job_id": "id",
    "output_file_id": "output_file.id",
    "output_file_version_id": "output_file_version.id",
    "template_file_id": "template_file.id",
    "template_file_version_id": "template_file_version.id",
    "errors": "failures.errors",
    "warnings": "failures.warnings",
}


class Refused(Exception):
    """Refused by the reference reader."""


def need(condition: object) -> None:
    if not condition:
        raise Refused


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {re.sub("[\0\ud800-\udfff]", "\ufffd", key): value for key, value in pairs}
    need(len(found) == len(pairs))
    return found


def as_text(value: Any) -> str | None:
    need(value is None or type(value) in (str, int))
    return None if value is None else str(value)


def as_texts(value: Any) -> list[str | None] | None:
    need(value is None or type(value) is list)
    return value and [as_text(one) for one in value]


def as_object(value: Any) -> dict[str, Any]:
    need(value is None or type(value) is dict)
    return value or {}


def visible(value: Any) -> Any:
    if isinstance(value, list):
        return [visible(one) for one in value]
    return value and re.sub("[\0\ud800-\udfff]", "\ufffd", value)


def reference(page: bytes) -> tuple[list[dict[str, Any]], str | None, int | None, list[str]]:
    """The same rules as the parser's, one value after another."""
    answer = json.loads(page.decode(), object_pairs_hook=once, parse_constant=as_object)
    need(type(answer) is dict and type(answer.get("entries")) is list)
    unknown = answer.keys() - {"entries", "limit", "next_marker", "prev_marker"}
    rows = []
    for entry in answer["entries"]:
        need(type(entry) is dict)
        need(entry.get("type") in (None, "docgen_job"))
        flat: dict[str, Any] = {"type": None}
        for name in ("id", "status", "output_type", "external_id"):
            flat[name] = as_text(entry.get(name))
        for name, inner in INNER.items():
            value = as_object(entry.get(name))
            kind = as_text(value.get("type"))
            need(name not in TYPES or kind in (None, TYPES[name]))
            unknown |= {f"{name}.{one}" for one in value.keys() - {"type", *inner}}
            for one in inner:
                convert = as_texts if name == "failures" else as_text
                flat[f"{name}.{one}"] = convert(value.get(one))
        unknown |= entry.keys() - flat.keys() - INNER.keys()
        for name in ("id", "status", "batch.id"):
            need(flat[name] and flat[name] == visible(flat[name]))
        # An empty id is a missing one.
        flat |= {name: value or None for name, value in flat.items() if name.endswith(".id")}
        columns = [name for name in JOBS if name != "origin"]
        rows.append({name: visible(flat[COLUMNS.get(name, name)]) for name in columns})
    marker, limit = answer.get("next_marker"), answer.get("limit")
    for text in (marker, answer.get("prev_marker")):
        need(text is None or type(text) is str)
    need(marker is None or marker == visible(marker))
    need(limit is None or (type(limit) is int and 0 <= limit < 2**63))
    return rows, marker or None, limit, sorted(unknown)
