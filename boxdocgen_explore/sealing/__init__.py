"""A reading goes in; an evidence bag comes out, which anybody can verify.

The folder is not called ``evidence``, because that would hide the function of this name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from boxdocgen_explore.arguments import checked_text, checked_texts, output_path
from boxdocgen_explore.errors import InvalidRequest, Reading
from boxdocgen_explore.reporting import TITLE, AuditResult, audit_record, run_audit
from boxdocgen_explore.sealing.bag import write_bag
from boxdocgen_explore.sealing.verification import Verification, verify
from boxdocgen_explore.text import replacing

__all__ = ["Evidence", "Verification", "evidence", "verify", "write_evidence"]

_WITHOUT_BODIES: Final = (
    "The evidence bag has no original answer of Box, only the SHA-256 of each, because something "
    "was left out. So rows, ids, counts, verdicts and findings cannot be performed again from it."
)


@dataclass(frozen=True)
class Evidence:
    """A written evidence bag: where it is, the audit's verdict, and the seal to store elsewhere.

    ``complete`` is that of `report`.
    """

    path: Path
    verdict: str
    complete: bool
    seal: str

    def __str__(self) -> str:
        return f"{self.verdict}\n{self.path}\nSeal (SHA-256 of its tag manifest): {self.seal}"


def evidence(
    what: Reading,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
    **options: Any,
) -> Evidence:
    """Audit a reading and write a zip file with all that is needed to audit it again.

    It has every answer of Box byte for byte, the report, the manifest, and a script that checks
    them; ``data/FORMAT.md`` in it explains the rest. Its seal stands for all of it.

    Parameters:
        what: a reading, or an explorer that has one; its Box must still be open.
        path: a file whose name ends in .zip; readable by its owner only.
        title, notes: those of `report`.
        options: what `report` and `audit` take. With ``redact`` or ``columns``, the answers are
            not in the bag, only their SHA-256.

    Raises:
        InvalidRequest: an argument is invalid, an answer is no longer cached, or the file cannot
            be written.

    Source: the bodies of all answers that `Box.read` checked.

    >>> import tempfile, boxdocgen_explore as bx
    >>> with bx.demo() as box:
    ...     bag = evidence(box.read("12345600319"), Path(tempfile.mkdtemp()) / "audit.zip")
    >>> verify(bag.path, seal=bag.seal).level
    'unchanged since lodged'
    """
    output_path("path", path, ".zip")
    reading = _reading(what)
    result = run_audit(what, **options)
    return write_evidence(result, reading, path, title=title, notes=notes)


def write_evidence(
    result: AuditResult,
    reading: Reading,
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    notes: str | Sequence[str] = (),
) -> Evidence:
    """Write the result of `run_audit` and the answers that it is about, as `evidence` does.

    Raises:
        InvalidRequest: as `evidence`; an existing file then stays as it was.
    """
    target = output_path("path", path, ".zip")
    title = checked_text("title", TITLE if title is None else title) or TITLE
    notes = [*checked_texts("notes", notes), *([_WITHOUT_BODIES] if result.removed else [])]
    record = audit_record(result, title, notes)
    try:
        with replacing(target, private=True) as part:
            seal = write_bag(part, target.stem, result, record, reading)
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written: {error.strerror or error}.") from None
    return Evidence(target, result.verdict, result.complete, seal)


def _reading(what: Any) -> Reading:
    """The reading, also that of an explorer."""
    reading = getattr(what, "reading", what)
    if not isinstance(reading, Reading):
        raise InvalidRequest(
            "Evidence needs the reading that box.read(...) returns: a plain frame of jobs does not "
            "say what Box answered."
        )
    return reading
