"""The explorer without a browser: loading, display and errors."""

import pickle
import re
import stat
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import traitlets
from frames import HOSTILE, jobs_frame, pages_frame

import boxdocgen_explore as bx
from boxdocgen_explore.box.retry import RetryPolicy
from boxdocgen_explore.emulator import Enterprise, plain_job
from boxdocgen_explore.errors import InvalidRequest
from boxdocgen_explore.explorer.batch_source import load_batch_list
from boxdocgen_explore.explorer.picker import Picker
from boxdocgen_explore.schema import BATCHES, BatchList
from boxdocgen_explore.view import main_cause

STORY = "12345600319"


@pytest.fixture(scope="module")
def demo():
    box = bx.demo()
    yield box
    box.close()


@pytest.fixture(scope="module")
def on_demo(demo):
    """A read-only explorer of the demo, with its list read."""
    return bx.explore(demo).wait()


@pytest.fixture
def explorer(box):
    """An explorer of a Box with four small batches, its list read."""
    return bx.explore(box).wait()


def read(explorer, *ids):
    """Load these batches, and wait for them."""
    explorer.load(ids)
    return explorer.wait()


def verdict(explorer) -> str:
    return explorer.view.verdict["text"]


def test_on_the_demo_it_opens_with_the_story_loaded(on_demo):
    explorer = on_demo
    assert verdict(explorer).startswith("1,487 of 3,000 failed, 1,412 of them because the tag ")
    assert " was not provided · all 3 pages read" in verdict(explorer)
    assert explorer.view.cause != main_cause(explorer.loaded)
    assert "".join(explorer.view.cause[1]) == (  # the list of all jobs has the other versions
        "1,412 jobs. All of them use template version 2755012340135; of 6,075 final jobs with "
        "other versions of this template, none has this problem."
    )
    assert "{{offer.relocation_allowance :: optional}}" in explorer.view.cause[-1]
    assert explorer.jobs.height == 3000
    assert explorer.view.templates["1755012340011"] == "Offer letter"


def test_the_table_has_a_row_per_batch_and_marks_what_is_loaded(on_demo):
    table = on_demo.picker.table
    rows = {row[0]: row[1:] for row in table.rows}
    assert len(rows) == 41
    template, time, created, counts = rows[STORY]
    assert template == "Offer letter"
    assert re.fullmatch(r"3 Nov( 2026)? 02:14", time)
    assert datetime.fromtimestamp(created, UTC).strftime("%H:%M") == "02:14"
    assert dict(zip([one["name"] for one in table.statuses], counts, strict=True)) == {
        "failed": 1487,
        "completed_with_error": 96,
        "pending": 0,
        "submitted": 0,
        "completed": 1417,
        "other": 0,
    }
    assert (table.loaded, table.partial, table.listing) == ([STORY], [], "complete")
    assert STORY in table.cached


def test_a_batch_has_one_name_wherever_it_is_shown(on_demo):
    name = on_demo.view.batch_labels[STORY]
    assert re.fullmatch(r"Offer letter · 3 Nov( 2026)? 02:14", name)
    assert on_demo.picker.labels[STORY] == name
    assert on_demo.picker.fold.description == f"{name} · {STORY} · change"


def test_a_reading_and_a_plain_frame_are_explored_without_a_picker(demo):
    reading = demo.read(STORY)
    of_reading = bx.explore(reading)
    of_frame = bx.explore(reading.jobs)
    assert of_reading.children == (of_reading.view,)
    assert " read · " in verdict(of_reading)
    assert "no evidence" in verdict(of_frame)
    assert of_frame.jobs.equals(reading.jobs)


def test_a_frame_of_anything_but_jobs_is_refused_in_a_sentence():
    jobs = jobs_frame([{}])
    with pytest.raises(InvalidRequest, match="job_id is missing"):
        bx.explore(jobs.drop("job_id"))
    with pytest.raises(InvalidRequest, match="job_id is Int64"):
        bx.explore(jobs.cast({"job_id": pl.Int64}))


@pytest.mark.parametrize("what", [None, "12345", ["12345"]])
def test_anything_else_is_refused_in_a_sentence(what):
    with pytest.raises(InvalidRequest, match="explore takes a Box"):
        bx.explore(what)


def test_a_broken_reading_says_why_it_is_incomplete(demo):
    with pytest.raises(bx.BoxDocGenError) as failed:
        demo.read("12345600270")
    explorer = bx.explore(failed.value.reading)
    assert verdict(explorer).startswith("INCOMPLETE, at least 2,000 jobs")
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
    one.view.state = {"text": "image"}  # as if the user typed in the view
    assert seen == [{"text": "image"}]
    assert other.view.state == {"text": "image"}


def test_an_invalid_state_is_refused_in_a_sentence(demo):
    explorer = bx.explore(demo.read(STORY))
    for state in ({"colour": ["red"]}, ["failed"]):
        with pytest.raises((InvalidRequest, traitlets.TraitError)):
            bx.explore(demo.read(STORY), state=state)
        for widget in (explorer, explorer.view):
            with pytest.raises((InvalidRequest, traitlets.TraitError)):
                widget.state = state
    assert explorer.state == explorer.view.state == {}


def test_a_failure_is_a_notice_and_the_old_rows_stay(explorer, emulator):
    read(explorer, "1001")
    read(explorer, "404404")
    assert explorer.loaded["batch_id"].unique().to_list() == ["1001"]
    happened, details = explorer.view.notice.split("\n")
    assert happened.endswith("The jobs below were read before.")
    assert "status 404" in details
    assert "request id" in details
    read(explorer, "1003")
    assert explorer.view.notice == ""


def press_retry(explorer):
    explorer.view._handle_custom_msg({"event": "retry"}, [])  # as the button in the browser
    return explorer.wait()


def test_retry_asks_for_the_same_batches_again(explorer, emulator):
    emulator.enterprise.put("2001", 2500)
    emulator.fault("other-body", path="/docgen_batch_jobs/2001", page=2, body="{}", times=None)
    read(explorer, "2001")
    assert explorer.view.retry
    assert "page 2 on" in explorer.view.verdict["missing"]
    emulator.clear_faults()
    press_retry(explorer)
    assert explorer.loaded.height == 2500
    assert explorer.view.notice == ""


def test_only_what_a_retry_may_change_has_its_button(explorer, emulator):
    read(explorer, "404404")
    assert not explorer.view.retry
    emulator.fault("500", path="/docgen_batch_jobs/1003", times=None)
    read(explorer, "404404", "1003")
    assert explorer.view.retry


def test_how_many_jobs_there_will_be_is_known_only_if_all_batches_are_listed(explorer):
    assert explorer.picker.known_jobs(["1001", "1003"]) == 35
    assert explorer.picker.known_jobs(["1001", "404404"]) is None


def test_errors_of_several_batches_are_said_once_each(explorer, emulator):
    emulator.fault("forbidden", path="/docgen_batch_jobs/1003", times=None)
    read(explorer, "1001", "404404", "1003", "404405")
    happened, *details = explorer.view.notice.split("\n")
    assert happened.startswith("Batches 404404, 404405: Box does not have this, or this user may ")
    assert "1003: This user or this app may not read this. " in happened
    assert "as_user" not in happened
    about = [line.partition(": ")[0].split(" ")[-1] for line in details]
    assert about == ["404404", "1003", "404405"]


def test_the_view_knows_that_jobs_are_being_read(explorer, emulator):
    emulator.fault("silent", path="/docgen_batch_jobs/1001", times=None)
    explorer.load(["1001"])
    assert explorer.view.loading
    explorer.cancel()
    explorer.wait()
    assert not explorer.view.loading


def test_what_arrived_of_a_broken_batch_is_shown_as_incomplete(explorer, emulator):
    jobs = emulator.enterprise.jobs("1001")
    emulator.enterprise.put("1001", [*jobs, *jobs[:1]])
    read(explorer, "1001")
    assert verdict(explorer).startswith("INCOMPLETE, at least")
    assert explorer.view.verdict["complete"] is False


def test_a_refresh_that_fails_half_way_keeps_the_complete_jobs(explorer, emulator):
    emulator.enterprise.put("2001", 2500)
    read(explorer, "2001")
    emulator.fault("other-body", path="/docgen_batch_jobs/2001", page=3, body="{}", times=None)
    explorer.refresh()
    explorer.wait()
    assert explorer.loaded.height == 2500
    assert " · all 3 pages read · " in verdict(explorer)
    assert "jobs below were read before" in explorer.view.notice


def test_cancel_ends_a_wait_and_keeps_what_arrived(connected, emulator):
    emulator.enterprise.put("2001", 2500)
    patient = RetryPolicy(read_timeout_s=300, deadline_s=600)  # none of these waits ends by itself
    explorer = bx.explore(connected(retry=patient)).wait()
    emulator.fault("silent", path="/docgen_batch_jobs/2001", page=2, times=None)
    progress = explorer.picker.progress
    explorer.load(["2001"])
    while "1,000 jobs" not in progress.value:
        explorer.wait(0.01)
    explorer.cancel()
    explorer.wait(20)
    assert verdict(explorer).startswith("INCOMPLETE, at least 1,000 jobs")
    assert progress.value == ""
    emulator.clear_faults()
    read(explorer, "2001")
    assert explorer.loaded.height == 2500


class HeldSource:
    """A source whose batches are read only once they are released, and cannot be cancelled."""

    story_batch_id, origin = None, "test"

    def __init__(self, *ids):
        self.released = {one: threading.Event() for one in ids}

    def read(self, ids, **_):
        self.released[ids[0]].wait(30)
        return bx.Reading(jobs_frame([{"batch_id": ids[0]}]), pages_frame(1, batch_id=ids[0]))

    def watch(self, ids, **_):
        return iter(())

    def document_calls(self, jobs):
        return 0

    def batch_list(self, **_):
        raise bx.BoxDocGenError("There is no list.")

    def template_names(self):
        return {}

    def cached(self):
        return []


def test_a_superseded_reading_that_ends_late_is_not_shown():
    source = HeldSource("1", "2")
    explorer = bx.explore(source).wait()
    before = set(threading.enumerate())
    explorer.load(["1"])
    (superseded,) = set(threading.enumerate()) - before
    threading.Timer(0.05, source.released["1"].set).start()  # while load waits for it to stop
    explorer.load(["2"])
    superseded.join(30)
    assert not superseded.is_alive()
    assert explorer.loaded.height == 0
    assert "<progress" in explorer.picker.progress.value
    source.released["2"].set()
    explorer.wait()
    assert explorer.loaded["batch_id"].to_list() == ["2"]
    assert explorer.picker.progress.value == ""


def test_a_new_request_ends_the_wait_of_the_one_before(explorer, emulator):
    emulator.fault("silent", path="/docgen_batch_jobs/1001", times=None)
    explorer.load(["1001"])
    read(explorer, "1003")
    assert explorer.loaded["batch_id"].unique().to_list() == ["1003"]
    assert explorer.view.notice == ""
    assert explorer.picker.cancel.disabled


def load(explorer, text="", selected=()):
    """The message of the browser for Load, or Enter in the field."""
    explorer.picker.obey({"event": "load", "text": text, "selected": selected})
    return explorer.wait()


def test_ids_may_be_pasted_with_any_separator(explorer):
    load(explorer, " 1001, 1003;1004\t1002 ")
    assert verdict(explorer).startswith("42 of 42 completed · 4 batches")


def test_load_takes_what_was_typed_and_else_what_the_message_says_is_selected(explorer):
    load(explorer, selected=["1003", "1004"])
    assert sorted(explorer.loaded["batch_id"].unique()) == ["1003", "1004"]
    load(explorer, "1001", selected=["1003"])
    assert explorer.loaded["batch_id"].unique().to_list() == ["1001"]


def test_loading_without_ids_says_what_to_do(explorer):
    explorer.picker.fold.value = False
    load(explorer, " ")
    assert explorer.loaded.height == 0
    assert "Select batches in the table" in explorer.picker.table.status
    assert explorer.picker.fold.value


class GrowingList(HeldSource):
    """A source whose list of batches arrives in 100 parts."""

    def batch_list(self, *, on_partial, **_):
        for part in range(1, 101):
            on_partial(batches_frame(part * 10), part * 10)
        return BatchList(batches_frame(1000), 1000, True, datetime.now(UTC), jobs_frame([]))


def batches_frame(height):
    rows = {"batch_id": [str(n) for n in range(height)], "template_file_ids": [["9"]] * height}
    counts = {name: [1] * height for name in BATCHES if BATCHES[name] == pl.Int64}
    return pl.DataFrame(rows | counts).match_to_schema(BATCHES, missing_columns="insert")


def test_a_growing_list_is_sent_to_the_browser_only_a_few_times():
    picker = Picker(print, print, print, print, print)
    sent, said = [], []
    picker.table.observe(lambda change: sent.append(len(change["new"])), "rows")
    picker.table.observe(lambda change: said.append(change["new"]), "status")
    load_batch_list(picker, GrowingList(), threading.Event())
    assert sent[0] == 10
    assert sent[-1] == 1000
    assert sum(sent) <= 11 * 1000
    assert "Reading the list of batches: 1,000 batches so far, from 1,000 jobs" in said
    assert not [line for line in said if "no batches" in line]
    assert said[-1] == ""


def test_a_list_that_failed_can_be_read_again(connected, emulator):
    emulator.fault("forbidden", path="/docgen_jobs", times=None, code=HOSTILE)
    explorer = bx.explore(connected()).wait()
    table = explorer.picker.table
    assert (table.listing, table.rows) == ("failed", [])
    assert table.status.startswith("The list could not be read completely")
    assert "<img src=x" in table.status  # the browser shows it as text
    explorer.load(["1001"])
    assert explorer.wait().picker.dates.layout.display == "none"  # without the calls
    emulator.clear_faults()
    explorer.picker.obey({"event": "retry"})
    assert explorer.wait().picker.dates.layout.display == ""
    assert (table.listing, len(table.rows), table.status) == ("complete", 3, "")


def test_a_batch_that_is_not_read_completely_is_marked(explorer, emulator):
    emulator.enterprise.put("2001", 2500)
    emulator.fault("other-body", path="/docgen_batch_jobs/2001", page=3, body="{}", times=None)
    load(explorer, "2001 1003")
    assert explorer.picker.table.loaded == ["2001", "1003"]
    assert explorer.picker.table.partial == ["2001"]
    assert explorer.view.notice.startswith("Batch 2001: Page 3 of batch 2001 is not what Box")
    emulator.clear_faults()
    explorer.refresh()
    explorer.wait()
    assert explorer.picker.table.partial == []


def test_a_user_without_batches_reads_why(connected, emulator):
    emulator.enterprise = Enterprise.of({})
    explorer = bx.explore(connected()).wait()
    assert "a batch belongs to the user who started it" in explorer.picker.table.status


def test_without_a_network_cached_batches_open(connected, emulator):
    online = connected()
    online.read(["1001", "1003"])
    online.close()
    offline = connected(offline=True)
    emulator.stop()
    explorer = bx.explore(offline).wait()
    assert explorer.picker.table.rows == [[one, "", "", None, None] for one in ("1003", "1001")]
    assert explorer.picker.table.cached == ["1001", "1003"]
    read(explorer, "1001")
    assert explorer.loaded.height == 25


@pytest.fixture
def running(connected, emulator, monkeypatch):
    """An explorer on a batch whose jobs are pending, which is looked at without long waits."""
    monkeypatch.setattr("boxdocgen_explore.pace.SHORTEST_LOOK_S", 0.01)
    put_running(emulator, 0)
    explorer = bx.explore(connected()).wait()
    read(explorer, "1003")
    yield explorer
    explorer.picker.watch.value = False


def put_running(emulator, final):
    jobs = [plain_job("1003", n) for n in range(10)]
    waiting = {"status": "pending", "output_file": None}
    emulator.enterprise.put("1003", [*jobs[:final], *(job | waiting for job in jobs[final:])])


def until(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("that never became true")


def test_watch_looks_again_until_nothing_runs(running, emulator):
    running.picker.watch.value = True
    until(lambda: running.view.watching)
    assert running.view.watching["text"].startswith("0 of 10 final · too early to tell")
    put_running(emulator, 7)
    until(lambda: running.view.watching["final"] == 7)
    assert running.jobs["status"].value_counts().sort("count").rows() == [
        ("pending", 3),
        ("completed", 7),
    ]
    put_running(emulator, 10)
    until(lambda: not running.picker.watch.value)
    watching = running.view.watching
    assert (watching["text"], watching["due_at"]) == ("10 of 10 final", None)
    assert "still running" not in verdict(running)
    assert running.view.notice == ""


def test_watch_counts_its_calls_and_says_when_the_next_look_is_due(running):
    running.picker.watch.value = True
    until(lambda: running.view.watching and running.view.watching["calls"] > 3)
    due_at = datetime.fromisoformat(running.view.watching["due_at"])
    assert timedelta(minutes=4) < due_at - datetime.now(UTC) <= timedelta(minutes=5)
    assert running.view.watching["jobs"] == 10


def test_watch_can_be_ended(running, emulator):
    running.picker.watch.value = True
    until(lambda: running.view.watching)
    running.picker.watch.value = False
    assert running.view.watching is None
    put_running(emulator, 10)
    running.wait()
    assert "10 still running" in verdict(running)


def test_an_error_ends_watch_and_is_shown(running, emulator):
    emulator.fault("forbidden", path="/docgen_batch_jobs/1003", times=None)
    running.picker.watch.value = True
    until(lambda: not running.picker.watch.value)
    assert "Watch has ended." in running.view.notice.split("\n")[0]
    assert running.view.watching is None
    assert running.loaded.height == 10


def test_watch_follows_the_batch_that_is_loaded(running, emulator):
    running.picker.watch.value = True
    until(lambda: running.view.watching)
    running.load(["1001"])
    until(lambda: running.view.watching and running.view.watching["jobs"] == 25)
    assert running.loaded["batch_id"].unique().to_list() == ["1001"]


# --- documents -----------------------------------------------------------------------------------


def test_documents_are_loaded_on_request_and_the_number_of_calls_is_shown(explorer):
    button = explorer.picker.documents
    assert button.layout.display == "none"
    read(explorer, "1001")
    assert (button.description, button.layout.display) == ("Load documents (2 calls)", "")
    button.click()
    explorer.wait()
    assert explorer.jobs["output_file_found"].sum() == 25
    assert explorer.jobs["duration_s"].unique().to_list() == [15.0]  # the list had just been read
    assert button.layout.display == "none"


def test_dates_are_loaded_on_demand_and_the_number_of_calls_is_stated(explorer):
    explorer.load(["1001"])
    button = explorer.wait().picker.dates
    assert (button.description, button.layout.display) == ("Load dates (1 call)", "")
    button.click()
    explorer.wait()
    assert explorer.jobs["created_at"].null_count() == 0
    assert button.layout.display == "none"
    explorer.refresh()
    assert "created_at" in explorer.wait().jobs
    explorer.load(["1003"])  # another batch: its dates were not asked for
    assert "created_at" not in explorer.wait().jobs
    assert button.layout.display == ""


def test_documents_stay_when_the_batch_is_refreshed_or_another_one_is_loaded(explorer):
    read(explorer, "1001")
    explorer.load_documents()
    explorer.wait()
    for load in (explorer.refresh, lambda: explorer.load(["1003"])):
        load()
        explorer.wait()
        assert explorer.jobs["output_file_found"].all()


def test_missing_and_empty_documents_are_named(explorer, emulator):
    letters = emulator.enterprise.documents("1001")
    changed = [replace(one, state="deleted") for one in letters[:7]] + [letters[9].emptied()]
    emulator.enterprise.changed |= {one.id: one for one in changed}
    read(explorer, "1001")
    assert explorer.view.notice == ""
    explorer.load_documents()
    explorer.wait()
    missing, empty = explorer.view.notice.split(". ")
    assert missing.startswith("7 documents do not exist: job 1001000000, job 1001000001, ")
    assert missing.endswith("job 1001000004 and 2 more")
    assert empty == "1 document is empty: job 1001000009."


@pytest.mark.filterwarnings("ignore:Not checked:boxdocgen_explore.box.DocumentsWarning")
def test_unknown_documents_are_reported(explorer, emulator):
    letter = emulator.enterprise.documents("1001")[3]
    emulator.enterprise.changed[letter.id] = replace(letter, state="forbidden")
    read(explorer, "1001")
    explorer.load_documents()
    explorer.wait()
    assert explorer.view.notice.startswith("1 document not checked: this user may not")


def test_it_opens_in_the_ordinary_browser_too(demo, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = bx.explore(demo.read(STORY)).open()
    assert opened == [path.as_uri()]
    assert "1,487 of 3,000 failed" in path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()


def test_an_explorer_of_a_reading_knows_the_names_of_templates_unless_its_box_is_closed():
    with bx.demo() as box:
        reading = box.read("12345600319")
        open_box = bx.explore(reading).view.templates
        given = bx.explore(reading, templates={"1": "Letter"}).view.templates
        sent = bx.explore(pickle.loads(pickle.dumps(reading))).view.templates
    assert "Offer letter" in open_box.values()
    assert given == {"1": "Letter"}
    assert sent == {}
    assert bx.explore(reading).view.templates == {}
