"""The count at the end of a run is made by the run."""

from __future__ import annotations

from pathlib import Path

import pytest
import tally

pytest_plugins = ["pytester"]


def test_what_tests_did_is_summed_over_all_processes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every plugin costs each of three processes its start.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(Path(tally.__file__).read_text("utf-8"))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("times", [1, 1200])
        def test_something(tally, times):
            tally("faults survived", times)
        """
    )
    run = pytester.runpytest_subprocess("-p", "xdist", "-n", "2")
    run.assert_outcomes(passed=2)
    run.stdout.fnmatch_lines(["*1,201  faults survived"])
