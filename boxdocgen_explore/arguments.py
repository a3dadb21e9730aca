"""Checks of arguments of public functions, before anything is sent or written.

Each raises `InvalidRequest` with the name of the argument and what it must be.
"""

from __future__ import annotations

import datetime as dt
import errno
import ipaddress
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import polars as pl
from polars.exceptions import PolarsError

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.schema import DETAILS, DOCUMENTS, DURATION, JOBS
from boxdocgen_explore.text import EARLIEST, replacing, shortened

BOX_URL: Final = "https://api.box.com/2.0"
_LONGEST_ID: Final = 100


HTML_ENDINGS: Final = (".html", ".htm")


def quoted(value: object) -> str:
    """The value for an error message; some have no repr, such as an int of 5,000 digits."""
    try:
        return shortened(repr(value), 60)
    except Exception:  # a repr may raise any exception
        return f"this {type(value).__name__}"


def checked(name: str, value: Any, kind: Any, what: str) -> Any:
    """The value, which must be an instance of ``kind`` (described by ``what``)."""
    if not isinstance(value, kind):
        raise InvalidRequest(f"{name} must be {what}, not {quoted(value)}.")
    return value


def whole_number(name: str, value: object, most: int | None = None) -> int:
    """The number, which must be between 1 and ``most``."""
    if type(value) is not int or value < 1 or (most and value > most):
        to = f" to {most}" if most else ""
        raise InvalidRequest(f"{name} must be a whole number from 1{to}, not {quoted(value)}.")
    return value


def number(name: str, value: object, most: float) -> float:
    """The number, which must be between 0 and ``most``."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= most:  # type: ignore[operator]
        raise InvalidRequest(f"{name} must be a number from 0 to {most:,}, not {quoted(value)}.")
    return value  # type: ignore[return-value]


def checked_time(name: str, value: object, what: str = "a time with a time zone") -> dt.datetime:
    """The time in UTC; 1970 for earlier times."""
    if isinstance(value, dt.datetime) and value.tzinfo:
        try:
            return max(value, EARLIEST).astimezone(dt.UTC)
        except OverflowError:
            pass
    raise InvalidRequest(f"{name} must be {what}, not {quoted(value)}.")


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is text that every file can store: without NUL and lone surrogates."""
    return isinstance(value, str) and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def checked_text(name: str, value: object) -> str:
    """The text (`is_text`)."""
    if not is_text(value):
        raise InvalidRequest(f"{name} must be a text, not {quoted(value)}.")
    return value


def checked_texts(name: str, value: object) -> list[str]:
    """The texts, given as one text or several."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, Collection) or not all(map(is_text, values)):
        raise InvalidRequest(f"{name} must be a text or several texts, not {quoted(value)}.")
    return [*values]


def as_frame(value: object) -> object:
    """Convert a frame of another library to polars; other values are returned unchanged.

    Lazy frames are collected. Others need an Arrow stream, as frames of pandas, pyarrow and DuckDB
    have. Columns with only nulls fit any dtype, and integers with nulls may be floats, as in
    pandas.

    >>> as_frame(pl.LazyFrame({"status": ["failed"]})).columns
    ['status']
    """
    if isinstance(value, pl.LazyFrame):
        return value.collect()
    if isinstance(value, pl.DataFrame | Reading) or not hasattr(value, "__arrow_c_stream__"):
        return value
    frame: pl.DataFrame = pl.DataFrame(value)
    known = {**JOBS, **DETAILS, **DOCUMENTS, **DURATION}
    empty = [
        column.name
        for column in frame
        if column.name in known and column.null_count() == len(column)
    ]
    frame = frame.with_columns(pl.lit(None, known[name]).alias(name) for name in empty)
    whole = [
        column.name
        for column in frame
        if column.dtype.is_float()
        and known.get(column.name, pl.String()).is_integer()
        and (column.drop_nulls() % 1 == 0).all()
    ]
    return frame.with_columns(pl.col(whole).cast(pl.Int64))


def template_names(value: Mapping[str, str] | None) -> dict[str, str]:
    """The names of templates by file id."""
    names = {} if value is None else value
    if not isinstance(names, Mapping) or not all(map(is_text, [*names, *names.values()])):
        raise InvalidRequest(f"templates must be names (texts) by file id, not {quoted(value)}.")
    return dict(names)


def batch_ids(ids: str | int | Iterable[str | int]) -> list[str]:
    """The ids as text, without duplicates, in the given order.

    >>> batch_ids([12345, "12346", "12345"])
    ['12345', '12346']
    """
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        return [checked_id(ids)]
    return list(dict.fromkeys(checked_id(value) for value in ids))


def checked_id(value: object, what: str = "batch") -> str:
    """The id as text."""
    if isinstance(value, bool) or not isinstance(value, str | Integral):
        raise InvalidRequest(f"A {what} id must be text such as '12345', not {quoted(value)}.")
    if not isinstance(value, str) and abs(value) >= 10**_LONGEST_ID:  # its text may be too long
        raise InvalidRequest(f"A {what} id has at most {_LONGEST_ID} digits; this number has more.")
    text = str(value)
    # "." and ".." would change the address that is called, even if encoded.
    if not text.isprintable() or not text or " " in text or text in {".", ".."}:
        raise InvalidRequest(f"{text!r:.60} is not a valid {what} id: ids look like '12345'.")
    if len(text) > _LONGEST_ID:
        raise InvalidRequest(
            f"A {what} id has at most {_LONGEST_ID} characters, {text:.20}... has {len(text):,}."
        )
    if what == "user" and not text.isascii():  # it is sent as a header
        raise InvalidRequest(
            f"{text!r:.60} is not a valid user id: letters other than a-z are not allowed."
        )
    return text


def is_loopback(url: str) -> bool:
    """Whether an address belongs to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_url(url: str) -> str:
    """The address, which must have no name or password (these would be stored), and must not send
    the token unencrypted."""
    try:
        address = urlsplit(url)
        valid = address.scheme in {"http", "https"} and address.hostname and address.port != 0
        valid = valid and not (address.query or address.fragment or "@" in address.netloc)
        valid = valid and url.isprintable() and " " not in url
        str(address.hostname).encode("idna")  # raises ValueError for an invalid host
    except (ValueError, TypeError, AttributeError):
        valid = False
    if not valid:
        shown = "one with a name or password" if "@" in str(url) else quoted(url)
        raise InvalidRequest(f"base_url must be an address such as {BOX_URL}; {shown} is not.")
    if address.scheme == "http" and not is_loopback(url):
        raise InvalidRequest(
            f"base_url {url!r:.80} would send the token unencrypted: use https. Only this machine "
            "itself (127.0.0.1, localhost) may be called by http."
        )
    return url


def checked_path(name: str, value: str | os.PathLike[str]) -> Path:
    """The path with its ``~`` expanded, if it is a valid file name."""
    try:
        target = Path(value).expanduser()
        str(target).encode()
        target.lstat()
        why = "" if os.fspath(value) else "it is empty"
    except OSError as error:  # no such file, or not visible to this user
        why = os.strerror(errno.ENAMETOOLONG) if error.errno == errno.ENAMETOOLONG else ""
    except UnicodeEncodeError:
        why = "it is not UTF-8"
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: ~nosuchuser
        why = str(error).rstrip(".")
    if why:
        raise InvalidRequest(f"{name} cannot be {quoted(value)}: {why}.")
    return target


def output_path(name: str, value: str | os.PathLike[str], *endings: str) -> Path:
    """The path, if a file with one of these endings can be written there: a typing error must not
    waste work."""
    target = checked_path(name, value)
    if target.suffix.lower() not in endings:
        raise InvalidRequest(f"{target.name!r}: the file's name must end in {', '.join(endings)}.")
    try:
        if target.is_dir():
            raise InvalidRequest(f"{target} is a folder: add the name of a file.")
        if not target.parent.is_dir():
            raise InvalidRequest(f"The folder {target.parent} does not exist: choose another one.")
        places = [target, target.parent] if target.exists() else [target.parent]
        writable = all(os.access(place, os.W_OK) for place in places)
    except OSError:
        writable = False
    if not writable:
        raise InvalidRequest(f"{target} cannot be written: choose another place.")
    return target


@contextmanager
def output_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield the name of a new file that replaces ``path`` once complete (`text.replacing`)."""
    try:
        with replacing(path, private=private) as part:
            yield part
    except (OSError, PolarsError) as error:  # PolarsError: Parquet on a full disk
        why = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"{path} cannot be written: {why}.") from None
