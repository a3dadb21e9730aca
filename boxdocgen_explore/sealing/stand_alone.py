"""Checks an unpacked evidence bag with Python and nothing else: python3 -I data/verify.py

It prints what does not match, or the seal. The exit status is 0 if everything matches, else 1."""

import base64
import gzip
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

MANIFESTS = ("tagmanifest-sha256.txt", "manifest-sha256.txt")
NOT_CHECKED = """Not checked: findings, verdicts, reader, tags, policy, and whether the report shows
the jobs and the text that it should. boxdocgen verify checks them: it repeats the audit."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def first_three(found: Iterable[str]) -> Iterator[str]:
    """The first problems of each kind, and the number of further ones."""
    kinds = Counter[str]()
    for problem in found:
        kind = problem.split(": ")[1]
        kinds[kind] += 1
        if kinds[kind] <= 3:
            yield problem
    yield from (f"and {n - 3:,} more: {kind}" for kind, n in kinds.items() if n > 3)


def problems(names: set[str], read: Callable[[str], bytes]) -> Iterator[str]:
    """The problems of a bag with these files."""
    unlisted = names - {MANIFESTS[0]}
    for manifest in MANIFESTS:
        for line in read(manifest).decode().splitlines() if manifest in names else ():
            digest, _, name = line.partition("  ")
            if name not in names:
                yield f"{name}: it is missing"
            elif name not in unlisted:
                yield f"{name}: the manifests name it twice"
            elif sha256(read(name)) != digest:
                yield f"{name}: its content is not that of {manifest}"
            unlisted.discard(name)
    yield from (f"{name}: no manifest names it" for name in sorted(unlisted))
    yield from page_problems(names, read)


def page_problems(names: set[str], read: Callable[[str], bytes]) -> Iterator[str]:
    """Check that the pages form chains, and have the stated rows, ids and counts."""
    audit, ids = json.loads(read("data/audit.json")), set[tuple[str, str]]()
    counts: dict[str, Counter[str]] = {batch: Counter() for batch in audit["outcome"]}
    ends, numbers = dict[str, str | None](), Counter[str]()  # by list
    for line in read("data/reading.jsonl").decode().splitlines():
        request = json.loads(line)
        name, path, batch_id = request["file"], request["path"], request.get("batch_id")
        if name not in names:  # only its digest is in the bag
            if name or (batch_id and request["complete"] and not audit["removed"]):
                yield f"{name or path}: this answer of Box is missing"
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
                yield f"{name}, job {key[1]}: it appears twice, or belongs to another batch"
            ids.add(key)
            counts.setdefault(batch_id, Counter())[job["status"]] += 1
    for batch, count in counts.items():
        if ends.get(f"/docgen_batch_jobs/{batch}") and batch not in audit["incomplete_batches"]:
            yield f"batch {batch}: its last pages are missing"
        if count != audit["outcome"].get(batch):
            yield f"batch {batch}: its pages have other jobs than audit.json counts: {dict(count)}"


def record_problems(read: Callable[[str], bytes]) -> Iterator[str]:
    """Check that the report is unchanged and has the record, and check the manifest."""
    record, report = read("data/audit.json"), read("data/report.html").decode()
    parts = dict(re.findall(' id="boxdocgen-(record|text)">([^<]*)<', report))
    if gzip.decompress(base64.b64decode(parts["record"])) != record:
        yield "data/report.html: it has another record than data/audit.json"
    page = re.sub('( id="boxdocgen-(?:text|digest)">)[^<]*<', r"\1<", report)
    if sha256(page.encode()) != json.loads(parts["text"])["file"]:
        yield "data/report.html: it was changed after it was written"
    audit = json.loads(record)
    given = not audit["removed"] and audit["settings"].get("expected")
    if given and sha256(read("data/manifest.csv")) != given["sha256"]:
        yield "data/manifest.csv: it is not the file that data/audit.json names"


if __name__ == "__main__":
    root: Path = Path(__file__).resolve().parent.parent
    files: set[str] = {
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()
    }
    content: Callable[[str], bytes] = lambda name: (root / name).read_bytes()  # noqa: E731
    found: list[str] = []
    try:
        found.extend(problems(files, content))
        found.extend(record_problems(content))
        removed = ", ".join(json.loads(content("data/audit.json"))["removed"])
        without = f"{removed}; so pages, jobs and counts are not checked" if removed else "nothing"
        print("Left out:", without)
    except Exception as error:  # the files may contain anything
        found.append(f"the rest: a file is missing, or not as FORMAT.md says ({error!r:.200})")
    conclusion = "NOT consistent." if found else "Consistent."
    print(*first_three(found), conclusion, NOT_CHECKED, sep="\n")
    if not found:
        print("Seal:", sha256(content(MANIFESTS[0])), "(compare it with one stored elsewhere)")
    sys.exit(bool(found))
