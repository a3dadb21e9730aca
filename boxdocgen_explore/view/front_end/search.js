// Find jobs by several ids, or by words that must all occur, like Python's `search`.

import { BLOCK_JOBS } from "./columns.js";
import { element } from "./dom.js";

const IDS = ["external_id", "job_id", "output_file_id"];
const TEXTS = [...IDS, "output_file_name"];
const SHARED = ["template_file_id", "errors", "warnings"];
export const SEARCHED = [...TEXTS, ...SHARED];

/** Split a search into its pieces: the typed text by its lower case. */
export function pieces(text) {
  const typed = (text ?? "").split(/[ \t\r\n\u00a0,;|]+/).filter(Boolean);
  return new Map(typed.map((piece) => [piece.toLowerCase(), piece]));
}

/** Mark the jobs that are found (null: no search), and give the ids that no job has. After each block
    it yields; while words are looked for, a function that says if a job is found. */
export function* search(frame, wanted, names) {
  if (!wanted.size) return { found: null, missing: [] };
  const columns = (list) => list.map((name) => frame.columns.get(name)).filter(Boolean);
  const [found, known] = [new Uint8Array(frame.jobs), new Set()];
  for (let first = 0; wanted.size > 1 && first < frame.jobs; first += BLOCK_JOBS) {
    for (const column of columns(IDS)) column.markEqual(wanted, first, found, known);
    yield null;
  }
  if (known.size && 2 * known.size >= wanted.size) {
    return { found, missing: [...wanted].filter(([id]) => !known.has(id)).map(([, typed]) => typed) };
  }
  const texts = columns(TEXTS);
  // The longest piece is the rarest: a block without it is skipped.
  const longestFirst = [...wanted.keys()].sort((a, b) => b.length - a.length);
  const shared = longestFirst.map((piece) => ({ piece, groups: groupsWith(piece, frame, columns(SHARED), names) }));
  const looks = shared.filter(({ groups }) => groups.includes(0)); // otherwise every job has it
  const fits = (job) => looks.every(({ piece, groups }) => groups[frame.groupOf[job]] || texts.some((column) => column.contains(piece, job)));
  for (let first = 0; first < frame.jobs; first += BLOCK_JOBS) {
    markBlock(frame, looks, texts, first, found.subarray(first, first + BLOCK_JOBS).fill(1));
    yield fits;
  }
  return { found, missing: [] };
}

/** Keep only jobs of a block with all pieces marked. Not in the generator, whose loops are slow. */
function markBlock({ groupOf }, looks, texts, first, block) {
  for (const { piece, groups } of looks) {
    const hits = new Uint8Array(block.length);
    for (let place = 0; place < hits.length; place += 1) hits[place] = groups[groupOf[first + place]];
    for (const column of texts) column.markContaining(piece, first, hits);
    for (let place = 0; place < hits.length; place += 1) block[place] &= hits[place];
    if (!block.includes(1)) return;
  }
}

/** Mark the row groups with this text in their template or messages. */
function groupsWith(piece, frame, columns, names) {
  const groups = new Uint8Array(frame.sizes.length);
  for (const { name, values, codes } of columns) {
    const shared = name === "template_file_id" ? (id) => [id, Object.hasOwn(names, id) ? names[id] : null] : (list) => list ?? [];
    const fits = values.map((value) => shared(value).some((text) => text?.toLowerCase().includes(piece)));
    codes.forEach((code, group) => (groups[group] |= fits[code]));
  }
  return groups;
}

/** Highlight each occurrence of the pieces in the texts of an element. */
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

/** Whether a message has this reason, in which Python's `reason` replaced only the varying parts. */
export function hasReason(message, reason) {
  let rest = message.replace(/\s+/g, " ");
  return reason.split(/“…”|…|#/).every((part) => {
    const at = rest.indexOf(part);
    rest = rest.slice(at + part.length);
    return at >= 0;
  });
}
