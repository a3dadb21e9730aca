"""An emulator with a small enterprise, and a connected Box with short waits."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from clock import travels
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from boxdocgen_explore.box import Box, RetryPolicy, connect
from boxdocgen_explore.emulator import DEMO_TOKEN, Emulator, Enterprise

# Frames are small, and the test processes use all cores: saves 20 % of the time.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
# Rare collections, because imported objects stay: saves 8 % of the time.
gc.set_threshold(100_000, 50, 1000)
# With this package, jsonschema (imported by Altair) compiles a grammar of IRIs, which takes 1.7 s
# in every process; no test needs it.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

pytest_plugins = ["browser_fixtures", "lab_fixtures"]

QUICK = RetryPolicy(
    calls_per_minute=1_000_000, read_timeout_s=0.6, deadline_s=5, attempts=3, backoff_s=0.001
)
"""Long enough for a slow machine, short enough for a test."""

# Slow machines must not fail tests, and the examples share one server.
settings.register_profile(
    "quick",
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=200)
settings.load_profile("quick")

_VARIABLES = ("PROXY", "CA_BUNDLE", "SSL_CERT", "NETRC")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip thorough tests unless ``-m`` names them; start with the slowest ones."""
    if "thorough" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: "lab" not in getattr(item, "fixturenames", ()))


def pytest_collection_finish() -> None:
    gc.freeze()


_JUPYTER = ("test_lab", "test_saved", "test_snapshot", "test_rerun")


class _OneLab(LoadFileScheduling):
    """Files go to any free process, but those that need JupyterLab or a kernel to a single one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "Jupyter" if Path(file).stem in _JUPYTER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _OneLab(config, log) if config.option.dist == "loadfile" else None


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, proxies or certificates from the developer's environment."""
    for name in os.environ:
        if name.startswith("BOX_") or any(part in name.upper() for part in _VARIABLES):
            monkeypatch.delenv(name)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Batches of 25, 0, 10 and 7 jobs, all of them final."""
    enterprise = Enterprise.of({"1001": 25, "1002": 0, "1003": 10, "1004": 7})
    with Emulator(enterprise=enterprise) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    """One emulator for the property tests of a file, where every example adds its own batch."""
    with Emulator(enterprise=Enterprise.of({})) as emulator:
        yield emulator


@pytest.fixture
def connected(emulator: Emulator, tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Connects to the emulator; closes every connection after the test."""
    boxes: list[Box] = []

    def make(token: str | None = DEMO_TOKEN, **options: Any) -> Box:
        given = {
            "base_url": emulator.url,
            "cache_dir": tmp_path / "cache",
            "retry": QUICK,
            **options,
        }
        boxes.append(connect(token, **given))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


@pytest.fixture
def box(connected: Callable[..., Box]) -> Box:
    return connected()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A company's own certificate authority, which this process trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


@pytest.fixture(autouse=True)
def _present() -> Iterator[None]:
    """Return to the present after a test that called `age`."""
    with travels:
        yield
