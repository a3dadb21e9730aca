"""Who and what the emulator serves: accounts, templates, batches and their jobs."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

Job = dict[str, Any]
"""One job in Box's full form."""

FULL_ONLY: Final = ("created_at", "created_by", "enterprise", "source")
"""Fields of the full form of a job that the standard form does not have."""

DEMO_TOKEN: Final = "demo-token"  # noqa: S105  it opens nothing but synthetic data


@dataclass(frozen=True)
class Account:
    """A user with a token. ``may_act_as`` is an administrator's right to ``as-user``.

    >>> Account("7", "Ada", "ada@example.com", token="t").enterprise_id
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


User = Account
DEMO_USER: Final = Account("31415926535", "Service HR", "svc-hr@example.com")


@dataclass(frozen=True)
class Tag:
    """One tag of a template version, such as ``{{offer.start_date}}``."""

    content: str
    type: str
    json_paths: tuple[str, ...]

    def entry(self) -> dict[str, Any]:
        return {
            "tag_content": self.content,
            "tag_type": self.type,
            "json_paths": list(self.json_paths),
        }


@dataclass(frozen=True)
class Template:
    """A template: its versions, oldest first, each with its tags (None: still being processed)."""

    id: str
    name: str | None
    versions: Mapping[str, tuple[Tag, ...] | None]

    def entry(self) -> dict[str, Any]:
        return {"file": {"type": "file", "id": self.id}, "file_name": self.name}


class Batch(Protocol):
    """A batch: jobs in a stable order, made when they are requested."""

    @property
    def id(self) -> str: ...

    @property
    def owner(self) -> Account: ...

    @property
    def size(self) -> int: ...

    @property
    def broken_at(self) -> int | None:
        """Position of the job that makes every page with it a 500."""

    def jobs(self, start: int, stop: int, elapsed_s: float) -> list[Job]:
        """Jobs in the full form, ``elapsed_s`` seconds after the emulator started."""

    def find(self, job_id: str) -> int | None:
        """The position of a job, None if it is not in this batch."""

    def of_template(self, template_id: str) -> Batch | None:
        """The part of the batch that used a template."""


@dataclass(frozen=True)
class ListedBatch:
    """A batch whose jobs are given one by one."""

    id: str
    owner: Account
    items: Sequence[Job]
    broken_at: int | None = None

    @property
    def size(self) -> int:
        return len(self.items)

    def jobs(self, start: int, stop: int, elapsed_s: float) -> list[Job]:
        return list(self.items[start:stop])

    def find(self, job_id: str) -> int | None:
        return next((at for at, job in enumerate(self.items) if job.get("id") == job_id), None)

    def of_template(self, template_id: str) -> Batch | None:
        jobs = [j for j in self.items if (j.get("template_file") or {}).get("id") == template_id]
        return replace(self, items=jobs) if jobs else None


def standard(job: Job) -> Job:
    """A job in Box's standard form."""
    return {name: value for name, value in job.items() if name not in FULL_ONLY}


@dataclass(frozen=True)
class JobList:
    """The jobs of several batches as one list, in the standard or the full form."""

    batches: Sequence[Batch]
    elapsed_s: float
    full: bool = False

    @property
    def size(self) -> int:
        return sum(batch.size for batch in self.batches)

    def entries(self, start: int, stop: int) -> list[Job]:
        found: list[Job] = []
        begin = 0
        for batch in self.batches:
            first, last = max(start - begin, 0), min(stop - begin, batch.size)
            if first < last:
                found += batch.jobs(first, last, self.elapsed_s)
            begin += batch.size
        return found if self.full else [standard(job) for job in found]


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
        cls, batches: Mapping[str, int | Sequence[Job]], *, owner: Account = DEMO_USER
    ) -> Enterprise:
        """Batch ids, each with its jobs in Box's full form, or how many completed ones to make."""
        enterprise = cls(templates=[PLAIN_TEMPLATE])
        for batch_id, jobs in batches.items():
            enterprise.put(batch_id, jobs, owner=owner)
        return enterprise

    def put(
        self, batch_id: str, jobs: int | Sequence[Job], *, owner: Account | None = None
    ) -> None:
        """Add a batch, or replace the jobs of one that exists (its owner stays)."""
        before = self._batches.get(batch_id)
        owner = owner or (before.owner if before else DEMO_USER)
        if isinstance(jobs, int):
            jobs = [plain_job(batch_id, number, owner) for number in range(jobs)]
        # One assignment: the server may be reading in its own thread.
        self._batches[batch_id] = ListedBatch(batch_id, owner, copy.deepcopy(list(jobs)))

    def jobs(self, batch_id: str) -> list[Job]:
        """A copy of a batch's jobs in Box's full form, as they stand when the emulator starts."""
        batch = self._batches[batch_id]
        return copy.deepcopy(batch.jobs(0, batch.size, 0.0))

    def batch(self, batch_id: str, user: Account) -> Batch | None:
        """A batch, if this user may see it."""
        batch = self._batches.get(batch_id)
        return batch if batch and batch.owner.id == user.id else None

    def batches(self, user: Account) -> list[Batch]:
        """This user's batches, the latest first."""
        return [batch for batch in reversed([*self._batches.values()]) if batch.owner.id == user.id]

    def template_batches(self, template_id: str, user: Account) -> list[Batch]:
        """The parts of this user's batches that used a template."""
        parts = (batch.of_template(template_id) for batch in self.batches(user))
        return [part for part in parts if part]

    def job(self, job_id: str, user: Account, elapsed_s: float) -> Job | None:
        """One job in the standard form, if this user may see it."""
        for batch in self.batches(user):
            position = batch.find(job_id)
            if position is not None:
                return standard(batch.jobs(position, position + 1, elapsed_s)[0])
        return None


PLAIN_TEMPLATE: Final = Template(
    "1755000000001", "Letter", {"2055000000001": (Tag("{{name}}", "text", ("name",)),)}
)


def plain_job(batch_id: str, number: int, owner: Account = DEMO_USER) -> Job:
    """A completed job in Box's full form; ``number`` is its position in the batch, from 0.

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
