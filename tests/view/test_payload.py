from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from frames import READ_AT, jobs_frame
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from boxdocgen_explore import view
from boxdocgen_explore.schema import DETAILS, JOBS

texts = st.none() | st.text(max_size=12)
lists = st.none() | st.lists(texts, max_size=3)
times = st.none() | st.datetimes(min_value=READ_AT.replace(tzinfo=None)).map(
    lambda time: time.replace(tzinfo=READ_AT.tzinfo)
)
kinds = {pl.String(): texts, pl.List(pl.String()): lists, DETAILS["created_at"]: times}


@given(st.lists(st.fixed_dictionaries({n: kinds[t] for n, t in {**JOBS, **DETAILS}.items()})))
def test_any_frame_comes_back_from_its_bytes(rows):
    jobs = pl.DataFrame(rows, schema={**JOBS, **DETAILS})
    assert_frame_equal(view.unpack(view.pack(jobs)), jobs)


@pytest.mark.parametrize("distinct", [1, 255, 256, 257, 65_536, 65_537])
def test_any_number_of_distinct_values_comes_back(distinct):
    values = [str(number) for number in range(distinct)] + ["0"]
    jobs = pl.DataFrame({"job_id": values, "status": values})
    assert_frame_equal(view.unpack(view.pack(jobs)), jobs)


def test_batches_are_named_by_template_and_time_if_the_jobs_have_details():
    one = {
        "batch_id": "1",
        "template_file_id": "7",
        "created_at": datetime(2025, 3, 2, 1, tzinfo=UTC),
    }
    jobs = jobs_frame([one, one | {"created_at": one["created_at"] - timedelta(hours=1)}])
    assert view.batch_labels(jobs, {"7": "Payslip"}) == {"1": "Payslip · 2 Mar 2025 00:00"}
    assert view.batch_labels(jobs.drop("created_at"), {"7": "Payslip"}) == {}
