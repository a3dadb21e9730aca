// The jobs of a state, and the number of jobs with each value. Row groups are filtered and counted
// instead of jobs, so this is fast for a million jobs; only a search looks at every job. A row group
// has one bit per filter, set if it fails that filter, so that a change evaluates only one filter, and
// a count can ignore its own.

import { pieces, search } from "./search.js";

export const KEYS = ["status", "output_type", "template_file_id", "template_file_version_id", "batch_id", "reason", "day", "created"];

export class Filters {
  /** `names` has template names by file id, for the search. */
  constructor(frame, names = {}) {
    Object.assign(this, { frame, names, fails: new Uint8Array(frame.sizes.length), applied: new Map() });
    this.apply({});
  }

  apply(state) {
    for (const _ of this.steps(state));
  }

  /** Evaluate only changed filters; like `search`, it can pause and be abandoned. */
  *steps(state) {
    KEYS.forEach((key, place) => {
      const wanted = JSON.stringify(state[key] ?? []);
      if (wanted === (this.applied.get(key) ?? "[]")) return;
      this.applied.set(key, wanted);
      this.mark(1 << place, key, state[key]);
    });
    this.pieces = pieces(state.text);
    if (this.applied.get("text") !== (state.text ?? "")) yield* this.search(state.text ?? "");
  }

  *search(text) {
    const { frame, names } = this;
    Object.assign(this, yield* search(frame, this.pieces, names));
    this.applied.set("text", text);
    this.sizes = this.found ? sizesOf(frame, (job) => this.found[job]) : frame.sizes;
  }

  mark(bit, key, wanted) {
    const { fails } = this;
    const column = this.frame.columns.get(key === "created" ? "day" : key);
    const fits = tester(column ? key : "", wanted);
    const marks = Uint8Array.from(column?.values ?? [null], (value) => (fits(value) ? 0 : bit));
    const codes = column?.codes ?? new Uint8Array(fails.length);
    fails.forEach((failed, group) => (fails[group] = (failed & ~bit) | marks[codes[group]]));
  }

  /** The first matching jobs in this order, as far as they are found within the time (ms). */
  first(order, fits, most, ms) {
    const [jobs, end] = [[], performance.now() + ms];
    for (let place = 0; place < order.length && jobs.length < most; place += 1) {
      if (place % 256 === 0 && performance.now() > end) break;
      const job = order[place];
      if (this.fails[this.frame.groupOf[job]] === 0 && fits(job)) jobs.push(job);
    }
    return Uint32Array.from(jobs);
  }

  /** Return the matching jobs in this order. */
  shown(order) {
    const { fails, found } = this;
    if (!found && !fails.some(Boolean)) return order;
    const { groupOf } = this.frame;
    const jobs = new Uint32Array(order.length);
    let count = 0;
    for (let place = 0; place < order.length; place += 1) {
      const job = order[place];
      if (fails[groupOf[job]] === 0 && (!found || found[job])) jobs[count++] = job;
    }
    return jobs.subarray(0, count);
  }

  /** Count the jobs shown without a value in a column. */
  blank(column, jobs) {
    const sum = (counts, left) => counts.reduce((total, count, place) => total + (left(place) ? count : 0), 0);
    if (!column.bytes) return sum(this.counts(column), (code) => !column.values[code]?.length);
    const fits = (job) => column.lengths[job] < 2;
    column.blank ??= sizesOf(this.frame, fits);
    if (!this.found) return sum(column.blank, (group) => this.fails[group] === 0);
    return column.blank.some(Boolean) ? jobs.filter(fits).length : 0;
  }

  /** Count the jobs shown by value of a column; `except` is a filter to ignore. */
  counts({ values, codes }, except = "") {
    const others = ~(1 << KEYS.indexOf(except));
    const counts = new Uint32Array(values.length);
    this.fails.forEach((failed, group) => {
      if ((failed & others) === 0) counts[codes[group]] += this.sizes[group];
    });
    return counts;
  }
}

/** Count only matching jobs in each row group. */
function sizesOf(frame, fits) {
  const sizes = new Uint32Array(frame.sizes.length);
  for (let job = 0; job < frame.jobs; job += 1) sizes[frame.groupOf[job]] += Number(fits(job));
  return sizes;
}

/** A column that is not in the payload is null for every job; `created` has the first and last day. */
function tester(key, wanted) {
  if (!wanted?.length) return () => true;
  const set = new Set(wanted);
  if (key === "created") return (day) => day !== null && wanted[0] <= day && day <= wanted[1];
  if (key === "reason") return (list) => list.some((reason) => set.has(reason));
  return (value) => set.has(value);
}

/** Write the state as Python source, from Python's `QUERY_CODE`: one template per key of the state. */
export function queryCode(state, templates, names = {}) {
  const wanted = [...pieces(state.text).keys()];
  const used = wanted.flatMap((piece) => Object.entries(names).filter(([, name]) => name.toLowerCase().includes(piece)));
  const call = used.length ? [state.text, Object.fromEntries(used)] : [state.text];
  const lines = Object.keys(templates).filter((key) => (key === "text" ? wanted : state[key])?.length).map((key) => {
    if (key === "text") return templates.text.replace("{text}", () => JSON.stringify(call).slice(1, -1));
    if (key === "created") {
      const [first, last] = state.created.map((day) => JSON.stringify(day));
      return templates.created.replace("{first}", () => first).replace("{last}", () => last);
    }
    const values = state[key].map((value) => (value === null ? "None" : JSON.stringify(value)));
    const nulls = state[key].includes(null) ? ", nulls_equal=True" : "";
    return templates[key].replace("{values}", () => `[${values.join(", ")}]${nulls}`);
  });
  return lines.length ? `jobs.filter(\n${lines.map((line) => `    ${line},\n`).join("")})` : "jobs";
}
