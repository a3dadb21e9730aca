"""Verify an evidence bag: the checks of its own script, and the audit again.

The answers are parsed again, the rules run again with the settings of the record, and the result
must be the same record, statement by statement.
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
from boxdocgen_explore.auditing import RULES, named_manifests
from boxdocgen_explore.errors import BoxDocGenError, BrokenBag, InvalidRequest
from boxdocgen_explore.reporting import (
    AuditResult,
    Scope,
    audit_record,
    canonical,
    parsed_report,
    run_audit,
    stated_code,
    stated_rule,
    statements,
    with_bag,
)
from boxdocgen_explore.schema import TAGS, VERIFICATION
from boxdocgen_explore.sealing.answers import Answer, parsed_answers, reading
from boxdocgen_explore.sealing.archive import Bag
from boxdocgen_explore.sealing.bag import TAG_MANIFEST
from boxdocgen_explore.sealing.box_again import BOX_NOW, DIFFERS, MATCHES, NOT_PERFORMED, box_now
from boxdocgen_explore.sealing.stand_alone import first_three, problems
from boxdocgen_explore.view import pack

_FILES: Final = "files, pages, counts"
_OF_ALL_RULES: Final = {"rules", "facts", "conclusion", "statements", "complete"}
_Row = tuple[str, str, str | None]
_CONCLUSIONS: Final = {
    None: "NOT consistent: what the bag states does not agree with itself.",
    "consistent": "Consistent: the bag agrees with itself. Whoever can write it could have made "
    "all of it, so compare its seal with one that was stored elsewhere (seal=, --seal).",
    "unchanged since lodged": "Unchanged since its seal was lodged, and consistent.",
}


@dataclass(frozen=True)
class Verification:
    """The result: ``statements`` has one row per statement (`schema.VERIFICATION`).

    ``level`` is "unchanged since lodged" if the given seal matches, otherwise "consistent"; None if
    something in the bag does not match. Only a signature makes it attributable. ``ok`` is False if
    anything does not match, including the given seal and Box today. ``box_read`` is False if Box
    was to be read and could not be read completely.
    """

    path: Path
    seal: str
    statements: pl.DataFrame

    @property
    def ok(self) -> bool:
        return DIFFERS not in self.statements["result"]

    @property
    def box_read(self) -> bool:
        of_box = self.statements.filter(pl.col("statement").str.starts_with(BOX_NOW))
        return NOT_PERFORMED not in of_box["result"]

    @property
    def level(self) -> str | None:
        is_seal = pl.col("statement") == "seal"
        outside = is_seal | pl.col("statement").str.starts_with(BOX_NOW)
        if DIFFERS in self.statements.filter(~outside)["result"]:
            return None
        lodged = MATCHES in self.statements.filter(is_seal)["result"]
        return "unchanged since lodged" if lodged else "consistent"

    def __str__(self) -> str:
        rows = self.statements.iter_rows()
        lines = [f"{result:14} {name}{f': {text}' if text else ''}" for name, result, text in rows]
        seal = [f"Seal: {self.seal}"] if self.level else []  # it would match, but mean nothing
        return "\n".join([_CONCLUSIONS[self.level], *lines, *seal])


def verify(
    path: str | os.PathLike[str], seal: str | None = None, *, box: Any = None
) -> Verification:
    """Verify an evidence bag, or a report that has one, by performing its audit again.

    A completely forged bag is consistent, too: only a seal stored in another place proves that the
    bag is unchanged. See `evidence` for an example.

    With ``box``, a `Box`, its batches are read again: jobs that were final must be unchanged; jobs
    that were still running may have changed.

    Raises:
        InvalidRequest: the seal is not 64 hexadecimal digits.
        BrokenBag: the file cannot be read, or is not an evidence bag.
    """
    bag = Bag(checked_path("path", path))
    if seal is not None and not (isinstance(seal, str) and re.fullmatch("[0-9a-fA-F]{64}", seal)):
        raise InvalidRequest(f"seal must be 64 hexadecimal digits, not {quoted(seal)}.")
    found = hashlib.sha256(bag.read(TAG_MANIFEST)).hexdigest()
    wrong = first_three(problems(bag.names, bag.read))
    rows = [*_guarded(bag, ((_FILES, DIFFERS, problem) for problem in wrong), _FILES)]
    files_match = not rows
    if not files_match:
        rows.append(("audit", NOT_PERFORMED, "these are not the files that it was made from"))
    else:
        rows = [(_FILES, MATCHES, f"{len(bag.names):,} files"), *_guarded(bag, _audit(bag))]
        rows += _guarded(bag, _report_around(bag, found))
    if box is not None:
        consistent = all(row[1] != DIFFERS for row in rows)
        why = "the bag does not agree with itself"
        rows += box_now(bag, box) if consistent else [(BOX_NOW, NOT_PERFORMED, why)]
    rows += [_zip_file(bag), _seal(found, seal, files_match)]
    rows.append(("attributable", NOT_PERFORMED, "a signature shows it: see data/FORMAT.md"))
    return Verification(Path(path), found, pl.DataFrame(rows, schema=VERIFICATION, orient="row"))


def _zip_file(bag: Bag) -> _Row:
    if bag.intact is None:
        return "zip file", NOT_PERFORMED, "it was packed again by another program"
    where = ", ".join(sorted(bag.damaged)) or "what is around the files"
    changed = f"a byte was changed, in {where}"
    return ("zip file", MATCHES, None) if bag.intact else ("zip file", DIFFERS, changed)


def _report_around(bag: Bag, seal: str) -> Iterator[_Row]:
    """Check that a report with the bag equals the report in the bag."""
    if bag.report is None:
        return
    if json.loads(bag.read("data/audit.json"))["code"] != stated_code():
        yield "report with the bag", NOT_PERFORMED, "another version wrote it"
    elif with_bag(bag.read("data/report.html").decode(), bag.content, seal)[0] == bag.report:
        yield "report with the bag", MATCHES, None
    else:
        yield "report with the bag", DIFFERS, "it is not the report in the bag"


def _seal(found: str, lodged: str | None, files_match: bool) -> _Row:
    if lodged and lodged.lower() != found:
        why = "this is not the bag whose seal was lodged, even if it is consistent"
        return "seal", DIFFERS, why
    if not files_match:
        why = "a seal is that of the manifest alone, and the files do not match it, or each other"
        return "seal", NOT_PERFORMED, why
    if lodged is None:
        return "seal", NOT_PERFORMED, "no seal to compare with; a complete forgery passes"
    return "seal", MATCHES, None


def _guarded(bag: Bag, rows: Iterator[_Row], name: str = "audit") -> Iterator[_Row]:
    try:
        yield from rows
    except (Exception, pl.exceptions.PanicException) as error:  # anything may be in the files
        why = f"a file is not as data/FORMAT.md says, probably {bag.last} ({error!r:.200})"
        text = f"{error!s:.300}" if isinstance(error, BoxDocGenError) else why
        yield name, DIFFERS, f"cannot be checked: {text}"


def _audit(bag: Bag) -> Iterator[_Row]:
    """Repeat the audit and compare it with its record; then compare the report with both."""
    content = bag.read("data/audit.json")
    record, answers = json.loads(content), parsed_answers(bag)
    report = parsed_report(Path("data/report.html"), bag.read("data/report.html").decode())
    same = report.record == content
    yield "report", MATCHES if same else DIFFERS, None if same else "it has another record"
    missing = sum(rows is None and request.get("status", 200) == 200 for request, rows in answers)
    if missing:
        why = f"{missing:,} answers are not in the bag, only their SHA-256"
        yield "findings, verdicts", NOT_PERFORMED, why
        return
    rules = [rule for rule in RULES if stated_rule(rule) in record["rules"]]
    if "earlier" in record["settings"]:  # an earlier reading is not in the bag
        rules = [rule for rule in rules if rule.option != "earlier"]
    unknown = {rule["name"] for rule in record["rules"]} - {rule.name for rule in rules}
    same_code, skipped = record["code"] == stated_code(), _OF_ALL_RULES if unknown else set[str]()
    if unknown:
        yield "rules", NOT_PERFORMED, f"cannot be performed again: {', '.join(sorted(unknown))}"
    if record["history"]:
        yield "history", NOT_PERFORMED, "the earlier audits are not in the bag"
    if not same_code:
        skipped = skipped | {"code", "facts", "statements", "sample"}  # these depend on its wording
        yield "code", NOT_PERFORMED, "it is another version; this one performs the audit again"
    result, again = _performed_again(bag, record, answers, rules)
    rows = [*_differences(record, again, skipped, unknown)]
    yield from (("findings, verdicts", DIFFERS, row) for row in rows)
    if not rows:
        yield "findings, verdicts", MATCHES, f"{len(rules)} checks performed again"
    jobs = result.jobs.select(result.columns)
    # Packing is faster than unpacking, but another zlib packs the same jobs differently.
    if report.payload != pack(jobs) and not report.jobs().equals(jobs):
        yield "report", DIFFERS, "its jobs are not those of the pages"
    if same_code:
        shown = statements(record, result.pages, result.reading.document_pages)
        if shown not in report.text:
            yield "report", DIFFERS, "its text is not what audit.json and the pages state"


def _performed_again(
    bag: Bag, record: Mapping[str, Any], answers: Sequence[Answer], rules: Sequence[Any]
) -> tuple[AuditResult, dict[str, Any]]:
    """Run the audit of a record again, with the manifest in a temporary file."""
    scope, options = dict(record["scope"]), dict(record["settings"])
    sample = record["sample"] or {}
    scope["listed_at"] = scope["listed_at"] and dt.datetime.fromisoformat(scope["listed_at"])
    if "now" in options:
        options["now"] = dt.datetime.fromisoformat(options["now"])
    if "period" in options:
        options["period"] = tuple(map(dt.datetime.fromisoformat, options["period"]))
    if "tags" in options:
        options["tags"] = pl.DataFrame(json.loads(bag.read("data/tags.json")), schema=TAGS)
    with tempfile.TemporaryDirectory() as folder:
        if "expected" in options:
            options["expected"] = Path(folder) / Path(options["expected"]["name"]).name
            options["expected"].write_bytes(bag.read("data/manifest.csv"))
        if "policy" in options:
            options["policy"] = _policy(bag, Path(folder) / "policy", options["policy"])
        earlier = {"earlier": options.pop("earlier")} if "earlier" in options else {}
        result = run_audit(
            reading(answers, record),
            scope=Scope(**scope),
            templates=record["templates"],
            rules=rules,
            audited_at=dt.datetime.fromisoformat(record["audited_at"]),
            prepared_by=record["prepared_by"],
            reviewed_by=record["reviewed_by"],
            sample=sample.get("n"),
            seed=sample.get("seed"),
            **options,
        )
        again = audit_record(result, record["title"], record["notes"])
        again["settings"] |= earlier  # only its rule was not performed again
        if again["sample"] and not (again["sample"]["meaning"] and record["sample"]["meaning"]):
            again["sample"]["meaning"] = record["sample"]["meaning"]  # one of the two had no SciPy
        again["history"] = record["history"]  # the earlier audits are not in the bag
        return result, again


def _policy(bag: Bag, folder: Path, stated: str) -> Path:
    """Write the policy and its manifests temporarily; it must not name other files."""
    inside = "data/policy/"
    files = {name.removeprefix(inside) for name in bag.names if name.startswith(inside)}
    policy = stated.partition(" (SHA-256 ")[0]
    absent = {policy, *named_manifests(bag.read(inside + policy))} - files
    if absent:
        raise BrokenBag(f"The policy needs {sorted(absent)[0]!r:.200}, which is not in the bag.")
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bag.read(inside + name))
    return folder / policy


def _differences(
    record: Mapping[str, Any], again: Mapping[str, Any], skipped: set[str], unknown: set[str]
) -> Iterator[str]:
    """The statements that differ when the audit is performed again."""
    for name in sorted({*record, *again} - skipped):
        stated, found = record.get(name), again.get(name)
        if name == "batch_table" and unknown:  # these two are about all rules, too
            ours = {"checks": None, "conclusion": None}
            stated, found = ([row | ours for row in rows or ()] for rows in (stated, found))
        if name in ("findings", "verdicts"):
            stated = [row for row in stated or () if row["rule"] not in unknown]
            pairs = enumerate(zip_longest(stated, found or ()), 1)
            different = next((pair for pair in pairs if pair[1][0] != pair[1][1]), None)
            if different:
                yield f"{name}, row {different[0]}: {_apart(*different[1])}"
        elif canonical(stated) != canonical(found):
            yield f"{name}: {_apart(stated, found)}"


def _apart(*values: Any) -> str:
    """Two values, starting shortly before their first difference."""
    texts = [canonical(value) for value in values]
    same = next((n for n, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), 0)
    stated, found = (f"{text[max(0, same - 40) :]:.120}" for text in texts)
    return f"...{stated} is stated, ...{found} is right"
