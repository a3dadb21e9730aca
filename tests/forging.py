"""Forge an evidence bag with knowledge of its format."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


class Forgery:
    """The files of a bag by path, to be changed and written as another bag."""

    def __init__(self, bag: Path) -> None:
        self.path = bag.with_name("forged.zip")
        with zipfile.ZipFile(bag) as archive:
            names = archive.namelist()
            self.files = {name.partition("/")[2]: archive.read(name) for name in names}

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files["data/reading.jsonl"].splitlines()]

    def state(self, requests: list[dict[str, Any]]) -> None:
        """Write ``reading.jsonl``, with the digest of each answer's body."""
        bodies = [self.files.get(request["file"]) for request in requests]
        lines = [
            json.dumps(request | ({"body_sha256": digest(body)} if body else {})) + "\n"
            for request, body in zip(requests, bodies, strict=True)
        ]
        self.files["data/reading.jsonl"] = "".join(lines).encode()

    def edit(self, name: str, change: Callable[[Any], Any]) -> None:
        """Change the value in a JSON file."""
        value = json.loads(self.files[name])
        change(value)
        self.files[name] = json.dumps(value, separators=(",", ":")).encode()

    def written(self) -> Path:
        """Compute all hashes again and write the bag, as a zip file by any program."""
        for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
            payload = manifest.startswith("manifest")
            names = self.files.keys() - {"tagmanifest-sha256.txt"}
            named = sorted(name for name in names if name.startswith("data/") is payload)
            lines = [f"{digest(self.files[name])}  {name}\n" for name in named]
            self.files[manifest] = "".join(lines).encode()
        return self.packed()

    def packed(self) -> Path:
        """Write the bag with the hashes that it has."""
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(f"audit/{name}", content)
        return self.path
