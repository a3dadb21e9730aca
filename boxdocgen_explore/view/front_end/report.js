// Hide the plain tables once the view is drawn; save findings as CSV; recompute the digest, and compare
// the visible text with the record. If the report has an evidence bag, its button also checks that.

import { rePerform, sha256 } from "./re_perform.js";

mounted.then(() => document.body.classList.add("scripted"));

// Each printed page has the digest.
const seal = `Report ${document.getElementById("boxdocgen-digest").textContent}`;
document.documentElement.style.setProperty("--boxdocgen-seal", JSON.stringify(seal));

const MARKS = { matches: "good", "does not match": "bad", "not performed": "" };
const NOT_CHECKED =
  "Not checked: the findings and verdicts, and this page's scripts and printed tables (boxdocgen verify checks " +
  "them); and who made the file (compare its seal with one that was stored elsewhere).";

const textOf = (id) => document.getElementById(id).textContent;
const recordBytes = () => gunzip(decodeBase64(textOf("boxdocgen-record")));
const parsed = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

const CHANGES = ["new", "reopened", "known", "resolved", "accepted", "not_performed"];
const FINDING = ["severity", "rule", "batch_id", "job_id", "detail", "about"];
const SAVED = {
  findings: [FINDING, ({ findings }) => findings],
  changes: [
    ["change", "since", ...FINDING],
    ({ history }) => CHANGES.flatMap((change) => history[change].map((one) => ({ change, ...one }))),
  ],
};
for (const save of document.querySelectorAll("[data-save]")) {
  const [columns, rowsOf] = SAVED[save.dataset.save];
  save.hidden = false;
  save.onclick = async () => {
    const rows = rowsOf(parsed(await recordBytes()));
    const text = csvFile(columns, rows, (row) => columns.map((name) => row[name]));
    download(`${save.dataset.save}.csv`, "text/csv;charset=utf-8", text);
  };
}

/** The names of the parts whose text was changed. */
async function changedParts(record) {
  const texts = JSON.parse(textOf("boxdocgen-text"));
  const changed = [];
  for (const part of document.querySelectorAll("[data-part]")) {
    const text = part.textContent.replace(/\s+/g, " ").trim();
    if ((await sha256(text)) !== texts[part.dataset.part]) changed.push(part.dataset.part);
    delete texts[part.dataset.part];
  }
  const headline = document.querySelector(".conclusion");
  const exceptions = record.findings.some(({ severity }) => ["error", "warning"].includes(severity));
  const clean = record.conclusion === "No exceptions noted" && !exceptions;
  const states = headline?.querySelector(".headline")?.textContent === record.conclusion;
  if (!states || headline.classList.contains("clean") !== clean) changed.push("conclusion");
  return [...changed, ...Object.keys(texts).filter((name) => name !== "file")];
}

/** "good" if the page is unchanged, otherwise "bad"; and a sentence. */
async function recomputed() {
  const payload = decodeBase64(textOf("boxdocgen-payload"));
  const record = await recordBytes();
  const digest = await sha256(payload, record, textOf("boxdocgen-pages"), textOf("boxdocgen-text"));
  const changed = await changedParts(parsed(record));
  if (digest !== textOf("boxdocgen-digest")) return ["bad", `NOT the same: ${digest}`];
  if (changed.length) return ["bad", `NOT as written: the text of ${changed.join(", ")}`];
  return ["good", `The same: ${digest}`];
}

const bag = document.getElementById("boxdocgen-bag");
const recompute = document.getElementById("boxdocgen-recompute");
recompute.hidden = Boolean(bag);
recompute.onclick = async () => {
  const unable = ["", "This browser cannot compute digests here: open the file in another one."];
  const [className, textContent] = globalThis.crypto?.subtle ? await recomputed() : unable;
  Object.assign(document.getElementById("boxdocgen-recomputed"), { className, textContent });
};

if (bag) {
  const [perform, save] = document.querySelectorAll("#boxdocgen-re-perform, #boxdocgen-save-bag");
  const performed = document.getElementById("boxdocgen-performed");
  perform.hidden = save.hidden = false;
  save.onclick = () => download("evidence.zip", "application/zip", decodeBase64(bag.textContent));
  perform.onclick = async () => {
    performed.textContent = "Checking ...";
    const damaged = ({ message }) => [["bad", `NOT consistent: not as it was written (${message}).`]];
    const lines = await performedAgain().catch(damaged);
    performed.replaceChildren(...lines.map(([mark, line]) => element("p", { class: mark }, line)));
  };
}

/** The conclusion, each check, and the unchecked parts: "good", "bad" or neither, and a sentence. */
async function performedAgain() {
  const results = await rePerform(decodeBase64(bag.textContent), {
    recomputed,
    texts: textOf("boxdocgen-text"),
    seal: textOf("boxdocgen-seal"),
    record: new TextDecoder().decode(await recordBytes()),
    outcome: document.querySelectorAll(".conclusion dd")[1]?.textContent,
    statuses: JSON.parse(textOf("boxdocgen-settings")).specs.statuses,
    frame: await unpack(decodeBase64(textOf("boxdocgen-payload"))),
  });
  const has = (wanted) => results.some(([, result]) => result === wanted);
  const good = has("matches") ? ["good", "Consistent."] : ["", "Not performed."];
  return [
    has("does not match") ? ["bad", "NOT consistent."] : good,
    ...results.map(([check, result, why]) => [MARKS[result], `${check}: ${result}${why && `: ${why}`}`]),
    ["", NOT_CHECKED],
  ];
}
