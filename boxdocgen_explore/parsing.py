"""One page's bytes -> a typed frame.

polars reads JSON fast and quietly: ``{}`` becomes a row of nulls, ``true`` becomes the text
"true", a field nobody asked for vanishes. So each page is looked at twice, against what the API
promises and as columns: quickly where it is just what Box documents, carefully where it is not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Any, Final

import msgspec
import polars as pl
import polars.selectors as cs

from boxdocgen_explore.errors import BrokenPage
from boxdocgen_explore.forms import FULL_JOB, JOB, TAG, TEMPLATE, Form


@dataclass(frozen=True)
class Page:
    """One page, checked and typed.

    ``next_marker`` is None at the end, ``limit`` where Box does not say which it used;
    ``unknown_fields`` are those that this package does not know. ``texts`` has the required texts
    of each of the ``height`` entries, by column. What ``made`` gives is made beside whatever else
    is done: rows and digest wait for it.
    """

    next_marker: str | None
    limit: int | None
    unknown_fields: list[str]
    height: int
    texts: Mapping[str, list[str]]
    made: Callable[[], tuple[pl.DataFrame, str]]

    def without_texts(self) -> Page:
        """The same without the texts: for a million entries they would take more than the rows."""
        return replace(self, texts={})

    @property
    def rows(self) -> pl.DataFrame:
        """One row per entry."""
        return self.made()[0]

    @property
    def sha256(self) -> str:
        """The body's digest."""
        return self.made()[1]


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


class _Around(msgspec.Struct, forbid_unknown_fields=True):
    """What stands around the entries."""

    entries: tuple[()]
    limit: int | None = None
    next_marker: str | None = None
    prev_marker: str | None = None


_around: Final = msgspec.json.Decoder(_Around)


@cache
def _framing() -> ThreadPoolExecutor:
    """Makes frames while the next page is on its way; polars needs Python for none of it."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="boxdocgen-frame")


def _quickly(body: bytes, form: Form) -> Page | None:
    """The page, where all of it is just as Box documents it; else None, and nothing is said of it.

    One strict decoder vouches for every name and type, which leaves polars nothing to get wrong
    but a key that comes twice. So the frame can be made later, beside whatever is done next.
    """
    start, end = body.find(b"["), body.rfind(b"]") + 1
    raw = body[start:end]
    try:
        # Only if these two are the brackets around the entries is the rest a page without any.
        around = _around.decode(body[:start] + b"[]" + body[end:])
        entries = form.documented.decode(raw)
    except (ValueError, RecursionError):
        return None
    texts = {
        column: list(map(attrgetter(".".join(path)), entries))
        for path, column in form.required.items()
    }
    if any("" in one or "\0" in "".join(one) for one in texts.values()):
        return None
    if _a_key_comes_twice(raw, msgspec.json.encode(entries)):
        return None

    def made(_entries: object = entries) -> tuple[pl.DataFrame, str]:
        """In its default it takes the entries along, which take their time to be thrown away."""
        rows = pl.read_json(raw, schema=dict(form.entry)).select(form.named)
        return _without_nul(rows, raw), hashlib.sha256(body).hexdigest()

    beside = _framing().submit(made).result
    if form.times and not _can_be_told(lambda: beside()[0]):
        return None
    marker, limit = _marker(around.next_marker), _limit(around.limit)
    return Page(marker, limit, [], len(entries), texts, beside)


def _a_key_comes_twice(raw: bytes, encoded: bytes) -> bool:
    """Whether there is, or may be, more in the entries than in what was made of them.

    Written as tersely as here, they are as long; else they have as many keys, where no blank
    stands before a colon.
    """
    if len(raw) == len(encoded):
        return False
    return raw.count(b'":') != encoded.count(b'":') or bool(re.search(rb'"\s+:', raw))


def _can_be_told(frame: Callable[[], pl.DataFrame]) -> bool:
    """Whether all times are times, of years that Python knows, too."""
    try:
        years = frame()["created_at"].dt.year().drop_nulls()
    except pl.exceptions.PolarsError:
        return False
    return bool(years.is_between(1, 9999).all())


def _carefully(body: bytes, form: Form) -> Page:
    """Look at the page as plain JSON, read it as columns, and hold one against the other."""
    answer, entries = _entries(body)
    unknown = _unknown(entries, form.entry) | (answer.keys() - _AROUND)
    _refuse_other_values(entries, form.entry)
    schema = {"entries": pl.List(pl.Struct(form.entry))}
    try:
        frame = pl.read_json(body, schema=schema).explode("entries").unnest("entries")
        frame = frame.head(len(entries))  # exploding an empty list leaves one row of nulls
        rows = frame.select(form.named)
    except pl.exceptions.PolarsError as error:
        raise BrokenPage(f"a field has an unexpected type ({_first_line(error)})") from None
    if form.times and not _can_be_told(lambda: rows):
        raise BrokenPage("created_at should be a time of the years 1 to 9999")
    texts = {
        column: _hold_against(rows[column], entries, path) for path, column in form.required.items()
    }
    made = _without_nul(rows, body), hashlib.sha256(body).hexdigest()
    marker, limit = _marker(answer.get("next_marker")), _limit(answer.get("limit"))
    unknown_fields = sorted(map(_printable, unknown))
    return Page(marker, limit, unknown_fields, len(entries), texts, lambda: made)


_AROUND: Final = frozenset({"entries", "limit", "next_marker", "prev_marker"})


def _without_nul(rows: pl.DataFrame, body: bytes) -> pl.DataFrame:
    """What JSON can say and Unicode cannot (half a surrogate pair) reaches polars as NUL."""
    if b"\\" not in body or b"\\u" not in body:
        return rows
    return rows.with_columns(
        cs.string().str.replace_all("\0", "\ufffd", literal=True),
        cs.list().list.eval(pl.element().str.replace_all("\0", "\ufffd", literal=True)),
    )


def _entries(body: bytes) -> tuple[dict[str, Any], list[Any]]:
    try:
        answer = json.loads(body, object_pairs_hook=_each_key_once)
    except (ValueError, RecursionError):
        start = " ".join(body[:60].decode("utf-8", "replace").split())
        raise BrokenPage(f"the body is not JSON; it begins {start!r}") from None
    if not isinstance(answer, dict) or not isinstance(answer.get("entries"), list):
        raise BrokenPage("entries should be a list")
    return answer, answer["entries"]


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What one parser reads and another does not is believed of neither."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BrokenPage(f"{_printable(twice)} comes twice, and can be read in two ways")
    return found


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


def _refuse_other_values(entries: list[Any], entry: Mapping[str, Any]) -> None:
    """polars would read ``true`` as the text "true", 1.10 as "1.1", and a long number roundly."""
    for number, item in enumerate(entries, start=1):
        for name in entry:
            for value in _innermost(item.get(name)):
                whole = type(value) is int and -(2**63) <= value < 2**63
                if value is not None and type(value) is not str and not whole:
                    raise BrokenPage(
                        f"{name} of entry {number} should be a text, not {value!r:.40}"
                    )


def _innermost(value: Any) -> Iterable[Any]:
    """A value, or those in an object and in its lists; what is deeper fits no column anyway."""
    values = list(value.values()) if isinstance(value, dict) else [value]
    values += [one for inner in values if isinstance(inner, list) for one in inner]
    return (one for one in values if not isinstance(one, dict | list))


def _hold_against(column: pl.Series, entries: list[Any], path: tuple[str, ...]) -> list[str]:
    """Every entry has this text, and both parsers read the same one: these."""
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
    return texts


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
