"""The search of the page, names of batches, and copied or saved data."""

from __future__ import annotations

import polars as pl
import pytest
from browser_fixtures import bar_labels, figure, mount, wait_for_draw
from frames import MISSING, READ_AT, documented, jobs_frame, pages_frame, story
from playwright.sync_api import Page, expect

import boxdocgen_explore as bx
from boxdocgen_explore import analysis

pytestmark = pytest.mark.browser

ROW = "Row 4 is empty"
ROWS = [
    {"external_id": "EMP-1", "status": "failed", "errors": [ROW, MISSING, "Row 9 is empty"]},
    {"external_id": "EMP-2", "status": "failed", "errors": [MISSING]},
    {"external_id": "EMP-13", "output_file_id": "1900000000003"},
    {"status": "failed", "template_file_id": "9", "batch_id": "12345600320", "errors": []},
]


def found(tab: Page, text: str) -> list[str]:
    tab.get_by_role("searchbox", name="Search jobs").fill(text)
    wait_for_draw(tab)
    return sorted(one[-1] for one in tab.locator("td.column-job_id").all_inner_texts())


def test_ids_that_are_not_found_are_named(show):
    tab = show(jobs_frame(ROWS))
    assert found(tab, "EMP-1,EMP-2|98000000003") == ["0", "1", "3"]
    expect(tab.locator(".missing")).to_have_text("")
    assert found(tab, "EMP-8; emp-1; EMP-9 EMP-13") == ["0", "2"]
    expect(tab.locator(".missing")).to_have_text("2 of 4 not found: EMP-8, EMP-9")


def test_a_search_of_many_jobs_shows_first_rows_early_and_no_count_before_it_is_final(show):
    ids = pl.Series("external_id", [f"E{number}" for number in range(400_000)])
    tab = show(pl.DataFrame({"status": ["failed"] * 400_000, "external_id": ids}))
    tab.evaluate("""() => {
      const line = document.querySelector(".jobs-shown");
      const cells = () => [...document.querySelectorAll("td.column-external_id")].slice(0, 5);
      const seen = () => window.seen.push([line.textContent, cells().map((td) => td.textContent)]);
      window.seen = [];
      new MutationObserver(seen).observe(line, { childList: true });
    }""")
    tab.get_by_role("searchbox", name="Search jobs").press_sequentially("e399")
    found = {text: ids.filter(ids.str.contains(text)) for text in ("E", "E3", "E39", "E399")}
    expect(tab.locator(".jobs-shown")).to_have_text(f"{found['E399'].len():,} of 400,000 jobs")
    wait_for_draw(tab)
    final = {f"{one.len():,} of 400,000 jobs" for one in found.values()}
    firsts = [one[:5].to_list() for one in found.values()]
    for line, rows in tab.evaluate("window.seen"):
        assert line in final | {"Searching…"}
        assert any(rows == first[: len(rows)] for first in firsts)  # a busy machine finds fewer
    assert tab.evaluate("window.seen.at(-1)[1]") == firsts[-1]


def test_what_is_typed_while_a_search_goes_on_stays_in_the_field(show):
    ids = pl.Series("external_id", [f"E{number}" for number in range(200_000)])
    tab = show(pl.DataFrame({"status": ["failed"] * 200_000, "external_id": ids}))
    tab.evaluate("""async () => {
      const field = document.querySelector("input[type=search]");
      const { get, set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
      window.written = [];
      Object.defineProperty(field, "value", {
        get,
        set(text) {
          window.written.push(text);
          set.call(field, text);
        },
      });
      for (const text of ["e19", "e199"]) {
        set.call(field, text);
        field.dispatchEvent(new Event("input"));
        await null; // the search for the first text begins
      }
    }""")
    expect(tab.locator(".jobs-shown")).to_have_text("1,111 of 200,000 jobs")
    assert tab.evaluate("window.written") == []


def test_ids_pasted_from_a_column_of_a_sheet_are_several(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(jobs_frame(ROWS))
    tab.evaluate("navigator.clipboard.writeText('EMP-1\\nEMP-2\\n')")
    tab.get_by_role("searchbox", name="Search jobs").press("ControlOrMeta+v")
    expect(tab.locator(".jobs-shown")).to_have_text("2 of 4 jobs")


def test_matches_are_marked_where_a_search_looks(show):
    tab = show(jobs_frame(ROWS))
    assert found(tab, "emp offer") == ["0", "1", "2"]
    assert set(tab.locator("tr.job mark").all_inner_texts()) == {"EMP", "emp", "Offer"}
    assert found(tab, "{{candidate. EMP-2") == ["1"]
    assert set(tab.locator("mark").all_inner_texts()) == {"EMP-2", "{{candidate."}


def test_the_reason_is_the_one_that_was_searched_or_filtered_and_counts_the_others(show):
    tab = show(jobs_frame(ROWS))
    cell = tab.locator("tr.job", has_text="EMP-1").first.locator(".reason")
    expect(cell).to_have_text(f"{ROW}+2")
    expect(cell).to_have_attribute("title", f"{ROW}\n{MISSING}\nRow 9 is empty")
    figure(tab, "Failure reasons").get_by_role("button", name=MISSING).click()
    expect(cell).to_have_text(f"{MISSING}+2")
    tab.get_by_role("button", name="Clear filters").click()
    found(tab, "EMP-1 9 empty")
    expect(cell).to_have_text("Row 9 is empty+2")


def test_batches_are_told_apart_and_a_partly_read_one_is_marked(show):
    jobs = jobs_frame([row | {"created_at": READ_AT} for row in ROWS])
    verdict = analysis.verdict(jobs, pages_frame(1), failures=["12345600320"])
    tab = show(jobs, verdict, labels={"12345600319": "Offer letter · 3 Nov 02:14"})
    names = ["Offer letter · 3 Nov 02:14 · 12345600319", "partly read · 12345600320"]
    assert tab.get_by_role("group", name="Batch").locator(".name").all_inner_texts() == names
    labels = bar_labels(figure(tab, "Outcomes by batch"))
    assert [label.partition(": ")[0] for label in labels] == names
    assert set(tab.locator("td.column-batch_id").all_text_contents()) == set(names)
    tab.get_by_role("checkbox", name=names[1]).check()
    expect(tab.locator(".jobs-shown")).to_have_text("1 of 4 jobs")
    show(jobs_frame(ROWS[:3]))
    expect(tab.get_by_role("group", name="Batch")).to_be_hidden()
    assert tab.locator("td.column-batch_id").count() == 0


@pytest.mark.thorough
def test_the_chip_of_a_long_reason_has_room_beside_buttons_and_a_message(show):
    tab = show(jobs_frame(ROWS), state={"reason": [MISSING]})
    tab.get_by_role("button", name="Copy ids to resubmit").click()
    expect(tab.locator(".message")).to_have_text("Copied 2 ids: 2 failed.")
    assert tab.locator(".chip").bounding_box()["width"] >= 200


@pytest.mark.thorough
def test_no_button_moves_while_a_message_is_shown(show):
    tab = show(story(), state={"status": ["completed"]})
    buttons = tab.locator(".bar > :is(button, details)")
    before = [button.bounding_box() for button in buttons.all()]
    tab.get_by_role("button", name="Copy ids to resubmit").click()
    expect(tab.locator(".message")).to_have_text(
        "There is nothing to resubmit among the jobs shown."
    )
    assert [button.bounding_box() for button in buttons.all()] == before


def test_ids_to_resubmit_and_the_name_of_the_csv(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    jobs = jobs_frame(ROWS)
    show(jobs, analysis.verdict(jobs, pages_frame(1)), state={"sort": ["job_id", "ascending"]})
    tab.get_by_role("button", name="Copy ids to resubmit").click()
    expect(tab.locator(".message")).to_have_text("Copied 3 ids: 3 failed.")
    ids = tab.evaluate("navigator.clipboard.readText()")
    assert ids.split() == ["EMP-1", "EMP-2", "98000000003"]
    for group, name in (("Batch", "12345600319"), ("Status", "failed")):
        tab.get_by_role("group", name=group).get_by_role("checkbox", name=name).check()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Save CSV").click()
    assert download.value.suggested_filename == "jobs-12345600319-failed-2026-11-03.csv"


def test_what_is_typed_stays_although_the_kernel_answers_to_what_was_typed_before(tab):
    mount(tab, story())
    field = tab.get_by_role("searchbox", name="Search jobs")
    field.fill("EMP-0")
    # The answer comes after the next letter was typed, and before it was sent.
    tab.evaluate("""() => {
      const field = document.querySelector("input[type=search]");
      field.value += "0";
      field.dispatchEvent(new Event("input"));
      model.set("state", { text: "EMP-0" });
    }""")
    tab.wait_for_function("globalThis.sent?.text === 'EMP-00'")
    wait_for_draw(tab)
    expect(field).to_have_value("EMP-00")


def test_documents_that_are_lost_are_to_be_resubmitted_in_the_view_as_in_python(show, tab):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    jobs = documented(story())  # of which seven do not exist
    size = pl.when(pl.col("job_id") == "98000000001").then(0)
    jobs = jobs.with_columns(output_file_size_bytes=size.otherwise("output_file_size_bytes"))
    show(jobs)
    again = bx.resubmission(jobs)
    reasons = again.filter(status="completed")["reason"].to_list()
    assert sorted(reasons) == ["The document does not exist."] * 7 + ["The document is empty."]
    tab.get_by_role("button", name="Copy ids to resubmit").click()
    expect(tab.locator(".message")).to_contain_text("8 without their document")
    ids = tab.evaluate("navigator.clipboard.readText()").split()
    assert sorted(ids) == sorted(again["external_id"].fill_null(again["job_id"]))
