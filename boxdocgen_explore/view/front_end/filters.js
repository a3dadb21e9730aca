// Which jobs a state shows, and how many have each value. Row groups are filtered and counted, not
// jobs, so a million jobs take no time; a search alone looks at every job. A row group has one bit
// per filter, set if it fails that filter: a change looks at one filter, and a count can leave out
// its own.

import { pieces, search } from "./search.js";

export const KEYS = ["status", "output_type", "template_file_id", "template_file_version_id", "batch_id", "reason", "day", "created"];

export class Filters {
  /** `names` are the templates' by file id, for the search. */
  constructor(frame, names = {}) {
    Object.assign(this, { frame, names, fails: new Uint8Array(frame.sizes.length), applied: new Map() });
    this.search("");
  }

  /** Look again only at the filters that changed. */
  apply(state) {
    KEYS.forEach((key, place) => {
      const wanted = JSON.stringify(state[key] ?? []);
      if (wanted === (this.applied.get(key) ?? "[]")) return;
      this.applied.set(key, wanted);
      this.mark(1 << place, key, state[key]);
    });
    if (this.applied.get("text") !== (state.text ?? "")) this.search(state.text ?? "");
  }

  /** A search finds single jobs: count in each row group only those. */
  search(text) {
    const { frame, names } = this;
    const wanted = pieces(text);
    this.applied.set("text", text);
    Object.assign(this, search(frame, wanted, names, this), { pieces: wanted });
    this.sizes = this.found ? new Uint32Array(frame.sizes.length) : frame.sizes;
    if (!this.found) return;
    for (let job = 0; job < frame.jobs; job += 1) this.sizes[frame.groupOf[job]] += this.found[job];
  }

  mark(bit, key, wanted) {
    const { fails } = this;
    const column = this.frame.columns.get(key === "created" ? "day" : key);
    const fits = tester(column ? key : "", wanted);
    const marks = Uint8Array.from(column?.values ?? [null], (value) => (fits(value) ? 0 : bit));
    const codes = column?.codes ?? new Uint8Array(fails.length);
    fails.forEach((failed, group) => (fails[group] = (failed & ~bit) | marks[codes[group]]));
  }

  /** Give the jobs that no filter hides, in this order. */
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

  /** Count the jobs shown by value of a column; `except` names a filter that is left out. */
  counts({ values, codes }, except = "") {
    const others = ~(1 << KEYS.indexOf(except));
    const counts = new Uint32Array(values.length);
    this.fails.forEach((failed, group) => {
      if ((failed & others) === 0) counts[codes[group]] += this.sizes[group];
    });
    return counts;
  }
}

/** A column that is not in the payload is null for every job; `created` is the first and the last day. */
function tester(key, wanted) {
  if (!wanted?.length) return () => true;
  const set = new Set(wanted);
  if (key === "created") return (day) => day !== null && wanted[0] <= day && day <= wanted[1];
  if (key === "reason") return (list) => list.some((reason) => set.has(reason));
  return (value) => set.has(value);
}

/** Write the same text as Python's `query_code`, from its templates, one per key of the state. */
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
