// Hides the plain tables once the view is drawn; saves findings as CSV; recomputes the digest, and compares with the record
// under it what a person reads; performs the checks of the evidence bag, if the report has it.

import { rePerform, sha256 } from "./re_perform.js";

mounted.then(() => document.body.classList.add("scripted"));

// Each printed page carries the digest.
const seal = `Report ${document.getElementById("boxdocgen-digest").textContent}`;
document.documentElement.style.setProperty("--boxdocgen-seal", JSON.stringify(seal));

const textOf = (id) => document.getElementById(id).textContent;
const recordBytes = () => gunzip(decodeBase64(textOf("boxdocgen-record")));
const parsed = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

const CHANGES = ["new", "known", "resolved", "accepted", "not_performed"];
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

/** The names of the parts whose text is not what was written. */
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

const recompute = document.getElementById("boxdocgen-recompute");
recompute.hidden = false;
recompute.onclick = async () => {
  const message = document.getElementById("boxdocgen-recomputed");
  if (!globalThis.crypto?.subtle) {
    message.textContent = "This browser cannot compute digests here: open the file in another one.";
    return;
  }
  const payload = decodeBase64(textOf("boxdocgen-payload"));
  const record = await recordBytes();
  const digest = await sha256(payload, record, textOf("boxdocgen-pages"), textOf("boxdocgen-text"));
  const changed = await changedParts(parsed(record));
  if (digest !== textOf("boxdocgen-digest")) message.textContent = `NOT the same: ${digest}`;
  else if (changed.length) message.textContent = `NOT as written: the text of ${changed.join(", ")}`;
  else message.textContent = `The same: ${digest}`;
};

const bag = document.getElementById("boxdocgen-bag");
if (bag) {
  const [perform, save] = document.querySelectorAll("#boxdocgen-re-perform, #boxdocgen-save-bag");
  const performed = document.getElementById("boxdocgen-performed");
  perform.hidden = save.hidden = false;
  save.onclick = () => download("evidence.zip", "application/zip", decodeBase64(bag.textContent));
  perform.onclick = async () => {
    performed.textContent = "Checking ...";
    const lines = await performedAgain().catch(({ message }) => [`NOT consistent: not as it was written (${message}).`]);
    performed.replaceChildren(...lines.map((line) => element("p", {}, line)));
  };
}

async function performedAgain() {
  const results = await rePerform(decodeBase64(bag.textContent), {
    seal: textOf("boxdocgen-seal"),
    record: new TextDecoder().decode(await recordBytes()),
    outcome: document.querySelectorAll(".conclusion dd")[1]?.textContent,
    statuses: JSON.parse(textOf("boxdocgen-settings")).specs.statuses,
    frame: await unpack(decodeBase64(textOf("boxdocgen-payload"))),
  });
  const has = (wanted) => results.some(([, result]) => result === wanted);
  const conclusion = has("does not match") ? "NOT consistent." : has("matches") ? "Consistent." : "Not performed.";
  return [conclusion, ...results.map(([check, result, why]) => `${check}: ${result}${why && `: ${why}`}`)];
}
