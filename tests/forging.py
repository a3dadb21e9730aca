"""Changes an evidence bag as somebody would who knows how it is made, and makes it fit again."""

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
        self.path = bag
        with zipfile.ZipFile(bag) as archive:
            files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        self.files: dict[str, bytes] = files

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files["data/reading.jsonl"].splitlines()]

    def state(self, requests: list[dict[str, Any]]) -> None:
        """Write ``reading.jsonl``; each request gets the digest of its answer's body."""
        for request in requests:
            if request["file"]:
                request["body_sha256"] = digest(self.files[request["file"]])
        lines = [json.dumps(request) + "\n" for request in requests]
        self.files["data/reading.jsonl"] = "".join(lines).encode()

    def edit(self, name: str, change: Callable[[Any], Any]) -> None:
        """Change a JSON file; ``change`` gets its value, and gives another or changes it."""
        value = json.loads(self.files[name])
        self.files[name] = json.dumps(change(value) or value, separators=(",", ":")).encode()

    def written(self, *, state: bool = True) -> Path:
        """Compute all hashes again and write the bag, as a zip file by any program."""
        if state:
            self.state(self.requests())
        for manifest, payload in (("manifest", True), ("tagmanifest", False)):
            name = f"{manifest}-sha256.txt"
            self.files.pop(name, None)
            tags = (one for one in self.files if one != "tagmanifest-sha256.txt")
            named = [one for one in sorted(tags) if one.startswith("data/") is payload]
            lines = [f"{digest(self.files[one])}  {one}\n" for one in named]
            self.files[name] = "".join(lines).encode()
        path = self.path.with_name("forged.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files.items():
                archive.writestr(f"audit/{name}", content)
        return path
