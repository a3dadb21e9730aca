"""The explorer without a browser: what it loads, shows, keeps and says."""

import ipywidgets
import polars as pl
import pytest
import traitlets

import boxdocgen_explore as bx
from boxdocgen_explore.emulator import Enterprise
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.explorer import explorer as widgets
from boxdocgen_explore.explorer.picker import Picker

STORY = "12345600319"


@pytest.fixture(scope="module")
def demo():
    box = bx.demo()
    yield box
    box.close()


@pytest.fixture
def explorer(box):
    """An explorer of a Box with four small batches, its list read."""
    return bx.explore(box).wait()


def said(explorer) -> str:
    return explorer.view.verdict["text"]


def test_on_the_demo_it_opens_with_the_story_loaded(demo):
    explorer = bx.explore(demo).wait()
    assert said(explorer).startswith("1,487 of 3,000 failed · all 3 pages read")
    assert explorer.jobs.height == 3000
    assert explorer.view.templates["1755012340011"] == "Offer letter"


def test_the_list_says_how_many_batches_and_offers_each(demo):
    explorer = bx.explore(demo).wait()
    labels = [label for label, _ in explorer.picker.listing.options]
    assert "49.6 % failed · Offer letter · 3 Nov 02:14 · 3,000 · 12345600319" in labels
    assert "41 batches, times in UTC" in explorer.picker.said.value


def test_a_batch_of_the_demo_without_jobs_is_labelled_too(demo):
    assert demo.read("12345600249").verdict.endswith(" · demo data")


def test_a_reading_and_a_plain_frame_are_explored_without_a_picker(demo):
    reading = demo.read(STORY)
    of_reading = bx.explore(reading)
    of_frame = bx.explore(reading.jobs)
    assert of_reading.children == (of_reading.view,)
    assert " read · " in said(of_reading)
    assert "no evidence" in said(of_frame)
    assert of_frame.jobs.equals(reading.jobs)


def test_a_frame_with_columns_missing_is_refused_in_a_sentence():
    with pytest.raises(InvalidRequest, match="job_id is missing"):
        bx.explore(pl.DataFrame({"batch_id": ["1"]}))


@pytest.mark.parametrize("what", [None, "12345", ["12345"], pl.LazyFrame()])
def test_what_cannot_be_explored_is_refused_in_a_sentence(what):
    with pytest.raises(InvalidRequest, match="explore takes a Box"):
        bx.explore(what)


def test_a_frame_with_another_dtype_is_refused_in_a_sentence(demo):
    jobs = demo.jobs(STORY).with_columns(pl.col("job_id").cast(pl.Int64))
    with pytest.raises(InvalidRequest, match="job_id is Int64"):
        bx.explore(jobs)


def test_a_broken_reading_says_why_it_is_incomplete(demo):
    with pytest.raises(bx.BoxDocGenError) as failed:
        demo.read("12345600270")
    explorer = bx.explore(failed.value.reading)
    assert said(explorer).startswith("INCOMPLETE, at least 2,000 jobs")
    assert "request id" in explorer.view.notice


def test_a_filter_by_day_without_details_shows_what_has_no_day(demo):
    reading = demo.read(STORY)
    assert bx.explore(reading, state={"day": ["2026-11-03"]}).jobs.height == 0
    assert bx.explore(reading, state={"day": [None]}).jobs.equals(reading.jobs)


def test_state_filters_the_frame_and_the_query_gives_the_same_rows(demo):
    reading = demo.read(STORY)
    explorer = bx.explore(reading, state={"status": ["failed"]})
    assert explorer.jobs.height == 1487
    explorer.state = {"status": ["completed_with_error"]}
    assert explorer.view.state == {"status": ["completed_with_error"]}
    assert explorer.jobs.height == 96
    assert explorer.jobs.equals(reading.jobs.filter(explorer.query))


def test_state_can_be_observed_and_linked(demo):
    reading = demo.read(STORY)
    one, other = bx.explore(reading), bx.explore(reading)
    seen = []
    one.observe(lambda change: seen.append(change["new"]), "state")
    traitlets.link((one, "state"), (other, "state"))
    one.view.state = {"text": "image"}  # as if somebody had typed in the view
    assert seen == [{"text": "image"}]
    assert other.view.state == {"text": "image"}


def test_a_state_that_cannot_be_is_refused_in_a_sentence(demo):
    explorer = bx.explore(demo.read(STORY))
    for state in ({"colour": ["red"]}, ["failed"]):
        with pytest.raises((InvalidRequest, traitlets.TraitError)):
            bx.explore(demo.read(STORY), state=state)
        with pytest.raises((InvalidRequest, traitlets.TraitError)):
            explorer.state = state
    assert explorer.state == explorer.view.state == {}


def test_a_failure_is_a_notice_and_the_old_rows_stay(explorer, emulator):
    explorer.load(["1001"])
    explorer.wait()
    explorer.load(["404404"])
    explorer.wait()
    assert explorer.loaded["batch_id"].unique().to_list() == ["1001"]
    assert "404" in explorer.view.notice
    assert "request id" in explorer.view.notice
    assert "rows below are those read before" in explorer.view.notice
    explorer.load(["1003"])
    explorer.wait()
    assert explorer.view.notice == ""


def test_what_arrived_of_a_broken_batch_is_shown_as_incomplete(explorer, emulator):
    jobs = emulator.enterprise.jobs("1001")
    emulator.enterprise.put("1001", [*jobs, *jobs[:1]])
    explorer.load(["1001"])
    explorer.wait()
    assert said(explorer).startswith("INCOMPLETE, at least")
    assert explorer.view.verdict["complete"] is False


def test_a_refresh_that_fails_keeps_the_whole_rows(explorer, emulator):
    explorer.load(["1001"])
    explorer.wait()
    emulator.fault("other-body", path="/docgen_batch_jobs/1001", body="{}", times=None)
    explorer.refresh()
    explorer.wait()
    assert explorer.loaded.height == 25
    assert " read · " in said(explorer)
    assert explorer.view.notice


def test_cancel_keeps_what_arrived_and_loading_again_goes_on(connected, emulator):
    emulator.enterprise.put("2001", 2500)
    explorer = bx.explore(connected()).wait()
    emulator.fault("silent", path="/docgen_batch_jobs/2001", page=2, times=None)
    arrived = explorer.picker.progress
    explorer.load(["2001"])
    while "1,000 jobs" not in arrived.value:
        explorer.wait(0.01)
    explorer.cancel()
    explorer.wait()
    assert said(explorer).startswith("INCOMPLETE, at least 1,000 jobs")
    assert arrived.value == ""
    emulator.clear_faults()
    explorer.load(["2001"])
    explorer.wait()
    assert explorer.loaded.height == 2500


def test_what_is_asked_for_last_is_what_is_shown(explorer, emulator):
    emulator.fault("silent", path="/docgen_batch_jobs/1001", times=None)
    explorer.load(["1001"])
    explorer.load(["1003"])
    explorer.wait()
    assert explorer.loaded["batch_id"].unique().to_list() == ["1003"]
    assert explorer.view.notice == ""
    assert explorer.picker.cancel.disabled


def test_ids_may_be_pasted_with_any_separator(explorer):
    explorer.picker.ids.value = " 1001, 1003;1004\t1002 "
    assert explorer.picker.chosen == ["1001", "1003", "1004", "1002"]


def test_what_is_chosen_stays_chosen_while_searching(demo):
    picker = bx.explore(demo).wait().picker
    picker.listing.value = (STORY,)
    picker.search.value = "invoice"
    labels = [label for label, _ in picker.listing.options]
    assert STORY in labels[0]
    assert picker.chosen == [STORY]
    assert all("Invoice" in label for label in labels[1:])
    assert len(labels) > 1


def test_what_is_chosen_takes_the_place_of_what_was_typed(explorer):
    explorer.picker.ids.value = "1001"
    explorer.picker.listing.value = ("1003",)
    assert explorer.picker.chosen == ["1003"]


def test_a_batch_keeps_its_place_while_the_list_fills(demo):
    batches = demo.batches()
    picker = Picker(print, print, print)
    picker.offer(batches[20:23], "so far")
    before = [one for _, one in picker.listing.options]
    picker.offer(batches, "all")
    after = [one for _, one in picker.listing.options]
    assert after[:3] == before
    assert sorted(after) == sorted(batches["batch_id"])


def test_loading_without_a_choice_says_what_to_do(explorer):
    explorer.picker.load.click()
    assert "Choose a batch" in explorer.picker.said.value


def test_a_user_without_batches_is_told_why(connected, emulator):
    emulator.enterprise = Enterprise.of({})
    explorer = bx.explore(connected()).wait()
    assert "belong to whoever started them" in explorer.picker.said.value


def test_without_a_network_what_is_kept_opens(connected, emulator):
    online = connected()
    online.read(["1001", "1003"])
    online.close()
    offline = connected(offline=True)
    emulator.stop()
    explorer = bx.explore(offline).wait()
    assert {one for _, one in explorer.picker.listing.options} == {"1001", "1003"}
    explorer.load(["1001"])
    explorer.wait()
    assert explorer.loaded.height == 25


def test_watch_looks_again_until_nothing_runs(connected, emulator, monkeypatch):
    monkeypatch.setattr(widgets, "_WATCH_S", 0.01)
    jobs = emulator.enterprise.jobs("1003")
    emulator.enterprise.put("1003", [{**job, "status": "pending"} for job in jobs])
    explorer = bx.explore(connected(ttl_s=0)).wait()
    explorer.load(["1003"])
    explorer.wait()
    assert "10 still running" in said(explorer)
    explorer.picker.watch.value = True
    emulator.enterprise.put("1003", jobs)
    while explorer.picker.watch.value:
        explorer.wait(0.01)
    assert "still running" not in said(explorer)
    assert explorer.view.notice == ""


def test_its_repr_is_the_verdict_and_not_a_tree_of_widgets(demo):
    assert repr(bx.explore(demo).wait()).startswith("<Explorer: 1,487 of 3,000 failed")


def test_it_opens_in_the_ordinary_browser_too(demo, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = bx.explore(demo.read(STORY)).open()
    assert opened == [path.as_uri()]
    assert "1,487 of 3,000 failed" in path.read_text("utf-8")
    path.unlink()


def test_every_control_of_the_picker_has_the_name_it_is_known_by(explorer):
    controls = {
        widget.description: type(widget)
        for widget in (
            explorer.picker.search,
            explorer.picker.listing,
            explorer.picker.ids,
            explorer.picker.load,
            explorer.picker.refresh,
            explorer.picker.cancel,
            explorer.picker.watch,
        )
    }
    assert controls == {
        "Search batches": ipywidgets.Text,
        "Batches": ipywidgets.SelectMultiple,
        "Batch ids": ipywidgets.Text,
        "Load": ipywidgets.Button,
        "Refresh": ipywidgets.Button,
        "Cancel": ipywidgets.Button,
        "Watch": ipywidgets.Checkbox,
    }
