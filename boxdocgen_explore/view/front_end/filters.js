// Which jobs a state shows, and how many have each value. Row groups are filtered and counted, not
// jobs, so a million jobs take no time. A row group has one bit per filter, set if it fails that
// filter: a change looks at one filter, and a count can leave out its own.

const KEYS = [
  "status",
  "output_type",
  "template_file_id",
  "template_file_version_id",
  "batch_id",
  "reason",
  "day",
  "text",
];

export class Filters {
  constructor(frame) {
    this.frame = frame;
    this.fails = new Uint8Array(frame.sizes.length);
    this.applied = new Map();
  }

  /** Look again only at the filters that changed. */
  apply(state) {
    KEYS.forEach((key, place) => {
      const wanted = JSON.stringify(state[key] ?? []);
      if (wanted === (this.applied.get(key) ?? "[]")) return;
      this.applied.set(key, wanted);
      this.mark(1 << place, key, state[key]);
    });
  }

  mark(bit, key, wanted) {
    const { fails } = this;
    const column = this.frame.columns.get(key === "text" ? "errors" : key);
    const fits = tester(column ? key : "", wanted);
    const marks = Uint8Array.from(column?.values ?? [null], (value) => (fits(value) ? 0 : bit));
    const codes = column?.codes ?? new Uint8Array(fails.length);
    fails.forEach((failed, group) => (fails[group] = (failed & ~bit) | marks[codes[group]]));
  }

  /** Give the jobs that no filter hides, in this order: the one step that looks at every job. */
  shown(order) {
    const { fails } = this;
    if (!fails.some(Boolean)) return order;
    const { groupOf } = this.frame;
    const jobs = new Uint32Array(order.length);
    let count = 0;
    for (let place = 0; place < order.length; place += 1) {
      const job = order[place];
      if (fails[groupOf[job]] === 0) jobs[count++] = job;
    }
    return jobs.subarray(0, count);
  }

  /** Count the jobs shown by value of a column; `except` names a filter that is left out. */
  counts({ values, codes }, except = "") {
    const others = ~(1 << KEYS.indexOf(except));
    const counts = new Uint32Array(values.length);
    this.fails.forEach((failed, group) => {
      if ((failed & others) === 0) counts[codes[group]] += this.frame.sizes[group];
    });
    return counts;
  }
}

/** A column that is not in the payload is null for every job. */
function tester(key, wanted) {
  if (!wanted?.length) return () => true;
  const set = new Set(wanted);
  if (key === "reason") return (list) => list.some((reason) => set.has(reason));
  if (key !== "text") return (value) => set.has(value);
  const text = wanted.toLowerCase();
  return (messages) => messages?.some((message) => message?.toLowerCase().includes(text)) ?? false;
}

/** Write the same text as Python's `query_code`, from its templates, one per key of the state. */
export function queryCode(state, templates) {
  const lines = Object.keys(templates).filter((key) => state[key]?.length).map((key) => {
    if (key === "text") return templates.text.replace("{text}", () => JSON.stringify(state.text.toLowerCase()));
    const values = state[key].map((value) => (value === null ? "None" : JSON.stringify(value)));
    const nulls = state[key].includes(null) ? ", nulls_equal=True" : "";
    return templates[key].replace("{values}", () => `[${values.join(", ")}]${nulls}`);
  });
  return lines.length ? `jobs.filter(\n${lines.map((line) => `    ${line},\n`).join("")})` : "jobs";
}
