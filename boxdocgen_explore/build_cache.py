"""Constant texts that take seconds to build: built once, then cached on disk.

Some are scripts. Therefore a file is used only if this user owns it, nobody else can write it, and
its digest matches. This does not protect against someone who can write files as this user, who
could also change the package itself.
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
    """The default cache folder: ``BOXDOCGEN_CACHE_DIR``, otherwise the user's cache folder.

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
    """Return the result of ``build``, from the cached file of this name if it has the same key.

    The ``key`` includes everything that the text depends on. If the cache cannot be read or
    written, only the time of ``build`` is lost.
    """
    with suppress(OSError, UnicodeError):
        digest, _, text = _own_bytes(_file(name)).decode().partition("\n")
        if digest == _digest(key, text):
            return text
    text = build()
    with suppress(OSError):
        path = _file(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # would write through a link or a pipe
        with replacing(path, private=True) as part:
            part.write_bytes(f"{_digest(key, text)}\n{text}".encode())
    return text


def _file(name: str) -> Path:
    return default_cache_dir() / "built" / name


@functools.cache
def sources() -> str:
    """Return the SHA-256 of the package's Python files and their relative paths.

    It changes with every edit.
    """
    digest, package = hashlib.sha256(), Path(__file__).parent
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def _digest(key: str, text: str) -> str:
    return hashlib.sha256(f"{key}\0{text}".encode()).hexdigest()


def _own_bytes(path: Path) -> bytes:
    """Read a regular file that only this user can write; raises OSError for any other."""
    if not hasattr(os, "geteuid"):  # Windows, where this check does not work
        raise PermissionError(f"nobody knows who can write {path}")
    # Non-blocking, because opening a pipe would wait for a writer.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise PermissionError(f"{path} is not a file that this user alone can write")
        return file.read()
