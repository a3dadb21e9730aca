"""Box's official SDK, unchanged, reads the emulator like Box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import requests
from box_sdk_gen import (
    BaseUrls,
    BoxAPIError,
    BoxClient,
    BoxDeveloperTokenAuth,
    BoxNetworkClient,
    BoxRetryStrategy,
    NetworkSession,
)

from boxdocgen_explore.emulator import (
    DEMO_TOKEN,
    DEMO_USER,
    STORY_BATCH_ID,
    Emulator,
    Enterprise,
    story,
)

TEMPLATES = {template.name: template for template in story().templates.values()}
OFFER_LETTER = TEMPLATES["Offer letter"]


@contextmanager
def sdk(**options: Any) -> Iterator[tuple[BoxClient, Emulator]]:
    """The SDK with an emulator as its host."""
    with Emulator(**options) as emulator, requests.Session() as session:
        session.trust_env = False
        network = NetworkSession(
            base_urls=BaseUrls(base_url=emulator.url.removesuffix("/2.0")),
            network_client=BoxNetworkClient(requests_session=session),
            retry_strategy=BoxRetryStrategy(retry_base_interval=0.001),
        )
        auth = BoxDeveloperTokenAuth(token=DEMO_TOKEN)
        yield BoxClient(auth=auth, network_session=network), emulator


@pytest.fixture(scope="module")
def box() -> Iterator[BoxClient]:
    with sdk(clock=lambda: 0.0) as (box, _):
        yield box


def batch(box: BoxClient, batch_id: str, **page: Any) -> Any:
    return box.docgen.get_docgen_batch_job_by_id_v2025_r0(batch_id, **page)


def tags(box: BoxClient, template_id: str, **page: Any) -> Any:
    return box.docgen_template.get_docgen_template_tags_v2025_r0(template_id, **page)


def identity(entry: Any) -> str:
    if hasattr(entry, "id"):
        return str(entry.id)
    return str(entry.file.id if hasattr(entry, "file") else entry.tag_content)


def follow(
    read: Callable[..., Any], limit: int, page: Any, direction: str
) -> tuple[list[list[str]], Any]:
    """The entries of this page and of those that a marker leads to, and the last page."""
    found = [page]
    while marker := getattr(found[-1], direction):
        found.append(read(limit=limit, marker=marker))
    return [[identity(entry) for entry in page.entries] for page in found], found[-1]


def assert_forward_and_back(read: Callable[..., Any], limit: int, entries: int) -> None:
    forward, last = follow(read, limit, read(limit=limit), "next_marker")
    back, _ = follow(read, limit, last, "prev_marker")

    assert len(forward) > 1
    assert {len(page) for page in forward[:-1]} == {limit}
    assert len({entry for page in forward for entry in page}) == entries
    assert sum(map(len, forward)) == entries
    assert back == forward[::-1]


def test_lists_of_jobs_are_read_forward_and_back() -> None:
    enterprise = Enterprise.of({"1001": 30, "1002": 0, "1003": 25})
    (template_id,) = enterprise.templates
    with sdk(enterprise=enterprise) as (box, _):
        of_template = box.docgen_template.get_docgen_template_job_by_id_v2025_r0
        assert_forward_and_back(partial(batch, box, "1001"), 10, 30)
        assert_forward_and_back(partial(of_template, template_id), 10, 55)
        assert_forward_and_back(box.docgen.get_docgen_jobs_v2025_r0, 10, 55)


def test_templates_and_tags_are_read_forward_and_back(box: BoxClient) -> None:
    templates = box.docgen_template.get_docgen_templates_v2025_r0
    assert_forward_and_back(templates, 5, len(TEMPLATES))
    assert_forward_and_back(partial(tags, box, OFFER_LETTER.id), 3, 10)


def test_jobs_have_their_fields(box: BoxClient) -> None:
    entries = batch(box, STORY_BATCH_ID).entries
    failed = next(job for job in entries if job.status == "failed" and job.failures)
    completed = next(job for job in entries if job.status == "completed")
    full = box.docgen.get_docgen_jobs_v2025_r0(limit=1).entries[0]

    assert failed.batch.id == STORY_BATCH_ID
    assert failed.template_file.id == OFFER_LETTER.id
    assert failed.template_file_version.id in OFFER_LETTER.versions
    assert failed.failures.errors
    assert failed.output_file is None
    assert failed.external_id.startswith("EMP-")
    assert completed.output_file.id
    assert completed.output_file_version.id
    assert completed.output_type == "pdf"
    assert completed.failures.errors == []
    assert box.docgen.get_docgen_job_by_id_v2025_r0(failed.id).to_dict() == failed.to_dict()
    assert full.created_by.id == DEMO_USER.id
    assert full.enterprise.id == DEMO_USER.enterprise_id
    assert full.source == "api"
    assert full.created_at.startswith("2026-11-0")


def test_a_template_has_a_name_and_tags_with_types_and_paths(box: BoxClient) -> None:
    template = box.docgen_template.get_docgen_template_by_id_v2025_r0(OFFER_LETTER.id)
    first, *_, last = OFFER_LETTER.versions
    before, after = (
        tags(box, OFFER_LETTER.id, template_version_id=version_id).entries
        for version_id in (first, last)
    )

    assert (template.file.id, template.file_name) == (OFFER_LETTER.id, "Offer letter")
    assert {tag.tag_type for tag in after} > {"text", "arithmetic", "table-loop"}
    assert after[0].json_paths == ["candidate", "candidate.first_name"]
    assert len(before) < len(after)
    assert not tags(box, TEMPLATES[None].id).entries  # Box still reads it, which is no error


def test_the_user_is_read(box: BoxClient) -> None:
    me = box.users.get_user_me(fields=["name", "login", "enterprise"])

    assert (me.id, me.name, me.login) == (DEMO_USER.id, DEMO_USER.name, DEMO_USER.login)
    assert me.enterprise.id == DEMO_USER.enterprise_id
    assert box.users.get_user_me().id == DEMO_USER.id


FIELDS = ["id", "type", "name", "size", "sha1", "created_at"]


def test_a_batchs_documents_are_read_from_their_folder(box: BoxClient) -> None:
    jobs = batch(box, STORY_BATCH_ID).entries
    first = next(job.output_file.id for job in jobs if job.output_file)
    file = box.files.get_file_by_id(first, fields=[*FIELDS, "parent"])

    options = {"fields": FIELDS, "usemarker": True, "limit": 800}
    pages = [box.folders.get_folder_items(file.parent.id, **options)]
    while marker := pages[-1].next_marker:
        pages.append(box.folders.get_folder_items(file.parent.id, marker=marker, **options))

    items = [item for page in pages for item in page.entries]
    files = {item.id: item for item in items if item.type == "file"}
    assert len(pages) == 2
    assert [item.type for item in items if item.type != "file"] == ["folder"]
    assert (files[first].name, files[first].size) == (file.name, file.size)
    assert files[first].sha_1 == file.sha_1
    assert files[first].created_at == file.created_at
    assert {file.size == 0 for file in files.values()} == {True, False}
    assert len(files) - len({file.sha_1 for file in files.values()}) == 1


def test_a_folder_is_read_by_offset_too(box: BoxClient) -> None:
    letter = story().documents(STORY_BATCH_ID)[0]
    page = box.folders.get_folder_items(letter.folder.id, offset=1000, limit=600)

    assert (page.total_count, page.offset, page.limit) == (1512, 1000, 600)
    assert len(page.entries) == 512
    assert len(box.folders.get_folder_items(letter.folder.id).entries) == 100


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ("deleted", 404, "not_found"),
        ("trashed", 404, "trashed"),
        ("forbidden", 403, "access_denied_insufficient_permissions"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused(state: Any, status: int, code: str) -> None:
    enterprise = Enterprise.of({"1001": 3})
    letter = enterprise.documents("1001")[1]
    enterprise.changed[letter.id] = replace(letter, state=state)
    with sdk(enterprise=enterprise) as (box, _):
        with pytest.raises(BoxAPIError) as caught:
            box.files.get_file_by_id(letter.id)
        others = box.folders.get_folder_items(letter.folder.id, usemarker=True).entries

    answer = caught.value.response_info
    assert (answer.status_code, answer.code) == (status, code)
    assert letter.id not in {item.id for item in others}


def test_a_document_appears_when_its_job_completes() -> None:
    (running,) = (batch.id for batch in story().batches(DEMO_USER) if batch.runs)
    now = [0.0]
    last = story().documents(running)[-1]
    with sdk(clock=lambda: now[0]) as (box, _):
        with pytest.raises(BoxAPIError):
            box.files.get_file_by_id(last.id)
        now[0] = 3600.0
        assert box.files.get_file_by_id(last.id).name == last.name


def test_an_error_is_read_with_its_code_and_id(box: BoxClient) -> None:
    with pytest.raises(BoxAPIError) as caught:
        batch(box, "1")

    answer = caught.value.response_info
    assert (answer.status_code, answer.code) == (404, "not_found")
    assert answer.request_id
    assert answer.help_url


def test_a_rate_limit_is_waited_for() -> None:
    with sdk(enterprise=Enterprise.of({"1001": 3})) as (box, emulator):
        emulator.fault("rate-limit", retry_after=0)
        emulator.fault("503-html", retry_after=0)

        assert len(batch(box, "1001").entries) == 3
        assert len(emulator.calls) == 3
