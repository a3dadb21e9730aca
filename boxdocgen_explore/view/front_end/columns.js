// Packed jobs: kinds of jobs with what jobs share, the kind of each job, and each job's own texts.

const CODES = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** Undo Python's `pack`: gzip; a JSON header behind its length; then blocks of numbers and texts. */
export async function unpack(payload) {
  const body = payload?.byteLength ? await gunzip(payload) : new TextEncoder().encode("\0\0\0\0{}").buffer;
  let start = 4 + new DataView(body).getUint32(0, true);
  const head = { jobs: 0, kinds: 0, columns: [], ...JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, start - 4))) };
  const take = (size) => body.slice(start, (start += size));
  const numbers = (count, width) => new CODES[width](take(count * width));
  const frame = { jobs: head.jobs, kinds: numbers(head.jobs, head.width ?? 1), columns: new Map() };
  frame.sizes = new Uint32Array(head.kinds);
  for (let job = 0; job < head.jobs; job += 1) frame.sizes[frame.kinds[job]] += 1;
  for (const { name, derived, values, width, bytes, longest } of head.columns) {
    const column = values
      ? new Shared(values, numbers(head.kinds, width), frame.kinds)
      : new Own(numbers(head.jobs, width), new Uint8Array(take(bytes)), longest);
    frame.columns.set(name, Object.assign(column, { name, derived }));
  }
  return frame;
}

function gunzip(payload) {
  const stream = new Blob([payload]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** A column of few values: kind k has the value of code k. */
class Shared {
  constructor(values, codes, kinds) {
    Object.assign(this, { values, codes, kinds });
  }

  at(job) {
    return this.values[this.codes[this.kinds[job]]];
  }

  longest(shown) {
    return this.values.reduce((most, value) => Math.max(most, value === null ? 0 : shown(value).length), 0);
  }

  sorted(ranks) {
    return countingSort(this.kinds, this.codes, ranks);
  }
}

/** A column of texts that are each job's own: none of a million is made before it is looked at. */
class Own {
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

  longest() {
    return this.most - 1;
  }

  sorted(ranks) {
    const order = new Uint32Array(ranks.length);
    ranks.forEach((rank, job) => (order[rank] = job));
    return order;
  }
}

function upTo(count) {
  return new Uint32Array(count).map((_, number) => number);
}

export function cell(frame, name, job) {
  return frame.columns.get(name)?.at(job) ?? null;
}

/** Give all jobs in the order asked for: null is last, ids go by their number. */
export function sortedJobs(frame, sort, statuses) {
  const [name, direction] = sort ?? ["status", "ascending"];
  const column = frame.columns.get(name);
  if (!column) return upTo(frame.jobs);
  return column.sorted(rankValues(name, column.values, statuses, direction === "descending" ? -1 : 1));
}

function rankValues(name, values, statuses, sign) {
  const known = new Map(statuses.map((status, place) => [status, place]));
  const place = (value) => known.get(value) ?? statuses.length;
  const texts = values.map((value) => (Array.isArray(value) ? value.join("\n") : value));
  const compare = (a, b) =>
    (name === "status" ? place(texts[a]) - place(texts[b]) : 0) || compareTexts(texts[a], texts[b]);
  const order = values.map((_, code) => code);
  order.sort((a, b) => {
    const blank = (texts[a] === null || texts[a] === "") - (texts[b] === null || texts[b] === "");
    return blank || sign * compare(a, b);
  });
  const ranks = new Uint32Array(values.length);
  order.forEach((code, rank) => (ranks[code] = rank));
  return ranks;
}

function compareTexts(a, b) {
  if (/^\d+$/.test(a) && /^\d+$/.test(b) && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Stable and linear: a million jobs are in order before the frame is painted. */
function countingSort(kinds, codes, ranks) {
  const rank = Uint32Array.from(codes, (code) => ranks[code]);
  const next = new Uint32Array(ranks.length + 1);
  for (let job = 0; job < kinds.length; job += 1) next[rank[kinds[job]] + 1] += 1;
  for (let place = 1; place < next.length; place += 1) next[place] += next[place - 1];
  const order = new Uint32Array(kinds.length);
  for (let job = 0; job < kinds.length; job += 1) order[next[rank[kinds[job]]]++] = job;
  return order;
}

/** Write jobs as CSV: lists as JSON, null as nothing, formulas defused for spreadsheets. */
export function csv(frame, jobs) {
  const columns = [...frame.columns.values()].filter((column) => !column.derived);
  const lines = [columns.map((column) => csvCell(column.name)).join(",")];
  for (const job of jobs) lines.push(columns.map((column) => csvCell(column.at(job))).join(","));
  return `\ufeff${lines.join("\r\n")}\r\n`;
}

function csvCell(value) {
  if (value === null) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return safe === "" || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
