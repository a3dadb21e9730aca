"""What the trust tests did, counted by the run itself and told at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

Tally = Callable[..., None]

_counted: Counter[str] = Counter()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts something that was done, under a name: ``tally("faults survived", 3)``."""
    counts: Counter[str] = Counter()

    def count(what: str, times: int = 1) -> None:
        counts[what] += times

    yield count
    # What a test's report carries reaches the process that writes the summary.
    request.node.user_properties.append(("tally", dict(counts)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        for name, counts in report.user_properties:
            if name == "tally":
                _counted.update(counts)  # type: ignore[arg-type]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _counted:
        terminalreporter.section("trust")
        for what, times in sorted(_counted.items()):
            terminalreporter.write_line(f"{times:>9,}  {what}")
