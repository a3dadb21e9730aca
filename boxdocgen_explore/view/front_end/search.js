// Find jobs by several ids, or by words that must all occur. Python's `search` finds the same jobs.

import { element } from "./dom.js";

const IDS = ["external_id", "job_id", "output_file_id"];
const TEXTS = [...IDS, "output_file_name"];
const SHARED = ["template_file_id", "errors", "warnings"];
const MOST_CANDIDATES = 50_000;
export const SEARCHED = [...TEXTS, ...SHARED];

/** Split a search into its pieces: as they were typed, by their lower case. */
export function pieces(text) {
  const typed = (text ?? "").split(/[ \t\r\n\u00a0,;|]+/).filter(Boolean);
  return new Map(typed.map((piece) => [piece.toLowerCase(), piece]));
}

/** Mark the jobs that are found (null: no search), and give the ids that no job has. `before` is what
    was found for the pieces that were wanted before. */
export function search(frame, wanted, names, before) {
  if (!wanted.size) return { found: null, byIds: false, missing: [] };
  const columns = (list) => list.map((name) => frame.columns.get(name)).filter(Boolean);
  const [found, known] = [new Uint8Array(frame.jobs), new Set()];
  if (wanted.size > 1) for (const column of columns(IDS)) column.markEqual(wanted, found, known);
  if (known.size && 2 * known.size >= wanted.size) {
    return { found, byIds: true, missing: [...wanted].filter(([id]) => !known.has(id)).map(([, typed]) => typed) };
  }
  const candidates = candidatesOf(before, wanted);
  const texts = columns(TEXTS);
  const marks = [...wanted.keys()].map((piece) => {
    const groups = new Uint8Array(frame.sizes.length);
    for (const { name, values, codes } of columns(SHARED)) {
      const shared = name === "template_file_id" ? (id) => [id, Object.hasOwn(names, id) ? names[id] : null] : (list) => list ?? [];
      const fits = values.map((value) => shared(value).some((text) => text?.toLowerCase().includes(piece)));
      codes.forEach((code, group) => (groups[group] |= fits[code]));
    }
    const hits = new Uint8Array(frame.jobs);
    const inGroup = (job) => groups[frame.groupOf[job]];
    for (const job of candidates ?? []) hits[job] = inGroup(job) || texts.some((column) => column.contains(piece, job));
    if (candidates) return hits;
    for (let job = 0; job < hits.length; job += 1) hits[job] = inGroup(job);
    for (const column of texts) column.markContaining(piece, hits);
    return hits;
  });
  const [first, ...others] = marks;
  for (const hits of others) for (let job = 0; job < hits.length; job += 1) first[job] &= hits[job];
  return { found: first, byIds: false, missing: [] };
}

/** Whoever goes on typing finds only jobs that were found before: if these are few, list them. */
function candidatesOf({ found, byIds, pieces: old }, wanted) {
  if (!found || byIds) return null;
  const narrower = [...old.keys()].every((piece) => [...wanted.keys()].some((one) => one.includes(piece)));
  if (!narrower) return null;
  const jobs = [];
  for (let job = 0; job < found.length && jobs.length <= MOST_CANDIDATES; job += 1) if (found[job]) jobs.push(job);
  return jobs.length <= MOST_CANDIDATES ? jobs : null;
}

/** Mark each occurrence of the pieces in the texts below an element. */
export function highlight(root, wanted) {
  const longestFirst = [...wanted.keys()].sort((a, b) => b.length - a.length);
  const escaped = longestFirst.map((piece) => piece.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (wanted.size && walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    const parts = text.data.split(new RegExp(`(${escaped.join("|")})`, "gi"));
    text.replaceWith(...parts.map((part, place) => (place % 2 ? element("mark", {}, part) : part)));
  }
}

/** Whether a message has this reason: Python's `reason` replaced what varies, and left the rest in its order. */
export function hasReason(message, reason) {
  let rest = message.replace(/\s+/g, " ");
  return reason.split(/“…”|…|#/).every((part) => {
    const at = rest.indexOf(part);
    rest = rest.slice(at + part.length);
    return at >= 0;
  });
}
