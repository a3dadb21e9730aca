"""Text for people: safe untrusted text, numbers and times in words, atomic files.

Text from Box passes through `visible` and `shortened` before it reaches a sentence, a page or a
terminal, so it does not hide characters, control a terminal or fill the screen.
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

LONGEST: Final = 5000
"""The most characters shown of one text."""

# Characters that are invisible, invalid in HTML, control a terminal, or reverse the text around
# them.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Show invisible characters, and those that hide others, as their codes.

    >>> print(visible("invoice\u202egnp.exe"))
    invoice\u202egnp.exe
    """
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shortened(text: str, longest: int = LONGEST) -> str:
    """Truncate a long text, visibly.

    >>> shortened("The body is not JSON", 8)
    'The bod…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def counted(number: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "batch"), counted(2000, "batch"), counted(0, "job")
    ('1 batch', '2,000 batches', '0 jobs')
    """
    ending = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number:,} {noun}{ending}"


def listed(values: Iterable[str | None], most: int = 5) -> str:
    """A list of values, of which only the first ones are shown.

    >>> listed(["a", None, "c", "d"], most=2)
    'a, none and 2 more'
    """
    texts = ["none" if value is None else value for value in values]
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def percent(share: float) -> str:
    """A share from 0 to 1 as percent; only 0 and 1 themselves are "0 %" and "100 %".

    >>> percent(0.4957), percent(0.0001), percent(1.0)
    ('49.6 %', 'less than 0.1 %', '100 %')
    """
    if 0 < share < 0.001:
        return "less than 0.1 %"
    if 0.9995 <= share < 1:
        return "more than 99.9 %"
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def duration(delta: dt.timedelta) -> str:
    """A duration or age in words; negative ones count as 0 s.

    >>> duration(dt.timedelta(seconds=40)), duration(dt.timedelta(days=3))
    ('40 s', '3 days')
    """
    seconds = max(0, int(delta.total_seconds()))
    for length, unit, name in ((2 * 86400, 86400, "days"), (7200, 3600, "h"), (120, 60, "min")):
        if seconds >= length:
            return f"{seconds // unit:,} {name}"
    return f"{seconds} s"


_KINDS: Final = {
    "str": "a text",
    "object": "an object",
    "array": "a list",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "datetime": "a date with a time",
    "time": "a time",
    "date": "a date such as 2026-12-31",
}
_WRONG: Final = {
    r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`": "{where} should be {wanted}, not {got}",
    r"Expected `str` of length >= 1": "{where} is empty",
    r"Expected `(?P<wanted>[^`]+)` .*": "{where} is {wanted}, but not a valid one",
    r"Invalid RFC3339 encoded (?P<wanted>\w+)": "{where} should be {wanted}, not a text",
    r"Invalid enum value (?P<value>.+)": "{where} is {value}, another type than Box documents",
    r"Object missing required field `(?P<key>.+)`": "{where} is missing",
    r"Object contains unknown field `(?P<key>.+)`": "the key {where} is unknown; known: {known}",
    "(?P<text>.*)": "{where}: {text}",
}
_PLACE: Final = r"^(?:\.(\w+)\[(\d+)\])?\.?([^`]*)"


def what_is_wrong(error: str, known: Iterable[str] = (), **kinds: str) -> str:
    """Rewrite an error of msgspec for people; ``kinds`` are other words for its types.

    >>> what_is_wrong("Expected `int | str`, got `array` - at `$.entries[1].batch.id`")
    'batch.id of entry 2 should be a text, not a list'
    >>> what_is_wrong("Object missing required field `status` - at `$.entries[0]`")
    'status of entry 1 is missing'
    >>> what_is_wrong("Invalid enum value 'file' - at `$.entries[0].batch.type`")
    "batch.type of entry 1 is 'file', another type than Box documents"
    """
    text, _, place = error.partition(" - at `$")
    items, number, path = re.findall(_PLACE, place)[0]
    found = ((re.fullmatch(pattern, text, re.DOTALL), words) for pattern, words in _WRONG.items())
    match, words = next((match, words) for match, words in found if match)
    values = match.groupdict()
    for role in {"wanted", "got"} & values.keys():
        types = values[role].split(" | ")
        words_of = {kind: one for kind, one in (_KINDS | kinds).items() if kind in types}
        values[role] = next(iter(words_of.values()), values[role])
    where = ".".join(filter(None, [re.sub(r"\[.*?\]", "", path), values.get("key")]))
    if number:
        item = f"{re.sub('ies$', 'y', items)} {int(number) + 1}"
        where = f"{where} of {item}" if where else item
    return words.format(where=where or "the body", known=", ".join(known), **values)


EARLIEST: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""Nothing on Box is older, and arithmetic fails with earlier times."""


def long_ago(now: dt.datetime, age: dt.timedelta) -> dt.datetime:
    """The time before another one by this duration, at the earliest 1970.

    >>> long_ago(dt.datetime(2026, 11, 3, tzinfo=dt.UTC), dt.timedelta(days=999_999_999)).year
    1970
    """
    return now - max(age, dt.timedelta()) if age < now - EARLIEST else EARLIEST


def moment(time: dt.datetime) -> str:
    """A time to the minute, in UTC.

    >>> moment(dt.datetime(2026, 11, 3, 6, 0, tzinfo=dt.UTC))
    '3 Nov 2026 06:00 UTC'
    """
    time = time.astimezone(dt.UTC)
    return f"{time.day} {time:%b %Y %H:%M} UTC"


def timestamp(time: dt.datetime) -> str:
    """A time to the second, in UTC, that sorts as text.

    >>> timestamp(dt.datetime(2026, 11, 3, 6, 0, tzinfo=dt.UTC))
    '2026-11-03 06:00:00 UTC'
    """
    return time.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield the name of a new file that replaces ``path`` once it is complete.

    On any error, such as a full disk, the old file stays unchanged, and nothing is left over. A
    replaced file keeps its permissions; a new one gets those of the user's umask. If ``private``,
    only its owner can read it. A symbolic link stays, and its target is replaced. A device or a
    pipe is written directly.

    Raises:
        OSError: the folder or the disk does not allow it, or ``path`` is a folder.
    """
    if path.exists() and not path.is_file():
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        yield path
        return
    path = Path(os.path.realpath(path))
    part = path.with_name(f".{secrets.token_hex(6)}.part")  # short: that of `path` may be long
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666))
    try:
        if path.exists() and not private:
            part.chmod(path.stat().st_mode & 0o777)
        yield part
        with part.open("rb+") as file:
            os.fsync(file)  # some file systems report a full disk only here
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
