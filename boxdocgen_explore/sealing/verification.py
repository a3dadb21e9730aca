"""Verifies an evidence bag: all that its own script checks, and the audit once more.

The original answers are parsed as they were when they were read, the rules run again with the
settings of the record, and the result must be the same record, statement by statement.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import polars as pl

from boxdocgen_explore.arguments import checked_path, quoted
from boxdocgen_explore.auditing import RULES
from boxdocgen_explore.errors import BoxDocGenError, InvalidRequest
from boxdocgen_explore.reporting import (
    AuditResult,
    Scope,
    audit_record,
    canonical,
    document,
    embedded,
    run_audit,
)
from boxdocgen_explore.reporting.record import stated_rules
from boxdocgen_explore.schema import TAGS, VERIFICATION
from boxdocgen_explore.sealing.answers import Answers
from boxdocgen_explore.sealing.archive import Bag, opened
from boxdocgen_explore.sealing.bag import TAG_MANIFEST
from boxdocgen_explore.sealing.stand_alone import problems

MATCHES, DIFFERS, NOT_PERFORMED = "matches", "does not match", "not performed"
_Row = tuple[str, str, str | None]
_OF_CODE: Final = frozenset({"code", "facts", "rules_version"})
_OF_ALL_RULES: Final = frozenset(
    {"rules", "rules_version", "facts", "conclusion", "population", "statements", "complete"}
    | {"incomplete_batches", "checks"}
)
_CONCLUSIONS: Final = {
    None: "NOT consistent: what the bag states does not agree with itself.",
    "consistent": "Consistent: the bag agrees with itself. Whoever can write it could have made "
    "all of it, so compare its seal with one that was stored elsewhere (seal=, --seal).",
    "unchanged since lodged": "Unchanged since its seal was lodged, and consistent.",
}


@dataclass(frozen=True)
class Verification:
    """What was verified: ``statements`` has one row each (`schema.VERIFICATION`).

    ``level`` is "unchanged since lodged" if the seal is the one that was stored elsewhere, else
    "consistent"; None if something in the bag does not match. That it is attributable, only a
    signature shows. ``ok`` is False if anything does not match, the given seal included.
    """

    path: Path
    seal: str
    statements: pl.DataFrame

    @property
    def ok(self) -> bool:
        return DIFFERS not in self.statements["result"]

    @property
    def level(self) -> str | None:
        results = dict(self.statements.select("statement", "result").iter_rows())
        if DIFFERS in self.statements.filter(pl.col("statement") != "seal")["result"]:
            return None
        return "unchanged since lodged" if results["seal"] == MATCHES else "consistent"

    def __str__(self) -> str:
        rows = self.statements.iter_rows()
        lines = [f"{result:14} {name}{f': {text}' if text else ''}" for name, result, text in rows]
        return "\n".join([_CONCLUSIONS[self.level], *lines, f"Seal: {self.seal}"])


def verify(path: str | os.PathLike[str], seal: str | None = None) -> Verification:
    """Verify an evidence bag, and perform its audit again from the original answers.

    A bag that was made up completely is consistent, too: only a seal that was stored elsewhere
    shows that this is the bag that was made then. See `evidence` for an example.

    Parameters:
        path: the zip file; nothing is unpacked.
        seal: the seal that was stored elsewhere, 64 hexadecimal digits.

    Raises:
        InvalidRequest: the seal is not one.
        BrokenBag: the file cannot be read or is no evidence bag.
    """
    source = checked_path("path", path)
    if seal is not None and not (isinstance(seal, str) and re.fullmatch("[0-9a-fA-F]{64}", seal)):
        raise InvalidRequest(f"seal must be 64 hexadecimal digits, not {quoted(seal)}.")
    with opened(source) as bag:
        found = hashlib.sha256(bag.read(TAG_MANIFEST)).hexdigest()
        rows = [_container(bag), *_files(bag)]
        if any(result == DIFFERS for _, result, _ in rows[1:]):
            rows.append(("audit", NOT_PERFORMED, "the files are not those that it was made from"))
        else:
            rows += _guarded("audit", _audit(bag))
        rows.append(_seal(found, seal))
    signature = "signature: a bag has none; data/FORMAT.md says how one is checked"
    rows.append(("attributable", NOT_PERFORMED, signature))
    return Verification(source, found, pl.DataFrame(rows, schema=VERIFICATION, orient="row"))


def _container(bag: Bag) -> _Row:
    if bag.container is None:
        return "zip file", NOT_PERFORMED, "it was packed again by another program"
    changed = "a byte was changed, perhaps one that no file is made of"
    return ("zip file", MATCHES, None) if bag.container else ("zip file", DIFFERS, changed)


def _seal(found: str, lodged: str | None) -> _Row:
    if lodged is None:
        return "seal", NOT_PERFORMED, "no seal to compare with; a complete forgery passes"
    if lodged.lower() == found:
        return "seal", MATCHES, None
    return "seal", DIFFERS, "this is not the bag whose seal was lodged, even if it is consistent"


def _files(bag: Bag) -> Iterator[_Row]:
    """What the bag's own script checks."""
    name = "files, pages, counts"
    found = [*_guarded(name, ((name, DIFFERS, one) for one in problems(bag.names, bag.read)))]
    yield from found or [(name, MATCHES, f"{len(bag.names):,} files")]


def _guarded(name: str, rows: Iterator[_Row]) -> Iterator[_Row]:
    try:
        yield from rows
    except (Exception, pl.exceptions.PanicException) as error:  # anything may be in the files
        ours = isinstance(error, BoxDocGenError)
        yield name, DIFFERS, f"it cannot be checked: {str(error) if ours else repr(error):.300}"


def _audit(bag: Bag) -> Iterator[_Row]:
    """The audit once more, compared with its record; then the report, with both."""
    record = json.loads(bag.read("data/audit.json"))
    answers = Answers(bag)
    for difference in answers.differences:
        yield "answers", DIFFERS, difference
    report = embedded.parsed(Path("data/report.html"), bag.read("data/report.html").decode())
    same = report.record == bag.read("data/audit.json")
    yield "report", *((MATCHES, None) if same else (DIFFERS, "audit.json is another record"))
    if answers.missing:
        why = f"{answers.missing:,} answers are not in the bag, only their SHA-256"
        yield "findings, verdicts", NOT_PERFORMED, why
        return
    known = [rule for rule in RULES if stated_rules([rule])[0] in record["rules"]]
    result, again = _performed_again(bag, record, answers, known)
    unknown = {rule["name"] for rule in record["rules"]} - {rule.name for rule in known}
    skipped: set[str] = set()
    if unknown:
        skipped |= _OF_ALL_RULES
        yield "rules", NOT_PERFORMED, f"not in this version: {', '.join(sorted(unknown))}"
    if again["code"] != record["code"]:
        skipped |= _OF_CODE
        yield "code", NOT_PERFORMED, "another version of this package; the audit was repeated"
    rows = [*_differences(record, again, skipped, unknown)]
    yield from (("findings, verdicts", DIFFERS, row) for row in rows)
    if not rows:
        number = len(again["verdicts"])
        yield "findings, verdicts", MATCHES, f"{number} checks and their findings performed again"
    jobs = result.jobs.select(result.columns)
    if not report.jobs().equals(jobs):
        yield "report", DIFFERS, "its jobs are not those of the pages"
    shown = document.statements(record, result.pages, result.document_pages)
    if not skipped and shown not in report.text:
        yield "report", DIFFERS, "its text is not what audit.json and the pages state"


def _performed_again(
    bag: Bag, record: Mapping[str, Any], answers: Answers, rules: Sequence[Any]
) -> tuple[AuditResult, dict[str, Any]]:
    """Run the audit of a record again; the manifest needs a file for a moment."""
    scope, options = dict(record["scope"]), dict(record["settings"])
    scope["listed_at"] = scope["listed_at"] and dt.datetime.fromisoformat(scope["listed_at"])
    if "now" in options:
        options["now"] = dt.datetime.fromisoformat(options["now"])
    if "tags" in options:
        options["tags"] = pl.DataFrame(json.loads(bag.read("data/tags.json")), schema=TAGS)
    with tempfile.TemporaryDirectory() as folder:
        if "expected" in options:
            options["expected"] = Path(folder) / Path(options["expected"]["name"]).name
            options["expected"].write_bytes(bag.read("data/manifest.csv"))
        result = run_audit(
            answers.reading(record),
            scope=Scope(**scope),
            templates=record["templates"],
            rules=rules,
            audited_at=dt.datetime.fromisoformat(record["audited_at"]),
            **options,
        )
        return result, audit_record(result, record["title"], record["notes"])


def _differences(
    record: Mapping[str, Any], again: Mapping[str, Any], skipped: set[str], unknown: set[str]
) -> Iterator[str]:
    """Each statement that is another one when the audit is performed again."""
    for name in sorted({*record, *again} - skipped):
        stated, found = record.get(name), again.get(name)
        if name in ("findings", "verdicts"):
            stated = [row for row in stated or () if row["rule"] not in unknown]
            pairs = enumerate(zip_longest(stated, found or ()), 1)
            different = [(number, *pair) for number, pair in pairs if pair[0] != pair[1]]
            if different:
                number, stated, found = different[0]
                yield f"{name}, row {number}: {_apart(stated, found)}"
        elif canonical(stated) != canonical(found):
            yield f"{name}: {_apart(stated, found)}"


def _apart(*values: Any) -> str:
    """Two values from a little before the first difference on."""
    texts = [canonical(value) for value in values]
    start = max(0, len(os.path.commonprefix(texts)) - 40)
    stated, found = (f"{text[start:]:.120}" for text in texts)
    return f"...{stated} is stated, ...{found} is right"
