"""Box's read-only calls: what each of them answers to a user who may ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from boxdocgen_explore.emulator.answers import Answer, encode, error, not_found
from boxdocgen_explore.emulator.enterprise import Enterprise, JobListing, Template, User
from boxdocgen_explore.emulator.paging import Fixed, Page, requested_page


@dataclass(frozen=True)
class Asked:
    """One call as the functions below see it: by whom, and with which parameters."""

    enterprise: Enterprise
    user: User
    query: dict[str, str]
    elapsed_s: float

    def template(self, template_id: str) -> Template:
        template = self.enterprise.templates.get(template_id)
        if template is None:
            raise not_found()
        return template


def me(asked: Asked) -> Answer:
    user = asked.user
    standard = {
        **user.reference,
        "created_at": "2024-02-05T08:00:00-08:00",
        "modified_at": "2026-10-01T08:00:00-07:00",
        "language": "en",
        "timezone": "America/Los_Angeles",
        "status": "active",
    }
    fields = asked.query.get("fields")
    if not fields:
        return Answer(200, encode(standard))
    # As at Box, the enterprise comes only when it is asked for.
    known = standard | {"enterprise": {"type": "enterprise", "id": user.enterprise_id}}
    chosen = {"type", "id", *(name.strip() for name in fields.split(","))}
    return Answer(200, encode({name: known[name] for name in known if name in chosen}))


def batch_jobs(asked: Asked, batch_id: str) -> Answer | Page:
    batch = asked.enterprise.batch(batch_id, asked.user)
    if batch is None:
        raise not_found()
    name = f"batch {batch_id} {asked.user.id}"
    page = requested_page(name, JobListing([batch], asked.elapsed_s), asked.query)
    if batch.broken_at is not None and 0 <= batch.broken_at - page.position < page.limit:
        return error(500, "internal_server_error", "Internal Server Error")
    return page


def jobs(asked: Asked) -> Page:
    batches = asked.enterprise.batches(asked.user)
    listing = JobListing(batches, asked.elapsed_s, full=True)
    return requested_page(f"jobs {asked.user.id}", listing, asked.query)


def job(asked: Asked, job_id: str) -> Answer:
    found = asked.enterprise.job(job_id, asked.user, asked.elapsed_s)
    if found is None:
        raise not_found()
    return Answer(200, found)


def template_jobs(asked: Asked, template_id: str) -> Page:
    asked.template(template_id)
    batches = asked.enterprise.template_batches(template_id, asked.user)
    name = f"template {template_id} {asked.user.id}"
    return requested_page(name, JobListing(batches, asked.elapsed_s), asked.query)


def templates(asked: Asked) -> Page:
    listing = Fixed([template.encoded() for template in asked.enterprise.templates.values()])
    return requested_page("templates", listing, asked.query)


def template(asked: Asked, template_id: str) -> Answer:
    return Answer(200, asked.template(template_id).encoded())


def tags(asked: Asked, template_id: str) -> Answer | Page:
    versions = asked.template(template_id).versions
    version_id = asked.query.get("template_version_id") or list(versions)[-1]
    if version_id not in versions:
        raise not_found()
    found = versions[version_id]
    if found is None:
        return Answer(202, encode({"message": "Processing tags for this file."}))
    listing = Fixed([tag.encoded() for tag in found])
    return requested_page(f"tags {template_id} {version_id}", listing, asked.query)


def no_such_call(asked: Asked) -> Answer:
    raise not_found()


ROUTES: Final[dict[str, Callable[..., Answer | Page]]] = {
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
