"""Opens an evidence bag from anybody: nothing is unpacked, and no file may be hostile."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from boxdocgen_explore.errors import BrokenBag
from boxdocgen_explore.sealing.bag import COMMENT_BYTES, TAG_MANIFEST, container_sha256

_LARGEST_FILE_BYTES: Final = 1 << 27
_LARGEST_BAG_BYTES: Final = 1 << 32
_END_SIGNATURE: Final = b"PK\5\6"
_END_BYTES: Final = 22
"""The record at the end of a zip file, before its comment."""


class Bag:
    """The files of a bag by their path in it; ``container`` says if the zip file is unchanged.

    It is None if the zip file was not written by this package.
    """

    def __init__(self, archive: zipfile.ZipFile, container: bool | None) -> None:
        self._archive = archive
        self.container = container
        self._files = _checked_files(archive)
        self.names = set(self._files)

    def read(self, name: str) -> bytes:
        """A file's content; empty if it is damaged.

        Raises:
            BrokenBag: there is no such file.
        """
        if name not in self._files:
            raise BrokenBag(f"This is no complete evidence bag: it has no file {name!r:.200}.")
        try:
            return self._archive.read(self._files[name])
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError):
            return b""


@contextmanager
def opened(path: Path) -> Iterator[Bag]:
    """Open a bag.

    Raises:
        BrokenBag: it cannot be read, is no bag, or has files that a bag cannot have.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            yield Bag(archive, _container(file))
    except OSError as error:
        raise BrokenBag(f"{path} cannot be read: {error.strerror or error}.") from None
    except (zipfile.BadZipFile, ValueError, LookupError, NotImplementedError) as error:
        raise BrokenBag(f"{path} is damaged, or not a zip file: {error}.") from None


def _container(file: IO[bytes]) -> bool | None:
    """Whether the zip file is as it was written; None if its end is not one of ours."""
    file.seek(-min(_END_BYTES + COMMENT_BYTES, file.seek(0, 2)), 2)
    end = file.read()
    if end[COMMENT_BYTES:][:4] == _END_SIGNATURE:  # a zip file without a comment
        return None
    return end[-COMMENT_BYTES:].decode("latin-1") == container_sha256(file)


def _checked_files(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files by their path below the bag's folder."""
    entries = archive.infolist()
    root = next((one.filename for one in entries if one.filename.endswith(TAG_MANIFEST)), "")
    root = root.removesuffix(TAG_MANIFEST)
    files: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = entry.filename.removeprefix(root)
        odd = not name.isprintable() or "\\" in name or name in files
        odd |= not {"", ".", ".."}.isdisjoint(entry.filename.removesuffix("/").split("/"))
        if odd or stat.S_ISLNK(entry.external_attr >> 16) or entry.flag_bits & 1:
            raise BrokenBag(
                f"The file {entry.filename!r:.200} cannot be in a bag: it appears twice, is a link "
                "or encrypted, or leads out of the folder."
            )
        if not entry.is_dir():
            files[name] = entry
    sizes = [entry.file_size for entry in entries]
    if sum(sizes) > _LARGEST_BAG_BYTES or max(sizes, default=0) > _LARGEST_FILE_BYTES:
        raise BrokenBag("Its files are too large for a bag: unpacked, they could fill the disk.")
    return files
