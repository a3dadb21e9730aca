// The checks of the button "Re-perform": the page is unchanged, the evidence bag in it passes the
// checks of its verify.py, and the page shows the bag's text, rows and counts.

import { cell } from "./columns.js";
import { number } from "./dom.js";

const TAG_MANIFEST = "tagmanifest-sha256.txt";
const SHOWN = ["batch_id", "job_id", "status"];
const ENDED = { completed: "", failed: "failed", completed_with_error: "completed with errors" };

/** Each check reports its problems; a check that cannot be performed returns the reason. */
const CHECKS = {
  async Page({ files, page }, problem) {
    const [mark, message] = await page.recomputed();
    if (mark === "bad") problem(message);
    // The pattern does not match itself, because this script is part of the page.
    const [, inBag] = text(files.get("data/report.html")).match(/ id=.boxdocgen-text.>({[^<]*)</);
    const [written, here] = [inBag, page.texts].map(JSON.parse);
    for (const part of Object.keys(written)) {
      if (part !== "file" && here[part] !== written[part]) problem(`the text of ${part} is not that of the bag's report`);
    }
  },

  async Files({ files, page }, problem) {
    const unlisted = new Set(files.keys());
    unlisted.delete(TAG_MANIFEST);
    for (const manifest of [TAG_MANIFEST, "manifest-sha256.txt"]) {
      for (const line of text(files.get(manifest)).split("\n").filter(Boolean)) {
        const [digest, name] = [line.slice(0, 64), line.slice(66)];
        if (!files.has(name)) problem(`${name}: it is missing`);
        else if (!unlisted.delete(name)) problem(`${name}: the manifests name it twice`);
        else if ((await sha256(files.get(name))) !== digest) problem(`${name}: its content is not that of ${manifest}`);
      }
    }
    for (const name of unlisted) problem(`${name}: no manifest names it`);
    const seal = await sha256(files.get(TAG_MANIFEST));
    if (seal !== page.seal) problem(`the seal of the bag is ${seal}`);
    if (text(files.get("data/audit.json")) !== page.record) problem("data/audit.json: this page has another record");
  },

  async Chain(bag, problem) {
    const { answers, record } = contents(bag);
    const [ends, pages] = [new Map(), new Map()];
    for (const { request, body, answer } of answers) {
      const { file, path, marker } = request;
      if (!file && request.batch_id && request.complete) problem(`batch ${request.batch_id}: an answer is missing`);
      if (!file) continue;
      const digests = [await sha256(body), marker && (await sha256(marker))];
      const stated = digests[0] === request.body_sha256 && digests[1] === request.marker_sha256;
      if (!stated) problem(`${file}: it is not the answer that reading.jsonl states`);
      pages.set(path, (pages.get(path) ?? 0) + 1);
      const follows = request.page === pages.get(path) && marker === (ends.get(path) ?? null);
      if (!follows) problem(`${file}: it was not requested by the marker of the page before it`);
      ends.set(path, answer.next_marker || null);
    }
    for (const batch of Object.keys(record.outcome)) {
      const open = ends.get(`/docgen_batch_jobs/${batch}`) && !record.incomplete_batches.includes(batch);
      if (open) problem(`batch ${batch}: its last pages are missing`);
    }
  },

  Rows(bag, problem) {
    const { jobs, lacking } = contents(bag);
    if (lacking) return lacking;
    const { frame } = bag.page;
    const rows = Array.from({ length: frame.jobs }, (_, row) => SHOWN.map((name) => cell(frame, name, row)).join(", "));
    for (let row = 0; row < Math.max(jobs.length, rows.length); row += 1) {
      const [there, here] = [jobs[row]?.cells.join(", "), rows[row]];
      if (there === here) continue;
      const file = jobs[row]?.file ?? "data/pages";
      problem(`${file}: row ${number(row + 1)} is ${there ?? "no job"}; in this page it is ${here ?? "no job"}`);
      break;
    }
  },

  Counts(bag, problem) {
    const { jobs, lacking, record } = contents(bag);
    if (lacking) return lacking;
    const counts = new Map(Object.keys(record.outcome).map((batch) => [batch, new Map()]));
    const total = new Map();
    for (const { cells: [batch, , status] } of jobs) {
      if (!counts.has(batch)) counts.set(batch, new Map());
      for (const count of [counts.get(batch), total]) count.set(status, (count.get(status) ?? 0) + 1);
    }
    for (const [batch, count] of counts) {
      const same = countsInWords(count) === countsInWords(Object.entries(record.outcome[batch] ?? {}));
      if (!same) problem(`Outcome of batch ${batch}: its pages have ${countsInWords(count)}`);
    }
    const stated = outcome(total, jobs.length, bag.page.statuses).test(bag.page.outcome);
    if (!stated) problem(`Outcome: the pages have ${countsInWords(total)}`);
  },
};

/** Check the bag in these bytes of a zip file against the page: its texts `seal`, `record` and `outcome`, the
    SHA-256 of its parts `texts`, its `frame`, and the `statuses` that are known; `recomputed` says if it is as it
    was written. Give for each check its name, its result, and why. */
export async function rePerform(zip, page) {
  const [bag, results, unable] = [{ page }, [], lackOfBrowser()];
  for (const [name, check] of Object.entries(CHECKS)) {
    const problems = [];
    let reason = unable;
    try {
      if (!unable) bag.files ??= await unzip(zip);
      reason ??= await check(bag, (problem) => problems.push(problem));
    } catch (error) {
      problems.push(`a file is not as FORMAT.md says: ${error.message}`);
    }
    const more = problems.length > 1 ? ` (and ${number(problems.length - 1)} more)` : "";
    if (problems.length) results.push([name, "does not match", problems[0] + more]);
    else results.push([name, reason ? "not performed" : "matches", reason ?? ""]);
  }
  return results;
}

export async function sha256(...parts) {
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function lackOfBrowser() {
  if (!globalThis.crypto?.subtle) return "this browser offers no SHA-256 here; use verify.py";
  try {
    return new DecompressionStream("deflate-raw") && null;
  } catch {
    return "this browser cannot unpack a zip file; use verify.py";
  }
}

/** The files of a zip by their path in its folder; damaged ones are empty. */
async function unzip(bytes) {
  const [files, view] = [new Map(), new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)];
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end -= 1;
  let entry = view.getUint32(end + 16, true);
  while (view.getUint32(entry, true) === 0x02014b50) {
    const [length, extra, comment] = [28, 30, 32].map((place) => view.getUint16(entry + place, true));
    const path = text(bytes.subarray(entry + 46, entry + 46 + length));
    const start = view.getUint32(entry + 42, true);
    const content = start + 30 + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
    const packed = bytes.subarray(content, content + view.getUint32(entry + 20, true));
    files.set(path.slice(path.indexOf("/") + 1), await inflated(packed).catch(() => new Uint8Array()));
    entry += 46 + length + extra + comment;
  }
  return files;
}

async function inflated(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The record; each request with its answer; the jobs in those about batches; if any of these is not there. */
function contents(bag) {
  if (bag.contents) return bag.contents;
  const answers = text(bag.files.get("data/reading.jsonl")).split("\n").filter(Boolean).map((line) => {
    const request = JSON.parse(line);
    const body = bag.files.get(request.file);
    return { request, body, answer: request.file && JSON.parse(text(body)) };
  });
  const of = answers.filter(({ request }) => request.batch_id);
  const jobs = of.flatMap(({ request: { file }, answer }) =>
    file ? answer.entries.map(({ batch, id, status }) => ({ file, cells: [batch.id, id, status] })) : [],
  );
  const lacking = of.some(({ answer }) => !answer) ? "the bag has only the SHA-256 of some answers" : null;
  return (bag.contents = { answers, jobs, lacking, record: JSON.parse(text(bag.files.get("data/audit.json"))) });
}

/** A pattern of the sentence that states these counts by status; their cause may follow the failures. */
export function outcome(counts, jobs, statuses) {
  const words = { failed: 0, "completed with errors": 0, "still running": 0, "with an unknown status": 0 };
  for (const [status, count] of counts) {
    const word = ENDED[status] ?? (statuses.includes(status) ? "still running" : "with an unknown status");
    if (word) words[word] += count;
  }
  let of = ` of (the )?${number(jobs)} job${jobs === 1 ? "" : "s"}( that were read)?`;
  const parts = Object.entries(words).filter(([, count]) => count).map(([word, count]) => {
    const part = `${number(count)}${of} ${word} \\([^)]* %\\)${word === "failed" ? "(, .*)?" : ""}`;
    of = "";
    return part;
  });
  const all = jobs > 1 ? `All ${number(jobs)} jobs completed` : jobs ? "The only job completed" : "(There are no jobs|No job was read)";
  return new RegExp(`^${parts.join("; ") || all}\\.$`, "s");
}

const text = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const countsInWords = (counts) =>
  [...counts].sort().map(([status, jobs]) => `${number(jobs)} ${status}`).join(", ") || "no jobs";
