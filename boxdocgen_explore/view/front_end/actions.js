// The buttons beside the number of jobs, which copy or save the jobs shown.

import { button, download, menu, number } from "./dom.js";
import { cell, csv } from "./columns.js";
import { queryCode } from "./filters.js";

/** `copy` gets a text and a message about it; `view` has the jobs shown. */
export function actions(view, copy) {
  const { model } = view;
  const name = (ending) => `${fileName(view.frame, view.state, model.get("verdict")?.read_at)}.${ending}`;
  // The kernel of an explorer writes the formats that browsers cannot write.
  const save = (ending) => () => {
    model.send({ event: "save", name: name(ending) });
    view.message.textContent = "Writing the file";
    view.saving = true; // other views of the same widget also receive the file
  };
  const others = [
    button({ title: "The rows shown, with the columns shown, for a spreadsheet or an e-mail" }, "Copy table", () => {
      copy(view.table.asText(), `Copied the ${number(view.jobs.length)} jobs shown.`);
    }),
  ];
  if (model.get("explorer_id")) {
    others.unshift(button({}, "Save Excel", save("xlsx")), button({}, "Save Parquet", save("parquet")));
  }
  const more = menu("Export", others);
  more.lastChild.onclick = ({ target }) => (more.open = target === more.lastChild);
  return [
    button({}, "Save CSV", () => download(name("csv"), "text/csv;charset=utf-8", csv(view.frame, view.jobs))),
    button({}, "Copy query", () => {
      const code = queryCode(view.state, view.specs.query_code, view.model.get("templates"));
      copy(`${setup(view)}${code}`, "Copied the query for these jobs.");
    }),
    button({ title: "Of the jobs shown: external ids, else job ids" }, "Copy ids to resubmit", () => {
      const [ids, counts] = toResubmit(view);
      if (ids.length) copy(ids.join("\n"), `Copied ${number(ids.length)} ids: ${counts}.`);
      else view.say("There is nothing to resubmit among the jobs shown.");
    }),
    more,
  ];
}

/** The ids of the jobs shown that have to be requested again, as Python's `resubmission` lists them, and how
    many there are of which kind. */
function toResubmit({ frame, jobs }) {
  const kinds = { failed: "failed", completed_with_error: "completed with errors", completed: "without their document" };
  const isEmpty = (size) => size !== null && Number(size) === 0;
  const isLost = (job) => cell(frame, "output_file_found", job) === false || isEmpty(cell(frame, "output_file_size_bytes", job));
  const again = Array.from(jobs, (job) => ({ job, status: cell(frame, "status", job) })).filter(
    ({ job, status }) => Object.hasOwn(kinds, status) && (status !== "completed" || isLost(job)),
  );
  const ids = again.map(({ job }) => cell(frame, "external_id", job) || cell(frame, "job_id", job));
  const counts = Object.entries(kinds).map(([status, name]) => [again.filter((one) => one.status === status).length, name]);
  return [ids, counts.filter(([count]) => count).map(([count, name]) => `${number(count)} ${name}`).join(", ")];
}

/** The kernel wrote the file, or explains in a notice why it could not. */
export function receiveFile(view, { event, name }, [content]) {
  if (event !== "file" || !view.saving) return;
  view.saving = false;
  view.message.textContent = "";
  if (content) download(name, "application/octet-stream", content);
}

/** Name a file after its batch, the filter values, and the day (UTC) on which the jobs were read. */
function fileName(frame, { text, sort, columns, widths, batch_id: chosen, ...filters }, readAt) {
  const batches = chosen ?? frame.columns.get("batch_id")?.values ?? [];
  const values = [...Object.values(filters).filter(Array.isArray).flat(), ...(text ? ["search"] : [])];
  const batch = batches.length === 1 ? batches[0] : `${batches.length} batches`;
  const parts = ["jobs", batch, values.join(" ").slice(0, 60), (readAt ?? new Date().toISOString()).slice(0, 10)];
  return parts.filter(Boolean).join(" ").replace(/[^\p{L}\p{N}_]+/gu, "-");
}

/** Return the code that the query needs in an empty cell: imports and loaded jobs. */
function setup({ frame, model, state }) {
  const values = (name) => frame.columns.get(name)?.values ?? [];
  const source = values("origin").includes("demo") ? "bx.demo()" : "bx.connect()";
  const dated = state.day || state.created ? ", details=True" : "";
  const options = dated + (frame.columns.has("output_file_name") ? ", documents=True" : "");
  const read = `${source}.jobs([${values("batch_id").map((id) => JSON.stringify(id)).join(", ")}]${options})`;
  const jobs = model.get("variable") ? `${model.get("variable")}.loaded` : read;
  return `import boxdocgen_explore as bx\nimport polars as pl\n\njobs = ${jobs}\n`;
}

/** Show only the table and its search, on the full screen, if that is allowed. */
export function fullScreen(body) {
  const full = button({}, "Full screen", () => (document.fullscreenElement ? document.exitFullscreen() : body.requestFullscreen()));
  full.hidden = !document.fullscreenEnabled;
  body.addEventListener("fullscreenchange", () => {
    full.textContent = document.fullscreenElement === body ? "Leave full screen" : "Full screen";
  });
  return full;
}
