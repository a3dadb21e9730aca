"""How a document can turn out, and what Box then says: the demo's messages and warnings.

Box documents two texts, for a missing and for an unused tag, and they are used word for word; the
others are invented. They contain numbers, quoted names and ids, as real ones do, so that grouping
them is not trivial.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Final

Failures = dict[str, list[str]]


@dataclass(frozen=True)
class Outcome:
    """A job's end: its status, and Box's errors and warnings (None: Box gave no reason)."""

    status: str
    errors: tuple[str, ...] | None = ()
    warnings: tuple[str, ...] = ()

    def failures(self, seed: str) -> Failures | None:
        """Box's field of that name, with this job's own numbers in the messages."""
        if self.errors is None or not self._has_details:
            return self._without_details
        return self._with_details(Random(seed))  # noqa: S311  a story

    @cached_property
    def _has_details(self) -> bool:
        # Without any, all jobs share one dict: seeding a generator costs more than all the rest.
        return any("{" in text for text in (*(self.errors or ()), *self.warnings))

    @cached_property
    def _without_details(self) -> Failures | None:
        if self.errors is None:
            return None
        return {"errors": list(self.errors), "warnings": list(self.warnings)}

    def _with_details(self, random: Random) -> Failures:
        details = {
            "row": 2 + int(random.random() * 60),
            "cells": 3 + int(random.random() * 4),
            "seconds": 300 + int(random.random() * 40),
            "file": 1_755_000_000_000 + int(random.random() * 10**9),
            "reference": f"{int(random.random() * 16**8):08x}",
            "day": 10 + int(random.random() * 18),
            "amount": f"{40 + int(random.random() * 60)}.{int(random.random() * 1000):03d},00",
        }
        return {
            "errors": [text.format_map(details) for text in self.errors or ()],
            "warnings": [text.format_map(details) for text in self.warnings],
        }


NEW_TAG: Final = "offer.relocation_allowance"
"""Version 5 of the offer letter needs it, and last week's data does not have it."""


def _tag(name: str) -> str:
    """A tag in double braces, once the message has been formatted."""
    return "{{{{" + name + "}}}}"


_NO_NEW_TAG: Final = f"The tag '{NEW_TAG}' was not provided in the input data."
_BAD_IMAGE: Final = "The image 'photo-{file}.png' could not be read: unsupported format."
_BAD_DATE: Final = (
    "The value '31.02.2026' of tag {{{{offer.start_date}}}} in row {row} is not a date."
)
_BAD_AMOUNT: Final = f"The value '{{amount}}' of {_tag('offer.salary')} is not a number."
_BAD_TABLE: Final = "Table loop 'benefits' expected {cells} columns in row {row}."
_UNUSED: Final = "The tag 'candidate.middle_name' was provided but not used in the template."

CLEAN: Final = Outcome("completed")
UNUSED_TAG: Final = Outcome("completed", (), (_UNUSED,))

TAG_MISSING: Final = Outcome("failed", (_NO_NEW_TAG,))
TAG_MISSING_AND_IMAGE: Final = Outcome("failed", (_NO_NEW_TAG, _BAD_IMAGE))
BAD_DATE: Final = Outcome("failed", (_BAD_DATE,))
BAD_AMOUNT: Final = Outcome("failed", (_BAD_AMOUNT,))
BAD_AMOUNT_AND_DATE: Final = Outcome("failed", (_BAD_AMOUNT, _BAD_DATE), (_UNUSED,))
NO_REASON: Final = Outcome("failed", None)
TIMED_OUT: Final = Outcome("failed", ("Document generation timed out after {seconds} seconds.",))
INTERNAL: Final = Outcome("failed", ("Internal error, reference {reference}.",))
NO_ACCESS: Final = Outcome(
    "failed", ("Access to the file {file} was denied by a classification policy.",)
)
FOLDER_FULL: Final = Outcome(
    "failed", ("The destination folder '{file}' does not accept further items.",)
)

IMAGE_SKIPPED: Final = Outcome("completed_with_error", (_BAD_IMAGE,))
TABLE_CUT: Final = Outcome("completed_with_error", (_BAD_TABLE,))
DATE_AS_IS: Final = Outcome(
    "completed_with_error",
    ("The date '{day}/13/2026' could not be formatted with 'dd-mmm-yy' and was left as it is.",),
)
IMAGE_AND_TABLE: Final = Outcome("completed_with_error", (_BAD_IMAGE, _BAD_TABLE), (_UNUSED,))

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
"""The story's batch: 1,487 of 3,000 failed, 1,412 of them for one tag; 96 completed with errors."""

HANDFUL: Final[dict[Outcome, int]] = {TIMED_OUT: 2, NO_REASON: 1, IMAGE_SKIPPED: 3, UNUSED_TAG: 20}
"""A batch as it should be."""

_EVERYDAY_FAILURES: Final = (TIMED_OUT, INTERNAL, NO_ACCESS, FOLDER_FULL, NO_REASON)
_EVERYDAY_FLAWS: Final = (IMAGE_SKIPPED, TABLE_CUT, DATE_AS_IS)


def everyday(jobs: int, random: Random) -> dict[Outcome, int]:
    """A batch like most: up to 1 % failed, a little more with a flaw or a warning."""
    counts: dict[Outcome, int] = {}
    for outcomes, most in ((_EVERYDAY_FAILURES, 0.01), (_EVERYDAY_FLAWS, 0.012)):
        for _ in range(int(jobs * most * random.random())):
            outcome = outcomes[int(random.random() ** 2 * len(outcomes))]
            counts[outcome] = counts.get(outcome, 0) + 1
    counts[UNUSED_TAG] = int(jobs * 0.02 * random.random())
    return counts
