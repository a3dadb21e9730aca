"""One page's bytes -> a typed frame.

A reader of JSON that is fast and quiet makes a row of nulls of ``{}``, a text of ``true``, and
drops a field that nobody asked for. So every entry is held against what the API promises: quickly
where the page is just what Box documents, carefully where it is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final

import msgspec
import polars as pl
from msgspec import UNSET

from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.pages.columns import frame
from boxdocgen_explore.pages.fields import ALWAYS, FULL_JOB, JOB, TAG, TEMPLATE, Column, Form, Path


@dataclass(frozen=True)
class Page:
    """One page, checked and typed; ``rows`` has one row per entry.

    ``next_marker`` is None at the end, ``limit`` where Box does not say which it used;
    ``unknown_fields`` are those that this package does not know. ``texts`` has the required
    texts of each entry, by column.
    """

    rows: pl.DataFrame
    next_marker: str | None
    limit: int | None
    unknown_fields: list[str]
    texts: Mapping[str, list[str]]

    @property
    def height(self) -> int:
        return self.rows.height

    def without_texts(self) -> Page:
        """The same without the texts: for a million entries they would take more than the rows."""
        return replace(self, texts={})


def page(body: bytes) -> Page:
    """One page of ``/docgen_batch_jobs/:batch_id``: the `jobs` columns but for ``origin``.

    >>> body = b'{"entries": [{"id": "7", "batch": {"id": "1"}, "status": "failed"}]}'
    >>> page(body).rows["job_id"].to_list()
    ['7']

    Raises:
        BrokenPage: this is not what the API promises; names the field.
    """
    return _quickly(body, JOB) or _carefully(body, JOB)


def full_page(body: bytes) -> Page:
    """One page of ``/docgen_jobs``: as `page`, and the details (times in UTC)."""
    return _quickly(body, FULL_JOB) or _carefully(body, FULL_JOB)


def template_page(body: bytes) -> Page:
    """One page of ``/docgen_templates``: ``template_file_id``, ``template_name``."""
    return _carefully(body, TEMPLATE)


def tag_page(body: bytes) -> Page:
    """One page of ``/docgen_templates/:id/tags``: ``tag``, ``tag_type``, ``json_paths``."""
    return _carefully(body, TAG)


# --- quickly -------------------------------------------------------------------------------------


class _Around(msgspec.Struct, forbid_unknown_fields=True):
    """What stands around the entries."""

    entries: tuple[()]
    limit: int | None = None
    next_marker: str | None = None
    prev_marker: str | None = None


_around: Final = msgspec.json.Decoder(_Around)


def _quickly(body: bytes, form: Form) -> Page | None:
    """The page, where all of it is just as Box documents it; else None, and nothing is said of it.

    One strict decoder vouches for every name and type; what it does not see is a key that comes
    twice, and what no text may hold.
    """
    start, end = body.find(b"["), body.rfind(b"]") + 1
    raw = body[start:end]
    try:
        # Only if these two are the brackets around the entries is the rest a page without any.
        around = _around.decode(body[:start] + b"[]" + body[end:])
        entries = form.documented.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if _a_key_comes_twice(raw, msgspec.json.encode(entries)) or _MAYBE_NUL.search(body):
        return None
    values = _values(entries, form)
    texts = {name: values[name] for name in form.required}
    if any("" in one for one in texts.values()):
        return None
    try:
        rows = frame(values, form)
    except BrokenPage:
        return None
    return Page(rows, _marker(around.next_marker), _limit(around.limit), [], texts)


def _a_key_comes_twice(raw: bytes, encoded: bytes) -> bool:
    """Whether there is, or may be, more in the entries than in what was made of them.

    Written as tersely as here, they are as long; else they have as many keys, where no blank
    stands before a colon.
    """
    if len(raw) == len(encoded):
        return False
    return raw.count(b'":') != encoded.count(b'":') or bool(re.search(rb'"\s+:', raw))


_MAYBE_NUL: Final = re.compile(rb"\\u0000")


def _values(entries: Sequence[Any], form: Form) -> dict[str, list[Any]]:
    """The values of each column, from entries as the decoder makes them."""
    return {name: _column(entries, column.path) for name, column in form.columns.items()}


def _column(entries: Sequence[Any], path: Path) -> list[Any]:
    if ALWAYS.issuperset(path):
        return list(map(attrgetter(".".join(path)), entries))
    values: Iterable[Any] = map(attrgetter(path[0]), entries)
    if path[1:] == ("id",):
        return [value.id if value else None for value in values]
    if path[1:]:
        inner = attrgetter(".".join(path[1:]))
        values = (inner(value) if value else None for value in values)
    return [None if value is UNSET else value for value in values]


# --- carefully -----------------------------------------------------------------------------------


def _carefully(body: bytes, form: Form) -> Page:
    """The same from plain JSON, value after value."""
    answer = _answer(body)
    entries = answer["entries"]
    unknown = _unknown(entries, form) | (answer.keys() - set(_Around.__struct_fields__))
    values = {
        name: [_value(entry, column, number) for number, entry in enumerate(entries, start=1)]
        for name, column in form.columns.items()
    }
    for name in form.required:
        _hold(values[name], form.columns[name].path)
    values = {name: [_held(value) for value in column] for name, column in values.items()}
    texts = {name: values[name] for name in form.required}
    marker, limit = _marker(answer.get("next_marker")), _limit(answer.get("limit"))
    unknown_fields = sorted(map(_printable, unknown))
    return Page(frame(values, form), marker, limit, unknown_fields, texts)


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body.decode("utf-8"), object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        start = " ".join(body[:60].decode("utf-8", "replace").split())
        raise BrokenPage(f"the body is not JSON; it begins {start!r}") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("entries"), list):
        raise BrokenPage("entries should be a list")
    return answer


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What one parser reads and another does not is believed of neither."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BrokenPage(f"{_printable(twice)} comes twice, and can be read in two ways")
    return found


def _unknown(entries: list[Any], form: Form) -> set[str]:
    """The names of fields that nobody here knows; inner ones as ``output_file.name``."""
    for number, item in enumerate(entries, start=1):
        if type(item) is not dict:
            raise BrokenPage(f"entry {number} should be an object")
    unknown = set[str]().union(*entries) - form.fields.keys() - {"type"}
    for name, inner in form.fields.items():
        if inner:
            values = [value for item in entries if type(value := item.get(name)) is dict]
            known = inner | _UNUSED.get(name, _UNUSED[""])
            unknown |= {f"{name}.{field}" for field in set[str]().union(*values) - known}
    return unknown


# Fields of Box's base objects that no column here takes.
_UNUSED: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"type"}),
    "enterprise": frozenset({"type", "name"}),
}


def _value(entry: dict[str, Any], column: Column, number: int) -> Any:
    """What an entry has for a column: a text, texts, or None."""
    value: Any = entry
    path = column.path
    for name in path:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _unexpected(path, number)
        value = value.get(name)
    if value is None or not isinstance(column.dtype, pl.List):
        return _text(value, path, number)
    if not isinstance(value, list):
        raise _unexpected(path, number)
    return [_text(one, path, number) for one in value]


def _text(value: Any, path: Path, number: int) -> str | None:
    """Ids may be numbers; nothing else that is no text may be taken for one."""
    if value is None or type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, dict | list):
        raise _unexpected(path, number)
    raise BrokenPage(f"{path[0]} of entry {number} should be a text, not {value!r:.40}")


def _unexpected(path: Path, number: int) -> BrokenPage:
    return BrokenPage(f"a field has an unexpected type ({'.'.join(path)} of entry {number})")


def _hold(values: list[Any], path: Path) -> None:
    """Every entry has this text, and none of what no text can hold is in it."""
    for number, value in enumerate(values, start=1):
        if not value or _UNHELD.search(value):
            raise BrokenPage(
                f"{'.'.join(path)} of entry {number} should be a text, not {value!r:.40}"
            )


# Half a surrogate pair, and NUL, which many a reader takes for the text's end.
_UNHELD: Final = re.compile("[\0\ud800-\udfff]")


def _held(value: Any) -> Any:
    if isinstance(value, list):
        return [_held(one) for one in value]
    return value and _UNHELD.sub("\ufffd", value)


# --- both ----------------------------------------------------------------------------------------


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
