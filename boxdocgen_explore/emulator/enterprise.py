"""The data of the emulator: users, templates, batches and their jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import inf
from typing import Any, Final

import msgspec

from boxdocgen_explore.emulator.documents import Document, plain_document

Job = dict[str, Any]
"""One job in Box's full form."""

FULL_ONLY: Final = ("created_at", "created_by", "enterprise", "source")
"""The fields that only the full form of a job has."""

DEMO_TOKEN: Final = "demo-token"  # noqa: S105 - it gives access to synthetic data only


@dataclass(frozen=True)
class User:
    """A user with a token. ``may_act_as`` is an administrator's right to use ``as-user``.

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
        """The user, as it appears in the jobs that it created."""
        return {"type": "user", "id": self.id, "name": self.name, "login": self.login}


DEMO_USER: Final = User("31415926535", "Service HR", "svc-hr@example.com")


@dataclass(frozen=True)
class Tag:
    """One tag of a template version, such as ``{{offer.start_date}}``."""

    content: str
    type: str
    json_paths: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    """A template and the tags of each version, oldest first (None: not processed by Box yet)."""

    id: str
    name: str | None
    versions: Mapping[str, tuple[Tag, ...] | None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """Jobs in a stable order, accessed by place; times are seconds since the start.

    Only jobs of a batch that ``runs`` change with time. A page with the job at ``broken_at`` is a
    500.
    """

    id: str
    size: int
    owner: User = DEMO_USER
    runs: bool = False
    broken_at: int | None = None

    def job(self, place: int, elapsed_s: float) -> Job:
        """The job at a place, in Box's full form."""
        raise NotImplementedError

    def document(self, place: int, elapsed_s: float) -> Document | None:
        """The output file of the job at a place, if it exists by then."""
        raise NotImplementedError

    def documents(self, elapsed_s: float) -> list[Document]:
        """The output files that exist by then."""
        return _documents(self, elapsed_s if self.runs else 0.0)

    @cached_property
    def job_places(self) -> dict[str, int]:
        """The place of each job, by its id."""
        return {self.job(place, 0.0)["id"]: place for place in range(self.size)}

    @cached_property
    def document_places(self) -> dict[str, int]:
        """The place of each output file's job, by the file's id."""
        made = ((place, self.document(place, inf)) for place in range(self.size))
        return {document.id: place for place, document in made if document}


@lru_cache(maxsize=8)
def _documents(batch: Batch, elapsed_s: float) -> list[Document]:
    found = (batch.document(place, elapsed_s) for place in range(batch.size))
    return [document for document in found if document is not None]


@dataclass(frozen=True, eq=False, kw_only=True)
class _GivenJobs(Batch):
    """A batch of given jobs."""

    jobs: Sequence[Job]

    def job(self, place: int, elapsed_s: float) -> Job:
        return self.jobs[place]

    def document(self, place: int, elapsed_s: float) -> Document | None:
        return plain_document(self.jobs[place])


class Enterprise:
    """Batches and templates; tests may change them between calls.

    ``changed`` has output files that were moved, deleted or changed later, by id.

    >>> enterprise = Enterprise.of({"1001": 2500, "1002": 0})
    >>> jobs = enterprise.jobs("1001")
    >>> jobs[0]["status"] = "pending"
    >>> enterprise.put("1001", jobs)
    >>> from dataclasses import replace
    >>> letter = enterprise.documents("1001")[7]
    >>> enterprise.changed[letter.id] = replace(letter, state="deleted")
    """

    def __init__(self, batches: Sequence[Batch] = (), templates: Sequence[Template] = ()) -> None:
        self._batches = {batch.id: batch for batch in batches}
        self.templates: dict[str, Template] = {template.id: template for template in templates}
        self.changed: dict[str, Document] = {}

    @classmethod
    def of(
        cls, batches: Mapping[str, int | Sequence[Job]], *, owner: User = DEMO_USER
    ) -> Enterprise:
        """Create one from batch ids, each with jobs in Box's full form, or a number of them."""
        enterprise = cls(templates=[PLAIN_TEMPLATE])
        for batch_id, jobs in batches.items():
            enterprise.put(batch_id, jobs, owner=owner)
        return enterprise

    def put(self, batch_id: str, jobs: int | Sequence[Job], *, owner: User | None = None) -> None:
        """Add a batch, or replace the jobs of one (its owner stays)."""
        before = self._batches.get(batch_id)
        owner = owner or (before.owner if before else DEMO_USER)
        if isinstance(jobs, int):
            jobs = [plain_job(batch_id, number, owner) for number in range(jobs)]
        given = _GivenJobs(id=batch_id, size=len(jobs), owner=owner, jobs=_copies(jobs))
        # One assignment, because the server may be reading in another thread.
        self._batches[batch_id] = given

    def jobs(self, batch_id: str) -> list[Job]:
        """A copy of a batch's jobs in Box's full form, as they are when the emulator starts."""
        batch = self._batches[batch_id]
        return _copies([batch.job(place, 0.0) for place in range(batch.size)])

    def batch(self, batch_id: str, user: User) -> Batch | None:
        """A batch, if this user may see it."""
        batch = self._batches.get(batch_id)
        return batch if batch and batch.owner.id == user.id else None

    def batches(self, user: User) -> list[Batch]:
        """This user's batches, latest first."""
        return [batch for batch in reversed([*self._batches.values()]) if batch.owner.id == user.id]

    def documents(self, batch_id: str) -> list[Document]:
        """The output files of a batch, in their final state."""
        return [
            self.changed.get(document.id, document)
            for document in self._batches[batch_id].documents(inf)
        ]

    def document(self, file_id: str, user: User, elapsed_s: float) -> Document | None:
        """An output file, if its batch belongs to this user and it exists by then."""
        for batch in self.batches(user):
            place = batch.document_places.get(file_id)
            if place is not None and (made := batch.document(place, elapsed_s)):
                return self.changed.get(file_id, made)
        return None

    def folder(self, folder_id: str, user: User, elapsed_s: float) -> list[Document] | None:
        """The files in a folder that this user can see; None if there is no such folder."""
        # Every batch writes its documents to a folder whose id is derived from that of the batch.
        batches = [batch for batch in self.batches(user) if folder_id == f"19{batch.id}"]
        found = {
            document.id: document for batch in batches for document in batch.documents(elapsed_s)
        }
        for file_id in self.changed:
            if changed := self.document(file_id, user, elapsed_s):
                found[file_id] = changed
        inside = [document for document in found.values() if document.folder.id == folder_id]
        visible = [document for document in inside if document.state == "active"]
        return visible if inside else None


def _copies(jobs: Sequence[Job]) -> list[Job]:
    """Deep copies of the jobs, as JSON returns them."""
    copies: list[Job] = msgspec.json.decode(msgspec.json.encode(jobs))
    return copies


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
