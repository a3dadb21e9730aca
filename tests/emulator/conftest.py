"""An emulator per test; one shared demo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from emulator_client import Client, serving

from boxdocgen_explore.emulator import Emulator, Enterprise


@pytest.fixture
def client() -> Iterator[Client]:
    """Two small batches, one of them empty."""
    with serving(enterprise=Enterprise.of({"1001": 25, "1002": 0})) as client:
        yield client


@pytest.fixture
def emulator(client: Client) -> Emulator:
    return client.emulator


@pytest.fixture(scope="package")
def demo() -> Iterator[Client]:
    """The demo's story at its first second."""
    with serving(clock=lambda: 0.0) as client:
        yield client
