// Packed columns: each is a dictionary of distinct values and one code per job.

const CODES = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

/** Undo Python's `pack`: gzip; a JSON header behind its length; then the codes of each column. */
export async function unpack(payload) {
  if (!payload || payload.byteLength === 0) return { jobs: 0, columns: new Map() };
  const stream = new Blob([payload]).stream().pipeThrough(new DecompressionStream("gzip"));
  const body = await new Response(stream).arrayBuffer();
  let start = 4 + new DataView(body).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, start - 4)));
  const columns = new Map();
  for (const { name, values, width, derived } of head.columns) {
    const end = start + width * head.jobs;
    // A column whose values all differ has no codes: job n has value n.
    const codes = width
      ? new CODES[width](body.slice(start, end))
      : upTo(head.jobs);
    columns.set(name, { name, values, codes, derived });
    start = end;
  }
  return { jobs: head.jobs, columns };
}

function upTo(count) {
  const numbers = new Uint32Array(count);
  for (let number = 0; number < count; number += 1) numbers[number] = number;
  return numbers;
}

export function cell(frame, name, job) {
  const column = frame.columns.get(name);
  return column ? column.values[column.codes[job]] : null;
}

/** Give all jobs in the order asked for: null is last, ids go by their number. */
export function sortedJobs(frame, sort, statuses) {
  const [name, direction] = sort ?? ["status", "ascending"];
  const column = frame.columns.get(name);
  if (!column) return upTo(frame.jobs);
  const ranks = rankValues(column, statuses, direction === "descending" ? -1 : 1);
  return countingSort(column.codes, ranks);
}

function rankValues({ name, values }, statuses, sign) {
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
function countingSort(codes, ranks) {
  const next = new Uint32Array(ranks.length + 1);
  for (const code of codes) next[ranks[code] + 1] += 1;
  for (let rank = 1; rank < next.length; rank += 1) next[rank] += next[rank - 1];
  const order = new Uint32Array(codes.length);
  for (let job = 0; job < codes.length; job += 1) order[next[ranks[codes[job]]]++] = job;
  return order;
}

/** Write jobs as CSV: lists as JSON, null as nothing, formulas defused for spreadsheets. */
export function csv(frame, jobs) {
  const columns = [...frame.columns.values()].filter((column) => !column.derived);
  const texts = columns.map((column) => column.values.map(csvCell));
  const lines = [columns.map((column) => csvCell(column.name)).join(",")];
  for (const job of jobs) {
    lines.push(columns.map((column, place) => texts[place][column.codes[job]]).join(","));
  }
  return `\ufeff${lines.join("\r\n")}\r\n`;
}

function csvCell(value) {
  if (value === null) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return safe === "" || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
