// The batches of the table, without a page: what a row says, which match, their order, the selection.

import { number } from "./dom.js";

const COMPARE = new Intl.Collator("en", { numeric: true }).compare;

/** What a column is sorted by, if not by the value of its name. */
const KEYS = { outcomes: "failed", failed: "share", state: "states" };

/** Read what Python's `table_rows` wrote; `marks` are sets of ids: loaded, partial, cached. */
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

/** The date as 2026-11-03, which can be searched for, too. */
function day(created) {
  return created === null ? "" : new Date(1000 * created).toISOString().slice(0, 10);
}

/** Give the batches that have every word of the search, in the order asked for: unknown is last. */
export function found(batches, search, [column, direction]) {
  const words = search.toLowerCase().split(/\s+/);
  const key = (batch) => batch[KEYS[column] ?? column];
  const sign = direction === "descending" ? -1 : 1;
  const blank = (batch) => Number(["", null, undefined].includes(key(batch)));
  const compare = (a, b) => blank(a) - blank(b) || (blank(a) ? 0 : sign * COMPARE(key(a), key(b)));
  return batches.filter(({ text }) => words.every((word) => text.includes(word))).sort(compare);
}

/** Give the ids that are selected once `id` was: alone, or added or removed, or the range to it. */
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

/** Write a share with one decimal; something is never rounded to nothing, nor to everything. */
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
