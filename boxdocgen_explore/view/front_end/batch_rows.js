// The batches of the table, without DOM: texts, search, order and selection.

import { number } from "./dom.js";

const COMPARE = new Intl.Collator("en", { numeric: true }).compare;

/** The sort keys of columns, if not their values. */
const KEYS = { outcomes: "failed", failed: "share", state: "states" };

/** Read the rows of Python's `table_rows`; `marks` are sets of ids: loaded, partial, cached. */
export function batchesOf(rows, statuses, marks) {
  return rows.map(([id, template, time, created, counts]) => {
    const sum = (fits) => counts?.reduce((total, count, place) => total + (fits(statuses[place]) ? count : 0), 0);
    const [jobs, failed, running] = [sum(() => true), sum(({ name }) => name === "failed"), sum((status) => status.running)];
    const states = statesOf(id, running, marks).join(", ");
    const label = [template, time, id].filter(Boolean).join(" · ");
    const text = `${label} ${day(created)} ${states}`.toLowerCase();
    return { id, template, time, created, counts, jobs, failed, share: jobs && failed / jobs, states, running, label, text };
  });
}

function statesOf(id, running, { loaded, partial, cached }) {
  const arrived = partial.has(id) ? "partly read" : loaded.has(id) ? "loaded" : cached.has(id) ? "cached" : "";
  return [running ? `running (${number(running)} jobs)` : "", arrived].filter(Boolean);
}

/** The date as 2026-11-03, which can also be searched for. */
function day(created) {
  return created === null ? "" : new Date(1000 * created).toISOString().slice(0, 10);
}

/** Return the batches with every word of the search, sorted; unknown values come last. */
export function found(batches, search, [column, direction]) {
  const words = search.toLowerCase().split(/\s+/);
  const key = (batch) => batch[KEYS[column] ?? column];
  const sign = direction === "descending" ? -1 : 1;
  const blank = (batch) => Number(["", null, undefined].includes(key(batch)));
  const compare = (a, b) => blank(a) - blank(b) || (blank(a) ? 0 : sign * COMPARE(key(a), key(b)));
  return batches.filter(({ text }) => words.every((word) => text.includes(word))).sort(compare);
}

/** Return the selected ids after a selection of `id`: only it, it toggled, or the range to it. */
export function selection(before, order, { anchor, id, add, range }) {
  if (range) {
    const from = Math.max(0, order.indexOf(anchor));
    const [first, last] = [from, order.indexOf(id)].sort((a, b) => a - b);
    return new Set([...(add ? before : []), ...order.slice(first, last + 1)]);
  }
  if (!add) return new Set([id]);
  const after = new Set(before);
  if (!after.delete(id)) after.add(id);
  return after;
}

/** Write a share with one decimal; never rounded to 0 % or 100 %. */
export function percentFailed(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share >= 0.9995 && share < 1) return "> 99.9 %";
  return `${(100 * share).toFixed(1)} %`;
}

/** Name the counts that are not zero: "1,487 failed, 1,417 completed". */
export function outcomes(counts, statuses) {
  const named = statuses.map(({ name }, place) => [counts[place], name]).filter(([count]) => count);
  return named.map(([count, name]) => `${number(count)} ${name}`).join(", ") || "no jobs";
}
