"""Texts that take seconds to build and are always the same: built once, then cached on disk.

Some of them are scripts. So a file counts only if this user owns it, nobody else can write it, and
its digest is right. Who can write files as this user is not kept out by that: they can as well
change the package itself.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from boxdocgen_explore.text import replacing


def default_cache_dir() -> Path:
    """Where everything is cached by default: ``BOXDOCGEN_CACHE_DIR``, else the user's cache folder.

    Raises:
        FileNotFoundError: this user has no home folder, as in some containers.
    """
    from platformdirs import user_cache_path

    named = os.environ.get("BOXDOCGEN_CACHE_DIR")
    try:
        if named:
            return Path(named).expanduser()
        return user_cache_path("boxdocgen_explore", appauthor=False)
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from None


def built(name: str, key: str, build: Callable[[], str]) -> str:
    """Give what ``build`` gives, from the cached file of this name if it was built for this key.

    The ``key`` names all that the text depends on. A cache that cannot be read or written costs
    the time of ``build`` and nothing else.
    """
    with suppress(OSError, UnicodeError):
        digest, _, text = _own_bytes(_file(name)).decode().partition("\n")
        if digest == _digest(key, text):
            return text
    text = build()
    with suppress(OSError):
        path = _file(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a link or a pipe would be written through
        with replacing(path, private=True) as part:
            part.write_bytes(f"{_digest(key, text)}\n{text}".encode())
    return text


def _file(name: str) -> Path:
    return default_cache_dir() / "built" / name


@functools.cache
def sources() -> str:
    """Give the SHA-256 of the package's Python files and their places, which is the same anywhere.

    Whoever edits one of them sees the effect.
    """
    digest, package = hashlib.sha256(), Path(__file__).parent
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def _digest(key: str, text: str) -> str:
    return hashlib.sha256(f"{key}\0{text}".encode()).hexdigest()


def _own_bytes(path: Path) -> bytes:
    """Read a regular file that this user alone can write; raises OSError for any other."""
    if not hasattr(os, "geteuid"):  # Windows, where this cannot be checked in the same way
        raise PermissionError(f"nobody knows who can write {path}")
    # Not blocking: to open a pipe would wait for a writer.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise PermissionError(f"{path} is not a file that this user alone can write")
        return file.read()
