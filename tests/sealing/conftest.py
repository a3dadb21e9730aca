"""An evidence bag of two small batches, made once for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import QUICK

import boxdocgen_explore as bx
from boxdocgen_explore.box import Box, connect
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise
from boxdocgen_explore.reporting import Report


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Batches of 25 and 10 jobs; three of the first failed."""
    enterprise, folder = Enterprise.of({"1001": 25, "1003": 10}), tmp_path_factory.mktemp("cache")
    jobs = [{**job, "external_id": f"EMP-{job['id']}"} for job in enterprise.jobs("1001")]
    failures = {"errors": ['Tag name: "x" is not a date'], "warnings": []}
    broken = {"status": "failed", "output_file": None, "failures": failures}
    enterprise.put("1001", [*({**job, **broken} for job in jobs[:3]), *jobs[3:]])
    with (
        Emulator(enterprise=enterprise) as emulator,
        connect(DEMO_TOKEN, base_url=emulator.url, cache_dir=folder, retry=QUICK) as box,
    ):
        yield box


@pytest.fixture(scope="module")
def bag(source: Box, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Everything that can be in a bag."""
    folder = tmp_path_factory.mktemp("bag")
    manifest = folder / "expected.csv"
    manifest.write_text("batch_id,jobs\n1001,25\n1003,11\n")
    reading = source.read(["1001", "1003"], limit=10, details=True, documents=True)
    options = {"max_failed_share": 0.25, "approved_versions": ["1", "2"], "expected": manifest}
    options |= {"prepared_by": "Dana Ruiz", "sample": 5, "seed": 7}
    return bx.evidence(reading, folder / "audit.zip", title="Letters", notes="A note.", **options)
