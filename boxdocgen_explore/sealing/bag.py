"""Write the evidence bag: Box's answers, the audit, and a seal over both."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from boxdocgen_explore.auditing import Policy
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.pages import marker_sha256
from boxdocgen_explore.reporting import AuditResult, canonical, manifest_file

TAG_MANIFEST: Final = "tagmanifest-sha256.txt"
COMMENT_BYTES: Final = 64
"""The zip file's comment: the SHA-256, in hexadecimal, of all bytes before it."""

_HERE: Final = Path(__file__).parent


def write_bag(
    path: Path, name: str, result: AuditResult, record: Mapping[str, Any], report: str
) -> str:
    """Write a bag, page by page, that unpacks to the folder ``name``; return its seal.

    Equal files give equal bytes.

    Raises:
        InvalidRequest: an answer about a complete batch is not available.
        OSError: the file cannot be written.
    """
    digests: dict[str, str] = {}

    def add(file: str, content: bytes | str) -> None:
        content = content.encode() if isinstance(content, str) else content
        entry = zipfile.ZipInfo(f"{name}/{file}", (1980, 1, 1, 0, 0, 0))
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        archive.writestr(entry, content)
        digests[file] = _sha256(content)

    def manifest(*, payload: bool) -> str:
        files = sorted(file for file in digests if file.startswith("data/") is payload)
        return "".join(f"{digests[file]}  {file}\n" for file in files)

    with zipfile.ZipFile(path, "w") as archive:
        lines = []
        for request, body in _requests(result):
            lines.append(json.dumps(request, default=dt.datetime.isoformat) + "\n")
            if body is not None:
                add(request["file"], body)
        add("data/reading.jsonl", "".join(lines))
        add("data/audit.json", canonical(record))
        add("data/report.html", report)
        if "expected" in result.settings and not result.removed:
            add("data/manifest.csv", manifest_file(result.settings["expected"])[1])
        if "policy" in result.settings and not result.removed:
            for file, content in policy_files(result.settings["policy"]).items():
                add(f"data/policy/{file}", content)
        if "tags" in result.settings:
            add("data/tags.json", canonical(result.settings["tags"].to_dicts()))
        add("data/FORMAT.md", (_HERE / "FORMAT.md").read_bytes())
        add("data/verify.py", (_HERE / "stand_alone.py").read_bytes())
        add("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        add("bag-info.txt", f"Bagging-Date: {record['audited_at'][:10]}\n")
        add("manifest-sha256.txt", manifest(payload=True))
        add(TAG_MANIFEST, manifest(payload=False))
        archive.comment = b"0" * COMMENT_BYTES
    content = path.read_bytes()[:-COMMENT_BYTES]
    path.write_bytes(content + _sha256(content).encode())
    return digests[TAG_MANIFEST]


def policy_files(policy: Policy) -> Mapping[str, bytes]:
    """The policy and its manifests, which must be in the same folder to be found again."""
    for name in policy.files:
        if not re.fullmatch(r"\w[\w. -]*(/\w[\w. -]*)*", name):
            raise InvalidRequest(
                f"The policy names {name!r:.200}, which no evidence bag can hold. Move the file "
                "into the policy's folder, and give it a name of letters, digits, dots and hyphens."
            )
    return policy.files


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _requests(result: AuditResult) -> Iterator[tuple[dict[str, Any], bytes | None]]:
    """Each answer as a line of ``reading.jsonl``, and its body if the bag includes it.

    Bodies of a list are included if all are available, because each has the marker of the next.
    """
    reading = result.reading
    known = (reading.pages, reading.list_pages, reading.document_pages)
    rows = [row for frame in known if frame is not None for row in frame.to_dicts()]
    for path, group in groupby(rows, _path):
        chain = [*group]
        with_bodies = not result.removed and all(_body(reading, path, row) for row in chain)
        if not with_bodies and not result.removed and path[1:] and chain[0].get("complete"):
            raise InvalidRequest(
                f"What Box answered about batch {path[1]} is no longer at hand: it left the "
                "cache, the Box is closed, or the reading comes from another process. Read again, "
                "and write the evidence before closing the Box."
            )
        marker: str | None = None
        for row in chain:
            body = _body(reading, path, row) if with_bodies else None
            about = {
                "file": None if body is None else _file(path, row["page"]),
                "path": "/" + "/".join(path),
                "marker": marker if marker_sha256(marker) == row["marker_sha256"] else None,
            }
            yield {**about, **row}, body
            marker = json.loads(body).get("next_marker") or None if body else None


def _path(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The path at Box of the list that an answer belongs to."""
    if "endpoint" in row:
        return tuple(row["endpoint"][1:].replace(":id", row["id"]).split("/"))
    return ("docgen_jobs",) if row["batch_id"] is None else ("docgen_batch_jobs", row["batch_id"])


def _body(reading: Reading, path: tuple[str, ...], row: Mapping[str, Any]) -> bytes | None:
    if reading.bodies is None or row["body_sha256"] is None:
        return None
    return reading.bodies(path, row["marker_sha256"], row["body_sha256"])


def _file(path: tuple[str, ...], page: int) -> str:
    """The place of an answer in the bag."""
    kind, *ids = path
    # Box's ids are numbers; others could lead out of the folder.
    names = [
        list_id if re.fullmatch("[0-9]+", list_id) else _sha256(list_id.encode())
        for list_id in ids[:1]
    ]
    is_list = kind.startswith("docgen")
    folder = ["pages", *(names or [kind])] if is_list else ["documents", kind, *names]
    return "/".join(["data", *folder, f"{page:06d}.json"])
