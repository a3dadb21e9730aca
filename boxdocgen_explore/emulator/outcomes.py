"""Outcomes of documents with Box's messages: the demo's errors and warnings.

Box publishes two texts, for a missing tag and for an unused one; the demo uses them word for word.
All other texts are invented. They contain numbers, quoted names and ids, so that grouping messages
by cause is not trivial.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

Failures = dict[str, list[str]]
"""A job's errors and warnings, as Box's field ``failures`` lists them."""


@dataclass(frozen=True)
class Outcome:
    """The end of a job: its status, and Box's errors and warnings (None: no reason)."""

    status: str
    errors: tuple[str, ...] | None = ()
    warnings: tuple[str, ...] = ()

    def failures(self, seed: str) -> Failures | None:
        """Box's field of that name; the seed decides the numbers in the messages."""
        if self.errors is None:
            return None
        if not self.errors and not self.warnings:  # most jobs; a page has a thousand
            return {"errors": [], "warnings": []}
        given = {"errors": self.errors, "warnings": self.warnings}
        details = _details(Random(seed))  # noqa: S311 - demo data, no secret
        return {kind: [text.format_map(details) for text in texts] for kind, texts in given.items()}


def _details(random: Random) -> dict[str, object]:
    return {
        "row": 2 + int(random.random() * 60),
        "cells": 3 + int(random.random() * 4),
        "seconds": 300 + int(random.random() * 40),
        "file": 1_755_000_000_000 + int(random.random() * 10**9),
        "reference": f"{int(random.random() * 16**8):08x}",
        "day": 10 + int(random.random() * 18),
        "amount": f"{40 + int(random.random() * 60)}.{int(random.random() * 1000):03d},00",
    }


NEW_TAG: Final = "offer.relocation_allowance"
"""The tag that version 5 of the offer letter introduced, and that the input data lacks."""

# Box's two documented texts, with the demo's tags.
_MISSING_TAG: Final = f"The tag '{NEW_TAG}' was not provided in the input data."
_UNUSED_TAG: Final = "The tag 'candidate.middle_name' was provided but not used in the template."

# Two of the invented texts show a tag as in a template, in (doubled) double braces.
_BAD_IMAGE: Final = "The image 'photo-{file}.png' could not be read: unsupported format."
_BAD_DATE: Final = (
    "The value '31.02.2026' of tag {{{{offer.start_date}}}} in row {row} is not a date."
)
_BAD_AMOUNT: Final = "The value '{amount}' of {{{{offer.salary}}}} is not a number."
_BAD_TABLE: Final = "Table loop 'benefits' expected {cells} columns in row {row}."
_NO_ACCESS: Final = "Access to the file {file} was denied by a classification policy."
_FOLDER_FULL: Final = "The destination folder '{file}' does not accept further items."
_DATE_AS_IS: Final = (
    "The date '{day}/13/2026' could not be formatted with 'dd-mmm-yy' and was left as it is."
)

CLEAN: Final = Outcome("completed")
UNUSED_TAG: Final = Outcome("completed", (), (_UNUSED_TAG,))

TAG_MISSING: Final = Outcome("failed", (_MISSING_TAG,))
TAG_MISSING_AND_IMAGE: Final = Outcome("failed", (_MISSING_TAG, _BAD_IMAGE))
BAD_DATE: Final = Outcome("failed", (_BAD_DATE,))
BAD_AMOUNT: Final = Outcome("failed", (_BAD_AMOUNT,))
BAD_AMOUNT_AND_DATE: Final = Outcome("failed", (_BAD_AMOUNT, _BAD_DATE), (_UNUSED_TAG,))
NO_REASON: Final = Outcome("failed", None)
TIMED_OUT: Final = Outcome("failed", ("Document generation timed out after {seconds} seconds.",))
INTERNAL: Final = Outcome("failed", ("Internal error, reference {reference}.",))
NO_ACCESS: Final = Outcome("failed", (_NO_ACCESS,))
FOLDER_FULL: Final = Outcome("failed", (_FOLDER_FULL,))

IMAGE_SKIPPED: Final = Outcome("completed_with_error", (_BAD_IMAGE,))
TABLE_CUT: Final = Outcome("completed_with_error", (_BAD_TABLE,))
DATE_AS_IS: Final = Outcome("completed_with_error", (_DATE_AS_IS,))
IMAGE_AND_TABLE: Final = Outcome("completed_with_error", (_BAD_IMAGE, _BAD_TABLE), (_UNUSED_TAG,))

OFFER_LETTERS: Final[dict[Outcome, int]] = {
    TAG_MISSING: 1389,
    TAG_MISSING_AND_IMAGE: 23,
    BAD_DATE: 21,
    BAD_AMOUNT: 16,
    BAD_AMOUNT_AND_DATE: 6,
    NO_REASON: 14,
    TIMED_OUT: 11,
    INTERNAL: 7,
    IMAGE_SKIPPED: 52,
    TABLE_CUT: 27,
    DATE_AS_IS: 12,
    IMAGE_AND_TABLE: 5,
    UNUSED_TAG: 18,
}
"""The story's batch: 1,487 of 3,000 failed, 1,412 because of one tag; 96 completed with errors."""

FEW_PROBLEMS: Final = {TIMED_OUT: 2, NO_REASON: 1, IMAGE_SKIPPED: 3, UNUSED_TAG: 20}
"""The batch of offer letters a week earlier, for comparison with the story's batch."""

_EVERYDAY_FAILURES: Final = (TIMED_OUT, INTERNAL, NO_ACCESS, FOLDER_FULL, NO_REASON)
_EVERYDAY_FLAWS: Final = (IMAGE_SKIPPED, TABLE_CUT, DATE_AS_IS)


def everyday(jobs: int, random: Random) -> dict[Outcome, int]:
    """The outcomes of an ordinary batch: up to 1 % failed, slightly more with a flaw or warning."""
    counts: dict[Outcome, int] = {}
    for outcomes, most in ((_EVERYDAY_FAILURES, 0.01), (_EVERYDAY_FLAWS, 0.012)):
        for _ in range(int(jobs * most * random.random())):
            outcome = outcomes[int(random.random() ** 2 * len(outcomes))]
            counts[outcome] = counts.get(outcome, 0) + 1
    counts[UNUSED_TAG] = int(jobs * 0.02 * random.random())
    return counts
