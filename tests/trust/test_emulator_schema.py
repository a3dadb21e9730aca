"""Whatever fits Box's published description, or nearly fits it, is answered as it says.

The description is at github.com/box/box-openapi and is no part of this project: ``BOX_OPENAPI``
names a copy of it, or one lies in some folder beside the checkout.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from emulator_client import Client
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from boxdocgen_explore.emulator import DEMO_TOKEN, DEMO_USER, STORY_BATCH_ID, Emulator
from boxdocgen_explore.emulator.endpoints import ENDPOINTS

if TYPE_CHECKING:
    import schemathesis

pytestmark = [pytest.mark.trust, pytest.mark.thorough]

NAME = "box-openapi-v2025.0.json"
# Read here: no test sees a variable of this kind.
DESCRIPTION = Path(
    os.environ.get("BOX_OPENAPI") or next(Path(__file__).parents[3].glob(f"*/{NAME}"), NAME)
)
PATHS = [
    "/docgen_batch_jobs/{batch_id}",
    "/docgen_jobs",
    "/docgen_jobs/{job_id}",
    "/docgen_template_jobs/{template_id}",
    "/docgen_templates",
    "/docgen_templates/{template_id}",
    "/docgen_templates/{template_id}/tags",
]


def deviate(description: dict[str, Any]) -> None:
    """What Box does, and so the emulator, though the description does not say so.

    Besides, Box takes a limit above the maximum for the maximum, and a marker is described as any
    text, while Box refuses those it has not made: so which input is to be refused is not checked.
    Methods other than GET are 405 here, whatever the description offers: this emulator only reads.
    """
    # Box's guides name more codes than the description's list; this one is to a wrong box-version.
    code = description["components"]["schemas"]["ClientError"]["properties"]["code"]
    code["enum"].append("invalid_api_version")
    for path in PATHS:
        # A 401 has no body, only a header; the description has it with one, or not at all.
        responses = description["paths"][path]["get"]["responses"]
        responses["401"] = {"description": "The token is missing, wrong or expired."}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(clock=lambda: 0.0) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def described() -> schemathesis.BaseSchema:
    if not DESCRIPTION.exists():
        pytest.skip(
            "Box's description is not here: get openapi-v2025.0.json from "
            "github.com/box/box-openapi and name it in BOX_OPENAPI."
        )
    import schemathesis  # not above: it costs every start of pytest two seconds

    description = json.loads(DESCRIPTION.read_text("utf-8"))
    deviate(description)
    return schemathesis.openapi.from_dict(description)


@pytest.fixture(scope="module")
def known(emulator: Emulator) -> dict[str, list[str]]:
    """Values that lead somewhere, by parameter."""
    enterprise = emulator.enterprise
    batches = [batch.id for batch in enterprise.batches(DEMO_USER)]
    versions = [version for each in enterprise.templates.values() for version in each.versions]
    paths = ["/docgen_jobs", "/docgen_templates", f"/docgen_batch_jobs/{STORY_BATCH_ID}"]
    client = Client(emulator)
    with client.session:
        pages = [client.page(path, limit=3) for path in paths]
    return {
        "batch_id": batches,
        "job_id": [job["id"] for job in pages[0]["entries"] + pages[-1]["entries"]],
        "template_id": list(enterprise.templates),
        "template_version_id": versions,
        "marker": ["", "0", *(page["next_marker"] for page in pages)],
        "limit": ["1", "20", "1000", "1001"],
    }


def test_every_described_call_is_fuzzed(described: schemathesis.BaseSchema) -> None:
    served = [route.replace("([^/]+)", "{}") for route in ENDPOINTS if "docgen" in route]
    offered = [
        operation.path
        for operation in (found.ok() for found in described.get_all_operations())
        if operation.method == "get" and operation.path.startswith("/docgen_")
    ]
    assert sorted(offered) == PATHS
    assert len(served) == len(PATHS)


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("path", PATHS)
def test_every_response_is_as_described(
    emulator: Emulator,
    described: schemathesis.BaseSchema,
    known: dict[str, list[str]],
    path: str,
    mode: str,
) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    conformance = [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]
    operation = described[path]["GET"]
    tokens = st.sampled_from([DEMO_TOKEN] * 9 + ["expired"])
    real = st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in known.items()}
    )
    statuses = set()

    @seed(20261103)
    @settings(
        max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(GenerationMode(mode)), token=tokens, real=real)
    def ask(case: schemathesis.Case, token: str, real: dict[str, str]) -> None:
        for part in (case.path_parameters, case.query):
            part.update({name: real[name] for name in part.keys() & real.keys()})
        headers = {"authorization": f"Bearer {token}"}
        answer = case.call(emulator.url, session=session, headers=headers)
        case.validate_response(answer, checks=conformance)
        statuses.add(answer.status_code)

    with requests.Session() as session:
        ask()
    # Some inputs have to come through, or nothing behind the first check was tried.
    assert mode == "negative" or 200 in statuses


def test_the_demos_messages_differ_from_boxs_two_examples_in_the_tag_alone(
    emulator: Emulator, described: schemathesis.BaseSchema
) -> None:
    job_schema = described.raw_schema["components"]["schemas"]["DocGenJob"]
    failures = job_schema["allOf"][-1]["properties"]["failures"]["properties"]
    jobs = emulator.enterprise.jobs(STORY_BATCH_ID)
    for kind, opening in (("errors", "The tag '"), ("warnings", "")):
        (example,) = failures[kind]["example"]
        start, _, end = example.split("'")
        texts = {text for job in jobs for text in (job["failures"] or {kind: []})[kind]}
        texts = {text for text in texts if text.startswith(opening)}
        (tag,) = {text.removeprefix(f"{start}'").removesuffix(f"'{end}") for text in texts}
        assert texts == {f"{start}'{tag}'{end}"}
        assert tag in ("offer.relocation_allowance", "candidate.middle_name")
