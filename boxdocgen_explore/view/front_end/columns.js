// The jobs of a payload by column, as Python's `pack` wrote them; their order; and CSV. Jobs with
// equal values in all dictionary columns form a row group, of which there are few.

const LARGEST_PAIR = 257 * 257 - 1;
/** A search can pause after each block of this many jobs. */
export const BLOCK_JOBS = 1 << 15;
const CODES = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** Reverse Python's `pack`: gzip; length and JSON header; then blocks of numbers and texts. */
export async function unpack(payload) {
  if (!payload?.byteLength) return { jobs: 0, groupOf: [], sizes: [], columns: new Map() };
  const body = await gunzip(payload);
  let start = 4 + new DataView(body).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, start - 4)));
  const take = (size) => body.slice(start, (start += size));
  const numbers = (count, width) => new CODES[width](take(count * width));
  const groupOf = numbers(head.jobs, head.width);
  const sizes = new Uint32Array(head.row_groups);
  for (let job = 0; job < head.jobs; job += 1) sizes[groupOf[job]] += 1;
  const columns = new Map();
  for (const { name, derived, values, width, bytes, longest } of head.columns) {
    const column = values
      ? new DictionaryColumn(values, numbers(head.row_groups, width), groupOf)
      : new UniqueColumn(numbers(head.jobs, width), new Uint8Array(take(bytes)), longest);
    columns.set(name, Object.assign(column, { name, derived }));
  }
  return { jobs: head.jobs, groupOf, sizes, columns };
}

function gunzip(payload) {
  const stream = new Blob([payload]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** A column of few values: row group g has the value with the number codes[g]. */
class DictionaryColumn {
  constructor(values, codes, groupOf) {
    Object.assign(this, { values, codes, groupOf });
  }

  at(job) {
    return this.values[this.codes[this.groupOf[job]]];
  }

  longest(shown) {
    return this.values.reduce((most, value) => Math.max(most, value === null ? 0 : shown(value).length), 0);
  }

  /** Sort all jobs by their value: stable and linear, so fast for a million. */
  sorted(descending, compare) {
    const texts = this.values.map((value) => (Array.isArray(value) ? value.join("\n") : value));
    const blank = texts.map((text) => text === null || text === "");
    const sign = descending ? -1 : 1;
    const inOrder = texts.map((_, code) => code).sort((a, b) => blank[a] - blank[b] || sign * compare(texts[a], texts[b]));
    const ranks = new Uint32Array(texts.length);
    inOrder.forEach((code, rank) => (ranks[code] = rank));
    const rank = Uint32Array.from(this.codes, (code) => ranks[code]);
    const keys = new Uint32Array(this.groupOf.length);
    for (let job = 0; job < keys.length; job += 1) keys[job] = rank[this.groupOf[job]];
    return bucketed(inPayloadOrder(keys.length), keys, texts.length);
  }
}

/** A column of texts that nearly all differ; a text is decoded on access. */
class UniqueColumn {
  constructor(lengths, bytes, most) {
    Object.assign(this, { lengths, bytes, most, low: [], decoder: new TextDecoder("utf-8", { ignoreBOM: true }) });
    this.ends = new Uint32Array(lengths.length);
    let end = 0;
    for (let job = 0; job < lengths.length; job += 1) {
      if (lengths[job]) end += lengths[job] - 1;
      this.ends[job] = end;
    }
  }

  at(job) {
    const length = this.lengths[job];
    if (length === 0) return null;
    return this.decoder.decode(this.bytes.subarray(this.ends[job] - length + 1, this.ends[job]));
  }

  get values() {
    return Array.from(this.lengths, (_, job) => this.at(job));
  }

  /** The values of the block that begins with this job, in lower case as one text, and where each one ends in
      it, counted from `base`. */
  lowered(first) {
    const block = first / BLOCK_JOBS;
    if (this.low[block]) return this.low[block];
    const last = Math.min(first + BLOCK_JOBS, this.ends.length);
    let base = first ? this.ends[first - 1] : 0;
    const bytes = this.bytes.subarray(base, this.ends[last - 1]);
    let [text, ends] = [this.decoder.decode(bytes).toLowerCase(), this.ends.subarray(first, last)];
    if (text.length !== bytes.length) {
      const values = Array.from(ends, (_, place) => this.at(first + place)?.toLowerCase() ?? "");
      base = 0;
      let end = 0;
      ends = Uint32Array.from(values, ({ length }) => (end += length));
      text = values.join("");
    }
    return (this.low[block] = { text, ends, base });
  }

  /** Mark the jobs of a block, by their place in it, whose value contains this text. */
  markContaining(piece, first, marks) {
    const { text, ends, base } = this.lowered(first);
    let place = 0;
    for (let at = text.indexOf(piece); at >= 0; ) {
      while (ends[place] - base <= at) place += 1;
      const end = ends[place] - base;
      if (at + piece.length <= end) marks[place] = 1; // otherwise it extends into the next value
      at = text.indexOf(piece, end);
    }
  }

  /** Mark the jobs of a block whose value is one of these, and add these values to `known`. */
  markEqual(wanted, first, marks, known) {
    const { text, ends, base } = this.lowered(first);
    const lengths = new Set([...wanted.keys()].map(({ length }) => length));
    let start = base;
    for (let place = 0; place < ends.length; start = ends[place++]) {
      const value = lengths.has(ends[place] - start) ? text.slice(start - base, ends[place] - base) : null;
      if (!wanted.has(value)) continue;
      marks[first + place] = 1;
      known.add(value);
    }
  }

  longest() {
    return this.most - 1;
  }

  /** Whether the value of a job contains this text. */
  contains(piece, job) {
    const place = job % BLOCK_JOBS;
    const { text, ends, base } = this.lowered(job - place);
    return text.slice(place ? ends[place - 1] - base : 0, ends[place] - base).includes(piece);
  }

  /** Sort all jobs without decoding a text: by two bytes at a time, the last ones first. Numbers come
      before other texts, by their value; nothing comes last. */
  sorted(descending) {
    const { lengths, ends, bytes, most } = this;
    const keys = new Uint32Array(lengths.length);
    let order = inPayloadOrder(keys.length);
    for (let place = most - (most % 2); place >= 0; place -= 2) {
      for (let job = 0; job < keys.length; job += 1) {
        const [left, at] = [lengths[job] - 1 - place, ends[job] - lengths[job] + 1 + place];
        const key = (left > 0 ? 257 * (bytes[at] + 1) : 0) + (left > 1 ? bytes[at + 1] + 1 : 0);
        keys[job] = descending ? LARGEST_PAIR - key : key;
      }
      order = bucketed(order, keys, LARGEST_PAIR);
    }
    for (let job = 0; job < keys.length; job += 1) {
      const key = this.isNumber(job) ? lengths[job] : most + 1;
      keys[job] = lengths[job] < 2 ? most + 2 : descending ? most + 1 - key : key;
    }
    return bucketed(order, keys, most + 2);
  }

  isNumber(job) {
    let at = this.ends[job] - this.lengths[job] + 1;
    while (at < this.ends[job] && this.bytes[at] >= 48 && this.bytes[at] <= 57) at += 1;
    return at === this.ends[job];
  }
}

const inPayloadOrder = (jobs) => new Uint32Array(jobs).map((_, job) => job);

/** Sort jobs by their keys, integers up to `largest`; equal ones keep their order. */
function bucketed(order, keys, largest) {
  const next = new Uint32Array(largest + 2);
  for (let job = 0; job < keys.length; job += 1) next[keys[job] + 1] += 1;
  if (keys.length === 0 || next[keys[0] + 1] === keys.length) return order;
  for (let key = 1; key < next.length; key += 1) next[key] += next[key - 1];
  const sorted = new Uint32Array(keys.length);
  for (let place = 0; place < order.length; place += 1) sorted[next[keys[order[place]]]++] = order[place];
  return sorted;
}

export function cell(frame, name, job) {
  return frame.columns.get(name)?.at(job) ?? null;
}

/** Return all jobs in the requested order: null is last, ids are sorted by number. */
export function sortedJobs(frame, sort, statuses) {
  const [name, direction] = sort ?? ["status", "ascending"];
  const column = frame.columns.get(name);
  if (!column) return inPayloadOrder(frame.jobs);
  return column.sorted(direction === "descending", name === "status" ? byStatus(statuses) : compareTexts);
}

function compareTexts(a, b) {
  if (/^\d+$/.test(a) && /^\d+$/.test(b) && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Compare statuses: problems first, as listed; unknown ones follow by name. */
export function byStatus(statuses) {
  const place = (status) => (statuses.includes(status) ? statuses.indexOf(status) : statuses.length);
  return (a, b) => place(a) - place(b) || compareTexts(a, b);
}

export function csv(frame, jobs) {
  const columns = [...frame.columns.values()].filter((column) => !column.derived);
  return csvFile(columns.map(({ name }) => name), jobs, (job) => columns.map((column) => column.at(job)));
}

/** Write rows, of which `cells` gives the values, as CSV: lists as JSON, null as nothing, and no
    formula for a spreadsheet to run. */
export function csvFile(heads, rows, cells) {
  const lines = [heads.map(csvCell).join(",")];
  for (const row of rows) lines.push(cells(row).map(csvCell).join(","));
  return `\ufeff${lines.join("\r\n")}\r\n`;
}

export function csvCell(value) {
  if (value === null) return "";
  const safe = noFormula(typeof value === "string" ? value : JSON.stringify(value));
  return safe === "" || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Put an apostrophe before text that a spreadsheet would run. */
export function noFormula(text) {
  // Spreadsheets that split at semicolons or tabs also split quoted texts.
  const cells = text.replace(/([;\t\r\n][\s"']*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1'$2");
  return /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(cells) ? `'${cells}` : cells;
}
