"""Open an untrusted evidence bag: nothing is unpacked, and hostile files are refused."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import stat
import zipfile
from pathlib import Path
from typing import Final

from boxdocgen_explore.errors import BrokenBag
from boxdocgen_explore.sealing.bag import COMMENT_BYTES, TAG_MANIFEST

_EMBEDDED: Final = re.compile(b'<script type="application/zip" id="boxdocgen-bag">([^<]*)<')
_LARGEST_FILE_BYTES: Final = 1 << 27
_LARGEST_BAG_BYTES: Final = 1 << 32


class Bag:
    """The files of a bag by their path in it.

    ``intact`` is true if the zip file is unchanged, None if another program packed it.
    ``damaged`` has the files that could not be read. If the bag is in a report, ``report`` is
    the text of that report.

    Raises:
        BrokenBag: it cannot be read, is not a bag, or has invalid files.
    """

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
            embedded = None if content.startswith(b"PK") else _EMBEDDED.search(content)
            self.report = content.decode() if embedded else None
            self.content = content = base64.b64decode(embedded[1]) if embedded else content
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except OSError as error:
            raise BrokenBag(f"{path} cannot be read: {error.strerror or error}.") from None
        except Exception as error:  # a zip file may be damaged in many ways
            if b' id="boxdocgen-digest">' in content and not embedded:
                why = "This report has no evidence bag; make it with --embed-evidence"
                raise BrokenBag(f"{why} (embed_evidence=True): {path}") from None
            raise BrokenBag(f"{path} is damaged, or no zip file with a bag: {error}.") from None
        digest = hashlib.sha256(content[:-COMMENT_BYTES]).hexdigest().encode()
        has_no_comment = content[-22:-18] == b"PK\5\6"
        self.intact: bool | None = None if has_no_comment else content[-COMMENT_BYTES:] == digest
        self._files = _checked_files(self._archive.infolist())
        self.names: set[str] = set(self._files)
        self.damaged: set[str] = set()
        self.last: str = "the bag"

    def read(self, name: str) -> bytes:
        """The content of a file; empty if it is damaged. Sets ``last`` to its name."""
        self.last = name
        if name not in self._files:
            raise BrokenBag(f"This is no complete evidence bag: it has no file {name!r:.200}.")
        try:
            return self._archive.read(self._files[name])
        except Exception:  # from zipfile or any decompressor
            self.damaged.add(name)
            return b""


def _checked_files(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The files by their path in the bag's folder."""
    roots = (entry.filename for entry in entries if entry.filename.endswith(TAG_MANIFEST))
    root = next(roots, "").removesuffix(TAG_MANIFEST)
    files: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name, parts = entry.filename, entry.filename.removesuffix("/").split("/")
        odd = not name.isprintable() or "\\" in name or not {"", ".", ".."}.isdisjoint(parts)
        odd |= stat.S_ISLNK(entry.external_attr >> 16) or name.removeprefix(root) in files
        if odd or entry.flag_bits & 1:
            raise BrokenBag(
                f"The file {name!r:.200} cannot be in a bag: it appears twice, is a link or "
                "encrypted, or leads out of the folder."
            )
        if not entry.is_dir():
            files[name.removeprefix(root)] = entry
    sizes = [entry.file_size for entry in entries]
    if max(sizes, default=0) > _LARGEST_FILE_BYTES or sum(sizes) > _LARGEST_BAG_BYTES:
        raise BrokenBag("Its files are too large for a bag: unpacked, they could fill the disk.")
    return files
