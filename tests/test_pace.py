"""The pace of a batch and its expected end, as far as the looks allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxdocgen_explore import analysis, errors
from boxdocgen_explore.schema import DOCUMENTS, JOBS, OBSERVATIONS, TRANSITIONS

START = datetime(2026, 11, 3, 2, 14, tzinfo=UTC)


def looks(*rows: tuple[float, int, int]) -> pl.DataFrame:
    """Looks: minutes after the start, jobs, final ones."""
    at = [(START + timedelta(minutes=minutes), jobs, final) for minutes, jobs, final in rows]
    return pl.DataFrame(at, schema=OBSERVATIONS, orient="row")


def made_at(*seconds: float, running: int = 10) -> pl.DataFrame:
    """Jobs with documents made at these seconds, and some that still run."""
    done = [
        {
            "batch_id": "1",
            "status": "completed",
            "output_file_created_at": START + timedelta(0, one),
        }
        for one in seconds
    ]
    todo = [{"batch_id": "1", "status": "pending"}] * running
    return pl.DataFrame([*done, *todo], schema={**JOBS, **DOCUMENTS})


def test_looks_before_a_clock_went_back_do_not_count() -> None:
    before = [(60 * 24 * 365, 3000, 400), (60 * 24 * 365 + 5, 3000, 500)]
    found = analysis.pace(looks(*before, (0, 3000, 500), (5, 3000, 760)))
    assert (found.per_minute, found.unchanged) == (52.0, timedelta(0))


def test_one_look_is_too_early_to_tell() -> None:
    found = analysis.pace(looks((0, 3000, 500)))

    assert (found.per_minute, found.expected_end, found.remaining) == (None, None, 2500)
    assert str(found) == "500 of 3,000 final · too early to tell when it will be done"


def test_two_looks_give_a_pace_and_an_end_with_a_range() -> None:
    found = analysis.pace(looks((0, 3000, 500), (5, 3000, 760)))

    assert found.per_minute == 52
    assert found.expected_end is not None
    assert found.expected_end - found.observed_at == timedelta(minutes=2240 / 52)
    assert found.earliest_end < found.expected_end < found.latest_end
    text = "760 of 3,000 final · 52 a minute · done about 03:02 UTC (02:57 to 03:08)"
    assert str(found) == text


def test_an_end_on_another_day_names_the_day() -> None:
    assert "done about 4 Nov" in str(analysis.pace(looks((0, 90_000, 0), (10, 90_000, 600))))


def test_a_few_jobs_are_too_few_to_tell() -> None:
    assert analysis.pace(looks((0, 3000, 500), (5, 3000, 503))).per_minute is None


def test_a_pace_covers_the_last_ten_minutes() -> None:
    fast_then_slow = looks((0, 3000, 0), (20, 3000, 1600), (25, 3000, 1650), (30, 3000, 1700))
    assert analysis.pace(fast_then_slow).per_minute == 10


def test_the_pace_of_a_slow_batch_is_per_hour() -> None:
    assert "30 an hour" in str(analysis.pace(looks((0, 300, 0), (10, 300, 5))))


def test_a_batch_without_progress_has_stalled() -> None:
    found = analysis.pace(looks((0, 3000, 0), (5, 3000, 300), (10, 3000, 300), (30, 3000, 300)))

    assert found.stalled
    assert found.expected_end is None
    assert str(found) == "300 of 3,000 final · unchanged for 25 min"
    grown = analysis.pace(looks((0, 3000, 0), (5, 3000, 300), (30, 4000, 300)))
    assert (grown.stalled, grown.unchanged) == (False, timedelta(0))


def test_a_slow_batch_has_not_stalled_between_two_jobs() -> None:
    slow = looks((0, 300, 0), (60, 300, 6), (63, 300, 6), (67, 300, 6))
    assert not analysis.pace(slow).stalled


def test_all_final_is_done() -> None:
    found = analysis.pace(looks((0, 3000, 500), (50, 3000, 3000)))

    assert found.done
    assert str(found) == "3,000 of 3,000 final"


def test_times_of_documents_need_one_look_only() -> None:
    jobs = made_at(*range(0, 60, 5))
    found = analysis.pace(looks((2, 22, 12)), jobs)

    assert found.measured_by == "documents"
    assert found.per_minute == pytest.approx(12)
    assert found.expected_end == found.observed_at + timedelta(seconds=50)


def test_documents_of_completed_batches_do_not_affect_the_pace() -> None:
    jobs = made_at(*range(0, 60, 5), running=0)
    assert analysis.pace(looks((2, 22, 12)), jobs).per_minute is None


def test_transitions_are_observations_of_earlier_looks() -> None:
    rows = [("1", str(n), "completed", START + timedelta(minutes=n // 10)) for n in range(30)]
    rows += [("1", str(n), "pending", START) for n in range(30, 40)]
    seen = analysis.observations(pl.DataFrame(rows, schema=TRANSITIONS, orient="row"))

    assert seen["final"].to_list() == [10, 20, 30]
    assert seen["jobs"].to_list() == [40, 40, 40]
    assert analysis.pace(seen).per_minute == 10


def test_what_was_final_at_the_first_look_at_a_batch_is_no_progress() -> None:
    rows = [("1", str(n), "completed", START + timedelta(minutes=n // 10)) for n in range(30)]
    rows += [("1", str(n), "pending", START) for n in range(30, 40)]
    rows += [("2", str(n), "completed", START + timedelta(minutes=2)) for n in range(500)]
    seen = analysis.observations(pl.DataFrame(rows, schema=TRANSITIONS, orient="row"))

    assert seen["final"].to_list() == [510, 520, 530]
    assert analysis.pace(seen).per_minute == 10


def test_the_next_look_comes_after_a_twentieth_of_the_time_that_remains() -> None:
    found = analysis.pace(looks((0, 3000, 500), (5, 3000, 760)))
    assert found.next_look_s == pytest.approx(2240 / 52 * 60 / 20)
    assert analysis.pace(looks((0, 3000, 2000), (5, 3000, 2990))).next_look_s == 10
    assert analysis.pace(looks((0, 90_000, 0), (5, 90_000, 300))).next_look_s == 300
    assert analysis.pace(looks((0, 3000, 500))).next_look_s == 10


def test_the_longer_nothing_moves_the_longer_a_watch_waits() -> None:
    waits = [
        analysis.pace(looks((0, 100, 0), (1, 100, 90), (1 + still, 100, 90))).next_look_s
        for still in (0, 1, 2, 5, 60)
    ]
    assert waits == [10, 30, 60, 150, 300]


def test_a_pace_without_looks_is_an_error() -> None:
    with pytest.raises(errors.InvalidRequest, match="never watched"):
        analysis.pace(pl.DataFrame(schema=OBSERVATIONS))


def test_the_values_can_be_written_as_json() -> None:
    values = analysis.pace(looks((0, 3000, 500), (5, 3000, 760))).as_dict()

    assert values["expected_end"].startswith("2026-11-03T03:02")
    assert (values["remaining"], values["unchanged_s"]) == (2240, 0.0)


@given(
    rate=st.floats(min_value=1, max_value=500),
    jobs=st.integers(min_value=100, max_value=100_000),
    share=st.floats(min_value=1 / 3, max_value=0.95),
)
def test_at_a_steady_pace_the_expected_end_is_right_from_one_third_on(
    rate: float, jobs: int, share: float
) -> None:
    minutes = jobs / rate
    at = [minutes * share * part / 10 for part in range(11)]
    found = analysis.pace(looks(*((one, jobs, int(rate * one)) for one in at)))

    if found.expected_end is not None and not found.stalled:
        left = (found.expected_end - START).total_seconds() / 60
        # Whole jobs are counted, so that a pace from few of them is coarse.
        counted = rate * min(10, minutes * share / 10)
        assert left == pytest.approx(minutes, rel=0.2 + 2 / max(counted, 1))


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=10_000), st.integers(min_value=0, max_value=5000)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_looks_make_the_pace_fail(rows: list[tuple[int, int]]) -> None:
    """Times that repeat, jobs that are added, statuses that go back."""
    rows = sorted(rows)
    found = analysis.pace(looks(*((minutes, final + 7, final) for minutes, final in rows)))

    assert str(found)
    assert found.as_dict()["text"] == str(found)
    assert found.expected_end is None or found.expected_end >= found.observed_at
