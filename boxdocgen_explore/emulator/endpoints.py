"""Box's read-only endpoints: what each of them answers to a user who may ask.

To add an endpoint, write a function and add it to `ENDPOINTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from boxdocgen_explore.emulator.documents import Folder, Item, chosen
from boxdocgen_explore.emulator.enterprise import Account, Batch, Enterprise, Template, job_list
from boxdocgen_explore.emulator.paging import (
    EntryList,
    ListPage,
    offset_page,
    requested_page,
    static_list,
)
from boxdocgen_explore.emulator.replies import Refusal, Reply, client_error, json_reply, not_found


@dataclass(frozen=True)
class Request:
    """One call: who asks, with which parameters, how long after the emulator started."""

    enterprise: Enterprise
    user: Account
    query: dict[str, str]
    elapsed_s: float

    def template(self, template_id: str) -> Template:
        template = self.enterprise.templates.get(template_id)
        if template is None:
            raise not_found()
        return template

    def batches(self) -> list[Batch]:
        return self.enterprise.batches(self.user)

    def page_of_jobs(self, name: str, batches: list[Batch], *, full: bool = False) -> ListPage:
        entries = job_list(f"{name} {self.user.id}", batches, self.elapsed_s, full=full)
        return requested_page(entries, self.query)


def me(request: Request) -> Reply:
    user = request.user
    standard = {
        **user.reference,
        "created_at": "2024-02-05T08:00:00-08:00",
        "modified_at": "2026-10-01T08:00:00-07:00",
        "language": "en",
        "timezone": "America/Los_Angeles",
        "status": "active",
    }
    fields = request.query.get("fields")
    if not fields:
        return json_reply(standard)
    # Box gives the enterprise only if it is asked for.
    known = standard | {"enterprise": {"type": "enterprise", "id": user.enterprise_id}}
    return json_reply(chosen(known, fields))


def batch_jobs(request: Request, batch_id: str) -> Reply | ListPage:
    batch = request.enterprise.batch(batch_id, request.user)
    if batch is None:
        raise not_found()
    page = request.page_of_jobs(f"batch {batch_id}", [batch])
    if batch.broken_at is not None and 0 <= batch.broken_at - page.position < page.limit:
        return client_error(500, "internal_server_error", "Internal Server Error")
    return page


def jobs(request: Request) -> ListPage:
    return request.page_of_jobs("jobs", request.batches(), full=True)


def job(request: Request, job_id: str) -> Reply:
    for batch in request.batches():
        found = batch.find(job_id, request.elapsed_s)
        if found is not None:
            return json_reply(found)
    raise not_found()


def template_jobs(request: Request, template_id: str) -> ListPage:
    request.template(template_id)
    parts = [batch.of_template(template_id) for batch in request.batches()]
    return request.page_of_jobs(f"template {template_id}", parts)


def templates(request: Request) -> ListPage:
    entries = [_template(template) for template in request.enterprise.templates.values()]
    return requested_page(static_list("templates", entries), request.query)


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
    entries = [
        {"tag_content": tag.content, "tag_type": tag.type, "json_paths": tag.json_paths}
        for tag in found
    ]
    return requested_page(static_list(f"tags {template_id} {version_id}", entries), request.query)


def file(request: Request, file_id: str) -> Reply:
    found = request.enterprise.document(file_id, request.user, request.elapsed_s)
    if found is None or found.state == "deleted":
        raise not_found()
    if found.state == "trashed":
        raise Refusal(404, "trashed", "Item is trashed")
    if found.state == "forbidden":
        raise Refusal(403, "access_denied_insufficient_permissions", "Access denied")
    return json_reply(found.item(request.query.get("fields")))


def folder_items(request: Request, folder_id: str) -> Reply | ListPage:
    documents = request.enterprise.folder(folder_id, request.user, request.elapsed_s)
    if documents is None:
        raise not_found()
    fields = request.query.get("fields") or "sequence_id,name,sha1"  # Box's short form
    drafts = chosen(Folder(f"{folder_id}1", "Drafts").reference, fields)

    def read(start: int, stop: int) -> list[Item]:
        files = documents[max(start - 1, 0) : max(stop - 1, 0)]
        return [drafts][start:] + [document.item(fields) for document in files]

    entry_list = EntryList(f"folder {folder_id}", len(documents) + 1, read)
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
