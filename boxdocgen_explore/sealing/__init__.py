"""A reading goes in; a report or an evidence bag that anyone can verify comes out.

The folder is not called ``evidence``, which would hide the function of this name.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Unpack

import polars as pl

from boxdocgen_explore.arguments import checked_texts, output_file, output_path
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.reporting import (
    HTML_ENDINGS,
    AuditResult,
    EvidenceOptions,
    Report,
    ReportOptions,
    Scope,
    audit_record,
    run_audit,
    sealed_report,
    with_bag,
    write_report,
)
from boxdocgen_explore.sealing.bag import policy_files, write_bag
from boxdocgen_explore.sealing.verification import Verification, verify

__all__ = [
    "NOT_EMBEDDED",
    "Verification",
    "evidence",
    "policy_files",
    "report",
    "verify",
    "write_evidence",
]

_WITHOUT_BODIES: Final = (
    "The evidence bag has no answer of Box, only the SHA-256 of each, because something was left "
    "out. So rows, ids, counts, verdicts and findings cannot be performed again from it."
)

NOT_EMBEDDED: Final = (
    "--embed-evidence (embed_evidence) needs Box's answers; with --redact (redact, columns) only "
    "their hashes remain. Leave one of them out."
)


def report(
    what: Reading | pl.DataFrame,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    scope: Scope | str | None = None,
    templates: Mapping[str, str] | pl.DataFrame | None = None,
    state: Mapping[str, Any] | None = None,
    columns: Collection[str] | None = None,
    redact: str | Collection[str] = (),
    notes: str | Sequence[str] = (),
    embed_evidence: bool = False,
    **options: Unpack[ReportOptions],
) -> Report:
    """Audit jobs and write one HTML file with the conclusion, findings, evidence and the view.

    The file is readable by its owner only, and replaces an older one once it is complete.

    Parameters:
        what: a reading; an explorer (all its rows, and its filters are set when the file opens);
            or a jobs frame, for which the report shows "no evidence".
        path: a file whose name ends in .html.
        scope: the requested scope of the audit, as a sentence.
        templates: template names by file id, or the frame of `Box.templates`.
        state: the filters that are set when the file opens, as in ``explorer.state``.
        columns: the columns to include (default: all).
        redact: "creators", "errors", "warnings", "external_id", "documents" (the names of the
            output files): left out of the audit and the file, which the report mentions.
            The reader's login and user id stay, even if the reader is one of the creators.
        notes: sentences for the evidence, such as `sample_recipe` returns.
        embed_evidence: embed the bag that `evidence` writes, for the button "Re-perform" in the
            browser. It has all answers of Box, so it cannot be combined with redaction.
        options: options of `audit`: ``expected``, ``rules``, ``tags``, ``now``, thresholds; also
            the names ``prepared_by`` and ``reviewed_by`` (without one, there is a line to sign),
            and ``sample`` and ``seed``, to list jobs for manual review (`sample`).

    Raises:
        InvalidRequest: an argument is invalid, the file cannot be written, or ``embed_evidence``
            is requested and Box's answers are not available.

    Source: `schema.PAGES` and `schema.DOCUMENT_PAGES` for the evidence, `schema.JOBS`,
    `schema.DETAILS` and `schema.DOCUMENTS` for the rest.

    >>> import tempfile, boxdocgen_explore as bx
    >>> from boxdocgen_explore.schema import JOBS
    >>> job = {"batch_id": "1", "job_id": "7", "status": "completed", "origin": "demo"}
    >>> path = f"{tempfile.mkdtemp()}/audit.html"
    >>> report(pl.DataFrame([job], schema=JOBS), path).verdict
    'No evidence: nothing shows ...'
    >>> bx.read_report(path)["job_id"].to_list()
    ['7']
    """
    output_path("path", path, *HTML_ENDINGS)
    if embed_evidence:
        _check_is_reading(what)
    result = run_audit(
        what,
        scope=scope,
        templates=templates,
        state=state,
        columns=columns,
        redact=redact,
        **options,
    )
    write = write_evidence if embed_evidence else write_report
    return write(result, path, title=title, notes=notes)


def evidence(
    what: Reading,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
    **options: Unpack[EvidenceOptions],
) -> Report:
    """Audit a reading and write a zip file with everything needed to audit it again.

    It has every answer of Box byte for byte, the report, the manifest, and a script that checks
    them; ``data/FORMAT.md`` in it explains the rest. The returned seal covers all of it: store it
    in another place. The file is readable by its owner only.

    Parameters:
        what: a reading, or an explorer that has one; its Box must still be open.
        path: a file whose name ends in .zip.
        title, notes: those of `report`.
        options: options of `report` and `audit`. With ``redact`` or ``columns``, the bag has only
            the SHA-256 of the answers.

    Raises:
        InvalidRequest: an argument is invalid, an answer is no longer cached, or the file cannot
            be written; an existing one then stays unchanged.

    >>> import tempfile, boxdocgen_explore as bx
    >>> with bx.demo() as box:
    ...     bag = evidence(box.read("12345600319"), f"{tempfile.mkdtemp()}/audit.zip")
    >>> verify(bag.path, seal=bag.seal).level
    'unchanged since lodged'
    """
    output_path("path", path, ".zip")
    _check_is_reading(what)
    return write_evidence(run_audit(what, **options), path, title=title, notes=notes)


def _check_is_reading(what: Any) -> None:
    if not isinstance(getattr(what, "reading", what), Reading):  # an explorer has one
        raise InvalidRequest(
            "Evidence needs the reading that box.read(...) returns: a plain frame of jobs does not "
            "say what Box answered."
        )


def write_evidence(
    result: AuditResult,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
) -> Report:
    """Write the result of `run_audit` and its answers, as `evidence` does.

    An .html file is the report with the bag in it. Raises as `evidence`.
    """
    target = output_path("path", path, ".zip", *HTML_ENDINGS)
    embedded = target.suffix.lower() != ".zip"
    if embedded and result.removed:
        raise InvalidRequest(NOT_EMBEDDED)
    notes = [*checked_texts("notes", notes), *([_WITHOUT_BODIES] if result.removed else [])]
    record = audit_record(result, title, notes)
    report, digest = sealed_report(result, record)
    with output_file(target, private=True) as part:
        seal = write_bag(part, target.stem, result, record, report)
        if embedded:
            text, digest = with_bag(report, part.read_bytes(), seal)
            part.write_text(text, encoding="utf-8")
    return Report(target, result.verdict, result.complete, digest, seal)
