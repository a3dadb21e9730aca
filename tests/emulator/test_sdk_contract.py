"""Box's official SDK, as it is, reads the emulator as it reads Box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
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

List = Callable[..., Any]
TEMPLATES = {template.name: template for template in story().templates.values()}
OFFER_LETTER, SALARY_REVIEW = TEMPLATES["Offer letter"], TEMPLATES["Salary review"]


def sdk(emulator: Emulator, session: requests.Session) -> BoxClient:
    """The SDK with another host; the session is given so that it can be closed."""
    session.trust_env = False
    network = NetworkSession(
        base_urls=BaseUrls(base_url=emulator.url.removesuffix("/2.0")),
        network_client=BoxNetworkClient(requests_session=session),
        retry_strategy=BoxRetryStrategy(retry_base_interval=0.001),
    )
    return BoxClient(auth=BoxDeveloperTokenAuth(token=DEMO_TOKEN), network_session=network)


@pytest.fixture(scope="module")
def box() -> Iterator[BoxClient]:
    with Emulator(clock=lambda: 0.0) as emulator, requests.Session() as session:
        yield sdk(emulator, session)


def lists(box: BoxClient) -> dict[str, tuple[List, int]]:
    """Every list call, with a limit that makes several pages of it."""
    docgen, template = box.docgen, box.docgen_template
    return {
        "jobs of a batch": (
            lambda **page: docgen.get_docgen_batch_job_by_id_v2025_r0(STORY_BATCH_ID, **page),
            700,
        ),
        "jobs of a template": (
            lambda **page: template.get_docgen_template_job_by_id_v2025_r0(
                SALARY_REVIEW.id, **page
            ),
            1000,
        ),
        "templates": (template.get_docgen_templates_v2025_r0, 5),
        "tags": (
            lambda **page: template.get_docgen_template_tags_v2025_r0(OFFER_LETTER.id, **page),
            3,
        ),
    }


def identity(entry: Any) -> str:
    if hasattr(entry, "id"):
        return str(entry.id)
    return str(entry.file.id if hasattr(entry, "file") else entry.tag_content)


def forward_and_back(read: List, limit: int) -> tuple[list[list[str]], list[list[str]]]:
    """The entries of each page, by next_marker to the end and by prev_marker back."""
    page = read(limit=limit)
    forward, back = [page], []
    while page.next_marker:
        page = read(limit=limit, marker=page.next_marker)
        forward.append(page)
    back.append(page)
    while page.prev_marker:
        page = read(limit=limit, marker=page.prev_marker)
        back.append(page)
    return tuple(
        [[identity(entry) for entry in page.entries] for page in way] for way in (forward, back)
    )


@pytest.mark.parametrize("name", ["jobs of a batch", "jobs of a template", "templates", "tags"])
def test_a_list_is_read_forward_and_back(box: BoxClient, name: str) -> None:
    read, limit = lists(box)[name]

    forward, back = forward_and_back(read, limit)

    assert len(forward) > 1
    assert back == forward[::-1]
    everything = [entry for page in forward for entry in page]
    assert len(set(everything)) == len(everything)
    assert {len(page) for page in forward[:-1]} == {limit}


def test_the_list_of_all_jobs_is_read_forward_and_back() -> None:
    enterprise = Enterprise.of({"1001": 30, "1002": 0, "1003": 25})
    with Emulator(enterprise=enterprise) as emulator, requests.Session() as session:
        forward, back = forward_and_back(sdk(emulator, session).docgen.get_docgen_jobs_v2025_r0, 10)

    assert [len(page) for page in forward] == [10] * 5 + [5]
    assert back == forward[::-1]


def test_jobs_have_their_fields(box: BoxClient) -> None:
    entries = box.docgen.get_docgen_batch_job_by_id_v2025_r0(STORY_BATCH_ID).entries
    failed = next(job for job in entries if job.status == "failed" and job.failures)
    completed = next(job for job in entries if job.status == "completed")

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


def test_full_jobs_tell_who_and_when(box: BoxClient) -> None:
    job = box.docgen.get_docgen_jobs_v2025_r0(limit=1).entries[0]

    assert job.created_by.id == DEMO_USER.id
    assert job.enterprise.id == DEMO_USER.enterprise_id
    assert job.source == "api"
    assert job.created_at.startswith("2026-11-0")


def test_one_job_is_read_by_its_id(box: BoxClient) -> None:
    job = box.docgen.get_docgen_batch_job_by_id_v2025_r0(STORY_BATCH_ID, limit=1).entries[0]

    assert box.docgen.get_docgen_job_by_id_v2025_r0(job.id).to_dict() == job.to_dict()


def test_one_template_is_read_by_its_id(box: BoxClient) -> None:
    template = box.docgen_template.get_docgen_template_by_id_v2025_r0(OFFER_LETTER.id)

    assert template.file.id == OFFER_LETTER.id
    assert template.file_name == "Offer letter"


def test_tags_of_one_version_have_types_and_paths(box: BoxClient) -> None:
    first, *_, last = OFFER_LETTER.versions
    before, after = (
        box.docgen_template.get_docgen_template_tags_v2025_r0(
            OFFER_LETTER.id, template_version_id=version_id
        ).entries
        for version_id in (first, last)
    )

    assert {tag.tag_type for tag in after} > {"text", "arithmetic", "table-loop"}
    assert after[0].json_paths == ["candidate", "candidate.first_name"]
    assert len(before) < len(after)


def test_tags_that_box_still_reads_are_no_error(box: BoxClient) -> None:
    tags = box.docgen_template.get_docgen_template_tags_v2025_r0(TEMPLATES[None].id)

    assert not tags.entries


def test_the_user_is_read(box: BoxClient) -> None:
    me = box.users.get_user_me(fields=["name", "login", "enterprise"])

    assert (me.id, me.name, me.login) == (DEMO_USER.id, DEMO_USER.name, DEMO_USER.login)
    assert me.enterprise.id == DEMO_USER.enterprise_id
    assert box.users.get_user_me().id == DEMO_USER.id


FIELDS = ["id", "type", "name", "size", "sha1", "created_at"]


def test_a_batchs_documents_are_read_from_their_folder(box: BoxClient) -> None:
    jobs = box.docgen.get_docgen_batch_job_by_id_v2025_r0(STORY_BATCH_ID).entries
    first = next(job.output_file.id for job in jobs if job.output_file)
    file = box.files.get_file_by_id(first, fields=[*FIELDS, "parent"])

    pages = [box.folders.get_folder_items(file.parent.id, fields=FIELDS, usemarker=True, limit=800)]
    while marker := pages[-1].next_marker:
        pages.append(
            box.folders.get_folder_items(
                file.parent.id, fields=FIELDS, usemarker=True, limit=800, marker=marker
            )
        )

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
    with Emulator(enterprise=enterprise) as emulator, requests.Session() as session:
        box = sdk(emulator, session)
        with pytest.raises(BoxAPIError) as caught:
            box.files.get_file_by_id(letter.id)
        others = box.folders.get_folder_items(letter.folder.id, usemarker=True).entries

    assert (caught.value.response_info.status_code, caught.value.response_info.code) == (
        status,
        code,
    )
    assert letter.id not in {item.id for item in others}


def test_a_document_appears_when_its_job_completes() -> None:
    running = next(
        batch_id
        for batch_id in (batch.id for batch in story().batches(DEMO_USER))
        if any(job["status"] == "pending" for job in story().jobs(batch_id))
    )
    now = [0.0]
    last = story().documents(running)[-1]
    with Emulator(clock=lambda: now[0]) as emulator, requests.Session() as session:
        box = sdk(emulator, session)
        with pytest.raises(BoxAPIError):
            box.files.get_file_by_id(last.id)
        now[0] = 3600.0
        assert box.files.get_file_by_id(last.id).name == last.name


def test_an_error_is_read_with_its_code_and_id(box: BoxClient) -> None:
    with pytest.raises(BoxAPIError) as caught:
        box.docgen.get_docgen_batch_job_by_id_v2025_r0("1")

    answer = caught.value.response_info
    assert (answer.status_code, answer.code) == (404, "not_found")
    assert answer.request_id
    assert answer.help_url


def test_a_rate_limit_is_waited_for() -> None:
    with (
        Emulator(enterprise=Enterprise.of({"1001": 3})) as emulator,
        requests.Session() as session,
    ):
        emulator.fault("rate-limit", retry_after=0)
        emulator.fault("503-html", retry_after=0)
        page = sdk(emulator, session).docgen.get_docgen_batch_job_by_id_v2025_r0("1001")
        calls = emulator.calls

    assert len(page.entries) == 3
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("path", "version", "status"),
    [
        ("/users/me", "2024.0", 200),
        ("/users/me", None, 200),
        ("/users/me", "2025.0", 400),
        ("/files/181001000000", "2024.0", 200),
        ("/files/181001000000", None, 200),
        ("/files/181001000000", "2025.0", 400),
        ("/folders/191001/items", "2024.0", 200),
        ("/folders/191001/items", "2025.0", 400),
        ("/docgen_jobs", "2025.0", 200),
        ("/docgen_jobs", None, 400),
        ("/docgen_jobs", "2024.0", 400),
    ],
)
def test_a_version_that_the_sdk_never_sends_is_refused(
    path: str, version: str | None, status: int
) -> None:
    headers = {"authorization": f"Bearer {DEMO_TOKEN}", "box-version": version}
    enterprise = Enterprise.of({"1001": 1})
    with Emulator(enterprise=enterprise) as emulator, requests.Session() as session:
        session.trust_env = False
        answer = session.get(emulator.url + path, headers=headers, timeout=20)

    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "invalid_api_version"
