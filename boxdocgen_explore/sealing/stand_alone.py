"""Checks an unpacked evidence bag with Python and nothing else: python3 -I data/verify.py

It prints what does not match, and the seal; the exit status is 0 if all matches, else 1."""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

MANIFESTS = ("tagmanifest-sha256.txt", "manifest-sha256.txt")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def problems(names: set[str], read: Callable[[str], bytes]) -> Iterator[str]:
    """What does not match in a bag that has these files."""
    unlisted = names - {MANIFESTS[0]}
    for manifest in MANIFESTS:
        for line in read(manifest).decode().splitlines() if manifest in names else ():
            digest, _, name = line.partition("  ")
            if name not in unlisted:
                yield f"{name}: it is missing, or {manifest} is not the first to name it"
            elif sha256(read(name)) != digest:
                yield f"{name}: its content is not that of {manifest}"
            unlisted.discard(name)
    yield from (f"{name}: no manifest names it" for name in sorted(unlisted))
    yield from page_problems(read)


def page_problems(read: Callable[[str], bytes]) -> Iterator[str]:
    """The pages follow one another, and have the rows, ids and counts that are stated."""
    audit, ids = json.loads(read("data/audit.json")), set[tuple[str, str]]()
    counts: dict[str, Counter[str]] = {batch: Counter() for batch in audit["outcome"]}
    ends, numbers = dict[str, str | None](), Counter[str]()  # by list
    for line in read("data/reading.jsonl").decode().splitlines():
        request = json.loads(line)
        name, path, batch_id = request["file"], request["path"], request.get("batch_id")
        if name is None:  # only its digest is in the bag
            if batch_id and request["complete"] and not audit["removed"]:
                yield f"batch {batch_id}: an answer about it is missing"
            counts.pop(batch_id, None)
            continue
        body, marker = read(name), request["marker"]
        page, digests = json.loads(body), (sha256(body), marker and sha256(marker.encode()))
        if digests != (request["body_sha256"], request["marker_sha256"]):
            yield f"{name}: it is not the answer that reading.jsonl states"
        numbers[path] += 1
        if request["page"] != numbers[path] or marker != ends.get(path):
            yield f"{name}: it was not requested by the marker of the page before it"
        ends[path] = page.get("next_marker") or None
        for job in page["entries"] if batch_id else ():
            key = str(job["batch"]["id"]), str(job["id"])
            if key[0] != batch_id or (key in ids and request["complete"]):
                yield f"{name}: job {key[1]} appears twice, or belongs to another batch"
            ids.add(key)
            counts.setdefault(batch_id, Counter())[job["status"]] += 1
    for batch, count in counts.items():
        if ends.get(f"/docgen_batch_jobs/{batch}") and batch not in audit["incomplete_batches"]:
            yield f"batch {batch}: its last pages are missing"
        if count != audit["outcome"].get(batch):
            yield f"batch {batch}: its pages have other jobs than audit.json counts: {dict(count)}"


if __name__ == "__main__":
    root: Path = Path(__file__).resolve().parent.parent
    files: set[str] = {one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file()}
    found: list[str] = []
    try:
        found.extend(problems(files, lambda name: (root / name).read_bytes()))
        print("Left out:", json.loads((root / "data/audit.json").read_bytes())["removed"])
    except Exception as error:  # whatever may be in the files
        found.append(f"a file is not as FORMAT.md says: {error!r:.200}")
    print(*found, sep="\n")
    print("NOT consistent." if found else "Consistent. Compare the seal with one stored elsewhere.")
    print("Seal:", sha256((root / MANIFESTS[0]).read_bytes()))
    sys.exit(bool(found))
