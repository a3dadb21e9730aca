"""Box's read-only calls, answered. A new endpoint is one function and one row of `ROUTES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from boxdocgen_explore.emulator.answers import Answer, encode, error, not_found
from boxdocgen_explore.emulator.enterprise import Account, Enterprise, JobList, Template
from boxdocgen_explore.emulator.paging import ListPage, StaticList, requested_page


@dataclass(frozen=True)
class Request:
    """One call: by whom, and with which parameters."""

    enterprise: Enterprise
    user: Account
    query: dict[str, str]
    elapsed_s: float

    def template(self, template_id: str) -> Template:
        template = self.enterprise.templates.get(template_id)
        if template is None:
            raise not_found()
        return template


def me(request: Request) -> Answer:
    standard = {
        **request.user.reference,
        "created_at": "2024-02-05T08:00:00-08:00",
        "modified_at": "2026-10-01T08:00:00-07:00",
        "language": "en",
        "timezone": "America/Los_Angeles",
        "status": "active",
    }
    fields = request.query.get("fields")
    if not fields:
        return Answer(200, encode(standard))
    # As at Box, the enterprise is sent only if it is requested.
    enterprise = {"type": "enterprise", "id": request.user.enterprise_id}
    known = standard | {"enterprise": enterprise}
    chosen = {"type", "id", *(name.strip() for name in fields.split(","))}
    return Answer(200, encode({name: known[name] for name in known if name in chosen}))


def batch_jobs(request: Request, batch_id: str) -> Answer | ListPage:
    batch = request.enterprise.batch(batch_id, request.user)
    if batch is None:
        raise not_found()
    name = f"batch {batch_id} {request.user.id}"
    page = requested_page(name, JobList([batch], request.elapsed_s), request.query)
    if batch.broken_at is not None and 0 <= batch.broken_at - page.position < page.limit:
        return error(500, "internal_server_error", "Internal Server Error")
    return page


def jobs(request: Request) -> ListPage:
    batches = request.enterprise.batches(request.user)
    items = JobList(batches, request.elapsed_s, full=True)
    return requested_page(f"jobs {request.user.id}", items, request.query)


def job(request: Request, job_id: str) -> Answer:
    found = request.enterprise.job(job_id, request.user, request.elapsed_s)
    if found is None:
        raise not_found()
    return Answer(200, encode(found))


def template_jobs(request: Request, template_id: str) -> ListPage:
    request.template(template_id)
    batches = request.enterprise.template_batches(template_id, request.user)
    name = f"template {template_id} {request.user.id}"
    return requested_page(name, JobList(batches, request.elapsed_s), request.query)


def templates(request: Request) -> ListPage:
    items = StaticList([template.entry() for template in request.enterprise.templates.values()])
    return requested_page("templates", items, request.query)


def template(request: Request, template_id: str) -> Answer:
    return Answer(200, encode(request.template(template_id).entry()))


def tags(request: Request, template_id: str) -> Answer | ListPage:
    versions = request.template(template_id).versions
    version_id = request.query.get("template_version_id") or list(versions)[-1]
    if version_id not in versions:
        raise not_found()
    found = versions[version_id]
    if found is None:
        return Answer(202, encode({"message": "Processing tags for this file."}))
    items = StaticList([tag.entry() for tag in found])
    return requested_page(f"tags {template_id} {version_id}", items, request.query)


def no_such_call(request: Request) -> Answer:
    raise not_found()


ROUTES: Final[dict[str, Callable[..., Answer | ListPage]]] = {
    "/users/me": me,
    "/docgen_batch_jobs/([^/]+)": batch_jobs,
    "/docgen_jobs": jobs,
    "/docgen_jobs/([^/]+)": job,
    "/docgen_template_jobs/([^/]+)": template_jobs,
    "/docgen_templates": templates,
    "/docgen_templates/([^/]+)": template,
    "/docgen_templates/([^/]+)/tags": tags,
}
"""Paths below the base URL, as patterns; an id arrives decoded."""
