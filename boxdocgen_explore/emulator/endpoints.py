"""Box's read-only endpoints, and their answers to an authorised user.

To add an endpoint, write a function and add it to `ENDPOINTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from boxdocgen_explore.emulator.documents import Document, Folder, chosen
from boxdocgen_explore.emulator.enterprise import (
    FULL_ONLY,
    Batch,
    Enterprise,
    Job,
    Tag,
    Template,
    User,
)
from boxdocgen_explore.emulator.paging import (
    EntryList,
    ListPage,
    offset_page,
    requested_page,
)
from boxdocgen_explore.emulator.replies import (
    Reply,
    client_error,
    forbidden,
    json_reply,
    not_found,
)


def standard(job: Job) -> Job:
    """A job in Box's standard form."""
    return {name: value for name, value in job.items() if name not in FULL_ONLY}


@dataclass(frozen=True)
class Request:
    """One call: its user, its parameters, and its time since the emulator started."""

    enterprise: Enterprise
    user: User
    query: dict[str, str]
    elapsed_s: float

    def template(self, template_id: str) -> Template:
        template = self.enterprise.templates.get(template_id)
        if template is None:
            raise not_found()
        return template

    def batches(self) -> list[Batch]:
        return self.enterprise.batches(self.user)

    def page_of_jobs(
        self, name: str, batches: list[Batch], form: Callable[[Job], Job] = standard
    ) -> ListPage:
        """A page of one list with the jobs of several batches; only its own jobs are created."""

        def read(start: int, stop: int) -> list[Job]:
            page: list[Job] = []
            for batch in batches:
                places = range(max(0, start), min(stop, batch.size))
                page += [form(batch.job(place, self.elapsed_s)) for place in places]
                start, stop = start - batch.size, stop - batch.size
            return page

        size = sum(batch.size for batch in batches)
        return requested_page(EntryList(f"{name} {self.user.id}", size, read), self.query)


def me(request: Request) -> Reply:
    user = request.user
    known: dict[str, Any] = {
        **user.reference,
        "created_at": "2024-02-05T08:00:00-08:00",
        "modified_at": "2026-10-01T08:00:00-07:00",
        "language": "en",
        "timezone": "America/Los_Angeles",
        "status": "active",
    }
    fields = request.query.get("fields")
    if fields:  # Box returns the enterprise only on request
        known["enterprise"] = {"type": "enterprise", "id": user.enterprise_id}
    return json_reply(chosen(known, fields))


def batch_jobs(request: Request, batch_id: str) -> Reply | ListPage:
    batch = request.enterprise.batch(batch_id, request.user)
    if batch is None:
        raise not_found()
    page = request.page_of_jobs(f"batch {batch_id}", [batch])
    if batch.broken_at is not None and 0 <= batch.broken_at - page.position < page.limit:
        return client_error(500)
    return page


def jobs(request: Request) -> ListPage:
    return request.page_of_jobs("jobs", request.batches(), form=dict)


def job(request: Request, job_id: str) -> Reply:
    for batch in request.batches():
        if (place := batch.job_places.get(job_id)) is not None:
            return json_reply(standard(batch.job(place, request.elapsed_s)))
    raise not_found()


def template_jobs(request: Request, template_id: str) -> ListPage:
    request.template(template_id)
    wanted = [
        job
        for batch in request.batches()
        for job in (batch.job(place, request.elapsed_s) for place in range(batch.size))
        if (job.get("template_file") or {}).get("id") == template_id
    ]
    name = f"template {template_id} {request.user.id}"
    return requested_page(EntryList.of(name, wanted, standard), request.query)


def templates(request: Request) -> ListPage:
    known = list(request.enterprise.templates.values())
    return requested_page(EntryList.of("templates", known, _template), request.query)


def template(request: Request, template_id: str) -> Reply:
    return json_reply(_template(request.template(template_id)))


def _template(template: Template) -> dict[str, Any]:
    return {"file": {"type": "file", "id": template.id}, "file_name": template.name}


def tags(request: Request, template_id: str) -> Reply | ListPage:
    versions = request.template(template_id).versions
    version_id = request.query.get("template_version_id") or list(versions)[-1]
    if version_id not in versions:
        raise not_found()
    found = versions[version_id]
    if found is None:
        return json_reply({"message": "Processing tags for this file."}, status=202)
    entry_list = EntryList.of(f"tags {template_id} {version_id}", found, _tag)
    return requested_page(entry_list, request.query)


def _tag(tag: Tag) -> dict[str, Any]:
    return {"tag_content": tag.content, "tag_type": tag.type, "json_paths": tag.json_paths}


def file(request: Request, file_id: str) -> Reply:
    found = request.enterprise.document(file_id, request.user, request.elapsed_s)
    if found is None or found.state == "deleted":
        raise not_found()
    if found.state == "trashed":
        return client_error(404, "trashed", "Item is trashed")
    if found.state == "forbidden":
        return forbidden()
    return json_reply(found.item(request.query.get("fields")))


def folder_items(request: Request, folder_id: str) -> Reply | ListPage:
    documents = request.enterprise.folder(folder_id, request.user, request.elapsed_s)
    if documents is None:
        raise not_found()
    fields = request.query.get("fields") or "sequence_id,name,sha1"  # Box's short form
    inside: list[Folder | Document] = [Folder(f"{folder_id}1", "Drafts"), *documents]
    entry_list = EntryList.of(f"folder {folder_id}", inside, lambda one: one.item(fields))
    if request.query.get("usemarker", "").lower() == "true":  # the SDK writes True
        return requested_page(entry_list, request.query, default=100)
    return offset_page(entry_list, request.query, default=100)


def no_such_endpoint(request: Request) -> Reply:
    raise not_found()


Endpoint = Callable[..., Reply | ListPage]

ENDPOINTS: Final[dict[str, Endpoint]] = {
    "/users/me": me,
    "/docgen_batch_jobs/([^/]+)": batch_jobs,
    "/docgen_jobs": jobs,
    "/docgen_jobs/([^/]+)": job,
    "/docgen_template_jobs/([^/]+)": template_jobs,
    "/docgen_templates": templates,
    "/docgen_templates/([^/]+)": template,
    "/docgen_templates/([^/]+)/tags": tags,
    "/files/([^/]+)": file,
    "/folders/([^/]+)/items": folder_items,
}
"""Paths below the base URL, as patterns; an id arrives decoded."""
