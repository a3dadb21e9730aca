// Texts of the document charts: durations of documents and lengths of intervals.

import { cell } from "./columns.js";
import { number } from "./dom.js";

const MOST_TEMPLATES = 4;
const PERIODS = new Map([[1, "minute"], [60, "hour"], [1440, "day"], [10_080, "week"]]);

/** Write median and 95th percentile of the jobs shown, by template if there are a few. */
export function durationsNote(frame, jobs, templates) {
  const byTemplate = new Map();
  const all = [];
  for (const job of jobs) {
    const took = durations(frame)[job];
    if (Number.isNaN(took)) continue;
    all.push(took);
    const template = cell(frame, "template_file_id", job);
    if (!byTemplate.has(template)) byTemplate.set(template, []);
    byTemplate.get(template).push(took);
  }
  if (!all.length) return "";
  const several = byTemplate.size > 1 && byTemplate.size <= MOST_TEMPLATES;
  const parts = several
    ? [...byTemplate].map(([id, took]) => `${templates.get(id) ?? id ?? "(none)"}: half within ${inWords(took)}`)
    : [`Half within ${inWords(all)}`];
  return `${parts.sort().join("; ")}. Inferred from the creation of job and file.`;
}

/** The durations as numbers: each text is decoded once, not on every change. */
function durations(frame) {
  frame.durations ??= Float64Array.from(frame.columns.get("duration_s").values, (text) => (text === null ? NaN : Number(text)));
  return frame.durations;
}

function inWords(seconds) {
  const sorted = Float64Array.from(seconds).sort();
  return `${time(quantile(sorted, 0.5))}, 95 % within ${time(quantile(sorted, 0.95))}`;
}

/** Interpolate like Python's `analysis.durations`. */
export function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

/** Write a duration in words like Python's `text.duration`. */
export function time(seconds) {
  for (const [from, unit, name] of [[172_800, 86_400, "days"], [7200, 3600, "h"], [120, 60, "min"]]) {
    if (seconds >= from) return `${number(Math.floor(seconds / unit))} ${name}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

/** The length of the interval of a key such as 2026-11-03T02:15Z/PT5M. */
export function intervalNote(key) {
  const minutes = Number(key?.match(/PT(\d+)M$/)?.[1]);
  return minutes ? `per ${PERIODS.get(minutes) ?? time(60 * minutes)}, UTC` : "";
}
