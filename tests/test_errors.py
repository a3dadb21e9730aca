"""Errors keep their attributes when copied or pickled; old names still work."""

from __future__ import annotations

import concurrent.futures
import io
import multiprocessing
import pickle
import traceback
from contextlib import redirect_stdout

import polars as pl
import pytest
from IPython.core.interactiveshell import InteractiveShell

import boxdocgen_explore as bx
from boxdocgen_explore import errors
from boxdocgen_explore.schema import JOBS, PAGES


def failed() -> errors.BatchesFailed:
    """What a reading of three batches raises if one of them is not found."""
    missing = errors.NotFound("Box does not have this.", status=404, batch_id="2", request_id="r")
    error = errors.BatchesFailed({"2": missing}, 3)
    error.reading = errors.Reading(pl.DataFrame(schema=JOBS), pl.DataFrame(schema=PAGES))
    return error


def read_in_another_process() -> None:
    raise failed()


def every_error() -> list[type[errors.BoxDocGenError]]:
    found, todo = [], [errors.BoxDocGenError]
    while todo:
        found.append(todo.pop())
        todo += found[-1].__subclasses__()
    return found


@pytest.mark.parametrize("kind", every_error())
def test_every_error_can_be_pickled_and_is_in_the_tree_of_the_docstring(
    kind: type[errors.BoxDocGenError],
) -> None:
    assert kind.__name__ in str(errors.__doc__)
    error = failed() if kind is errors.BatchesFailed else kind("What happened.", status=418)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.status == error.status


def test_a_batch_that_fails_in_a_process_pool_names_its_cause() -> None:
    spawn = multiprocessing.get_context("spawn")
    with (
        concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool,
        pytest.raises(errors.BatchesFailed, match="1 of 3 batches are incomplete") as caught,
    ):
        pool.submit(read_in_another_process).result()
    assert caught.value.failures["2"].request_id == "r"
    assert caught.value.reading is not None
    assert caught.value.reading.jobs.height == 0


def test_the_details_of_each_batch_stay_below_it() -> None:
    missing = errors.NotFound("Box does not have this.\napi.box.com: status 404")
    lines = str(errors.BatchesFailed({"2": missing}, 3)).split("\n")
    assert lines[1:] == ["  2: Box does not have this.", "    api.box.com: status 404"]


def test_ipython_shows_the_persons_own_lines_and_none_of_the_packages() -> None:
    shell = InteractiveShell()
    code = "import boxdocgen_explore as bx\ndef ask():\n    bx.demo().read('9 9')\n\nask()"
    with redirect_stdout(io.StringIO()) as printed:
        shell.run_cell(code)
    lines = printed.getvalue().rstrip().split("\n")
    assert lines[:4] == ["Cell, line 5:", "    ask()", "Cell, line 3:", "    bx.demo().read('9 9')"]
    assert lines[4:] == ["InvalidRequest: '9 9' is not a valid batch id: ids look like '12345'."]


def test_a_plain_traceback_has_every_frame() -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        bx.connect("a b")
    shown = "".join(traceback.format_exception(caught.value))
    assert "in connect" in shown
    assert shown.endswith(f"InvalidRequest: {caught.value}\n")


def test_readings_can_be_compared_and_hashed() -> None:
    first, second = failed().reading, failed().reading
    assert first == first
    assert first != second
    assert len({first, second}) == 2


def test_old_names_work_and_warn() -> None:
    from boxdocgen_explore import box

    with pytest.warns(DeprecationWarning, match="NotCached"):
        assert errors.NotKept is errors.NotCached
    with pytest.warns(DeprecationWarning, match="IncompleteListWarning"):
        assert box.NotWhole is bx.IncompleteListWarning
    policy = bx.RetryPolicy(attempts=1)
    with pytest.warns(DeprecationWarning, match=r"connect\(retry=\)"):
        bx.connect("token", waits=policy).close()
    with pytest.warns(DeprecationWarning, match=r"connect\(ttl_s=\)"):
        bx.connect("token", live_s=5).close()
    with bx.demo() as demo, pytest.warns(DeprecationWarning, match=r"Box.cached"):
        assert demo.kept() == demo.cached()
    with pytest.raises(TypeError, match="'unknown'"):
        bx.connect("token", unknown=1)
    for module in (errors, box):
        assert not hasattr(module, "Unknown")
