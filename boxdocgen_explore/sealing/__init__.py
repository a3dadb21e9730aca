"""A reading goes in; an evidence bag comes out, which anybody can verify.

The folder is not called ``evidence``, because that would hide the function of this name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, Unpack

from boxdocgen_explore.arguments import checked_texts, output_path
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.reporting import (
    AuditResult,
    EvidenceOptions,
    Report,
    audit_record,
    run_audit,
    sealed_report,
)
from boxdocgen_explore.sealing.bag import policy_files, write_bag
from boxdocgen_explore.sealing.verification import Verification, verify
from boxdocgen_explore.text import replacing

__all__ = ["Verification", "evidence", "policy_files", "verify", "write_evidence"]

_WITHOUT_BODIES: Final = (
    "The evidence bag has no answer of Box, only the SHA-256 of each, because something was left "
    "out. So rows, ids, counts, verdicts and findings cannot be performed again from it."
)


def evidence(
    what: Reading,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
    **options: Unpack[EvidenceOptions],
) -> Report:
    """Audit a reading and write a zip file with all that is needed to audit it again.

    It has every answer of Box byte for byte, the report, the manifest, and a script that checks
    them; ``data/FORMAT.md`` in it explains the rest. The seal that is returned stands for all of
    it: store it elsewhere. The file is readable by its owner only.

    Parameters:
        what: a reading, or an explorer that has one; its Box must still be open.
        path: a file whose name ends in .zip.
        title, notes: those of `report`.
        options: what `report` and `audit` take. With ``redact`` or ``columns``, the answers are
            not in the bag, only their SHA-256.

    Raises:
        InvalidRequest: an argument is invalid, an answer is no longer cached, or the file cannot
            be written; an existing one then stays as it was.

    >>> import tempfile, boxdocgen_explore as bx
    >>> with bx.demo() as box:
    ...     bag = evidence(box.read("12345600319"), f"{tempfile.mkdtemp()}/audit.zip")
    >>> verify(bag.path, seal=bag.seal).level
    'unchanged since lodged'
    """
    output_path("path", path, ".zip")
    reading = getattr(what, "reading", what)  # an explorer has one
    if not isinstance(reading, Reading):
        raise InvalidRequest(
            "Evidence needs the reading that box.read(...) returns: a plain frame of jobs does not "
            "say what Box answered."
        )
    return write_evidence(run_audit(what, **options), reading, path, title=title, notes=notes)


def write_evidence(
    result: AuditResult,
    reading: Reading,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
) -> Report:
    """Write the result of `run_audit` and the answers that it is about, as `evidence` does."""
    target = output_path("path", path, ".zip")
    notes = [*checked_texts("notes", notes), *([_WITHOUT_BODIES] if result.removed else [])]
    record = audit_record(result, title, notes)
    report, digest = sealed_report(result, record)
    try:
        with replacing(target, private=True) as part:
            seal = write_bag(part, target.stem, result, record, report, reading)
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written: {error.strerror or error}.") from None
    return Report(target, result.verdict, result.complete, digest, seal)
