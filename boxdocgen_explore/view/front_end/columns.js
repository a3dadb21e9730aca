// The jobs of a payload, column by column, as Python's `pack` wrote them; their order; and CSV.
// Jobs with the same values in all dictionary columns are one row group: there are few of them.

const CODES = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** Undo Python's `pack`: gzip; a JSON header behind its length; then blocks of numbers and texts. */
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

  /** Sort all jobs by the rank of their value: stable and linear, so that a million take no time. */
  sorted(ranks) {
    const { groupOf } = this;
    const rank = Uint32Array.from(this.codes, (code) => ranks[code]);
    const next = new Uint32Array(ranks.length + 1);
    for (let job = 0; job < groupOf.length; job += 1) next[rank[groupOf[job]] + 1] += 1;
    for (let place = 1; place < next.length; place += 1) next[place] += next[place - 1];
    const order = new Uint32Array(groupOf.length);
    for (let job = 0; job < groupOf.length; job += 1) order[next[rank[groupOf[job]]]++] = job;
    return order;
  }
}

/** A column of texts that nearly all differ: a text is decoded when it is looked at. */
class UniqueColumn {
  constructor(lengths, bytes, most) {
    Object.assign(this, { lengths, bytes, most, decoder: new TextDecoder("utf-8", { ignoreBOM: true }) });
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

  /** All values in lower case as one text, and where each one ends in it. */
  get lowered() {
    if (this.low) return this.low;
    let [text, { ends }] = [this.decoder.decode(this.bytes).toLowerCase(), this];
    if (text.length !== this.bytes.length) {
      const values = this.values.map((value) => value?.toLowerCase() ?? "");
      let end = 0;
      ends = Uint32Array.from(values, ({ length }) => (end += length));
      text = values.join("");
    }
    return (this.low = { text, ends });
  }

  /** Mark the jobs whose value contains this text. */
  markContaining(piece, marks) {
    const { text, ends } = this.lowered;
    let job = 0;
    for (let at = text.indexOf(piece); at >= 0; ) {
      while (ends[job] <= at) job += 1;
      if (at + piece.length <= ends[job]) marks[job] = 1; // else it runs into the next value
      at = text.indexOf(piece, ends[job]);
    }
  }

  /** Mark the jobs whose value is one of these, and add these values to `known`. */
  markEqual(wanted, marks, known) {
    const { text, ends } = this.lowered;
    const lengths = new Set([...wanted.keys()].map(({ length }) => length));
    let start = 0;
    for (let job = 0; job < ends.length; start = ends[job++]) {
      const value = lengths.has(ends[job] - start) ? text.slice(start, ends[job]) : null;
      if (!wanted.has(value)) continue;
      marks[job] = 1;
      known.add(value);
    }
  }

  longest() {
    return this.most - 1;
  }

  sorted(ranks) {
    const order = new Uint32Array(ranks.length);
    ranks.forEach((rank, job) => (order[rank] = job));
    return order;
  }
}

export function cell(frame, name, job) {
  return frame.columns.get(name)?.at(job) ?? null;
}

/** Give all jobs in the order asked for: null is last, ids are sorted by number. */
export function sortedJobs(frame, sort, statuses) {
  const [name, direction] = sort ?? ["status", "ascending"];
  const column = frame.columns.get(name);
  if (!column) return new Uint32Array(frame.jobs).map((_, job) => job);
  const compare = name === "status" ? byStatus(statuses) : compareTexts;
  const sign = direction === "descending" ? -1 : 1;
  const texts = column.values.map((value) => (Array.isArray(value) ? value.join("\n") : value));
  const blank = texts.map((text) => text === null || text === "");
  const order = texts.map((_, code) => code);
  order.sort((a, b) => blank[a] - blank[b] || sign * compare(texts[a], texts[b]));
  const ranks = new Uint32Array(texts.length);
  order.forEach((code, rank) => (ranks[code] = rank));
  return column.sorted(ranks);
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

/** Write jobs as CSV: lists as JSON, null as nothing, and no formula for a spreadsheet to run. */
export function csv(frame, jobs) {
  const columns = [...frame.columns.values()].filter((column) => !column.derived);
  const lines = [columns.map((column) => csvCell(column.name)).join(",")];
  for (const job of jobs) lines.push(columns.map((column) => csvCell(column.at(job))).join(","));
  return `\ufeff${lines.join("\r\n")}\r\n`;
}

export function csvCell(value) {
  if (value === null) return "";
  const safe = noFormula(typeof value === "string" ? value : JSON.stringify(value));
  return safe === "" || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Put an apostrophe before what a spreadsheet would run. */
export function noFormula(text) {
  // A spreadsheet that splits at semicolons or tabs does so within quoted texts, too.
  const cells = text.replace(/([;\t\r\n][\s"']*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, "$1'$2");
  return /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(cells) ? `'${cells}` : cells;
}
