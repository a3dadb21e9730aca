// Find jobs by several ids, or by words that must all occur. Python's `search` finds the same jobs.

const IDS = ["external_id", "job_id", "output_file_id"];
const TEXTS = [...IDS, "output_file_name"];
const SHARED = ["template_file_id", "errors", "warnings"];
export const SEARCHED = [...TEXTS, ...SHARED];

/** Split a search into its pieces: as they were typed, by their lower case. */
export function pieces(text) {
  const typed = (text ?? "").split(/[ \t\r\n\u00a0,;|]+/).filter(Boolean);
  return new Map(typed.map((piece) => [piece.toLowerCase(), piece]));
}

/** Mark the jobs that are found (null: no search), and give the ids that no job has. */
export function search(frame, wanted, names) {
  if (!wanted.size) return { found: null, missing: [] };
  const { groupOf } = frame;
  const found = new Uint8Array(frame.jobs);
  const known = new Set();
  const columns = (list) => list.map((name) => frame.columns.get(name)).filter(Boolean);
  if (wanted.size > 1) for (const column of columns(IDS)) column.markEqual(wanted, found, known);
  if (known.size && 2 * known.size >= wanted.size) {
    return { found, missing: [...wanted.keys()].filter((id) => !known.has(id)).map((id) => wanted.get(id)) };
  }
  found.fill(1);
  for (const piece of wanted.keys()) {
    const groups = new Uint8Array(frame.sizes.length);
    for (const { name, values, codes } of columns(SHARED)) {
      const marks = values.map((value) => sharedTexts(name, value, names).some((text) => text?.toLowerCase().includes(piece)));
      codes.forEach((code, group) => (groups[group] |= marks[code]));
    }
    const hits = new Uint8Array(frame.jobs);
    if (groups.some(Boolean)) for (let job = 0; job < hits.length; job += 1) hits[job] = groups[groupOf[job]];
    for (const column of columns(TEXTS)) column.markContaining(piece, hits);
    for (let job = 0; job < hits.length; job += 1) found[job] &= hits[job];
  }
  return { found, missing: [] };
}

function sharedTexts(name, value, names) {
  if (name !== "template_file_id") return value ?? [];
  return [value, Object.hasOwn(names, value) ? names[value] : null];
}

/** Mark each occurrence of the pieces in the texts below an element. */
export function highlight(root, wanted) {
  if (!wanted.size) return;
  const longestFirst = [...wanted.keys()].sort((a, b) => b.length - a.length);
  const pattern = longestFirst.map((piece) => piece.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    const parts = text.data.split(new RegExp(`(${pattern})`, "gi"));
    if (parts.length > 1) text.replaceWith(...parts.map((part, place) => (place % 2 ? mark(part) : part)));
  }
}

function mark(text) {
  return Object.assign(document.createElement("mark"), { textContent: text });
}

/** Whether a message has this reason: Python's `reason` replaced what varies, and left the rest in its order. */
export function hasReason(message, reason) {
  const text = message.replace(/\s+/g, " ");
  let from = 0;
  return reason.split(/“…”|…|#/).every((part) => {
    const at = text.indexOf(part, from);
    from = at + part.length;
    return at >= 0;
  });
}
