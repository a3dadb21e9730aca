"""Writes the evidence bag: what Box answered, what the audit found, and a seal over both."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.pages import marker_sha256
from boxdocgen_explore.reporting import AuditResult, canonical, manifest_file, sealed_report

TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
COMMENT_BYTES: Final = 64
"""The zip file's comment: the SHA-256, in hexadecimal, of all bytes before it."""

_HERE: Final = Path(__file__).parent
_NOT_AT_HAND: Final = (
    "What Box answered is no longer at hand ({}): the page left the cache, its Box is closed, or "
    "the reading was sent to another process. Read again, and write the evidence before closing "
    "the Box."
)


def write_bag(
    path: Path, name: str, result: AuditResult, record: Mapping[str, Any], reading: Reading
) -> str:
    """Write a bag to a new file, page by page; give its seal.

    ``name`` is the folder that the file unpacks to.

    Raises:
        InvalidRequest: an original page of a complete batch is not at hand.
        OSError: the file cannot be written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        bag = _Writer(archive, name)
        lines = []
        for request, body in _requests(result, reading):
            lines.append(json.dumps(request, default=dt.datetime.isoformat, ensure_ascii=False))
            if body is not None:
                bag.add(request["file"], body)
        bag.add("data/reading.jsonl", "".join(f"{line}\n" for line in lines))
        bag.add("data/audit.json", canonical(record))
        bag.add("data/report.html", sealed_report(result, record)[0])
        if "expected" in result.settings and not result.removed:
            bag.add("data/manifest.csv", manifest_file(result.settings["expected"])[1])
        if "tags" in result.settings:
            bag.add("data/tags.json", canonical(result.settings["tags"].to_dicts()))
        bag.add("data/FORMAT.md", (_HERE / "FORMAT.md").read_bytes())
        bag.add("data/verify.py", (_HERE / "stand_alone.py").read_bytes())
        seal = bag.finish(record)
        archive.comment = b"0" * COMMENT_BYTES
    with path.open("rb+") as file:
        digest = container_sha256(file)
        file.seek(-COMMENT_BYTES, 2)
        file.write(digest.encode())
    return seal


def container_sha256(file: IO[bytes]) -> str:
    """Give the SHA-256 of a zip file without its comment."""
    left, digest = file.seek(0, 2) - COMMENT_BYTES, hashlib.sha256()
    file.seek(0)
    while left > 0 and (block := file.read(min(left, 1 << 20))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


class _Writer:
    """The same files give the same bytes: no times, and always one order."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self.archive = archive
        self.root = name
        self.payload: dict[str, str] = {}
        self.size_bytes = 0

    def add(self, name: str, content: bytes | str) -> str:
        content = content.encode() if isinstance(content, str) else content
        entry = zipfile.ZipInfo(f"{self.root}/{name}", (1980, 1, 1, 0, 0, 0))
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        self.archive.writestr(entry, content)
        digest = hashlib.sha256(content).hexdigest()
        if name.startswith("data/"):
            self.payload[name] = digest
            self.size_bytes += len(content)
        return digest

    def finish(self, record: Mapping[str, Any]) -> str:
        """Add the tag files; give the seal."""
        size = f"{self.size_bytes}.{len(self.payload)}"
        tags = {
            "bagit.txt": "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
            "bag-info.txt": f"Bag-Software-Agent: boxdocgen-explore {record['code']['package']}\n"
            f"Bagging-Date: {record['audited_at'][:10]}\nPayload-Oxum: {size}\n",
            "manifest-sha256.txt": _manifest(self.payload),
        }
        digests = {name: self.add(name, content) for name, content in tags.items()}
        return self.add(TAG_MANIFEST, _manifest(digests))


def _manifest(digests: Mapping[str, str]) -> str:
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def _requests(
    result: AuditResult, reading: Reading
) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Each answer as a line of ``reading.jsonl``, and its body if it goes into the bag."""
    for frame in (result.pages, result.list_pages, result.document_pages):
        rows = [] if frame is None else frame.to_dicts()
        for path, chain in _by_list(rows).items():
            with_bodies = not result.removed and all(_body(reading, path, row) for row in chain)
            proves = chain[0].get("complete") and chain[0]["batch_id"]
            if proves and not with_bodies and not result.removed:
                raise InvalidRequest(_NOT_AT_HAND.format(f"batch {chain[0]['batch_id']}"))
            marker: str | None = None
            for row in chain:
                body = _body(reading, path, row) if with_bodies else None
                about = {
                    "file": None if body is None else _file(path, row["page"]),
                    "path": "/" + "/".join(path),
                    "marker": marker if marker_sha256(marker) == row["marker_sha256"] else None,
                }
                yield {**about, **row}, body
                marker = None if body is None else _next_marker(body)


def _by_list(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """The rows of each list, by its path at Box."""
    lists: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if "endpoint" in row:
            _, kind, _, *items = row["endpoint"].split("/")
            path = (kind, row["id"], *items)
        else:
            path = ("docgen_batch_jobs", row["batch_id"]) if row["batch_id"] else ("docgen_jobs",)
        lists.setdefault(path, []).append(row)
    return lists


def _body(reading: Reading, path: tuple[str, ...], row: Mapping[str, Any]) -> bytes | None:
    if reading.bodies is None or row["body_sha256"] is None:
        return None
    return reading.bodies(path, row["marker_sha256"], row["body_sha256"])


def _file(path: tuple[str, ...], page: int) -> str:
    """The place of an answer in the bag."""
    kind, *ids = path
    # Box's ids are numbers; with another one, a name could mean another place.
    names = [one if re.fullmatch("[0-9]{1,64}", one) else _digest(one) for one in ids[:1]]
    is_job = kind.startswith("docgen")
    folder = ["pages", *(names or [kind])] if is_job else ["documents", kind, *names]
    return "/".join(["data", *folder, f"{page:06d}.json"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _next_marker(body: bytes) -> str | None:
    marker: str | None = json.loads(body).get("next_marker")
    return marker or None
