"""The demo's enterprise: six weeks of letters, and the night on which half of them failed.

Everything is derived from a seed and a fixed clock, so it is the same on every machine and day,
except for the running batch, which follows the emulator's clock. Jobs are created on request: a job
is a function of its batch and its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property, lru_cache
from random import Random
from typing import Any, Final

from boxdocgen_explore.emulator.documents import Document, Folder, content
from boxdocgen_explore.emulator.enterprise import DEMO_USER, Batch, Enterprise, Job, Template
from boxdocgen_explore.emulator.outcomes import (
    CLEAN,
    FEW_PROBLEMS,
    OFFER_LETTERS,
    Failures,
    Outcome,
    everyday,
)
from boxdocgen_explore.emulator.templates import TEMPLATES

STORY_BATCH_ID: Final = "12345600319"
"""Offer letters, 3 Nov 02:14: the batch that went wrong."""

STORY_NOW: Final = datetime(2026, 11, 3, 8, 0, tzinfo=UTC)
"""The start of the demo's emulator, in the demo's calendar."""

_SUMMER_TIME_ENDS: Final = datetime(2026, 11, 1, 9, tzinfo=UTC)
_JOB_ID_STEP: Final = 13
_JOB_IDS_PER_BATCH: Final = 1_000_000
_FIRST_JOB_ID: Final = 38_201_000_417
_PER_MINUTE: Final = 67.5
"""Documents that Box makes; it publishes 50 to 80 a minute."""
_WAITING_JOBS: Final = 150


@dataclass(frozen=True, eq=False, kw_only=True)
class Mailing(Batch):
    """One batch of the story: everything from which its jobs are derived."""

    ordinal: int
    created_at: datetime
    age_at_start_s: float
    template: Template
    version_id: str
    counts: Mapping[Outcome, int] | None = None
    external_id: str | None = None

    def job(self, place: int, elapsed_s: float) -> Job:
        number = _FIRST_JOB_ID + self.ordinal * _JOB_IDS_PER_BATCH + place * _JOB_ID_STEP
        status, failures = self._state(place, elapsed_s)
        has_document = status in ("completed", "completed_with_error")
        job = {
            "id": str(number),
            **self._same,
            "output_file": {"id": f"18{number}", "type": "file"} if has_document else None,
            "output_file_version": (
                {"id": f"20{number}", "type": "file_version"} if has_document else None
            ),
            "status": status,
            "failures": failures,
        }
        if self.external_id:
            job["external_id"] = f"{self.external_id}-{4711 + place:06d}"
        # Jobs of one request are created within a minute or so.
        job["created_at"] = _box_time(self.created_at, 3 + place // 250)
        job.update(_CREATOR)
        return job

    @cached_property
    def _same(self) -> Job:
        """The fields that are equal in all jobs of the batch."""
        return {
            "type": "docgen_job",
            "batch": {"id": self.id, "type": "docgen_batch"},
            "template_file": {"id": self.template.id, "type": "file"},
            "template_file_version": {"id": self.version_id, "type": "file_version"},
            "output_type": "docx" if self.template.name in _EDITABLE else "pdf",
        }

    def document(self, place: int, elapsed_s: float) -> Document | None:
        job = self.job(place, elapsed_s)
        if job["output_file"] is None:
            return None
        file_id = job["output_file"]["id"]
        size, sha1 = content(file_id)
        person = job.get("external_id") or f"{self.ordinal:02d}-{place + 1:05d}"
        return Document(
            file_id,
            f"{self.template.name or 'Document'} {person}.{job['output_type']}",
            size,
            sha1,
            _box_time(self.created_at, round(self._done_s(place))),
            self._folder,
        )

    @staticmethod
    def _done_s(place: int) -> float:
        """When a job becomes final, in seconds after the batch was created: one after another."""
        return 6 + (place + 1) * 60 / _PER_MINUTE

    @cached_property
    def _folder(self) -> Folder:
        name = self.template.name or "Documents"
        return Folder(f"19{self.id}", f"{name} {self.created_at:%Y-%m-%d}")

    @cached_property
    def _outcomes(self) -> dict[int, Outcome]:
        """Places of jobs with another outcome than completed."""
        random = Random(f"letters of autumn/{self.id}")  # noqa: S311 - demo data, no secret
        counts = everyday(self.size, random) if self.counts is None else self.counts
        drawn = [outcome for outcome, jobs in counts.items() for _ in range(jobs)]
        # Only random() is the same in every version of Python, so no shuffle() and sample() here.
        places = sorted(range(self.size), key=lambda _: random.random()) if drawn else []
        return dict(zip(places, drawn, strict=False))

    def _state(self, place: int, elapsed_s: float) -> tuple[str, Failures | None]:
        """Status and failures; a running batch is processed in the order of its places."""
        if self.runs:
            ahead_s = self._done_s(place) - self.age_at_start_s - max(0.0, elapsed_s)
            if ahead_s > 0:
                waits = ahead_s < _WAITING_JOBS * 60 / _PER_MINUTE
                return ("pending" if waits else "submitted"), None
        outcome = self._outcomes.get(place, CLEAN)
        return outcome.status, outcome.failures(f"{self.id}/{place}")


@lru_cache(maxsize=1024)
def _box_time(begin: datetime, later_s: int) -> str:
    """A time as Box writes it: to the second, with California's offset."""
    time = begin + timedelta(seconds=later_s)
    hours = -7 if time < _SUMMER_TIME_ENDS else -8
    return time.astimezone(timezone(timedelta(hours=hours))).isoformat()


# Time (2026, UTC), template, version, jobs; then options of the batch.
_DIARY: Final[tuple[tuple[str, str, int, int, dict[str, Any]], ...]] = (
    ("09-24 13:05", "Onboarding letter", 1, 12, {}),
    ("09-25 02:30", "Payslip", 2, 1240, {}),
    ("09-28 09:41", "Non-disclosure agreement", 1, 1, {}),
    ("09-29 02:14", "Offer letter", 3, 640, {"external_id": "EMP"}),
    ("09-30 16:20", "Training certificate", 1, 86, {}),
    ("10-01 05:00", "Travel policy", 1, 3200, {}),
    ("10-02 02:30", "Payslip", 2, 1242, {}),
    ("10-05 11:12", "Reference letter", 2, 7, {}),
    ("10-06 02:14", "Offer letter", 3, 710, {"external_id": "EMP"}),
    ("10-06 15:33", "Invoice", 4, 999, {}),
    ("10-08 10:02", "Contract amendment", 2, 240, {}),
    ("10-09 02:30", "Payslip", 2, 1247, {}),
    ("10-12 08:15", "Salary review", 1, 1800, {}),
    ("10-13 02:14", "Offer letter", 4, 820, {"external_id": "EMP"}),
    ("10-13 14:47", "Training certificate", 1, 64, {}),
    ("10-14 06:00", "Annual benefits statement", 2, 25000, {"external_id": "BEN"}),
    ("10-15 09:28", "Service agreement", 1, 33, {}),
    ("10-16 02:30", "Payslip", 2, 1251, {}),
    ("10-16 12:00", "Invoice", 4, 1000, {}),
    ("10-19 07:55", "Onboarding letter", 1, 18, {}),
    ("10-20 02:14", "Offer letter", 4, 905, {"external_id": "EMP"}),
    ("10-20 13:31", "Reference letter", 2, 4, {}),
    ("10-21 05:30", "Travel policy", 2, 3204, {}),
    ("10-22 10:10", "Contract amendment", 2, 310, {}),
    ("10-23 02:30", "Payslip", 3, 1255, {}),
    ("10-23 12:00", "Invoice", 4, 1001, {}),
    ("10-26 09:17", "Non-disclosure agreement", 1, 45, {}),
    ("10-27 02:14", "Offer letter", 4, 3000, {"external_id": "EMP", "counts": FEW_PROBLEMS}),
    ("10-27 16:05", "Training certificate", 2, 120, {}),
    ("10-28 08:40", "Salary review", 1, 2100, {}),
    ("10-29 11:26", "Service agreement", 1, 28, {}),
    ("10-29 15:52", "Contract amendment", 3, 0, {}),
    ("10-30 02:30", "Payslip", 3, 1258, {}),
    ("10-30 06:00", "Annual benefits statement", 2, 4200, {"broken_at": 2416}),
    ("10-30 12:00", "Invoice", 4, 1480, {}),
    ("10-31 09:00", "Reference letter", 2, 9, {}),
    ("11-01 07:30", "Onboarding letter", 2, 22, {}),
    ("11-02 10:44", "Non-disclosure agreement", 2, 51, {}),
    ("11-02 12:00", "Invoice", 4, 1312, {}),
    ("11-03 02:14", "Offer letter", 5, 3000, {"external_id": "EMP", "counts": OFFER_LETTERS}),
    ("11-03 02:30", "Payslip", 3, 1260, {}),
    ("11-03 07:52", "Salary review", 1, 1800, {"runs": True}),
)

_EDITABLE: Final = frozenset({"Contract amendment", "Reference letter", "Service agreement"})
"""Templates whose documents are Word files."""

_CREATOR: Final = {
    "created_by": DEMO_USER.reference,
    "enterprise": {"id": DEMO_USER.enterprise_id, "type": "enterprise"},
    "source": "api",
}


def story(now: datetime = STORY_NOW) -> Enterprise:
    """A new copy of the demo's enterprise, whose times are relative to ``now``."""
    by_name = {template.name: template for template in TEMPLATES}
    story_at = next(at for at, row in enumerate(_DIARY) if row[4].get("counts") is OFFER_LETTERS)
    batches = []
    for at, (when, name, version, size, special) in enumerate(_DIARY):
        # Ids rise unevenly with time, and include the fixed id of the story.
        batch_id = str(int(STORY_BATCH_ID) + 9 * (at - story_at) + 5 * (at - story_at) % 7)
        template = by_name[name]
        age = STORY_NOW - datetime.fromisoformat(f"2026-{when}+00:00")
        batches.append(
            Mailing(
                id=batch_id,
                size=size,
                ordinal=at,
                created_at=now - age,
                age_at_start_s=age.total_seconds(),
                template=template,
                version_id=list(template.versions)[version - 1],
                **special,
            )
        )
    enterprise = Enterprise(batches, TEMPLATES)
    enterprise.changed = _changed_since(batches[story_at])
    return enterprise


_CHANGED: Final = (85, 160, 243, 988, 991)
"""Places of jobs of that night whose document was changed later."""


def _changed_since(night: Mailing) -> dict[str, Document]:
    """Changed letters of that night: one deleted, one moved, one empty, and one with the content
    of another."""
    made = (night.document(place, 0.0) for place in _CHANGED)
    deleted, moved, empty, first, second = (letter for letter in made if letter)
    changed = [
        replace(deleted, state="deleted"),
        replace(moved, folder=Folder("1900000000007", "Signed")),
        empty.emptied(),
        replace(second, size=first.size, sha1=first.sha1),
    ]
    return {document.id: document for document in changed}
