"""An emulator per test; the demo's once for all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from emulator_client import Client

from boxdocgen_explore.emulator import Emulator, Enterprise


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Two small batches, one of them empty."""
    with Emulator(enterprise=Enterprise.of({"1001": 25, "1002": 0})) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Client]:
    client = Client(emulator)
    with client.session:
        yield client


@pytest.fixture(scope="package")
def demo() -> Iterator[Client]:
    """The demo's story at its first second."""
    with Emulator(clock=lambda: 0.0) as emulator:
        client = Client(emulator)
        with client.session:
            yield client
