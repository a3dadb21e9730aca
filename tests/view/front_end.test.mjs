// The front end's logic without a browser: what Python computes too is compared with Python's own
// results, which test_front_end.py writes into the table. `node --test` alone has no table.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { readFragment, writeFragment } from "../../boxdocgen_explore/view/front_end/address.js";
import { batchesOf, found, outcomes, percentFailed, selection } from "../../boxdocgen_explore/view/front_end/batch_rows.js";
import { barLabel, Bars, reasonsNote } from "../../boxdocgen_explore/view/front_end/bars.js";
import { cell, csv, csvCell, sortedJobs, unpack } from "../../boxdocgen_explore/view/front_end/columns.js";
import { number } from "../../boxdocgen_explore/view/front_end/dom.js";
import { durationsNote, intervalNote } from "../../boxdocgen_explore/view/front_end/durations.js";
import { Filters, queryCode } from "../../boxdocgen_explore/view/front_end/filters.js";
import { outcome, rePerform } from "../../boxdocgen_explore/view/front_end/re_perform.js";
import { disambiguate } from "../../boxdocgen_explore/view/front_end/sidebar.js";
import { bytes } from "../../boxdocgen_explore/view/front_end/table.js";
import { age } from "../../boxdocgen_explore/view/front_end/verdict.js";

const table = JSON.parse(readFileSync(process.env.BOXDOCGEN_TABLE, "utf-8"));
const { specs } = table;
const templates = new Map(Object.entries(table.templates));
const frames = await Promise.all(table.frames.map(({ payload }) => unpack(Buffer.from(payload, "base64"))));

function ids(frame, jobs) {
  return Array.from(jobs, (job) => cell(frame, "job_id", job));
}

function rowsOf(frame, filters, figure, batches = {}) {
  const names = new Map([...Object.entries(batches), ...templates]);
  const label = (key) => barLabel(key, (value) => (value === null ? "(none)" : names.get(value) ?? value));
  const shown = filters.shown(sortedJobs(frame, null, specs.statuses)).length;
  return new Bars(frame, figure, specs.statuses).rows(filters, { jobs_all: frame.jobs, jobs_shown: shown }, label);
}

test("a state shows the jobs that Python's query gives; Python runs the code that is copied", () => {
  const codes = [];
  for (const { state, frame: place, shown } of table.states) {
    const frame = frames[place];
    const filters = new Filters(frame, table.templates);
    filters.apply({ status: ["failed"], text: "something else" }); // what changes is what counts
    const typed = [...(state.text ?? "")].map((_, end) => state.text.slice(0, end));
    for (const text of typed) filters.apply({ ...state, text });
    filters.apply(state);
    const inOrder = Uint32Array.from({ length: frame.jobs }, (_, job) => job);
    assert.deepEqual(ids(frame, filters.shown(inOrder)), shown, JSON.stringify(state));
    codes.push(queryCode(state, specs.query_code, table.templates));
  }
  writeFileSync(process.env.BOXDOCGEN_CODES, JSON.stringify(codes));
});

test("a search that pauses and is abandoned for another one finds what Python finds, the first ones at once", async () => {
  const frame = await unpack(Buffer.from(table.many.payload, "base64"));
  const filters = new Filters(frame, {});
  const order = Uint32Array.from({ length: frame.jobs }, (_, job) => job);
  for (const [text, expected] of Object.entries(table.many.found)) {
    const abandoned = filters.steps({ text: "e" });
    abandoned.next();
    let fits = null;
    for (const found of filters.steps({ text })) fits = found;
    assert.deepEqual(ids(frame, filters.shown(order)), expected, text);
    if (fits) assert.deepEqual(ids(frame, filters.first(order, fits, 2, Infinity)), expected.slice(0, 2), text);
    assert.equal(filters.counts(frame.columns.get("status"))[0], expected.length);
  }
});

const MORE_STATES = [
  { sort: ["job_id", "descending"], columns: ["status", "job_id"], widths: ["errors:320"], measure: "share", compare_by: "day", output_type: ["", null] },
  { created: ["2026-11-02", "2026-11-03"], text: "a&b=c #%\u2028+ \u{1f600}" },
  { text: Array.from({ length: 6000 }, (_, number) => `EMP-${number}`).join("\n") },
];

test("the fragment of an address says a state as Python's does, and back", () => {
  const named = table.states.map(({ state, fragment }) => [state, fragment]);
  for (const [state, fragment] of [...named, ...MORE_STATES.map((state) => [state, writeFragment(state)])]) {
    const read = readFragment(`#${fragment}`) ?? {};
    assert.deepEqual(read, state, fragment);
    assert.deepEqual(readFragment(writeFragment(read)) ?? {}, read);
  }
});

test("of a hostile fragment only what is valid is read", () => {
  const read = (fragment) => JSON.stringify(readFragment(fragment));
  for (const other of ["", "#", "#findings", "#__proto__=x&constructor=y", "#none=__proto__", "#%E0%A4%A", `#text=${"x".repeat(1_100_000)}`]) {
    assert.equal(read(other), "null", other.slice(0, 40));
  }
  assert.equal(read("#text="), "{}");
  assert.equal(read("#sort=job_id&sort=up&created=2026-11-03&created=2026-11-02&measure=__proto__&none=created"), "{}");
  assert.equal(read("#widths=errors:320&widths=errors:99999"), "{}");
  assert.equal(read("#created=2026-13-45&created=2026-13-46&compare_by=x&status=<img>"), '{"status":["<img>"]}');
});

test("the counts beside a filter leave out that filter alone", () => {
  for (const { state, frame: place, counts } of table.states) {
    const filters = new Filters(frames[place], table.templates);
    filters.apply(state);
    for (const [key, expected] of Object.entries(counts)) {
      const column = frames[place].columns.get(key);
      const found = [...filters.counts(column, key)].map((count, code) => [column.values[code], count]);
      assert.deepEqual(new Map(found.filter(([, count]) => count)), new Map(expected), key);
    }
  }
});

test("the bars of every chart are those that Python draws", () => {
  for (const { frame: place, figure, rows } of table.bars) {
    const frame = frames[place];
    const spec = specs.figures.find(({ name }) => name === figure);
    const dated = (row) => figure !== "over_time" || row.key[0] !== null; // the chart leaves these out
    const drawn = rowsOf(frame, new Filters(frame), spec, table.batch_names[place]).filter(dated);
    assert.deepEqual(drawn, rows, `${figure} of frame ${place}`);
  }
});

test("the bars of a filter keep their place and show the counts of its jobs", () => {
  for (const { frame: place, state, figure, shown } of table.filtered_bars) {
    const filters = new Filters(frames[place], table.templates);
    filters.apply(state);
    const spec = specs.figures.find(({ name }) => name === figure);
    const rows = rowsOf(frames[place], filters, spec);
    assert.deepEqual(rows.map(({ all }) => all), rowsOf(frames[place], new Filters(frames[place]), spec).map(({ all }) => all));
    const found = rows.filter((row) => row.shown).map((row) => [row.label, row.status, row.shown].join());
    assert.deepEqual(found.sort(), shown.map((row) => row.join()).sort(), `${figure} ${JSON.stringify(state)}`);
  }
});

test("ages, counts and notes are written as in Python", () => {
  for (const [seconds, text] of table.ages) assert.equal(age(seconds), text, `${seconds} s`);
  const figure = specs.figures.find(({ name }) => name === "reasons");
  for (const [place, text] of table.reasons_notes.entries()) {
    const filters = new Filters(frames[place]);
    assert.equal(reasonsNote(rowsOf(frames[place], filters, figure), { frame: frames[place], filters }), text);
  }
  for (const [count, text] of table.numbers) assert.equal(number(count), text);
});

test("a cell of the CSV is no formula, and its quotes are doubled", () => {
  for (const [value, text] of table.csv_cells) {
    const quoted = /[",\r\n]/.test(text) || text === "";
    assert.equal(csvCell(value), quoted ? `"${text.replaceAll('"', '""')}"` : text);
  }
  assert.equal(csvCell(null), "");
});

test("the CSV has the packed columns of the jobs asked for, in their order", () => {
  const [frame] = frames;
  const lines = csv(frame, [2, 0]).split("\r\n");
  assert.equal(lines[0], `\ufeff${table.columns.join()}`);
  assert.deepEqual(lines.slice(1).map((line) => line.split(",")[1]), [...ids(frame, [2, 0]), undefined]);
});

test("jobs are sorted by status, ids by number, and blank values come last", () => {
  for (const { frame: place, sort, sorted } of table.sorts) {
    const frame = frames[place];
    assert.deepEqual(ids(frame, sortedJobs(frame, sort, specs.statuses)), sorted, JSON.stringify(sort));
  }
});

test("templates of the same name get their ids, others do not", () => {
  const names = disambiguate([["1", "Offer"], ["2", "Offer"], ["3", "Invoice"]]);
  assert.deepEqual([...names.values()], ["Offer (1)", "Offer (2)", "Invoice"]);
});

test("every text is as Python packed it", () => {
  for (const [place, { texts }] of table.frames.entries()) {
    for (const [name, values] of Object.entries(texts)) assert.deepEqual(values.map((_, job) => cell(frames[place], name, job)), values, name);
  }
});

test("no payload is no jobs", async () => {
  const frame = await unpack(new Uint8Array());
  assert.equal(frame.jobs, 0);
  assert.deepEqual([...sortedJobs(frame, null, specs.statuses)], []);
});

test("durations have the words of Python", () => {
  for (const { frame: place, note } of table.duration_notes) {
    const jobs = sortedJobs(frames[place], null, specs.statuses);
    assert.equal(durationsNote(frames[place], jobs, templates), note);
  }
  assert.equal(intervalNote("2026-11-03T02:15Z/PT1M"), "per minute, UTC");
  assert.equal(intervalNote("2026-11-03T02:15Z/PT5M"), "per 5 min, UTC");
  assert.equal(intervalNote("2026-11-03T00:00Z/PT1440M"), "per day, UTC");
  assert.equal(intervalNote(undefined), "");
});

test("sizes are short", () => {
  const sizes = [0, 999, 1000, 86_400, 999_499, 1_500_000, 2_000_000_000].map(bytes);
  assert.deepEqual(sizes, ["0 B", "999 B", "1 kB", "86 kB", "999 kB", "1.5 MB", "2.0 GB"]);
});

const STATUSES = [{ name: "failed" }, { name: "pending", running: true }, { name: "completed" }];
const ROWS = [
  ["9", "Payslip", "3 Nov 02:30", 1793673003, [2, 0, 1252]],
  ["10", "Offer letter", "3 Nov 02:14", 1793672040, [1487, 0, 1513]],
  ["8", "offer letter", "2 Nov 2025 07:52", 1762069920, [0, 12, 0]],
  ["7", "", "", null, null],
];
const marks = { loaded: new Set(["10", "8"]), partial: new Set(["8"]), cached: new Set(["7", "10"]) };
const batches = batchesOf(ROWS, STATUSES, marks);
const order = (search, column, direction = "ascending") => found(batches, search, [column, direction]).map(({ id }) => id);

test("a batch says whether it runs, and how much of it was read", () => {
  assert.deepEqual(batches.map(({ states }) => states), ["", "loaded", "running (12 jobs), partly read", "cached"]);
  assert.deepEqual(batches.map(({ jobs }) => jobs), [1254, 3000, 12, undefined]);
  assert.equal(batches[1].label, "Offer letter · 3 Nov 02:14 · 10");
  assert.equal(outcomes([1487, 0, 1513], STATUSES), "1,487 failed, 1,513 completed");
  assert.deepEqual([0, 0.0001, 0.4957, 0.9999, 1].map(percentFailed), ["0.0 %", "< 0.1 %", "49.6 %", "> 99.9 %", "100.0 %"]);
});

test("batches are sorted by any column; what is unknown comes last", () => {
  assert.deepEqual(order("", "id"), ["7", "8", "9", "10"]);
  assert.deepEqual(order("", "created", "descending"), ["9", "10", "8", "7"]);
  assert.deepEqual(order("", "created"), ["8", "10", "9", "7"]);
  assert.deepEqual(order("", "template"), ["8", "10", "9", "7"]);
  assert.deepEqual(order("", "failed", "descending"), ["10", "9", "8", "7"]);
  assert.deepEqual(order("", "jobs"), ["8", "9", "10", "7"]);
  assert.deepEqual(order("", "state"), ["7", "10", "8", "9"]);
});

test("every word of a search must be in the template, the date, the id or the state", () => {
  assert.deepEqual(order("  OFFER nov ", "id"), ["8", "10"]);
  assert.deepEqual(order("2026-11-03", "id"), ["9", "10"]);
  assert.deepEqual(order("running", "id"), ["8"]);
  assert.deepEqual(order("cached", "id"), ["7"]);
  assert.deepEqual(order("pay offer", "id"), []);
});

test("a selection is one batch, or grows by one, or is a range", () => {
  const pick = (before, options) => [...selection(new Set(before), ["a", "b", "c", "d"], options)].sort().join("");
  assert.equal(pick("ab", { id: "c" }), "c");
  assert.equal(pick("ab", { id: "c", add: true }), "abc");
  assert.equal(pick("ab", { id: "b", add: true }), "a");
  assert.equal(pick("a", { id: "d", anchor: "b", range: true }), "bcd");
  assert.equal(pick("d", { id: "a", anchor: "b", range: true, add: true }), "abd");
  assert.equal(pick("d", { id: "b", anchor: "gone", range: true }), "ab");
});

const { reported } = table;
const zip = new Uint8Array(Buffer.from(reported.bag, "base64"));
const recomputed = () => ["good", "The same"];
const shown = { ...reported.page, recomputed, frame: await unpack(Buffer.from(reported.payload, "base64")) };
const failing = async (bag, page) => (await rePerform(bag, page)).filter(([, result]) => result !== "matches");

test("an evidence bag and the page around it are consistent", async () => {
  assert.deepEqual(await rePerform(zip, shown), ["Page", "Files", "Chain", "Rows", "Counts"].map((name) => [name, "matches", ""]));
});

test("what the bag and the page state differently is named", async () => {
  const failed = shown.outcome.match(/^[\d,]+/)[0];
  for (const [change, check, why] of [
    [{ recomputed: () => ["bad", "NOT the same: 0"] }, "Page", /^NOT the same: 0$/],
    [{ texts: shown.texts.replace(/"findings":"./, '"findings":"x') }, "Page", /^the text of findings is not that/],
    [{ seal: "0" }, "Files", /^the seal of the bag is [0-9a-f]{64}$/],
    [{ record: "{}" }, "Files", /^data\/audit.json: /],
    [{ outcome: shown.outcome.replace(failed, "1") }, "Counts", /^Outcome: the pages have .* failed$/],
    [{ outcome: `${shown.outcome} Fine.` }, "Counts", /^Outcome: /],
    [{ frame: { ...shown.frame, jobs: shown.frame.jobs - 1 } }, "Rows", /in this page it is no job$/],
    [{ frame: frames[0] }, "Rows", /^data\/pages\/12345600319\/000001.json: row 1 is /],
  ]) {
    const [[name, result, reason], ...more] = await failing(zip, { ...shown, ...change });
    assert.deepEqual([name, result, more], [check, "does not match", []]);
    assert.match(reason, why);
  }
  const damaged = zip.slice();
  damaged[200] ^= 1; // in the first file, a page
  const [files, chain] = await failing(damaged, shown);
  assert.match(files[2], /^data\/pages\/12345600319\/000001.json: its content /);
  assert.match(chain[2], /^a file is not as FORMAT.md says: /);
});

test("what a browser cannot do is not performed, and it says why", async () => {
  const old = class { constructor() { throw new TypeError("deflate-raw"); } };
  for (const [name, value, lack] of [["crypto", {}, "offers no SHA-256"], ["DecompressionStream", old, "cannot unpack"]]) {
    const given = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true });
    const results = await rePerform(zip, shown);
    Object.defineProperty(globalThis, name, given);
    assert.equal(results.length, 5);
    for (const [, result, why] of results) assert.match(`${result}: ${why}`, new RegExp(`^not performed: .*${lack}.*verify.py$`));
  }
});

test("of Python's sentences on outcomes each states its own counts alone", () => {
  const patterns = table.outcomes.map(({ counts }) =>
    outcome(new Map(counts), counts.reduce((jobs, [, count]) => jobs + count, 0), specs.statuses),
  );
  for (const [place, { sentence }] of table.outcomes.entries()) {
    assert.deepEqual(patterns.map((pattern) => pattern.test(sentence)), patterns.map((_, other) => other === place), sentence);
  }
});
