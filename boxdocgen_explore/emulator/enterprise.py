"""Who and what the emulator serves: users, templates, batches and their jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Protocol

from boxdocgen_explore.emulator.answers import encode

Job = dict[str, Any]
"""One job in Box's full form."""

FULL_ONLY: Final = ("created_at", "created_by", "enterprise", "source")
"""What the full form of a job has and the standard form has not."""

DEMO_TOKEN: Final = "demo-token"  # noqa: S105  it opens nothing but synthetic data


@dataclass(frozen=True)
class User:
    """Somebody with a token. ``may_act_as`` is an administrator's right to ``as-user``.

    >>> User("7", "Ada", "ada@example.com", token="t").enterprise_id
    '910967'
    """

    id: str
    name: str
    login: str
    enterprise_id: str = "910967"
    token: str = field(default=DEMO_TOKEN, repr=False)
    may_act_as: bool = False

    @property
    def reference(self) -> dict[str, str]:
        """The user as the jobs that they created name them."""
        return {"type": "user", "id": self.id, "name": self.name, "login": self.login}


DEMO_USER: Final = User("31415926535", "Service HR", "svc-hr@example.com")


@dataclass(frozen=True)
class Tag:
    """One tag of a template version, such as ``{{offer.start_date}}``."""

    content: str
    type: str
    json_paths: tuple[str, ...]

    def encoded(self) -> bytes:
        paths = list(self.json_paths)
        return encode({"tag_content": self.content, "tag_type": self.type, "json_paths": paths})


@dataclass(frozen=True)
class Template:
    """A template: its versions, oldest first, each with its tags (None: Box still reads them)."""

    id: str
    name: str | None
    versions: Mapping[str, tuple[Tag, ...] | None]

    def encoded(self) -> bytes:
        return encode({"file": {"type": "file", "id": self.id}, "file_name": self.name})


class Batch(Protocol):
    """A batch: jobs in a stable order, written when they are asked for."""

    @property
    def id(self) -> str: ...

    @property
    def owner(self) -> User: ...

    @property
    def size(self) -> int: ...

    @property
    def broken_at(self) -> int | None:
        """Place of the job that makes each page of the batch that holds it a 500."""

    def entries(self, start: int, stop: int, elapsed_s: float, *, full: bool) -> list[bytes]:
        """Jobs as JSON, ``elapsed_s`` seconds after the emulator started."""

    def find(self, job_id: str) -> int | None:
        """The place of a job, None if it is not in this batch."""

    def of_template(self, template_id: str) -> Batch | None:
        """The part of the batch that used a template."""


class _Entry(NamedTuple):
    """A given job, in both forms as JSON."""

    job_id: str
    template_id: str | None
    standard: bytes
    full: bytes

    @classmethod
    def of(cls, job: Job) -> _Entry:
        template_id = (job.get("template_file") or {}).get("id")
        standard = {name: value for name, value in job.items() if name not in FULL_ONLY}
        return cls(str(job.get("id")), template_id, encode(standard), encode(job))


@dataclass(frozen=True)
class ListedBatch:
    """A batch whose jobs are given one by one."""

    id: str
    owner: User
    jobs: Sequence[_Entry]
    broken_at: int | None = None

    @property
    def size(self) -> int:
        return len(self.jobs)

    def entries(self, start: int, stop: int, elapsed_s: float, *, full: bool) -> list[bytes]:
        return [job.full if full else job.standard for job in self.jobs[start:stop]]

    def find(self, job_id: str) -> int | None:
        return next((place for place, job in enumerate(self.jobs) if job.job_id == job_id), None)

    def of_template(self, template_id: str) -> Batch | None:
        jobs = [job for job in self.jobs if job.template_id == template_id]
        return replace(self, jobs=jobs) if jobs else None


@dataclass(frozen=True)
class JobListing:
    """The jobs of several batches as one list."""

    batches: Sequence[Batch]
    elapsed_s: float
    full: bool = False

    @property
    def size(self) -> int:
        return sum(batch.size for batch in self.batches)

    def entries(self, start: int, stop: int) -> list[bytes]:
        found: list[bytes] = []
        begin = 0
        for batch in self.batches:
            first, last = max(start - begin, 0), min(stop - begin, batch.size)
            if first < last:
                found += batch.entries(first, last, self.elapsed_s, full=self.full)
            begin += batch.size
        return found


class Enterprise:
    """Batches and templates; what a test changes between two calls.

    >>> enterprise = Enterprise.of({"1001": 2500, "1002": 0})
    >>> jobs = enterprise.jobs("1001")
    >>> jobs[0]["status"] = "pending"
    >>> enterprise.put("1001", jobs)
    """

    def __init__(self, batches: Sequence[Batch] = (), templates: Sequence[Template] = ()) -> None:
        self._batches = {batch.id: batch for batch in batches}
        self.templates = {template.id: template for template in templates}

    @classmethod
    def of(
        cls, batches: Mapping[str, int | Sequence[Job]], *, owner: User = DEMO_USER
    ) -> Enterprise:
        """Batch ids, each with its jobs in Box's full form, or how many completed ones to make."""
        enterprise = cls(templates=[PLAIN_TEMPLATE])
        for batch_id, jobs in batches.items():
            enterprise.put(batch_id, jobs, owner=owner)
        return enterprise

    def put(self, batch_id: str, jobs: int | Sequence[Job], *, owner: User | None = None) -> None:
        """Add a batch, or give one that is there other jobs (its owner stays)."""
        before = self._batches.get(batch_id)
        owner = owner or (before.owner if before else DEMO_USER)
        if isinstance(jobs, int):
            jobs = [plain_job(batch_id, number, owner) for number in range(jobs)]
        # One assignment: the server may be reading in its own thread.
        self._batches[batch_id] = ListedBatch(batch_id, owner, [_Entry.of(job) for job in jobs])

    def jobs(self, batch_id: str) -> list[Job]:
        """A copy of a batch's jobs in Box's full form, as they stand when the emulator starts."""
        batch = self._batches[batch_id]
        return [json.loads(entry) for entry in batch.entries(0, batch.size, 0.0, full=True)]

    def batch(self, batch_id: str, user: User) -> Batch | None:
        """A batch, if this user may see it."""
        batch = self._batches.get(batch_id)
        return batch if batch and batch.owner.id == user.id else None

    def batches(self, user: User) -> list[Batch]:
        """This user's batches, the latest first."""
        return [batch for batch in reversed([*self._batches.values()]) if batch.owner.id == user.id]

    def template_batches(self, template_id: str, user: User) -> list[Batch]:
        """What of this user's batches used a template."""
        parts = (batch.of_template(template_id) for batch in self.batches(user))
        return [part for part in parts if part]

    def job(self, job_id: str, user: User, elapsed_s: float) -> bytes | None:
        """One job in the standard form, if this user may see it."""
        for batch in self.batches(user):
            place = batch.find(job_id)
            if place is not None:
                return batch.entries(place, place + 1, elapsed_s, full=False)[0]
        return None


PLAIN_TEMPLATE: Final = Template(
    "1755000000001", "Letter", {"2055000000001": (Tag("{{name}}", "text", ("name",)),)}
)


def plain_job(batch_id: str, number: int, owner: User = DEMO_USER) -> Job:
    """A completed job in Box's full form; ``number`` is its place in the batch, from 0.

    >>> plain_job("1001", 0)["id"]
    '1001000000'
    """
    version_id = next(iter(PLAIN_TEMPLATE.versions))
    return {
        "id": f"{batch_id}{number:06d}",
        "type": "docgen_job",
        "batch": {"id": batch_id, "type": "docgen_batch"},
        "template_file": {"id": PLAIN_TEMPLATE.id, "type": "file"},
        "template_file_version": {"id": version_id, "type": "file_version"},
        "output_file": {"id": f"18{batch_id}{number:06d}", "type": "file"},
        "output_file_version": {"id": f"20{batch_id}{number:06d}", "type": "file_version"},
        "status": "completed",
        "output_type": "pdf",
        "failures": {"errors": [], "warnings": []},
        "created_at": "2026-11-02T18:14:03-08:00",
        "created_by": owner.reference,
        "enterprise": {"id": owner.enterprise_id, "type": "enterprise"},
        "source": "api",
    }
