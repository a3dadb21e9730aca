// The bars of the charts: their keys are computed once per payload, their lengths on every change.
// Python's `charts` makes the same rows from a frame.

import { byStatus } from "./columns.js";
import { number } from "./dom.js";

export const NONE = "(none)";

export class Bars {
  constructor(frame, figure, statuses) {
    const { by, by_status: stacked } = figure;
    this.figure = figure;
    this.column = combine([...by, ...(stacked ? ["status"] : [])].map((name) => frame.columns.get(name)));
    const all = new Uint32Array(this.column.values.length);
    this.column.codes.forEach((code, group) => (all[code] += frame.sizes[group]));
    const bars = new Map();
    this.column.values.forEach((values, code) => {
      const keys = by[0] === "reason" ? values[0].map((reason) => [reason]) : [values.slice(0, by.length)];
      for (const key of keys) {
        if (figure.of_documents && key[0] === null) continue;
        const id = JSON.stringify(key);
        if (!bars.has(id)) bars.set(id, { key, pieces: [] });
        bars.get(id).pieces.push({ status: statusOf(figure, values), codes: [code], all: all[code] });
      }
    });
    this.bars = [...bars.values()].map((bar) => ({ ...bar, pieces: merged(bar.pieces, byStatus(statuses)) }));
    this.sort(statuses);
  }

  sort(statuses) {
    const total = (bar) => bar.pieces.reduce((sum, { all }) => sum + all, 0);
    const text = (bar) => String(bar.key[0]);
    const byText = (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
    const statusOrder = byStatus(statuses);
    const orders = {
      appearance: () => 0,
      value: byText,
      largest: (a, b) => total(b) - total(a) || (this.figure.name === "reasons" ? byText(a, b) : 0),
      status: (a, b) => statusOrder(a.key[0], b.key[0]),
      listed: (a, b) => this.figure.values.indexOf(a.key[0]) - this.figure.values.indexOf(b.key[0]),
    };
    this.bars.sort(orders[this.figure.order]);
  }

  /** Count only jobs with a value: a share of the others is meaningless. */
  withValue(shown) {
    const pieces = this.bars.flatMap((bar) => bar.pieces);
    const codes = pieces.flatMap((piece) => piece.codes);
    return {
      jobs_all: pieces.reduce((sum, { all }) => sum + all, 0),
      jobs_shown: codes.reduce((sum, code) => sum + shown[code], 0),
    };
  }

  /** Return the rows for the figure's spec: one per bar, or per status within a bar. */
  rows(filters, totals, label) {
    const shown = filters.counts(this.column);
    const bars = this.bars.map((bar) => ({ ...bar, label: label(bar.key) }));
    // A time axis has no place for "others".
    const most = this.figure.order === "value" ? bars.length : this.figure.most_bars;
    if (bars.length > most) {
      const rest = bars.splice(most);
      const pieces = merged(rest.flatMap((bar) => bar.pieces));
      bars.push({ key: [], label: `${number(rest.length)} others`, pieces });
    }
    if (this.figure.of_documents) totals = this.withValue(shown);
    return bars.flatMap(({ key, label: name, pieces }, group) =>
      pieces.map(({ status, codes, all }, piece) => {
        const length = codes.reduce((sum, code) => sum + shown[code], 0);
        return { group, piece, label: name, key, status, all, shown: length, ...totals };
      }),
    );
  }
}

function statusOf({ by, by_status: stacked }, values) {
  if (stacked) return values.at(-1);
  return by[0] === "status" ? values[0] : null;
}

/** Join pieces of the same status. */
function merged(pieces, compare) {
  const joined = new Map();
  for (const { status, codes, all } of pieces) {
    if (!joined.has(status)) joined.set(status, { status, codes: [], all: 0 });
    const piece = joined.get(status);
    piece.all += all;
    for (const code of codes) piece.codes.push(code);
  }
  const list = [...joined.values()];
  return compare ? list.sort((a, b) => compare(a.status, b.status)) : list;
}

/** Combine columns to one, whose values are the combinations in order of appearance. */
function combine(columns) {
  let { codes } = columns[0];
  let values = columns[0].values.map((value) => [value]);
  for (const other of columns.slice(1)) {
    const places = new Map();
    const pairs = [];
    codes = Array.from(codes, (code, group) => {
      const pair = code * other.values.length + other.codes[group];
      if (!places.has(pair)) {
        places.set(pair, pairs.length);
        pairs.push([...values[code], other.values[other.codes[group]]]);
      }
      return places.get(pair);
    });
    values = pairs;
  }
  return { codes, values };
}

/** Name a bar by its key; `label` returns the name of a value. */
export function barLabel(key, label) {
  const [first, ...others] = key;
  return [label(first), ...others.map((value) => `version ${value ?? NONE}`)].join(" · ");
}

/** Jobs may have several reasons: the note explains why the bars then add up to more than the jobs. */
export function reasonsNote(rows, { frame, filters }) {
  const column = frame.columns.get("reason");
  const jobs = filters.counts(column).reduce((sum, count, code) => sum + (column.values[code].length ? count : 0), 0);
  const sum = rows.reduce((total, { shown }) => total + shown, 0);
  if (sum === jobs) return "";
  return `${number(jobs)} ${jobs === 1 ? "job" : "jobs"} with ${number(sum)} reasons: a job is counted once for each of its reasons.`;
}
